//! What goes into one request (AC16–AC24), sealed where and when (AC23).

use super::*;
use crate::testing::{MS, OpenGate, Room, cluster, settings, values, written};
use crate::{AccumulatorSettings, Certainty, FailureKind, Outcome, Seal};
use kp_protocol::compression::Compression;
use kp_protocol::records::RecordBatch;
use kp_protocol::{ProducerIdentity, Sequence};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Wake, Waker};

// AC16
#[test]
fn one_batch_of_each_partition_up_to_the_limit_and_the_first_always() {
    let room = Room::new(settings(), &[0; 4]);
    (0..4).for_each(|partition| drop(room.send_full(partition)));
    room.send_full(0);
    room.ready();
    let (queue, format_overhead) = (room.queue(0), room.accumulator.format_overhead());
    let size = queue.state.lock().head_batch(format_overhead).unwrap().wire_size;
    let first = room.drain_with(0, 2 * size, &mut OpenGate);
    assert_eq!(Room::partitions(&first), [0, 1]);
    let second = room.drain_with(0, 1, &mut OpenGate);
    assert_eq!(Room::partitions(&second), [2], "alone above the limit");
    let third = room.drain_with(0, 100 * size, &mut OpenGate);
    assert_eq!(Room::partitions(&third), [3], "partition 0 had its turn");
    room.ready();
    let fourth = room.drain_with(0, 100 * size, &mut OpenGate);
    assert_eq!(Room::partitions(&fourth), [0]);
    [first, second, third, fourth].into_iter().for_each(|drained| Room::acknowledge(drained, 0));
}

// AC17
#[test]
fn no_partition_starves_behind_busier_ones() {
    let room = Room::with_memory(settings(), &[Some(0); 3], 200_000);
    for _ in 0..20 {
        (0..3).for_each(|partition| drop(room.send_full(partition)));
    }
    let mut turns = Vec::new();
    for _ in 0..30 {
        room.ready();
        let drained = room.drain_with(0, 1, &mut OpenGate);
        turns.extend(Room::partitions(&drained));
        Room::acknowledge(drained, 0);
    }
    assert_eq!(turns[..6], [0, 1, 2, 0, 1, 2]);
    assert_eq!((0..3).map(|p| turns.iter().filter(|t| **t == p).count()).collect::<Vec<_>>(), [10, 10, 10]);
}

// AC17
#[test]
fn each_broker_goes_on_where_its_own_last_drain_stopped() {
    let room = Room::with_memory(settings(), &[Some(0), Some(1), Some(0), Some(1)], 200_000);
    for _ in 0..4 {
        (0..4).for_each(|partition| drop(room.send_full(partition)));
    }
    let mut turn = |broker| {
        room.ready();
        let drained = room.drain_with(broker, 1, &mut OpenGate);
        let partitions = Room::partitions(&drained);
        Room::acknowledge(drained, 0);
        partitions[0]
    };
    let turns: Vec<i32> = [0, 1, 1, 0, 0, 1].into_iter().map(&mut turn).collect();
    assert_eq!(turns, [0, 1, 3, 2, 0, 1], "broker 1's turns do not move broker 0's");
}

// AC18
#[test]
fn draining_a_broker_that_leads_nothing_yields_nothing() {
    let room = Room::new(settings(), &[0]);
    room.send_full(0);
    room.ready();
    assert!(room.drain(4).is_empty());
    Room::acknowledge(room.drain(0), 0);
}

struct Refusing(QueueIndex);

impl DrainGate for Refusing {
    type Pass = ();
    fn admit(&mut self, partition: QueueIndex, _: &HeadBatch<'_>) -> Admission {
        if partition == self.0 { Admission::Skip } else { Admission::Send { identity: None, pass: () } }
    }
}

// AC20, AC21
#[test]
fn a_partition_that_may_not_be_sent_does_not_delay_its_neighbours() {
    let room = Room::new(settings(), &[0; 3]);
    (0..3).for_each(|partition| drop(room.send_full(partition)));
    room.ready();
    let drained = room.drain_with(0, usize::MAX, &mut Refusing(room.queue(1).index()));
    assert_eq!(Room::partitions(&drained), [0, 2]);
    Room::acknowledge(drained, 0);
    assert_eq!(room.ready_brokers(), [0], "it is offered again");
    let drained = room.drain(0);
    assert_eq!(Room::partitions(&drained), [1]);
    Room::acknowledge(drained, 0);
}

