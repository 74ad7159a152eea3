//! Entering: which batch, which page, what is told to whom (AC1–AC9, BB1–BB3).

use super::*;
use crate::testing::{MS, Room, cluster, settings, value, values};
use crate::{AccumulatorSettings, Outcome};
use kp_protocol::Timestamp;
use kp_protocol::compression::Compression;
use kp_time::ManualClock;

const FIRST: Target = Target::Partition(PartitionId(0));

// AC1, AC2
#[test]
fn records_go_to_the_last_batch_and_drains_take_the_first() {
    let room = Room::new(settings(), &[0]);
    let first = room.send(0, &[b'a'; 400]);
    let second = room.send(0, &[b'b'; 400]);
    assert!(Arc::ptr_eq(&first.completion, &second.completion));
    assert_eq!((first.index, second.index, first.partition), (0, 1, PartitionId(0)));
    let third = room.send(0, &[b'c'; 400]);
    assert!(!Arc::ptr_eq(&first.completion, &third.completion), "no room in the first batch");
    assert_eq!(third.index, 0);
    let drained = room.turn(0);
    assert_eq!(drained.len(), 1, "one batch of a partition at a time");
    assert_eq!(values(&drained[0].wire), [vec![b'a'; 400], vec![b'b'; 400]]);
    Room::acknowledge(drained, 10);
    room.pass(10);
    let drained = room.turn(0);
    assert_eq!(values(&drained[0].wire), [vec![b'c'; 400]]);
    Room::acknowledge(drained, 12);
    assert!(matches!(third.completion.outcome(), Some(Outcome::Written { .. })));
}

// AC1
#[test]
fn the_queues_of_a_topic_are_made_once_and_grow_with_it() {
    let room = Room::new(settings(), &[0, 0]);
    let again = room.accumulator.topic(&room.topic.name, 2);
    assert!(Arc::ptr_eq(&room.topic, &again));
    let grown = room.accumulator.topic(&room.topic.name, 4);
    assert_eq!((room.topic.partitions(), grown.partitions()), (2, 4));
    let queue = |topic, partition| Arc::clone(room.accumulator.topics.make(topic, partition));
    assert!(Arc::ptr_eq(room.queue(1), &queue(&grown, 1)), "the same queues and some more");
    let other = room.accumulator.topic(&"other".into(), 1);
    assert_ne!(queue(&other, 0).index(), queue(&grown, 0).index());
    let known = room.accumulator.topic_partition(queue(&grown, 3).index()).unwrap();
    assert_eq!(known.to_string(), "t-3");
}

#[test]
fn a_handle_older_than_the_metadata_still_reaches_new_partitions() {
    let mut room = Room::new(settings(), &[0]);
    room.cluster = cluster(2, &[Some(0), Some(0), Some(0)]);
    assert_eq!(room.send(2, b"v").partition, PartitionId(2));
}

// AC3, BB11
#[test]
fn a_batch_that_refused_a_record_is_closed_for_smaller_ones_too() {
    let room = Room::new(settings(), &[0]);
    let first = room.send(0, &[b'a'; 800]);
    let second = room.send(0, &[b'b'; 300]);
    let small = room.send(0, b"would have fitted the first");
    assert!(!Arc::ptr_eq(&small.completion, &first.completion));
    assert!(Arc::ptr_eq(&small.completion, &second.completion));
    assert_eq!(room.queue(0).state.lock().closed.len(), 1, "closed, and not drained yet");
}

// BB11
#[test]
fn a_batch_given_up_before_its_first_record_leaves_its_page_as_it_was() {
    let room = Room::new(settings(), &[0]);
    let mut spare = room.pool.try_allocate(1000).unwrap();
    let illegal = RecordRef { timestamp: Timestamp(-2), ..value(b"v") };
    assert!(room.try_send(FIRST, &illegal, &mut None, &mut spare).is_err());
    assert_eq!(spare.as_ref().map(|page| (page.len(), page.capacity())), Some((0, 1000)));
    let sent = room.try_send(FIRST, &value(b"v"), &mut None, &mut spare).unwrap();
    assert!(matches!(sent, Append::Accepted(Appended { index: 0, .. })) && spare.is_none());
}

