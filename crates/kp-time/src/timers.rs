//! The next of many moments: one per key, moved or cancelled at will. Owner: one machine (`&mut self`).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// A set of moments, at most one per key, that gives the earliest first. Setting and taking cost O(log n).
///
/// ```
/// use kp_time::{Clock, ManualClock, TimerTable};
/// use std::time::Duration;
/// let now = ManualClock::new().now();
/// let mut timers = TimerTable::default();
/// timers.set("linger", now + Duration::from_millis(5));
/// timers.set("expiry", now + Duration::from_millis(9));
/// assert_eq!(timers.next(), Some(now + Duration::from_millis(5)));
/// assert_eq!(timers.pop_due(now + Duration::from_millis(6)), Some("linger"));
/// assert_eq!(timers.pop_due(now + Duration::from_millis(6)), None);
/// ```
#[derive(Clone, Debug)]
pub struct TimerTable<K> {
    by_time: BTreeSet<(Instant, K)>,
    by_key: BTreeMap<K, Instant>,
}

impl<K> Default for TimerTable<K> {
    fn default() -> Self {
        Self { by_time: BTreeSet::new(), by_key: BTreeMap::new() }
    }
}

impl<K: Ord + Clone> TimerTable<K> {
    /// Sets the moment of `key`, in place of the one it had.
    pub fn set(&mut self, key: K, at: Instant) {
        if let Some(old) = self.by_key.insert(key.clone(), at) {
            self.by_time.remove(&(old, key.clone()));
        }
        self.by_time.insert((at, key));
    }

    /// Forgets the moment of `key`, if it has one.
    pub fn cancel(&mut self, key: &K) {
        if let Some(old) = self.by_key.remove(key) {
            self.by_time.remove(&(old, key.clone()));
        }
    }

    /// The earliest moment.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// The moment of `key`.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<Instant> {
        self.by_key.get(key).copied()
    }

    /// Takes one key whose moment has come; call until `None`.
    pub fn pop_due(&mut self, now: Instant) -> Option<K> {
        if self.next()? > now {
            return None;
        }
        let (_, key) = self.by_time.pop_first()?;
        self.by_key.remove(&key);
        Some(key)
    }

    /// How many keys have a moment.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Whether no key has one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Clock, ManualClock};
    use std::time::Duration;

    #[test]
    fn moving_a_timer_forgets_its_old_moment() {
        let now = ManualClock::new().now();
        let at = |ms| now + Duration::from_millis(ms);
        let mut timers = TimerTable::default();
        timers.set(1, at(10));
        timers.set(1, at(30));
        timers.set(2, at(20));
        assert_eq!(timers.next(), Some(at(20)));
        assert_eq!(timers.pop_due(at(25)), Some(2));
        assert_eq!(timers.pop_due(at(25)), None);
        timers.cancel(&1);
        assert!(timers.is_empty());
        assert_eq!(timers.next(), None);
    }

    #[test]
    fn timers_of_one_moment_all_come_due() {
        let now = ManualClock::new().now();
        let mut timers = TimerTable::default();
        for key in 0..5 {
            timers.set(key, now);
        }
        let due: Vec<_> = std::iter::from_fn(|| timers.pop_due(now)).collect();
        assert_eq!(due, [0, 1, 2, 3, 4]);
    }
}
