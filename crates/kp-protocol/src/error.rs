//! What can be wrong with bytes or with a value that is to become bytes. Every error carries the facts; none is a
//! bare string. A broker's bytes can only ever produce these, never a panic.

use std::fmt;

/// What is wrong at one place of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The input ends before the value does: so many bytes are missing at least.
    Truncated {
        /// Bytes that are missing at least.
        missing: usize,
    },
    /// A length or count below zero where none is allowed.
    Negative {
        /// The number as it stands there.
        length: i64,
    },
    /// Null where the version in use allows none.
    Null,
    /// A count that the rest of the input cannot hold; nothing was allocated for it.
    TooMany {
        /// Elements announced.
        count: usize,
        /// Bytes left for them.
        left: usize,
    },
    /// A length that the rest of the input cannot hold; nothing was allocated for it.
    TooLong {
        /// Bytes announced.
        length: usize,
        /// Bytes left.
        left: usize,
    },
    /// Text that is not UTF-8.
    NotUtf8,
    /// A varint of more bytes, or of more bits, than its type has.
    OverlongVarint,
    /// A tagged field whose tag is not above the one before it (KIP-482).
    TagOrder {
        /// The tag that came out of order.
        tag: u32,
    },
    /// Bytes left over where a value should have filled its length exactly.
    LeftOver {
        /// Bytes that no field took.
        bytes: usize,
    },
    /// Bytes that are wrong in a way that no other fault names.
    Malformed,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated { missing } => write!(f, "cut short, at least {missing} bytes missing"),
            Self::Negative { length } => write!(f, "length {length} is below zero"),
            Self::Null => f.write_str("null is not allowed in this version"),
            Self::TooMany { count, left } => write!(f, "{count} elements announced, {left} bytes left"),
            Self::TooLong { length, left } => write!(f, "{length} bytes announced, {left} left"),
            Self::NotUtf8 => f.write_str("text is not UTF-8"),
            Self::OverlongVarint => f.write_str("varint is too long for its type"),
            Self::TagOrder { tag } => write!(f, "tagged field {tag} is out of order"),
            Self::LeftOver { bytes } => write!(f, "{bytes} bytes left over"),
            Self::Malformed => f.write_str("malformed"),
        }
    }
}

/// Every error of this crate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// Bytes that are not the message they should be.
    #[error("{what} v{version}, byte {at}: {fault}")]
    Malformed {
        /// The message's or structure's name.
        what: &'static str,
        /// The version it was read as.
        version: i16,
        /// Where in the input, in bytes from its start.
        at: usize,
        /// What is wrong there.
        fault: Fault,
    },
    /// A version that this crate does not know of that API.
    #[error("{what} v{version} is not known (known: {min} to {max})")]
    UnsupportedVersion {
        /// The message's or API's name.
        what: &'static str,
        /// The version asked for.
        version: i16,
        /// Lowest known version.
        min: i16,
        /// Highest known version.
        max: i16,
    },
    /// An API number that this crate does not know.
    #[error("API key {key} is not known")]
    UnknownApiKey {
        /// The number.
        key: i16,
    },
    /// A field has a value, but the version in use has no such field, and dropping it would change the meaning.
    #[error("{part}.{field} cannot be said in v{version}")]
    FieldNotInVersion {
        /// The struct's name.
        part: &'static str,
        /// The field's name.
        field: &'static str,
        /// The version in use.
        version: i16,
    },
    /// A field is null, but the version in use allows no null there.
    #[error("{part}.{field} must not be null in v{version}")]
    NullNotAllowed {
        /// The struct's name.
        part: &'static str,
        /// The field's name.
        field: &'static str,
        /// The version in use.
        version: i16,
    },
    /// A value that is longer than the wire can say.
    #[error("{what} of {length} is longer than the wire allows ({limit})")]
    TooLong {
        /// The kind of value: a string, an array, a request.
        what: &'static str,
        /// Its length in bytes or elements.
        length: usize,
        /// The largest length.
        limit: usize,
    },
    /// A frame above the reader's limit, or with a negative size.
    #[error("frame of {size} bytes (limit {limit})")]
    FrameSize {
        /// The size it announces.
        size: i32,
        /// The limit in bytes.
        limit: usize,
    },
    /// A record batch of a format that this reader does not read.
    #[error("record format {magic} where {expected} is expected")]
    Magic {
        /// The format number found.
        magic: i8,
        /// What was expected.
        expected: &'static str,
    },
    /// The checksum over a batch or message does not match its bytes.
    #[error("checksum {actual:#010x}, but the batch says {stated:#010x}")]
    Checksum {
        /// What the bytes give.
        actual: u32,
        /// What the header says.
        stated: u32,
    },
    /// The record count of a batch does not fit its content.
    #[error("batch says {stated} records, its content holds {found}")]
    RecordCount {
        /// What the header says.
        stated: i32,
        /// How many were found (at least, if there are more).
        found: u32,
    },
    /// Something about a record or batch that the format forbids.
    #[error("{what}: {found}")]
    Illegal {
        /// The rule that is broken.
        what: &'static str,
        /// The value that breaks it.
        found: i64,
    },
    /// A record that an older record format cannot hold.
    #[error("record {index} has {what}, which record format {magic} cannot hold")]
    NotConvertible {
        /// The record's place in its batch, from 0.
        index: u32,
        /// What it has.
        what: &'static str,
        /// The older format.
        magic: i8,
    },
    /// A codec number that Kafka does not have.
    #[error("compression codec {id} is not known")]
    UnknownCodec {
        /// The number.
        id: i8,
    },
    /// A name that is no codec's.
    #[error("compression type {name:?} is not known (none, gzip, snappy, lz4, zstd)")]
    UnknownCodecName {
        /// The name.
        name: String,
    },
    /// A codec that this build leaves out.
    #[error("compression {codec} needs the feature `{codec}` of kp-protocol")]
    CodecOff {
        /// The codec's name, which is the feature's name too.
        codec: &'static str,
    },
    /// A codec that the record format does not know.
    #[error("compression {codec} is not defined for record format {magic}")]
    CodecNotInFormat {
        /// The codec's name.
        codec: &'static str,
        /// The record format.
        magic: i8,
    },
    /// A compression level outside the codec's range, or for a codec without levels.
    #[error("compression level {level} is not valid for {codec} ({valid})")]
    CompressionLevel {
        /// The codec's name.
        codec: &'static str,
        /// The level asked for.
        level: i32,
        /// The valid ones.
        valid: &'static str,
    },
    /// The codec failed while writing.
    #[error("{codec} could not compress: {reason}")]
    Compress {
        /// The codec's name.
        codec: &'static str,
        /// What the codec says.
        reason: String,
    },
    /// Bytes that are not what their codec writes.
    #[error("{codec} data is damaged: {reason}")]
    Decompress {
        /// The codec's name.
        codec: &'static str,
        /// What the codec says.
        reason: String,
    },
    /// Compressed bytes that would grow beyond the caller's limit.
    #[error("{codec} data is larger than {limit} bytes when decompressed")]
    DecompressedSize {
        /// The codec's name.
        codec: &'static str,
        /// The caller's limit in bytes.
        limit: usize,
    },
}
