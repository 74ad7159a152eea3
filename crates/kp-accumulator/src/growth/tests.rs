//! Batches that grow past `batch.size`: when, how far, and what does not change by it.

use crate::batch::WireBatch;
use crate::testing::*;
use crate::{AccumulatorSettings, Admission, DrainGate, HeadBatch, Outcome, QueueIndex, Target};
use kp_protocol::records::MessageFormat;
use kp_protocol::{BrokerId, PartitionId, TopicPartition};
use std::sync::Arc;

fn growing(most: usize) -> AccumulatorSettings {
    AccumulatorSettings { growth_max: most, ..settings() }
}

/// Sends 100 bytes `times` times.
fn send_many(room: &Room, partition: i32, times: usize) {
    for _ in 0..times {
        room.send(partition, &[b'x'; 100]);
    }
}

/// A room whose broker 1 was seen to lead partition 0, and has a full window.
fn with_a_full_window(most: usize) -> Room {
    let room = Room::new(growing(most), &[1, 2]);
    room.send_full(0);
    Room::acknowledge(room.turn(1), 0);
    room.accumulator.note_waits(BrokerId(1), true);
    room
}

fn sizes(drained: &[crate::Drained]) -> Vec<usize> {
    drained.iter().map(|drained| WireBatch::size(&drained.wire)).collect()
}

#[test]
fn while_the_window_of_its_leader_is_full_the_open_batch_grows_and_goes_as_one() {
    let room = with_a_full_window(5_000);
    send_many(&room, 0, 30);
    assert_eq!(room.ready_brokers(), [1], "it was full once: nobody lets it linger");
    room.accumulator.note_waits(BrokerId(1), false);
    let drained = room.drain(1);
    assert_eq!(drained.len(), 1);
    assert_eq!(drained[0].batch.record_count(), 30);
    assert!(sizes(&drained)[0] > 3_000);
    assert!(values(&drained[0].wire).iter().all(|value| value == &[b'x'; 100]));
    Room::acknowledge(drained, 1);
    assert!(room.turn(1).is_empty());
}

#[test]
fn a_batch_never_grows_while_the_window_has_room() {
    let room = with_a_full_window(5_000);
    room.accumulator.note_waits(BrokerId(1), false);
    send_many(&room, 0, 30);
    let first = room.turn(1);
    assert!(sizes(&first)[0] <= 1_000);
    Room::acknowledge(first, 1);
    // And none grows because another broker has to wait.
    room.accumulator.note_waits(BrokerId(2), true);
    send_many(&room, 0, 30);
    while let drained = room.turn(1)
        && !drained.is_empty()
    {
        assert!(sizes(&drained)[0] <= 1_000);
        Room::acknowledge(drained, 1);
    }
    room.pass(10);
    Room::acknowledge(room.turn(1), 1);
}

#[test]
fn a_batch_that_has_grown_closes_when_the_window_opens_and_it_is_full_again() {
    let room = with_a_full_window(5_000);
    send_many(&room, 0, 20);
    room.accumulator.note_waits(BrokerId(1), false);
    send_many(&room, 0, 20);
    let drained = room.turn(1);
    let size = sizes(&drained)[0];
    assert!((2_000..=3_000).contains(&size), "it took what it had made room for, no more: {size}");
    Room::acknowledge(drained, 1);
}

#[test]
fn it_grows_to_the_limit_and_no_further_and_the_next_one_does_the_same() {
    let room = with_a_full_window(2_500);
    send_many(&room, 0, 60);
    room.accumulator.note_waits(BrokerId(1), false);
    let mut all = Vec::new();
    while let drained = room.turn(1)
        && !drained.is_empty()
    {
        all.extend(sizes(&drained));
        Room::acknowledge(drained, 1);
    }
    assert!(all.len() >= 2 && all[..2].iter().all(|size| (2_300..=2_500).contains(size)), "{all:?}");
    room.pass(10);
    Room::acknowledge(room.turn(1), 1);
}

/// A sender whose window holds one batch of each partition.
struct OneEach(Option<QueueIndex>);

