//! The 61 bytes in front of a batch's records.

use bytes::Bytes;

use crate::compression::Compression;
use crate::error::{Fault, ProtocolError};
use crate::field::{ParseFault, Parsed};
use crate::primitive::array;
use crate::producer_identity::{BatchIdentity, ProducerIdentity, Sequence};
use crate::timestamp::Timestamp;

use super::checksum::crc32c;

/// Bytes of a batch header.
pub const BATCH_HEADER_SIZE: usize = 61;

/// Bytes before those that the batch's length counts: base offset and the length itself.
pub(super) const BEFORE_LENGTH: usize = 12;

/// Where the bytes begin that the checksum covers: the attributes.
pub(super) const CHECKED_FROM: usize = 21;

/// The record format of these batches.
const MAGIC: u8 = 2;

/// Whose times a batch's records carry (KIP-32).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimestampType {
    /// The producer's.
    CreateTime,
    /// The broker's, one for the whole batch.
    LogAppendTime,
}

/// A batch's attribute bits, unknown ones included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct BatchAttributes(pub i16);

impl BatchAttributes {
    const CODEC: i16 = 0x07;
    const LOG_APPEND_TIME: i16 = 1 << 3;
    const TRANSACTIONAL: i16 = 1 << 4;
    const CONTROL: i16 = 1 << 5;
    const DELETE_HORIZON: i16 = 1 << 6;

    /// A batch of plain records in this codec.
    #[must_use]
    pub const fn new(compression: Compression) -> Self {
        Self(compression.id() as i16)
    }

    /// The same, within a transaction or not.
    #[must_use]
    pub const fn with_transactional(self, is_transactional: bool) -> Self {
        self.with(Self::TRANSACTIONAL, is_transactional)
    }

    /// The same, as a control batch (written by brokers) or not.
    #[must_use]
    pub const fn with_control(self, is_control: bool) -> Self {
        self.with(Self::CONTROL, is_control)
    }

    /// The same, with the broker's or the producers' times.
    #[must_use]
    pub const fn with_timestamp_type(self, whose: TimestampType) -> Self {
        self.with(Self::LOG_APPEND_TIME, matches!(whose, TimestampType::LogAppendTime))
    }

    /// The codec of the records.
    ///
    /// # Errors
    /// [`ProtocolError::UnknownCodec`] for the numbers 5 to 7.
    pub fn compression(self) -> Result<Compression, ProtocolError> {
        Compression::from_id((self.0 & Self::CODEC) as i8)
    }

    /// Whose times the records carry.
    #[must_use]
    pub const fn timestamp_type(self) -> TimestampType {
        if self.has(Self::LOG_APPEND_TIME) { TimestampType::LogAppendTime } else { TimestampType::CreateTime }
    }

    /// Whether the batch belongs to a transaction (KIP-98).
    #[must_use]
    pub const fn is_transactional(self) -> bool {
        self.has(Self::TRANSACTIONAL)
    }

    /// Whether the batch holds a control record instead of users' records (KIP-98).
    #[must_use]
    pub const fn is_control(self) -> bool {
        self.has(Self::CONTROL)
    }

    /// Whether the base timestamp is the time after which a tombstone may go (KIP-534).
    #[must_use]
    pub const fn has_delete_horizon(self) -> bool {
        self.has(Self::DELETE_HORIZON)
    }

    const fn has(self, bit: i16) -> bool {
        self.0 & bit != 0
    }

    const fn with(self, bit: i16, is_set: bool) -> Self {
        Self(if is_set { self.0 | bit } else { self.0 & !bit })
    }
}

/// A batch's header, without length and checksum, which follow from the records.
///
/// A producer gets one from [`RecordEncoder::header`](super::RecordEncoder::header); a retry under another identity
/// changes it by [`with_identity`](Self::with_identity) and leaves the records alone (BB14).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// The first record's offset; a producer writes 0.
    pub base_offset: i64,
    /// The epoch of the leader that appended it; a producer writes −1 (KIP-101).
    pub partition_leader_epoch: i32,
    /// Codec and kind.
    pub attributes: BatchAttributes,
    /// The last record's offset less `base_offset`.
    pub last_offset_delta: i32,
    /// The time that the records' times are relative to: the first record's.
    pub base_timestamp: Timestamp,
    /// The largest time; with log append time, the time of every record.
    pub max_timestamp: Timestamp,
    /// The producer id, −1 for none (KIP-98).
    pub producer_id: i64,
    /// The producer's epoch, −1 for none.
    pub producer_epoch: i16,
    /// The first record's sequence number, −1 for none.
    pub base_sequence: i32,
    /// How many records there are.
    pub record_count: i32,
}

impl BatchHeader {
    /// The same header, with this identity or none.
    ///
    /// # Errors
    /// [`ProtocolError::Illegal`] if producer id, epoch or sequence is negative (BB10).
    pub fn with_identity(mut self, identity: Option<BatchIdentity>) -> Result<Self, ProtocolError> {
        let Some(BatchIdentity { producer, base_sequence, transactional }) = identity else {
            (self.producer_id, self.producer_epoch, self.base_sequence) = (-1, -1, -1);
            self.attributes = self.attributes.with_transactional(false);
            return Ok(self);
        };
        let numbers = [
            ("a producer id is not negative", producer.producer_id),
            ("a producer epoch is not negative", i64::from(producer.epoch)),
            ("a sequence number is not negative", i64::from(base_sequence.0)),
        ];
        if let Some((what, found)) = numbers.into_iter().find(|(_, number)| *number < 0) {
            return Err(ProtocolError::Illegal { what, found });
        }
        (self.producer_id, self.producer_epoch) = (producer.producer_id, producer.epoch);
        self.base_sequence = base_sequence.0;
        self.attributes = self.attributes.with_transactional(transactional);
        Ok(self)
    }

