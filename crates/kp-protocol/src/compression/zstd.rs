//! zstd (KIP-110): plain frames without content size or checksum. The feature needs a C compiler.

use zstd::stream::raw::{Encoder, InBuffer, Operation, OutBuffer};

use super::{Compression, Sink, read_to_limit};
use crate::error::ProtocolError;

/// Compressed bytes are collected in steps of this many.
const STEP: usize = 16 * 1024;

/// The level without one: Java's default too.
const DEFAULT_LEVEL: i32 = 3;

pub(super) struct Zstd {
    encoder: Encoder<'static>,
    step: Vec<u8>,
}

impl std::fmt::Debug for Zstd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Zstd").finish_non_exhaustive()
    }
}

impl Zstd {
    pub(super) fn new(level: Option<i32>) -> Result<Self, ProtocolError> {
        let encoder = Encoder::new(level.unwrap_or(DEFAULT_LEVEL)).map_err(failed)?;
        Ok(Self { encoder, step: vec![0; STEP] })
    }

    pub(super) fn compress<'i>(
        &mut self,
        input: &mut impl Iterator<Item = &'i [u8]>,
        sink: &mut Sink<'_>,
    ) -> Result<(), ProtocolError> {
        self.encoder.reinit().map_err(failed)?;
        for piece in input {
            let mut source = InBuffer::around(piece);
            while source.pos() < piece.len() {
                let mut step = OutBuffer::around(&mut self.step[..]);
                self.encoder.run(&mut source, &mut step).map_err(failed)?;
                sink.put(step.as_slice());
                if sink.is_over() {
                    return Ok(());
                }
            }
        }
        loop {
            let mut step = OutBuffer::around(&mut self.step[..]);
            let left = self.encoder.finish(&mut step, true).map_err(failed)?;
            sink.put(step.as_slice());
            if left == 0 || sink.is_over() {
                return Ok(());
            }
        }
    }
}

fn failed(error: std::io::Error) -> ProtocolError {
    ProtocolError::Compress { codec: "zstd", reason: error.to_string() }
}

pub(super) fn decompress(input: &[u8], limit: usize) -> Result<Vec<u8>, ProtocolError> {
    let damaged =
        |error: std::io::Error| ProtocolError::Decompress { codec: "zstd", reason: error.to_string() };
    if input.is_empty() {
        return Err(ProtocolError::Decompress { codec: "zstd", reason: "no zstd frame".to_owned() });
    }
    let mut decoder = zstd::stream::read::Decoder::with_buffer(input).map_err(damaged)?;
    // A frame may ask for a window of gigabytes; none larger than the limit is of use to it (8 MiB is zstd's
    // largest below level 20: a small limit must not refuse a lawful frame).
    let window = limit.clamp(8 << 20, 1 << 27).next_power_of_two().trailing_zeros();
    decoder.window_log_max(window).map_err(damaged)?;
    read_to_limit(Compression::Zstd, decoder, input.len() * 4, limit)
}
