//! Too late and too large: delivery timeouts, refused sizes, splits.

use crate::harness::*;
use kp_accumulator::{AccumulatorSettings, Certainty, FailureKind, RecordResult};
use kp_protocol::api::PartitionProduceResponse;
use kp_protocol::records::RecordBatch;
use kp_protocol::{BrokerId, ErrorCode};
use kp_sender::{Input, SenderSettings};
use std::sync::Arc;
use std::time::Duration;

fn plan(change: impl FnOnce(&mut SenderSettings)) -> Plan {
    let mut plan = Plan::default();
    change(&mut plan.sender);
    plan
}

// AC25
#[test]
fn with_the_defaults_of_0_9_a_timeout_in_the_queue_names_the_key_that_bounds_it() {
    let accumulator =
        AccumulatorSettings { classic_expiry: Some(Duration::from_secs(30)), ..Plan::default().accumulator };
    let mut harness = Harness::knowing(Plan { accumulator, ..Plan::default() }, &[1]);
    harness.moods.insert(BrokerId(1), Mood::Wait(None));
    let sent = harness.send(0);
    harness.advance(Duration::from_secs(31));
    let failure = failure(&sent);
    assert_eq!((failure.kind, failure.certainty), (FailureKind::ExpiredInQueue, Certainty::NotWritten));
    let text = failure.to_string();
    assert!(text.starts_with("waited in its queue for longer than request.timeout.ms"), "{text}");
}

#[test]
fn a_queued_batch_expires_without_having_been_sent() {
    // AC25, SN10
    let mut harness = Harness::knowing(Plan::default(), &[1, 1]);
    harness.moods.insert(BrokerId(1), Mood::Wait(None));
    let sent = [harness.send(0), harness.send(1)];
    harness.advance(Duration::from_secs(119));
    assert!(sent[0].outcome().is_none());
    harness.advance(Duration::from_secs(1));
    for sent in sent {
        let failure = failure(&sent);
        assert_eq!((failure.kind, failure.certainty), (FailureKind::Expired, Certainty::NotWritten));
        assert_eq!((failure.attempts, failure.waited), (0, Duration::from_secs(120)));
        assert_eq!(failure.spent.queued, failure.waited, "it did not linger: no broker took it");
    }
}

#[test]
fn a_batch_that_expires_unsent_tells_what_its_leader_said_or_that_there_is_none() {
    let mut harness = Harness::knowing(Plan::default(), &[1, -1]);
    harness.moods.insert(BrokerId(1), Mood::Wait(None));
    let sent = [harness.send(0), harness.send(1)];
    harness.run();
    let address = "host1:9092".into();
    harness.input(Input::Network(kp_client::Event::Disconnected {
        broker: BrokerId(1),
        address,
        reason: kp_client::DisconnectReason::ConnectFailed("connection refused".into()),
        reached: kp_client::Reached::Address { untried: 0 },
    }));
    harness.advance(Duration::from_secs(120));
    let last = |completion| failure(completion).last.clone().expect("a reason");
    assert_eq!(last(&sent[0]).message.as_deref(), Some("host1:9092: connect failed: connection refused"));
    assert_eq!(last(&sent[1]).code, ErrorCode::LEADER_NOT_AVAILABLE);
}

#[test]
fn a_batch_in_flight_expires_as_unknown_and_its_late_answer_is_ignored() {
    // SN9; testWhenFirstBatchExpireNoSendSecondBatchIfGuaranteeOrder (SN7)
    let mut harness = Harness::knowing(plan(|s| s.request_timeout = Duration::from_secs(300)), &[1]);
    let first = harness.send(0);
    harness.run();
    let taken = harness.take_produce();
    harness.advance(Duration::from_secs(119));
    let second = harness.send(0);
    harness.advance(Duration::from_secs(1));
    assert_eq!((failure(&first).kind, failure(&first).certainty), (FailureKind::Expired, Certainty::Unknown));
    assert!(harness.produces().is_empty(), "the request that held it may still be appended");
    harness.acknowledge(&taken);
    assert_eq!(failure(&first).kind, FailureKind::Expired, "an outcome is final");
    let taken = harness.take_produce();
    harness.acknowledge(&taken);
    assert!(offset(&second).is_some());
    assert_eq!(harness.settled.len(), 2);
}

#[test]
fn an_expired_batch_that_was_tried_tells_what_the_broker_said_last() {
    let mut harness = Harness::knowing(Plan::default(), &[1]);
    let sent = harness.send(0);
    harness.run();
    let taken = harness.take_produce();
    harness.answer(&taken, |_| refused(ErrorCode::NOT_ENOUGH_REPLICAS));
    harness.moods.insert(BrokerId(1), Mood::Wait(None));
    harness.advance(Duration::from_secs(120));
    let failure = failure(&sent);
    assert_eq!((failure.kind, failure.certainty), (FailureKind::Expired, Certainty::NotWritten));
    assert_eq!(failure.last.as_ref().unwrap().code, ErrorCode::NOT_ENOUGH_REPLICAS);
}

#[test]
fn a_single_record_that_is_too_large_fails_and_the_next_goes_on() {
    // BB29
    let mut harness = Harness::knowing(Plan::default(), &[1]);
    let (large, next) = (harness.send(0), harness.send(0));
    harness.run();
    let taken = harness.take_produce();
    harness.answer(&taken, |_| refused(ErrorCode::MESSAGE_TOO_LARGE));
    assert_eq!(failure(&large).kind, FailureKind::RecordTooLarge);
    let taken = harness.take_produce();
    harness.acknowledge(&taken);
    assert!(offset(&next).is_some());
}

