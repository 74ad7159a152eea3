//! Offsets of groups within transactions: TxnOffsetCommit and OffsetFetch, row by row of the measured table.

use std::time::Duration;

use kp_protocol::api::{
    FindCoordinatorRequest, OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic,
    OffsetFetchRequestTopics, TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition,
    TxnOffsetCommitRequestTopic,
};
use kp_protocol::{ApiKey, BrokerId, ErrorCode, TopicPartition};
use kp_sim::{ClusterSettings, Fault, KafkaVersion};

use super::instance::{ID, Instance, Pair, raised};
use crate::client::FIRST;

const GROUP: &str = "the-group";

fn at() -> TopicPartition {
    TopicPartition::new("t", 0)
}

/// Offset 5 of partition 0, without group metadata.
fn commit(pair: Pair) -> TxnOffsetCommitRequest {
    commit_of(pair, &[("t", 0, 5)])
}

fn commit_of((producer_id, producer_epoch): Pair, offsets: &[(&str, i32, i64)]) -> TxnOffsetCommitRequest {
    let topic = |(name, index, offset): &(&str, i32, i64)| TxnOffsetCommitRequestTopic {
        name: (*name).into(),
        partitions: vec![TxnOffsetCommitRequestPartition {
            partition_index: *index,
            committed_offset: *offset,
            committed_metadata: Some("words".into()),
            ..Default::default()
        }],
        ..Default::default()
    };
    TxnOffsetCommitRequest {
        transactional_id: ID.into(),
        group_id: GROUP.into(),
        producer_id,
        producer_epoch,
        topics: offsets.iter().map(topic).collect(),
        ..Default::default()
    }
}

/// The same, for a member.
fn commit_as(pair: Pair, member: &str, generation: i32, instance: Option<&str>) -> TxnOffsetCommitRequest {
    TxnOffsetCommitRequest {
        generation_id_or_member_epoch: generation,
        member_id: member.into(),
        group_instance_id: instance.map(Into::into),
        ..commit(pair)
    }
}

/// A cluster of this version whose coordinators of both kinds are there.
fn with_groups(kafka_version: KafkaVersion) -> Instance {
    let mut instance = Instance::on(kafka_version);
    let request = FindCoordinatorRequest { key: GROUP.into(), key_type: 0, ..Default::default() };
    let _ = instance.client.ask(FIRST, 1, &request);
    instance.pass(Duration::from_secs(1));
    instance
}

impl Instance {
    fn commit_offsets(&mut self, version: i16, request: &TxnOffsetCommitRequest) -> Vec<i16> {
        let answer = self.client.ask(FIRST, version, request);
        answer.topics.iter().flat_map(|topic| &topic.partitions).map(|it| it.error_code.0).collect()
    }

    /// Code and offset of partition 0.
    fn offset(&mut self, require_stable: bool) -> (i16, i64) {
        let topic =
            OffsetFetchRequestTopic { name: "t".into(), partition_indexes: vec![0], ..Default::default() };
        let request = OffsetFetchRequest {
            group_id: GROUP.into(),
            topics: Some(vec![topic]),
            require_stable,
            ..Default::default()
        };
        let answer = self.client.ask(FIRST, 7, &request);
        assert_eq!(answer.error_code, ErrorCode::NONE);
        let partition = &answer.topics[0].partitions[0];
        (partition.error_code.0, partition.committed_offset)
    }
}

// TM-O11, TM-O29
#[test]
fn offsets_of_a_group_that_was_not_added_are_refused_in_three_ways_or_add_it() {
    for (kafka_version, versions) in [
        (KafkaVersion::V3_9, &[(0, 48), (3, 48), (4, 120)][..]),
        (KafkaVersion::V4_3, &[(3, 48), (4, 120), (5, 0)]),
    ] {
        let mut instance = with_groups(kafka_version);
        let pair = instance.begin();
        for (version, code) in versions {
            assert_eq!(
                instance.commit_offsets(*version, &commit(pair)),
                [*code],
                "{kafka_version} v{version}"
            );
        }
    }
    // Of a transaction that has ended.
    let mut instance = with_groups(KafkaVersion::V4_3);
    let pair = instance.begin();
    assert_eq!(instance.commit_offsets(5, &commit(pair)), [0]);
    let (code, next) = instance.end(5, pair, true);
    assert_eq!((code, next), (0, raised(pair, 1)));
    instance.settle();
    assert_eq!(instance.commit_offsets(5, &commit(pair)), [47]);
    assert_eq!(instance.commit_offsets(4, &commit(next)), [120]);
    assert_eq!(instance.commit_offsets(3, &commit(next)), [48]);
}