// BB12, AC4: the page that a record beyond `batch.size` needs is counted like any other
#[test]
fn a_record_beyond_batch_size_is_counted_in_full() {
    let room = Room::new(settings(), &[0]);
    room.send(0, &[0; 5000]);
    let taken = room.pool.capacity() - room.pool.available();
    assert!((5000..5040).contains(&taken), "{taken}");
    Room::acknowledge(room.turn(0), 0);
    assert_eq!(room.pool.available(), room.pool.capacity());
}

// AC4
#[test]
fn a_record_without_an_open_batch_asks_for_one_page() {
    let room = Room::new(settings(), &[0]);
    let (mut callback, mut spare) = (None, None);
    let asked = room.try_send(FIRST, &value(b"v"), &mut callback, &mut spare).unwrap();
    assert!(matches!(asked, Append::NeedsBuffer(1000)));
    let asked = room.try_send(FIRST, &value(&[0; 3000]), &mut callback, &mut spare).unwrap();
    assert!(matches!(asked, Append::NeedsBuffer(bytes) if (3000..3030).contains(&bytes)), "{asked:?}");
    assert!(!room.accumulator.has_incomplete(), "nothing was kept");
}

// AC5
#[test]
fn a_spare_buffer_that_is_not_needed_stays_with_the_caller() {
    let room = Room::new(settings(), &[0]);
    let mut spare = room.pool.try_allocate(1000).unwrap();
    // Another thread opened a batch while this one waited for memory.
    room.send(0, b"first");
    let accepted = room.try_send(FIRST, &value(b"second"), &mut None, &mut spare).unwrap();
    assert!(matches!(accepted, Append::Accepted(Appended { index: 1, .. })));
    assert!(spare.is_some());
    drop(spare);
    assert_eq!(room.pool.available(), 19_000);
}

// AC6
#[test]
fn a_batch_is_created_when_its_buffer_came_not_when_it_was_asked_for() {
    let room = Room::new(settings(), &[0]);
    let mut spare = None;
    assert!(matches!(room.try_send(FIRST, &value(b"v"), &mut None, &mut spare), Ok(Append::NeedsBuffer(_))));
    room.pass(7);
    let opened = room.now();
    room.send(0, b"v");
    room.pass(10);
    let drained = room.turn(0);
    assert_eq!(drained[0].batch.created(), opened);
    Room::acknowledge(drained, 0);
}

// AC7, BB1
#[test]
fn a_record_larger_than_a_batch_gets_a_batch_of_its_own() {
    for compression in [Compression::None, Compression::Lz4] {
        let room = Room::new(AccumulatorSettings { compression, ..settings() }, &[0]);
        let large: Vec<u8> = (0..3000u32).map(|n| (n * n % 251) as u8).collect();
        let first = room.send(0, &large);
        let second = room.send(0, b"small");
        assert!(!Arc::ptr_eq(&first.completion, &second.completion));
        let drained = room.turn(0);
        assert_eq!(values(&drained[0].wire), [large]);
        Room::acknowledge(drained, 0);
    }
}

// BB2, BB3: without a codec the estimate is exact
#[test]
fn a_batch_is_never_larger_than_batch_size_from_its_second_record_on() {
    let room = Room::new(settings(), &[0]);
    for n in 0..200 {
        room.send(0, &vec![b'v'; n % 90]);
    }
    room.pass(10);
    let mut sizes = Vec::new();
    loop {
        let drained = room.turn(0);
        if drained.is_empty() {
            break;
        }
        sizes.extend(drained.iter().map(|drained| drained.wire.size()));
        Room::acknowledge(drained, 0);
    }
    assert!(sizes.iter().all(|size| *size <= 1000), "{sizes:?}");
    let (_, full) = sizes.split_last().unwrap();
    assert!(full.iter().all(|size| *size > 900), "the next record had no room: {sizes:?}");
}

// AC9, CL10
#[test]
fn an_append_after_close_is_refused_and_keeps_its_callback() {
    let room = Room::new(settings(), &[0]);
    room.send(0, b"before");
    room.accumulator.close();
    let mut callback = Some(crate::Notify::Call(Box::new(|_| {})));
    let refused = room.try_send(FIRST, &value(b"after"), &mut callback, &mut None);
    assert_eq!(refused.unwrap_err(), AppendError::Closed);
    assert!(callback.is_some());
    let drained = room.turn(0);
    assert_eq!(values(&drained[0].wire), [b"before"], "what was accepted goes out at once (CL3)");
    Room::acknowledge(drained, 0);
}

