//! snappy: raw blocks in xerial's framing, which is not the official one. Bare blocks of old clients are read too.

use snap::raw::{Decoder, Encoder, decompress_len, max_compress_len};

use super::Sink;
use super::blocks::for_each_block;
use crate::error::ProtocolError;

/// Magic, version 1, compatible with version 1.
const HEADER: [u8; 16] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1];
const MAGIC: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];

/// Input bytes of one block, as Java cuts them.
const BLOCK: usize = 32 * 1024;

/// No snappy block grows by more than this factor (a copy of 64 bytes takes 3).
const MAX_RATIO: usize = 32;

pub(super) struct Snappy {
    encoder: Encoder,
    block: Vec<u8>,
    packed: Vec<u8>,
}

impl Default for Snappy {
    fn default() -> Self {
        Self { encoder: Encoder::new(), block: Vec::new(), packed: Vec::new() }
    }
}

impl std::fmt::Debug for Snappy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snappy").finish_non_exhaustive()
    }
}

impl Snappy {
    pub(super) fn compress<'i>(
        &mut self,
        input: &mut impl Iterator<Item = &'i [u8]>,
        sink: &mut Sink<'_>,
    ) -> Result<(), ProtocolError> {
        self.packed.resize(max_compress_len(BLOCK), 0);
        sink.put(&HEADER);
        let (codec, packed) = (&mut self.encoder, &mut self.packed[..]);
        for_each_block(input, BLOCK, &mut self.block, sink, |block, sink| {
            put_block(codec, block, packed, sink)
        })
    }
}

fn put_block(
    encoder: &mut Encoder,
    block: &[u8],
    packed: &mut [u8],
    sink: &mut Sink<'_>,
) -> Result<(), ProtocolError> {
    let size = encoder
        .compress(block, packed)
        .map_err(|error| ProtocolError::Compress { codec: "snappy", reason: error.to_string() })?;
    sink.put(&(size as i32).to_be_bytes());
    sink.put(&packed[..size]);
    Ok(())
}

pub(super) fn decompress(input: &[u8], limit: usize) -> Result<Vec<u8>, ProtocolError> {
    let mut output = Vec::new();
    if !input.starts_with(&MAGIC) {
        append_block(input, limit, &mut output)?;
        return Ok(output);
    }
    let mut rest = input;
    while !rest.is_empty() {
        if rest.starts_with(&MAGIC) {
            // Also in the middle: another stream begins.
            rest = rest.get(HEADER.len()..).ok_or_else(|| damaged("header is cut short"))?;
            continue;
        }
        let (size, after) = rest.split_first_chunk().ok_or_else(|| damaged("block length is cut short"))?;
        let size =
            usize::try_from(i32::from_be_bytes(*size)).map_err(|_| damaged("block length is below zero"))?;
        let (block, after) = after.split_at_checked(size).ok_or_else(|| damaged("block is cut short"))?;
        append_block(block, limit, &mut output)?;
        rest = after;
    }
    Ok(output)
}

fn append_block(block: &[u8], limit: usize, output: &mut Vec<u8>) -> Result<(), ProtocolError> {
    let size = decompress_len(block).map_err(|error| damaged(&error.to_string()))?;
    if size > limit - output.len() {
        return Err(ProtocolError::DecompressedSize { codec: "snappy", limit });
    }
    if size > block.len().saturating_mul(MAX_RATIO) {
        return Err(damaged("block announces more than it can hold"));
    }
    let start = output.len();
    output.resize(start + size, 0);
    let written = Decoder::new()
        .decompress(block, &mut output[start..])
        .map_err(|error| damaged(&error.to_string()))?;
    output.truncate(start + written);
    Ok(())
}

fn damaged(reason: &str) -> ProtocolError {
    ProtocolError::Decompress { codec: "snappy", reason: reason.to_owned() }
}
