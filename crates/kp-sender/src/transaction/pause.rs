//! How long a coordinator is left alone before it is asked again. Owner: the part that asks.

use crate::context::Context;
use std::time::{Duration, Instant};

/// A marker round of the coordinator usually takes less (TC14, TC19, TX8).
const MARKERS: Duration = Duration::from_millis(20);
/// Never no wait at all, whatever `retry.backoff.ms` says: the host must not spin.
const LEAST: Duration = Duration::from_millis(1);

/// Grows with each wait until [`over`](Pause::over).
#[derive(Debug, Default)]
pub(crate) struct Pause {
    waits: u32,
    until: Option<Instant>,
}

impl Pause {
    /// Markers of a transaction are being written: 20 ms, doubling to `retry.backoff.ms`.
    pub(crate) fn briefly(&mut self, cx: &mut Context<'_>) {
        let wait = MARKERS.saturating_mul(1 << self.waits.min(10)).min(cx.backoff(0));
        self.wait(cx.now, wait);
    }

    /// `retry.backoff.ms`, growing to `retry.backoff.max.ms` (KIP-580).
    pub(crate) fn back_off(&mut self, cx: &mut Context<'_>) {
        let wait = cx.backoff(self.waits);
        self.wait(cx.now, wait);
    }

    /// Something was achieved: no wait, and the next one is short again.
    pub(crate) fn over(&mut self) {
        *self = Self::default();
    }

    /// When to ask, perhaps in the past.
    pub(crate) fn due(&self, now: Instant) -> Instant {
        self.until.unwrap_or(now)
    }

    fn wait(&mut self, now: Instant, wait: Duration) {
        self.waits = self.waits.saturating_add(1);
        self.until = now.checked_add(wait.max(LEAST));
    }
}
