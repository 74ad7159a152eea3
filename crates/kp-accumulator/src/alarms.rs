//! Moments of partition queues at which the driver must look at them: the end of a linger, of a backoff, of a
//! delivery timeout. Owner: the driver.
//!
//! Unlike [`kp_time::TimerTable`], nothing is cancelled: an alarm says "look at or before", and the driver's look finds out
//! what is really due. So setting one that is later than the one before costs a comparison.

use crate::queue_index::QueueIndex;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

/// At most one alarm per queue.
#[derive(Debug, Default)]
pub(crate) struct Alarms {
    heap: BinaryHeap<Reverse<(Instant, QueueIndex)>>,
    set: Vec<Option<Instant>>,
}

impl Alarms {
    /// Rings for `queue` at `at`, or earlier if it was to ring earlier anyway.
    pub(crate) fn set(&mut self, queue: QueueIndex, at: Instant) {
        let index = queue.0 as usize;
        if index >= self.set.len() {
            self.set.resize(index + 1, None);
        }
        if self.set[index].is_some_and(|earlier| earlier <= at) {
            return;
        }
        self.set[index] = Some(at);
        self.heap.push(Reverse((at, queue)));
    }

    /// Takes one queue whose moment has come; call until `None`.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<QueueIndex> {
        while let Some(Reverse((at, queue))) = self.heap.peek().copied() {
            if at > now {
                return None;
            }
            self.heap.pop();
            let place = &mut self.set[queue.0 as usize];
            // Another moment means that this entry was overtaken by an earlier one.
            if *place == Some(at) {
                *place = None;
                return Some(queue);
            }
        }
        None
    }

    /// Takes any queue that has an alarm; call until `None`.
    pub(crate) fn pop_any(&mut self) -> Option<QueueIndex> {
        while let Some(Reverse((at, queue))) = self.heap.pop() {
            let place = &mut self.set[queue.0 as usize];
            if *place == Some(at) {
                *place = None;
                return Some(queue);
            }
        }
        None
    }

    /// The next moment to look.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kp_time::{Clock, ManualClock};
    use std::time::Duration;

    #[test]
    fn an_alarm_rings_once_at_the_earliest_moment_it_was_set_to() {
        let now = ManualClock::new().now();
        let at = |ms| now + Duration::from_millis(ms);
        let mut alarms = Alarms::default();
        alarms.set(QueueIndex(3), at(20));
        alarms.set(QueueIndex(3), at(10));
        alarms.set(QueueIndex(3), at(30));
        alarms.set(QueueIndex(1), at(15));
        assert_eq!(alarms.next(), Some(at(10)));
        assert_eq!(alarms.pop_due(at(9)), None);
        assert_eq!(alarms.pop_due(at(40)), Some(QueueIndex(3)));
        assert_eq!(alarms.pop_due(at(40)), Some(QueueIndex(1)));
        assert_eq!(alarms.pop_due(at(40)), None);
        alarms.set(QueueIndex(3), at(50));
        assert_eq!(alarms.pop_any(), Some(QueueIndex(3)));
        assert_eq!(alarms.pop_any(), None);
    }
}
