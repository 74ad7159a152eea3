//! Markers: what they are in a log, what they do to a partition, and when they come.

use std::time::Duration;

use kp_protocol::records::ControlRecord;
use kp_protocol::{BrokerId, TopicPartition};
use kp_sim::{ClusterSettings, Fault, KafkaVersion, ReplicationLag, TransactionState};
use kp_time::{Clock, Jitter};

use super::instance::{ID, Instance, raised};
use crate::client::FIRST;

// TM-L8, TM 1.10
#[test]
fn a_marker_is_a_control_batch_of_one_offset_with_the_next_epoch_where_epochs_rise() {
    for (committed, version) in [(true, 4), (false, 4), (true, 5), (false, 5)] {
        let mut instance = Instance::on(KafkaVersion::V4_3);
        let pair = instance.begin();
        instance.transaction(version, pair, 0, committed);
        let log = instance.client.cluster.log("t", 0);
        let marker = &log[1];
        assert_eq!((marker.base_offset(), marker.last_offset(), log.len()), (1, 1, 2));
        let header = marker.header();
        assert!(header.attributes.is_control() && header.attributes.is_transactional());
        let epoch = if version == 5 { pair.1 + 1 } else { pair.1 };
        assert_eq!((header.producer_id, header.producer_epoch, header.base_sequence), (pair.0, epoch, -1));
        let batch = marker.record_batch().unwrap();
        batch.verify_crc().unwrap();
        let records = batch.records(1 << 10).unwrap();
        let record = ControlRecord::parse(&records.iter().next().unwrap().unwrap()).unwrap();
        let expected = if committed {
            ControlRecord::Commit { coordinator_epoch: 0 }
        } else {
            ControlRecord::Abort { coordinator_epoch: 0 }
        };
        assert_eq!(record, expected);
        assert_eq!(marker.ends_transaction(), Some(committed));
        assert_eq!(instance.client.cluster.record_count("t"), 1, "a marker is no record");
    }
}

// TM-O13
#[test]
fn the_last_stable_offset_moves_with_the_markers_and_aborted_ranges_are_kept() {
    let mut instance = Instance::on(KafkaVersion::V4_3);
    let pair = instance.begin();
    assert_eq!(instance.produce(12, pair, 0, 0), (0, 0));
    assert_eq!(instance.produce(12, pair, 0, 1), (0, 1));
    let at = |instance: &Instance| {
        let partition = &instance.client.cluster.topic("t").unwrap().partitions()[0];
        let aborted = partition.transactions().aborted();
        let ranges = aborted.iter().map(|it| (it.producer_id, it.first_offset, it.last_offset));
        (partition.last_stable_offset(), partition.log().end_offset(), ranges.collect::<Vec<_>>())
    };
    assert_eq!(at(&instance), (0, 2, vec![]));
    assert_eq!(instance.end(5, pair, false).0, 0);
    instance.settle();
    assert_eq!(at(&instance), (3, 3, vec![(pair.0, 0, 2)]));
}

#[test]
fn a_cluster_that_keeps_no_batches_keeps_no_aborted_ranges_either() {
    let mut instance = Instance::on_a_fresh(ClusterSettings { retain: false, ..Default::default() });
    instance.find();
    instance.settle();
    let mut pair = instance.begin();
    for round in 0..3 {
        assert_eq!(instance.produce(12, pair, 0, 0), (0, round * 2));
        pair = instance.end(5, pair, false).1;
        instance.settle();
    }
    let partition = &instance.client.cluster.topic("t").unwrap().partitions()[0];
    assert_eq!((partition.transactions().aborted().len(), partition.last_stable_offset()), (0, 6));
}

// TM-E33
#[test]
fn a_planned_delay_holds_the_markers_of_one_transaction_back() {
    let mut instance = Instance::on(KafkaVersion::V4_3);
    let pair = instance.begin();
    instance.client.cluster.inject(Fault::MarkerDelay(Duration::from_secs(5)), 1);
    assert_eq!(instance.produce(12, pair, 0, 0).0, 0);
    assert_eq!(instance.end(5, pair, true).0, 0);
    instance.pass(Duration::from_millis(4_999));
    assert_eq!(instance.state(), TransactionState::PrepareCommit);
    let now = instance.client.clock.now();
    assert_eq!(instance.client.cluster.next_moment(), Some(now + Duration::from_millis(1)));
    instance.pass(Duration::from_millis(1));
    assert_eq!(instance.state(), TransactionState::CompleteCommit);
    assert_eq!(instance.client.cluster.next_moment(), None);
}

