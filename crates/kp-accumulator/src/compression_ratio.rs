//! How well a topic's records compress, so that a batch can be closed when its *compressed* size reaches `batch.size`
//! (BB4). One per topic and producer; written by workers and the driver when they seal, read when a batch opens.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// A batch came out larger than expected: be careful quickly.
const WORSE_STEP: f32 = 0.05;
/// A batch came out smaller: believe it slowly.
const BETTER_STEP: f32 = 0.005;
/// What the estimate is multiplied with before it decides anything (BB3).
pub(crate) const SAFETY: f32 = 1.05;

/// Compressed size divided by raw size, as last seen.
#[derive(Debug)]
pub(crate) struct CompressionRatio(AtomicU32);

impl Default for CompressionRatio {
    fn default() -> Self {
        Self(AtomicU32::new(1.0f32.to_bits()))
    }
}

impl CompressionRatio {
    pub(crate) fn estimate(&self) -> f32 {
        f32::from_bits(self.0.load(Relaxed))
    }

    /// Learns from a sealed batch. Two sealers at once may lose one lesson, which the next batch repeats.
    pub(crate) fn observe(&self, raw: usize, compressed: usize) {
        if raw == 0 {
            return;
        }
        let (estimate, seen) = (self.estimate(), compressed as f32 / raw as f32);
        let next = if seen > estimate {
            (estimate + WORSE_STEP).max(seen)
        } else {
            (estimate - BETTER_STEP).max(seen)
        };
        self.0.store(next.to_bits(), Relaxed);
    }

    /// A batch had to be split: believe in nothing better than no compression for a while (BB5).
    pub(crate) fn reset_after_split(&self, raw: usize, compressed: usize) {
        let seen = if raw == 0 { 1.0 } else { compressed as f32 / raw as f32 };
        self.0.store(seen.max(1.0).to_bits(), Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // BB4
    #[test]
    fn a_worse_batch_raises_the_estimate_quickly_and_a_better_one_lowers_it_slowly() {
        let ratio = CompressionRatio::default();
        ratio.observe(1000, 200);
        assert!((ratio.estimate() - 0.995).abs() < 1e-6);
        for _ in 0..1000 {
            ratio.observe(1000, 200);
        }
        assert!((ratio.estimate() - 0.2).abs() < 1e-6, "never below what was seen");
        ratio.observe(1000, 210);
        assert!((ratio.estimate() - 0.25).abs() < 1e-6);
        ratio.observe(1000, 900);
        assert!((ratio.estimate() - 0.9).abs() < 1e-6, "at least what was seen");
    }

    // BB5
    #[test]
    fn a_split_resets_the_estimate_to_at_least_one() {
        let ratio = CompressionRatio::default();
        (0..1000).for_each(|_| ratio.observe(1000, 200));
        ratio.reset_after_split(1000, 300);
        assert_eq!(ratio.estimate(), 1.0);
        ratio.reset_after_split(1000, 1200);
        assert_eq!(ratio.estimate(), 1.2);
    }
}
