//! Every error code that a broker may answer with, and what becomes of the batch, the metadata and the producer: one row of
//! `testdata/produce_codes.txt` each.

use crate::harness::*;
use crate::idempotence::{plan as numbered_plan, proven};
use kp_accumulator::{Certainty, FailureKind};
use kp_protocol::api::PartitionProduceResponse;
use kp_protocol::{Acks, ApiKey, BrokerId, BrokerVersions, ErrorCode, VersionRange};
use kp_sender::SenderSettings;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

struct Row {
    code: ErrorCode,
    /// `done`, `again`, `fail`, `fatal`, `split` or `invalid`.
    reaction: &'static str,
    refreshes: bool,
    certainty: Certainty,
}

fn rows() -> Vec<Row> {
    let lines = include_str!("../testdata/produce_codes.txt").lines();
    let row = |line: &'static str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [code, name, reaction, refreshes, certainty] = words[..] else { panic!("five words: {line}") };
        let code = ErrorCode(code.parse().expect("a number"));
        assert_eq!(code.to_string(), format!("{name} ({})", code.0), "the name of the code");
        let certainty = if certainty == "unknown" { Certainty::Unknown } else { Certainty::NotWritten };
        Row { code, reaction, refreshes: refreshes == "refresh", certainty }
    };
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(row).collect()
}

/// Without numbers, and with one attempt: what an answer means by itself.
fn answered_once(code: ErrorCode) -> (Harness, Arc<kp_accumulator::Completion>) {
    let sender = SenderSettings { acks: Acks::All, retries: 0, ..Default::default() };
    let mut harness = Harness::knowing(Plan { sender, ..Plan::default() }, &[1, 2]);
    harness.advance(Duration::from_secs(1)); // No backoff of metadata is running any more.
    let sent = harness.send(0);
    harness.run();
    let taken = harness.take_produce();
    harness.answers_metadata = false;
    harness.answer(&taken, |_| if code.is_ok() { good() } else { refused(code) });
    (harness, sent)
}

fn good() -> PartitionProduceResponse {
    PartitionProduceResponse { base_offset: 40, ..Default::default() }
}

// SN5, SN6, SN12
#[test]
fn each_code_is_done_again_or_failed_with_the_certainty_that_it_has() {
    let rows = rows();
    let listed: BTreeSet<ErrorCode> = rows.iter().map(|row| row.code).collect();
    assert_eq!(listed.len(), rows.len(), "each once");
    for row in &rows {
        let (harness, sent) = answered_once(row.code);
        let code = row.code;
        let is_asked = harness.requests.iter().any(|request| request.api_key == ApiKey::Metadata);
        assert_eq!(is_asked, row.refreshes, "{code} asks for metadata");
        if row.reaction == "done" {
            assert_eq!(offset(&sent), code.is_ok().then_some(40), "{code}");
            continue;
        }
        let failure = failure(&sent);
        let expected = match row.reaction {
            "invalid" => FailureKind::InvalidRecord,
            "split" => FailureKind::RecordTooLarge,
            _ => FailureKind::Refused(code),
        };
        assert_eq!((failure.kind, failure.certainty), (expected, row.certainty), "{code}");
        assert_eq!(code.is_retriable(), row.reaction == "again", "{code}");
        assert_eq!(!harness.fatal.is_empty(), row.reaction == "fatal", "{code} ends the producer");
    }
}

// SN5
#[test]
fn what_may_be_tried_again_is() {
    for row in rows().iter().filter(|row| row.reaction == "again") {
        let mut harness = Harness::knowing(Plan::default(), &[1]);
        let sent = harness.send(0);
        harness.run();
        let taken = harness.take_produce();
        harness.answer(&taken, |_| refused(row.code));
        harness.advance(Duration::from_secs(2));
        let again = harness.take_produce();
        harness.acknowledge(&again);
        assert_eq!(offset(&sent), Some(40), "{}", row.code);
    }
}

