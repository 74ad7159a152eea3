//! The sticky choice for records without a key: stay on one partition until it got a batch, then move (KIP-480,
//! KIP-794). The rule holds per shard, a group of threads, not per topic: threads that write side by side then stay on
//! different partitions and do not meet on a lock.
//!
//! A shard's state changes only under the lock of the partition it stands on (PA6), so plain loads and stores do.

use super::choosing::Choosing;
use super::weighted::weighted_partition;
use crate::partition_queue::QueueState;
use kp_metadata::Topic;
use kp_time::Jitter;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};

/// More shards than this would only spread small batches.
const MAX_SHARDS: usize = 16;
/// A shard that has not chosen yet.
const NOWHERE: u32 = u32::MAX;

/// The sticky state of one topic.
#[derive(Debug)]
pub(crate) struct Sticky {
    seed: u64,
    /// How many shards are in use; grows when two threads meet on a lock, never shrinks.
    active: AtomicUsize,
    shards: [Shard; MAX_SHARDS],
}

/// One group of threads. Alone on its cache lines, since its threads write it with every record.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Shard {
    partition: AtomicU32,
    /// Record bytes appended since the last switch.
    bytes: AtomicUsize,
    switches: AtomicU64,
}

impl Sticky {
    pub(crate) fn new(seed: u64) -> Self {
        let shard = |_| Shard {
            partition: AtomicU32::new(NOWHERE),
            bytes: AtomicUsize::new(0),
            switches: AtomicU64::new(0),
        };
        Self { seed, active: AtomicUsize::new(1), shards: std::array::from_fn(shard) }
    }

    /// The calling thread's shard.
    pub(crate) fn shard(&self) -> &Shard {
        let active = self.active.load(Relaxed);
        if active == 1 { &self.shards[0] } else { &self.shards[thread_number() % active.min(MAX_SHARDS)] }
    }

    /// Two threads met: use one shard more, as long as each can have a partition of its own.
    pub(crate) fn grow(&self, partitions: usize) {
        let active = self.active.load(Relaxed);
        if active < partitions.min(MAX_SHARDS) {
            // Lost races only grow by one instead of two.
            let _ = self.active.compare_exchange(active, active + 1, Relaxed, Relaxed);
        }
    }

    /// Gives `shard` a partition to stand on; another thread of the shard may have been quicker.
    #[cold]
    pub(crate) fn settle_down(&self, shard: &Shard, choosing: Choosing<'_>) -> u32 {
        loop {
            let before = shard.partition.load(Relaxed);
            // Also after a lost race: the other thread may have newer metadata, and stand on a partition that this one's lacks.
            if (before as usize) < choosing.topic.partitions().len() {
                return before;
            }
            let first = self.choose(shard, choosing);
            if shard.partition.compare_exchange(before, first, Relaxed, Relaxed).is_ok() {
                return first;
            }
        }
    }

    /// Moves `shard` to the next partition. `_locked` is the queue of the one it stands on (PA6).
    #[cold]
    pub(crate) fn move_on(&self, _locked: &QueueState, shard: &Shard, choosing: Choosing<'_>) {
        shard.bytes.store(0, Relaxed);
        shard.partition.store(self.choose(shard, choosing), Relaxed);
    }

    /// A partition at random, the weights apart (PA7, PA8). Another shard's partition only if a second try finds one
    /// as well.
    fn choose(&self, shard: &Shard, choosing: Choosing<'_>) -> u32 {
        let switch = shard.switches.load(Relaxed);
        shard.switches.store(switch + 1, Relaxed);
        let place = (std::ptr::from_ref(shard).addr() - std::ptr::from_ref(&self.shards[0]).addr()) as u64;
        let mut dice = Jitter::seeded(self.seed ^ (place << 40) ^ switch);
        let choice = random_partition(choosing, &mut dice);
        if self.is_taken(shard, choice) { random_partition(choosing, &mut dice) } else { choice }
    }

    fn is_taken(&self, shard: &Shard, partition: u32) -> bool {
        let active = self.active.load(Relaxed).min(MAX_SHARDS);
        let mut others = self.shards[..active].iter().filter(|other| !std::ptr::eq(*other, shard));
        others.any(|other| other.partition.load(Relaxed) == partition)
    }
}

#[cfg(test)]
impl Sticky {
    pub(crate) fn active(&self) -> usize {
        self.active.load(Relaxed)
    }

    pub(crate) fn switches(&self) -> u64 {
        self.shards.iter().map(|shard| shard.switches.load(Relaxed)).sum()
    }

    /// Moves every shard to `partition`.
    pub(crate) fn move_to(&self, partition: u32) {
        self.shards.iter().for_each(|shard| shard.partition.store(partition, Relaxed));
    }
}

impl Shard {
    /// The partition it stands on, if the topic has that one (still).
    #[inline]
    pub(crate) fn partition_of(&self, partitions: usize) -> Option<u32> {
        Some(self.partition.load(Relaxed)).filter(|partition| (*partition as usize) < partitions)
    }

    /// Counts what was appended to the partition it stands on. It is time to move on when a batch's worth was appended
    /// and no batch is open there any more, or twice as much in any case (PA5). `stride` is a batch's worth, in bytes.
    /// `_locked` is the queue of that partition: a caller that can show it holds its lock (PA6).
    #[inline]
    pub(crate) fn is_time_to_move(
        &self,
        _locked: &QueueState,
        bytes: usize,
        stride: usize,
        open: bool,
    ) -> bool {
        let sum = self.bytes.load(Relaxed) + bytes;
        self.bytes.store(sum, Relaxed);
        sum >= stride && (!open || sum >= stride.saturating_mul(2))
    }

