//! Round robin: a counter of the topic, over the partitions that have a leader (PA13, PA15). Shared by all threads.

use kp_metadata::Topic;
use kp_time::Jitter;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Counts the records of a topic that nothing else places.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU32);

impl Counter {
    /// Begins anywhere, so that many short-lived producers do not all begin with the first partition.
    pub(crate) fn seeded(seed: u64) -> Self {
        Self(AtomicU32::new(Jitter::seeded(seed).next_u64() as u32))
    }

    /// The partition of the next record: the next one with a leader; if none has one, the next one. Call once for a
    /// record.
    pub(crate) fn next(&self, topic: &Topic) -> u32 {
        let partitions = topic.partitions();
        let count = partitions.len().max(1) as u32;
        let mut last = 0;
        // To pass over a partition uses up its number, so those with a leader take turns evenly.
        for _ in 0..count {
            last = self.0.fetch_add(1, Relaxed) % count;
            if partitions.get(last as usize).is_some_and(|partition| partition.leader.is_some()) {
                return last;
            }
        }
        // A whole round found no leader, and stands where it began: one step on, so that these take turns too.
        self.0.fetch_add(1, Relaxed);
        last
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kp_metadata::Partition;
    use kp_protocol::{BrokerId, TopicId};

    fn turns(leaders: &[Option<i32>], records: usize) -> Vec<u32> {
        let partition =
            |leader: &Option<i32>| Partition { leader: leader.map(BrokerId), ..Partition::default() };
        let topic = Topic::new("t".into(), TopicId::ZERO, leaders.iter().map(partition).collect());
        let counter = Counter::default();
        (0..records).map(|_| counter.next(&topic)).collect()
    }

    // PA13, PA15
    #[test]
    fn partitions_with_a_leader_take_turns() {
        assert_eq!(turns(&[Some(0), Some(1), Some(0)], 7), [0, 1, 2, 0, 1, 2, 0]);
        assert_eq!(turns(&[None, Some(1), None, Some(1), Some(2)], 7), [1, 3, 4, 1, 3, 4, 1]);
    }

    // PA13, PA15
    #[test]
    fn without_any_leader_all_partitions_take_turns() {
        let mut hits = turns(&[None, None, None], 3);
        hits.sort_unstable();
        assert_eq!(hits, [0, 1, 2]);
    }

    #[test]
    fn the_counter_goes_on_after_its_largest_number() {
        let partition = Partition::led_by(BrokerId(0));
        let topic = Topic::new("t".into(), TopicId::ZERO, vec![partition; 3]);
        let counter = Counter(AtomicU32::new(u32::MAX));
        assert_eq!((0..3).map(|_| counter.next(&topic)).collect::<Vec<_>>(), [u32::MAX % 3, 0, 1]);
    }
}
