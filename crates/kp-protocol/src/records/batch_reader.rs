//! Reads batches and their records, trusting nothing in them.

use bytes::Bytes;

use crate::compression::{Compression, decompress};
use crate::error::{Fault, ProtocolError};
use crate::field::ParseFault;
use crate::timestamp::Timestamp;
use crate::topic_partition::Offset;

use super::batch_header::{BATCH_HEADER_SIZE, BatchHeader, CHECKED_FROM, TimestampType};
use super::checksum::crc32c;
use super::record::{Record, record};

/// A whole batch, as slices of what it was read from.
///
/// ```
/// use bytes::Bytes;
/// use kp_protocol::{Timestamp, compression::Compression};
/// use kp_protocol::records::{RecordBatch, RecordEncoder, RecordRef};
/// # let mut encoder = RecordEncoder::new();
/// # let mut payload = Vec::new();
/// # let record = RecordRef { timestamp: Timestamp(1000), key: None, value: Some(b"hello"), headers: &[] };
/// # encoder.append(&record, &mut payload)?;
/// # let payload = Bytes::from(payload);
/// # let header = encoder.header(Compression::None, None)?.encode(&[payload.clone()]);
/// # let log = Bytes::from([&header[..], &payload[..]].concat());
/// let (batch, rest) = RecordBatch::parse(&log)?;
/// batch.verify_crc()?;
/// for record in batch.records(1 << 20)?.iter() {
///     let record = record?;
///     assert_eq!((record.offset.0, record.value), (0, Some(&b"hello"[..])));
/// }
/// assert!(rest.is_empty());
/// # Ok::<(), kp_protocol::ProtocolError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordBatch {
    header: BatchHeader,
    checksum: u32,
    bytes: Bytes,
}

impl RecordBatch {
    /// The first batch of `input`, and what follows it. The checksum is not looked at: see
    /// [`verify_crc`](Self::verify_crc).
    ///
    /// # Errors
    /// [`ProtocolError::Malformed`] if cut short, [`ProtocolError::Magic`] if it is of another format, and
    /// [`ProtocolError::Illegal`] if a count in it is negative ([`ProtocolError::Checksum`] if that is damage).
    pub fn parse(input: &Bytes) -> Result<(Self, Bytes), ProtocolError> {
        let (header, payload_size, checksum) = BatchHeader::parse(input)?;
        let size = BATCH_HEADER_SIZE + payload_size;
        if input.len() < size {
            let fault = Fault::Truncated { missing: size - input.len() };
            return Err(ProtocolError::Malformed { what: "RecordBatch", version: 2, at: input.len(), fault });
        }
        let batch = Self { header, checksum, bytes: input.slice(..size) };
        if header.record_count < 0 || header.last_offset_delta < 0 {
            return Err(batch.illegal_count());
        }
        Ok((batch, input.slice(size..)))
    }

    /// Damage is called damage: only a batch whose checksum is right is illegal.
    #[cold]
    fn illegal_count(&self) -> ProtocolError {
        let BatchHeader { record_count, last_offset_delta, .. } = self.header;
        match self.verify_crc() {
            Err(damaged) => damaged,
            Ok(()) if record_count < 0 => {
                ProtocolError::Illegal { what: "a record count is not negative", found: record_count.into() }
            }
            Ok(()) => {
                let found = last_offset_delta.into();
                ProtocolError::Illegal { what: "a last offset delta is not negative", found }
            }
        }
    }

    /// The header.
    #[must_use]
    pub fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// The whole batch as it stands on the wire.
    #[must_use]
    pub fn as_bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The records as they stand on the wire, compressed or not.
    #[must_use]
    pub fn payload(&self) -> Bytes {
        self.bytes.slice(BATCH_HEADER_SIZE..)
    }

