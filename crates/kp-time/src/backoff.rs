//! How long to wait before trying again: exponential, capped, with jitter from a seed (KIP-580, KIP-144, KIP-601).
//! Pure: the random numbers come from a [`Jitter`] that its owner seeds.

use std::time::Duration;

/// A small seeded generator (SplitMix64). Not for secrets.
#[derive(Clone, Debug)]
pub struct Jitter(u64);

impl Jitter {
    /// A generator that gives the same numbers for the same seed.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number in `0 .. bound`; 0 when `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        // Multiply-shift: the bias is below 2^-32 for any bound that fits in 32 bits.
        ((u128::from(self.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// A number in `0.0 .. 1.0`.
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Exponential backoff: `base × 2^attempts`, ±20 %, never above `max`.
///
/// If `base ≥ max` the wait is constant at `max`, without jitter (as in Java's `ExponentialBackoff`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    base: Duration,
    max: Duration,
}

impl Backoff {
    /// Share by which a wait is made longer or shorter (KIP-580).
    pub const JITTER: f64 = 0.2;

    /// From the two keys, for example `retry.backoff.ms` and `retry.backoff.max.ms`.
    #[must_use]
    pub fn new(base: Duration, max: Duration) -> Self {
        Self { base, max }
    }

    /// The wait after `attempts` earlier failures (0 = after the first one).
    ///
    /// ```
    /// use kp_time::{Backoff, Jitter};
    /// use std::time::Duration;
    /// let backoff = Backoff::new(Duration::from_millis(100), Duration::from_millis(1000));
    /// let third = backoff.delay(2, &mut Jitter::seeded(7));
    /// assert!((320..=480).contains(&(third.as_millis() as u64)));
    /// ```
    pub fn delay(&self, attempts: u32, jitter: &mut Jitter) -> Duration {
        if self.base >= self.max {
            return self.max;
        }
        let max = self.max.as_secs_f64();
        // Java caps the exponent's result, then applies jitter, then caps again: at the ceiling [0.8 max, max].
        let raw = (self.base.as_secs_f64() * 2f64.powi(attempts.min(62) as i32)).min(max);
        let factor = 1.0 - Self::JITTER + 2.0 * Self::JITTER * jitter.unit();
        // A ceiling near `Duration::MAX` is rounded up to more than a duration holds.
        Duration::try_from_secs_f64((raw * factor).min(max)).map_or(self.max, |wait| wait.min(self.max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn the_wait_doubles_with_each_attempt_within_a_fifth() {
        // NC12, AC14
        let backoff = Backoff::new(MS(100), MS(10_000));
        let mut jitter = Jitter::seeded(1);
        for attempts in 0..6 {
            let middle = 100 << attempts;
            for _ in 0..100 {
                let wait = backoff.delay(attempts, &mut jitter).as_millis() as u64;
                assert!((middle * 8 / 10..=middle * 12 / 10).contains(&wait), "{attempts}: {wait}");
            }
        }
    }

    #[test]
    fn at_the_ceiling_the_wait_lies_between_four_fifths_of_it_and_itself() {
        // NC13
        let backoff = Backoff::new(MS(100), MS(1000));
        let mut jitter = Jitter::seeded(2);
        let waits: Vec<_> = (0..200).map(|_| backoff.delay(40, &mut jitter)).collect();
        assert!(waits.iter().all(|w| (MS(800)..=MS(1000)).contains(w)));
        assert!(waits.iter().any(|w| *w < MS(900)), "jitter is applied below the ceiling");
    }

    #[test]
    fn a_base_at_or_above_the_ceiling_waits_the_ceiling_without_jitter() {
        // NC12, V5
        let backoff = Backoff::new(MS(500), MS(500));
        assert_eq!(backoff.delay(0, &mut Jitter::seeded(3)), MS(500));
        assert_eq!(Backoff::new(MS(900), MS(500)).delay(9, &mut Jitter::seeded(3)), MS(500));
    }

    #[test]
    fn an_endless_ceiling_is_a_ceiling_too() {
        let backoff = Backoff::new(Duration::from_secs(10), Duration::MAX);
        let mut jitter = Jitter::seeded(5);
        assert!((0..100).all(|attempts| backoff.delay(attempts, &mut jitter) >= Duration::from_secs(8)));
        assert!(backoff.delay(3, &mut jitter) <= Duration::from_secs(96));
    }

    #[test]
    fn the_same_seed_gives_the_same_waits() {
        let backoff = Backoff::new(MS(100), MS(1000));
        let run = |seed| {
            let mut jitter = Jitter::seeded(seed);
            (0..20).map(|n| backoff.delay(n, &mut jitter)).collect::<Vec<_>>()
        };
        assert_eq!(run(9), run(9));
        assert_ne!(run(9), run(10));
    }

    #[test]
    fn below_stays_below_its_bound() {
        let mut jitter = Jitter::seeded(4);
        assert!((0..1000).all(|_| jitter.below(7) < 7));
        assert_eq!(jitter.below(0), 0);
    }
}
