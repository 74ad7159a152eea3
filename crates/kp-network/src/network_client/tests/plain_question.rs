//! A handshake of TLS that is closed without a word: the listener is asked in plaintext what it is.

use super::*;
use crate::{OldKafka, OtherProtocol, TlsFailure, TlsFailureKind};

const LOST: &str = "closed during the TLS handshake";

impl Stage {
    fn encrypting() -> Self {
        let stage = Self::new();
        stage.net.encrypts();
        stage
    }

    /// The broker closes in the handshake; the attempt goes on without TLS.
    fn closed_in_the_handshake(&mut self) -> ConnectionNumber {
        let (number, _) = self.attempt(A);
        self.net.encrypting(number);
        self.net.refuse_tls(number, TlsFailure::new(TlsFailureKind::Lost, LOST));
        assert!(self.turn().is_empty(), "the attempt is not over");
        let asked = self.net.plain_attempts();
        assert_eq!(asked.len(), 1);
        asked[0]
    }

    /// The socket is there, and has the question.
    fn asked_plainly(&mut self) -> ConnectionNumber {
        let number = self.closed_in_the_handshake();
        self.net.accept(number);
        assert!(self.turn().is_empty());
        number
    }
}

// SE30, H16
#[test]
fn a_broker_that_answers_in_plaintext_is_told_apart_by_its_answer() {
    let mut stage = Stage::encrypting();
    let number = stage.asked_plainly();
    let (header, body) = stage.request(number);
    assert_eq!((header.api, header.version), (ApiKey::ApiVersions, 0));
    assert!(header.client_id.is_none() && body.is_empty(), "no name and no secret goes in plaintext");
    assert_eq!(stage.why(A), Some(WaitReason::Connecting));
    stage.net.give(number, versions_answer(&header));
    let events = stage.turn();
    let reason = broken(&events).2;
    assert_eq!(reason, DisconnectReason::OtherProtocol(OtherProtocol::Plaintext));
    assert!(reason.to_string().contains("set security.protocol=PLAINTEXT or SASL_PLAINTEXT"), "{reason}");
    assert!(matches!(events[0], Event::Disconnected { reached: Reached::Socket, .. }), "{events:?}");
    assert!(!stage.net.is_open(number));
    let totals = stage.client.snapshot().totals;
    assert_eq!((totals.connections_opened, totals.connections_closed), (0, 0), "it was no connection");
    // The next attempt is one with TLS again.
    stage.clock.advance(MS(100));
    let (number, _) = stage.attempt(A);
    stage.net.accept(number);
    stage.turn();
    let (header, _) = stage.request(number);
    stage.net.give(number, versions_answer(&header));
    assert!(matches!(stage.turn()[..], [Event::Connected { .. }]));
}

// SE29, SE30
#[test]
fn what_is_no_answer_of_a_broker_leaves_the_loss_as_it_was() {
    let ends: [fn(&mut Stage, ConnectionNumber); 6] = [
        |stage, number| stage.net.give(number, Vec::new()),
        |stage, number| stage.net.fail(number, std::io::ErrorKind::ConnectionReset),
        // What a listener with TLS says to plaintext: it is the right one, and was in trouble.
        |stage, number| stage.net.give(number, vec![0x15, 3, 3, 0, 2, 2, 80]),
        |stage, number| stage.net.give(number, i32::to_be_bytes(512 * 1024 + 1).to_vec()),
        |stage, number| {
            let (header, _) = stage.request(number);
            let other = ReceivedHeader { correlation_id: header.correlation_id + 7, ..header };
            stage.net.give(number, versions_answer(&other));
        },
        |stage, _| stage.clock.advance(MS(1000)),
    ];
    for end in ends {
        let mut stage = Stage::encrypting();
        let number = stage.asked_plainly();
        end(&mut stage, number);
        assert_eq!(broken(&stage.turn()).2, DisconnectReason::ConnectFailed(LOST.into()));
        assert!(!stage.net.is_open(number));
        assert_eq!(stage.why(A), Some(WaitReason::BackingOff));
        assert_eq!(stage.client.snapshot().totals.authentications_failed, 0);
    }
    let mut stage = Stage::encrypting();
    let number = stage.closed_in_the_handshake();
    stage.net.refuse(number);
    assert_eq!(broken(&stage.turn()).2, DisconnectReason::ConnectFailed(LOST.into()));
}

// SE30, H18
#[test]
fn an_http_server_that_closes_in_the_handshake_is_named_too() {
    let mut stage = Stage::encrypting();
    let number = stage.asked_plainly();
    stage.net.give(number, b"HTTP/1.1 400 Bad Request\r\n".to_vec());
    assert_eq!(broken(&stage.turn()).2, DisconnectReason::OtherProtocol(OtherProtocol::Http));
}

// SE30
#[test]
fn the_question_never_takes_longer_than_the_set_up_may() {
    let mut stage = Stage::encrypting();
    let (number, _) = stage.attempt(A);
    stage.net.encrypting(number);
    stage.turn();
    stage.clock.advance(MS(9_800));
    stage.net.refuse_tls(number, TlsFailure::new(TlsFailureKind::Lost, LOST));
    assert!(stage.turn().is_empty());
    stage.clock.advance(MS(200));
    assert_eq!(broken(&stage.turn()).2, DisconnectReason::ConnectFailed(LOST.into()));
}

// SE30
#[test]
fn a_selector_without_a_way_to_ask_leaves_the_loss_as_it_was() {
    let mut stage = Stage::new();
    stage.net.only_encrypts();
    let (number, _) = stage.attempt(A);
    stage.net.encrypting(number);
    stage.net.refuse_tls(number, TlsFailure::new(TlsFailureKind::Lost, LOST));
    let events = stage.turn();
    assert_eq!(broken(&events).2, DisconnectReason::ConnectFailed(LOST.into()));
    assert!(matches!(events[0], Event::Disconnected { reached: Reached::Socket, .. }), "{events:?}");
    assert_eq!(stage.why(A), Some(WaitReason::BackingOff));
}

// SE30
#[test]
fn nothing_is_asked_in_plaintext_after_any_other_end() {
    let refused = |kind| Stage::refusing_tls(settings(), TlsFailure::new(kind, "no"));
    for kind in [TlsFailureKind::Certificate, TlsFailureKind::Refused, TlsFailureKind::Incompatible] {
        assert!(matches!(refused(kind), DisconnectReason::Tls(_)));
    }
    assert!(matches!(refused(TlsFailureKind::Protocol), DisconnectReason::Tls(_)));
    // Kafka 0.9 does not know the question.
    let old = NetworkSettings { version_fallback: Some(OldKafka::V0_9_0), ..settings() };
    let reason = Stage::refusing_tls(old, TlsFailure::new(TlsFailureKind::Lost, LOST));
    assert_eq!(reason, DisconnectReason::ConnectFailed(LOST.into()));
}

impl Stage {
    fn refusing_tls(settings: NetworkSettings, failure: TlsFailure) -> DisconnectReason {
        let mut stage = Self::with(settings);
        stage.net.encrypts();
        let (number, _) = stage.attempt(A);
        stage.net.encrypting(number);
        stage.net.refuse_tls(number, failure);
        let reason = broken(&stage.turn()).2;
        assert!(stage.net.plain_attempts().is_empty());
        reason
    }
}
