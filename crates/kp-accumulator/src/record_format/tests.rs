//! Batches and requests counted as older brokers have them.

use super::*;
use crate::testing::{MS, OpenGate, Room, bytes_of, settings, value};
use crate::{AccumulatorSettings, AppendError, Drained, Target};
use kp_protocol::PartitionId;
use kp_protocol::compression::{Compression, Compressor};
use kp_protocol::records::BATCH_HEADER_SIZE;
use kp_protocol::records::{HeaderRef, RecordBatch, RecordRef};

const FIRST: Target = Target::Partition(PartitionId(0));

/// Bytes that what was drained takes as a message set.
fn converted(drained: &Drained, format: MessageFormat) -> usize {
    let (batch, _) = RecordBatch::parse(&bytes_of(&drained.wire)).expect("a batch");
    let mut raw = Compressor::new(Compression::None, None).expect("no codec");
    batch.to_message_set(format, &mut raw, 1 << 20).expect("it can be converted").len()
}

// BB2, design of old brokers: 26 and 34 bytes per record besides key and value
#[test]
fn a_batch_for_old_brokers_is_full_by_the_size_of_its_conversion() {
    for format in [MessageFormat::V0, MessageFormat::V1] {
        let room = Room::new(settings(), &[0]);
        room.accumulator.set_record_format(Some(format));
        assert_eq!(room.accumulator.record_format(), Some(format));
        (0..200).for_each(|_| drop(room.send(0, b"ten bytes.")));
        let mut sizes = Vec::new();
        while sizes.len() < 4 {
            let drained = room.turn(0);
            assert!(!drained.is_empty(), "{format:?}: {sizes:?}");
            sizes.extend(drained.iter().map(|drained| converted(drained, format)));
            Room::acknowledge(drained, 0);
        }
        let one = format.overhead() + 10;
        assert!(sizes.iter().all(|size| (1000 - 2 * one..=1000).contains(size)), "{format:?}: {sizes:?}");
    }
}

#[test]
fn batches_that_open_after_the_upgrade_hold_more() {
    let room = Room::with_memory(settings(), &[Some(0)], 100_000);
    room.accumulator.set_record_format(Some(MessageFormat::V1));
    (0..30).for_each(|_| drop(room.send(0, b"ten bytes.")));
    let drained = room.turn(0);
    assert!(drained[0].batch.record_count() <= 22, "44 bytes each");
    Room::acknowledge(drained, 0);
    room.accumulator.set_record_format(None);
    (0..150).for_each(|_| drop(room.send(0, b"ten bytes.")));
    let opened_before = room.turn(0);
    assert!(opened_before[0].batch.record_count() <= 22, "it keeps what it was opened with");
    Room::acknowledge(opened_before, 0);
    let drained = room.turn(0);
    assert!(drained[0].batch.record_count() > 50, "17 bytes each");
    Room::acknowledge(drained, 0);
}

// AC16
#[test]
fn a_request_for_old_brokers_counts_its_batches_as_they_will_be_sent() {
    let room = Room::new(settings(), &[0, 0]);
    (0..2).for_each(|partition| (0..55).for_each(|_| drop(room.send(partition, b"ten bytes."))));
    room.pass(10);
    room.ready();
    room.accumulator.set_record_format(Some(MessageFormat::V1));
    // As batches they take about 1,900 bytes, as message sets 4,000.
    let first = room.drain_with(0, 2_500, &mut OpenGate);
    assert_eq!(Room::partitions(&first), [0]);
    let size = converted(&first[0], MessageFormat::V1);
    assert!(size > 2_000, "{size}");
    Room::acknowledge(first, 0);
    Room::acknowledge(room.drain_with(0, 2_500, &mut OpenGate), 0);
}

#[test]
fn records_with_headers_are_refused_while_brokers_are_old() {
    let room = Room::new(settings(), &[0]);
    let headers = [HeaderRef { name: "h", value: None }];
    let record = RecordRef { headers: &headers, ..value(b"v") };
    room.accumulator.set_record_format(Some(MessageFormat::V1));
    let refused = room.send_record(FIRST, &record, None).unwrap_err();
    assert_eq!(refused, AppendError::HeadersNotInFormat { magic: 1 });
    assert!(!refused.is_retriable());
    room.accumulator.set_record_format(None);
    room.send_record(FIRST, &record, None).expect("batches have headers");
}

// BB26
#[test]
fn parts_for_old_brokers_are_cut_by_the_size_of_their_conversions() {
    let room = Room::with_memory(AccumulatorSettings { linger: MS(0), ..settings() }, &[Some(0)], 100_000);
    (0..50).for_each(|_| drop(room.send(0, b"ten bytes.")));
    // The leader turns out to be older than was known.
    let drained = room.turn(0).remove(0);
    room.accumulator.set_record_format(Some(MessageFormat::V0));
    let (batch, outcome) = room.accumulator.split(drained.batch, room.now()).expect("it can be split");
    batch.settle(outcome);
    let mut counts = Vec::new();
    loop {
        let drained = room.turn(0);
        let Some(part) = drained.first() else { break };
        assert!(converted(part, MessageFormat::V0) <= 1000);
        counts.push(part.batch.record_count());
        Room::acknowledge(drained, 0);
    }
    assert!(counts.len() >= 2 && counts.iter().sum::<u32>() == 50, "{counts:?}");
}

#[test]
fn a_measure_is_never_less_than_the_conversion() {
    assert_eq!(FormatOverhead::of(None).wire_size(3, 30, 30), BATCH_HEADER_SIZE + 30);
    assert_eq!(FormatOverhead::of(Some(MessageFormat::V0)).wire_size(3, 30, 30), 30 + 3 * 19);
    assert_eq!(
        FormatOverhead::of(Some(MessageFormat::V1)).wire_size(10, 100, 50),
        50 + 135,
        "compressed to a half"
    );
}
