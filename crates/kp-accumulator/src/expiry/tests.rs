//! Batches that leave without being sent (AC25–AC30).

use crate::testing::{MS, Room, settings};
use crate::{Batch, Certainty, FailureKind, Outcome, Sealed};
use std::sync::Arc;

fn partitions(batches: &[Batch<Sealed>]) -> Vec<i32> {
    batches.iter().map(|batch| batch.topic_partition().partition.0).collect()
}

fn fail(room: &Room, batches: Vec<Batch<Sealed>>, kind: FailureKind) {
    for batch in batches {
        let failure = batch.failure(room.now(), kind, Certainty::NotWritten, None, Vec::new());
        batch.settle(Outcome::Failed(Arc::new(failure)));
    }
}

#[test]
fn batches_expire_in_order_from_the_head_until_the_first_that_is_not_due() {
    // AC25, AC27
    let room = Room::new(settings(), &[0, 0]);
    let start = room.now();
    let oldest = room.send_full(0);
    room.pass(100);
    room.send_full(0);
    room.send(1, b"open");
    room.pass(100);
    let youngest = room.send_full(0);
    room.ready();
    assert_eq!(room.accumulator.next_expiry(), Some(start + MS(1000)));
    room.pass(799);
    assert!(room.accumulator.expire(room.now()).is_empty());
    room.pass(1);
    let expired = room.accumulator.expire(room.now());
    assert_eq!(partitions(&expired), [0]);
    fail(&room, expired, FailureKind::Expired);
    assert_eq!(room.accumulator.next_expiry(), Some(start + MS(1100)));
    room.pass(100);
    let expired = room.accumulator.expire(room.now());
    assert_eq!(partitions(&expired), [0, 1], "open batches too, several partitions in one pass (SN10)");
    fail(&room, expired, FailureKind::Expired);
    assert_eq!(room.accumulator.next_expiry(), Some(start + MS(1200)));
    let Some(Outcome::Failed(failure)) = oldest.completion.outcome() else { panic!("it has an outcome") };
    assert_eq!((failure.kind, failure.waited, failure.attempts), (FailureKind::Expired, MS(1000), 0));
    assert!(youngest.completion.outcome().is_none());
    Room::acknowledge(room.turn(0), 0);
    assert!(youngest.completion.outcome().is_some(), "the queue goes on");
}

#[test]
fn muted_partitions_and_batches_that_back_off_expire_too() {
    // AC25
    let room = Room::new(settings(), &[0, 0]);
    room.send_full(0);
    room.send_full(1);
    let mut drained = room.turn(0);
    let backing_off = drained.remove(0);
    room.accumulator.requeue(backing_off.batch.requeue(room.now()), room.now(), Some(room.now() + MS(5000)));
    let in_flight = drained.remove(0);
    room.accumulator.mute(in_flight.queue);
    room.send(1, b"behind a mute");
    room.ready();
    room.pass(1000);
    let expired = room.accumulator.expire(room.now());
    assert_eq!(partitions(&expired), [0, 1]);
    assert_eq!(expired[0].attempts(), 1);
    fail(&room, expired, FailureKind::Expired);
    in_flight.batch.settle(crate::testing::written(0));
}

#[test]
fn a_batch_that_comes_back_brings_its_old_age_along() {
    // AC24, AC25
    let room = Room::new(settings(), &[0]);
    let start = room.now();
    room.send_full(0);
    let drained = room.turn(0).pop().unwrap();
    room.pass(900);
    room.send_full(0);
    room.ready();
    room.accumulator.requeue(drained.batch.requeue(room.now()), room.now(), None);
    room.ready();
    assert_eq!(room.accumulator.next_expiry(), Some(start + MS(1000)));
    room.pass(100);
    let expired = room.accumulator.expire(room.now());
    assert_eq!(expired.len(), 1);
    fail(&room, expired, FailureKind::Expired);
    Room::acknowledge(room.turn(0), 0);
}

#[test]
fn the_end_takes_everything_that_is_not_in_flight() {
    // AC29, CL4
    let room = Room::new(settings(), &[0, 0, 0]);
    room.send_full(0);
    room.send_full(1);
    let mut drained = room.turn(0);
    room.accumulator.requeue(drained.remove(0).batch.requeue(room.now()), room.now(), None);
    room.send_full(0);
    room.send(2, b"open");
    room.accumulator.close();
    let taken = room.accumulator.take_undrained();
    assert_eq!(partitions(&taken), [0, 0, 2]);
    assert_eq!(taken.iter().map(Batch::attempts).collect::<Vec<_>>(), [1, 0, 0]);
    fail(&room, taken, FailureKind::Closed);
    assert_eq!(room.accumulator.incomplete_records(), 1, "the one in flight");
    Room::acknowledge(drained, 0);
    assert!(!room.accumulator.has_incomplete());
    assert!(room.turn(0).is_empty());
}

#[test]
fn batches_that_were_drained_once_can_be_spared() {
    // AC30
    let room = Room::new(settings(), &[0]);
    room.send_full(0);
    let drained = room.turn(0).pop().unwrap();
    room.accumulator.requeue(drained.batch.requeue(room.now()), room.now(), None);
    room.send_full(0);
    room.send(0, b"open");
    let taken = room.accumulator.take_never_drained();
    assert_eq!(taken.len(), 2);
    fail(&room, taken, FailureKind::Closed);
    let drained = room.turn(0);
    assert_eq!(drained[0].batch.attempts(), 2);
    Room::acknowledge(drained, 0);
}

#[test]
fn a_batch_nobody_settles_fails_when_it_is_dropped() {
    // promise 1, promise 8
    let room = Room::new(settings(), &[0, 0]);
    let (sent, queued) = (room.send_full(0), room.send(1, b"open"));
    drop(room.turn(0));
    let Some(Outcome::Failed(failure)) = sent.completion.outcome() else { panic!("it has an outcome") };
    assert_eq!((failure.kind, failure.certainty), (FailureKind::NetworkThreadGone, Certainty::Unknown));
    drop(room);
    let Some(Outcome::Failed(failure)) = queued.completion.outcome() else { panic!("it has an outcome") };
    assert_eq!(failure.certainty, Certainty::NotWritten);
}