/// Sends nothing more of one partition.
struct GivingUp(QueueIndex);

impl DrainGate for GivingUp {
    type Pass = ();
    fn admit(&mut self, partition: QueueIndex, _: &HeadBatch<'_>) -> Admission {
        let send = Admission::Send { identity: None, pass: () };
        if partition == self.0 { Admission::GiveUp } else { send }
    }
}

#[test]
fn a_batch_that_the_gate_gives_up_leaves_its_queue_without_an_attempt() {
    let room = Room::new(settings(), &[0; 2]);
    (0..2).for_each(|partition| drop(room.send_full(partition)));
    room.ready();
    let mut gate = GivingUp(room.queue(0).index());
    let mut drained = Vec::new();
    let mut given_up =
        room.accumulator.drain(room.now(), &room.cluster, BrokerId(0), usize::MAX, &mut gate, &mut drained);
    assert_eq!(Room::partitions(&drained), [1], "its neighbour is sent");
    let batch = given_up.pop().unwrap();
    assert_eq!((batch.queue(), batch.attempts()), (room.queue(0).index(), 0));
    let failure = batch.failure(room.now(), FailureKind::EpochOver, Certainty::NotWritten, None, Vec::new());
    assert_eq!(failure.attempts, 0);
    batch.settle(Outcome::Failed(Arc::new(failure)));
    Room::acknowledge(drained, 0);
    assert!(!room.accumulator.has_incomplete());
}

/// Numbers batches as an idempotent producer does, and keeps the number of a retry.
struct Numbering(i32);

impl DrainGate for Numbering {
    type Pass = ();
    fn admit(&mut self, _: QueueIndex, head: &HeadBatch<'_>) -> Admission {
        let fresh = BatchIdentity {
            producer: ProducerIdentity { producer_id: 9, epoch: 2 },
            base_sequence: Sequence(self.0),
            transactional: false,
        };
        if head.identity.is_none() {
            self.0 += head.records as i32;
        }
        Admission::Send { identity: Some(head.identity.unwrap_or(fresh)), pass: () }
    }
}

// AC22, BB14
#[test]
fn a_retried_batch_keeps_its_identity_and_its_bytes() {
    let (room, mut gate) = (Room::new(settings(), &[0]), Numbering(5));
    room.send(0, b"a");
    room.send(0, b"b");
    room.pass(10);
    room.ready();
    let first = room.drain_with(0, usize::MAX, &mut gate).pop().unwrap();
    let identity = first.batch.identity().unwrap();
    assert_eq!(identity.base_sequence, Sequence(5));
    let sent = crate::testing::bytes_of(&first.wire);
    let (batch, _) = RecordBatch::parse(&sent).unwrap();
    assert_eq!(batch.header().identity(), Some(identity));
    room.accumulator.requeue(first.batch.requeue(room.now()), room.now(), None);
    room.send_full(0);
    room.ready();
    let second = room.drain_with(0, usize::MAX, &mut gate).pop().unwrap();
    assert_eq!((second.batch.identity(), second.batch.attempts()), (Some(identity), 2));
    assert_eq!(crate::testing::bytes_of(&second.wire), sent);
    assert_eq!(second.wire.payload[0].as_ptr(), first.wire.payload[0].as_ptr(), "the same memory");
    room.ready();
    let next = room.drain_with(0, usize::MAX, &mut gate).pop().unwrap();
    assert_eq!(next.batch.identity().unwrap().base_sequence, Sequence(7));
    second.batch.settle(written(0));
    next.batch.settle(written(2));
    drop(first.wire);
    drop((second.wire, next.wire));
}

// AC24
#[test]
fn batches_come_back_in_the_order_in_which_they_were_opened() {
    let room = Room::new(settings(), &[0]);
    let mut drained = Vec::new();
    for byte in *b"abc" {
        room.send(0, &[byte; 950]);
        drained.extend(room.turn(0));
    }
    room.send_full(0);
    for index in [1, 1, 0] {
        let batch = drained.remove(index).batch;
        room.accumulator.requeue(batch.requeue(room.now()), room.now(), None);
    }
    for byte in *b"abcx" {
        let drained = room.turn(0).pop().unwrap();
        assert_eq!(values(&drained.wire)[0][0], byte);
        drained.batch.settle(written(0));
    }
}

