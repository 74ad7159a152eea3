//! A client of the state machine, in virtual time: asks one request at a time and reads the answer.

use bytes::Bytes;
use kp_protocol::api::{
    FetchPartition, FetchRequest, FetchTopic, InitProducerIdRequest, MetadataRequest, MetadataRequestTopic,
    MetadataResponseTopic, PartitionData, PartitionProduceData, PartitionProduceResponse, ProduceRequest,
    ProduceResponse, TopicProduceData,
};
use kp_protocol::compression::Compression;
use kp_protocol::records::{RecordEncoder, RecordRef, batches};
use kp_protocol::{
    BatchIdentity, BrokerId, Message, ProducerIdentity, Records, Request, RequestHeader, Sequence, Timestamp,
    TopicId, decode_response_header, encode_request,
};
use kp_sim::{ClusterSettings, Reply, SimCluster, TopicSettings};
use kp_time::{Clock, ManualClock};

/// The broker that small clusters have.
pub(crate) const FIRST: BrokerId = BrokerId(1);

pub(crate) struct Client {
    pub(crate) cluster: SimCluster,
    pub(crate) clock: ManualClock,
    correlation_id: i32,
}

impl Client {
    pub(crate) fn of(settings: ClusterSettings) -> Self {
        Self { cluster: SimCluster::new(settings), clock: ManualClock::new(), correlation_id: 0 }
    }

    /// One broker and a topic `t` with one partition.
    pub(crate) fn with_topic() -> Self {
        let mut client = Self::of(ClusterSettings::default());
        client.create("t", |_| {});
        client
    }

    pub(crate) fn create(&mut self, name: &str, change: impl FnOnce(&mut TopicSettings)) -> TopicId {
        let mut settings = TopicSettings::of(self.cluster.settings());
        change(&mut settings);
        self.cluster.create_topic(name, settings).unwrap()
    }

    /// What the broker does with a request.
    pub(crate) fn reply<R: Request>(&mut self, broker: BrokerId, version: i16, request: &R) -> Reply {
        let frame = self.frame(version, request);
        let (now, timestamp_ms) = (self.clock.now(), self.clock.timestamp_ms());
        self.cluster.handle_request(now, timestamp_ms, broker, 1, frame)
    }

    /// The next request, without its size in front.
    pub(crate) fn frame<R: Request>(&mut self, version: i16, request: &R) -> Bytes {
        self.correlation_id += 1;
        let header = RequestHeader { correlation_id: self.correlation_id, client_id: Some("test") };
        Bytes::from(encode_request(&header, version, request).unwrap().concat()).slice(4..)
    }

    /// The answer; waits in virtual time for as long as the broker does.
    pub(crate) fn ask<R: Request>(&mut self, broker: BrokerId, version: i16, request: &R) -> R::Response {
        let mut reply = self.reply(broker, version, request);
        while let Reply::Later(waiting) = reply {
            self.clock.advance_to(waiting.deadline());
            reply = self.cluster.resume(self.clock.now(), self.clock.timestamp_ms(), *waiting);
        }
        self.read::<R>(version, reply)
    }

    /// Reads an answer to the request made last.
    pub(crate) fn read<R: Request>(&self, version: i16, reply: Reply) -> R::Response {
        let Reply::Answer(segments) = reply else { panic!("an answer was expected: {reply:?}") };
        let frame = Bytes::from(segments.concat());
        assert_eq!(frame[..4], (frame.len() as i32 - 4).to_be_bytes(), "the size in front of the frame");
        let (correlation_id, body) = decode_response_header(R::KEY, version, &frame.slice(4..)).unwrap();
        assert_eq!(correlation_id, self.correlation_id);
        R::Response::parse(&body, version).unwrap()
    }

    pub(crate) fn produce_reply(
        &mut self,
        broker: BrokerId,
        version: i16,
        acks: i16,
        topic: &str,
        batch: Bytes,
    ) -> Reply {
        let request = self.produce_request(acks, topic, batch);
        self.reply(broker, version, &request)
    }