    /// Who wrote the batch, if it says so in full.
    #[must_use]
    pub fn identity(&self) -> Option<BatchIdentity> {
        let is_complete = self.producer_id >= 0 && self.producer_epoch >= 0 && self.base_sequence >= 0;
        is_complete.then_some(BatchIdentity {
            producer: ProducerIdentity { producer_id: self.producer_id, epoch: self.producer_epoch },
            base_sequence: Sequence(self.base_sequence),
            transactional: self.attributes.is_transactional(),
        })
    }

    /// The last record's offset.
    #[must_use]
    pub fn last_offset(&self) -> i64 {
        self.base_offset.wrapping_add(i64::from(self.last_offset_delta))
    }

    /// The 61 bytes for this payload: one pass over it for the checksum, no copy.
    ///
    /// The payload is at most 2 GiB less 50 bytes; every limit of Kafka lies far below.
    #[must_use]
    pub fn encode(&self, payload: &[Bytes]) -> [u8; BATCH_HEADER_SIZE] {
        let mut bytes = [0; BATCH_HEADER_SIZE];
        let payload_size: usize = payload.iter().map(Bytes::len).sum();
        let length = BATCH_HEADER_SIZE - BEFORE_LENGTH + payload_size;
        bytes[0..8].copy_from_slice(&self.base_offset.to_be_bytes());
        bytes[8..12].copy_from_slice(&(length as i32).to_be_bytes());
        bytes[12..16].copy_from_slice(&self.partition_leader_epoch.to_be_bytes());
        bytes[16] = MAGIC;
        bytes[21..23].copy_from_slice(&self.attributes.0.to_be_bytes());
        bytes[23..27].copy_from_slice(&self.last_offset_delta.to_be_bytes());
        bytes[27..35].copy_from_slice(&self.base_timestamp.0.to_be_bytes());
        bytes[35..43].copy_from_slice(&self.max_timestamp.0.to_be_bytes());
        bytes[43..51].copy_from_slice(&self.producer_id.to_be_bytes());
        bytes[51..53].copy_from_slice(&self.producer_epoch.to_be_bytes());
        bytes[53..57].copy_from_slice(&self.base_sequence.to_be_bytes());
        bytes[57..61].copy_from_slice(&self.record_count.to_be_bytes());
        let checked = std::iter::once(&bytes[CHECKED_FROM..]).chain(payload.iter().map(|piece| &piece[..]));
        let checksum = crc32c(checked);
        bytes[17..21].copy_from_slice(&checksum.to_be_bytes());
        bytes
    }

    /// Reads a header: itself, the payload's size in bytes, and the checksum it states.
    ///
    /// # Errors
    /// [`ProtocolError::Malformed`] if cut short or of impossible length, [`ProtocolError::Magic`].
    pub fn parse(input: &[u8]) -> Result<(Self, usize, u32), ProtocolError> {
        // The format number stands at the same place in every format, so it is looked at before anything else.
        if let Some(&magic) = input.get(16)
            && magic != MAGIC
        {
            return Err(ProtocolError::Magic { magic: magic as i8, expected: "2" });
        }
        match fields(input) {
            Ok((_, parsed)) => Ok(parsed),
            Err(fault) => Err(ParseFault::explain(fault, "RecordBatch", i16::from(MAGIC), input.len())),
        }
    }
}

fn fields(input: &[u8]) -> Parsed<'_, (BatchHeader, usize, u32)> {
    let (rest, base_offset) = array(input)?;
    let (rest, length) = array(rest)?;
    let length = i32::from_be_bytes(length);
    let Some(payload_size) =
        usize::try_from(length).ok().and_then(|n| n.checked_sub(BATCH_HEADER_SIZE - BEFORE_LENGTH))
    else {
        return ParseFault::err(rest, Fault::Negative { length: i64::from(length) - 49 });
    };
    let (rest, partition_leader_epoch) = array(rest)?;
    let (rest, [_magic]) = array(rest)?;
    let (rest, checksum) = array(rest)?;
    let (rest, attributes) = array(rest)?;
    let (rest, last_offset_delta) = array(rest)?;
    let (rest, base_timestamp) = array(rest)?;
    let (rest, max_timestamp) = array(rest)?;
    let (rest, producer_id) = array(rest)?;
    let (rest, producer_epoch) = array(rest)?;
    let (rest, base_sequence) = array(rest)?;
    let (rest, record_count) = array(rest)?;
    let header = BatchHeader {
        base_offset: i64::from_be_bytes(base_offset),
        partition_leader_epoch: i32::from_be_bytes(partition_leader_epoch),
        attributes: BatchAttributes(i16::from_be_bytes(attributes)),
        last_offset_delta: i32::from_be_bytes(last_offset_delta),
        base_timestamp: Timestamp(i64::from_be_bytes(base_timestamp)),
        max_timestamp: Timestamp(i64::from_be_bytes(max_timestamp)),
        producer_id: i64::from_be_bytes(producer_id),
        producer_epoch: i16::from_be_bytes(producer_epoch),
        base_sequence: i32::from_be_bytes(base_sequence),
        record_count: i32::from_be_bytes(record_count),
    };
    Ok((rest, (header, payload_size, u32::from_be_bytes(checksum))))
}
