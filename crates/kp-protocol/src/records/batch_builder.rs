//! Writes records of one batch, one behind the other, into memory that the caller gives. This is the hot path of a
//! producer: no allocation, integers by hand.

use crate::compression::Compression;
use crate::error::ProtocolError;
use crate::producer_identity::BatchIdentity;
use crate::timestamp::Timestamp;

use super::batch_header::{BatchAttributes, BatchHeader};
use super::record::{HeaderRef, RecordRef};
use super::zigzag::{encode_i32, encode_i64, varint_size, varlong_size};

/// Length, attributes, timestamp, offset and key length at their largest, and the value length behind a null key.
const PREFIX: usize = 32;

/// What has to be known of the records of a batch while they are written: how many, and their times.
///
/// ```
/// use kp_protocol::Timestamp;
/// use kp_protocol::compression::Compression;
/// use kp_protocol::records::{RecordEncoder, RecordRef};
/// let mut encoder = RecordEncoder::new();
/// let mut payload = Vec::with_capacity(16 * 1024);
/// let record = RecordRef { timestamp: Timestamp(1000), key: Some(b"k"), value: Some(b"v1"), headers: &[] };
/// assert_eq!(encoder.record_size(&record), 10);
/// assert_eq!(encoder.append(&record, &mut payload)?, 10);
/// let payload = [bytes::Bytes::from(payload)];
/// let header: [u8; 61] = encoder.header(Compression::None, None)?.encode(&payload);
/// assert_eq!(header[57..], [0, 0, 0, 1]);
/// # Ok::<(), kp_protocol::ProtocolError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordEncoder {
    count: u32,
    base_timestamp: i64,
    max_timestamp: i64,
}

impl RecordEncoder {
    /// No record yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Records appended.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Whether there is none yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The first record's time; `None` without a record.
    #[must_use]
    pub fn base_timestamp(&self) -> Option<Timestamp> {
        (self.count > 0).then_some(Timestamp(self.base_timestamp))
    }

    /// The largest time; `None` without a record.
    #[must_use]
    pub fn max_timestamp(&self) -> Option<Timestamp> {
        (self.count > 0).then_some(Timestamp(self.max_timestamp))
    }

    /// Bytes that [`append`](Self::append) would write for `record` now, its length included.
    #[inline]
    #[must_use]
    pub fn record_size(&self, record: &RecordRef<'_>) -> usize {
        let body = self.body_size(record, self.timestamp_delta(record));
        varint_size(body as i32) + body
    }

