//! lz4: frames of independent 64 KiB blocks without checksums, as Java writes them. The frame is read and written by
//! hand around lz4_flex's blocks: record format 0 needs a wrong header checksum, a frame that ends early must be an
//! error, and a header's claim must not allocate.

use lz4_flex::block::{CompressTable, compress_into_with_table, decompress_into, get_maximum_output_size};

use super::blocks::for_each_block;
use super::{Lz4Header, Sink};
use crate::error::ProtocolError;

const MAGIC: [u8; 4] = [0x04, 0x22, 0x4d, 0x18];
/// Version 1, independent blocks, nothing else.
const FLAGS: u8 = 0x60;
/// Blocks of 64 KiB.
const BLOCK_DESCRIPTOR: u8 = 0x40;
const BLOCK: usize = 64 * 1024;
const STORED: u32 = 1 << 31;

/// No lz4 block grows by more than this factor.
const MAX_RATIO: usize = 256;

pub(super) struct Lz4 {
    table: CompressTable,
    block: Vec<u8>,
    packed: Vec<u8>,
}

impl Default for Lz4 {
    fn default() -> Self {
        Self { table: CompressTable::large(), block: Vec::new(), packed: Vec::new() }
    }
}

impl std::fmt::Debug for Lz4 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lz4").finish_non_exhaustive()
    }
}

impl Lz4 {
    pub(super) fn compress<'i>(
        &mut self,
        input: &mut impl Iterator<Item = &'i [u8]>,
        sink: &mut Sink<'_>,
        checksum: Lz4Header,
    ) -> Result<(), ProtocolError> {
        self.packed.resize(get_maximum_output_size(BLOCK), 0);
        sink.put(&header(checksum));
        let (codec, packed) = (&mut self.table, &mut self.packed[..]);
        for_each_block(input, BLOCK, &mut self.block, sink, |block, sink| {
            put_block(codec, block, packed, sink)
        })?;
        sink.put(&0u32.to_le_bytes());
        Ok(())
    }
}

fn header(checksum: Lz4Header) -> [u8; 7] {
    let [m0, m1, m2, m3] = MAGIC;
    let mut header = [m0, m1, m2, m3, FLAGS, BLOCK_DESCRIPTOR, 0];
    let from = if checksum == Lz4Header::OfFormat0 { 0 } else { MAGIC.len() };
    header[6] = (xxh32(&header[from..6]) >> 8) as u8;
    header
}

fn put_block(
    table: &mut CompressTable,
    block: &[u8],
    packed: &mut [u8],
    sink: &mut Sink<'_>,
) -> Result<(), ProtocolError> {
    let size = compress_into_with_table(block, packed, table)
        .map_err(|error| ProtocolError::Compress { codec: "lz4", reason: error.to_string() })?;
    if size < block.len() {
        sink.put(&(size as u32).to_le_bytes());
        sink.put(&packed[..size]);
    } else {
        sink.put(&(block.len() as u32 | STORED).to_le_bytes());
        sink.put(block);
    }
    Ok(())
}

pub(crate) fn decompress(input: &[u8], limit: usize, checksum: Lz4Header) -> Result<Vec<u8>, ProtocolError> {
    let mut reader = Reader { rest: input, limit, output: Vec::new(), block: Vec::new() };
    // At least one frame; a writer may have put several one behind the other.
    reader.frame(checksum)?;
    while !reader.rest.is_empty() {
        reader.frame(checksum)?;
    }
    Ok(reader.output)
}

struct Reader<'a> {
    rest: &'a [u8],
    limit: usize,
    output: Vec<u8>,
    block: Vec<u8>,
}

/// What a frame's header says.
struct Frame {
    has_block_checksums: bool,
    has_content_checksum: bool,
    content_size: Option<u64>,
    max_block: usize,
}

impl<'a> Reader<'a> {
    fn frame(&mut self, checksum: Lz4Header) -> Result<(), ProtocolError> {
        let frame = self.header(checksum)?;
        let start = self.output.len();
        loop {
            let length = self.u32()?;
            if length == 0 {
                break;
            }
            let size = (length & !STORED) as usize;
            if size > frame.max_block {
                return Err(damaged("block is larger than the frame allows"));
            }
            let block = self.take(size)?;
            if frame.has_block_checksums && self.u32()? != xxh32(block) {
                return Err(damaged("block checksum does not match"));
            }
            if length & STORED == 0 { self.unpack(block, frame.max_block)? } else { self.append(block)? }
        }
        let content = &self.output[start..];
        if frame.content_size.is_some_and(|size| size != content.len() as u64) {
            return Err(damaged("content size does not match"));
        }
        if frame.has_content_checksum {
            let found = xxh32(content);
            if self.u32()? != found {
                return Err(damaged("content checksum does not match"));
            }
        }
        Ok(())
    }