// TM-O12, TM-O13, TM-O28
#[test]
fn offsets_are_unstable_until_the_marker_and_then_committed_or_never_there() {
    for (kafka_version, mut instance) in
        [KafkaVersion::V3_9, KafkaVersion::V4_3].map(|version| (version, with_groups(version)))
    {
        let pair = instance.begin();
        assert_eq!(instance.offset(true), (0, -1));
        assert_eq!(instance.add_offsets(3, ID, pair, GROUP), 0);
        assert_eq!(instance.commit_offsets(3, &commit(pair)), [0]);
        assert_eq!(instance.commit_offsets(3, &commit_of(pair, &[("t", 0, 6)])), [0], "the last one counts");
        assert_eq!((instance.offset(true), instance.offset(false)), ((88, -1), (0, -1)), "{kafka_version}");
        assert_eq!(instance.end(3, pair, true).0, 0);
        instance.settle();
        assert_eq!((instance.offset(true), instance.offset(false)), ((0, 6), (0, 6)), "{kafka_version}");
        assert_eq!(instance.add_offsets(3, ID, pair, GROUP), 0);
        assert_eq!(instance.commit_offsets(3, &commit_of(pair, &[("t", 0, 9)])), [0]);
        assert_eq!((instance.offset(true), instance.offset(false)), ((88, -1), (0, 6)), "the old one");
        assert_eq!(instance.end(3, pair, false).0, 0);
        instance.settle();
        assert_eq!(instance.offset(true), (0, 6), "{kafka_version}: what was aborted is forgotten");
        assert_eq!(instance.client.cluster.committed_offset(GROUP, &at()), Some(6));
    }
}

// TM-O28
#[test]
fn an_offset_stays_unstable_as_long_as_its_marker_is_not_written() {
    let mut instance = with_groups(KafkaVersion::V4_3);
    let pair = instance.begin();
    assert_eq!(instance.commit_offsets(5, &commit(pair)), [0]);
    instance.client.cluster.inject(Fault::MarkerDelay(Duration::from_secs(2)), 1);
    assert_eq!(instance.end(5, pair, true).0, 0);
    instance.pass(Duration::from_millis(1900));
    assert_eq!(instance.offset(true), (88, -1));
    instance.pass(Duration::from_millis(200));
    assert_eq!(instance.offset(true), (0, 5));
}

// TM-O14, TM-O15, TM-O16, TM-O17, TM-O18, TM-O19, TM-O20, TM-O30, TM-O31
#[test]
fn offsets_of_another_generation_or_member_are_refused_and_those_without_metadata_never() {
    for (kafka_version, absent) in [(KafkaVersion::V3_9, 25), (KafkaVersion::V4_3, 22)] {
        let mut instance = with_groups(kafka_version);
        let pair = instance.begin();
        assert_eq!(instance.add_offsets(3, ID, pair, GROUP), 0);
        assert_eq!(instance.commit_offsets(3, &commit_as(pair, "m", 3, None)), [absent], "no such group");
        assert_eq!(instance.commit_offsets(3, &commit(pair)), [0], "it makes the group");
        instance.client.cluster.add_group_member(GROUP, "m", 3, None);
        let rows = [
            (("", -1, None), 0),
            (("m", 3, None), 0),
            (("m", -1, None), 22),
            (("", 3, None), 25),
            (("m", 2, None), 22),
            (("m", 4, None), 22),
            (("x", 3, None), 25),
            (("m", 3, Some("i")), 25),
        ];
        for ((member, generation, static_id), code) in rows {
            let request = commit_as(pair, member, generation, static_id);
            let answered = instance.commit_offsets(3, &request);
            assert_eq!(answered, [code], "{kafka_version}: {member:?} {generation} {static_id:?}");
        }
        instance.client.cluster.rebalance(GROUP);
        assert_eq!(instance.commit_offsets(3, &commit_as(pair, "m", 3, None)), [22]);
    }
}