    /// The most bytes any record with such a key, value and headers takes in any batch, without the batch header.
    ///
    /// Lengths are in bytes, `None` for null.
    #[must_use]
    pub fn upper_bound(key_len: Option<usize>, value_len: Option<usize>, headers: &[HeaderRef<'_>]) -> usize {
        // Length 5, attributes 1, timestamp 10, offset 5.
        21 + nullable_size(key_len) + nullable_size(value_len) + headers_size(headers)
    }

    /// Writes `record` at the end of `out` and returns its bytes; does not reallocate if they fit the capacity.
    ///
    /// The record becomes number [`count`](Self::count) of the batch: offsets are 0, 1, 2, … (BB7); the first
    /// record's
    /// time is the batch's base, later ones may be older (BB8).
    ///
    /// # Errors
    /// A time below −1 (BB9); more records, or a longer one, than the format can say. Nothing is written then.
    #[inline]
    pub fn append(&mut self, record: &RecordRef<'_>, out: &mut Vec<u8>) -> Result<usize, ProtocolError> {
        let timestamp_delta = self.timestamp_delta(record);
        let short = if record.headers.is_empty() && record.timestamp.0 >= -1 {
            put_short(timestamp_delta, self.count, record, out)
        } else {
            None
        };
        let size = match short {
            Some(size) => size,
            None => self.append_any(timestamp_delta, record, out)?,
        };
        if self.count == 0 {
            self.base_timestamp = record.timestamp.0;
            self.max_timestamp = record.timestamp.0;
        }
        self.max_timestamp = self.max_timestamp.max(record.timestamp.0);
        self.count += 1;
        Ok(size)
    }

    /// Writes any record, or says why it is none.
    #[cold]
    fn append_any(
        &self,
        timestamp_delta: i64,
        record: &RecordRef<'_>,
        out: &mut Vec<u8>,
    ) -> Result<usize, ProtocolError> {
        let body = self.body_size(record, timestamp_delta);
        if record.timestamp.0 < -1 || body > i32::MAX as usize || self.count >= i32::MAX as u32 {
            return Err(self.refuse(record, body));
        }
        let start = out.len();
        let size = varint_size(body as i32) + body;
        out.reserve(size);
        let mut prefix = Prefix::default();
        prefix.put(encode_i32(body as i32));
        prefix.put_byte(0);
        prefix.put_long(encode_i64(timestamp_delta));
        prefix.put(encode_i32(self.count as i32));
        prefix.put(length(record.key));
        match record.key {
            Some(key) if !key.is_empty() => {
                prefix.write(out);
                out.extend_from_slice(key);
                prefix = Prefix::default();
            }
            _ => {}
        }
        prefix.put(length(record.value));
        prefix.write(out);
        out.extend_from_slice(record.value.unwrap_or_default());
        if record.headers.is_empty() {
            out.push(0);
        } else {
            put_headers(record.headers, out);
        }
        debug_assert_eq!(out.len() - start, size, "record_size and append agree");
        Ok(size)
    }

    /// The header of the batch as it stands, with offset 0 and no leader epoch, as a producer writes it.
    ///
    /// # Errors
    /// [`ProtocolError::Illegal`] without a record, or with an identity that is none (BB10).
    pub fn header(
        &self,
        compression: Compression,
        identity: Option<BatchIdentity>,
    ) -> Result<BatchHeader, ProtocolError> {
        if self.count == 0 {
            return Err(ProtocolError::Illegal { what: "a producer's batch has records", found: 0 });
        }
        let header = BatchHeader {
            base_offset: 0,
            partition_leader_epoch: -1,
            attributes: BatchAttributes::new(compression),
            last_offset_delta: self.count as i32 - 1,
            base_timestamp: Timestamp(self.base_timestamp),
            max_timestamp: Timestamp(self.max_timestamp),
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            record_count: self.count as i32,
        };
        header.with_identity(identity)
    }

    #[inline(always)]
    fn timestamp_delta(&self, record: &RecordRef<'_>) -> i64 {
        if self.count == 0 { 0 } else { record.timestamp.0.wrapping_sub(self.base_timestamp) }
    }

    /// Bytes of a record behind its length.
    #[inline(always)]
    fn body_size(&self, record: &RecordRef<'_>, timestamp_delta: i64) -> usize {
        1 + varlong_size(timestamp_delta)
            + varint_size(self.count as i32)
            + nullable_size(record.key.map(<[u8]>::len))
            + nullable_size(record.value.map(<[u8]>::len))
            + headers_size(record.headers)
    }

    #[cold]
    fn refuse(&self, record: &RecordRef<'_>, body: usize) -> ProtocolError {
        if record.timestamp.0 < -1 {
            return ProtocolError::Illegal {
                what: "a timestamp is -1 or not negative",
                found: record.timestamp.0,
            };
        }
        let limit = i32::MAX as usize;
        if body > limit {
            return ProtocolError::TooLong { what: "record", length: body, limit };
        }
        ProtocolError::TooLong { what: "batch", length: self.count as usize + 1, limit }
    }
}

/// Varints gathered in a register, at most eight bytes: bytes that are stored one by one and loaded again as a piece
/// would have to wait for each other.
#[derive(Clone, Copy)]
struct Word {
    bits: u64,
    len: usize,
}

impl Word {
    /// A varint of at most three bytes, which is what a record has nearly always.
    #[inline(always)]
    fn of(number: u64) -> Option<Self> {
        if number < 1 << 7 {
            Some(Self { bits: number, len: 1 })
        } else if number < 1 << 14 {
            Some(Self { bits: 0x80 | (number & 0x7f) | (number >> 7) << 8, len: 2 })
        } else if number < 1 << 21 {
            let bits = 0x8080 | (number & 0x7f) | (number & 0x3f80) << 1 | (number >> 14) << 16;
            Some(Self { bits, len: 3 })
        } else {
            None
        }
    }

