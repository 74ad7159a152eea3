//! Where a record goes that neither names its partition nor is placed by the user's partitioner: decided here, once.

use crate::accumulator::Accumulator;
use crate::partitioner::partition_for_key;
use crate::partitioning::Spread;
use crate::topic_queues::TopicQueues;
use kp_metadata::{Cluster, Topic};
use kp_protocol::PartitionId;

/// Where a record is to go. Decided once, before the append: by the record itself, by the user's [`Partitioner`], or else by
/// [`Accumulator::target`].
///
/// [`Partitioner`]: crate::Partitioner
/// [`Accumulator::target`]: crate::Accumulator::target
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// To this partition, however many the topic has: the record names it (PA1), a partitioner chose it (PA2), or it is that
    /// partition's turn (PA13).
    Partition(PartitionId),
    /// To the partition of its key among those that the topic had when this was decided (PA3).
    Keyed(PartitionId),
    /// To the partition that unkeyed records go to at the moment of the append (PA5).
    Sticky,
}

impl Target {
    /// Whether to keep it when the append is tried again with newer metadata. The partition of a key is to be asked for anew,
    /// since it goes by how many partitions there are; a turn counts, and a user's partitioner is asked once for a record.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Partition(_))
    }
}

impl Accumulator {
    /// Where a record goes that names no partition and that no [`Partitioner`](crate::Partitioner) of the user has placed, for an append with the
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

    /// Takes note of which brokers are in the client's rack (PA14). [`ready`](Self::ready) does so too; call this
    /// before records see a new cluster, so that the first of them go by it.
    pub fn follow_racks(&self, cluster: &Cluster) {
        self.brokers.follow_racks(&self.settings.partitioning, cluster);
    }
}
