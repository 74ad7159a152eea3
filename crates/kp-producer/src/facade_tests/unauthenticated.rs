//! Brokers that refuse the credentials: calls that wait for metadata are told at once, accepted records keep their time.

use crate::error::SendErrorKind;
use crate::facade_tests::scripted::{Pace, Rig};
use crate::{ProducerRecord, SecurityError};
use kp_network::{DisconnectReason, OtherProtocol, SecurityFailure, SecurityStage};
use kp_protocol::ErrorCode;
use kp_time::Clock;
use std::sync::Arc;
use std::time::Duration;

const CODE: ErrorCode = ErrorCode::SASL_AUTHENTICATION_FAILED;

fn refuses(rig: &Rig, is_retriable: bool) {
    let failure = SecurityFailure::new(SecurityStage::SaslToken, "PLAIN: refused by the broker")
        .with_code(Some(CODE))
        .with_advice(Some("check user and password: sasl.jaas.config"))
        .retriable(is_retriable);
    *rig.refusal.lock() = Some(DisconnectReason::AuthenticationFailed(Arc::new(failure)));
}

fn security(kind: &SendErrorKind) -> SecurityError {
    match kind {
        SendErrorKind::Security(error) => error.clone(),
        other => panic!("{other:?}"),
    }
}

// SE26, A14
#[test]
fn calls_that_wait_for_metadata_fail_at_once_when_the_credentials_are_refused() {
    let mut rig = Rig::new(Pace::QUICK, &[]);
    refuses(&rig, false);
    let (producer, begun) = (rig.producer.clone(), rig.clock.now());
    let refused = rig.run(producer.send(ProducerRecord::to("t").value("v"))).expect_err("it is refused");
    let error = security(refused.kind());
    assert_eq!((error.stage(), error.code()), (SecurityStage::SaslToken, Some(CODE)));
    assert_eq!(error.broker(), "nowhere:1");
    assert!(error.advice().is_some() && !refused.is_retriable() && !refused.is_fatal());
    let line = "t: nowhere:1: SASL authentication failed: PLAIN: refused by the broker \
                (check user and password: sasl.jaas.config)";
    assert_eq!(refused.to_string(), line);
    // Later calls learn it with the next attempt, long before max.block.ms is over.
    security(rig.run(producer.connect()).expect_err("it still is").kind());
    security(rig.run(producer.send(ProducerRecord::to("t").value("v"))).expect_err("it still is").kind());
    assert!(rig.clock.now() - begun < Duration::from_secs(5));
    // It is over when the broker says so.
    *rig.refusal.lock() = None;
    let accepted = rig.run(producer.send(ProducerRecord::to("t").value("v")));
    rig.run(accepted.expect("it is accepted")).expect("it is acknowledged");
}

// SE30, H17, H18, SE27
#[test]
fn calls_that_wait_are_told_at_once_of_another_protocol_with_the_value_to_set() {
    for (other, word) in [
        (OtherProtocol::Tls, "set security.protocol=SSL or SASL_SSL"),
        (OtherProtocol::Plaintext, "set security.protocol=PLAINTEXT or SASL_PLAINTEXT"),
        (OtherProtocol::Http, "bootstrap.servers"),
    ] {
        let mut rig = Rig::new(Pace::QUICK, &[]);
        *rig.refusal.lock() = Some(DisconnectReason::OtherProtocol(other));
        let (producer, begun) = (rig.producer.clone(), rig.clock.now());
        let refused = rig.run(producer.send(ProducerRecord::to("t").value("v"))).expect_err("no broker");
        let error = security(refused.kind());
        assert_eq!((error.stage(), error.broker()), (SecurityStage::Connection, "nowhere:1"));
        assert!(refused.to_string().contains(word) && !refused.is_fatal(), "{refused}");
        assert!(rig.clock.now() - begun < Duration::from_secs(5));
        // The listener comes right.
        *rig.refusal.lock() = None;
        let accepted = rig.run(producer.send(ProducerRecord::to("t").value("v")));
        rig.run(accepted.expect("it is accepted")).expect("it is acknowledged");
    }
}

// SE26
#[test]
fn a_failure_that_may_be_over_soon_is_waited_for_and_named_at_the_end() {
    let mut rig = Rig::new(Pace::QUICK, &[("max.block.ms", "3000")]);
    refuses(&rig, true);
    let producer = rig.producer.clone();
    let refused = rig.run(producer.send(ProducerRecord::to("t").value("v"))).expect_err("it is refused");
    let SendErrorKind::MetadataTimeout { reason, .. } = refused.kind() else { panic!("{refused:?}") };
    assert!(reason.contains("nowhere:1: SASL authentication failed"), "{reason}");
}

// SE27
#[test]
fn accepted_records_keep_their_time_and_their_error_names_the_failure() {
    let more = [("delivery.timeout.ms", "4000"), ("request.timeout.ms", "3000"), ("linger.ms", "0")];
    let mut rig = Rig::new(Pace::QUICK, &more);
    let producer = rig.producer.clone();
    rig.run(producer.partitions_for("t")).expect("it is there");
    refuses(&rig, false);
    let begun = rig.clock.now();
    let delivery = rig.run(producer.send(ProducerRecord::to("t").value("v"))).expect("it is accepted");
    let failed = rig.run(delivery).expect_err("no broker takes it");
    assert!(rig.clock.now() - begun >= Duration::from_secs(4));
    assert_eq!(failed.certainty(), crate::Certainty::NotWritten);
    assert!(failed.to_string().contains("SASL authentication failed"), "{failed}");
}