    /// This, then `next`; together at most eight bytes.
    #[inline(always)]
    fn then(self, next: Self) -> Self {
        Self { bits: self.bits | next.bits << (8 * self.len), len: self.len + next.len }
    }
}

/// Writes two words, the first of three to seven bytes; `out` has room for sixteen.
#[inline(always)]
fn put_two(first: Word, second: Word, out: &mut Vec<u8>) {
    let end = out.len() + first.len + second.len;
    let low = first.bits | second.bits << (8 * first.len);
    let high = second.bits >> (64 - 8 * first.len);
    out.extend_from_slice(&(u128::from(high) << 64 | u128::from(low)).to_le_bytes());
    out.truncate(end);
}

/// Writes a record without headers whose numbers are all short, and answers its bytes; `None`, and nothing written, if it
/// is another, or has not room enough for two whole words beside it.
#[inline(always)]
fn put_short(timestamp_delta: i64, index: u32, record: &RecordRef<'_>, out: &mut Vec<u8>) -> Option<usize> {
    // Offset and lengths are not negative here, but for a null's; their zigzag form is the double.
    let delta = Word::of(encode_i64(timestamp_delta))?;
    let offset = Word::of(u64::from(index) << 1)?;
    let null = Word { bits: 1, len: 1 };
    let length = |bytes: Option<&[u8]>| bytes.map_or(Some(null), |bytes| Word::of((bytes.len() as u64) << 1));
    let (key_length, value_length) = (length(record.key)?, length(record.value)?);
    let (key, value) = (record.key.unwrap_or_default(), record.value.unwrap_or_default());
    let numbers = delta.len + offset.len + key_length.len + value_length.len;
    // One byte of attributes in front, one that says "no headers" behind.
    let body = 1 + numbers + key.len() + value.len() + 1;
    let body_length = Word::of((body as u64) << 1)?;
    let size = body_length.len + body;
    if out.capacity() - out.len() < size + 16 {
        return None;
    }
    let attributes = Word { bits: 0, len: 1 };
    // At most seven bytes, and nine: of the second word one may be over.
    let first = body_length.then(attributes).then(delta);
    let second = offset.then(key_length);
    let start = out.len();
    if key.is_empty() {
        let value_length = Some(value_length).filter(|_| second.len <= 5)?;
        put_two(first, second.then(value_length), out);
    } else {
        put_two(first, second, out);
        out.extend_from_slice(key);
        let end = out.len() + value_length.len;
        out.extend_from_slice(&value_length.bits.to_le_bytes());
        out.truncate(end);
    }
    out.extend_from_slice(value);
    out.push(0);
    debug_assert_eq!(out.len() - start, size, "the size was known before");
    Some(size)
}

/// Integers of any size are gathered here, and copied in one piece of constant size where there is room.
#[derive(Default)]
struct Prefix {
    bytes: [u8; PREFIX],
    len: usize,
}

impl Prefix {
    #[inline(always)]
    fn put_byte(&mut self, byte: u8) {
        // Never beyond: 5 + 1 + 10 + 5 + 5 + 5 bytes at most.
        self.bytes[self.len % PREFIX] = byte;
        self.len += 1;
    }

    #[inline(always)]
    fn put(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.put_byte(value as u8 | 0x80);
            value >>= 7;
        }
        self.put_byte(value as u8);
    }

    #[inline(always)]
    fn put_long(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.put_byte(value as u8 | 0x80);
            value >>= 7;
        }
        self.put_byte(value as u8);
    }

    #[inline(always)]
    fn write(&self, out: &mut Vec<u8>) {
        let end = out.len() + self.len;
        if out.capacity() - out.len() >= PREFIX {
            out.extend_from_slice(&self.bytes);
            out.truncate(end);
        } else {
            out.extend_from_slice(&self.bytes[..self.len]);
        }
    }
}

/// The length as it stands in front of nullable bytes.
#[inline(always)]
fn length(bytes: Option<&[u8]>) -> u32 {
    encode_i32(bytes.map_or(-1, |bytes| bytes.len() as i32))
}

#[inline(always)]
fn nullable_size(length: Option<usize>) -> usize {
    length.map_or(1, |length| varint_size(length as i32) + length)
}

#[inline(always)]
fn headers_size(headers: &[HeaderRef<'_>]) -> usize {
    if headers.is_empty() { 1 } else { some_headers_size(headers) }
}

fn some_headers_size(headers: &[HeaderRef<'_>]) -> usize {
    headers.iter().fold(varint_size(headers.len() as i32), |size, header| {
        size + nullable_size(Some(header.name.len())) + nullable_size(header.value.map(<[u8]>::len))
    })
}

fn put_headers(headers: &[HeaderRef<'_>], out: &mut Vec<u8>) {
    let mut prefix = Prefix::default();
    prefix.put(encode_i32(headers.len() as i32));
    for header in headers {
        prefix.put(length(Some(header.name.as_bytes())));
        prefix.write(out);
        out.extend_from_slice(header.name.as_bytes());
        prefix = Prefix::default();
        prefix.put(length(header.value));
        prefix.write(out);
        out.extend_from_slice(header.value.unwrap_or_default());
        prefix = Prefix::default();
    }
    prefix.write(out);
}
