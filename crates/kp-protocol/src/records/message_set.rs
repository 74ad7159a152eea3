//! Message sets: record formats 0 and 1, for brokers before 0.11 (Produce 0 to 2). Written here, with their wrapper
//! compression; read in `message_set_reader.rs`.

use crate::api::ProduceRequest;
use crate::compression::{Compression, Compressor, Lz4Header};
use crate::error::ProtocolError;
use crate::timestamp::Timestamp;

use super::record::RecordRef;

/// Bytes in front of what a message's size counts: offset and size.
pub(super) const BEFORE_SIZE: usize = 12;

/// Where the bytes begin that the checksum covers: the format number.
pub(super) const CHECKED_FROM: usize = 16;

/// One of the two older record formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MessageFormat {
    /// Before 0.10: no timestamps.
    V0,
    /// 0.10: with timestamps (KIP-32), relative offsets within a wrapper (KIP-31).
    V1,
}

impl MessageFormat {
    /// The format number ("magic").
    #[must_use]
    pub const fn magic(self) -> i8 {
        match self {
            Self::V0 => 0,
            Self::V1 => 1,
        }
    }

    /// Bytes of a message besides key and value.
    #[must_use]
    pub const fn overhead(self) -> usize {
        match self {
            Self::V0 => 26,
            Self::V1 => 34,
        }
    }

    /// The newest format that Produce carries in this version; `None` from version 3 on, which carries batches.
    #[must_use]
    pub const fn of_produce(version: i16) -> Option<Self> {
        match version {
            ProduceRequest::BATCHES_FROM.. => None,
            2 => Some(Self::V1),
            _ => Some(Self::V0),
        }
    }

    pub(super) const fn from_magic(magic: i8) -> Option<Self> {
        match magic {
            0 => Some(Self::V0),
            1 => Some(Self::V1),
            _ => None,
        }
    }

    /// Whether the format knows the codec: zstd came later (KIP-110).
    pub(super) fn check_codec(self, codec: Compression) -> Result<(), ProtocolError> {
        if codec == Compression::Zstd {
            return Err(ProtocolError::CodecNotInFormat { codec: codec.name(), magic: self.magic() });
        }
        Ok(())
    }

    pub(super) const fn lz4_header(self) -> Lz4Header {
        match self {
            Self::V0 => Lz4Header::OfFormat0,
            Self::V1 => Lz4Header::Right,
        }
    }
}

/// Writes a message set for a Produce request: messages with offsets 0, 1, 2, …, then perhaps their wrapper.
///
/// ```
/// use kp_protocol::Timestamp;
/// use kp_protocol::compression::{Compression, Compressor};
/// use kp_protocol::records::{MessageFormat, MessageSetEncoder, RecordRef};
/// let mut encoder = MessageSetEncoder::new(MessageFormat::V1);
/// encoder.append(&RecordRef { timestamp: Timestamp(1000), key: Some(b"k"), value: Some(b"v1"), headers: &[] })?;
/// let bytes = encoder.finish(&mut Compressor::new(Compression::None, None)?)?;
/// assert_eq!(bytes.len(), MessageFormat::V1.overhead() + 3);
/// # Ok::<(), kp_protocol::ProtocolError>(())
/// ```
#[derive(Clone, Debug)]
pub struct MessageSetEncoder {
    format: MessageFormat,
    messages: Vec<u8>,
    count: u32,
    max_timestamp: Timestamp,
}

impl MessageSetEncoder {
    /// An empty set.
    #[must_use]
    pub fn new(format: MessageFormat) -> Self {
        Self { format, messages: Vec::new(), count: 0, max_timestamp: Timestamp::NONE }
    }

    /// Appends a record. Format 0 has no place for its time, which is left out, as brokers do when they convert.
    ///
    /// # Errors
    /// [`ProtocolError::NotConvertible`] for a record with headers; [`ProtocolError::Illegal`] for a time below −1
    /// (BB9); [`ProtocolError::TooLong`]. Nothing is written then.
    pub fn append(&mut self, record: &RecordRef<'_>) -> Result<(), ProtocolError> {
        if !record.headers.is_empty() {
            let magic = self.format.magic();
            return Err(ProtocolError::NotConvertible { index: self.count, what: "headers", magic });
        }
        if record.timestamp < Timestamp::NONE {
            let found = record.timestamp.0;
            return Err(ProtocolError::Illegal { what: "a timestamp is -1 or not negative", found });
        }
        let message = Message {
            offset: i64::from(self.count),
            attributes: 0,
            timestamp: record.timestamp,
            key: record.key,
            value: record.value,
        };
        message.put(self.format, &mut self.messages)?;
        self.count += 1;
        self.max_timestamp = self.max_timestamp.max(record.timestamp);
        Ok(())
    }

    /// The bytes for the request: the messages, or one wrapper message around them, compressed.
    ///
    /// # Errors
    /// [`ProtocolError::CodecNotInFormat`] for zstd (BB13); [`ProtocolError::Illegal`] without a record.
    pub fn finish(self, compressor: &mut Compressor) -> Result<Vec<u8>, ProtocolError> {
        let codec = compressor.compression();
        self.format.check_codec(codec)?;
        if self.count == 0 {
            return Err(ProtocolError::Illegal { what: "a producer's message set has messages", found: 0 });
        }
        if codec == Compression::None {
            return Ok(self.messages);
        }
        let mut value = Vec::new();
        compressor.compress_with([&self.messages[..]], &mut value, usize::MAX, self.format.lz4_header())?;
        let wrapper = Message {
            offset: i64::from(self.count) - 1,
            attributes: codec.id(),
            timestamp: self.max_timestamp,
            key: None,
            value: Some(&value),
        };
        let mut out = Vec::with_capacity(self.format.overhead() + value.len());
        wrapper.put(self.format, &mut out)?;
        Ok(out)
    }
}

/// A message to be written.
struct Message<'a> {
    offset: i64,
    attributes: i8,
    timestamp: Timestamp,
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
}

impl Message<'_> {
    fn put(&self, format: MessageFormat, out: &mut Vec<u8>) -> Result<(), ProtocolError> {
        let length = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
        let whole = format.overhead() + length(self.key) + length(self.value);
        let limit = i32::MAX as usize;
        if whole > limit {
            return Err(ProtocolError::TooLong { what: "message", length: whole, limit });
        }
        let start = out.len();
        out.reserve(whole);
        out.extend_from_slice(&self.offset.to_be_bytes());
        out.extend_from_slice(&((whole - BEFORE_SIZE) as i32).to_be_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&[format.magic() as u8, self.attributes as u8]);
        if format == MessageFormat::V1 {
            out.extend_from_slice(&self.timestamp.0.to_be_bytes());
        }
        for bytes in [self.key, self.value] {
            out.extend_from_slice(&bytes.map_or(-1, |bytes| bytes.len() as i32).to_be_bytes());
            out.extend_from_slice(bytes.unwrap_or_default());
        }
        let checksum = crc32fast::hash(&out[start + CHECKED_FROM..]);
        out[start + BEFORE_SIZE..start + CHECKED_FROM].copy_from_slice(&checksum.to_be_bytes());
        Ok(())
    }
}
