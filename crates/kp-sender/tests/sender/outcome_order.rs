//! Outcomes of one partition come out in the order in which its records were accepted.

use crate::harness::*;
use crate::idempotence::{acknowledge_at, proven, send_many};
use kp_protocol::ErrorCode;
use std::time::Duration;

// FA9
#[test]
fn outcomes_of_a_partition_come_in_order_of_acceptance_although_the_first_is_retried() {
    let mut harness = proven();
    let (sent, taken) = send_many(&mut harness, 2);
    harness.answer(&taken[0], |_| refused(ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND));
    acknowledge_at(&mut harness, &taken[1], 42);
    assert!(sent[0].outcome().is_none());
    assert!(sent[1].outcome().is_none(), "the second record's callback ran before the first's");
    harness.advance(Duration::from_secs(2));
    let again = harness.take_produce();
    acknowledge_at(&mut harness, &again, 41);
    assert_eq!((offset(&sent[0]), offset(&sent[1])), (Some(41), Some(42)));
}

// FA9
#[test]
fn an_outcome_that_waits_for_an_earlier_one_comes_out_when_that_one_expires() {
    let mut harness = proven();
    let (sent, taken) = send_many(&mut harness, 2);
    acknowledge_at(&mut harness, &taken[1], 42);
    assert!(sent[1].outcome().is_none());
    harness.advance(Duration::from_secs(121));
    failure(&sent[0]);
    assert_eq!(offset(&sent[1]), Some(42));
}

// FA9
#[test]
fn an_outcome_waits_for_no_other_partition() {
    let mut harness = Harness::knowing(Plan::default(), &[1, 2]);
    let sent = [harness.send(0), harness.send(1)];
    harness.run();
    let (_first, second) = (harness.take_produce(), harness.take_produce());
    harness.acknowledge(&second);
    assert!(sent[0].outcome().is_none());
    assert_eq!(offset(&sent[1]), Some(40));
}

// FA9, CL4
#[test]
fn a_forced_close_gives_every_outcome_in_order_also_those_that_waited() {
    let mut harness = proven();
    let (sent, taken) = send_many(&mut harness, 3);
    acknowledge_at(&mut harness, &taken[2], 43);
    let before = harness.settled.len();
    harness.input(kp_sender::Input::CloseNow);
    harness.run();
    assert!(harness.is_closed);
    assert_eq!(harness.settled.len() - before, 3);
    failure(&sent[0]);
    failure(&sent[1]);
    assert_eq!(offset(&sent[2]), Some(43), "what was acknowledged stays so");
}
