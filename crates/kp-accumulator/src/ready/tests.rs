//! When a partition may be sent, and to whom (AC10–AC15, AC19).

use crate::AccumulatorSettings;
use crate::testing::{MS, Room, cluster, cluster_of, led_since, settings};
use kp_protocol::{BrokerId, TopicName};
use kp_time::Deadline;

// AC10
#[test]
fn an_open_batch_is_ready_when_it_has_lingered() {
    let room = Room::new(settings(), &[3]);
    room.send(0, b"v");
    assert_eq!(room.ready_brokers(), []);
    room.pass(9);
    assert_eq!(room.ready_brokers(), []);
    room.pass(1);
    assert_eq!(room.ready_brokers(), [3]);
    let drained = room.drain(3);
    assert_eq!(drained.len(), 1);
    Room::acknowledge(drained, 0);
    assert_eq!(room.ready_brokers(), []);
}

// AC10
#[test]
fn a_full_batch_is_ready_at_once() {
    let room = Room::new(settings(), &[3, 4]);
    room.send_full(1);
    assert_eq!(room.ready_brokers(), [4]);
    Room::acknowledge(room.drain(4), 0);
}

// AC10: the first batch has room left, but not for the record that opened the second
#[test]
fn more_than_one_batch_makes_the_first_ready() {
    let room = Room::new(settings(), &[0]);
    room.send(0, &[0; 500]);
    assert_eq!(room.ready_brokers(), []);
    room.send(0, &[0; 600]);
    assert_eq!(room.ready_brokers(), [0]);
    Room::acknowledge(room.drain(0), 0);
    assert_eq!(room.ready_brokers(), [], "the second one lingers");
}

// AC10, AC28
#[test]
fn a_flush_makes_everything_ready_and_its_end_stops_that() {
    let room = Room::new(settings(), &[0, 1]);
    room.send(0, b"v");
    room.ready();
    let flush = room.accumulator.begin_flush();
    room.send(1, b"v");
    assert_eq!(room.ready_brokers(), [0, 1]);
    drop(flush);
    Room::acknowledge(room.drain(0), 0);
    Room::acknowledge(room.drain(1), 0);
    room.send(0, b"v");
    assert_eq!(room.ready_brokers(), []);
}

// AC11
#[test]
fn somebody_who_waits_for_memory_makes_everything_ready() {
    let room = Room::new(settings(), &[0, 1]);
    room.send(0, b"v");
    room.send(1, b"v");
    assert_eq!(room.ready_brokers(), []);
    let held = room.pool.try_allocate(18_000).unwrap().unwrap();
    let deadline = Deadline::after(room.now(), MS(50), "max.block.ms");
    let waiting = room.pool.allocate(1000, deadline).unwrap();
    assert_eq!(room.ready_brokers(), [0, 1]);
    Room::acknowledge(room.drain(0), 0);
    assert!(waiting.wait_blocking(&room.clock).is_ok(), "the drained batch's page went to who waited");
    Room::acknowledge(room.drain(1), 0);
    drop(held);
}

// AC10, CL3
#[test]
fn closing_makes_everything_ready() {
    let room = Room::new(settings(), &[0]);
    room.send(0, b"v");
    room.ready();
    room.accumulator.close();
    assert_eq!(room.ready_brokers(), [0]);
    Room::acknowledge(room.drain(0), 0);
}

// AC12
#[test]
fn a_partition_without_a_leader_names_its_topic_until_it_has_one() {
    let mut room = Room::with_memory(settings(), &[None, Some(1), None], 20_000);
    room.send_full(0);
    room.send_full(1);
    room.send(2, b"lingers");
    let check = room.ready();
    assert_eq!((check.brokers.to_vec(), check.leaderless), (vec![BrokerId(1)], vec![TopicName::new("t")]));
    Room::acknowledge(room.drain(1), 0);
    assert_eq!(room.ready().leaderless, [TopicName::new("t")], "as long as it lasts");
    room.cluster = cluster(2, &[Some(2), Some(1), None]);
    let check = room.ready();
    assert_eq!((check.brokers.to_vec(), check.leaderless), (vec![BrokerId(2)], vec![]));
    Room::acknowledge(room.drain(2), 0);
    room.pass(10);
    assert_eq!(room.ready().leaderless, [TopicName::new("t")], "the one that lingered");
}

