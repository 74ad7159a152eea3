//! Reads messages of the record formats 0 and 1, alone or inside a compressed wrapper, trusting nothing in them.

use bytes::Bytes;

use crate::compression::{Compression, decompress_with};
use crate::error::{Fault, ProtocolError};
use crate::field::{ParseFault, Parsed};
use crate::primitive::{array, take};
use crate::timestamp::Timestamp;
use crate::topic_partition::Offset;

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
        match fields(input, format) {
            Ok((rest, fields)) => Ok((Self::new(&fields, format, input), input.slice_ref(rest))),
            Err(fault) => Err(explain(fault, format, input.len())),
        }
    }

    /// `fields` are slices of `frame`.
    fn new(fields: &Fields<'_>, format: MessageFormat, frame: &Bytes) -> Self {
        Self {
            format,
            offset: fields.offset,
            checksum: fields.checksum,
            attributes: fields.attributes,
            timestamp: fields.timestamp,
            key: fields.key.map(|key| frame.slice_ref(key)),
            value: fields.value.map(|value| frame.slice_ref(value)),
            bytes: frame.slice_ref(fields.whole),
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
        compression(self.attributes, self.format)
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
        verify(self.checksum, &self.bytes)
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
            let format = self.format;
            return Ok(LegacyRecords {
                format,
                messages: self.bytes.clone(),
                count: 1,
                base: 0,
                append_time: None,
            });
        }
        let value = self.value.as_deref().unwrap_or_default();
        let messages = decompress_with(codec, value, limit, self.format.lz4_header())?;
        let (count, last_offset) = check_inside(&messages, self.format)?;
        Ok(LegacyRecords {
            format: self.format,
            messages,
            count,
            // KIP-31: from format 1 on, offsets inside count from the first record, and the wrapper has the last one's.
            base: match self.format {
                MessageFormat::V0 => 0,
                MessageFormat::V1 => self.offset.wrapping_sub(last_offset),
            },
            append_time: (self.timestamp_type() == TimestampType::LogAppendTime).then_some(self.timestamp),
        })
    }
}

/// The records of one message; they stay in the bytes they were decompressed to.
#[derive(Clone, Debug)]
pub struct LegacyRecords {
    format: MessageFormat,
    /// One behind the other, each checked.
    messages: Bytes,
    count: usize,
    /// What their offsets are relative to.
    base: i64,
    append_time: Option<Timestamp>,
}

impl LegacyRecords {
    /// The records in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Record<'_>> {
        let mut rest = &self.messages[..];
        (0..self.count).map(move |_| {
            let (after, fields) = fields(rest, self.format).expect("counted when they were checked");
            rest = after;
            Record {
                offset: Offset(self.base.wrapping_add(fields.offset)),
                timestamp: self.append_time.unwrap_or(fields.timestamp),
                key: fields.key,
                value: fields.value,
                headers: Headers::default(),
            }
        })
    }
}

/// Goes through the messages of a wrapper: how many there are, and the last one's offset.
fn check_inside(messages: &[u8], format: MessageFormat) -> Result<(usize, i64), ProtocolError> {
    let (mut rest, mut count, mut last_offset) = (messages, 0, 0);
    while !rest.is_empty() {
        if let Some(magic) = rest.get(CHECKED_FROM).map(|magic| *magic as i8)
            && magic != format.magic()
        {
            return Err(ProtocolError::Magic { magic, expected: "that of the wrapper" });
        }
        let (after, inner) = fields(rest, format).map_err(|fault| explain(fault, format, rest.len()))?;
        let codec = compression(inner.attributes, format)?;
        if codec != Compression::None {
            let found = codec.id().into();
            return Err(ProtocolError::Illegal { what: "no wrapper stands in a wrapper", found });
        }
        verify(inner.checksum, inner.whole)?;
        (rest, count, last_offset) = (after, count + 1, inner.offset);
    }
    Ok((count, last_offset))
}

fn compression(attributes: i8, format: MessageFormat) -> Result<Compression, ProtocolError> {
    let codec = Compression::from_id(attributes & 0x07)?;
    format.check_codec(codec)?;
    Ok(codec)
}

fn verify(stated: u32, whole: &[u8]) -> Result<(), ProtocolError> {
    let actual = crc32fast::hash(&whole[CHECKED_FROM..]);
    if actual == stated { Ok(()) } else { Err(ProtocolError::Checksum { actual, stated }) }
}

/// What stands in one message.
struct Fields<'a> {
    offset: i64,
    checksum: u32,
    attributes: i8,
    timestamp: Timestamp,
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
    whole: &'a [u8],
}

fn fields(input: &[u8], format: MessageFormat) -> Parsed<'_, Fields<'_>> {
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
    let fields = Fields {
        offset: i64::from_be_bytes(offset),
        checksum: u32::from_be_bytes(checksum),
        attributes: attributes as i8,
        timestamp,
        key,
        value,
        whole: &input[..BEFORE_SIZE + size],
    };
    Ok((after, fields))
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
fn explain(fault: nom::Err<ParseFault>, format: MessageFormat, length: usize) -> ProtocolError {
    ParseFault::explain(fault, "Message", format.magic().into(), length)
}
