//! How a value is distributed: counted batch by batch or request by request, in steps of a quarter of a power of two.
//! One thread writes and drains, with plain loads and stores; any thread may read the summary.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Two bits behind the leading one: steps of at most a quarter.
const STEP_BITS: u32 = 2;
const STEPS: usize = 1 << STEP_BITS;
/// Larger values count in the last bucket: 2^40 microseconds are twelve days, as many bytes a terabyte.
const LARGEST_BITS: u32 = 40;
const BUCKETS: usize = ((LARGEST_BITS - STEP_BITS + 1) as usize) << STEP_BITS;

/// The distribution of a whole number: its summary since the beginning, and its buckets since they were drained last.
///
/// A bucket knows the sum of its values besides their count, so that what comes out of [`drain`](Self::drain) has the
/// true mean of each bucket: the sum over all is exact, and so is a value that is always the same.
pub struct Histogram {
    count: AtomicU64,
    sum: AtomicU64,
    max: AtomicU64,
    buckets: Box<[Bucket]>,
}

#[derive(Default)]
struct Bucket {
    count: AtomicU64,
    sum: AtomicU64,
}

/// What a [`Histogram`] says of all its values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// How many.
    pub count: u64,
    /// Their sum.
    pub sum: u64,
    /// The largest.
    pub max: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        let buckets = (0..BUCKETS).map(|_| Bucket::default()).collect();
        Self { count: AtomicU64::new(0), sum: AtomicU64::new(0), max: AtomicU64::new(0), buckets }
    }
}

impl Histogram {
    /// Since the beginning. A value that is being counted at this moment may be in one number and not yet in another.
    #[must_use]
    pub fn summary(&self) -> Summary {
        Summary { count: self.count.load(Relaxed), sum: self.sum.load(Relaxed), max: self.max.load(Relaxed) }
    }

    /// Hands out what was counted since the last drain, bucket by bucket, lowest first: the mean of the bucket's values
    /// and how many there are. To be called by the thread that turns the sender core: another one would lose values.
    pub fn drain(&self, mut take: impl FnMut(f64, u64)) {
        for bucket in &self.buckets {
            let (count, sum) = (bucket.count.load(Relaxed), bucket.sum.load(Relaxed));
            if count > 0 {
                bucket.count.store(0, Relaxed);
                bucket.sum.store(0, Relaxed);
                take(sum as f64 / count as f64, count);
            }
        }
    }

    /// Counts a value. Only the sender core does, through `&mut self`: a plain load and store is then enough.
    pub(crate) fn record(&self, value: u64) {
        let bucket = &self.buckets[bucket_of(value)];
        add(&self.count, 1);
        add(&self.sum, value);
        add(&bucket.count, 1);
        add(&bucket.sum, value);
        self.max.store(self.max.load(Relaxed).max(value), Relaxed);
    }
}

impl std::fmt::Debug for Histogram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.summary().fmt(f)
    }
}

/// By the one thread that writes. A sum that overflows starts over, as all counters do.
fn add(to: &AtomicU64, value: u64) {
    to.store(to.load(Relaxed).wrapping_add(value), Relaxed);
}

fn bucket_of(value: u64) -> usize {
    if value < STEPS as u64 {
        return value as usize;
    }
    let bits = value.ilog2();
    let step = (value >> (bits - STEP_BITS)) as usize & (STEPS - 1);
    let bucket = (((bits - STEP_BITS + 1) as usize) << STEP_BITS) + step;
    bucket.min(BUCKETS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drained(histogram: &Histogram) -> Vec<(f64, u64)> {
        let mut all = Vec::new();
        histogram.drain(|mean, count| all.push((mean, count)));
        all
    }

    #[test]
    fn buckets_follow_each_other_without_a_gap_and_none_is_wider_than_a_quarter() {
        let mut before = 0;
        let mut lowest = 0u64;
        for value in 0..100_000u64 {
            let bucket = bucket_of(value);
            assert!(bucket == before || bucket == before + 1, "{value} is in {bucket} behind {before}");
            if bucket != before {
                (before, lowest) = (bucket, value);
            }
            assert!(value - lowest <= lowest / 4, "{value} is with {lowest}");
        }
        assert_eq!((bucket_of(1 << 40), bucket_of(u64::MAX)), (BUCKETS - 1, BUCKETS - 1));
        assert_eq!(bucket_of((1 << 40) - 1), BUCKETS - 1, "the last bucket is a proper one");
        assert_eq!(bucket_of((1 << 40) - (1 << 38)), BUCKETS - 2);
    }

    #[test]
    fn the_summary_stays_and_the_buckets_are_handed_out_once_with_their_true_means() {
        let histogram = Histogram::default();
        [1000, 1001, 5, 1_000_000, 1_000_000].into_iter().for_each(|value| histogram.record(value));
        let summary = Summary { count: 5, sum: 2_002_006, max: 1_000_000 };
        assert_eq!(histogram.summary(), summary);
        assert_eq!(drained(&histogram), [(5.0, 1), (1000.5, 2), (1_000_000.0, 2)]);
        assert_eq!((drained(&histogram), histogram.summary()), (vec![], summary));
        histogram.record(7);
        assert_eq!(drained(&histogram), [(7.0, 1)]);
        assert_eq!(histogram.summary().count, 6);
    }
}