    pub(crate) fn produce_whole(
        &mut self,
        broker: BrokerId,
        version: i16,
        topic: &str,
        batch: Bytes,
    ) -> ProduceResponse {
        let request = self.produce_request(-1, topic, batch);
        self.ask(broker, version, &request)
    }

    /// Sends a batch to partition 0 with acks=all.
    pub(crate) fn produce(
        &mut self,
        broker: BrokerId,
        version: i16,
        topic: &str,
        batch: Bytes,
    ) -> PartitionProduceResponse {
        let mut response = self.produce_whole(broker, version, topic, batch);
        response.responses.remove(0).partition_responses.remove(0)
    }

    fn produce_request(&self, acks: i16, topic: &str, batch: Bytes) -> ProduceRequest {
        let topic_id = self.cluster.topic(topic).map_or(TopicId::ZERO, |topic| topic.id());
        let partition_data = vec![PartitionProduceData {
            index: 0,
            records: Some(Records::from(batch)),
            ..Default::default()
        }];
        let topic_data =
            vec![TopicProduceData { name: topic.into(), topic_id, partition_data, ..Default::default() }];
        ProduceRequest { acks, timeout_ms: 1000, topic_data, ..Default::default() }
    }

    /// A batch of these values, with the clock's time and without identity.
    pub(crate) fn batch(&self, values: &[&str]) -> Bytes {
        batch(self.clock.timestamp_ms(), None, values)
    }

    pub(crate) fn producer_id(&mut self) -> i64 {
        let request = InitProducerIdRequest { transaction_timeout_ms: i32::MAX, ..Default::default() };
        let response = self.ask(FIRST, 4, &request);
        assert_eq!((response.error_code.0, response.producer_epoch), (0, 0));
        response.producer_id
    }

    pub(crate) fn metadata(&mut self, broker: BrokerId, topic: &str) -> MetadataResponseTopic {
        let asked = MetadataRequestTopic { name: Some(topic.into()), ..Default::default() };
        let request = MetadataRequest { topics: Some(vec![asked]), ..Default::default() };
        self.ask(broker, 12, &request).topics.remove(0)
    }

    pub(crate) fn fetch(&mut self, broker: BrokerId, request: &FetchRequest) -> PartitionData {
        self.ask(broker, 12, request).responses.remove(0).partitions.remove(0)
    }
}

/// A Fetch request for partition 0, without limits and without waiting.
pub(crate) fn fetch_request(topic: &str, fetch_offset: i64) -> FetchRequest {
    let partition = FetchPartition { fetch_offset, partition_max_bytes: i32::MAX, ..Default::default() };
    let topics = vec![FetchTopic { topic: topic.into(), partitions: vec![partition], ..Default::default() }];
    FetchRequest { min_bytes: 1, topics, ..Default::default() }
}

pub(crate) fn by(producer_id: i64, epoch: i16, sequence: i32) -> Option<BatchIdentity> {
    let producer = ProducerIdentity { producer_id, epoch };
    Some(BatchIdentity { producer, base_sequence: Sequence(sequence), transactional: false })
}

pub(crate) fn batch(timestamp_ms: i64, identity: Option<BatchIdentity>, values: &[&str]) -> Bytes {
    let (mut encoder, mut payload) = (RecordEncoder::new(), Vec::new());
    for value in values {
        let record = RecordRef {
            timestamp: Timestamp(timestamp_ms),
            key: None,
            value: Some(value.as_bytes()),
            headers: &[],
        };
        encoder.append(&record, &mut payload).unwrap();
    }
    let payload = Bytes::from(payload);
    let header = encoder.header(Compression::None, identity).unwrap().encode(std::slice::from_ref(&payload));
    Bytes::from([&header[..], &payload[..]].concat())
}

/// Offset and value of every record of the whole batches in there; each batch's checksum must fit.
pub(crate) fn values(records: &Records) -> Vec<(i64, String)> {
    let mut values = Vec::new();
    for batch in batches(&records.to_bytes()) {
        let batch = batch.unwrap();
        batch.verify_crc().unwrap();
        for record in batch.records(1 << 20).unwrap().iter() {
            let record = record.unwrap();
            values.push((record.offset.0, String::from_utf8(record.value.unwrap().to_vec()).unwrap()));
        }
    }
    values
}