impl DrainGate for OneEach {
    type Pass = ();
    fn admit(&mut self, queue: QueueIndex, _: &HeadBatch<'_>) -> Admission {
        self.0 = Some(queue);
        Admission::Send { identity: None, pass: () }
    }

    fn has_room(&mut self, queue: QueueIndex, _: &TopicPartition) -> bool {
        self.0 != Some(queue)
    }
}

#[test]
fn an_open_batch_is_not_closed_before_there_is_room_for_it() {
    let room = Room::new(growing(5_000), &[1]);
    room.accumulator.note_waits(BrokerId(1), false);
    let mut window = OneEach(None);
    room.send(0, b"first");
    room.pass(10);
    assert_eq!(room.ready_brokers(), [1]);
    let first = room.drain_with(1, usize::MAX, &mut window);
    // Its linger is over, too, and the way is not free: company may join.
    for _ in 0..3 {
        send_many(&room, 0, 10);
        room.pass(10);
        assert_eq!(room.ready_brokers(), [1]);
        assert!(room.drain_with(1, usize::MAX, &mut window).is_empty());
    }
    window.0 = None;
    let second = room.drain_with(1, usize::MAX, &mut window);
    assert_eq!(second[0].batch.record_count(), 30, "all that came meanwhile, in one batch");
    Room::acknowledge(first, 0);
    Room::acknowledge(second, 1);
}

#[test]
fn a_batch_older_than_a_second_grows_no_further() {
    let room = with_a_full_window(50_000);
    send_many(&room, 0, 12);
    room.pass(1_000);
    send_many(&room, 0, 30);
    room.accumulator.note_waits(BrokerId(1), false);
    let old = room.turn(1);
    assert!(old[0].batch.record_count() < 20, "{}", old[0].batch.record_count());
    Room::acknowledge(old, 1);
    let young = room.turn(1);
    assert!(young[0].batch.record_count() > 20, "the next one grew");
    Room::acknowledge(young, 30);
}

#[test]
fn a_record_that_fits_no_step_closes_the_grown_batch() {
    let room = with_a_full_window(5_000);
    send_many(&room, 0, 8);
    room.send(0, &[b'y'; 3_000]);
    room.accumulator.note_waits(BrokerId(1), false);
    let drained = room.turn(1);
    assert_eq!(drained[0].batch.record_count(), 8);
    Room::acknowledge(drained, 1);
    let drained = room.turn(1);
    assert_eq!(values(&drained[0].wire), [vec![b'y'; 3_000]]);
    Room::acknowledge(drained, 9);
}

#[test]
fn the_open_batch_of_a_muted_partition_grows_as_well() {
    let room = Room::new(growing(5_000), &[1]);
    room.accumulator.note_waits(BrokerId(1), false);
    room.send_full(0);
    let drained = room.turn(1);
    room.accumulator.mute(drained[0].queue);
    send_many(&room, 0, 30);
    assert!(room.ready_brokers().is_empty(), "muted");
    room.accumulator.unmute(drained[0].queue);
    Room::acknowledge(drained, 0);
    let drained = room.turn(1);
    assert_eq!(drained[0].batch.record_count(), 30);
    Room::acknowledge(drained, 1);
}

/// A sender that has as many batches of every partition in flight as it may have.
struct FullWindows;

impl DrainGate for FullWindows {
    type Pass = ();
    fn admit(&mut self, _: QueueIndex, _: &HeadBatch<'_>) -> Admission {
        Admission::Skip
    }
}

#[test]
fn a_partition_whose_own_window_is_full_grows_until_its_head_is_taken() {
    let room = Room::new(growing(5_000), &[1]);
    room.accumulator.note_waits(BrokerId(1), false);
    room.send_full(0);
    assert_eq!(room.ready_brokers(), [1]);
    assert!(room.drain_with(1, usize::MAX, &mut FullWindows).is_empty());
    send_many(&room, 0, 30);
    let first = room.turn(1);
    Room::acknowledge(first, 0);
    let grown = room.turn(1);
    assert_eq!(grown[0].batch.record_count(), 30);
    Room::acknowledge(grown, 1);
    // Taken: the window has room again.
    send_many(&room, 0, 30);
    let strict = room.turn(1);
    assert!(sizes(&strict)[0] <= 1_000);
    Room::acknowledge(strict, 31);
    while let drained = room.turn(1)
        && !drained.is_empty()
    {
        Room::acknowledge(drained, 40);
    }
}