// PA1, FA6
#[test]
fn a_partition_that_does_not_exist_is_an_error() {
    let room = Room::new(settings(), &[0, 0]);
    for partition in [-1, 2, i32::MAX, i32::MIN] {
        let target = Target::Partition(PartitionId(partition));
        let error = room.send_record(target, &value(b"v"), None).unwrap_err();
        let PartitionId(named) = PartitionId(partition);
        assert!(
            matches!(&error, AppendError::UnknownPartition { count: 2, partition: PartitionId(p), .. } if *p == named)
        );
        assert!(error.is_retriable());
    }
}

// BB9
#[test]
fn a_record_that_cannot_be_said_leaves_nothing_behind() {
    let room = Room::new(settings(), &[0]);
    let illegal = RecordRef { timestamp: Timestamp(-2), ..value(b"v") };
    let mut spare = room.pool.try_allocate(1000).unwrap();
    let error = room.try_send(FIRST, &illegal, &mut None, &mut spare).unwrap_err();
    assert!(matches!(error, AppendError::Record(_)) && !error.is_retriable());
    assert!(spare.is_some(), "the page is still the caller's");
    assert!(!room.accumulator.has_incomplete());
    drop(spare);
    room.send(0, b"v");
    let error = room.try_send(FIRST, &illegal, &mut None, &mut None).unwrap_err();
    assert!(matches!(error, AppendError::Record(_)));
    assert_eq!(room.accumulator.incomplete_records(), 1);
}

// PA3
#[test]
fn a_key_always_goes_to_the_same_partition_whether_led_or_not() {
    let mut room = Room::new(settings(), &[0; 7]);
    room.cluster = cluster(2, &[None, Some(0), None, None, Some(1), None, None]);
    for key in [&b"21"[..], b"", b"abc", b"a-little-bit-long-string"] {
        let record = RecordRef { key: Some(key), ..value(b"v") };
        let expected = crate::partition_for_key(key, 7) as i32;
        for _ in 0..3 {
            let appended = room.send_record(room.target(&record), &record, None).unwrap();
            assert_eq!(appended.partition, PartitionId(expected));
        }
    }
}

// PA5
#[test]
fn ignored_keys_are_spread_like_no_keys() {
    let room = Room::new(
        AccumulatorSettings {
            partitioning: crate::Partitioning { ignore_keys: true, ..Default::default() },
            seed: 5,
            ..settings()
        },
        &[0; 20],
    );
    let record = RecordRef { key: Some(b"one and the same"), ..value(&[0; 500]) };
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..12 {
        seen.insert(room.send_record(room.target(&record), &record, None).unwrap().partition);
    }
    assert!(seen.len() > 1, "{seen:?}");
}

// PA5
#[test]
fn unkeyed_records_fill_a_batch_before_they_move_on() {
    let room = Room::with_memory(settings(), &[Some(0); 50], 500_000);
    let mut runs: Vec<(PartitionId, usize)> = Vec::new();
    for _ in 0..900 {
        let partition = room.send_record(Target::Sticky, &value(&[0; 100]), None).unwrap().partition;
        match runs.last_mut() {
            Some((last, count)) if *last == partition => *count += 1,
            _ => runs.push((partition, 1)),
        }
    }
    // 106 bytes each: 8 fill the 939 that a batch has for records, the ninth closes it.
    let (_, whole) = runs.split_last().unwrap();
    assert!(whole.iter().all(|(_, count)| (8..=20).contains(count)), "{runs:?}");
    assert!(runs.len() > 40, "{runs:?}");
}

// AC2
#[test]
fn only_what_the_driver_would_sleep_past_wakes_it() {
    let room = Room::new(settings(), &[0, 0]);
    room.ready();
    assert!(room.accumulator.prepare_to_sleep(None));
    room.send(0, b"opens a batch");
    assert_eq!(room.rung.times(), 1, "it lingers until a moment that the driver did not know");
    room.accumulator.awake();
    assert!(!room.accumulator.prepare_to_sleep(None), "there are news");
    let until = room.ready().next_check;
    assert_eq!(until, Some(room.now() + MS(10)));
    assert!(room.accumulator.prepare_to_sleep(until));
    room.send(0, b"joins it");
    room.pass(1);
    room.send(1, b"lingers until later");
    assert_eq!(room.rung.times(), 1);
    room.send_full(0);
    assert_eq!(room.rung.times(), 2, "a batch is full");
    room.send_full(0);
    assert_eq!(room.rung.times(), 2, "the driver is awake");
}

