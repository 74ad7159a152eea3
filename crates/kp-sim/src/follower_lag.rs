//! How far the followers of a partition lie behind its leader: drawn for each batch, counted when a leader fails.
//! Owned by the partition. Never: a log, a request.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use kp_time::Jitter;

/// How long a batch takes from the leader to the last in-sync follower.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplicationLag {
    /// At least.
    pub least: Duration,
    /// At most.
    pub most: Duration,
}

impl ReplicationLag {
    /// Followers have everything at once.
    pub const NONE: Self = Self { least: Duration::ZERO, most: Duration::ZERO };

    pub(crate) fn draw(self, dice: &mut Jitter) -> Duration {
        let spread = self.most.saturating_sub(self.least).as_nanos();
        self.least + Duration::from_nanos(dice.below(u64::try_from(spread).unwrap_or(u64::MAX)))
    }
}

/// The batches of a log that the followers lack.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unreplicated {
    /// Base offsets, and when the batch will be everywhere; both ascending.
    batches: VecDeque<(i64, Instant)>,
}

impl Unreplicated {
    pub(crate) fn note(&mut self, now: Instant, lag: Duration, base_offset: i64) {
        self.catch_up(now);
        // Followers fetch in order.
        let at = self.batches.back().map_or(now + lag, |(_, last)| (now + lag).max(*last));
        self.batches.push_back((base_offset, at));
    }

    /// When the batch at `base_offset` will be everywhere; `None` if it is.
    pub(crate) fn until(&self, now: Instant, base_offset: i64) -> Option<Instant> {
        let found = self.batches.iter().find(|(offset, _)| *offset == base_offset);
        found.map(|(_, at)| *at).filter(|at| *at > now)
    }

    /// How many batches the followers lack now.
    pub(crate) fn count(&mut self, now: Instant) -> usize {
        self.catch_up(now);
        self.batches.len()
    }

    /// A new leader took over: what it has is all there is, and the followers fetch it from there.
    pub(crate) fn forget_all(&mut self) {
        self.batches.clear();
    }

    fn catch_up(&mut self, now: Instant) {
        while self.batches.front().is_some_and(|(_, at)| *at <= now) {
            self.batches.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kp_time::{Clock, ManualClock};

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn followers_catch_up_in_order_however_the_lags_fall() {
        let now = ManualClock::new().now();
        let mut lacking = Unreplicated::default();
        lacking.note(now, MS(9), 0);
        lacking.note(now, MS(2), 1);
        assert_eq!(lacking.until(now, 1), Some(now + MS(9)), "not before the batch in front of it");
        assert_eq!(lacking.until(now + MS(9), 1), None);
    }

    #[test]
    fn a_lag_lies_between_its_bounds() {
        let lag = ReplicationLag { least: MS(2), most: MS(5) };
        let mut dice = Jitter::seeded(1);
        assert!((0..100).map(|_| lag.draw(&mut dice)).all(|drawn| (MS(2)..MS(5)).contains(&drawn)));
        assert_eq!(ReplicationLag::NONE.draw(&mut dice), Duration::ZERO);
    }
}