    /// Whether the shard still stands on `partition`: looked at again under that partition's lock (AC8).
    pub(crate) fn stands_on(&self, partition: u32) -> bool {
        self.partition.load(Relaxed) == partition
    }
}

/// A partition by its weight if weights or brokers matter; otherwise, or if that leaves none, one at random among those
/// with a leader; among all if none has one (PA7).
fn random_partition(choosing: Choosing<'_>, dice: &mut Jitter) -> u32 {
    weighted_partition(choosing, dice).unwrap_or_else(|| uniform_partition(choosing.topic, dice))
}

fn uniform_partition(topic: &Topic, dice: &mut Jitter) -> u32 {
    let partitions = topic.partitions();
    let count = partitions.len() as u64;
    // Mostly every partition has a leader: a few throws spare the count over a large topic.
    for _ in 0..4 {
        let choice = dice.below(count);
        if partitions.get(choice as usize).is_some_and(|partition| partition.leader.is_some()) {
            return choice as u32;
        }
    }
    let with_leader = partitions.iter().filter(|partition| partition.leader.is_some()).count() as u64;
    if with_leader == 0 {
        return dice.below(count) as u32;
    }
    let nth = dice.below(with_leader) as usize;
    let mut led = partitions.iter().enumerate().filter(|(_, partition)| partition.leader.is_some());
    led.nth(nth).map_or(0, |(index, _)| index as u32)
}

/// A number for the calling thread: 0, 1, 2, … in the order in which threads first ask.
fn thread_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: usize = NEXT.fetch_add(1, Relaxed);
    }
    NUMBER.with(|number| *number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partitioner::Reach;
    use kp_metadata::Partition;
    use kp_protocol::{BrokerId, TopicId};

    fn topic(leaders: &[Option<i32>]) -> Topic {
        let partition =
            |leader: &Option<i32>| Partition { leader: leader.map(BrokerId), ..Partition::default() };
        Topic::new("t".into(), TopicId::ZERO, leaders.iter().map(partition).collect())
    }

    /// Where neither lengths nor brokers matter.
    fn plainly<'a>(topic: &'a Topic, reach: &'a Reach) -> Choosing<'a> {
        Choosing { topic, lengths: None, reach }
    }

    // PA5
    #[test]
    fn a_shard_stays_until_a_batch_is_full_and_closed() {
        let (topic, reach) = (topic(&[Some(0); 50]), Reach::default());
        let (sticky, choosing) = (Sticky::new(7), plainly(&topic, &reach));
        let (shard, locked) = (sticky.shard(), &QueueState::default());
        assert_eq!(shard.partition_of(50), None, "it has not chosen yet");
        let first = sticky.settle_down(shard, choosing);
        assert!(!shard.is_time_to_move(locked, 99, 100, false), "99 of 100 bytes");
        assert!(!shard.is_time_to_move(locked, 1, 100, true), "its batch still has room");
        assert!(shard.is_time_to_move(locked, 1, 100, false));
        sticky.move_on(locked, shard, choosing);
        assert!(!shard.stands_on(first), "with this seed");
        assert!(!shard.is_time_to_move(locked, 199, 100, true));
        assert!(shard.is_time_to_move(locked, 1, 100, true), "twice the batch size, in any case");
    }

    // PA7
    #[test]
    fn the_choice_is_uniform_among_partitions_with_a_leader() {
        let topic = topic(&[Some(1), None, Some(2), Some(1)]);
        let mut dice = Jitter::seeded(3);
        let mut hits = [0u32; 4];
        (0..3000).for_each(|_| hits[uniform_partition(&topic, &mut dice) as usize] += 1);
        assert_eq!(hits[1], 0);
        assert!([hits[0], hits[2], hits[3]].iter().all(|hit| (850..1150).contains(hit)), "{hits:?}");
    }

    // PA7
    #[test]
    fn without_any_leader_all_partitions_are_chosen_from() {
        let topic = topic(&[None; 3]);
        let mut dice = Jitter::seeded(3);
        let mut hits = [0u32; 3];
        (0..3000).for_each(|_| hits[uniform_partition(&topic, &mut dice) as usize] += 1);
        assert!(hits.iter().all(|hit| (850..1150).contains(hit)), "{hits:?}");
    }

    // PA7
    #[test]
    fn one_leader_among_many_partitions_is_found() {
        let mut leaders = vec![None; 1000];
        leaders[777] = Some(1);
        let topic = topic(&leaders);
        assert_eq!(uniform_partition(&topic, &mut Jitter::seeded(1)), 777);
    }

    #[test]
    fn shards_never_outnumber_partitions() {
        let sticky = Sticky::new(1);
        (0..100).for_each(|_| sticky.grow(3));
        assert_eq!(sticky.active.load(Relaxed), 3);
        (0..100).for_each(|_| sticky.grow(1000));
        assert_eq!(sticky.active.load(Relaxed), MAX_SHARDS);
    }

    #[test]
    fn a_topic_that_lost_partitions_moves_the_shard() {
        let (large, small, reach) = (topic(&[Some(0); 100]), topic(&[Some(0); 2]), Reach::default());
        let sticky = Sticky::new(11);
        let shard = sticky.shard();
        let first = sticky.settle_down(shard, plainly(&large, &reach));
        assert!(first >= 2 && shard.partition_of(100) == Some(first), "with this seed");
        assert_eq!(shard.partition_of(2), None);
        assert!(sticky.settle_down(shard, plainly(&small, &reach)) < 2);
    }
}
