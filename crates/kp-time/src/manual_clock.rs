//! A clock that stands still until it is told to move. For tests and simulations.

use crate::Clock;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A clock that moves only by [`advance`](ManualClock::advance). Clones show the same time.
///
/// ```
/// use kp_time::{Clock, ManualClock};
/// use std::time::Duration;
/// let clock = ManualClock::new();
/// let before = clock.now();
/// clock.clone().advance(Duration::from_millis(5));
/// assert_eq!(clock.now() - before, Duration::from_millis(5));
/// ```
#[derive(Clone, Debug)]
pub struct ManualClock {
    origin: Instant,
    elapsed_ns: Arc<AtomicU64>,
}

impl ManualClock {
    /// The wall clock a new manual clock shows: milliseconds since the Unix epoch.
    pub const FIRST_TIMESTAMP_MS: i64 = 1_700_000_000_000;

    /// A clock at its origin. Its wall clock starts at [`FIRST_TIMESTAMP_MS`](Self::FIRST_TIMESTAMP_MS).
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "std offers no other way to an Instant; only differences are used"
    )]
    pub fn new() -> Self {
        Self { origin: Instant::now(), elapsed_ns: Arc::new(AtomicU64::new(0)) }
    }

    /// Moves time forward.
    pub fn advance(&self, by: Duration) {
        let ns = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        self.elapsed_ns.fetch_add(ns, Ordering::SeqCst);
    }

    /// Moves time forward to `at`; does nothing if that is past.
    pub fn advance_to(&self, at: Instant) {
        self.advance(at.saturating_duration_since(self.now()));
    }

    /// How far it has been moved since it was made.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.elapsed_ns.load(Ordering::SeqCst))
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Instant {
        self.origin + self.elapsed()
    }

    fn timestamp_ms(&self) -> i64 {
        Self::FIRST_TIMESTAMP_MS + i64::try_from(self.elapsed().as_millis()).unwrap_or(i64::MAX / 2)
    }
}