#[test]
fn a_code_that_nobody_knows_fails_the_batch_as_unknown() {
    let (harness, sent) = answered_once(ErrorCode(1234));
    let failure = failure(&sent);
    assert_eq!(failure.kind, FailureKind::Refused(ErrorCode(1234)));
    assert_eq!(failure.certainty, Certainty::Unknown);
    assert!(harness.fatal.is_empty());
}

// SN14
#[test]
fn a_topic_that_is_forbidden_is_named_and_others_go_on() {
    let mut harness = Harness::knowing(Plan::default(), &[1, 1]);
    let sent = [harness.send(0), harness.send(1)];
    harness.run();
    let taken = harness.take_produce();
    harness.answer(&taken, |partition| match partition {
        0 => refused(ErrorCode::TOPIC_AUTHORIZATION_FAILED),
        _ => good(),
    });
    assert_eq!(failure(&sent[0]).kind, FailureKind::Refused(ErrorCode::TOPIC_AUTHORIZATION_FAILED));
    assert_eq!(&*sent[0].topic_partition().topic, "t");
    assert_eq!(offset(&sent[1]), Some(40));
    assert!(harness.fatal.is_empty());
    let next = harness.send(1);
    harness.run();
    let taken = harness.take_produce();
    harness.acknowledge(&taken);
    assert!(offset(&next).is_some());
}

// SN14, SN15
#[test]
fn after_a_fatal_error_what_is_queued_fails_what_is_under_way_ends_by_itself_and_nothing_is_sent() {
    let mut harness = Harness::knowing(Plan::default(), &[1, 2, 2]);
    let (forbidden, written, lost) = (harness.send(0), harness.send(1), harness.send(2));
    harness.run();
    let first = harness.take_produce();
    let second = harness.take_produce();
    let queued = harness.send(0);
    harness.answer(&first, |_| refused(ErrorCode::CLUSTER_AUTHORIZATION_FAILED));
    let forbidden_kind = FailureKind::Refused(ErrorCode::CLUSTER_AUTHORIZATION_FAILED);
    assert_eq!(failure(&forbidden).kind, forbidden_kind);
    let of_queued = failure(&queued);
    assert_eq!((of_queued.kind, of_queued.certainty), (forbidden_kind, Certainty::NotWritten));
    assert_eq!(of_queued.last.as_ref().expect("a reason").broker, Some(BrokerId(1)));
    assert_eq!(harness.fatal.len(), 1);
    assert!(
        harness.fatal[0].contains("host1:9092") && harness.fatal[0].contains("CLUSTER_AUTHORIZATION_FAILED")
    );
    assert!(written.outcome().is_none() && lost.outcome().is_none(), "they are left to finish");
    harness.answer(&second, |partition| match partition {
        1 => good(),
        _ => refused(ErrorCode::NOT_ENOUGH_REPLICAS),
    });
    assert_eq!(offset(&written), Some(40));
    assert_eq!(failure(&lost).kind, FailureKind::Refused(ErrorCode::NOT_ENOUGH_REPLICAS), "not tried again");
    harness.advance(Duration::from_secs(2));
    assert!(harness.produces().is_empty());
    harness.close(Duration::from_secs(1));
    assert!(harness.is_closed);
}

// SN14
#[test]
fn a_version_that_is_refused_is_fatal_only_where_batches_are_numbered() {
    let mut harness = proven();
    let sent = harness.send(0);
    harness.run();
    let taken = harness.take_produce();
    harness.answer(&taken, |_| refused(ErrorCode::UNSUPPORTED_VERSION));
    assert_eq!(failure(&sent).kind, FailureKind::Refused(ErrorCode::UNSUPPORTED_VERSION));
    assert_eq!(harness.fatal.len(), 1);
    assert!(answered_once(ErrorCode::UNSUPPORTED_VERSION).0.fatal.is_empty());
}

