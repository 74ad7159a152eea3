//! What a broker finds in the records of one partition of a Produce request, before it knows the partition: one whole
//! batch of format 2, its checksum, its records. Needs no cluster, so a host does it without the lock.
//! What of it is a fault, and in which order faults are looked for, is Kafka's (see `produce.rs`).

use bytes::Bytes;
use kp_protocol::api::ProduceRequest;
use kp_protocol::compression::Compression;
use kp_protocol::records::{
    BATCH_HEADER_SIZE, BatchHeader, LogEntry, MessageFormat, Record, RecordBatch, RecordEncoder, RecordRef,
    crc32c, log_entries,
};
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
    /// Reads what Produce `version` carries for one partition. A message set (below 3) becomes a batch, as a log of today would
    /// have it.
    pub(crate) fn read(records: Option<&Records>, version: i16, check_records: bool) -> Self {
        let bytes = records.map(Records::to_bytes).unwrap_or_default();
        let read = match MessageFormat::of_produce(version) {
            Some(format) => from_message_set(&bytes, format)
                .and_then(|batch| Self::read_one(&batch, ProduceRequest::BATCHES_FROM, check_records)),
            None => Self::read_one(&bytes, version, check_records),
        };
        match read {
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
            Ok(Compression::Zstd) if version < ProduceRequest::ZSTD_FROM => {
                return Err(ErrorCode::UNSUPPORTED_COMPRESSION_TYPE);
            }
            Err(_) if version < ProduceRequest::ZSTD_FROM => return Err(ErrorCode::UNKNOWN_SERVER_ERROR),
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

/// A message set as one batch of format 2 without a codec. Any fault makes it a corrupt message, which is what old brokers call
/// most of them.
fn from_message_set(bytes: &Bytes, format: MessageFormat) -> Result<Bytes, ErrorCode> {
    let corrupt = |_| ErrorCode::CORRUPT_MESSAGE;
    let (mut encoder, mut payload, mut seen) = (RecordEncoder::new(), Vec::new(), 0);
    for entry in log_entries(bytes) {
        let LogEntry::Message(message) = entry.map_err(corrupt)? else {
            return Err(ErrorCode::CORRUPT_MESSAGE);
        };
        if message.format() > format {
            return Err(ErrorCode::CORRUPT_MESSAGE);
        }
        message.verify_crc().map_err(corrupt)?;
        seen += message.as_bytes().len();
        for record in message.records(DECOMPRESSED_LIMIT).map_err(corrupt)?.iter() {
            let Record { timestamp, key, value, .. } = record;
            let record = RecordRef { timestamp, key, value, headers: &[] };
            encoder.append(&record, &mut payload).map_err(corrupt)?;
        }
    }
    if encoder.is_empty() || seen != bytes.len() {
        return Err(ErrorCode::CORRUPT_MESSAGE);
    }
    let payload = Bytes::from(payload);
    let header = encoder.header(Compression::None, None).map_err(corrupt)?;
    let header = header.encode(std::slice::from_ref(&payload));
    Ok(Bytes::from([&header[..], &payload[..]].concat()))
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

#[cfg(test)]
mod tests {
    use super::*;
    use kp_protocol::compression::Compressor;
    use kp_protocol::records::MessageSetEncoder;

    fn message_set(format: MessageFormat, codec: Compression) -> Vec<u8> {
        let mut encoder = MessageSetEncoder::new(format);
        for value in [&b"one"[..], b"two"] {
            let record = RecordRef { timestamp: Timestamp(7), key: None, value: Some(value), headers: &[] };
            encoder.append(&record).expect("a lawful record");
        }
        encoder.finish(&mut Compressor::new(codec, None).expect("no codec is always there")).expect("a set")
    }

    fn read(set: Vec<u8>, version: i16) -> Result<Box<BatchContent>, ErrorCode> {
        let records: Records = std::iter::once(Bytes::from(set)).collect();
        match IncomingBatch::read(Some(&records), version, true) {
            IncomingBatch::One(content) => Ok(content),
            IncomingBatch::Refused(code) => Err(code),
        }
    }

    #[test]
    fn a_message_set_is_kept_as_a_batch_with_the_same_records() {
        for (version, format) in [(0, MessageFormat::V0), (1, MessageFormat::V0), (2, MessageFormat::V1)] {
            let content = read(message_set(format, Compression::None), version).expect("it is sound");
            assert!(content.checksum_fits && content.header.record_count == 2, "Produce {version}");
            let (batch, _) = RecordBatch::parse(&content.bytes).expect("a batch");
            let records = batch.records(1 << 20).expect("no codec");
            let values: Vec<_> = records.iter().map(|record| record.expect("sound").value).collect();
            assert_eq!(values, [Some(&b"one"[..]), Some(b"two")]);
        }
    }

    #[test]
    fn a_message_set_that_is_damaged_or_newer_than_the_version_is_corrupt() {
        let mut damaged = message_set(MessageFormat::V1, Compression::None);
        *damaged.last_mut().expect("not empty") ^= 1;
        assert_eq!(read(damaged, 2).expect_err("damaged"), ErrorCode::CORRUPT_MESSAGE);
        let newer = message_set(MessageFormat::V1, Compression::None);
        assert_eq!(read(newer, 1).expect_err("format 1 in Produce 1"), ErrorCode::CORRUPT_MESSAGE);
        let mut short = message_set(MessageFormat::V0, Compression::None);
        short.pop();
        assert_eq!(read(short, 1).expect_err("cut short"), ErrorCode::CORRUPT_MESSAGE);
        assert_eq!(read(Vec::new(), 1).expect_err("nothing"), ErrorCode::CORRUPT_MESSAGE);
    }
}
