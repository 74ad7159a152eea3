//! The least loaded broker (NC19), and that nothing is asked of one that is busy.

use super::*;
use std::collections::BTreeSet;

const C: BrokerId = BrokerId(3);

fn three() -> Stage {
    let mut stage = Stage::new();
    let mut brokers = two_brokers();
    brokers.push(broker(C, "10.0.0.3"));
    stage.client.set_brokers(stage.now(), &brokers);
    stage
}

fn ask(stage: &mut Stage) -> Option<BrokerId> {
    stage.client.least_loaded(stage.clock.now())
}

/// Everything that some of many questions were answered with.
fn answers(stage: &mut Stage) -> BTreeSet<Option<BrokerId>> {
    (0..50).map(|_| ask(stage)).collect()
}

// NC19
#[test]
fn equals_are_chosen_from_by_chance() {
    let mut stage = three();
    assert_eq!(answers(&mut stage), BTreeSet::from([Some(A), Some(B), Some(C)]));
}

// NC19
#[test]
fn a_ready_broker_with_nothing_in_flight_is_the_best() {
    let mut stage = three();
    let a = stage.ready(A);
    stage.ready(B);
    stage.send(a, A, 1);
    assert_eq!(answers(&mut stage), BTreeSet::from([Some(B)]));
}

// NC19
#[test]
fn else_the_ready_one_with_the_fewest_in_flight() {
    let mut stage = three();
    let (a, b) = (stage.ready(A), stage.ready(B));
    stage.send(a, A, 1);
    stage.send(a, A, 2);
    stage.send(b, B, 3);
    assert_eq!(answers(&mut stage), BTreeSet::from([Some(B)]));
}

// NC19
#[test]
fn else_one_that_is_being_connected() {
    let mut stage = three();
    stage.attempt(C);
    assert_eq!(answers(&mut stage), BTreeSet::from([Some(C)]));
}

// NC19
#[test]
fn else_the_one_tried_longest_ago() {
    let mut stage = three();
    for id in [B, A] {
        let (number, _) = stage.attempt(id);
        stage.net.refuse(number);
        stage.turn();
        stage.clock.advance(MS(10));
    }
    assert_eq!(answers(&mut stage), BTreeSet::from([Some(C)]), "one never tried");
    let (number, _) = stage.attempt(C);
    stage.net.refuse(number);
    stage.turn();
    assert_eq!(ask(&mut stage), None, "all are backing off");
    stage.clock.advance(MS(100));
    assert_eq!(answers(&mut stage), BTreeSet::from([Some(B)]));
}

// NC19
#[test]
fn a_throttled_broker_is_not_ready() {
    let mut stage = three();
    stage.ready(A);
    stage.ready(B);
    let until = stage.now() + MS(100);
    stage.client.throttle(A, until);
    assert_eq!(answers(&mut stage), BTreeSet::from([Some(B)]));
    stage.clock.advance(MS(100));
    assert_eq!(answers(&mut stage), BTreeSet::from([Some(A), Some(B)]));
}

#[test]
fn a_busy_broker_is_named_only_if_there_is_no_other_way() {
    // NC26: its readiness says when it can be asked.
    let mut stage = Stage::with(NetworkSettings { max_in_flight: 1, ..settings() });
    let number = stage.ready(A);
    stage.send(number, A, 1);
    assert_eq!(answers(&mut stage), BTreeSet::from([Some(B)]), "one that can be connected");
    stage.client.set_brokers(stage.now(), &two_brokers()[..1]);
    assert_eq!(ask(&mut stage), Some(A));
    assert_eq!(stage.why(A), Some(WaitReason::InFlightFull));
}

#[test]
fn without_brokers_there_is_none_to_ask() {
    let mut stage = Stage::new();
    stage.client.set_brokers(stage.now(), &[]);
    assert_eq!(ask(&mut stage), None);
}