/// A harness whose records gather in one batch until they have lingered.
fn gathering() -> Harness {
    let accumulator = AccumulatorSettings { linger: MS(5), ..Default::default() };
    Harness::knowing(Plan { accumulator, ..Plan::default() }, &[1])
}

#[test]
fn a_batch_that_is_too_large_is_split_and_its_parts_are_sent_in_order_without_using_up_a_retry() {
    // BB25, BB26, BB27
    let mut plan = plan(|s| s.retries = 0);
    plan.accumulator = AccumulatorSettings { linger: MS(5), ..Default::default() };
    let mut harness = Harness::knowing(plan, &[1]);
    let sent: Vec<_> = (0..8).map(|n| harness.append("t", 0, &[n; 100])).collect();
    assert!(sent.iter().all(|appended| Arc::ptr_eq(&appended.completion, &sent[0].completion)), "one batch");
    harness.advance(MS(5));
    let mut base = 0;
    let mut values = Vec::new();
    while !harness.produces().is_empty() {
        let taken = harness.take_produce();
        let records = taken.parsed.topic_data[0].partition_data[0].records.as_ref().unwrap().to_bytes();
        let (batch, _) = RecordBatch::parse(&records).unwrap();
        let first = base;
        if records.len() > 300 {
            harness.answer(&taken, |_| refused(ErrorCode::MESSAGE_TOO_LARGE));
            continue;
        }
        let decoded = batch.records(1 << 20).unwrap();
        values.extend(decoded.iter().map(|record| record.unwrap().value.unwrap()[0]));
        base = values.len() as i64;
        harness.answer(&taken, |_| PartitionProduceResponse { base_offset: first, ..Default::default() });
    }
    assert_eq!(values, [0, 1, 2, 3, 4, 5, 6, 7]);
    for (n, appended) in sent.iter().enumerate() {
        let Some(RecordResult::Written { offset, .. }) = appended.completion.record_result(appended.index)
        else {
            panic!("record {n} is not written");
        };
        assert_eq!(offset.map(|offset| offset.0), Some(n as i64));
    }
    assert!(!harness.accumulator.has_incomplete());
}

#[test]
fn the_parts_of_a_batch_with_an_unknown_attempt_fail_as_unknown_and_tell_why_they_were_cut() {
    // BB25
    let mut harness = gathering();
    let sent = [harness.send(0), harness.send(0)];
    harness.advance(MS(5));
    let taken = harness.take_produce();
    harness.lose(&taken, true);
    harness.advance(MS(200));
    let taken = harness.take_produce();
    harness.answer(&taken, |_| refused(ErrorCode::MESSAGE_TOO_LARGE));
    harness.input(Input::CloseNow);
    harness.run();
    for (index, sent) in (0..).zip(&sent) {
        let Some(RecordResult::Failed { failure, .. }) = sent.record_result(index) else {
            panic!("record {index} has not failed");
        };
        assert_eq!((failure.kind, failure.certainty), (FailureKind::Closed, Certainty::Unknown));
    }
    assert!(harness.is_closed);
}

#[test]
fn an_expired_batch_is_not_split() {
    // BB30
    let mut harness = gathering();
    let sent = [harness.send(0), harness.send(0)];
    harness.advance(MS(5));
    let taken = harness.take_produce();
    harness.clock.advance(Duration::from_secs(120));
    harness.answer(&taken, |_| refused(ErrorCode::MESSAGE_TOO_LARGE));
    assert_eq!(failure(&sent[0]).kind, FailureKind::Expired);
    assert!(harness.produces().is_empty());
}

#[test]
fn a_request_stays_within_its_size_and_the_rest_follows() {
    // AC16
    let mut harness = Harness::knowing(plan(|s| s.max_request_size = 100), &[1, 1, 1]);
    for partition in 0..3 {
        harness.send(partition);
    }
    harness.run();
    assert_eq!(harness.produces().len(), 3, "each batch alone is most of a request");
}

#[test]
fn where_batches_may_overtake_each_other_and_nothing_is_retried_a_batch_is_not_split() {
    // BB25: its parts would come behind what was sent later
    for (retries, guarantee_one_in_flight, splits) in [(0, false, false), (0, true, true), (1, false, true)] {
        let mut plan = plan(|s| (s.retries, s.guarantee_one_in_flight) = (retries, guarantee_one_in_flight));
        plan.accumulator = AccumulatorSettings { linger: MS(5), ..Default::default() };
        let mut harness = Harness::knowing(plan, &[1]);
        let sent = [harness.send(0), harness.send(0)];
        harness.advance(MS(5));
        let taken = harness.take_produce();
        harness.answer(&taken, |_| refused(ErrorCode::MESSAGE_TOO_LARGE));
        assert_eq!(!harness.produces().is_empty(), splits, "{retries} retries, {guarantee_one_in_flight}");
        if !splits {
            assert_eq!(failure(&sent[0]).kind, FailureKind::Refused(ErrorCode::MESSAGE_TOO_LARGE));
        }
    }
}

#[test]
fn the_core_asks_to_be_woken_for_what_expires_in_flight_and_takes_it_also_when_it_comes_late() {
    // SN9
    let mut harness = Harness::knowing(plan(|s| s.request_timeout = Duration::from_secs(300)), &[1]);
    let sent = harness.send(0);
    let expiry = harness.now() + Duration::from_secs(120);
    harness.run();
    assert_eq!(harness.core.poll_timeout(), Some(expiry));
    harness.clock.advance(Duration::from_secs(121));
    harness.run();
    assert_eq!((failure(&sent).kind, failure(&sent).certainty), (FailureKind::Expired, Certainty::Unknown));
}
