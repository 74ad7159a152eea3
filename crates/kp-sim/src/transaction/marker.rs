//! The marker that ends a transaction in a partition: a control batch of one record (KIP-98). Bytes only.

use bytes::Bytes;
use kp_protocol::compression::Compression;
use kp_protocol::records::{BatchAttributes, BatchHeader, RecordEncoder, RecordRef};
use kp_protocol::{ProducerIdentity, Timestamp};

use crate::incoming_batch::{BatchContent, RecordsFound};

/// What a marker says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Marker {
    /// Whose transaction it ends. With transactions of version 2 the epoch is the next one already (KIP-890).
    pub(crate) producer: ProducerIdentity,
    pub(crate) committed: bool,
    /// The epoch of the coordinator that wrote it.
    pub(crate) coordinator_epoch: i32,
    pub(crate) timestamp: Timestamp,
}

impl Marker {
    /// The batch, as a log takes it.
    pub(crate) fn to_batch(self) -> BatchContent {
        let kind = [[0; 2], i16::from(self.committed).to_be_bytes()].concat();
        let value = [&[0; 2][..], &self.coordinator_epoch.to_be_bytes()].concat();
        let record =
            RecordRef { timestamp: self.timestamp, key: Some(&kind), value: Some(&value), headers: &[] };
        let (mut encoder, mut payload) = (RecordEncoder::new(), Vec::new());
        encoder.append(&record, &mut payload).expect("ten bytes fit into a batch");
        let header = encoder.header(Compression::None, None).expect("there is a record");
        let header = BatchHeader {
            attributes: BatchAttributes::new(Compression::None).with_transactional(true).with_control(true),
            producer_id: self.producer.producer_id,
            producer_epoch: self.producer.epoch,
            ..header
        };
        let payload = Bytes::from(payload);
        let bytes = Bytes::from([&header.encode(std::slice::from_ref(&payload))[..], &payload].concat());
        BatchContent { header, bytes, checksum_fits: true, records: RecordsFound::Unread }
    }
}
