//! Reads messages of the record formats 0 and 1, alone or inside a compressed wrapper, trusting nothing in them.

use bytes::Bytes;

use crate::compression::{Compression, decompress_with};
use crate::error::{Fault, ProtocolError};
use crate::primitive::{array, take};
use crate::timestamp::Timestamp;
use crate::topic_partition::Offset;
use crate::wire::{ParseFault, Parsed};

use super::batch_header::TimestampType;
use super::message_set::{BEFORE_SIZE, CHECKED_FROM, MessageFormat};
use super::record::{Headers, Record};

/// A message as it stands in a log: one record, or a wrapper around several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegacyMessage {
    format: MessageFormat,
    offset: i64,
    checksum: u32,
    attributes: i8,
    timestamp: Timestamp,
    key: Option<Bytes>,
    value: Option<Bytes>,
    bytes: Bytes,
}

impl LegacyMessage {
    /// The first message of `input`, and what follows it. The checksum is not looked at: see
    /// [`verify_crc`](Self::verify_crc).
    ///
    /// # Errors
    /// [`ProtocolError::Malformed`], [`ProtocolError::Magic`] if it is of another format.
    pub fn parse(input: &Bytes) -> Result<(Self, Bytes), ProtocolError> {
        let magic = input.get(CHECKED_FROM).map_or(0, |magic| *magic as i8);
        let Some(format) = MessageFormat::from_magic(magic) else {
            return Err(ProtocolError::Magic { magic, expected: "0 or 1" });
        };
        match message(input, input, format) {
            Ok((rest, message)) => Ok((message, input.slice_ref(rest))),
            Err(fault) => Err(explain(fault, format, input)),
        }
    }

    /// The format.
    #[must_use]
    pub fn format(&self) -> MessageFormat {
        self.format
    }

    /// The codec, if this is a wrapper.
    ///
    /// # Errors
    /// [`ProtocolError::UnknownCodec`], [`ProtocolError::CodecNotInFormat`] for zstd (BB13).
    pub fn compression(&self) -> Result<Compression, ProtocolError> {
        let codec = Compression::from_id(self.attributes & 0x07)?;
        self.format.check_codec(codec)?;
        Ok(codec)
    }

    /// Whose time it carries; format 0 carries none (KIP-32).
    #[must_use]
    pub fn timestamp_type(&self) -> TimestampType {
        if self.format == MessageFormat::V1 && self.attributes & 0x08 != 0 {
            TimestampType::LogAppendTime
        } else {
            TimestampType::CreateTime
        }
    }

    /// The message's offset; a wrapper's is its last record's.
    #[must_use]
    pub fn offset(&self) -> Offset {
        Offset(self.offset)
    }

    /// The whole message as it stands on the wire.
    #[must_use]
    pub fn as_bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Compares the CRC-32 with the bytes from the format number on.
    ///
    /// # Errors
    /// [`ProtocolError::Checksum`].
    pub fn verify_crc(&self) -> Result<(), ProtocolError> {
        let actual = crc32fast::hash(&self.bytes[CHECKED_FROM..]);
        if actual == self.checksum {
            return Ok(());
        }
        Err(ProtocolError::Checksum { actual, stated: self.checksum })
    }

