//! An instance of a transactional producer without any logic: each call is one request, each answer is told as numbers.

use std::time::Duration;

use kp_protocol::api::{
    AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, AddPartitionsToTxnTopic,
    AddPartitionsToTxnTransaction, EndTxnRequest, FindCoordinatorRequest, InitProducerIdRequest,
    PartitionProduceData, ProduceRequest, TopicProduceData,
};
use kp_protocol::{BatchIdentity, ErrorCode, ProducerIdentity, Records, Request, Sequence};
use kp_sim::{ClusterSettings, KafkaVersion, Reply, TransactionSettings, TransactionState};
use kp_time::Clock;

use crate::client::{Client, FIRST, batch};

/// The transactional id of every instance here.
pub(crate) const ID: &str = "the-id";
/// Nothing in an answer.
pub(crate) const NOBODY: Pair = (-1, -1);

/// Producer id and epoch.
pub(crate) type Pair = (i64, i16);

pub(crate) struct Instance {
    pub(crate) client: Client,
}

impl Instance {
    /// On a cluster of one broker whose coordinators are there, with the topic `t` of three partitions.
    pub(crate) fn on(kafka_version: KafkaVersion) -> Self {
        let mut instance = Self::on_a_fresh(ClusterSettings { kafka_version, ..Default::default() });
        instance.find();
        instance.pass(Duration::from_secs(1));
        assert_eq!(instance.find(), ErrorCode::NONE.0);
        instance
    }

    /// The same, with markers that come so late that a test sees what is before them.
    pub(crate) fn with_slow_markers(kafka_version: KafkaVersion) -> Self {
        let transactions =
            TransactionSettings { marker_delay: Duration::from_secs(1), ..TransactionSettings::default() };
        let settings = ClusterSettings { kafka_version, transactions, ..Default::default() };
        let mut instance = Self::on_a_fresh(settings);
        instance.find();
        instance.pass(Duration::from_secs(1));
        instance
    }

    /// On a cluster that no coordinator was ever asked for.
    pub(crate) fn on_a_fresh(settings: ClusterSettings) -> Self {
        let mut client = Client::of(settings);
        client.create("t", |settings| settings.partitions = 3);
        Self { client }
    }

    /// Both brokers that were measured.
    pub(crate) fn on_both() -> [(KafkaVersion, Self); 2] {
        [KafkaVersion::V3_9, KafkaVersion::V4_3].map(|version| (version, Self::on(version)))
    }

    /// Lets time go on, and the cluster do what is due.
    pub(crate) fn pass(&mut self, time: Duration) {
        self.client.clock.advance(time);
        self.client.cluster.tick(self.client.clock.now(), self.client.clock.timestamp_ms());
    }

    /// Long enough for markers.
    pub(crate) fn settle(&mut self) {
        self.pass(Duration::from_millis(100));
    }

    pub(crate) fn state(&self) -> TransactionState {
        self.client.cluster.transaction(ID).expect("it was initialised").state()
    }

    /// The numbers of the partitions of `t` in the open transaction.
    pub(crate) fn partitions(&self) -> Vec<i32> {
        let entry = self.client.cluster.transaction(ID).expect("it was initialised");
        entry.partitions().filter(|at| &*at.topic == "t").map(|at| at.partition.0).collect()
    }

    pub(crate) fn find(&mut self) -> i16 {
        let request = FindCoordinatorRequest { key: ID.into(), key_type: 1, ..Default::default() };
        self.client.ask(FIRST, 1, &request).error_code.0
    }

    pub(crate) fn init(&mut self, version: i16, pair: Option<Pair>) -> (i16, Pair) {
        self.init_id(version, Some(ID), pair, 60_000)
    }

    pub(crate) fn init_id(
        &mut self,
        version: i16,
        id: Option<&str>,
        pair: Option<Pair>,
        transaction_timeout_ms: i32,
    ) -> (i16, Pair) {
        let (producer_id, producer_epoch) = pair.unwrap_or(NOBODY);
        let request = InitProducerIdRequest {
            transactional_id: id.map(Into::into),
            transaction_timeout_ms,
            producer_id,
            producer_epoch,
            ..Default::default()
        };
        let answer = self.client.ask(FIRST, version, &request);
        (answer.error_code.0, (answer.producer_id, answer.producer_epoch))
    }

