//! Codecs as Kafka frames them. One file each, one feature each; `none` is always there. What is written can be read
//! by every Java consumer, what is read may come from any client.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;

use crate::error::ProtocolError;

#[cfg(any(feature = "lz4", feature = "snappy"))]
mod blocks;
#[cfg(feature = "gzip")]
mod gzip;
#[cfg(feature = "lz4")]
mod lz4;
mod sink;
#[cfg(feature = "snappy")]
mod snappy;
#[cfg(feature = "zstd")]
mod zstd;

pub(crate) use sink::Sink;

/// A compression codec, as `compression.type` names it and as a batch's attributes number it.
///
/// ```
/// use kp_protocol::compression::Compression;
/// assert_eq!("lz4".parse(), Ok(Compression::Lz4));
/// assert_eq!(Compression::from_id(4)?.to_string(), "zstd");
/// # Ok::<(), kp_protocol::ProtocolError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[non_exhaustive]
pub enum Compression {
    /// Records as they are.
    #[default]
    None,
    /// RFC 1952.
    Gzip,
    /// Snappy blocks in xerial's framing.
    Snappy,
    /// LZ4 frames of independent 64 KiB blocks.
    Lz4,
    /// Zstandard frames (KIP-110); record format 2 only.
    Zstd,
}

impl Compression {
    /// All codecs, by number.
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    /// The number in a batch's attributes, 0 to 4.
    #[must_use]
    pub const fn id(self) -> i8 {
        self as i8
    }

    /// The codec with this number.
    ///
    /// # Errors
    /// [`ProtocolError::UnknownCodec`].
    pub fn from_id(id: i8) -> Result<Self, ProtocolError> {
        let place = usize::try_from(id).ok();
        place.and_then(|place| Self::ALL.get(place).copied()).ok_or(ProtocolError::UnknownCodec { id })
    }

    /// Kafka's name: `none`, `gzip`, `snappy`, `lz4`, `zstd`. Also the name of this crate's feature.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// Whether this build has the codec.
    #[must_use]
    pub const fn is_available(self) -> bool {
        match self {
            Self::None => true,
            Self::Gzip => cfg!(feature = "gzip"),
            Self::Snappy => cfg!(feature = "snappy"),
            Self::Lz4 => cfg!(feature = "lz4"),
            Self::Zstd => cfg!(feature = "zstd"),
        }
    }

    /// Checks a level (`compression.gzip.level` and its like, KIP-390).
    fn check_level(self, level: i32) -> Result<(), ProtocolError> {
        let (is_valid, valid) = match self {
            Self::None | Self::Snappy => (false, "it has none"),
            Self::Gzip => (level == -1 || (1..=9).contains(&level), "-1 or 1 to 9"),
            Self::Lz4 => ((1..=17).contains(&level), "1 to 17"),
            Self::Zstd => ((-131_072..=22).contains(&level), "-131072 to 22"),
        };
        if is_valid {
            Ok(())
        } else {
            Err(ProtocolError::CompressionLevel { codec: self.name(), level, valid })
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Compression {
    type Err = ProtocolError;

    fn from_str(name: &str) -> Result<Self, ProtocolError> {
        let known = Self::ALL.into_iter().find(|codec| codec.name() == name);
        known.ok_or_else(|| ProtocolError::UnknownCodecName { name: name.to_owned() })
    }
}

/// Which of Kafka's two header checksums an lz4 frame carries (KIP-57).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lz4Header {
    /// As the frame format says: record formats 1 and 2.
    Right,
    /// Taken over the magic number too; not looked at when read: record format 0, for ever.
    OfFormat0,
}

/// How a compression ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compressed {
    /// Done; so many bytes were appended.
    Done {
        /// Bytes appended to the output.
        size: usize,
    },
    /// It would not have fitted the limit. The output is as it was before.
    OverLimit,
}

/// A codec with its working memory, for many batches.
///
/// ```
/// use kp_protocol::compression::{Compressed, Compression, Compressor, decompress};
/// let mut compressor = Compressor::new(Compression::None, None)?;
/// let mut out = Vec::new();
/// let input: [&[u8]; 2] = [b"rec", b"ords"];
/// assert_eq!(compressor.compress(input, &mut out, 100)?, Compressed::Done { size: 7 });
/// assert_eq!(decompress(Compression::None, &out, 100)?, "records");
/// assert_eq!(compressor.compress([&b"more"[..]], &mut out, 10)?, Compressed::OverLimit);
/// # Ok::<(), kp_protocol::ProtocolError>(())
/// ```
#[derive(Debug)]
pub struct Compressor {
    compression: Compression,
    codec: Codec,
}

#[derive(Debug)]
enum Codec {
    None,
    #[cfg(feature = "gzip")]
    Gzip(gzip::Gzip),
    #[cfg(feature = "snappy")]
    // Boxed: its hash table lies inline.
    Snappy(Box<snappy::Snappy>),
    #[cfg(feature = "lz4")]
    Lz4(lz4::Lz4),
    #[cfg(feature = "zstd")]
    Zstd(zstd::Zstd),
}

impl Compressor {
    /// A compressor at `level`, or at the codec's own default: gzip 6, zstd 3. lz4 takes any level of Java's
    /// range and
    /// compresses at its one speed, which is Java's level 9.
    ///
    /// # Errors
    /// [`ProtocolError::CodecOff`] if this build lacks the codec, [`ProtocolError::CompressionLevel`].
    pub fn new(compression: Compression, level: Option<i32>) -> Result<Self, ProtocolError> {
        if let Some(level) = level {
            compression.check_level(level)?;
        }
        let codec = match compression {
            Compression::None => Codec::None,
            #[cfg(feature = "gzip")]
            Compression::Gzip => Codec::Gzip(gzip::Gzip::new(level)),
            #[cfg(feature = "snappy")]
            Compression::Snappy => Codec::Snappy(Box::default()),
            #[cfg(feature = "lz4")]
            Compression::Lz4 => Codec::Lz4(lz4::Lz4::default()),
            #[cfg(feature = "zstd")]
            Compression::Zstd => Codec::Zstd(zstd::Zstd::new(level)?),
            #[allow(unreachable_patterns, reason = "reachable as soon as one feature is off")]
            off => return Err(ProtocolError::CodecOff { codec: off.name() }),
        };
        Ok(Self { compression, codec })
    }

