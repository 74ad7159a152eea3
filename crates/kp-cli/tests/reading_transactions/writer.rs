//! Writes in transactions into the double, request by request, without a producer that would end what is left open.

use std::time::Instant;

use bytes::Bytes;
use kp_protocol::{
    BatchIdentity, BrokerId, Message, ProducerIdentity, Request, RequestHeader, Sequence, Timestamp,
    api::{
        EndTxnRequest, FindCoordinatorRequest, InitProducerIdRequest, PartitionProduceData, ProduceRequest,
        TopicProduceData,
    },
    compression::Compression,
    decode_response_header, encode_request,
    records::{RecordEncoder, RecordRef},
};
use kp_sim::{Reply, tcp::ClusterHandle};

/// The producer with one transactional id, at a cluster of one broker.
pub(crate) struct Writer {
    cluster: ClusterHandle,
    id: &'static str,
    pub(crate) producer: ProducerIdentity,
    sequence: i32,
}

impl Writer {
    pub(crate) fn new(cluster: &ClusterHandle, id: &'static str) -> Self {
        let producer = ProducerIdentity { producer_id: -1, epoch: -1 };
        let mut writer = Self { cluster: cluster.clone(), id, producer, sequence: 0 };
        let find = FindCoordinatorRequest { key: id.into(), key_type: 1, ..Default::default() };
        let init = InitProducerIdRequest {
            transactional_id: Some(id.into()),
            transaction_timeout_ms: 600_000,
            ..Default::default()
        };
        loop {
            let _ = writer.ask(1, &find);
            let answer = writer.ask(5, &init);
            if answer.error_code.is_ok() {
                let (producer_id, epoch) = (answer.producer_id, answer.producer_epoch);
                writer.producer = ProducerIdentity { producer_id, epoch };
                return writer;
            }
            assert!(answer.error_code.is_retriable(), "{}", answer.error_code);
            std::thread::yield_now();
        }
    }

    /// One record into partition 0.
    pub(crate) fn write(&mut self, topic: &str, timestamp_ms: i64, value: &str) {
        let (mut encoder, mut payload) = (RecordEncoder::new(), Vec::new());
        let timestamp = Timestamp(timestamp_ms);
        let record = RecordRef { timestamp, key: None, value: Some(value.as_bytes()), headers: &[] };
        encoder.append(&record, &mut payload).unwrap();
        let (payload, base_sequence) = (Bytes::from(payload), Sequence(self.sequence));
        let identity = BatchIdentity { producer: self.producer, base_sequence, transactional: true };
        let header = encoder.header(Compression::None, Some(identity)).unwrap();
        let bytes = [&header.encode(std::slice::from_ref(&payload))[..], &payload[..]].concat();
        let batch = PartitionProduceData { records: Some(Bytes::from(bytes).into()), ..Default::default() };
        let topic =
            TopicProduceData { name: topic.into(), partition_data: vec![batch], ..Default::default() };
        let request = ProduceRequest {
            transactional_id: Some(self.id.into()),
            acks: -1,
            timeout_ms: 1000,
            topic_data: vec![topic],
            ..Default::default()
        };
        let answer = self.ask(12, &request);
        assert!(answer.responses[0].partition_responses[0].error_code.is_ok(), "{answer:?}");
        self.sequence += 1;
    }

    /// Ends the transaction, and waits until the markers are written.
    pub(crate) fn end(&mut self, committed: bool) {
        let request = EndTxnRequest {
            transactional_id: self.id.into(),
            producer_id: self.producer.producer_id,
            producer_epoch: self.producer.epoch,
            committed,
            ..Default::default()
        };
        let answer = self.ask(5, &request);
        assert!(answer.error_code.is_ok(), "{answer:?}");
        self.producer = ProducerIdentity { epoch: answer.producer_epoch, ..self.producer };
        self.sequence = 0;
        while self.cluster.lock().transaction(self.id).unwrap().state().is_preparing() {
            std::thread::yield_now();
        }
    }

    fn ask<R: Request>(&mut self, version: i16, request: &R) -> R::Response {
        let header = RequestHeader { correlation_id: 1, client_id: Some("test") };
        let frame = Bytes::from(encode_request(&header, version, request).unwrap().concat()).slice(4..);
        let mut cluster = self.cluster.lock();
        let Reply::Answer(segments) = cluster.handle_request(Instant::now(), 1, BrokerId(1), 1 << 40, frame)
        else {
            panic!("{} is answered at once", R::NAME)
        };
        let (_, body) =
            decode_response_header(R::KEY, version, &Bytes::from(segments.concat()).slice(4..)).unwrap();
        R::Response::parse(&body, version).unwrap()
    }
}