    /// A first identity, which has to be given.
    pub(crate) fn begin(&mut self) -> Pair {
        let (code, pair) = self.init(5, None);
        assert_eq!(code, 0);
        pair
    }

    pub(crate) fn add(&mut self, version: i16, pair: Pair, partitions: &[i32]) -> i16 {
        let codes = self.add_topics(version, ID, pair, &[("t", partitions)]);
        assert!(codes.windows(2).all(|two| two[0] == two[1]), "one code for all: {codes:?}");
        codes[0]
    }

    pub(crate) fn add_topics(
        &mut self,
        version: i16,
        id: &str,
        pair: Pair,
        topics: &[(&str, &[i32])],
    ) -> Vec<i16> {
        let topic = |(name, partitions): &(&str, &[i32])| AddPartitionsToTxnTopic {
            name: (*name).into(),
            partitions: partitions.to_vec(),
            ..Default::default()
        };
        let topics = topics.iter().map(topic).collect();
        self.ask_for(version, id, pair, topics, false)
    }

    /// What the leader of partition 1 asks.
    pub(crate) fn verify(&mut self, version: i16, pair: Pair) -> i16 {
        let topic = AddPartitionsToTxnTopic { name: "t".into(), partitions: vec![1], ..Default::default() };
        self.ask_for(version, ID, pair, vec![topic], true)[0]
    }

    fn ask_for(
        &mut self,
        version: i16,
        id: &str,
        pair: Pair,
        topics: Vec<AddPartitionsToTxnTopic>,
        verify_only: bool,
    ) -> Vec<i16> {
        let (producer_id, producer_epoch) = pair;
        let request = if version < 4 {
            AddPartitionsToTxnRequest {
                v3_and_below_transactional_id: id.into(),
                v3_and_below_producer_id: producer_id,
                v3_and_below_producer_epoch: producer_epoch,
                v3_and_below_topics: topics,
                ..Default::default()
            }
        } else {
            let transaction = AddPartitionsToTxnTransaction {
                transactional_id: id.into(),
                producer_id,
                producer_epoch,
                verify_only,
                topics,
                ..Default::default()
            };
            AddPartitionsToTxnRequest { transactions: vec![transaction], ..Default::default() }
        };
        let mut answer = self.client.ask(FIRST, version, &request);
        let topics = match answer.results_by_transaction.pop() {
            Some(transaction) => transaction.topic_results,
            None => answer.results_by_topic_v3_and_below,
        };
        let partitions = topics.into_iter().flat_map(|topic| topic.results_by_partition);
        partitions.map(|partition| partition.partition_error_code.0).collect()
    }

    pub(crate) fn add_offsets(&mut self, version: i16, id: &str, pair: Pair, group: &str) -> i16 {
        let request = AddOffsetsToTxnRequest {
            transactional_id: id.into(),
            producer_id: pair.0,
            producer_epoch: pair.1,
            group_id: group.into(),
            ..Default::default()
        };
        self.client.ask(FIRST, version, &request).error_code.0
    }

    /// One record with this sequence number into partition `partition`.
    pub(crate) fn produce(&mut self, version: i16, pair: Pair, partition: i32, sequence: i32) -> (i16, i64) {
        let batch = transactional(pair, sequence);
        let request = self.produce_request(Some(ID), vec![(partition, batch)]);
        self.produced(version, &request)[0]
    }

    /// Code and offset of each partition.
    pub(crate) fn produced(&mut self, version: i16, request: &ProduceRequest) -> Vec<(i16, i64)> {
        let answer = self.client.ask(FIRST, version, request);
        let partitions = answer.responses.into_iter().flat_map(|topic| topic.partition_responses);
        partitions.map(|partition| (partition.error_code.0, partition.base_offset)).collect()
    }

    pub(crate) fn produce_request(
        &self,
        id: Option<&str>,
        batches: Vec<(i32, bytes::Bytes)>,
    ) -> ProduceRequest {
        let partition = |(index, batch)| PartitionProduceData {
            index,
            records: Some(Records::from(batch)),
            ..Default::default()
        };
        let topic_id = self.client.cluster.topic("t").expect("it is there").id();
        let partition_data = batches.into_iter().map(partition).collect();
        let topic = TopicProduceData { name: "t".into(), topic_id, partition_data, ..Default::default() };
        ProduceRequest {
            transactional_id: id.map(Into::into),
            acks: -1,
            timeout_ms: 1000,
            topic_data: vec![topic],
            ..Default::default()
        }
    }

