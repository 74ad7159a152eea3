//! Partitioners at work in a whole accumulator (PA5–PA15, AC8).

use super::*;
use crate::testing::{MS, Room, cluster, name, settings, value};
use crate::{AccumulatorSettings, Append, Partitioning, Spread, Target, TopicQueues};
use kp_metadata::{Cluster, Partition, Topic};
use kp_protocol::records::RecordRef;
use kp_protocol::{BrokerAddress, BrokerId, PartitionId, TopicId};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

/// Sends records without a key that fill a batch each; where they went.
fn sent_to(room: &Room, records: usize) -> Vec<i32> {
    let send =
        |_| room.send_record(Target::Sticky, &value(&[b'x'; 950]), None).expect("accepted").partition.0;
    (0..records).map(send).collect()
}

fn drain_all(room: &Room) {
    loop {
        let brokers = room.ready_brokers();
        let drained: Vec<_> = brokers.iter().flat_map(|broker| room.drain(*broker)).collect();
        if drained.is_empty() {
            break;
        }
        Room::acknowledge(drained, 0);
    }
}

fn with_memory(settings: AccumulatorSettings, leaders: &[i32]) -> Room {
    let leaders: Vec<_> = leaders.iter().copied().map(Some).collect();
    Room::with_memory(settings, &leaders, 10_000_000)
}

// AC8, PA6
#[test]
fn a_thread_with_older_metadata_stays_within_it_when_another_thread_moves_its_shard() {
    let room = with_memory(
        AccumulatorSettings {
            partitioning: Partitioning { adaptive: false, ..Default::default() },
            ..settings()
        },
        &[0],
    );
    // The handle and the metadata of one partition, taken before the topic grew.
    let old_topic = Topic::new(name(), TopicId::ZERO, vec![Partition::led_by(BrokerId(0))]);
    let _grown = room.accumulator.topic(&name(), 64);
    let sticky = &room.topic.shared.sticky;
    sticky.move_to(9); // as a thread with the new metadata does
    room.accumulator.brokers.reach.set_slow(vec![BrokerId(4)]); // a choice looks at the brokers then, where it can be held
    let before = sticky.switches();
    let held = room.accumulator.brokers.reach.hold();
    let accepted = std::thread::scope(|scope| {
        let old = scope.spawn(|| {
            let (record, mut spare) = (value(b"v"), room.pool.try_allocate(1000).unwrap());
            let target = Target::Sticky;
            room.accumulator.append(
                &room.topic,
                &old_topic,
                target,
                &record,
                &mut None,
                &mut spare,
                &room.clock,
            )
        });
        while sticky.switches() == before {
            std::thread::yield_now();
        }
        sticky.move_to(33); // the other thread moves on
        drop(held);
        old.join().expect("send does not panic")
    });
    let Ok(Append::Accepted(accepted)) = accepted else { panic!("{accepted:?}") };
    assert_eq!(accepted.partition, PartitionId(0));
}

// AC8, PA6
#[test]
fn a_choice_that_changed_while_the_lock_was_waited_for_is_made_again() {
    let room = Room::new(settings(), &[0, 0]);
    let sticky = &room.topic.shared.sticky;
    sticky.move_to(0);
    let mut spare = room.pool.try_allocate(1000).unwrap();
    let lock = room.queue(0).state.lock();
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| room.try_send(Target::Sticky, &value(b"v"), &mut None, &mut spare));
        // It found the lock taken when it makes room for another shard.
        while sticky.active() == 1 {
            std::hint::spin_loop();
        }
        sticky.move_to(1);
        drop(lock);
        let appended = thread.join().expect("no panic").expect("accepted");
        assert!(matches!(appended, Append::Accepted(appended) if appended.partition == PartitionId(1)));
    });
}

