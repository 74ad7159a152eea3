//! Connections that are encrypted below: how far they have come, and what their failures are.

use super::*;
use crate::{CipherUse, ConnectionState, SecurityStage, SetupStage, TlsFailure, TlsFailureKind};

fn unbelieved() -> TlsFailure {
    TlsFailure::advised(TlsFailureKind::Certificate, "the certificate expired", Some("the clock?"))
}

fn reached(events: &[Event]) -> Reached {
    match events.last() {
        Some(Event::Disconnected { reached, .. }) => *reached,
        other => panic!("{other:?}"),
    }
}

// SE25, A3
#[test]
fn a_handshake_that_fails_is_a_failure_of_security_with_its_stage_and_advice() {
    let mut stage = Stage::new();
    stage.net.encrypts();
    let (number, _) = stage.attempt(A);
    stage.net.encrypting(number);
    stage.net.refuse_tls(number, unbelieved());
    let events = stage.turn();
    assert_eq!(reached(&events), Reached::Socket);
    let reason = broken(&events).2;
    let failure = reason.security().expect("a failure of security");
    assert_eq!((failure.stage(), failure.advice()), (SecurityStage::TlsHandshake, Some("the clock?")));
    assert_eq!(reason.to_string(), "TLS handshake failed: the certificate expired (the clock?)");
    assert_eq!(stage.why(A), Some(WaitReason::BackingOff), "it is tried again, as anything else");
    assert_eq!(stage.client.snapshot().totals.authentications_failed, 1);
}

// SE29
#[test]
fn a_connection_that_is_lost_in_the_handshake_is_no_failure_of_security() {
    let mut stage = Stage::new();
    let (number, _) = stage.attempt(A);
    stage.net.refuse_tls(number, TlsFailure::new(TlsFailureKind::Lost, "closed during the TLS handshake"));
    let reason = broken(&stage.turn()).2;
    assert_eq!(reason, DisconnectReason::ConnectFailed("closed during the TLS handshake".into()));
    assert_eq!(stage.client.snapshot().totals.authentications_failed, 0);
}

// H48, SE31
#[test]
fn a_certificate_that_is_refused_when_the_connection_is_made_is_a_failure_of_tls() {
    let mut stage = Stage::new();
    stage.net.encrypts();
    let number = stage.accepted(A);
    stage.net.fail_tls(number, TlsFailure::new(TlsFailureKind::Refused, "alert bad_certificate"));
    let reason = broken(&stage.turn()).2;
    assert!(
        matches!(&reason, DisconnectReason::Tls(failure) if failure.kind() == TlsFailureKind::Refused),
        "{reason}"
    );
    assert_eq!(stage.client.snapshot().totals.authentications_failed, 1);
}

// H14, SE32
#[test]
fn a_listener_that_does_not_answer_the_handshake_is_named_with_that_stage() {
    let mut stage = Stage::new();
    let (number, _) = stage.attempt(A);
    stage.net.encrypting(number);
    assert!(stage.turn().is_empty());
    stage.clock.advance(MS(10_000));
    let events = stage.turn();
    assert_eq!(reached(&events), Reached::Socket);
    let reason = broken(&events).2;
    assert_eq!(reason, DisconnectReason::SetupTimeout(SetupStage::TlsHandshake));
    assert!(reason.to_string().ends_with("the TLS handshake was not over"), "{reason}");
}

// SE51
#[test]
fn an_encrypted_connection_is_an_authenticated_one() {
    let mut stage = Stage::new();
    stage.ready(A);
    assert_eq!(stage.client.snapshot().totals.authentications, 0);
    stage.net.encrypts();
    stage.ready(B);
    assert_eq!(stage.client.snapshot().totals.authentications, 1);
}

#[test]
fn an_encrypted_connection_that_is_closed_unanswered_is_not_taken_for_one_to_a_tls_listener() {
    let mut stage = Stage::new();
    stage.net.encrypts();
    let number = stage.accepted(A);
    stage.net.give(number, Vec::new());
    let reason = broken(&stage.turn()).2.to_string();
    assert!(reason.contains("security.protocol=SASL_SSL"), "{reason}");
}

// A12, SE51
#[test]
fn what_a_connection_is_encrypted_with_is_reported_and_counted_while_it_is_ready() {
    let mut stage = Stage::new();
    stage.net.encrypts();
    let number = stage.ready(A);
    let now = stage.now();
    let told = stage.client.security(now);
    let [a, b] = &*told.brokers else { panic!("{told:?}") };
    assert_eq!((a.protocol, a.state, &*a.address), ("SSL", ConnectionState::Ready, "10.0.0.1:9092"));
    assert_eq!(a.principal.as_deref(), Some("CN=me"), "of the certificate that was shown");
    assert_eq!(b.state, ConnectionState::Down { retry_in: None });
    let used = |connections| vec![CipherUse::new("TLSv1.3", "TLS_AES_256_GCM_SHA384", connections)];
    let snapshot = stage.client.snapshot();
    assert_eq!(snapshot.ciphers, used(1));
    let ends = a.encryption.as_ref().and_then(|it| it.certificate.as_ref()).map(|it| it.not_after);
    assert_eq!(snapshot.nodes[0].1.certificate_ends, ends);
    assert_eq!(snapshot.own_certificate_ends, told.own_certificate.map(|own| own.not_after));
    stage.ready(B);
    assert_eq!(stage.client.snapshot().ciphers, used(2));
    stage.net.give(number, Vec::new());
    stage.turn();
    let snapshot = stage.client.snapshot();
    assert_eq!(snapshot.ciphers, used(1));
    let still: Vec<_> = snapshot.nodes.iter().map(|(_, node)| node.certificate_ends).collect();
    assert_eq!(still, [None, ends], "what was shown on a connection that has ended is over");
    let told = stage.client.security(stage.now());
    assert_eq!((told.brokers[0].encryption.is_none(), &told.brokers[0].last_failure), (true, &None));
}

// H19, H20
#[test]
fn a_connection_that_ends_in_the_middle_of_an_answer_is_told_in_one_line_and_its_request_may_be_written() {
    let mut stage = Stage::new();
    stage.net.encrypts();
    let number = stage.ready(A);
    stage.send(number, A, 1);
    let (header, _) = stage.request(number);
    stage.answer(number, &header, b"");
    assert_eq!(answered(&stage.turn()).len(), 1);
    stage.send(number, A, 2);
    let (header, _) = stage.request(number);
    let mut half = response(&header, &[7; 100]);
    half.truncate(half.len() / 2);
    stage.net.give(number, half);
    assert!(stage.turn().is_empty());
    // With and without a farewell of TLS the selector says the same: the other side has closed.
    stage.net.give(number, Vec::new());
    let events = stage.turn();
    assert_eq!(failed(&events), [(2, Written::Perhaps)]);
    assert_eq!(broken(&events[1..]).2.to_string(), "connection lost: closed by the broker");
}
