//! What failed records say: why they waited, who spoke, and how often they were really sent.

use crate::harness::*;
use crate::idempotence::{answer_identity, answer_identity_with, plan};
use kp_accumulator::{Certainty, FailureKind};
use kp_protocol::ErrorCode;
use std::time::Duration;

// ID2
#[test]
fn a_timeout_without_a_producer_id_says_what_the_broker_answered() {
    for code in [
        ErrorCode::COORDINATOR_LOAD_IN_PROGRESS,
        ErrorCode::COORDINATOR_NOT_AVAILABLE,
        ErrorCode::CONCURRENT_TRANSACTIONS,
    ] {
        let mut harness = Harness::knowing(plan(), &[1]);
        let sent = harness.send(0);
        harness.run();
        answer_identity(&mut harness, code);
        harness.advance(Duration::from_secs(121));
        let failure = failure(&sent);
        assert_eq!((failure.kind, failure.attempts), (FailureKind::Expired, 0));
        let last = failure.last.clone().expect("a reason");
        assert_eq!(last.code, code);
        let words = last.message.as_deref().unwrap_or_default();
        assert!(words.contains("no producer id") && words.contains(":9092"), "{words}");
    }
}

// ID2
#[test]
fn a_timeout_behind_a_negative_producer_id_says_so() {
    let mut harness = Harness::knowing(plan(), &[1]);
    let sent = harness.send(0);
    harness.run();
    answer_identity_with(&mut harness, (-1, -1));
    harness.advance(Duration::from_secs(121));
    let last = failure(&sent).last.clone().expect("a reason");
    assert!(last.message.as_deref().unwrap_or_default().contains("-1"), "{last}");
}

#[test]
fn no_timeout_is_without_a_reason_although_nothing_has_failed() {
    let mut harness = Harness::knowing(Plan::default(), &[1]);
    harness.moods.insert(kp_protocol::BrokerId(1), Mood::Wait(None));
    let sent = harness.send(0);
    harness.advance(Duration::from_secs(121));
    let last = failure(&sent).last.clone().expect("a reason");
    assert!(last.message.as_deref().unwrap_or_default().contains("broker 1 (host1:9092)"), "{last}");
}

// SN13
#[test]
fn a_batch_that_kp_itself_holds_back_is_refused_by_no_broker_and_counts_no_attempt() {
    let mut harness = Harness::knowing(Plan::default(), &[1]);
    harness.versions = std::sync::Arc::new(kp_protocol::BrokerVersions::fixed([(
        kp_protocol::ApiKey::Metadata,
        kp_protocol::VersionRange::new(0, 13),
    )]));
    let sent = harness.send(0);
    harness.advance(Duration::from_secs(1));
    let failure = failure(&sent);
    assert_eq!((failure.kind, failure.certainty), (FailureKind::UnsupportedVersion, Certainty::NotWritten));
    assert_eq!(failure.attempts, 0, "it never left");
}

// SN14, ID2
#[test]
fn only_what_ends_the_producer_is_fatal_also_for_batches_that_were_never_sent() {
    let mut harness = Harness::knowing(Plan::default(), &[1]);
    let sent = [harness.send(0), harness.send(0)];
    harness.run();
    let taken = harness.take_produce();
    harness.answer(&taken, |_| refused(ErrorCode::CLUSTER_AUTHORIZATION_FAILED));
    assert!(failure(&sent[0]).is_fatal && failure(&sent[1]).is_fatal);

    let mut harness = Harness::knowing(plan(), &[1]);
    let sent = harness.send(0);
    harness.run();
    answer_identity(&mut harness, ErrorCode::CLUSTER_AUTHORIZATION_FAILED);
    assert!(!failure(&sent).is_fatal, "it is asked for again");
}
