//! What this crate writes is read by another implementation of the protocol, which shares no code with it.

use bytes::{Buf as _, Bytes};
use kafka_protocol::messages as theirs;
use kafka_protocol::protocol::Decodable;
use kafka_protocol::records::RecordBatchDecoder;
use kp_protocol::api::{
    LeaderIdAndEpoch, MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseBroker,
    MetadataResponsePartition, MetadataResponseTopic, NodeEndpoint, PartitionProduceData,
    PartitionProduceResponse, ProduceRequest, ProduceResponse, TopicProduceData, TopicProduceResponse,
};
use kp_protocol::compression::Compression;
use kp_protocol::records::{HeaderRef, RecordEncoder, RecordRef};
use kp_protocol::{
    BatchIdentity, ErrorCode, KafkaString, Message, ProducerIdentity, Records, RequestHeader, Sequence,
    Timestamp, TopicId, encode_body, encode_request,
};

fn batch() -> Vec<Bytes> {
    let headers = [HeaderRef { name: "trace", value: Some(b"abc") }, HeaderRef { name: "none", value: None }];
    let mut encoder = RecordEncoder::new();
    let mut payload = Vec::new();
    for (timestamp, value) in [(1000, Some(&b"first"[..])), (990, Some(b"")), (2000, None)] {
        let record =
            RecordRef { timestamp: Timestamp(timestamp), key: Some(b"key"), value, headers: &headers };
        encoder.append(&record, &mut payload).expect("is a lawful record");
    }
    let identity = BatchIdentity {
        producer: ProducerIdentity { producer_id: 4711, epoch: 3 },
        base_sequence: Sequence(i32::MAX),
        transactional: false,
    };
    let payload = Bytes::from(payload);
    let header = encoder.header(Compression::None, Some(identity)).expect("is complete");
    vec![Bytes::copy_from_slice(&header.encode(std::slice::from_ref(&payload))), payload]
}

fn read<M: Message, T: Decodable>(message: &M, version: i16) -> T {
    let mut bytes = Bytes::from(encode_body(version, message).expect("can be said").concat());
    let read =
        T::decode(&mut bytes, version).unwrap_or_else(|error| panic!("{} v{version}: {error}", M::NAME));
    assert!(!bytes.has_remaining(), "{} v{version}: they leave bytes over", M::NAME);
    read
}

#[test]
fn another_implementation_reads_our_produce_requests() {
    let records = Records::from(batch());
    for version in 3..=13 {
        let by_id = version >= 13;
        let topic = TopicProduceData {
            name: if by_id { KafkaString::default() } else { "payments".into() },
            topic_id: if by_id { TopicId([9; 16]) } else { TopicId::ZERO },
            partition_data: vec![
                PartitionProduceData { index: 4, records: Some(records.clone()), ..Default::default() },
                PartitionProduceData { index: 5, records: None, ..Default::default() },
            ],
            ..Default::default()
        };
        let request = ProduceRequest {
            transactional_id: Some("txn".into()),
            acks: -1,
            timeout_ms: 30_000,
            topic_data: vec![topic],
            ..Default::default()
        };
        let read: theirs::ProduceRequest = read(&request, version);
        assert_eq!(read.transactional_id.as_ref().map(|id| id.as_str()), Some("txn"));
        assert_eq!((read.acks, read.timeout_ms, read.topic_data.len()), (-1, 30_000, 1));
        let topic = &read.topic_data[0];
        assert_eq!(topic.name.as_str(), if by_id { "" } else { "payments" });
        assert_eq!(topic.topic_id.as_bytes(), &[if by_id { 9 } else { 0 }; 16]);
        assert_eq!((topic.partition_data[0].index, topic.partition_data[1].index), (4, 5));
        assert_eq!(topic.partition_data[0].records, Some(records.to_bytes()));
        assert_eq!(topic.partition_data[1].records, None);
    }
}

#[test]
fn another_implementation_reads_our_record_batches() {
    let mut bytes = Records::from(batch()).to_bytes();
    let set = RecordBatchDecoder::decode(&mut bytes).expect("is a batch with a right checksum");
    assert!(bytes.is_empty());
    let read: Vec<_> =
        set.records.iter().map(|record| (record.offset, record.timestamp, record.value.as_deref())).collect();
    assert_eq!(read, [(0, 1000, Some(&b"first"[..])), (1, 990, Some(b"")), (2, 2000, None)]);
    for record in &set.records {
        assert_eq!((record.producer_id, record.producer_epoch), (4711, 3));
        assert_eq!(record.key.as_deref(), Some(&b"key"[..]));
        let headers: Vec<_> =
            record.headers.iter().map(|(name, value)| (name.as_str(), value.as_deref())).collect();
        assert_eq!(headers, [("trace", Some(&b"abc"[..])), ("none", None)]);
    }
}

#[test]
fn another_implementation_reads_our_request_headers() {
    let request = MetadataRequest { topics: Some(vec![]), ..Default::default() };
    for (version, header_version) in [(8, 1), (9, 2)] {
        let header = RequestHeader { correlation_id: 99, client_id: Some("client") };
        let mut bytes =
            Bytes::from(encode_request(&header, version, &request).expect("can be said").concat());
        assert_eq!(bytes.get_i32() as usize, bytes.len());
        let header = theirs::RequestHeader::decode(&mut bytes, header_version).expect("is a header");
        assert_eq!((header.request_api_key, header.request_api_version), (3, version));
        assert_eq!((header.correlation_id, header.client_id.as_deref()), (99, Some("client")));
        theirs::MetadataRequest::decode(&mut bytes, version).expect("is a body");
        assert!(bytes.is_empty());
    }
}