// SN19
#[test]
fn a_broker_that_throttles_the_producer_id_holds_up_no_other() {
    let mut harness = Harness::knowing(numbered_plan(), &[2]);
    harness.least_loaded = Some(Some(BrokerId(1)));
    let sent = harness.send(0);
    harness.run();
    crate::idempotence::answer_identity_throttled(&mut harness, (900, 0), 5_000);
    assert_eq!(harness.throttled.len(), 1);
    assert_eq!(harness.throttled[0].0, BrokerId(1), "only the one that said so");
    let taken = harness.take_produce();
    assert_eq!(taken.request.broker, BrokerId(2));
    harness.acknowledge(&taken);
    assert!(offset(&sent).is_some());
}

// SN19, NC20
#[test]
fn a_broker_that_has_held_its_answer_back_is_not_left_alone_once_more() {
    for (version, waits) in [(0, false), (1, true)] {
        let mut harness = Harness::with(numbered_plan());
        harness.versions = Arc::new(BrokerVersions::fixed([
            (ApiKey::Produce, VersionRange::new(0, 13)),
            (ApiKey::Metadata, VersionRange::new(0, 13)),
            (ApiKey::InitProducerId, VersionRange::new(0, version)),
        ]));
        harness.add_topic("t", &[1]);
        harness.want("t");
        harness.run();
        harness.send(0);
        harness.run();
        crate::idempotence::answer_identity_throttled(&mut harness, (900, 0), 5_000);
        assert_eq!(!harness.throttled.is_empty(), waits, "version {version}: does the client wait?");
    }
}

// SN1
#[test]
fn in_one_turn_what_is_late_fails_and_then_what_is_ready_is_sent() {
    let mut harness = Harness::knowing(Plan::default(), &[1]);
    harness.moods.insert(BrokerId(1), Mood::Wait(None));
    let late = harness.send(0);
    harness.advance(Duration::from_secs(60));
    let young = harness.send(0);
    harness.advance(Duration::from_secs(59));
    harness.moods.insert(BrokerId(1), Mood::Ready);
    harness.clock.advance(Duration::from_secs(1));
    harness.run();
    assert_eq!(failure(&late).kind, FailureKind::Expired, "never sent: its time was over");
    let taken = harness.take_produce();
    harness.acknowledge(&taken);
    assert!(offset(&young).is_some());
}

// NC20
#[test]
fn the_time_in_which_a_broker_wants_to_be_left_alone_counts_as_throttled() {
    let mut harness = Harness::knowing(Plan::default(), &[1]);
    let first = harness.send(0);
    harness.run();
    let taken = harness.take_produce();
    harness.answer_with(&taken, Vec::new(), 3_000, |_| good());
    assert!(offset(&first).is_some());
    harness.moods.insert(BrokerId(1), Mood::Wait(Some(harness.now() + Duration::from_secs(3))));
    let second = harness.send(0);
    harness.advance(Duration::from_secs(3));
    harness.advance(MS(1));
    let taken = harness.take_produce();
    harness.moods.insert(BrokerId(1), Mood::Wait(None));
    harness.answer(&taken, |_| refused(ErrorCode::NOT_ENOUGH_REPLICAS));
    harness.advance(Duration::from_secs(120));
    let spent = failure(&second).spent;
    assert_eq!(spent.throttled, Duration::from_secs(3));
    assert_eq!(spent.total(), Duration::from_secs(120), "nothing is counted twice");
}

// SN5
#[test]
fn a_request_that_the_network_did_not_take_leaves_every_retry_for_later() {
    let sender = SenderSettings { retries: 1, ..Default::default() };
    let mut harness = Harness::knowing(Plan { sender, ..Plan::default() }, &[1]);
    let sent = harness.send(0);
    harness.refuses = true;
    harness.run();
    harness.refuses = false;
    harness.run();
    for _ in 0..2 {
        assert!(sent.outcome().is_none());
        let taken = harness.take_produce();
        harness.answer(&taken, |_| refused(ErrorCode::NOT_ENOUGH_REPLICAS));
        harness.advance(Duration::from_secs(1));
    }
    assert_eq!(failure(&sent).attempts, 2, "one attempt and one retry");
}