#[test]
fn time_is_charged_to_what_it_was_spent_on() {
    let room = Room::new(settings(), &[0]);
    room.send(0, b"v");
    room.pass(10);
    let drained = room.turn(0).pop().unwrap();
    room.pass(30);
    room.accumulator.requeue(drained.batch.requeue(room.now()), room.now(), Some(room.now() + MS(100)));
    room.pass(105);
    let mut drained = room.turn(0).pop().unwrap();
    room.pass(50);
    drained.batch.charge_throttled(MS(20));
    drained.batch.mark_unknown();
    let kind = FailureKind::Disconnected;
    let failure = drained.batch.failure(room.now(), kind, Certainty::NotWritten, None, Vec::new());
    let spent = failure.spent;
    assert_eq!((spent.linger, spent.backoff, spent.queued), (MS(10), MS(100), MS(5)));
    assert_eq!((spent.in_flight, spent.throttled), (MS(60), MS(20)));
    assert_eq!((failure.waited, spent.total()), (MS(195), MS(195)));
    assert_eq!((failure.attempts, failure.certainty), (2, Certainty::Unknown));
    let words = failure.to_string();
    assert!(
        words.contains("2 attempts in 195.0ms") && words.contains("backoff 100.0ms, queued 5.0ms"),
        "{words}"
    );
    drained.batch.settle(Outcome::Failed(Arc::new(failure)));
}

// AC32
#[test]
fn a_payload_lives_as_long_as_the_network_holds_it() {
    let room = Room::new(settings(), &[0]);
    room.send_full(0);
    let Drained { batch, wire, .. } = room.turn(0).pop().unwrap();
    batch.settle(written(0));
    assert_eq!(room.pool.available(), 19_000);
    assert_eq!(values(&wire), [vec![b'x'; 950]]);
    drop(wire);
    assert_eq!(room.pool.available(), 20_000);
}

#[test]
fn records_that_do_not_compress_go_out_raw() {
    let room = Room::new(AccumulatorSettings { compression: Compression::Lz4, ..settings() }, &[0]);
    let mut dice = kp_time::Jitter::seeded(1);
    let noise: Vec<u8> = (0..900).map(|_| dice.next_u64() as u8).collect();
    room.send(0, &noise);
    room.pass(10);
    let drained = room.turn(0).pop().unwrap();
    let bytes = crate::testing::bytes_of(&drained.wire);
    let (batch, _) = RecordBatch::parse(&bytes).unwrap();
    assert_eq!(batch.header().attributes.compression(), Ok(Compression::None));
    assert_eq!(values(&drained.wire), [noise]);
    drained.batch.settle(written(0));
}

// AC23
#[test]
fn every_codec_is_sealed_by_the_driver_and_gives_its_spare_pages_back() {
    for compression in Compression::ALL.into_iter().filter(|codec| codec.is_available()) {
        let room = Room::new(AccumulatorSettings { compression, ..settings() }, &[0]);
        let large = [b'z'; 4500];
        room.send(0, &large);
        let drained = room.turn(0).pop().unwrap();
        let bytes = crate::testing::bytes_of(&drained.wire);
        let (batch, _) = RecordBatch::parse(&bytes).unwrap();
        assert_eq!(batch.header().attributes.compression(), Ok(compression));
        assert_eq!(values(&drained.wire), [large]);
        if compression != Compression::None {
            assert!(drained.wire.size() < 1000);
            let lent = room.pool.largest_allocation() - room.pool.available();
            assert!(lent < 1000, "{compression}: {lent} bytes are kept for {} ", drained.wire.size());
        }
        drained.batch.settle(written(0));
    }
}

#[derive(Default)]
struct Bell(AtomicU32);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn with_workers() -> (Room, Arc<Bell>, crate::Sealer) {
    let settings = AccumulatorSettings { compression: Compression::Lz4, seal: Seal::Workers, ..settings() };
    let room = Room::with_memory(settings, &[Some(0), Some(0)], 40_000);
    let bell = Arc::new(Bell::default());
    room.accumulator.set_seal_bell(Waker::from(Arc::clone(&bell)));
    let sealer = room.accumulator.sealers(1).pop().unwrap();
    (room, bell, sealer)
}

