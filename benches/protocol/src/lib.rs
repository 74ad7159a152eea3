//! Data that all three crates read and write in the benchmarks: as kp's values, as bytes, and as the peers' values.

use bytes::{Bytes, BytesMut};
use kafka_protocol::indexmap::IndexMap;
use kafka_protocol::records as theirs;
use kp_protocol::api::{
    MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic, PartitionProduceData,
    PartitionProduceResponse, ProduceRequest, ProduceResponse, TopicProduceData, TopicProduceResponse,
};
use kp_protocol::compression::{Compression, Compressor};
use kp_protocol::records::{RecordEncoder, RecordRef};
use kp_protocol::{Message, Records, Timestamp, encode_body};
use rskafka::protocol::record as rs;

/// Records of the batch.
pub const RECORDS: usize = 1000;
/// Partitions of the Produce messages, and of the Metadata response.
pub const PRODUCED: usize = 1000;
/// See [`PRODUCED`].
pub const DESCRIBED: usize = 10_000;

/// Key and value of each record: JSON of about 100 bytes, so that codecs have something to do.
pub fn contents() -> Vec<(Vec<u8>, Vec<u8>)> {
    let one = |number: usize| {
        let mixed = number.wrapping_mul(2_654_435_761) % 1_000_000_007;
        let value = format!(
            "{{\"order\":{number},\"customer\":\"c-{}\",\"amount\":{},\"currency\":\"EUR\",\"state\":\"{}\",\"at\":{mixed}}}",
            mixed % 977,
            mixed % 100_003,
            ["new", "paid", "shipped"][mixed % 3],
        );
        (format!("key-{}", mixed % 100).into_bytes(), value.into_bytes())
    };
    (0..RECORDS).map(one).collect()
}

/// Milliseconds since the Unix epoch of record `number`.
pub fn time_of(number: usize) -> i64 {
    1_700_000_000_000 + number as i64
}

/// Writes the batch with kp, into memory that is there already: the header, and the payload that is left in `out`.
pub fn kp_encode(
    contents: &[(Vec<u8>, Vec<u8>)],
    compressor: &mut Compressor,
    raw: &mut Vec<u8>,
    out: &mut Vec<u8>,
) -> [u8; 61] {
    let is_compressed = compressor.compression() != Compression::None;
    let records = if is_compressed { &mut *raw } else { &mut *out };
    records.clear();
    let mut encoder = RecordEncoder::new();
    for (number, (key, value)) in contents.iter().enumerate() {
        let record =
            RecordRef { timestamp: Timestamp(time_of(number)), key: Some(key), value: Some(value), headers: &[] };
        encoder.append(&record, records).expect("is lawful");
    }
    if is_compressed {
        out.clear();
        compressor.compress([&raw[..]], out, usize::MAX >> 1).expect("can be compressed");
    }
    let payload = Bytes::from(std::mem::take(out));
    let header = encoder.header(compressor.compression(), None).expect("is complete");
    let head = header.encode(std::slice::from_ref(&payload));
    *out = payload.into();
    head
}

/// The same batch as bytes.
pub fn batch(codec: Compression) -> Bytes {
    let (mut raw, mut out) = (Vec::new(), Vec::new());
    let head = kp_encode(&contents(), &mut Compressor::new(codec, None).expect("is there"), &mut raw, &mut out);
    Bytes::from([&head[..], &out[..]].concat())
}

/// The records as kafka-protocol has them.
pub fn their_records() -> Vec<theirs::Record> {
    let one = |(number, (key, value)): (usize, (Vec<u8>, Vec<u8>))| theirs::Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: -1,
        producer_id: -1,
        producer_epoch: -1,
        timestamp_type: theirs::TimestampType::Creation,
        offset: number as i64,
        sequence: number as i32 - 1,
        timestamp: time_of(number),
        key: Some(Bytes::from(key)),
        value: Some(Bytes::from(value)),
        headers: IndexMap::new(),
    };
    contents().into_iter().enumerate().map(one).collect()
}

/// The batch as rskafka has it.
pub fn rs_batch(codec: Compression) -> rs::RecordBatch {
    let one = |(number, (key, value)): (usize, (Vec<u8>, Vec<u8>))| rs::Record {
        timestamp_delta: number as i64,
        offset_delta: number as i32,
        key: Some(key),
        value: Some(value),
        headers: Vec::new(),
    };
    rs::RecordBatch {
        base_offset: 0,
        partition_leader_epoch: -1,
        last_offset_delta: RECORDS as i32 - 1,
        first_timestamp: time_of(0),
        max_timestamp: time_of(RECORDS - 1),
        producer_id: -1,
        producer_epoch: -1,
        base_sequence: -1,
        records: rs::ControlBatchOrRecords::Records(contents().into_iter().enumerate().map(one).collect()),
        compression: match codec {
            Compression::None => rs::RecordBatchCompression::NoCompression,
            Compression::Gzip => rs::RecordBatchCompression::Gzip,
            Compression::Snappy => rs::RecordBatchCompression::Snappy,
            Compression::Lz4 => rs::RecordBatchCompression::Lz4,
            Compression::Zstd => rs::RecordBatchCompression::Zstd,
            other => unreachable!("{other:?} is measured nowhere"),
        },
        is_transactional: false,
        timestamp_type: rs::RecordBatchTimestampType::CreateTime,
    }
}

