//! What readers of committed records see of transactions, and what tools are told of them (TM 1.10).

use std::time::Duration;

use kp_protocol::api::{
    DescribeProducersRequest, DescribeProducersTopicRequest, DescribeTransactionsRequest,
    DescribeTransactionsTransactionState, FetchRequest, ListOffsetsPartition, ListOffsetsRequest,
    ListOffsetsTopic, ListTransactionsRequest, PartitionData,
};
use kp_protocol::{ErrorCode, TopicPartition};
use kp_sim::{KafkaVersion, Reply};
use kp_time::Clock;

use super::instance::{ID, Instance, raised};
use crate::client::{FIRST, fetch_request, values};

impl Instance {
    /// Partition 0 from `offset` on, as a reader of committed records gets it.
    fn committed(&mut self, offset: i64) -> PartitionData {
        let request = FetchRequest { isolation_level: 1, ..fetch_request("t", offset) };
        self.client.fetch(FIRST, &request)
    }

    /// The end of partition 0.
    fn latest(&mut self, isolation_level: i8) -> i64 {
        let partition = ListOffsetsPartition { timestamp: -1, ..Default::default() };
        let topic = ListOffsetsTopic { name: "t".into(), partitions: vec![partition], ..Default::default() };
        let request = ListOffsetsRequest { isolation_level, topics: vec![topic], ..Default::default() };
        self.client.ask(FIRST, 7, &request).topics[0].partitions[0].offset
    }

    fn described(&mut self, id: &str) -> DescribeTransactionsTransactionState {
        let request =
            DescribeTransactionsRequest { transactional_ids: vec![id.into()], ..Default::default() };
        self.client.ask(FIRST, 0, &request).transaction_states.remove(0)
    }

    /// Ids and states.
    fn listed(&mut self, request: &ListTransactionsRequest) -> Vec<(String, String)> {
        let answer = self.client.ask(FIRST, 1, request);
        assert_eq!(answer.error_code, ErrorCode::NONE);
        let states = answer.transaction_states.iter();
        states.map(|it| (it.transactional_id.to_string(), it.transaction_state.to_string())).collect()
    }
}

#[test]
fn readers_of_committed_records_see_none_of_an_open_transaction_and_are_told_of_an_aborted_one() {
    // TM 1.10
    for (kafka_version, mut instance) in Instance::on_both() {
        let pair = instance.begin();
        assert_eq!(instance.add(3, pair, &[0]), 0);
        assert_eq!(instance.produce(11, pair, 0, 0), (0, 0));
        assert_eq!((instance.latest(0), instance.latest(1)), (1, 0), "{kafka_version}");
        let open = instance.committed(0);
        assert_eq!((open.high_watermark, open.last_stable_offset), (1, 0));
        assert!(open.records.unwrap().is_empty());
        assert_eq!(instance.end(3, pair, false).0, 0);
        instance.settle();
        assert_eq!((instance.latest(0), instance.latest(1)), (2, 2), "a marker takes an offset");
        instance.transaction(3, pair, 1, true);
        let read = instance.committed(0);
        let aborted = read.aborted_transactions.unwrap();
        let aborted: Vec<_> = aborted.iter().map(|it| (it.producer_id, it.first_offset)).collect();
        assert_eq!((read.last_stable_offset, aborted), (4, vec![(pair.0, 0)]), "{kafka_version}");
        assert_eq!(instance.committed(2).aborted_transactions, Some(Vec::new()));
        let all = instance.client.fetch(FIRST, &fetch_request("t", 0));
        assert_eq!(all.aborted_transactions, None);
        assert_eq!(all.records.unwrap().len(), read.records.unwrap().len());
    }
}

#[test]
fn a_fetch_that_waits_for_committed_records_is_answered_when_the_marker_is_written() {
    let mut instance = Instance::with_slow_markers(KafkaVersion::V4_3);
    let pair = instance.begin();
    assert_eq!(instance.produce(12, pair, 0, 0), (0, 0));
    assert_eq!(instance.end(5, pair, true).0, 0);
    let request =
        FetchRequest { isolation_level: 1, max_wait_ms: 60_000, min_bytes: 1, ..fetch_request("t", 0) };
    let Reply::Later(waiting) = instance.client.reply(FIRST, 12, &request) else {
        panic!("there is nothing to read before the marker")
    };
    instance.client.clock.advance(Duration::from_secs(2));
    let (now, timestamp_ms) = (instance.client.clock.now(), instance.client.clock.timestamp_ms());
    let reply = instance.client.cluster.resume(now, timestamp_ms, *waiting);
    let answer = instance.client.read::<FetchRequest>(12, reply);
    let records = answer.responses[0].partitions[0].records.clone().unwrap();
    assert_eq!(kp_protocol::records::batches(&records.to_bytes()).count(), 2, "the record and its marker");
}

#[test]
fn a_time_is_not_found_behind_the_last_stable_offset() {
    let mut instance = Instance::on(KafkaVersion::V4_3);
    let pair = instance.begin();
    assert_eq!(instance.produce(12, pair, 0, 0), (0, 0));
    for (isolation_level, offset) in [(0, 0), (1, -1)] {
        let partition = ListOffsetsPartition { timestamp: 0, ..Default::default() };
        let topic = ListOffsetsTopic { name: "t".into(), partitions: vec![partition], ..Default::default() };
        let request = ListOffsetsRequest { isolation_level, topics: vec![topic], ..Default::default() };
        assert_eq!(instance.client.ask(FIRST, 7, &request).topics[0].partitions[0].offset, offset);
    }
    // Whatever is committed is found.
    assert_eq!(instance.end(5, pair, true).0, 0);
    instance.settle();
    assert_eq!(values(&instance.client.fetch(FIRST, &fetch_request("t", 0)).records.unwrap())[0].0, 0);
}