    /// The records: this message, or those inside the wrapper, decompressed to at most `limit` bytes, each with its
    /// checksum verified.
    ///
    /// # Errors
    /// As [`compression`](Self::compression) and [`decompress`](crate::compression::decompress); whatever is wrong
    /// with a message inside; a wrapper inside a wrapper.
    pub fn records(&self, limit: usize) -> Result<LegacyRecords, ProtocolError> {
        let codec = self.compression()?;
        if codec == Compression::None {
            return Ok(LegacyRecords { messages: vec![self.clone()] });
        }
        let value = self.value.as_deref().unwrap_or_default();
        let mut rest = decompress_with(codec, value, limit, self.format.lz4_header())?;
        let mut messages = Vec::new();
        while !rest.is_empty() {
            let (inner, after) = Self::parse(&rest)?;
            inner.check_inside(self)?;
            messages.push(inner);
            rest = after;
        }
        // KIP-31: from format 1 on, offsets inside count from the first record, and the wrapper has the last one's.
        let last = messages.last().map_or(0, |last| last.offset);
        for inner in &mut messages {
            if self.format == MessageFormat::V1 {
                inner.offset = self.offset.wrapping_sub(last).wrapping_add(inner.offset);
            }
            if self.timestamp_type() == TimestampType::LogAppendTime {
                inner.timestamp = self.timestamp;
            }
        }
        Ok(LegacyRecords { messages })
    }

    fn check_inside(&self, wrapper: &Self) -> Result<(), ProtocolError> {
        if self.format != wrapper.format {
            let (magic, expected) = (self.format.magic(), "that of the wrapper");
            return Err(ProtocolError::Magic { magic, expected });
        }
        let codec = self.compression()?;
        if codec != Compression::None {
            return Err(ProtocolError::Illegal {
                what: "no wrapper stands in a wrapper",
                found: codec.id().into(),
            });
        }
        self.verify_crc()
    }
}

/// The records of one message.
#[derive(Clone, Debug)]
pub struct LegacyRecords {
    messages: Vec<LegacyMessage>,
}

impl LegacyRecords {
    /// The records in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Record<'_>> {
        self.messages.iter().map(|message| Record {
            offset: Offset(message.offset),
            timestamp: message.timestamp,
            key: message.key.as_deref(),
            value: message.value.as_deref(),
            headers: Headers::default(),
        })
    }
}

/// `input` is a slice of `frame`.
fn message<'a>(input: &'a [u8], frame: &Bytes, format: MessageFormat) -> Parsed<'a, LegacyMessage> {
    let (rest, offset) = array(input)?;
    let (rest, size) = array(rest)?;
    let size = i32::from_be_bytes(size);
    let Ok(size) = usize::try_from(size) else {
        return ParseFault::err(rest, Fault::Negative { length: size.into() });
    };
    let (after, body) = take(rest, size)?;
    let (rest, checksum) = array(body)?;
    let (rest, [_magic, attributes]) = array(rest)?;
    let (rest, timestamp) = match format {
        MessageFormat::V0 => (rest, Timestamp::NONE),
        MessageFormat::V1 => array(rest).map(|(rest, bytes)| (rest, Timestamp(i64::from_be_bytes(bytes))))?,
    };
    let (rest, key) = nullable_bytes(rest)?;
    let (rest, value) = nullable_bytes(rest)?;
    if !rest.is_empty() {
        return ParseFault::err(rest, Fault::LeftOver { bytes: rest.len() });
    }
    let message = LegacyMessage {
        format,
        offset: i64::from_be_bytes(offset),
        checksum: u32::from_be_bytes(checksum),
        attributes: attributes as i8,
        timestamp,
        key: key.map(|key| frame.slice_ref(key)),
        value: value.map(|value| frame.slice_ref(value)),
        bytes: frame.slice_ref(&input[..BEFORE_SIZE + size]),
    };
    Ok((after, message))
}

fn nullable_bytes(input: &[u8]) -> Parsed<'_, Option<&[u8]>> {
    let (rest, length) = array(input)?;
    match i32::from_be_bytes(length) {
        length @ 0.. => take(rest, length as usize).map(|(rest, bytes)| (rest, Some(bytes))),
        -1 => Ok((rest, None)),
        length => ParseFault::err(input, Fault::Negative { length: length.into() }),
    }
}

#[cold]
fn explain(fault: nom::Err<ParseFault>, format: MessageFormat, input: &Bytes) -> ProtocolError {
    ParseFault::explain(fault, "Message", format.magic().into(), input.len())
}
