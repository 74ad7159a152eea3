//! How large the batches of a topic may grow. One per topic: lowered by the driver after a split, read when a batch is full.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Bytes on the wire up to which the batches of one topic grow.
#[derive(Debug)]
pub(crate) struct GrowthLimit(AtomicUsize);

impl GrowthLimit {
    pub(crate) fn new(bytes: usize) -> Self {
        Self(AtomicUsize::new(bytes))
    }

    /// The broker found a batch of so many bytes too large.
    pub(crate) fn was_too_large(&self, bytes: usize) {
        self.0.fetch_min(bytes / 2, Relaxed);
    }

    pub(crate) fn bytes(&self) -> usize {
        self.0.load(Relaxed)
    }
}