#[test]
fn a_transactional_id_is_described_in_each_state_with_what_has_no_marker_yet() {
    // TM 1.10
    let mut instance = Instance::with_slow_markers(KafkaVersion::V4_3);
    let told = |it: &DescribeTransactionsTransactionState| {
        let topics = it.topics.iter().map(|topic| (topic.topic.to_string(), topic.partitions.clone()));
        (it.transaction_state.to_string(), (it.producer_id, it.producer_epoch), topics.collect::<Vec<_>>())
    };
    assert_eq!(instance.described("absent").error_code, ErrorCode::TRANSACTIONAL_ID_NOT_FOUND);
    assert_eq!(instance.described("").error_code, ErrorCode::INVALID_REQUEST);
    let pair = instance.begin();
    let empty = instance.described(ID);
    assert_eq!(told(&empty), ("Empty".to_owned(), pair, vec![]));
    assert_eq!((empty.transaction_timeout_ms, empty.transaction_start_time_ms), (60_000, -1));
    assert_eq!(instance.add(3, pair, &[2, 0]), 0);
    let begun = instance.client.clock.timestamp_ms();
    let both = vec![("t".to_owned(), vec![0, 2])];
    let ongoing = instance.described(ID);
    assert_eq!(told(&ongoing), ("Ongoing".to_owned(), pair, both.clone()));
    assert_eq!(ongoing.transaction_start_time_ms, begun);
    assert_eq!(instance.end(5, pair, false).0, 0);
    assert_eq!(told(&instance.described(ID)), ("PrepareAbort".to_owned(), raised(pair, 1), both));
    instance.pass(Duration::from_secs(2));
    let over = instance.described(ID);
    assert_eq!(told(&over), ("CompleteAbort".to_owned(), raised(pair, 1), vec![]));
    assert_eq!(over.transaction_start_time_ms, begun, "as brokers do");
}

#[test]
fn transactional_ids_are_listed_by_state_producer_and_age_and_unknown_states_are_listed_back() {
    // TM 1.10, KIP-994
    let mut instance = Instance::on(KafkaVersion::V4_3);
    let pair = instance.begin();
    let (_, other) = instance.init_id(5, Some("other"), None, 60_000);
    assert_eq!(instance.add(3, pair, &[0]), 0);
    let row = |id: &str, state: &str| (id.to_owned(), state.to_owned());
    let all = [row("other", "Empty"), row(ID, "Ongoing")];
    assert_eq!(instance.listed(&ListTransactionsRequest::default()), all);
    let states = vec!["Ongoing".into(), "Odd".into()];
    let by_state = ListTransactionsRequest { state_filters: states, ..Default::default() };
    assert_eq!(instance.listed(&by_state), all[1..]);
    let unknown = instance.client.ask(FIRST, 1, &by_state).unknown_state_filters;
    assert_eq!(unknown.iter().map(|name| name.as_str()).collect::<Vec<_>>(), ["Odd"]);
    let by_id = ListTransactionsRequest { producer_id_filters: vec![other.0, 77], ..Default::default() };
    assert_eq!(instance.listed(&by_id), all[..1]);
    let older = ListTransactionsRequest { duration_filter: 1000, ..Default::default() };
    assert_eq!(instance.listed(&older), []);
    instance.pass(Duration::from_millis(1001));
    assert_eq!(instance.listed(&older), all[1..]);
}

#[test]
fn a_leader_tells_of_each_producer_and_where_its_transaction_began() {
    // TM 1.10
    let mut instance = Instance::on(KafkaVersion::V4_3);
    let pair = instance.begin();
    instance.transaction(5, pair, 0, true);
    let pair = raised(pair, 1);
    let topic = |name: &str, partition_indexes| DescribeProducersTopicRequest {
        name: name.into(),
        partition_indexes,
        ..Default::default()
    };
    let topics = vec![topic("t", vec![0, 9]), topic("absent", vec![0])];
    let request = DescribeProducersRequest { topics, ..Default::default() };
    let told = |instance: &mut Instance| {
        let answer = instance.client.ask(FIRST, 0, &request);
        let producer = answer.topics[0].partitions[0].active_producers[0].clone();
        assert_eq!(answer.topics[0].partitions[1].error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        assert_eq!(answer.topics[1].partitions[0].error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        assert!(answer.topics[1].partitions[0].error_message.is_some());
        let identity = (producer.producer_id, producer.producer_epoch as i16);
        (identity, producer.last_sequence, producer.current_txn_start_offset)
    };
    assert_eq!(told(&mut instance), (pair, -1, -1), "the marker has raised the epoch");
    assert_eq!(instance.produce(12, pair, 0, 0), (0, 2));
    assert_eq!(told(&mut instance), (pair, 0, 2));
    let at = TopicPartition::new("t", 0);
    assert_eq!(instance.client.cluster.partition(&at).unwrap().last_stable_offset(), 2);
}
