//! The log of one partition: batches as they were sent, with the fields that a broker sets. Bytes are never copied on
//! the way in; base offset and leader epoch lie outside the checksum, so the records stay as the producer wrote them.

use bytes::Bytes;
use kp_protocol::records::{BATCH_HEADER_SIZE, BatchHeader, ControlRecord, RecordBatch, TimestampType};
use kp_protocol::{LeaderEpoch, ProtocolError, Records, Timestamp};

use crate::incoming_batch::BatchContent;

/// The largest content of a batch that a search by timestamp unpacks.
const DECOMPRESSED_LIMIT: usize = 256 << 20;

/// A batch in a log.
#[derive(Clone, Debug)]
pub struct StoredBatch {
    header: BatchHeader,
    header_bytes: [u8; BATCH_HEADER_SIZE],
    payload: Bytes,
}

impl StoredBatch {
    /// The header, with the offset and leader epoch the broker gave it.
    #[must_use]
    pub fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// The first record's offset.
    #[must_use]
    pub fn base_offset(&self) -> i64 {
        self.header.base_offset
    }

    /// The last record's offset.
    #[must_use]
    pub fn last_offset(&self) -> i64 {
        self.header.last_offset()
    }

    /// Bytes of header and payload.
    #[must_use]
    pub fn size(&self) -> usize {
        BATCH_HEADER_SIZE + self.payload.len()
    }

    /// The records as they stand on the wire, compressed or not.
    #[must_use]
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// The whole batch in one piece (a copy).
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        Bytes::from([&self.header_bytes[..], &self.payload[..]].concat())
    }

    /// The batch, to read its records.
    ///
    /// # Errors
    /// None for a batch that was checked when it was appended.
    pub fn record_batch(&self) -> Result<RecordBatch, ProtocolError> {
        RecordBatch::parse(&self.to_bytes()).map(|(batch, _)| batch)
    }

    /// Of a transaction's marker whether it commits; `None` for every other batch.
    #[must_use]
    pub fn ends_transaction(&self) -> Option<bool> {
        if !self.header.attributes.is_control() {
            return None;
        }
        let records = self.record_batch().ok()?.records(DECOMPRESSED_LIMIT).ok()?;
        let record = records.iter().next()?.ok()?;
        match ControlRecord::parse(&record).ok()? {
            ControlRecord::Commit { .. } => Some(true),
            ControlRecord::Abort { .. } => Some(false),
            ControlRecord::Other { .. } => None,
        }
    }

    /// The first record at or after `offset` that `fits`: its time and offset.
    fn find(&self, offset: i64, fits: impl Fn(Timestamp) -> bool) -> Option<Found> {
        let records = self.record_batch().ok()?.records(DECOMPRESSED_LIMIT).ok()?;
        let mut sound = records.iter().map_while(Result::ok);
        let found = sound.find(|record| record.offset.0 >= offset && fits(record.timestamp))?;
        Some(self.found(found.timestamp, found.offset.0))
    }

    fn found(&self, timestamp: Timestamp, offset: i64) -> Found {
        Found { timestamp, offset, leader_epoch: LeaderEpoch(self.header.partition_leader_epoch) }
    }
}

/// A record found by its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) timestamp: Timestamp,
    pub(crate) offset: i64,
    pub(crate) leader_epoch: LeaderEpoch,
}

/// What a broker sets when it appends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AppendAs {
    pub(crate) leader_epoch: LeaderEpoch,
    /// The time of all records, where the topic says so (KIP-32).
    pub(crate) log_append_time: Option<Timestamp>,
    /// Whether the bytes are kept.
    pub(crate) retain: bool,
}

/// The log of one partition.
#[derive(Clone, Debug, Default)]
pub struct PartitionLog {
    /// Oldest first, without gaps between them.
    batches: Vec<StoredBatch>,
    start_offset: i64,
    end_offset: i64,
    records_appended: u64,
    batches_appended: u64,
    bytes_appended: u64,
}

impl PartitionLog {
    /// The batches, oldest first; empty if the cluster does not retain them.
    #[must_use]
    pub fn batches(&self) -> &[StoredBatch] {
        &self.batches
    }

    /// The first offset the log still holds.
    #[must_use]
    pub fn start_offset(&self) -> i64 {
        self.start_offset
    }

    /// The offset the next record will get. Readers see everything up to it, whatever the followers have.
    #[must_use]
    pub fn end_offset(&self) -> i64 {
        self.end_offset
    }

    /// How many records were ever appended; markers are none.
    #[must_use]
    pub fn records_appended(&self) -> u64 {
        self.records_appended
    }

    /// How many batches were ever appended.
    #[must_use]
    pub fn batches_appended(&self) -> u64 {
        self.batches_appended
    }