// TM-O34, TM-O35, TM-O36, TM-O41, TM-O42
#[test]
fn a_replaced_static_member_is_fenced_and_a_member_of_the_new_protocol_goes_by_its_epoch() {
    let mut instance = with_groups(KafkaVersion::V4_3);
    let pair = instance.begin();
    instance.client.cluster.add_group_member(GROUP, "old", 1, Some("i"));
    instance.client.cluster.add_group_member(GROUP, "new", 2, Some("i"));
    assert_eq!(instance.commit_offsets(5, &commit_as(pair, "old", 2, Some("i"))), [82]);
    assert_eq!(instance.commit_offsets(5, &commit_as(pair, "new", 2, Some("i"))), [0]);
    instance.client.cluster.add_consumer_group_member(GROUP, "m", 7);
    assert_eq!(instance.commit_offsets(5, &commit_as(pair, "m", 7, None)), [0]);
    assert_eq!(instance.commit_offsets(5, &commit_as(pair, "m", 6, None)), [22]);
}

// TM-O21, TM-O22, TM-O23
#[test]
fn offsets_of_another_producer_are_refused_and_the_transactional_id_is_not_compared() {
    for (kafka_version, too_high) in [(KafkaVersion::V3_9, 0), (KafkaVersion::V4_3, 47)] {
        let mut instance = with_groups(kafka_version);
        let pair = instance.begin();
        assert_eq!(instance.add_offsets(3, ID, pair, GROUP), 0);
        assert_eq!(instance.commit_offsets(3, &commit(pair)), [0]);
        assert_eq!(instance.commit_offsets(3, &commit((pair.0 + 77, pair.1))), [49], "{kafka_version}");
        let other = TxnOffsetCommitRequest { transactional_id: "another".into(), ..commit(pair) };
        assert_eq!(instance.commit_offsets(3, &other), [0], "{kafka_version}");
        assert_eq!(instance.commit_offsets(3, &commit(raised(pair, 1))), [too_high], "{kafka_version}");
    }
}

// TM-O24, TM-O25, TM-O26, TM-O27, TM-O32
#[test]
fn each_partition_is_looked_at_and_an_offset_below_zero_is_taken() {
    let mut instance = with_groups(KafkaVersion::V4_3);
    let pair = instance.begin();
    let offsets = [("absent", 0, 1), ("t", 99, 1), ("t", 0, -5)];
    assert_eq!(instance.commit_offsets(5, &commit_of(pair, &offsets)), [3, 3, 0]);
    let mut long = commit_of(pair, &[("t", 1, 1)]);
    long.topics[0].partitions[0].committed_metadata = Some("x".repeat(5000).into());
    assert_eq!(instance.commit_offsets(5, &long), [12]);
    let nameless = TxnOffsetCommitRequest { group_id: "".into(), ..commit(pair) };
    assert_eq!(instance.commit_offsets(5, &nameless), [24]);
    instance.end(5, pair, true);
    instance.settle();
    assert_eq!(instance.client.cluster.committed_offset(GROUP, &at()), Some(-5));
    assert_eq!(instance.client.cluster.committed_offset(GROUP, &TopicPartition::new("t", 1)), None);
}

// TM-L11
#[test]
fn a_late_copy_of_an_older_commit_overwrites_the_next_transactions_offset_unless_its_epoch_is_old() {
    let mut instance = with_groups(KafkaVersion::V4_3);
    let pair = instance.begin();
    for offset in [5, 10] {
        assert_eq!(instance.add_offsets(3, ID, pair, GROUP), 0);
        assert_eq!(instance.commit_offsets(4, &commit_of(pair, &[("t", 0, offset)])), [0]);
        if offset == 10 {
            assert_eq!(instance.commit_offsets(4, &commit(pair)), [0], "the late copy");
        }
        assert_eq!(instance.end(4, pair, true).0, 0);
        instance.settle();
        if offset == 5 {
            assert_eq!(instance.commit_offsets(4, &commit(pair)), [120], "between transactions");
        }
    }
    assert_eq!(instance.offset(true), (0, 5), "TV1");
    let mut instance = with_groups(KafkaVersion::V4_3);
    let pair = instance.begin();
    assert_eq!(instance.commit_offsets(5, &commit(pair)), [0]);
    let (_, next) = instance.end(5, pair, true);
    instance.settle();
    assert_eq!(instance.commit_offsets(5, &commit_of(next, &[("t", 0, 10)])), [0]);
    assert_eq!(instance.commit_offsets(5, &commit(pair)), [47], "the late copy");
    assert_eq!(instance.end(5, next, true).0, 0);
    instance.settle();
    assert_eq!(instance.offset(true), (0, 10), "TV2");
}