#[test]
fn without_linger_a_partition_is_ready_with_its_first_record() {
    let room = Room::new(AccumulatorSettings { linger: MS(0), ..settings() }, &[0]);
    room.ready();
    assert!(room.accumulator.prepare_to_sleep(None));
    room.send(0, b"a");
    room.send(0, b"b");
    assert_eq!(room.rung.times(), 1);
    let drained = room.turn(0);
    assert_eq!(values(&drained[0].wire), [b"a", b"b"], "a batch stays open until it is drained");
    Room::acknowledge(drained, 0);
}

// BB2, BB3, BB4: well compressed records make batches of up to eight times the raw size
#[test]
fn compressed_batches_fill_by_their_estimated_size() {
    let room = Room::with_memory(
        AccumulatorSettings { compression: Compression::Gzip, linger: MS(0), ..settings() },
        &[Some(0)],
        100_000,
    );
    let text = |n: u32| format!("{{\"order\": {n}, \"status\": \"shipped\", \"country\": \"de\"}}");
    let (mut raw, mut wire, mut sent, mut got) = (Vec::new(), Vec::new(), 0u32, 0u32);
    for _ in 0..100 {
        for _ in 0..150 {
            room.send(0, text(sent).as_bytes());
            sent += 1;
        }
        while got < sent {
            for drained in room.turn(0) {
                for found in values(&drained.wire) {
                    assert_eq!(found, text(got).into_bytes());
                    got += 1;
                }
                raw.push(drained.batch.raw_size());
                wire.push(drained.wire.size());
                drained.batch.settle(crate::testing::written(0));
            }
        }
    }
    assert!(raw.iter().any(|raw| *raw > 3000), "several pages each: {raw:?}");
    assert!(raw.iter().all(|raw| *raw <= 8000));
    assert!(wire.iter().all(|wire| *wire <= 1000), "{wire:?}");
}

#[test]
fn the_clock_is_asked_when_a_batch_opens_and_not_per_record() {
    struct Counting(ManualClock, std::sync::atomic::AtomicU32);
    impl Clock for Counting {
        fn now(&self) -> Instant {
            self.1.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            self.0.now()
        }
        fn timestamp_ms(&self) -> i64 {
            self.0.timestamp_ms()
        }
    }
    let room = Room::new(settings(), &[0]);
    let clock = Counting(room.clock.clone(), Default::default());
    let mut spare = room.pool.try_allocate(1000).unwrap();
    for _ in 0..9 {
        let topic = room.metadata();
        let record = value(&[0; 50]);
        let appended = room
            .accumulator
            .append(&room.topic, topic, FIRST, &record, &mut None, &mut spare, &clock)
            .unwrap();
        assert!(matches!(appended, Append::Accepted(_)));
    }
    assert_eq!(clock.1.load(std::sync::atomic::Ordering::Relaxed), 1);
}

// AC4
#[test]
fn a_batch_size_above_the_memory_there_is_sends_what_fits() {
    let settings = AccumulatorSettings { batch_size: 50_000, linger: MS(0), ..settings() };
    let room = Room::with_memory(settings, &[Some(0)], 20_000);
    room.send(0, &[b'x'; 5000]);
    let drained = room.turn(0);
    assert_eq!(drained.len(), 1);
    Room::acknowledge(drained, 0);
}

// AC4
#[test]
fn what_compressing_workers_set_aside_leaves_memory_for_several_batches() {
    for (memory, batch_size, workers) in
        [(1_000_000, 900_000, 1), (1_000_000, 200_000, 8), (1 << 20, 16_384, 64), (100, 50, 2)]
    {
        let settings = AccumulatorSettings {
            batch_size,
            compression: Compression::Lz4,
            seal: crate::Seal::Workers,
            linger: MS(0),
            ..settings()
        };
        let room = Room::with_memory(settings, &[Some(0)], memory);
        let mut sealers = room.accumulator.sealers(workers);
        let left = room.pool.largest_allocation();
        assert!(
            left >= memory.min(batch_size) && left >= memory / 2,
            "{left} of {memory} for {workers} workers"
        );
        room.send(0, b"small");
        assert!(room.turn(0).is_empty(), "it is closed for a worker");
        let batch = room.accumulator.next_to_seal().expect("it waits");
        room.accumulator.put_sealed(batch.seal(&mut sealers[0]));
        Room::acknowledge(room.turn(0), 0);
        drop(sealers);
    }
}