    /// How many bytes of batches were ever appended, headers included.
    #[must_use]
    pub fn bytes_appended(&self) -> u64 {
        self.bytes_appended
    }

    /// Appends a batch that passed every check, and returns its base offset.
    pub(crate) fn append(&mut self, content: &BatchContent, as_what: AppendAs) -> i64 {
        self.records_appended += content.header.record_count.max(0) as u64;
        self.batches_appended += 1;
        self.bytes_appended += content.bytes.len() as u64;
        self.push(content, as_what)
    }

    /// Appends a marker, which takes an offset and is counted nowhere, and returns its offset.
    pub(crate) fn append_marker(&mut self, content: &BatchContent, as_what: AppendAs) -> i64 {
        self.push(content, as_what)
    }

    fn push(&mut self, content: &BatchContent, as_what: AppendAs) -> i64 {
        let base_offset = self.end_offset;
        self.end_offset += i64::from(content.header.record_count.max(0));
        if as_what.retain {
            self.batches.push(store(content, base_offset, as_what));
        } else {
            self.start_offset = self.end_offset;
        }
        base_offset
    }

    /// Drops the batches that lie before `offset` as a whole.
    pub(crate) fn delete_before(&mut self, offset: i64) {
        let gone = self.batches.partition_point(|batch| batch.last_offset() < offset);
        self.batches.drain(..gone);
        self.start_offset = self.batches.first().map_or(self.end_offset, StoredBatch::base_offset);
    }

    /// Drops the batch that begins at `offset` and all behind it, as a new leader does that never had them.
    pub(crate) fn truncate_to(&mut self, offset: i64) {
        let kept = self.batches.partition_point(|batch| batch.base_offset() < offset);
        self.batches.truncate(kept);
        self.end_offset = offset.max(self.start_offset);
    }

    /// The bytes from the batch with `offset` on and up to the batch that begins at `until`, `max_bytes` of them. The last batch may
    /// be cut short, as brokers do; the first comes whole if `at_least_one`, however large it is (KIP-74).
    pub(crate) fn read(&self, offset: i64, until: i64, max_bytes: usize, at_least_one: bool) -> Records {
        let readable = self.batches.partition_point(|batch| batch.base_offset() < until);
        let batches = &self.batches[..readable];
        let first = batches.partition_point(|batch| batch.last_offset() < offset);
        let mut left = match batches.get(first) {
            Some(batch) if batch.size() > max_bytes => {
                if at_least_one {
                    batch.size()
                } else {
                    0
                }
            }
            _ => max_bytes,
        };
        let mut records = Records::default();
        for batch in &batches[first..] {
            let header = left.min(BATCH_HEADER_SIZE);
            let payload = batch.payload.len().min(left - header);
            if header > 0 {
                records.push(Bytes::copy_from_slice(&batch.header_bytes[..header]));
            }
            if payload > 0 {
                records.push(batch.payload.slice(..payload));
            }
            left -= header + payload;
            if left == 0 {
                break;
            }
        }
        records
    }

    /// The first record of that time or later.
    pub(crate) fn find_by_time(&self, timestamp: Timestamp) -> Option<Found> {
        let batch = self.batches.iter().find(|batch| batch.header.max_timestamp >= timestamp)?;
        batch
            .find(self.start_offset, |time| time >= timestamp)
            .or_else(|| Some(batch.found(batch.header.max_timestamp, batch.base_offset())))
    }

    /// The first record with the largest time (KIP-734).
    pub(crate) fn find_max_timestamp(&self) -> Option<Found> {
        let newest = self.batches.iter().map(|batch| batch.header.max_timestamp).max()?;
        self.find_by_time(newest)
    }
}

fn store(content: &BatchContent, base_offset: i64, as_what: AppendAs) -> StoredBatch {
    let mut header =
        BatchHeader { base_offset, partition_leader_epoch: as_what.leader_epoch.0, ..content.header };
    let payload = content.payload();
    let mut header_bytes = [0; BATCH_HEADER_SIZE];
    if let Some(time) = as_what.log_append_time {
        header.attributes = header.attributes.with_timestamp_type(TimestampType::LogAppendTime);
        header.max_timestamp = time;
        // Both fields are covered by the checksum, which Kafka computes anew here too.
        header_bytes = header.encode(std::slice::from_ref(&payload));
    } else {
        header_bytes.copy_from_slice(&content.bytes[..BATCH_HEADER_SIZE]);
        header_bytes[..8].copy_from_slice(&header.base_offset.to_be_bytes());
        header_bytes[12..16].copy_from_slice(&header.partition_leader_epoch.to_be_bytes());
    }
    StoredBatch { header, header_bytes, payload }
}
