//! The coordinator's timeout: when it strikes, and what the producer is told afterwards.

use std::time::Duration;

use kp_sim::{ClusterSettings, KafkaVersion, TransactionSettings, TransactionState};
use kp_time::Clock;

use super::instance::{ID, Instance, NOBODY, Pair, raised};

/// A transaction that was open for longer than its timeout of a second.
fn timed_out(kafka_version: KafkaVersion, produce: i16) -> (Instance, Pair) {
    let transactions =
        TransactionSettings { timeout_scan: Duration::from_millis(500), ..TransactionSettings::default() };
    let settings = ClusterSettings { kafka_version, transactions, ..Default::default() };
    let mut instance = Instance::on_a_fresh(settings);
    instance.find();
    instance.settle();
    let (_, pair) = instance.init_id(5, Some(ID), None, 1_000);
    if produce < 12 {
        assert_eq!(instance.add(3, pair, &[0]), 0);
    }
    assert_eq!(instance.produce(produce, pair, 0, 0).0, 0);
    instance.pass(Duration::from_millis(900));
    assert_eq!(instance.state(), TransactionState::Ongoing);
    instance.pass(Duration::from_millis(600));
    assert_eq!(instance.state(), TransactionState::CompleteAbort);
    let entry = instance.client.cluster.transaction(ID).unwrap();
    assert_eq!(entry.producer().epoch, pair.1 + 1);
    (instance, pair)
}

/// Opened by each kind of client that a broker has.
fn each() -> Vec<(KafkaVersion, i16)> {
    vec![(KafkaVersion::V3_9, 11), (KafkaVersion::V4_3, 11), (KafkaVersion::V4_3, 12)]
}

// TM-T2, TM-T3, TM-T4, TC15
#[test]
fn after_the_timeout_every_request_of_the_old_epoch_is_refused() {
    for (kafka_version, opened_by) in each() {
        let (mut instance, pair) = timed_out(kafka_version, opened_by);
        let newest = if kafka_version == KafkaVersion::V4_3 { 13 } else { 11 };
        for version in 3..=newest {
            assert_eq!(
                (instance.produce(version, pair, 0, 1).0, instance.produce(version, pair, 1, 0).0),
                (47, 47)
            );
        }
        for version in 0..=4 {
            let code = if version < 2 { 47 } else { 90 };
            assert_eq!(
                (instance.add(version, pair, &[0]), instance.add_offsets(version, ID, pair, "g")),
                (code, code)
            );
        }
        assert_eq!((instance.end(1, pair, true).0, instance.end(4, pair, true).0), (47, 90));
        assert_eq!(instance.end(4, pair, false).0, 90);
        assert_eq!(instance.init(5, None), (0, raised(pair, 2)));
    }
}

// TM-T5, TM-T6, TC21
#[test]
fn version_5_of_the_end_tells_a_timeout_and_shows_the_way_on() {
    for opened_by in [11, 12] {
        let (mut instance, pair) = timed_out(KafkaVersion::V4_3, opened_by);
        assert_eq!(instance.end(5, pair, true), (48, NOBODY));
        assert_eq!(instance.end(5, pair, false), (0, raised(pair, 1)));
        let next = raised(pair, 1);
        assert_eq!(
            (instance.produce(12, next, 0, 0).0, instance.end(5, next, true)),
            (0, (0, raised(next, 1)))
        );
    }
}

// TM-T7, TM-T8, TC21
#[test]
fn a_pair_is_renewed_after_a_timeout_by_4_3_and_not_by_3_9() {
    for (kafka_version, opened_by) in each() {
        let (mut instance, pair) = timed_out(kafka_version, opened_by);
        let expected = if kafka_version == KafkaVersion::V4_3 { (0, raised(pair, 1)) } else { (90, NOBODY) };
        for _ in 0..2 {
            assert_eq!(instance.init(5, Some(pair)), expected, "{kafka_version}");
        }
    }
}

// TM-L5
#[test]
fn fenced_by_another_instance_is_told_apart_from_a_timeout() {
    for (_, mut instance) in Instance::on_both() {
        let pair = instance.begin();
        assert_eq!(instance.add(3, pair, &[0]), 0);
        let other = instance.client.cluster.fence(ID).expect("it is known");
        assert_eq!((other.producer_id, other.epoch), raised(pair, 2));
        assert_eq!((instance.add(3, pair, &[0]), instance.init(5, Some(pair)).0), (90, 90));
        assert_eq!(instance.end(4, pair, false).0, 90);
        assert_eq!(instance.state(), TransactionState::Empty);
    }
    let mut instance = Instance::on(KafkaVersion::V4_3);
    let pair = instance.begin();
    assert_eq!(instance.produce(12, pair, 0, 0).0, 0);
    instance.client.cluster.fence(ID);
    assert_eq!((instance.end(5, pair, false).0, instance.end(5, pair, true).0), (90, 90));
    assert!(instance.client.cluster.fence("never seen").is_none());
}

#[test]
fn a_test_times_a_transaction_out_without_waiting() {
    let mut instance = Instance::on(KafkaVersion::V4_3);
    let pair = instance.begin();
    assert!(!instance.client.cluster.time_out_now(ID), "nothing is open");
    assert_eq!(instance.produce(12, pair, 0, 0).0, 0);
    assert!(instance.client.cluster.time_out_now(ID));
    instance.settle();
    assert_eq!(instance.end(5, pair, false), (0, raised(pair, 1)));
}

// TM-T2, TC15
#[test]
fn the_timeout_counts_from_the_first_partition_and_strikes_at_a_scan() {
    let mut instance = Instance::on(KafkaVersion::V4_3);
    let pair = instance.init_id(5, Some(ID), None, 15_000).1;
    assert_eq!(instance.client.cluster.next_moment(), None, "nothing is open");
    assert_eq!(instance.produce(12, pair, 0, 0).0, 0);
    let began = instance.client.clock.now();
    let first = instance.client.cluster.next_moment().unwrap();
    assert!(first >= began + Duration::from_secs(15) && first <= began + Duration::from_secs(25));
    instance.pass(Duration::from_secs(14));
    assert_eq!(instance.produce(12, pair, 1, 0).0, 0);
    assert_eq!(instance.client.cluster.next_moment(), Some(first), "a later one changes nothing");
    instance.client.clock.advance_to(first);
    instance.settle();
    assert_eq!(instance.state(), TransactionState::CompleteAbort);
    assert_eq!(instance.client.cluster.next_moment(), None);
}
