//! The end: gracefully, at the deadline, at once.

use crate::harness::*;
use kp_accumulator::{AccumulatorSettings, Certainty, FailureKind};
use kp_protocol::{BrokerId, ErrorCode};
use kp_sender::Input;
use std::time::Duration;

#[test]
fn closing_sends_what_lingers_and_ends_when_all_is_answered() {
    // CL3, CL10
    let accumulator = AccumulatorSettings { linger: Duration::from_secs(60), ..Default::default() };
    let mut harness = Harness::knowing(Plan { accumulator, ..Plan::default() }, &[1]);
    let sent = harness.send(0);
    harness.run();
    assert!(harness.produces().is_empty());
    harness.close(Duration::from_secs(10));
    assert!(harness.accumulator.is_closed() && !harness.is_closed);
    let taken = harness.take_produce();
    harness.acknowledge(&taken);
    assert!(offset(&sent).is_some() && harness.is_closed);
    assert_eq!(harness.core.poll_timeout(), None);
}

#[test]
fn closing_an_empty_producer_ends_at_once_even_without_a_cluster() {
    // CL5
    let mut harness = Harness::new();
    harness.least_loaded = Some(None);
    harness.run();
    harness.close(Duration::MAX);
    assert!(harness.is_closed);
    // The harness fails if anything comes after the end, another end included.
    harness.close(Duration::ZERO);
    harness.advance(MS(60_000));
    assert_eq!(harness.core.poll_timeout(), None, "nothing is left to wait for");
}

#[test]
fn at_the_deadline_queued_batches_fail_as_not_written_and_those_in_flight_as_unknown() {
    // CL4
    let mut harness = Harness::knowing(Plan::default(), &[1, 2]);
    harness.moods.insert(BrokerId(2), Mood::Wait(None));
    let (in_flight, queued) = (harness.send(0), harness.send(1));
    harness.run();
    harness.close(MS(100));
    harness.advance(MS(99));
    assert!(in_flight.outcome().is_none() && queued.outcome().is_none());
    harness.advance(MS(1));
    let end = |completion| (failure(completion).kind, failure(completion).certainty);
    assert_eq!(end(&in_flight), (FailureKind::Closed, Certainty::Unknown));
    assert_eq!(end(&queued), (FailureKind::Closed, Certainty::NotWritten));
    assert!(harness.is_closed);
    let taken = harness.take_produce();
    harness.acknowledge(&taken);
    assert_eq!(harness.settled.len(), 2, "a late answer ends nothing twice");
}

#[test]
fn a_queued_batch_with_an_unknown_attempt_fails_as_unknown_at_the_end() {
    // CL4
    let mut harness = Harness::knowing(Plan::default(), &[1]);
    let sent = harness.send(0);
    harness.run();
    let taken = harness.take_produce();
    harness.lose(&taken, true);
    harness.input(Input::CloseNow);
    harness.run();
    assert_eq!((failure(&sent).kind, failure(&sent).certainty), (FailureKind::Closed, Certainty::Unknown));
    assert_eq!(failure(&sent).last.as_ref().map(|last| last.code), Some(ErrorCode::NETWORK_EXCEPTION));
    assert!(harness.is_closed);
}

#[test]
fn closing_goes_on_retrying_until_its_deadline() {
    // CL3
    let mut harness = Harness::knowing(Plan::default(), &[1]);
    let sent = harness.send(0);
    harness.run();
    harness.close(Duration::from_secs(10));
    let taken = harness.take_produce();
    harness.answer(&taken, |_| refused(ErrorCode::NOT_ENOUGH_REPLICAS));
    harness.advance(MS(200));
    let taken = harness.take_produce();
    harness.acknowledge(&taken);
    assert!(offset(&sent).is_some() && harness.is_closed);
}

#[test]
fn a_batch_that_a_worker_has_at_the_end_is_failed_when_it_comes_back() {
    // CL4
    let accumulator = AccumulatorSettings {
        linger: Duration::ZERO,
        compression: kp_protocol::compression::Compression::Gzip,
        seal: kp_accumulator::Seal::Workers,
        ..Default::default()
    };
    let mut harness = Harness::knowing(Plan { accumulator, ..Plan::default() }, &[1]);
    let mut sealer = harness.accumulator.sealers(1).remove(0);
    let sent = harness.send(0);
    harness.run();
    let batch = harness.accumulator.next_to_seal().expect("the batch waits for a worker");
    harness.input(Input::CloseNow);
    harness.run();
    assert!(!harness.is_closed && sent.outcome().is_none());
    harness.accumulator.put_sealed(batch.seal(&mut sealer));
    harness.run();
    assert_eq!(failure(&sent).kind, FailureKind::Closed);
    assert!(harness.is_closed);
}
