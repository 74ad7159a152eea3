//! Which partition a record goes to: the caller's choice, the user's own partitioner, the key's hash, round robin, or
//! the sticky choice. Decisions over a topic's metadata; what they remember is shared by many threads in atomics, and
//! nothing here runs a user's code under a lock.

mod counter;
mod custom;
mod keyed;
mod lengths;
mod partitioning;
mod reach;
mod sticky;
mod target;
mod weighted;

pub(crate) use counter::Counter;
pub use custom::{BoxError, PartitionRequest, Partitioner, PartitionerError, choose_partition};
pub use keyed::{murmur2, partition_for_key};
pub(crate) use lengths::{QueueLength, QueueLengths};
pub use partitioning::Partitioning;
pub(crate) use reach::Reach;
pub(crate) use sticky::{Choosing, Shard, Sticky};
pub use target::Target;

use crate::accumulator::Accumulator;
use crate::topic_queues::TopicQueues;
use kp_metadata::{Cluster, Topic};
use kp_protocol::PartitionId;

/// How records are spread that no key places.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spread {
    /// A batch's worth to one partition, then to the next one (KIP-480, KIP-794): the built-in rule of today.
    #[default]
    Sticky,
    /// One record to each partition with a leader in turn, by a counter of the topic (PA13): with `ignore_keys` the
    /// `RoundRobinPartitioner`, without it the default of Kafka 0.9 (PA15).
    RoundRobin,
}

impl Accumulator {
    /// Where a record goes that names no partition and that no [`Partitioner`] of the user has placed, for an append with the
    /// same `metadata`. While the append is tried again keep an answer that [is final](Target::is_final): round robin counts
    /// with each call. (If the topic has lost that partition meanwhile, ask again.)
    ///
    /// | `partitioner.class` | settings |
    /// |---|---|
    /// | not set | `spread: Sticky`, `ignore_keys` as `partitioner.ignore.keys` says |
    /// | `RoundRobinPartitioner`, `round_robin` | `spread: RoundRobin`, `ignore_keys: true` |
    /// | not set, with the defaults of 0.9 | `spread: RoundRobin`, `ignore_keys` as `partitioner.ignore.keys` says |
    #[must_use]
    #[inline]
    pub fn target(&self, topic: &TopicQueues, metadata: &Topic, key: Option<&[u8]>) -> Target {
        match (self.settings.partitioning.spread, key) {
            (_, Some(key)) if !self.settings.partitioning.ignore_keys => {
                let count = metadata.partitions().len() as u32;
                Target::Keyed(PartitionId(partition_for_key(key, count) as i32))
            }
            (Spread::Sticky, _) => Target::Sticky,
            (Spread::RoundRobin, _) => {
                Target::Partition(PartitionId(topic.shared.counter.next(metadata) as i32))
            }
        }
    }

    /// Takes note of which brokers are in the client's rack (PA14). [`ready`](Self::ready) does so too; the sender
    /// calls this before records see a new list of brokers, so that the first of them go by it.
    pub fn follow_racks(&self, cluster: &Cluster) {
        if let Some(rack) = &self.settings.partitioning.rack {
            self.brokers.reach.follow_racks(cluster, rack);
        }
    }
}

#[cfg(test)]
mod tests;