#[test]
fn another_implementation_reads_our_metadata_requests() {
    for version in 0..=13 {
        let topics = vec![MetadataRequestTopic { name: Some("t".into()), ..Default::default() }];
        let request = MetadataRequest {
            topics: Some(topics),
            allow_auto_topic_creation: version < 4,
            include_topic_authorized_operations: version >= 8,
            ..Default::default()
        };
        let read: theirs::MetadataRequest = read(&request, version);
        let topics = read.topics.expect("is not null");
        assert_eq!(topics[0].name.as_ref().map(|name| name.as_str()), Some("t"));
        assert_eq!(
            (read.allow_auto_topic_creation, read.include_topic_authorized_operations),
            (version < 4, version >= 8)
        );
    }
    for version in 1..=13 {
        let all: theirs::MetadataRequest = read(&MetadataRequest::default(), version);
        assert_eq!(all.topics, None, "v{version}");
    }
}

#[test]
fn another_implementation_reads_our_metadata_responses() {
    let partition = |index| MetadataResponsePartition {
        error_code: ErrorCode::LEADER_NOT_AVAILABLE,
        partition_index: index,
        leader_id: 1,
        leader_epoch: 6,
        replica_nodes: vec![1, 2, 3],
        isr_nodes: vec![1, 2],
        offline_replicas: vec![3],
        ..Default::default()
    };
    let response = MetadataResponse {
        throttle_time_ms: 5,
        brokers: vec![MetadataResponseBroker {
            node_id: 1,
            host: "h".into(),
            port: 9092,
            rack: Some("r".into()),
            ..Default::default()
        }],
        cluster_id: Some("cluster".into()),
        controller_id: 1,
        topics: vec![MetadataResponseTopic {
            name: Some("t".into()),
            topic_id: TopicId([3; 16]),
            is_internal: true,
            partitions: vec![partition(0), partition(1)],
            ..Default::default()
        }],
        ..Default::default()
    };
    for version in 0..=13 {
        let read: theirs::MetadataResponse = read(&response, version);
        assert_eq!(read.throttle_time_ms, if version >= 3 { 5 } else { 0 });
        let broker = &read.brokers[0];
        assert_eq!((broker.node_id.0, broker.host.as_str(), broker.port), (1, "h", 9092));
        assert_eq!(broker.rack.as_deref(), (version >= 1).then_some("r"));
        assert_eq!(read.cluster_id.as_deref(), (version >= 2).then_some("cluster"));
        let topic = &read.topics[0];
        assert_eq!(topic.name.as_ref().map(|name| name.as_str()), Some("t"));
        assert_eq!(topic.is_internal, version >= 1);
        assert_eq!(topic.topic_id.as_bytes(), &[if version >= 10 { 3 } else { 0 }; 16]);
        let partition = &topic.partitions[1];
        assert_eq!((partition.error_code, partition.partition_index, partition.leader_id.0), (5, 1, 1));
        assert_eq!(partition.leader_epoch, if version >= 7 { 6 } else { -1 });
        assert_eq!(partition.replica_nodes.iter().map(|node| node.0).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(partition.offline_replicas.len(), usize::from(version >= 5));
    }
}

#[test]
fn another_implementation_reads_our_produce_responses() {
    let partition = PartitionProduceResponse {
        index: 2,
        error_code: ErrorCode::NOT_LEADER_OR_FOLLOWER,
        base_offset: 1 << 40,
        log_append_time_ms: 77,
        log_start_offset: 3,
        error_message: Some("no".into()),
        current_leader: LeaderIdAndEpoch { leader_id: 8, leader_epoch: 9, ..Default::default() },
        ..Default::default()
    };
    for version in 3..=13 {
        let mut response = ProduceResponse {
            responses: vec![TopicProduceResponse {
                partition_responses: vec![partition.clone()],
                ..Default::default()
            }],
            throttle_time_ms: 12,
            ..Default::default()
        };
        let endpoint =
            NodeEndpoint { node_id: 8, host: "eight".into(), port: 1, rack: None, ..Default::default() };
        if version >= 10 {
            response.node_endpoints = vec![endpoint];
        } else {
            response.responses[0].partition_responses[0].current_leader = LeaderIdAndEpoch::default();
        }
        let read: theirs::ProduceResponse = read(&response, version);
        assert_eq!(read.throttle_time_ms, 12);
        let partition = &read.responses[0].partition_responses[0];
        assert_eq!((partition.index, partition.error_code, partition.base_offset), (2, 6, 1 << 40));
        assert_eq!(partition.log_append_time_ms, 77);
        assert_eq!(partition.log_start_offset, if version >= 5 { 3 } else { -1 });
        assert_eq!(partition.error_message.as_deref(), (version >= 8).then_some("no"));
        let leader = &partition.current_leader;
        assert_eq!((leader.leader_id.0, leader.leader_epoch), if version >= 10 { (8, 9) } else { (-1, -1) });
        assert_eq!(read.node_endpoints.len(), usize::from(version >= 10));
    }
}