    pub(crate) fn end(&mut self, version: i16, pair: Pair, committed: bool) -> (i16, Pair) {
        self.end_id(version, ID, pair, committed)
    }

    pub(crate) fn end_id(&mut self, version: i16, id: &str, pair: Pair, committed: bool) -> (i16, Pair) {
        let request = EndTxnRequest {
            transactional_id: id.into(),
            producer_id: pair.0,
            producer_epoch: pair.1,
            committed,
            ..Default::default()
        };
        let answer = self.client.ask(FIRST, version, &request);
        (answer.error_code.0, (answer.producer_id, answer.producer_epoch))
    }

    /// A whole transaction of one record, ended with EndTxn `version`, markers included.
    pub(crate) fn transaction(&mut self, version: i16, pair: Pair, sequence: i32, committed: bool) {
        assert_eq!(self.add(3, pair, &[0]), 0);
        assert_eq!(self.produce(11, pair, 0, sequence).0, 0);
        assert_eq!(self.end(version, pair, committed).0, 0);
        self.settle();
    }
}

/// The same requests where the connection may close in place of an answer.
impl Instance {
    fn try_ask<R: Request>(&mut self, version: i16, request: &R) -> Option<R::Response> {
        let mut reply = self.client.reply(FIRST, version, request);
        while let Reply::Later(waiting) = reply {
            self.client.clock.advance_to(waiting.deadline());
            let (now, timestamp_ms) = (self.client.clock.now(), self.client.clock.timestamp_ms());
            reply = self.client.cluster.resume(now, timestamp_ms, *waiting);
        }
        matches!(reply, Reply::Answer(_)).then(|| self.client.read::<R>(version, reply))
    }

    pub(crate) fn try_init(&mut self, pair: Option<Pair>) -> Option<(i16, Pair)> {
        let (producer_id, producer_epoch) = pair.unwrap_or(NOBODY);
        let request = InitProducerIdRequest {
            transactional_id: Some(ID.into()),
            transaction_timeout_ms: 60_000,
            producer_id,
            producer_epoch,
            ..Default::default()
        };
        let answer = self.try_ask(5, &request)?;
        Some((answer.error_code.0, (answer.producer_id, answer.producer_epoch)))
    }

    pub(crate) fn try_add(&mut self, pair: Pair, partition: i32) {
        let topic =
            AddPartitionsToTxnTopic { name: "t".into(), partitions: vec![partition], ..Default::default() };
        let request = AddPartitionsToTxnRequest {
            v3_and_below_transactional_id: ID.into(),
            v3_and_below_producer_id: pair.0,
            v3_and_below_producer_epoch: pair.1,
            v3_and_below_topics: vec![topic],
            ..Default::default()
        };
        let _ = self.try_ask(3, &request);
    }

    /// The code of the only partition.
    pub(crate) fn try_produce(&mut self, version: i16, request: &ProduceRequest) -> Option<i16> {
        let answer = self.try_ask(version, request)?;
        Some(answer.responses[0].partition_responses[0].error_code.0)
    }

    pub(crate) fn try_end(&mut self, version: i16, pair: Pair, committed: bool) -> Option<(i16, Pair)> {
        let request = EndTxnRequest {
            transactional_id: ID.into(),
            producer_id: pair.0,
            producer_epoch: pair.1,
            committed,
            ..Default::default()
        };
        let answer = self.try_ask(version, &request)?;
        Some((answer.error_code.0, (answer.producer_id, answer.producer_epoch)))
    }
}

/// A transactional batch of one record.
pub(crate) fn transactional(pair: Pair, sequence: i32) -> bytes::Bytes {
    written_by(pair, sequence, true)
}

/// The same, transactional or not.
pub(crate) fn written_by(pair: Pair, sequence: i32, transactional: bool) -> bytes::Bytes {
    let producer = ProducerIdentity { producer_id: pair.0, epoch: pair.1 };
    let identity = BatchIdentity { producer, base_sequence: Sequence(sequence), transactional };
    batch(1, Some(identity), &[&format!("{sequence}")])
}

/// The pair with its epoch raised.
pub(crate) fn raised((producer_id, epoch): Pair, by: i16) -> Pair {
    (producer_id, epoch + by)
}