#[test]
fn a_flush_and_a_shortage_of_memory_take_it_as_it_is() {
    let room = with_a_full_window(5_000);
    send_many(&room, 0, 12);
    let flush = room.accumulator.begin_flush();
    let drained = room.turn(1);
    assert_eq!(drained[0].batch.record_count(), 12);
    Room::acknowledge(drained, 1);
    drop(flush);
}

#[test]
fn a_batch_that_was_too_large_lowers_the_limit_of_its_topic() {
    // BB26
    let room = with_a_full_window(5_000);
    send_many(&room, 0, 40);
    let drained = room.turn(1).remove(0);
    let size = WireBatch::size(&drained.wire);
    assert!(size > 4_000);
    drop(drained.wire);
    let (whole, outcome) = room.accumulator.split(drained.batch, room.now()).unwrap();
    assert!(matches!(outcome, Outcome::Split(_)));
    whole.settle(outcome);
    while let drained = room.turn(1)
        && !drained.is_empty()
    {
        Room::acknowledge(drained, 1);
    }
    send_many(&room, 0, 60);
    let drained = room.turn(1);
    assert!((1_001..=size / 2).contains(&sizes(&drained)[0]), "{:?}", sizes(&drained));
    Room::acknowledge(drained, 1);
    room.accumulator.fail_everything(crate::FailureKind::Closed);
}

#[test]
fn unkeyed_records_move_on_after_batch_size_bytes_although_the_batch_goes_on_growing() {
    // PA5
    let room = Room::new(growing(100_000), &[1, 1]);
    for partition in [0, 1] {
        room.send_full(partition);
        Room::acknowledge(room.turn(1), 0);
    }
    room.accumulator.note_waits(BrokerId(1), true);
    let mut of_each = [0usize; 2];
    for _ in 0..100 {
        let sent = room.send_record(Target::Sticky, &value(&[b'x'; 100]), None).unwrap();
        of_each[usize::from(sent.partition == PartitionId(1))] += 1;
    }
    assert!(of_each.iter().all(|records| *records >= 20), "{of_each:?}");
    let drained = room.turn(1);
    assert_eq!(drained.len(), 2);
    Room::acknowledge(drained, 1);
}

#[test]
fn pages_of_a_grown_batch_are_counted_and_come_back() {
    let room = with_a_full_window(5_000);
    let before = room.pool.available();
    send_many(&room, 0, 40);
    assert!(before - room.pool.available() >= 4_000);
    Room::acknowledge(room.turn(1), 1);
    assert_eq!(room.pool.available(), before);
}

#[test]
fn records_of_an_old_format_count_what_they_take_there() {
    let room = with_a_full_window(3_000);
    room.accumulator.set_record_format(Some(MessageFormat::V0));
    send_many(&room, 0, 40);
    let drained = room.turn(1);
    // Each takes 26 bytes besides its value there.
    assert!(drained[0].batch.record_count() <= 3_000 / 126);
    assert!(drained[0].batch.record_count() > 2_000 / 126);
    let _ = Arc::clone(drained[0].batch.completion());
    Room::acknowledge(drained, 1);
    room.accumulator.fail_everything(crate::FailureKind::Closed);
}

#[test]
fn before_the_driver_has_found_a_broker_ready_everything_grows() {
    for broker in [0, 1] {
        let room = Room::new(growing(5_000), &[broker]);
        send_many(&room, 0, 30);
        assert_eq!(room.ready_brokers(), [broker]);
        send_many(&room, 0, 10);
        room.accumulator.note_waits(BrokerId(broker), false);
        let first = room.turn(broker);
        assert_eq!(first[0].batch.record_count(), 40, "all of it, in one batch");
        Room::acknowledge(first, 0);
        send_many(&room, 0, 30);
        let strict = room.turn(broker);
        assert!(sizes(&strict)[0] <= 1_000);
        Room::acknowledge(strict, 40);
        room.accumulator.fail_everything(crate::FailureKind::Closed);
    }
}
