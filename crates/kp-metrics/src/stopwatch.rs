//! Measures how long a call takes, whichever way it ends: with an answer, with an error, or dropped on the way (ME4).

use kp_time::Clock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Tells `add` the time from its making to its dropping.
#[must_use = "it measures until it is dropped"]
pub struct Stopwatch<'a, F: FnMut(Duration)> {
    clock: &'a dyn Clock,
    since: Instant,
    add: F,
}

impl<'a, F: FnMut(Duration)> Stopwatch<'a, F> {
    pub(crate) fn start(clock: &'a dyn Clock, add: F) -> Self {
        Self { clock, since: clock.now(), add }
    }
}

impl<F: FnMut(Duration)> Drop for Stopwatch<'_, F> {
    fn drop(&mut self) {
        (self.add)(self.clock.now().saturating_duration_since(self.since));
    }
}

/// For a total of nanoseconds.
pub(crate) fn adding_to(total: &AtomicU64) -> impl FnMut(Duration) {
    |time| {
        total.fetch_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }
}