// AC12, AC25
#[test]
fn batches_that_expire_need_no_leader_any_more() {
    let room = Room::with_memory(settings(), &[None], 20_000);
    room.send_full(0);
    assert_eq!(room.ready().leaderless.len(), 1);
    room.pass(1000);
    let expired = room.accumulator.expire(room.now());
    assert_eq!(expired.len(), 1);
    assert_eq!(room.ready().leaderless, []);
    room.send_full(0);
    assert_eq!(room.ready().leaderless.len(), 1, "and the partition is not forgotten");
}

#[test]
fn a_leader_that_moves_takes_its_ready_partitions_along() {
    let mut room = Room::new(settings(), &[0, 0]);
    room.send_full(0);
    room.send_full(1);
    assert_eq!(room.ready_brokers(), [0]);
    room.cluster = cluster(2, &[Some(0), Some(4)]);
    let drained = room.drain(0);
    assert_eq!(Room::partitions(&drained), [0], "also when the drain is the first to see it");
    assert_eq!(room.ready_brokers(), [4]);
    Room::acknowledge(drained, 0);
    Room::acknowledge(room.drain(4), 0);
}

// AC13
#[test]
fn the_next_check_is_the_smallest_remaining_linger() {
    let room = Room::new(settings(), &[0, 0, 1]);
    assert_eq!(room.ready().next_check, None);
    let start = room.now();
    room.send(0, b"v");
    room.pass(3);
    room.send(2, b"v");
    assert_eq!(room.ready().next_check, Some(start + MS(10)));
    room.pass(7);
    let check = room.ready();
    assert_eq!((check.brokers.to_vec(), check.next_check), (vec![BrokerId(0)], Some(start + MS(13))));
    Room::acknowledge(room.drain(0), 0);
}

// AC10, AC13, AC14
#[test]
fn a_batch_that_backs_off_is_not_ready_even_in_a_flush() {
    let room = Room::new(settings(), &[0]);
    room.send_full(0);
    let drained = room.turn(0).pop().unwrap();
    let again = room.now() + MS(50);
    room.accumulator.requeue(drained.batch.requeue(room.now()), room.now(), Some(again));
    let flush = room.accumulator.begin_flush();
    let check = room.ready();
    assert_eq!((check.brokers.to_vec(), check.next_check), (vec![], Some(again)));
    room.pass(49);
    assert_eq!(room.ready_brokers(), []);
    room.pass(1);
    assert_eq!(room.ready_brokers(), [0]);
    Room::acknowledge(room.drain(0), 0);
    drop(flush);
}

// AC15
#[test]
fn a_newer_leader_epoch_ends_the_backoff_and_a_refresh_alone_does_not() {
    let mut room = Room::new(settings(), &[0]);
    room.cluster = cluster_of(2, vec![led_since(0, 7)]);
    room.send_full(0);
    let drained = room.turn(0).pop().unwrap();
    assert_eq!(drained.batch.leader_epoch().map(|epoch| epoch.0), Some(7));
    room.accumulator.requeue(drained.batch.requeue(room.now()), room.now(), Some(room.now() + MS(50)));
    assert_eq!(room.ready_brokers(), []);
    room.cluster = cluster_of(3, vec![led_since(0, 7)]);
    assert_eq!(room.ready_brokers(), [], "the same leader under the same epoch");
    room.cluster = cluster_of(4, vec![led_since(2, 8)]);
    assert_eq!(room.ready_brokers(), [2]);
    assert_eq!(room.ready_brokers(), [2], "and it stays so");
    Room::acknowledge(room.drain(2), 0);
}

