//! A Produce request for partition 0 with one numbered batch, written without kp's producer: for what it would never write.

use bytes::Bytes;
use kp_protocol::api::{PartitionProduceData, ProduceRequest, TopicProduceData};
use kp_protocol::compression::Compression;
use kp_protocol::records::{RecordEncoder, RecordRef};
use kp_protocol::{BatchIdentity, Records, Timestamp};

/// Uncompressed, `acks=all`, each value a record without key.
pub(crate) fn request(topic: &str, identity: BatchIdentity, values: &[&str]) -> ProduceRequest {
    let (mut encoder, mut payload) = (RecordEncoder::new(), Vec::new());
    for value in values {
        let value = Some(value.as_bytes());
        let record = RecordRef { timestamp: Timestamp(1_700_000_000_000), key: None, value, headers: &[] };
        encoder.append(&record, &mut payload).expect("a lawful record");
    }
    let payload = Bytes::from(payload);
    let header = encoder.header(Compression::None, Some(identity)).expect("a lawful batch");
    let header = Bytes::copy_from_slice(&header.encode(std::slice::from_ref(&payload)));
    let records = [header, payload].into_iter().collect::<Records>();
    let partition = PartitionProduceData { index: 0, records: Some(records), ..Default::default() };
    let topic =
        TopicProduceData { name: topic.into(), partition_data: vec![partition], ..Default::default() };
    ProduceRequest { acks: -1, timeout_ms: 10_000, topic_data: vec![topic], ..Default::default() }
}
