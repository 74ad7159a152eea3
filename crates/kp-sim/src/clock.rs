//! Virtual time: a monotonic clock that only a simulation moves, and a wall clock that may jump.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use kp_time::{Clock, ManualClock};

/// The clock of a simulation. Clones show the same time.
///
/// ```
/// use kp_sim::SimClock;
/// use kp_time::Clock;
/// let clock = SimClock::new();
/// let (now, wall) = (clock.now(), clock.timestamp_ms());
/// clock.jump_wall_clock(-60_000); // an operator set the time of day
/// assert_eq!((clock.now(), clock.timestamp_ms()), (now, wall - 60_000));
/// ```
#[derive(Clone, Debug, Default)]
pub struct SimClock {
    monotonic: ManualClock,
    wall_offset_ms: Arc<AtomicI64>,
}

impl SimClock {
    /// A clock at its origin.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Moves time forward to `at`; does nothing if that is past.
    pub fn advance_to(&self, at: Instant) {
        self.monotonic.advance_to(at);
    }

    /// How far it has come.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.monotonic.elapsed()
    }

    /// Sets the time of day forward, or back. The monotonic clock does not move.
    pub fn jump_wall_clock(&self, by_ms: i64) {
        self.wall_offset_ms.fetch_add(by_ms, Ordering::SeqCst);
    }
}

impl Clock for SimClock {
    fn now(&self) -> Instant {
        self.monotonic.now()
    }

    fn timestamp_ms(&self) -> i64 {
        self.monotonic.timestamp_ms() + self.wall_offset_ms.load(Ordering::SeqCst)
    }
}