// PA6
#[test]
fn threads_that_share_a_shard_lose_no_byte_of_its_count() {
    let room = with_memory(settings(), &[0]);
    room.send_record(Target::Sticky, &value(b""), None).expect("accepted");
    drain_all_now(&room);
    let sticky = &room.topic.shared.sticky;
    sticky.move_to(0);
    // One partition, so one shard. 313 bytes each: three fill a batch, six make the 1,000 bytes of a stay.
    let (threads, records) = (4, 3_000);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                (0..records).for_each(|_| {
                    drop(room.send_record(Target::Sticky, &value(&[b'x'; 304]), None).expect("accepted"));
                });
            });
        }
    });
    let stays = sticky.switches() - 1;
    // The seven bytes of the first record end one stay earlier, and shift the rest.
    assert_eq!(stays, threads * records / 6, "{stays}");
}

fn drain_all_now(room: &Room) {
    room.pass(10);
    drain_all(room);
}

// PA8, PA9, PA10
#[test]
fn unkeyed_records_avoid_long_queues_once_every_partition_was_used() {
    let room = with_memory(AccumulatorSettings { seed: 4, ..settings() }, &[0; 4]);
    (0..3).for_each(|partition| (0..30).for_each(|_| drop(room.send_full(partition))));
    let before = sent_to(&room, 400);
    let first_use = before.iter().position(|partition| *partition == 3).expect("it is used some time");
    let after = sent_to(&room, 40);
    let to_short = after.iter().filter(|partition| **partition == 3).count();
    assert!(first_use < 40, "a partition that was never used is chosen like any other");
    assert!(to_short > 12, "{to_short} of 40 to the partition that was behind: {after:?}");
    drain_all(&room);
    // Weights are those of the moment: all queues are empty now, and no look was needed in between.
    let mut hits = [0; 4];
    for _ in 0..400 {
        sent_to(&room, 1).iter().for_each(|partition| hits[*partition as usize] += 1);
        drain_all(&room);
    }
    assert!(hits.iter().all(|hits| (60..140).contains(hits)), "{hits:?}");
}

// PA8: with partitioner.adaptive.partitioning.enable=false
#[test]
fn without_adaptation_a_long_queue_gets_its_share() {
    let room = with_memory(
        AccumulatorSettings {
            partitioning: Partitioning { adaptive: false, ..Default::default() },
            seed: 4,
            ..settings()
        },
        &[0; 4],
    );
    (0..100).for_each(|_| drop(room.send_full(0)));
    let hits = sent_to(&room, 400).iter().filter(|partition| **partition == 0).count();
    assert!((70..130).contains(&hits), "{hits}");
}

// PA8: every way out of a queue and back into it counts
#[test]
fn the_length_of_a_queue_follows_its_batches() {
    let room = Room::new(settings(), &[0, 0]);
    let length = || room.topic.lengths.of(0);
    room.send(0, b"open");
    assert_eq!(length(), 1);
    room.send_full(0);
    assert_eq!(length(), 2);
    let drained = room.turn(0).remove(0);
    assert_eq!(length(), 1);
    room.accumulator.requeue(drained.batch.requeue(room.now()), room.now(), None);
    assert_eq!(length(), 2);
    let mut drained = room.turn(0);
    Room::acknowledge(room.turn(0), 0);
    assert_eq!(length(), 0);
    drained.pop().expect("one record").batch.settle(crate::testing::written(0));
    (0..4).for_each(|_| drop(room.send(0, &[b'x'; 200])));
    room.pass(10);
    let large = room.turn(0).remove(0);
    let (batch, outcome) = room.accumulator.split(large.batch, room.now()).expect("it can be split");
    batch.settle(outcome);
    assert_eq!(length(), 2, "the parts");
    room.pass(1_000);
    drop(room.accumulator.expire(room.now()));
    assert_eq!(length(), 0);
    room.send(0, b"open");
    drop(room.accumulator.take_undrained());
    assert_eq!(length(), 0);
}