// AC15
#[test]
fn a_newer_epoch_known_before_the_batch_comes_back_is_seen_as_well() {
    let mut room = Room::new(settings(), &[0]);
    room.cluster = cluster_of(2, vec![led_since(0, 7)]);
    room.send_full(0);
    let drained = room.turn(0).pop().unwrap();
    room.cluster = cluster_of(3, vec![led_since(2, 8)]);
    room.ready();
    room.accumulator.requeue(drained.batch.requeue(room.now()), room.now(), Some(room.now() + MS(50)));
    assert_eq!(room.ready_brokers(), [2]);
    Room::acknowledge(room.drain(2), 0);
}

// AC19, SN7
#[test]
fn a_muted_partition_is_neither_ready_nor_drained_until_it_is_unmuted() {
    let room = Room::new(settings(), &[0, 0]);
    room.send_full(0);
    let drained = room.turn(0).pop().unwrap();
    room.accumulator.mute(drained.queue);
    room.send_full(0);
    room.send_full(0);
    room.send(0, b"open");
    assert_eq!(room.ready_brokers(), []);
    room.pass(10);
    let flush = room.accumulator.begin_flush();
    assert_eq!(room.ready_brokers(), []);
    assert!(room.drain(0).is_empty());
    drop(flush);
    let queue = drained.queue;
    drained.batch.settle(crate::testing::written(0));
    room.accumulator.unmute(queue);
    assert!(!room.accumulator.prepare_to_sleep(None), "the driver has something to look at");
    assert_eq!(room.ready_brokers(), [0]);
    for _ in 0..3 {
        let drained = room.turn(0);
        assert_eq!(Room::partitions(&drained), [0]);
        Room::acknowledge(drained, 0);
    }
    assert_eq!(room.ready_brokers(), []);
}

// AC19
#[test]
fn a_partition_muted_while_it_is_ready_is_passed_over() {
    let room = Room::new(settings(), &[0, 0]);
    room.send_full(0);
    room.send_full(1);
    room.ready();
    let queue = room.queue(0).index();
    room.accumulator.mute(queue);
    let drained = room.drain(0);
    assert_eq!(Room::partitions(&drained), [1]);
    Room::acknowledge(drained, 0);
    room.accumulator.unmute(queue);
    Room::acknowledge(room.turn(0), 0);
    assert_eq!(room.ready_brokers(), []);
}

// AC26
#[test]
fn linger_without_end_waits_for_a_full_batch_a_flush_or_the_expiry() {
    let endless = std::time::Duration::MAX;
    let endless = AccumulatorSettings { linger: endless, delivery_timeout: endless, ..settings() };
    let room = Room::new(endless, &[0]);
    room.send(0, b"v");
    room.pass(1 << 40);
    assert_eq!(room.ready_brokers(), []);
    let flush = room.accumulator.begin_flush();
    assert_eq!(room.ready_brokers(), [0]);
    drop(flush);
    assert!(room.accumulator.expire(room.now()).is_empty());
    Room::acknowledge(room.drain(0), 0);
}

#[test]
fn a_queue_made_while_the_driver_looks_is_not_forgotten() {
    let at_once = AccumulatorSettings {
        linger: MS(0),
        partitioning: crate::Partitioning { rack: Some("r".into()), ..Default::default() },
        ..settings()
    };
    let room = Room::new(at_once, &[0]);
    let brokers = room.accumulator.brokers.reach.hold();
    std::thread::scope(|scope| {
        let looking = scope.spawn(|| room.ready());
        // It has the queues of before then, and waits for the brokers.
        while room.accumulator.ready_queues.try_lock().is_some() {
            std::thread::yield_now();
        }
        room.send(0, b"the first of its partition");
        drop(brokers);
        looking.join().unwrap();
    });
    Room::acknowledge(room.turn(0), 0);
    assert!(!room.accumulator.has_incomplete());
}
