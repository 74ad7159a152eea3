//! After the error that ends a producer, and the closing that follows: the host sleeps.

use crate::harness::*;
use kp_accumulator::{AccumulatorSettings, Certainty, FailureKind};
use kp_client::Refused;
use kp_protocol::{BrokerId, ErrorCode};
use kp_sender::Input;
use std::time::Duration;

/// The core has nothing to do, so it must not ask to be called at a moment that is over.
fn assert_rests(harness: &mut Harness) {
    for _ in 0..3 {
        harness.run();
        let timeout = harness.core.poll_timeout();
        assert!(timeout.is_none_or(|at| at > harness.now()), "the host would spin");
    }
}

// SN15
#[test]
fn after_a_fatal_error_the_core_sleeps_although_metadata_gets_old() {
    let mut harness = Harness::knowing(Plan::default(), &[1]);
    let _sent = harness.send(0);
    harness.run();
    let taken = harness.take_produce();
    harness.answer(&taken, |_| refused(ErrorCode::CLUSTER_AUTHORIZATION_FAILED));
    assert_eq!(harness.fatal.len(), 1);
    harness.clock.advance(Duration::from_secs(301)); // metadata.max.age.ms is 300 s
    assert_rests(&mut harness);
    assert!(harness.requests.is_empty(), "nothing is asked any more");
    harness.close(Duration::from_secs(1));
    assert!(harness.is_closed);
}

// SN15
#[test]
fn after_a_fatal_error_the_core_sleeps_although_an_update_was_asked_for() {
    let mut harness = Harness::knowing(Plan::default(), &[1, 2]);
    harness.advance(Duration::from_secs(1));
    let _sent = [harness.send(0), harness.send(1)];
    harness.run();
    let (first, second) = (harness.take_produce(), harness.take_produce());
    harness.answer(&first, |_| refused(ErrorCode::CLUSTER_AUTHORIZATION_FAILED));
    harness.answer(&second, |_| refused(ErrorCode::NOT_LEADER_OR_FOLLOWER));
    harness.clock.advance(Duration::from_secs(5));
    assert_rests(&mut harness);
}

// SN15
#[test]
fn a_request_under_way_after_a_fatal_error_may_still_be_acknowledged_minutes_later() {
    let mut harness = Harness::knowing(Plan::default(), &[1, 2]);
    let sent = [harness.send(0), harness.send(1)];
    harness.run();
    let (first, second) = (harness.take_produce(), harness.take_produce());
    harness.answer(&first, |_| refused(ErrorCode::CLUSTER_AUTHORIZATION_FAILED));
    harness.advance(Duration::from_secs(100));
    assert!(sent[1].outcome().is_none());
    harness.acknowledge(&second);
    assert_eq!(offset(&sent[1]), Some(40));
}

// SN15
#[test]
fn after_a_fatal_error_nothing_that_waited_is_sent_whatever_it_waited_for_and_however_long_the_producer_lives()
 {
    let accumulator = AccumulatorSettings { linger: MS(50), ..Default::default() };
    let mut harness = Harness::knowing(Plan { accumulator, ..Plan::default() }, &[1, 2, -1, 1, 2]);
    let (forbidden, backing_off) = (harness.send(0), harness.send(1));
    harness.advance(MS(50));
    let (first, second) = (harness.take_produce(), harness.take_produce());
    harness.lose(&second, true);
    harness.moods.insert(BrokerId(2), Mood::Wait(None));
    let leaderless = harness.send(2);
    let busy = harness.send(4);
    harness.advance(MS(50));
    let lingering = harness.send(3);
    harness.run();
    assert!(harness.produces().is_empty(), "all four wait");
    harness.answer(&first, |_| refused(ErrorCode::CLUSTER_AUTHORIZATION_FAILED));
    let kind = FailureKind::Refused(ErrorCode::CLUSTER_AUTHORIZATION_FAILED);
    for sent in [&forbidden, &leaderless, &busy, &lingering] {
        let failure = failure(sent);
        assert_eq!((failure.kind, failure.certainty, failure.is_fatal), (kind, Certainty::NotWritten, true));
    }
    assert_eq!(failure(&backing_off).certainty, Certainty::Unknown, "its answer was lost before");
    harness.requests.clear();
    harness.asked.clear();
    harness.moods.clear();
    for _ in 0..12 {
        harness.connected(BrokerId(1));
        harness.connected(BrokerId(2));
        harness.advance(Duration::from_secs(60));
    }
    assert!(harness.requests.is_empty() && harness.asked.is_empty(), "no broker is asked for anything");
    harness.close(Duration::from_secs(1));
    assert!(harness.is_closed);
}

// SN15
#[test]
fn a_request_that_the_network_gives_back_after_a_fatal_error_fails_with_the_producer_and_lost_no_connection()
{
    let mut harness = Harness::knowing(Plan::default(), &[1, 2]);
    let sent = [harness.send(0), harness.send(1)];
    harness.run();
    let (first, second) = (harness.take_produce(), harness.take_produce());
    harness.answer(&first, |_| refused(ErrorCode::CLUSTER_AUTHORIZATION_FAILED));
    let request = Box::new(second.request);
    harness.input(Input::Refused(Refused { request, reason: "another connection".into() }));
    harness.run();
    let failure = failure(&sent[1]);
    assert_eq!(failure.kind, FailureKind::Refused(ErrorCode::CLUSTER_AUTHORIZATION_FAILED));
    assert_eq!((failure.certainty, failure.attempts, failure.is_fatal), (Certainty::NotWritten, 0, true));
    assert!(failure.to_string().contains("has refused this producer"), "{failure}");
}