// PA11
#[test]
fn a_broker_that_takes_nothing_for_too_long_gets_no_unkeyed_records_until_it_takes_some() {
    let patient = AccumulatorSettings {
        partitioning: Partitioning { availability_timeout: MS(100), ..Default::default() },
        linger: MS(0),
        ..settings()
    };
    let room = with_memory(patient, &[0, 1, 0]);
    (0..3).for_each(|partition| drop(room.send_full(partition)));
    (0..9).for_each(|_| drop(room.send_full(1)));
    assert_eq!(room.ready_brokers(), [0, 1]);
    Room::acknowledge(room.drain(0), 0);
    let check = room.ready();
    assert_eq!(
        check.next_check,
        Some(room.now() + MS(100)),
        "then broker 1 counts as one that takes nothing"
    );
    room.pass(99);
    room.ready();
    assert!(sent_to(&room, 60).contains(&1), "not yet");
    Room::acknowledge(room.turn(0), 0);
    room.pass(1);
    room.ready();
    sent_to(&room, 2); // to the end of its stay
    let to = sent_to(&room, 60);
    assert!(!to.contains(&1), "{to:?}");
    Room::acknowledge(room.drain(1), 0);
    assert_eq!(room.ready().brokers.as_slice(), [BrokerId(0), BrokerId(1)], "there is more for it");
    assert!(sent_to(&room, 90).contains(&1), "it took something");
}

// PA11
#[test]
fn a_broker_for_which_nothing_waits_any_more_gets_another_chance() {
    let patient = AccumulatorSettings {
        partitioning: Partitioning { availability_timeout: MS(100), ..Default::default() },
        ..settings()
    };
    let room = with_memory(patient, &[0, 1]);
    (0..2).for_each(|partition| drop(room.send_full(partition)));
    room.ready();
    Room::acknowledge(room.drain(0), 0);
    room.pass(1_000);
    room.ready();
    sent_to(&room, 2);
    assert!(!sent_to(&room, 20).contains(&1));
    drop(room.accumulator.expire(room.now()));
    room.ready();
    assert!(sent_to(&room, 60).contains(&1));
}

// PA12
#[test]
fn a_batch_size_of_zero_counts_as_one() {
    let room = with_memory(AccumulatorSettings { batch_size: 0, seed: 2, ..settings() }, &[0; 50]);
    assert_eq!(room.accumulator.settings().batch_size, 1);
    let mut to: Vec<i32> = (0..50)
        .map(|_| room.send_record(Target::Sticky, &value(b"v"), None).expect("accepted").partition.0)
        .collect();
    to.dedup();
    assert!(to.len() > 40, "each record is a batch's worth: {to:?}");
}

fn spread(spread: Spread, ignore_keys: bool, leaders: &[Option<i32>]) -> impl FnMut(Option<&[u8]>) -> Target {
    let accumulator = crate::Accumulator::new(
        AccumulatorSettings {
            partitioning: Partitioning { spread, ignore_keys, ..Default::default() },
            seed: 77,
            ..settings()
        },
        kp_memory::BufferPool::new(10_000, 1_000),
    );
    let cluster = cluster(1, leaders);
    let topic = accumulator.topic(&name(), leaders.len());
    move |key| accumulator.target(&topic, cluster.topic("t").expect("the topic"), key)
}

fn partition(target: Target) -> i32 {
    let Target::Partition(PartitionId(partition)) = target else { panic!("{target:?}") };
    partition
}

/// To the partition of a key among three.
fn keyed(key: &[u8]) -> Target {
    Target::Keyed(PartitionId(partition_for_key(key, 3) as i32))
}

// PA13
#[test]
fn round_robin_gives_every_partition_with_a_leader_one_record_in_turn_whatever_its_key() {
    let mut next = spread(Spread::RoundRobin, true, &[Some(0), None, Some(1), Some(0)]);
    let to: Vec<i32> = (0..300u32).map(|n| partition(next(Some(&n.to_be_bytes())))).collect();
    assert!(to.windows(3).all(|turn| {
        let mut turn = turn.to_vec();
        turn.sort_unstable();
        turn == [0, 2, 3]
    }));
}

