//! What a broker finds in the records of one partition of a Produce request, before it knows the partition: one whole
//! batch of format 2, its checksum, its records. Needs no cluster, so a host does it without the lock.
//! What of it is a fault, and in which order faults are looked for, is Kafka's (see `produce.rs`).

use bytes::Bytes;
use kp_protocol::compression::Compression;
use kp_protocol::records::{BATCH_HEADER_SIZE, BatchHeader, RecordBatch, crc32c};
use kp_protocol::{ErrorCode, ProtocolError, Records, Timestamp};

/// Bytes before those a batch's length counts.
const BEFORE_LENGTH: usize = 12;
/// Bytes up to and including the format number, which stands at the same place in every format.
const UP_TO_MAGIC: usize = 17;
/// The smallest length any format can have (Kafka: `LegacyRecord.RECORD_OVERHEAD_V0`).
const LEAST_LENGTH: i32 = 14;
/// Where the checksum's range begins.
const CHECKED_FROM: usize = 21;
/// The largest content a batch may unpack to; beyond, it counts as damaged.
const DECOMPRESSED_LIMIT: usize = 256 << 20;
/// How many records without a key are remembered by number; the answer names no more.
const KEYLESS_LIMIT: usize = 100;

/// The records of one partition, as read.
#[derive(Clone, Debug)]
pub(crate) enum IncomingBatch {
    /// One batch of format 2; what is in it may be at fault still.
    One(Box<BatchContent>),
    /// Not that: the answer, before anything else is looked at.
    Refused(ErrorCode),
}

/// One batch of format 2.
#[derive(Clone, Debug)]
pub(crate) struct BatchContent {
    pub(crate) header: BatchHeader,
    /// The batch, and nothing else.
    pub(crate) bytes: Bytes,
    pub(crate) checksum_fits: bool,
    pub(crate) records: RecordsFound,
}

/// What is in the batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RecordsFound {
    /// Not looked at: switched off, damaged, or in a codec that this build leaves out.
    Unread,
    /// As many as the header says, each in order.
    Sound {
        /// Numbers of those without a key, the first hundred.
        keyless: Vec<i32>,
        max_timestamp: Timestamp,
    },
    /// Something is wrong with them.
    Unsound(ErrorCode),
}

impl IncomingBatch {
    /// Reads what Produce `version` (3 or newer) carries for one partition.
    pub(crate) fn read(records: Option<&Records>, version: i16, check_records: bool) -> Self {
        let bytes = records.map(Records::to_bytes).unwrap_or_default();
        match Self::read_one(&bytes, version, check_records) {
            Ok(content) => Self::One(Box::new(content)),
            Err(code) => Self::Refused(code),
        }
    }

    fn read_one(bytes: &Bytes, version: i16, check_records: bool) -> Result<BatchContent, ErrorCode> {
        let Some((size, magic)) = next_batch(bytes)? else { return Err(ErrorCode::INVALID_RECORD) };
        // Exactly one batch, of format 2 (Kafka: `ProduceRequest.validateRecords`). A batch that is cut short behind
        // it is no batch: Kafka leaves it out without a word.
        if magic != 2 || next_batch(&bytes[size..])?.is_some() {
            return Err(ErrorCode::INVALID_RECORD);
        }
        let bytes = bytes.slice(..size);
        let (header, _, checksum) = BatchHeader::parse(&bytes).map_err(|_| ErrorCode::CORRUPT_MESSAGE)?;
        // KIP-110; an unknown codec is a fault at this place only where the codec is looked at.
        match header.attributes.compression() {
            Ok(Compression::Zstd) if version < 7 => return Err(ErrorCode::UNSUPPORTED_COMPRESSION_TYPE),
            Err(_) if version < 7 => return Err(ErrorCode::UNKNOWN_SERVER_ERROR),
            _ => {}
        }
        let checksum_fits = crc32c([&bytes[CHECKED_FROM..]]) == checksum;
        let records = if checksum_fits && check_records { look_into(&bytes) } else { RecordsFound::Unread };
        Ok(BatchContent { header, bytes, checksum_fits, records })
    }
}

impl BatchContent {
    /// The numbers of the records whose time lies after `limit`, the first hundred.
    pub(crate) fn later_than(&self, limit: Timestamp) -> Vec<i32> {
        let Ok((batch, _)) = RecordBatch::parse(&self.bytes) else { return Vec::new() };
        let Ok(records) = batch.records(DECOMPRESSED_LIMIT) else { return Vec::new() };
        let times = records.iter().map_while(Result::ok).map(|record| record.timestamp);
        (0..)
            .zip(times)
            .filter(|(_, time)| *time > limit)
            .map(|(index, _)| index)
            .take(KEYLESS_LIMIT)
            .collect()
    }

    /// The bytes behind the header.
    pub(crate) fn payload(&self) -> Bytes {
        self.bytes.slice(BATCH_HEADER_SIZE..)
    }
}

/// Size and format number of the first batch or message; `None` if there is none or it is cut short.
fn next_batch(input: &[u8]) -> Result<Option<(usize, i8)>, ErrorCode> {
    let Some(length) = input.get(8..BEFORE_LENGTH) else { return Ok(None) };
    let length = i32::from_be_bytes(length.try_into().expect("the slice has four bytes"));
    if length < LEAST_LENGTH {
        return Err(ErrorCode::CORRUPT_MESSAGE);
    }
    let Some(magic) = input.get(UP_TO_MAGIC - 1).map(|byte| *byte as i8) else { return Ok(None) };
    if !(0..=2).contains(&magic) {
        return Err(ErrorCode::CORRUPT_MESSAGE);
    }
    let size = BEFORE_LENGTH + length as usize;
    Ok((size <= input.len()).then_some((size, magic)))
}

fn look_into(bytes: &Bytes) -> RecordsFound {
    let Ok((batch, _)) = RecordBatch::parse(bytes) else {
        return RecordsFound::Unsound(ErrorCode::INVALID_RECORD);
    };
    let records = match batch.records(DECOMPRESSED_LIMIT) {
        Ok(records) => records,
        Err(ProtocolError::CodecOff { .. }) => return RecordsFound::Unread,
        // Kafka fails here with a plain exception of its codec, which becomes this code.
        Err(_) => return RecordsFound::Unsound(ErrorCode::UNKNOWN_SERVER_ERROR),
    };
    let (mut keyless, mut max_timestamp) = (Vec::new(), Timestamp::NONE);
    for (index, record) in (0..).zip(&records) {
        let Ok(record) = record else { return RecordsFound::Unsound(ErrorCode::INVALID_RECORD) };
        max_timestamp = max_timestamp.max(record.timestamp);
        if record.key.is_none() && keyless.len() < KEYLESS_LIMIT {
            keyless.push(index);
        }
    }
    RecordsFound::Sound { keyless, max_timestamp }
}
