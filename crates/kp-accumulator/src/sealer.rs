//! A codec with its scratch memory, one per thread that seals. The scratch was set aside from `buffer.memory` when the
//! sealer was made, so that what frees memory never waits for memory.

use crate::batch::{Batch, Closed, Pages, Sealed};
use crate::settings::AccumulatorSettings;
use kp_memory::{Buffer, BufferPool, Reservation};
use kp_protocol::ProtocolError;
use kp_protocol::compression::{Compressed, Compression, Compressor};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// The share of `buffer.memory` that one sealer may set aside, as a divisor.
const LARGEST_SHARE: usize = 8;
/// The share that all of them leave to batches, as a divisor: what cannot be set aside is counted above the bound when it is used.
const BATCHES_SHARE: usize = 2;
/// And they leave room for so many whole batches, if there is as much: else the codec's memory would refuse every record.
const WHOLE_BATCHES: usize = 4;

/// Compresses closed batches. Made by [`Accumulator::sealers`](crate::Accumulator::sealers), used by
/// [`Batch::seal`](crate::Batch::seal); owned by one thread.
#[derive(Debug)]
pub struct Sealer {
    pool: Arc<BufferPool>,
    /// `None` if this build cannot compress so, or after a panic: batches stay raw.
    codec: Option<Codec>,
    scratch: Vec<u8>,
    reserve: Reservation,
}

/// How the pages of a batch are compressed.
struct Codec {
    compression: Compression,
    compress: Compress,
}

/// Appends the compressed form of pages to a vector that may hold so many bytes at most.
type Compress =
    Box<dyn FnMut(&[Buffer], &mut Vec<u8>, usize) -> Result<Compressed, ProtocolError> + Send + Sync>;

impl Codec {
    fn of(mut compressor: Compressor) -> Self {
        let compression = compressor.compression();
        let compress: Compress = Box::new(move |pages, out, limit| {
            compressor.compress(pages.iter().map(Buffer::as_slice), out, limit)
        });
        Self { compression, compress }
    }
}

impl std::fmt::Debug for Codec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Codec({})", self.compression)
    }
}

impl Sealer {
    /// One of `sealers`.
    pub(crate) fn new(pool: &Arc<BufferPool>, settings: &AccumulatorSettings, sealers: usize) -> Self {
        let compressor = Compressor::new(settings.compression, settings.compression_level).ok();
        Self::with(compressor.map(Codec::of), pool, settings, sealers)
    }

    fn with(
        codec: Option<Codec>,
        pool: &Arc<BufferPool>,
        settings: &AccumulatorSettings,
        sealers: usize,
    ) -> Self {
        let memory = pool.capacity();
        let batches = settings.batch_size.saturating_mul(WHOLE_BATCHES).max(memory / BATCHES_SHARE);
        let share = (memory.saturating_sub(batches) / sealers.max(1)).min(memory / LARGEST_SHARE);
        let bytes = if settings.compresses() { settings.max_raw().min(share) } else { 0 };
        Self { pool: Arc::clone(pool), codec, scratch: Vec::new(), reserve: pool.set_aside(bytes) }
    }

    /// Replaces what is in `pages` by its compressed form, in as many of them as it takes, and gives the others back.
    /// Leaves them alone if that form is not smaller. Returns the codec that the pages are in now.
    fn compress(&mut self, pages: &mut Pages) -> Compression {
        let raw: usize = pages.iter().map(Buffer::len).sum();
        let Some(Codec { compression, compress }) = &mut self.codec else { return Compression::None };
        let compression = *compression;
        if compression == Compression::None || raw == 0 {
            return Compression::None;
        }
        let limit = raw - 1;
        self.scratch.clear();
        // A batch larger than the reserve is rare (one large record): counted above the bound for as long as it takes.
        let beyond = limit.saturating_sub(self.reserve.bytes());
        let counted = (beyond > 0).then(|| self.pool.reserve_over(beyond));
        self.scratch.reserve_exact(limit.min(self.reserve.bytes()));
        // A codec that panics must not take the batch's place in its queue with it: the batch goes out raw, and so do
        // all later ones of this thread.
        let outcome = catch_unwind(AssertUnwindSafe(|| compress(pages, &mut self.scratch, limit)));
        if outcome.is_err() {
            self.codec = None;
        }
        let smaller = matches!(outcome, Ok(Ok(Compressed::Done { size })) if size < raw);
        if smaller {
            self.refill(pages);
        }
        if self.scratch.capacity() > self.reserve.bytes() {
            self.scratch = Vec::new();
        }
        drop(counted);
        if smaller { compression } else { Compression::None }
    }

    /// Puts the scratch's bytes into the pages, which held more before.
    fn refill(&self, pages: &mut Pages) {
        let mut left = self.scratch.as_slice();
        let mut used = 0;
        for page in pages.iter_mut() {
            if left.is_empty() {
                break;
            }
            let (here, rest) = left.split_at(left.len().min(page.capacity()));
            page.vec_mut().clear();
            page.vec_mut().extend_from_slice(here);
            page.shrink();
            left = rest;
            used += 1;
        }
        // Else the batch would go out cut, and would be acknowledged.
        assert!(left.is_empty(), "the compressed form is smaller than what was in the pages");
        pages.truncate(used);
    }
}

impl Batch<Closed> {
    /// Compresses the records into the batch's own pages and gives the other pages back; leaves them raw if that does
    /// not make them smaller. From here on the payload never changes.
    pub fn seal(mut self, sealer: &mut Sealer) -> Batch<Sealed> {
        let compression = sealer.compress(self.pages_mut());
        self.seal_compressed(compression)
    }
}

#[cfg(test)]
mod tests;