// PA15
#[test]
fn the_default_of_0_9_hashes_keys_and_counts_what_has_none() {
    let mut next = spread(Spread::RoundRobin, false, &[Some(0), Some(1), Some(0)]);
    assert_eq!(next(Some(b"key")), keyed(b"key"));
    let to: Vec<i32> = (0..6).map(|_| partition(next(None))).collect();
    assert_eq!(to[..3], to[3..], "a keyed record in between does not count");
    assert_eq!(next(Some(b"")), keyed(b""), "an empty key is a key");
    assert_ne!(to[0], to[1]);
    assert_ne!(to[1], to[2]);
}

// PA3, PA13
#[test]
fn a_turn_is_kept_for_further_attempts_and_the_partition_of_a_key_is_asked_for_anew() {
    let mut next = spread(Spread::RoundRobin, false, &[Some(0); 3]);
    assert!(next(None).is_final(), "to ask again would be another turn");
    assert!(!next(Some(b"key")).is_final(), "with more partitions it is another one");
    assert!(!Target::Sticky.is_final());
}

// PA15, PA13
#[test]
fn every_topic_has_a_counter_of_its_own_and_threads_share_it() {
    let settings = AccumulatorSettings {
        partitioning: Partitioning { spread: Spread::RoundRobin, ..Default::default() },
        ..settings()
    };
    let room = with_memory(settings, &[0; 4]);
    let other = room.accumulator.topic(&"other".into(), 4);
    let target = |topic: &TopicQueues| partition(room.accumulator.target(topic, room.metadata(), None));
    let first = target(&room.topic);
    assert_ne!(target(&other), target(&other));
    assert_eq!(target(&room.topic), (first + 1) % 4, "what other topics send does not count");
    let hits: [AtomicUsize; 4] = Default::default();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..1_000 {
                    hits[target(&room.topic) as usize].fetch_add(1, SeqCst);
                }
            });
        }
    });
    assert!(hits.iter().all(|hits| hits.load(SeqCst) == 1_000), "{hits:?}");
}

// PA5: the built-in rule of today
#[test]
fn the_built_in_rule_hashes_keys_unless_they_are_ignored() {
    let mut built_in = spread(Spread::Sticky, false, &[Some(0); 3]);
    assert_eq!((built_in(Some(b"k")), built_in(None)), (keyed(b"k"), Target::Sticky));
    let mut ignoring = spread(Spread::Sticky, true, &[Some(0); 3]);
    assert_eq!((ignoring(Some(b"k")), ignoring(None)), (Target::Sticky, Target::Sticky));
}

/// Four partitions, each led by another broker, in these racks.
fn racked(version: u64, racks: [&'static str; 4]) -> Cluster {
    let broker = |(id, rack): (i32, &'static str)| BrokerAddress {
        id: BrokerId(id),
        host: "h".into(),
        port: 9092,
        rack: Some(rack.into()),
    };
    let partitions = (0..4).map(|id| Partition::led_by(BrokerId(id))).collect();
    Cluster::new(version, (0..).zip(racks).map(broker), [Topic::new(name(), TopicId::ZERO, partitions)])
}

// PA14
#[test]
fn with_rack_awareness_unkeyed_records_stay_in_the_clients_rack_while_it_has_leaders() {
    for adaptive in [true, false] {
        let partitioning = Partitioning { rack: Some("a".into()), adaptive, ..Default::default() };
        let mut room = with_memory(AccumulatorSettings { partitioning, seed: 6, ..settings() }, &[0; 4]);
        room.cluster = racked(2, ["a", "b", "a", "b"]);
        room.accumulator.follow_racks(&room.cluster);
        let to = sent_to(&room, 60);
        assert!(to.contains(&0) && to.contains(&2) && !to.contains(&1) && !to.contains(&3), "{to:?}");
        let keyed = RecordRef { key: Some(b"21"), ..value(b"v") };
        let appended = room.send_record(room.target(&keyed), &keyed, None).expect("accepted");
        assert_eq!(appended.partition.0, partition_for_key(b"21", 4) as i32, "keys go where they belong");
        room.cluster = racked(3, ["c", "b", "c", "b"]);
        // The driver's look takes note of it as well.
        room.ready();
        let to = sent_to(&room, 100);
        assert!((0..4).all(|partition| to.contains(&partition)), "no leader is near: {to:?}");
    }
}
