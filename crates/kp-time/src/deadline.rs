//! A moment by which something must have happened, and the configuration key that set it, so that an error can
//! name the key to change.

use std::time::{Duration, Instant};

/// A moment, and the configuration key it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    at: Instant,
    key: &'static str,
}

/// What "never" becomes when a sum does not fit: far beyond any process, and still addable to.
const FAR: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

impl Deadline {
    /// The moment `within` after `now`. Durations too large for the platform's clock become a hundred years.
    ///
    /// ```
    /// # use std::time::{Duration, Instant};
    /// # use kp_time::{Clock, Deadline, ManualClock};
    /// let now = ManualClock::new().now();
    /// let never = Deadline::after(now, Duration::MAX, "max.block.ms");
    /// assert!(!never.is_past(now + Duration::from_secs(1 << 30)));
    /// ```
    #[must_use]
    pub fn after(now: Instant, within: Duration, key: &'static str) -> Self {
        Self { at: now.checked_add(within.min(FAR)).unwrap_or(now), key }
    }

    /// The moment itself.
    #[must_use]
    pub fn at(&self) -> Instant {
        self.at
    }

    /// The configuration key (or the name of the argument) that set it.
    #[must_use]
    pub fn key(&self) -> &'static str {
        self.key
    }

    /// Whether `now` has reached it.
    #[must_use]
    pub fn is_past(&self, now: Instant) -> bool {
        now >= self.at
    }

    /// What is left, zero when it is past.
    #[must_use]
    pub fn remaining(&self, now: Instant) -> Duration {
        self.at.saturating_duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Clock, ManualClock};

    #[test]
    fn a_deadline_is_past_from_its_own_moment_on() {
        let clock = ManualClock::new();
        let deadline = Deadline::after(clock.now(), Duration::from_millis(10), "linger.ms");
        clock.advance(Duration::from_millis(9));
        assert!(!deadline.is_past(clock.now()));
        assert_eq!(deadline.remaining(clock.now()), Duration::from_millis(1));
        clock.advance(Duration::from_millis(1));
        assert!(deadline.is_past(clock.now()));
        assert_eq!(deadline.remaining(clock.now()), Duration::ZERO);
    }

    #[test]
    fn an_endless_duration_does_not_overflow() {
        let now = ManualClock::new().now();
        assert!(Deadline::after(now, Duration::MAX, "max.block.ms").at() > now + Duration::from_secs(3600));
    }
}
