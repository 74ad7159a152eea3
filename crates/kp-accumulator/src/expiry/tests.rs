//! Batches that leave without being sent (AC25–AC30).

use crate::testing::{MS, Room, settings, value};
use crate::{AccumulatorSettings, AppendError, Batch, Certainty, FailureKind, Outcome, Sealed, Target};
use kp_protocol::PartitionId;
use kp_protocol::compression::Compression;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

fn partitions(batches: &[Batch<Sealed>]) -> Vec<i32> {
    batches.iter().map(|batch| batch.topic_partition().partition.0).collect()
}

fn fail(room: &Room, batches: Vec<Batch<Sealed>>, kind: FailureKind) {
    for batch in batches {
        let failure = batch.failure(room.now(), kind, Certainty::NotWritten, None, Vec::new());
        batch.settle(Outcome::Failed(Arc::new(failure)));
    }
}

// AC25, AC27
#[test]
fn batches_expire_in_order_from_the_head_until_the_first_that_is_not_due() {
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

// AC25
#[test]
fn muted_partitions_and_batches_that_back_off_expire_too() {
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

// AC24, AC25
#[test]
fn a_batch_that_comes_back_brings_its_old_age_along() {
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

// AC29, CL4
#[test]
fn the_end_takes_everything_that_is_not_in_flight() {
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

/// As in 0.9, by a request timeout of 500 ms and a linger of 10 ms.
fn classic() -> AccumulatorSettings {
    AccumulatorSettings { classic_expiry: Some(MS(500)), ..settings() }
}

// AC25 as in 0.9
#[test]
fn a_classic_batch_expires_when_more_than_the_request_timeout_passed_without_its_linger() {
    let room = Room::new(classic(), &[0]);
    room.send(0, b"open");
    room.ready();
    room.pass(510);
    assert!(room.accumulator.expire(room.now()).is_empty(), "as much is not more");
    let expiry = room.accumulator.next_expiry().expect("it expires");
    assert!(expiry > room.now() && expiry <= room.now() + MS(1), "never slept past (AC27)");
    let expired = room.accumulator.expire(expiry);
    assert_eq!(partitions(&expired), [0]);
    fail(&room, expired, FailureKind::Expired);
}

// AC25 as in 0.9
#[test]
fn a_classic_batch_that_is_full_expires_by_the_time_of_its_last_record() {
    let long = AccumulatorSettings { linger: MS(10_000), ..classic() };
    let room = Room::new(long, &[0]);
    room.send(0, &[b'a'; 500]);
    room.pass(100);
    // No room in the first one: its last record came by now.
    room.send(0, &[b'b'; 500]);
    room.ready();
    room.pass(500);
    assert!(room.accumulator.expire(room.now()).is_empty());
    room.pass(1);
    let expired = room.accumulator.expire(room.now());
    assert_eq!(expired.len(), 1, "the one that is full; the other one still lingers");
    assert_eq!(expired[0].created() + MS(601), room.now());
    fail(&room, expired, FailureKind::Expired);
}

// AC25 as in 0.9
#[test]
fn a_classic_batch_that_is_closed_by_its_last_record_expires_from_when_the_driver_saw_it() {
    let room = Room::new(AccumulatorSettings { linger: MS(10_000), ..classic() }, &[0]);
    room.send_full(0);
    room.pass(3);
    room.ready();
    room.pass(500);
    assert!(room.accumulator.expire(room.now()).is_empty());
    room.pass(1);
    let expired = room.accumulator.expire(room.now());
    assert_eq!(expired.len(), 1);
    fail(&room, expired, FailureKind::Expired);
}

// AC25 as in 0.9
#[test]
fn a_classic_batch_counts_from_its_last_attempt_and_never_expires_in_flight() {
    let room = Room::new(AccumulatorSettings { linger: MS(0), ..classic() }, &[0]);
    room.send(0, b"v");
    room.pass(400);
    let drained = room.turn(0).remove(0);
    room.pass(5_000);
    assert!(room.accumulator.expire(room.now()).is_empty(), "it is in flight");
    let (_, sent) = (drained.wire, drained.batch.last_attempt().expect("it was sent"));
    let now = sent + MS(100);
    room.accumulator.requeue(drained.batch.requeue(now), now, Some(now + MS(10_000)));
    room.accumulator.ready(sent + MS(500), &room.cluster);
    assert!(room.accumulator.expire(sent + MS(500)).is_empty());
    let expired = room.accumulator.expire(sent + MS(501));
    assert_eq!(expired.len(), 1, "while it backs off");
    fail(&room, expired, FailureKind::Expired);
}

// AC26
#[test]
fn the_longest_delivery_timeout_does_not_overflow() {
    let longest = MS(i32::MAX as u64);
    for delivery_timeout in [longest, std::time::Duration::MAX] {
        let room = Room::new(AccumulatorSettings { delivery_timeout, ..settings() }, &[0]);
        room.send_full(0);
        room.send(0, b"open");
        room.ready();
        room.clock.advance(longest - MS(1));
        assert!(room.accumulator.expire(room.now()).is_empty());
        assert!(room.accumulator.next_expiry().is_some_and(|at| at > room.now()));
        room.pass(1);
        let expired = room.accumulator.expire(room.now());
        assert_eq!(expired.len(), if delivery_timeout == longest { 2 } else { 0 });
        fail(&room, expired, FailureKind::Expired);
        while room.accumulator.has_incomplete() {
            Room::acknowledge(room.turn(0), 0);
        }
    }
}

// AC26 as in 0.9
#[test]
fn the_longest_request_timeout_and_linger_do_not_overflow() {
    let endless = std::time::Duration::MAX;
    let settings = AccumulatorSettings { linger: endless, classic_expiry: Some(endless), ..settings() };
    let room = Room::new(settings, &[0]);
    room.send(0, b"v");
    room.ready();
    assert!(room.accumulator.expire(room.now()).is_empty());
    assert!(room.accumulator.next_expiry().is_some_and(|at| at > room.now()));
}

// AC29, CL10
#[test]
fn close_waits_for_an_append_that_is_under_way() {
    let room = Room::new(settings(), &[0]);
    // As an append holds it until its record is in a batch.
    let append = room.queue(0).state.lock();
    std::thread::scope(|scope| {
        let closer = scope.spawn(|| room.accumulator.close());
        while !room.accumulator.is_closed() {
            std::hint::spin_loop();
        }
        for _ in 0..1_000 {
            std::thread::yield_now();
            assert!(!closer.is_finished(), "what is appended now would slip in");
        }
        drop(append);
    });
}

// AC29
#[test]
fn an_abort_fails_what_is_queued_and_what_is_in_flight_and_lets_nothing_slip_in() {
    for _ in 0..30 {
        let room = Room::with_memory(settings(), &[Some(0), Some(0)], 3_000_000);
        let called = Arc::new(AtomicUsize::new(0));
        let promised = std::thread::scope(|scope| {
            let producer = |partition| {
                let (room, called) = (&room, Arc::clone(&called));
                move || {
                    let mut promised = Vec::new();
                    loop {
                        while promised.len() > 2_000 && !room.accumulator.is_closed() {
                            std::hint::spin_loop();
                        }
                        let called = Arc::clone(&called);
                        let callback = Box::new(move |_: crate::RecordOutcome<'_>| {
                            called.fetch_add(1, SeqCst);
                        });
                        let target = Target::Partition(PartitionId(partition));
                        match room.send_record(target, &value(&[0; 300]), Some(callback)) {
                            Ok(appended) => promised.push(appended),
                            Err(error) => break (promised, error),
                        }
                    }
                }
            };
            let threads = [scope.spawn(producer(0)), scope.spawn(producer(1))];
            while room.accumulator.incomplete_records() < 20 {
                std::hint::spin_loop();
            }
            let in_flight = room.turn(0);
            room.accumulator.close();
            for drained in in_flight {
                let (now, kind) = (room.now(), FailureKind::Closed);
                let failure = drained.batch.failure(now, kind, Certainty::Unknown, None, Vec::new());
                drained.batch.settle(Outcome::Failed(Arc::new(failure)));
            }
            room.accumulator.fail_everything(FailureKind::Closed);
            assert!(!room.accumulator.has_incomplete(), "nothing slips in");
            threads.map(|thread| thread.join().expect("no panic"))
        });
        let mut records = 0;
        for (promised, error) in promised {
            assert_eq!(error, AppendError::Closed);
            records += promised.len();
            assert!(promised.iter().all(|promised| promised.completion.is_done()));
        }
        assert_eq!(called.load(SeqCst), records, "each callback once");
        assert_eq!(room.pool.available(), room.pool.capacity());
    }
}

// AC30
#[test]
fn batches_that_were_drained_once_can_be_spared() {
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
    let room = Room::new(settings(), &[0, 0]);
    let (sent, queued) = (room.send_full(0), room.send(1, b"open"));
    drop(room.turn(0));
    let Some(Outcome::Failed(failure)) = sent.completion.outcome() else { panic!("it has an outcome") };
    assert_eq!((failure.kind, failure.certainty), (FailureKind::NetworkThreadGone, Certainty::Unknown));
    drop(room);
    let Some(Outcome::Failed(failure)) = queued.completion.outcome() else { panic!("it has an outcome") };
    assert_eq!(failure.certainty, Certainty::NotWritten);
}

/// A partition whose batches of one record are compressed by a worker, which is the test.
fn with_a_worker() -> (Room, crate::Sealer) {
    let settings =
        AccumulatorSettings { compression: Compression::Lz4, seal: crate::Seal::Workers, ..settings() };
    let room = Room::with_memory(settings, &[Some(0)], 40_000);
    let sealer = room.accumulator.sealers(1).remove(0);
    (room, sealer)
}

// CL4, AC29
#[test]
fn a_batch_that_a_worker_gives_back_between_the_two_looks_of_a_turn_keeps_the_driver_awake() {
    let (room, mut sealer) = with_a_worker();
    room.send(0, &[b'x'; 1500]);
    room.ready();
    let away = room.accumulator.next_to_seal().expect("it waits for a worker");
    room.accumulator.close();
    // A turn of the sender while it forces the end: it takes everything, then it looks what is ready.
    assert!(room.accumulator.take_undrained().is_empty(), "the worker has it");
    room.accumulator.put_sealed(away.seal(&mut sealer));
    room.ready();
    assert!(!room.accumulator.prepare_to_sleep(None), "the batch that the driver waits for is back");
    fail(&room, room.accumulator.take_undrained(), FailureKind::Closed);
    room.ready();
    assert!(room.accumulator.prepare_to_sleep(None), "nothing is left");
    drop(sealer);
}

// AC29
#[test]
fn a_batch_that_comes_back_after_a_fatal_error_wakes_the_driver_also_if_its_partition_is_muted() {
    let (room, mut sealer) = with_a_worker();
    let queue = room.send(0, &[b'x'; 1500]);
    room.ready();
    let away = room.accumulator.next_to_seal().expect("it waits for a worker");
    room.accumulator.mute(away.queue());
    assert!(room.accumulator.take_undrained().is_empty(), "the worker has it");
    room.ready();
    assert!(room.accumulator.prepare_to_sleep(None));
    room.accumulator.put_sealed(away.seal(&mut sealer));
    assert_eq!(room.rung.times(), 1);
    room.accumulator.awake();
    fail(&room, room.accumulator.take_undrained(), FailureKind::Closed);
    assert!(queue.completion.is_done());
    drop(sealer);
}

// AC25, AC27
#[test]
fn while_a_worker_has_an_expired_batch_the_driver_sleeps_and_it_expires_when_it_is_back() {
    for muted in [false, true] {
        let (room, mut sealer) = with_a_worker();
        room.send(0, &[b'x'; 1500]);
        room.ready();
        let away = room.accumulator.next_to_seal().expect("it waits for a worker");
        if muted {
            room.accumulator.mute(away.queue());
        }
        room.pass(1000);
        for _ in 0..3 {
            assert!(room.accumulator.expire(room.now()).is_empty());
            room.ready();
        }
        assert!(room.accumulator.next_expiry().is_none_or(|at| at > room.now()), "muted {muted}: it spins");
        assert!(room.accumulator.prepare_to_sleep(None));
        room.accumulator.put_sealed(away.seal(&mut sealer));
        assert_eq!(room.rung.times(), 1, "muted {muted}");
        room.accumulator.awake();
        room.ready();
        assert_eq!(room.accumulator.next_expiry(), Some(room.now()), "muted {muted}");
        let expired = room.accumulator.expire(room.now());
        assert_eq!(partitions(&expired), [0], "muted {muted}");
        fail(&room, expired, FailureKind::Expired);
        drop(sealer);
    }
}

// AC29
#[test]
fn what_stands_behind_a_batch_that_a_worker_has_does_not_end_before_it() {
    let (room, mut sealer) = with_a_worker();
    room.send(0, &[b'a'; 1500]);
    room.send(0, &[b'b'; 1500]);
    room.send(0, b"open");
    let away = room.accumulator.next_to_seal().expect("the first");
    assert!(room.accumulator.take_undrained().is_empty(), "the later ones wait for the first");
    room.accumulator.put_sealed(away.seal(&mut sealer));
    let taken = room.accumulator.take_undrained();
    assert_eq!(taken.iter().map(Batch::record_count).collect::<Vec<_>>(), [1, 1, 1]);
    assert!(taken.windows(2).all(|pair| pair[0].number() < pair[1].number()));
    fail(&room, taken, FailureKind::Closed);
    drop(sealer);
}

// AC29
#[test]
fn a_batch_that_its_worker_drops_does_not_stop_its_queue() {
    let (room, mut sealer) = with_a_worker();
    let lost = room.send(0, &[b'a'; 1500]);
    room.send(0, &[b'b'; 1500]);
    drop(room.accumulator.next_to_seal().expect("the first"));
    assert!(lost.completion.is_done());
    let second = room.accumulator.next_to_seal().expect("the second");
    room.accumulator.put_sealed(second.seal(&mut sealer));
    let drained = room.turn(0);
    assert_eq!(drained.len(), 1, "what stands behind it goes on");
    Room::acknowledge(drained, 0);
    drop(sealer);
}

// AC25
#[test]
fn what_stands_behind_a_batch_that_its_worker_dropped_has_its_own_time() {
    let (room, sealer) = with_a_worker();
    room.send(0, &[b'a'; 1500]);
    room.pass(400);
    room.send(0, &[b'b'; 1500]);
    room.ready();
    drop(room.accumulator.next_to_seal().expect("the first"));
    room.pass(600);
    assert_eq!(room.accumulator.expire(room.now()).len(), 0, "the second is 600 ms old");
    room.pass(400);
    let expired = room.accumulator.expire(room.now());
    assert_eq!(expired.len(), 1);
    fail(&room, expired, FailureKind::Expired);
    drop(sealer);
}

// AC29
#[test]
fn at_the_end_nothing_waits_for_a_batch_that_its_worker_dropped() {
    let (room, mut sealer) = with_a_worker();
    for value in [b'a', b'b', b'c'] {
        room.send(0, &[value; 1500]);
    }
    assert!(room.accumulator.seal_next(&mut sealer));
    drop(room.accumulator.next_to_seal().expect("the second"));
    let taken = room.accumulator.take_undrained();
    assert_eq!(taken.len(), 2, "the first and the third");
    fail(&room, taken, FailureKind::Closed);
    drop(sealer);
}