fn three_brokers(lag: ReplicationLag) -> Instance {
    let settings = ClusterSettings { replication_lag: lag, ..ClusterSettings::default().with_brokers(3) };
    let mut instance = Instance::on_a_fresh(settings);
    instance.find();
    instance.settle();
    let to = FIRST;
    instance.client.cluster.move_coordinator(ID, to).unwrap();
    for index in 0..3 {
        instance.client.cluster.move_leader(&TopicPartition::new("t", index), to).unwrap();
    }
    instance.init(5, None);
    instance.settle();
    instance
}

// TC14
#[test]
fn a_partition_without_a_leader_holds_its_transaction_back_until_it_has_one() {
    let mut instance = three_brokers(ReplicationLag::NONE);
    let pair = instance.begin();
    assert_eq!(instance.produce(12, pair, 0, 0).0, 0);
    assert_eq!(instance.end(5, pair, true).0, 0);
    for broker in 1..=3 {
        instance.client.cluster.take_down(BrokerId(broker)).unwrap();
    }
    instance.pass(Duration::from_secs(60));
    assert_eq!(instance.state(), TransactionState::PrepareCommit);
    assert_eq!(instance.client.cluster.next_moment(), None, "it waits for no time");
    instance.client.cluster.bring_up(BrokerId(1)).unwrap();
    instance.settle();
    assert_eq!(instance.state(), TransactionState::CompleteCommit);
}

// TH
#[test]
fn a_marker_that_its_leader_took_with_it_is_written_again_by_the_next_one() {
    let lag = ReplicationLag { least: Duration::from_millis(50), most: Duration::from_millis(60) };
    for seed in 0..20 {
        let mut instance = three_brokers(lag);
        let pair = instance.begin();
        assert_eq!(instance.produce(12, pair, 0, 0).0, 0);
        assert_eq!(instance.end(5, pair, false).0, 0);
        instance.pass(Duration::from_millis(10));
        let at = TopicPartition::new("t", 0);
        assert_eq!(instance.client.cluster.log("t", 0).len(), 2, "the leader has the marker");
        assert_eq!(instance.state(), TransactionState::PrepareAbort, "its followers have not");
        let now = instance.client.clock.now();
        let mut dice = Jitter::seeded(seed);
        let lost = instance.client.cluster.fail_over(now, &at, BrokerId(2), false, &mut dice).unwrap();
        let partition = instance.client.cluster.partition(&at).unwrap();
        assert_eq!(
            partition.last_stable_offset() == 0,
            lost.is_some(),
            "without its marker it is open again"
        );
        instance.pass(Duration::from_secs(1));
        assert_eq!(instance.state(), TransactionState::CompleteAbort);
        let partition = instance.client.cluster.partition(&at).unwrap();
        assert_eq!(partition.last_stable_offset(), partition.log().end_offset());
        assert_eq!(partition.transactions().aborted().len(), 1);
    }
}

// TM-E13, TM-E14
#[test]
fn a_marker_of_the_same_epoch_keeps_the_window_and_one_of_the_next_begins_at_0() {
    for (_, mut instance) in Instance::on_both() {
        let pair = instance.begin();
        instance.transaction(4, pair, 0, true);
        assert_eq!(instance.add(3, pair, &[0]), 0);
        assert_eq!(instance.produce(11, pair, 0, 0), (0, 0), "taken for the batch of the last transaction");
        assert_eq!(instance.produce(11, pair, 0, 1).0, 45, "what it saw first in this one was 0");
        instance.end(4, pair, true);
        instance.settle();
        assert_eq!((instance.add(3, pair, &[0]), instance.produce(11, pair, 0, 1)), (0, (0, 3)));
    }
    let mut instance = Instance::on(KafkaVersion::V4_3);
    let pair = instance.begin();
    instance.transaction(5, pair, 0, true);
    let next = raised(pair, 1);
    assert_eq!(instance.produce(12, next, 0, 1).0, 45);
    assert_eq!(instance.partitions(), [0], "and the partition is in");
    assert_eq!(instance.produce(12, next, 0, 0), (0, 2));
    assert_eq!((instance.produce(12, pair, 0, 1).0, instance.produce(12, pair, 0, 0).0), (47, 47));
}