    /// Compares the checksum with the bytes from the attributes on. Base offset, length, leader epoch and format
    /// number are not covered, so that a broker can set them (BB17).
    ///
    /// # Errors
    /// [`ProtocolError::Checksum`].
    pub fn verify_crc(&self) -> Result<(), ProtocolError> {
        let actual = crc32c([&self.bytes[CHECKED_FROM..]]);
        if actual == self.checksum {
            return Ok(());
        }
        Err(ProtocolError::Checksum { actual, stated: self.checksum })
    }

    /// The records, decompressed to at most `limit` bytes; uncompressed ones are not copied and know no limit.
    ///
    /// # Errors
    /// As [`decompress`]; [`ProtocolError::UnknownCodec`].
    pub fn records(&self, limit: usize) -> Result<DecodedRecords, ProtocolError> {
        let payload = match self.header.attributes.compression()? {
            Compression::None => self.payload(),
            // A batch without records has no payload to decompress either (compaction leaves such batches).
            _ if self.bytes.len() == BATCH_HEADER_SIZE && self.header.record_count == 0 => Bytes::new(),
            codec => decompress(codec, &self.bytes[BATCH_HEADER_SIZE..], limit)?,
        };
        Ok(DecodedRecords { header: self.header, payload })
    }
}

/// The records of one batch, decompressed.
#[derive(Clone, Debug)]
pub struct DecodedRecords {
    header: BatchHeader,
    payload: Bytes,
}

impl DecodedRecords {
    /// Goes through the records. The last item is an error if there are more or fewer than the header says (BB16), or
    /// if one is not what it should be (BB15); nothing follows an error.
    #[must_use]
    pub fn iter(&self) -> RecordIter<'_> {
        RecordIter {
            header: &self.header,
            payload: &self.payload,
            rest: &self.payload,
            found: 0,
            is_over: false,
        }
    }

    /// The bytes of all records.
    #[must_use]
    pub fn as_bytes(&self) -> &Bytes {
        &self.payload
    }
}

impl<'a> IntoIterator for &'a DecodedRecords {
    type Item = Result<Record<'a>, ProtocolError>;
    type IntoIter = RecordIter<'a>;

    fn into_iter(self) -> RecordIter<'a> {
        self.iter()
    }
}

/// See [`DecodedRecords::iter`].
#[derive(Clone, Debug)]
pub struct RecordIter<'a> {
    header: &'a BatchHeader,
    payload: &'a [u8],
    rest: &'a [u8],
    found: u32,
    is_over: bool,
}

impl<'a> Iterator for RecordIter<'a> {
    type Item = Result<Record<'a>, ProtocolError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let stated = self.header.record_count;
        let is_last = i64::from(self.found) == i64::from(stated);
        if is_last && self.rest.is_empty() {
            self.is_over = true;
            return None;
        }
        let item = if is_last || self.rest.is_empty() {
            let found = self.found + u32::from(!self.rest.is_empty());
            Err(ProtocolError::RecordCount { stated, found })
        } else {
            self.read()
        };
        self.is_over = item.is_err();
        Some(item)
    }
}

impl<'a> RecordIter<'a> {
    fn read(&mut self) -> Result<Record<'a>, ProtocolError> {
        let (rest, relative) =
            record(self.rest).map_err(|fault| ParseFault::explain(fault, "Record", 2, self.payload.len()))?;
        self.rest = rest;
        self.found += 1;
        let header = self.header;
        if !(0..=header.last_offset_delta).contains(&relative.offset_delta) {
            let found = relative.offset_delta.into();
            return Err(ProtocolError::Illegal { what: "a record's offset lies within its batch", found });
        }
        let timestamp = match header.attributes.timestamp_type() {
            TimestampType::CreateTime => header.base_timestamp.0.wrapping_add(relative.timestamp_delta),
            TimestampType::LogAppendTime => header.max_timestamp.0,
        };
        Ok(Record {
            offset: Offset(header.base_offset.wrapping_add(relative.offset_delta.into())),
            timestamp: Timestamp(timestamp),
            key: relative.key,
            value: relative.value,
            headers: relative.headers,
        })
    }
}
