//! gzip: RFC 1952 members around flate2's deflate, whose working memory (some 300 KiB) is kept from batch to batch.

use flate2::{Compress, Compression as Level, FlushCompress, Status};

use super::{Compression, Sink, read_to_limit};
use crate::error::ProtocolError;

/// Magic, deflate, no flags, no time, no extra flags, unknown operating system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// Deflated bytes are collected in steps of this many.
const STEP: usize = 16 * 1024;

#[derive(Debug)]
pub(super) struct Gzip {
    deflate: Compress,
    step: Vec<u8>,
}

impl Gzip {
    pub(super) fn new(level: Option<i32>) -> Self {
        let level = match level {
            Some(level @ 1..=9) => Level::new(level as u32),
            _ => Level::default(),
        };
        Self { deflate: Compress::new(level, false), step: vec![0; STEP] }
    }

    pub(super) fn compress<'i>(
        &mut self,
        input: &mut impl Iterator<Item = &'i [u8]>,
        sink: &mut Sink<'_>,
    ) -> Result<(), ProtocolError> {
        self.deflate.reset();
        sink.put(&HEADER);
        let mut checksum = crc32fast::Hasher::new();
        let mut length = 0u32;
        for piece in input {
            checksum.update(piece);
            length = length.wrapping_add(piece.len() as u32);
            self.deflate(piece, FlushCompress::None, sink)?;
            if sink.is_over() {
                return Ok(());
            }
        }
        self.deflate(&[], FlushCompress::Finish, sink)?;
        sink.put(&checksum.finalize().to_le_bytes());
        sink.put(&length.to_le_bytes());
        Ok(())
    }

    /// Feeds `piece` until it is taken, and with `Finish` until the stream has ended.
    fn deflate(
        &mut self,
        piece: &[u8],
        flush: FlushCompress,
        sink: &mut Sink<'_>,
    ) -> Result<(), ProtocolError> {
        let mut rest = piece;
        loop {
            let (taken, made) = (self.deflate.total_in(), self.deflate.total_out());
            let status = self
                .deflate
                .compress(rest, &mut self.step, flush)
                .map_err(|error| ProtocolError::Compress { codec: "gzip", reason: error.to_string() })?;
            let taken = (self.deflate.total_in() - taken) as usize;
            let made = (self.deflate.total_out() - made) as usize;
            sink.put(&self.step[..made]);
            rest = &rest[taken..];
            let is_done = match flush {
                FlushCompress::Finish => status == Status::StreamEnd,
                _ => rest.is_empty() && made < self.step.len(),
            };
            if is_done || sink.is_over() {
                return Ok(());
            }
            if taken == 0 && made == 0 {
                return Err(ProtocolError::Compress { codec: "gzip", reason: "no progress".to_owned() });
            }
        }
    }
}

pub(super) fn decompress(input: &[u8], limit: usize) -> Result<Vec<u8>, ProtocolError> {
    if input.is_empty() {
        return Err(ProtocolError::Decompress { codec: "gzip", reason: "no gzip member".to_owned() });
    }
    read_to_limit(Compression::Gzip, flate2::bufread::MultiGzDecoder::new(input), input.len() * 4, limit)
}