    fn header(&mut self, checksum: Lz4Header) -> Result<Frame, ProtocolError> {
        let whole = self.rest;
        if self.take(4)? != MAGIC {
            return Err(damaged("magic number is not lz4's"));
        }
        let &[flags, descriptor] = self.take(2)? else { return Err(damaged("header is cut short")) };
        if flags >> 6 != 1 {
            return Err(damaged("frame version is not 1"));
        }
        if flags & 0x20 == 0 || flags & 0x01 != 0 {
            return Err(damaged("dependent blocks and dictionaries are not part of Kafka's lz4"));
        }
        let max_block = match (descriptor >> 4) & 7 {
            4 => BLOCK,
            5 => 4 * BLOCK,
            6 => 16 * BLOCK,
            7 => 64 * BLOCK,
            _ => return Err(damaged("block size is none of the four")),
        };
        let content_size = if flags & 0x08 == 0 {
            None
        } else {
            let size = self.take(8)?.first_chunk().ok_or_else(|| damaged("header is cut short"))?;
            Some(u64::from_le_bytes(*size))
        };
        let descriptor_end = whole.len() - self.rest.len();
        let stated = self.take(1)?;
        if checksum == Lz4Header::Right && stated != [(xxh32(&whole[4..descriptor_end]) >> 8) as u8] {
            return Err(damaged("header checksum does not match"));
        }
        Ok(Frame {
            has_block_checksums: flags & 0x10 != 0,
            has_content_checksum: flags & 0x04 != 0,
            content_size,
            max_block,
        })
    }

    fn unpack(&mut self, block: &[u8], max_block: usize) -> Result<(), ProtocolError> {
        // One byte more than the caller's limit, to tell "too much" from "just enough".
        let room = (self.limit - self.output.len()).saturating_add(1);
        let bound = max_block.min(block.len().saturating_mul(MAX_RATIO));
        self.block.resize(bound.min(room), 0);
        match decompress_into(block, &mut self.block) {
            Ok(size) => {
                let unpacked = std::mem::take(&mut self.block);
                self.append(&unpacked[..size])?;
                self.block = unpacked;
                Ok(())
            }
            Err(_) if room < bound => {
                Err(ProtocolError::DecompressedSize { codec: "lz4", limit: self.limit })
            }
            Err(error) => Err(damaged(&error.to_string())),
        }
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), ProtocolError> {
        if bytes.len() > self.limit - self.output.len() {
            return Err(ProtocolError::DecompressedSize { codec: "lz4", limit: self.limit });
        }
        self.output.extend_from_slice(bytes);
        Ok(())
    }

    fn take(&mut self, size: usize) -> Result<&'a [u8], ProtocolError> {
        let (taken, rest) = self.rest.split_at_checked(size).ok_or_else(|| damaged("frame is cut short"))?;
        self.rest = rest;
        Ok(taken)
    }

    fn u32(&mut self) -> Result<u32, ProtocolError> {
        let bytes = self.take(4)?.first_chunk().ok_or_else(|| damaged("frame is cut short"))?;
        Ok(u32::from_le_bytes(*bytes))
    }
}

fn damaged(reason: &str) -> ProtocolError {
    ProtocolError::Decompress { codec: "lz4", reason: reason.to_owned() }
}

/// The checksum of the frame format: xxHash, 32 bits, seed 0.
fn xxh32(input: &[u8]) -> u32 {
    const P1: u32 = 0x9E37_79B1;
    const P2: u32 = 0x85EB_CA77;
    const P3: u32 = 0xC2B2_AE3D;
    const P4: u32 = 0x27D4_EB2F;
    const P5: u32 = 0x1656_67B1;
    let word = |bytes: &[u8]| bytes.iter().rev().fold(0u32, |word, byte| word << 8 | u32::from(*byte));
    let mut stripes = input.chunks_exact(16);
    let mut hash = if input.len() >= 16 {
        let mut lanes = [P1.wrapping_add(P2), P2, 0, 0u32.wrapping_sub(P1)];
        for stripe in stripes.by_ref() {
            for (lane, bytes) in lanes.iter_mut().zip(stripe.chunks_exact(4)) {
                *lane = lane.wrapping_add(word(bytes).wrapping_mul(P2)).rotate_left(13).wrapping_mul(P1);
            }
        }
        let [a, b, c, d] = lanes;
        a.rotate_left(1)
            .wrapping_add(b.rotate_left(7))
            .wrapping_add(c.rotate_left(12))
            .wrapping_add(d.rotate_left(18))
    } else {
        P5
    };
    hash = hash.wrapping_add(input.len() as u32);
    let mut words = stripes.remainder().chunks_exact(4);
    for bytes in words.by_ref() {
        hash = hash.wrapping_add(word(bytes).wrapping_mul(P3)).rotate_left(17).wrapping_mul(P4);
    }
    for byte in words.remainder() {
        hash = hash.wrapping_add(u32::from(*byte).wrapping_mul(P5)).rotate_left(11).wrapping_mul(P1);
    }
    hash = (hash ^ hash >> 15).wrapping_mul(P2);
    hash = (hash ^ hash >> 13).wrapping_mul(P3);
    hash ^ hash >> 16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_checksum_is_right_or_wrong_in_kafkas_way() {
        // BB20
        assert_eq!(header(Lz4Header::Right), [0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82]);
        assert_eq!(header(Lz4Header::OfFormat0), [0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x1a]);
    }

    #[test]
    fn xxh32_gives_the_published_values() {
        assert_eq!(xxh32(b""), 0x02CC_5D05);
        assert_eq!(xxh32(b"abc"), 0x32D1_53FF);
        assert_eq!(xxh32(b"Nobody inspects the spammish repetition"), 0xE229_3B2F);
    }
}
