//! What is counted, for metrics: in records or in batches, before the outcome is told.

use crate::harness::*;
use kp_accumulator::{AccumulatorSettings, Outcome};
use kp_protocol::{BrokerId, ErrorCode};
use kp_sender::{SenderSettings, Summary};
use std::sync::Arc;
use std::time::Duration;

/// Batches take what comes within 10 ms.
fn lingering(batch_size: usize) -> Plan {
    Plan {
        accumulator: AccumulatorSettings { batch_size, linger: MS(10), ..Default::default() },
        ..Plan::default()
    }
}

/// A producer with a batch of three records to partition 0 under way.
fn with_three_under_way(plan: Plan) -> (Harness, Arc<kp_accumulator::Completion>) {
    let mut harness = Harness::knowing(plan, &[1]);
    let sent = harness.send(0);
    assert!(Arc::ptr_eq(&sent, &harness.send(0)) && Arc::ptr_eq(&sent, &harness.send(0)), "one batch");
    harness.advance(MS(10));
    (harness, sent)
}

fn micros(ms: u64) -> u64 {
    ms * 1000
}

// SN18
#[test]
fn what_each_answer_throttles_is_measured_whoever_does_the_waiting() {
    let mut harness = Harness::knowing(Plan::default(), &[1]);
    for (throttle_ms, measured) in [(250, micros(250)), (0, micros(250)), (40, micros(290))] {
        harness.send(0);
        harness.run();
        let taken = harness.take_produce();
        harness.answer_with(&taken, Vec::new(), throttle_ms, |_| Default::default());
        assert_eq!(harness.core.counters().throttle_time.summary().sum, measured);
    }
    let expected = Summary { count: 3, sum: micros(290), max: micros(250) };
    assert_eq!(harness.core.counters().throttle_time.summary(), expected);

    // Below version 6 the broker has waited itself, before it answered.
    let mut harness = Harness::knowing(Plan::default(), &[1]);
    harness.versions = Arc::new(up_to(5));
    harness.send(0);
    harness.run();
    let taken = harness.take_produce();
    harness.answer_with(&taken, Vec::new(), 70, |_| Default::default());
    assert!(harness.throttled.is_empty(), "no client has to wait any more");
    let expected = Summary { count: 1, sum: micros(70), max: micros(70) };
    assert_eq!(harness.core.counters().throttle_time.summary(), expected);
}

// SN20
#[test]
fn retries_and_failures_are_counted_in_records() {
    let (mut harness, sent) = with_three_under_way(Plan {
        sender: SenderSettings { retries: 1, ..Default::default() },
        ..lingering(1000)
    });
    let counted = |harness: &Harness| {
        let counters = harness.core.counters();
        (counters.records_sent(), counters.records_retried(), counters.records_failed())
    };
    assert_eq!(counted(&harness), (3, 0, 0));
    let taken = harness.take_produce();
    harness.answer(&taken, |_| refused(ErrorCode::NOT_ENOUGH_REPLICAS));
    assert_eq!(counted(&harness), (3, 3, 0));
    harness.advance(MS(200));
    let taken = harness.take_produce();
    harness.answer(&taken, |_| refused(ErrorCode::NOT_ENOUGH_REPLICAS));
    assert!(matches!(sent.outcome(), Some(Outcome::Failed(_))));
    assert_eq!(counted(&harness), (6, 3, 3), "a retry is a sending too");
    assert_eq!(harness.core.counters().batches_split(), 0);
    let topics = harness.accumulator.topic_counters();
    assert_eq!((topics.len(), topics[0].0.as_str()), (1, "t"));
    let topic = &topics[0].1;
    assert_eq!((topic.records_sent(), topic.records_retried(), topic.records_failed()), (6, 3, 3));
}

// SN20
#[test]
fn what_expires_in_its_queue_or_under_way_is_counted_in_records_too() {
    let mut plan = lingering(1000);
    plan.sender.delivery_timeout = Duration::from_secs(2);
    plan.accumulator.delivery_timeout = Duration::from_secs(2);
    let (mut harness, _) = with_three_under_way(plan);
    harness.send(0);
    harness.send(0);
    harness.advance(Duration::from_secs(1));
    assert_eq!(harness.core.counters().records_failed(), 0);
    harness.advance(Duration::from_secs(2));
    assert_eq!(harness.settled.len(), 2, "one under way, one in its queue");
    assert_eq!(harness.core.counters().records_failed(), 5);
    assert_eq!(harness.core.counters().records_sent(), 3);
}

// SN20
#[test]
fn splits_are_counted_in_batches_and_are_neither_retries_nor_failures() {
    let (mut harness, sent) = with_three_under_way(lingering(1000));
    let taken = harness.take_produce();
    harness.answer(&taken, |_| refused(ErrorCode::MESSAGE_TOO_LARGE));
    assert!(matches!(sent.outcome(), Some(Outcome::Split(_))));
    let counters = Arc::clone(harness.core.counters());
    assert_eq!((counters.batches_split(), counters.records_retried(), counters.records_failed()), (1, 0, 0));
    while !harness.produces().is_empty() {
        let taken = harness.take_produce();
        harness.acknowledge(&taken);
        harness.run();
    }
    assert_eq!((counters.batches_split(), counters.records_sent()), (1, 6), "the parts are sent once more");
}

#[test]
fn each_batch_and_each_request_adds_to_the_distributions() {
    let mut harness = Harness::knowing(lingering(1000), &[1, 1]);
    (0..3).for_each(|_| drop(harness.append("t", 0, &[7; 40])));
    harness.append("t", 1, &[7; 40]);
    harness.advance(MS(10));
    let counters = Arc::clone(harness.core.counters());
    // A record of 40 bytes takes 7 more; a batch has 61 in front.
    let (three, one) = (61 + 3 * 47, 61 + 47);
    assert_eq!(counters.batch_size.summary(), Summary { count: 2, sum: three + one, max: three });
    assert_eq!(counters.record_size.summary(), Summary { count: 2, sum: 2 * 47, max: 47 });
    assert_eq!(counters.records_per_request.summary(), Summary { count: 1, sum: 4, max: 4 });
    assert_eq!(counters.queue_time.summary(), Summary { count: 2, sum: micros(20), max: micros(10) });
    harness.advance(MS(25));
    let taken = harness.take_produce();
    assert_eq!(counters.request_latency.summary().count, 0, "not answered yet");
    harness.acknowledge(&taken);
    let expected = Summary { count: 1, sum: micros(25), max: micros(25) };
    assert_eq!(counters.request_latency.summary(), expected);
    let brokers: Vec<_> = harness.core.latencies().map(|(id, latency)| (id, latency.summary())).collect();
    assert_eq!(brokers, [(BrokerId(1), expected)]);
}

// ME3
#[test]
fn without_a_codec_the_compression_rate_is_one() {
    let (harness, _) = with_three_under_way(lingering(1000));
    let rate = harness.core.counters().compression_rate.summary();
    assert_eq!(rate, Summary { count: 1, sum: 1_000_000, max: 1_000_000 });
    let topics = harness.accumulator.topic_counters();
    assert_eq!(topics[0].1.bytes_sent(), topics[0].1.raw_bytes_sent());
}
