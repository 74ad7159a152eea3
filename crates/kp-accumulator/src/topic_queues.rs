//! The queues of one topic, and what they share. A handle that threads keep: no look-up by name per record.

use crate::batch::TopicContext;
use crate::partition_queue::PartitionQueue;
use crate::partitioner::{Counter, QueueLengths, Sticky};
use kp_protocol::TopicName;
use std::sync::Arc;

/// The queues of a topic's partitions as they were when this handle was taken. A topic that grows gets another handle
/// over the same queues and some more; nothing is ever removed (AC1).
#[derive(Debug)]
pub struct TopicQueues {
    pub(crate) name: TopicName,
    pub(crate) queues: Vec<Arc<PartitionQueue>>,
    pub(crate) lengths: QueueLengths,
    pub(crate) shared: Arc<TopicShared>,
}

/// What all handles and queues of one topic share.
#[derive(Debug)]
pub(crate) struct TopicShared {
    pub(crate) sticky: Sticky,
    pub(crate) counter: Counter,
    pub(crate) context: Arc<TopicContext>,
}

impl TopicQueues {
    /// The topic's name.
    #[must_use]
    pub fn name(&self) -> &TopicName {
        &self.name
    }

    /// How many partitions have a queue here.
    #[must_use]
    pub fn partitions(&self) -> usize {
        self.queues.len()
    }
}
