//! One record: as it is given to be written, and as it is read.

use crate::error::Fault;
use crate::field::{ParseFault, Parsed};
use crate::primitive::{array, take};
use crate::timestamp::Timestamp;
use crate::topic_partition::Offset;

use super::zigzag::{varint, varlong};

/// A record to be written; everything is borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordRef<'a> {
    /// Its time; −1 for none, otherwise not negative.
    pub timestamp: Timestamp,
    /// The key; null and empty are two things.
    pub key: Option<&'a [u8]>,
    /// The value; null is a tombstone.
    pub value: Option<&'a [u8]>,
    /// Headers, in order; names may repeat (KIP-82).
    pub headers: &'a [HeaderRef<'a>],
}

/// A header of a record (KIP-82).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderRef<'a> {
    /// Its name, never null.
    pub name: &'a str,
    /// Its value.
    pub value: Option<&'a [u8]>,
}

/// A record as it was read; everything is borrowed from its batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its place in the log.
    pub offset: Offset,
    /// Its time: the producer's, or the broker's if the topic says so (KIP-32).
    pub timestamp: Timestamp,
    /// The key.
    pub key: Option<&'a [u8]>,
    /// The value.
    pub value: Option<&'a [u8]>,
    /// The headers, checked already.
    pub headers: Headers<'a>,
}

/// The headers of a record that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Headers<'a> {
    count: u32,
    bytes: &'a [u8],
}

impl<'a> Headers<'a> {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The headers in order.
    pub fn iter(&self) -> impl Iterator<Item = HeaderRef<'a>> + use<'a> {
        let mut rest = self.bytes;
        (0..self.count).map_while(move |_| {
            // The reader went through all of them once: this cannot end early.
            let (after, header) = header(rest).ok()?;
            rest = after;
            Some(header)
        })
    }
}

/// What a record says relative to its batch.
pub(super) struct RelativeRecord<'a> {
    pub(super) timestamp_delta: i64,
    pub(super) offset_delta: i32,
    pub(super) key: Option<&'a [u8]>,
    pub(super) value: Option<&'a [u8]>,
    pub(super) headers: Headers<'a>,
}

/// One record, which must fill the length it announces exactly (BB15).
pub(super) fn record(input: &[u8]) -> Parsed<'_, RelativeRecord<'_>> {
    let (rest, length) = varint(input)?;
    let length = usize::try_from(length)
        .or_else(|_| ParseFault::err(input, Fault::Negative { length: length.into() }))?;
    let (after, body) = take(rest, length)?;
    let (rest, [_attributes]) = array(body)?;
    let (rest, timestamp_delta) = varlong(rest)?;
    let (rest, offset_delta) = varint(rest)?;
    let (rest, key) = nullable_bytes(rest)?;
    let (rest, value) = nullable_bytes(rest)?;
    let (rest, headers) = headers(rest)?;
    if !rest.is_empty() {
        return ParseFault::err(rest, Fault::LeftOver { bytes: rest.len() });
    }
    Ok((after, RelativeRecord { timestamp_delta, offset_delta, key, value, headers }))
}

fn nullable_bytes(input: &[u8]) -> Parsed<'_, Option<&[u8]>> {
    let (rest, length) = varint(input)?;
    match length {
        0.. => take(rest, length as usize).map(|(rest, bytes)| (rest, Some(bytes))),
        -1 => Ok((rest, None)),
        _ => ParseFault::err(input, Fault::Negative { length: length.into() }),
    }
}

fn headers(input: &[u8]) -> Parsed<'_, Headers<'_>> {
    let (bytes, count) = varint(input)?;
    let count =
        u32::try_from(count).or_else(|_| ParseFault::err(input, Fault::Negative { length: count.into() }))?;
    // Each takes two bytes at least.
    if count as usize > bytes.len() / 2 {
        return ParseFault::err(input, Fault::TooMany { count: count as usize, left: bytes.len() });
    }
    let mut rest = bytes;
    for _ in 0..count {
        (rest, _) = header(rest)?;
    }
    Ok((rest, Headers { count, bytes: &bytes[..bytes.len() - rest.len()] }))
}

fn header(input: &[u8]) -> Parsed<'_, HeaderRef<'_>> {
    let (rest, length) = varint(input)?;
    let length = usize::try_from(length)
        .or_else(|_| ParseFault::err(input, Fault::Negative { length: length.into() }))?;
    let (rest, name) = take(rest, length)?;
    let name = std::str::from_utf8(name).or_else(|_| ParseFault::err(input, Fault::NotUtf8))?;
    let (rest, value) = nullable_bytes(rest)?;
    Ok((rest, HeaderRef { name, value }))
}