/// kafka-protocol's name of a codec.
pub fn their_codec(codec: Compression) -> theirs::Compression {
    match codec {
        Compression::None => theirs::Compression::None,
        Compression::Gzip => theirs::Compression::Gzip,
        Compression::Snappy => theirs::Compression::Snappy,
        Compression::Lz4 => theirs::Compression::Lz4,
        Compression::Zstd => theirs::Compression::Zstd,
        other => unreachable!("{other:?} is measured nowhere"),
    }
}

/// So many bytes of records for each partition of a request.
pub fn produce_request(size: usize) -> ProduceRequest {
    let records = Records::from(Bytes::from(vec![7; size]));
    let partition = |index| PartitionProduceData { index, records: Some(records.clone()), ..Default::default() };
    let topic = TopicProduceData {
        name: "orders".into(),
        partition_data: (0..PRODUCED as i32).map(partition).collect(),
        ..Default::default()
    };
    ProduceRequest { acks: -1, timeout_ms: 30_000, topic_data: vec![topic], ..Default::default() }
}

/// Its answer.
pub fn produce_response() -> ProduceResponse {
    let partition =
        |index| PartitionProduceResponse { index, base_offset: 123_456_789, log_start_offset: 0, ..Default::default() };
    let topic = TopicProduceResponse {
        name: "orders".into(),
        partition_responses: (0..PRODUCED as i32).map(partition).collect(),
        ..Default::default()
    };
    ProduceResponse { responses: vec![topic], ..Default::default() }
}

/// A hundred topics of a hundred partitions.
pub fn metadata() -> MetadataResponse {
    let broker = |node_id| MetadataResponseBroker {
        node_id,
        host: format!("broker-{node_id}.example.org").into(),
        port: 9092,
        ..Default::default()
    };
    let partition = |partition_index: i32| MetadataResponsePartition {
        partition_index,
        leader_id: partition_index % 9,
        replica_nodes: (0..3).map(|copy| (partition_index + copy) % 9).collect(),
        isr_nodes: (0..3).map(|copy| (partition_index + copy) % 9).collect(),
        ..Default::default()
    };
    let topic = |number| MetadataResponseTopic {
        name: Some(format!("topic-{number}").into()),
        partitions: (0..DESCRIBED as i32 / 100).map(partition).collect(),
        ..Default::default()
    };
    MetadataResponse {
        brokers: (0..9).map(broker).collect(),
        cluster_id: Some("abcdefghijklmnopqrstuv".into()),
        topics: (0..100).map(topic).collect(),
        ..Default::default()
    }
}

/// A message as bytes in one piece.
pub fn bytes_of<M: Message>(message: &M, version: i16) -> Bytes {
    Bytes::from(encode_body(version, message).expect("can be said").concat())
}

/// A message as bytes, read by kafka-protocol.
pub fn theirs<T: kafka_protocol::protocol::Decodable>(bytes: &Bytes, version: i16) -> T {
    T::decode(&mut bytes.clone(), version).expect("can be read")
}

/// Memory that a peer writes a batch into, again and again.
pub fn buffer() -> BytesMut {
    BytesMut::with_capacity(1 << 18)
}

/// The Produce request as rskafka has it: each partition carries a batch of one record.
pub fn rs_produce_request(size: usize) -> rskafka::protocol::messages::ProduceRequest {
    use rskafka::protocol::messages as m;
    use rskafka::protocol::primitives as p;
    let batch = || {
        let record =
            rs::Record { timestamp_delta: 0, offset_delta: 0, key: None, value: Some(vec![7; size - 74]), headers: Vec::new() };
        let records = rs::ControlBatchOrRecords::Records(vec![record]);
        rs::RecordBatch { records, last_offset_delta: 0, ..rs_batch(Compression::None) }
    };
    let partition =
        |index| m::ProduceRequestPartitionData { index: p::Int32(index), records: p::Records(vec![batch()]) };
    m::ProduceRequest {
        transactional_id: p::NullableString(None),
        acks: p::Int16(-1),
        timeout_ms: p::Int32(30_000),
        topic_data: vec![m::ProduceRequestTopicData {
            name: p::String_("orders".to_owned()),
            partition_data: (0..PRODUCED as i32).map(partition).collect(),
        }],
    }
}
