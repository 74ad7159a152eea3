//! The queues of one topic, and what they share. A handle that threads keep: no look-up by name per record.

use crate::batch::{ListMemory, PartitionContext, TopicContext};
use crate::partition_queue::PartitionQueue;
use crate::partitioner::{Counter, Sticky};
use crate::queue_index::QueueIndex;
use crate::queue_lengths::QueueLengths;
use kp_protocol::{PartitionId, TopicName, TopicPartition};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

/// The partitions of a topic as they were when this handle was taken. A topic that grows gets another handle over the same
/// queues and some more; nothing is ever removed (AC1).
#[derive(Debug)]
pub struct TopicQueues {
    pub(crate) name: TopicName,
    /// By partition, the queues that were looked up by this handle: an append takes no lock to find one.
    known: Box<[OnceLock<Arc<PartitionQueue>>]>,
    /// The queues that were made, by partition, of all handles together.
    made: Arc<Mutex<BTreeMap<usize, Arc<PartitionQueue>>>>,
    pub(crate) lengths: QueueLengths,
    pub(crate) shared: Arc<TopicShared>,
}

/// What all handles and queues of one topic share.
#[derive(Debug)]
pub(crate) struct TopicShared {
    pub(crate) sticky: Sticky,
    pub(crate) counter: Counter,
    /// What its batches share.
    pub(crate) context: Arc<TopicContext>,
    pub(crate) lists: Arc<ListMemory>,
}

impl TopicQueues {
    pub(crate) fn new(name: TopicName, partitions: usize, shared: TopicShared) -> Self {
        let mut lengths = QueueLengths::default();
        lengths.grow(partitions);
        Self { name, known: unknown(partitions), made: Arc::default(), lengths, shared: Arc::new(shared) }
    }

    /// A handle for `partitions` partitions, no fewer than this one has.
    pub(crate) fn grown(&self, partitions: usize) -> Self {
        let mut lengths = self.lengths.clone();
        lengths.grow(partitions - self.partitions());
        let (name, known) = (self.name.clone(), unknown(partitions));
        Self { name, known, made: Arc::clone(&self.made), lengths, shared: Arc::clone(&self.shared) }
    }

    /// The topic's name.
    #[must_use]
    pub fn name(&self) -> &TopicName {
        &self.name
    }

    /// How many partitions can be sent to by this handle.
    #[must_use]
    pub fn partitions(&self) -> usize {
        self.known.len()
    }

    /// The queue of a partition, if it was looked up by this handle before.
    #[inline]
    pub(crate) fn known(&self, partition: usize) -> Option<&Arc<PartitionQueue>> {
        self.known[partition].get()
    }

    /// The queue of a partition. If there is none, `make` makes it, of what is made from its number.
    pub(crate) fn look_up(
        &self,
        partition: usize,
        make: impl FnOnce(&dyn Fn(QueueIndex) -> PartitionQueue) -> Arc<PartitionQueue>,
    ) -> &Arc<PartitionQueue> {
        let mut made = self.made.lock();
        let queue = made.entry(partition).or_insert_with(|| make(&|index| self.queue(partition, index)));
        self.known[partition].get_or_init(|| Arc::clone(queue))
    }

    fn queue(&self, partition: usize, index: QueueIndex) -> PartitionQueue {
        let context = PartitionContext {
            queue: index,
            topic_partition: TopicPartition {
                topic: self.name.clone(),
                partition: PartitionId(partition as i32),
            },
            topic: Arc::clone(&self.shared.context),
            lists: Arc::clone(&self.shared.lists),
        };
        PartitionQueue::new(context, self.lengths.place(partition))
    }
}

fn unknown(partitions: usize) -> Box<[OnceLock<Arc<PartitionQueue>>]> {
    (0..partitions).map(|_| OnceLock::new()).collect()
}