    /// The codec.
    #[must_use]
    pub fn compression(&self) -> Compression {
        self.compression
    }

    /// Compresses the concatenation of `input` as one stream and appends it to `out`, which never gets longer than
    /// `limit` bytes in all, and does not reallocate if its capacity is `limit` already. Where it would get longer,
    /// this stops, cuts `out` back to where it was and says [`Compressed::OverLimit`].
    ///
    /// # Errors
    /// [`ProtocolError::Compress`] if the codec itself fails (none does in practice).
    pub fn compress<'i>(
        &mut self,
        input: impl IntoIterator<Item = &'i [u8]>,
        out: &mut Vec<u8>,
        limit: usize,
    ) -> Result<Compressed, ProtocolError> {
        self.compress_with(input, out, limit, Lz4Header::Right)
    }

    /// [`compress`](Self::compress), for any record format.
    pub(crate) fn compress_with<'i>(
        &mut self,
        input: impl IntoIterator<Item = &'i [u8]>,
        out: &mut Vec<u8>,
        limit: usize,
        lz4_header: Lz4Header,
    ) -> Result<Compressed, ProtocolError> {
        #[cfg(not(feature = "lz4"))]
        let _ = lz4_header;
        let start = out.len();
        let mut sink = Sink::new(out, limit);
        let mut input = input.into_iter();
        match &mut self.codec {
            Codec::None => input.by_ref().for_each(|piece| sink.put(piece)),
            #[cfg(feature = "gzip")]
            Codec::Gzip(codec) => codec.compress(&mut input, &mut sink)?,
            #[cfg(feature = "snappy")]
            Codec::Snappy(codec) => codec.compress(&mut input, &mut sink)?,
            #[cfg(feature = "lz4")]
            Codec::Lz4(codec) => codec.compress(&mut input, &mut sink, lz4_header)?,
            #[cfg(feature = "zstd")]
            Codec::Zstd(codec) => codec.compress(&mut input, &mut sink)?,
        }
        if sink.is_over() {
            out.truncate(start);
            return Ok(Compressed::OverLimit);
        }
        Ok(Compressed::Done { size: out.len() - start })
    }
}

/// Decompresses everything in `input`, several streams one behind the other included, to at most `limit` bytes.
///
/// Memory: at most about twice `limit` plus the codec's window, whatever the input claims.
///
/// # Errors
/// [`ProtocolError::DecompressedSize`] beyond the limit, [`ProtocolError::Decompress`] if the input is damaged
/// or ends
/// early, [`ProtocolError::CodecOff`] if this build lacks the codec.
pub fn decompress(compression: Compression, input: &[u8], limit: usize) -> Result<Bytes, ProtocolError> {
    decompress_with(compression, input, limit, Lz4Header::Right)
}

/// [`decompress`], for any record format.
pub(crate) fn decompress_with(
    compression: Compression,
    input: &[u8],
    limit: usize,
    lz4_header: Lz4Header,
) -> Result<Bytes, ProtocolError> {
    #[cfg(not(feature = "lz4"))]
    let _ = lz4_header;
    let output = match compression {
        Compression::None if input.len() > limit => {
            return Err(ProtocolError::DecompressedSize { codec: compression.name(), limit });
        }
        Compression::None => input.to_vec(),
        #[cfg(feature = "gzip")]
        Compression::Gzip => gzip::decompress(input, limit)?,
        #[cfg(feature = "snappy")]
        Compression::Snappy => snappy::decompress(input, limit)?,
        #[cfg(feature = "lz4")]
        Compression::Lz4 => lz4::decompress(input, limit, lz4_header)?,
        #[cfg(feature = "zstd")]
        Compression::Zstd => zstd::decompress(input, limit)?,
        #[allow(unreachable_patterns, reason = "reachable as soon as one feature is off")]
        off => return Err(ProtocolError::CodecOff { codec: off.name() }),
    };
    Ok(Bytes::from(output))
}

/// Reads a decoder to its end, at most `limit` bytes.
#[cfg(any(feature = "gzip", feature = "zstd"))]
fn read_to_limit(
    codec: Compression,
    decoder: impl std::io::Read,
    expected: usize,
    limit: usize,
) -> Result<Vec<u8>, ProtocolError> {
    use std::io::Read as _;

    let mut output = Vec::with_capacity(expected.min(limit));
    let mut bounded = decoder.take((limit as u64).saturating_add(1));
    bounded
        .read_to_end(&mut output)
        .map_err(|error| ProtocolError::Decompress { codec: codec.name(), reason: error.to_string() })?;
    if output.len() > limit {
        return Err(ProtocolError::DecompressedSize { codec: codec.name(), limit });
    }
    Ok(output)
}