#[test]
fn offsets_are_fetched_of_all_topics_of_many_groups_and_by_topic_id() {
    let mut instance = with_groups(KafkaVersion::V4_3);
    let pair = instance.begin();
    assert_eq!(instance.commit_offsets(5, &commit(pair)), [0]);
    instance.end(5, pair, true);
    instance.settle();
    let group = |group: &str, topics| OffsetFetchRequestGroup {
        group_id: group.into(),
        topics,
        ..Default::default()
    };
    let request =
        OffsetFetchRequest { groups: vec![group(GROUP, None), group("absent", None)], ..Default::default() };
    let answer = instance.client.ask(FIRST, 8, &request);
    let offset = &answer.groups[0].topics[0].partitions[0];
    assert_eq!((answer.groups[0].topics[0].name.as_str(), offset.committed_offset), ("t", 5));
    assert_eq!(offset.metadata.as_deref(), Some("words"));
    assert_eq!((answer.groups[1].error_code, answer.groups[1].topics.len()), (ErrorCode::NONE, 0));
    let topic_id = instance.client.cluster.topic("t").unwrap().id();
    let topic =
        |topic_id| OffsetFetchRequestTopics { topic_id, partition_indexes: vec![0, 1], ..Default::default() };
    let mut unknown = topic_id;
    unknown.0[0] ^= 1;
    let topics = Some(vec![topic(topic_id), topic(unknown)]);
    let request = OffsetFetchRequest { groups: vec![group(GROUP, topics)], ..Default::default() };
    let answer = instance.client.ask(FIRST, 10, &request);
    let partitions = answer.groups[0].topics.iter().flat_map(|topic| &topic.partitions);
    let told: Vec<_> = partitions.map(|it| (it.error_code.0, it.committed_offset)).collect();
    assert_eq!(told, [(0, 5), (0, -1), (100, -1), (100, -1)]);
}

#[test]
fn only_the_groups_coordinator_knows_its_offsets_and_a_new_one_reads_them_first() {
    let mut instance = Instance::on_a_fresh(ClusterSettings::default().with_brokers(2));
    let find = FindCoordinatorRequest { key: GROUP.into(), key_type: 0, ..Default::default() };
    let _ = instance.client.ask(FIRST, 1, &find);
    instance.pass(Duration::from_secs(1));
    let coordinator = BrokerId(instance.client.ask(FIRST, 1, &find).node_id);
    let other = BrokerId(3 - coordinator.0);
    let request =
        OffsetFetchRequest { group_id: GROUP.into(), topics: Some(Vec::new()), ..Default::default() };
    assert_eq!(instance.client.ask(coordinator, 7, &request).error_code, ErrorCode::NONE);
    assert_eq!(instance.client.ask(other, 7, &request).error_code, ErrorCode::NOT_COORDINATOR);
    instance.client.cluster.take_down(coordinator).unwrap();
    let loading = instance.client.ask(other, 7, &request).error_code;
    assert_eq!(loading, ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
    instance.pass(Duration::from_secs(1));
    assert_eq!(instance.client.ask(other, 7, &request).error_code, ErrorCode::NONE);
}

#[test]
fn a_planned_code_is_answered_in_place_of_the_offsets_and_a_planned_move_after_them() {
    let mut instance = with_groups(KafkaVersion::V4_3);
    let pair = instance.begin();
    let (api, code) = (ApiKey::TxnOffsetCommit, ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
    instance.client.cluster.inject(Fault::AnswerInstead { api, code }, 1);
    assert_eq!(instance.commit_offsets(5, &commit(pair)), [14]);
    assert!(!instance.client.cluster.has_pending_offset(GROUP, &at()));
    instance.client.cluster.inject(Fault::CoordinatorMoves { api, carried_out: true }, 1);
    assert_eq!(instance.commit_offsets(5, &commit(pair)), [16]);
    assert!(instance.client.cluster.has_pending_offset(GROUP, &at()));
    assert_eq!(instance.commit_offsets(5, &commit(pair)), [14], "it reads its log");
    instance.pass(Duration::from_secs(1));
    assert_eq!(instance.commit_offsets(5, &commit(pair)), [0]);
}