// AC23
#[test]
fn a_batch_waits_for_its_worker_and_keeps_its_place() {
    let (room, bell, mut sealer) = with_workers();
    for byte in *b"ab" {
        room.send(0, &[byte; 1500]);
    }
    assert_eq!(bell.0.load(Ordering::SeqCst), 2);
    assert_eq!(room.ready_brokers(), []);
    assert!(room.accumulator.prepare_to_sleep(None));
    let (first, second) =
        (room.accumulator.next_to_seal().unwrap(), room.accumulator.next_to_seal().unwrap());
    assert!(room.accumulator.next_to_seal().is_none());
    room.accumulator.put_sealed(second.seal(&mut sealer));
    assert_eq!(room.rung.times(), 0, "the one before it is not sealed yet");
    assert_eq!(room.ready_brokers(), []);
    assert!(room.accumulator.prepare_to_sleep(None));
    room.accumulator.put_sealed(first.seal(&mut sealer));
    assert_eq!(room.rung.times(), 1);
    for byte in *b"ab" {
        let drained = room.turn(0).pop().unwrap();
        assert_eq!(values(&drained.wire), [[byte; 1500]]);
        assert!(drained.wire.size() < 200, "{} bytes", drained.wire.size());
        drained.batch.settle(written(0));
    }
    drop(sealer);
}

#[test]
fn a_lingering_batch_is_closed_for_the_worker_only_when_its_broker_can_take_it() {
    // design §3: a batch is not cut early while the socket is still busy
    let (room, bell, mut sealer) = with_workers();
    room.send(0, &[b'a'; 100]);
    room.pass(10);
    assert_eq!(room.ready_brokers(), [0]);
    room.send(0, &[b'b'; 100]);
    assert_eq!(bell.0.load(Ordering::SeqCst), 0, "the broker was not ready: the batch went on filling");
    assert!(room.drain(0).is_empty());
    assert_eq!(bell.0.load(Ordering::SeqCst), 1);
    assert_eq!(room.ready_brokers(), []);
    let batch = room.accumulator.next_to_seal().unwrap();
    assert_eq!(batch.record_count(), 2);
    room.accumulator.put_sealed(batch.seal(&mut sealer));
    let drained = room.turn(0).pop().unwrap();
    assert_eq!(values(&drained.wire), [[b'a'; 100], [b'b'; 100]]);
    drained.batch.settle(written(0));
    drop(sealer);
}

// AC29
#[test]
fn a_batch_with_a_worker_when_everything_ends_is_failed_when_it_comes_back() {
    let (room, _, mut sealer) = with_workers();
    let record = room.send(0, &[b'a'; 1500]);
    let away = room.accumulator.next_to_seal().unwrap();
    room.accumulator.close();
    room.accumulator.fail_everything(FailureKind::NetworkThreadGone);
    assert!(room.accumulator.has_incomplete());
    room.accumulator.put_sealed(away.seal(&mut sealer));
    let Some(Outcome::Failed(failure)) = record.completion.outcome() else { panic!("it has an outcome") };
    assert_eq!((failure.kind, failure.certainty), (FailureKind::NetworkThreadGone, Certainty::NotWritten));
    drop(sealer);
}

#[test]
fn a_leader_that_is_lost_between_look_and_drain_drains_nothing() {
    let mut room = Room::new(settings(), &[0]);
    room.send_full(0);
    room.ready();
    room.cluster = cluster(2, &[None]);
    assert!(room.drain(0).is_empty());
    assert_eq!(room.ready().leaderless.len(), 1);
}

/// A worker that has sealed before the bell is still.
struct Instantly(std::sync::OnceLock<Arc<Accumulator>>, parking_lot::Mutex<Option<crate::Sealer>>);

impl Wake for Instantly {
    fn wake(self: Arc<Self>) {
        let (accumulator, mut sealer) = (self.0.get().expect("set by the test"), self.1.lock());
        let batch = accumulator.next_to_seal().expect("the bell was rung for it");
        accumulator.put_sealed(batch.seal(sealer.as_mut().expect("set by the test")));
    }
}

#[test]
fn a_worker_that_is_quicker_than_the_drain_is_not_overlooked() {
    // The queue is listed still when the worker gives the batch back, so the worker wakes no driver.
    let (room, _, sealer) = with_workers();
    let bell = Arc::new(Instantly(std::sync::OnceLock::new(), parking_lot::Mutex::new(Some(sealer))));
    bell.0.set(Arc::clone(&room.accumulator)).expect("set once");
    room.accumulator.set_seal_bell(Waker::from(Arc::clone(&bell)));
    room.send(0, b"v");
    room.pass(10);
    let drained = room.turn(0);
    assert_eq!(drained.len(), 1, "closed by this drain, sealed meanwhile, sent by this drain");
    assert_eq!(values(&drained[0].wire), [b"v"]);
    Room::acknowledge(drained, 0);
    drop(bell.1.lock().take());
}
