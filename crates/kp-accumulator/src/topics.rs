//! All topics that records were sent to, and the queues of all their partitions.
//! Owns: which queue has which number, and that a partition has one queue. A queue is made when the first record comes: a topic
//! of a million partitions costs a few bytes for each of them until then. Never: removes a topic or a queue (AC1).
//! Locks, in this order: the names, the queues of one topic, the list of all queues; a look-up by a handle takes none.

use crate::partition_queue::PartitionQueue;
use crate::queue_index::QueueIndex;
use crate::topic_queues::{TopicQueues, TopicShared};
use kp_protocol::TopicName;
use parking_lot::{RwLock, RwLockReadGuard};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Topics by name, queues by number.
#[derive(Debug, Default)]
pub(crate) struct Topics {
    by_name: RwLock<BTreeMap<TopicName, Arc<TopicQueues>>>,
    queues: RwLock<Vec<Arc<PartitionQueue>>>,
}

impl Topics {
    /// The queues of `name`, for at least `partitions` partitions. `share` makes what the queues of a new topic share, from how
    /// many topics there were before.
    pub(crate) fn get(
        &self,
        name: &TopicName,
        partitions: usize,
        share: impl FnOnce(usize) -> TopicShared,
    ) -> Arc<TopicQueues> {
        if let Some(topic) = self.by_name.read().get(name)
            && topic.partitions() >= partitions
        {
            return Arc::clone(topic);
        }
        let mut topics = self.by_name.write();
        let topic = match topics.get(name) {
            Some(topic) if topic.partitions() >= partitions => return Arc::clone(topic),
            Some(topic) => topic.grown(partitions),
            None => TopicQueues::new(name.clone(), partitions, share(topics.len())),
        };
        let topic = Arc::new(topic);
        topics.insert(name.clone(), Arc::clone(&topic));
        topic
    }

    /// The queue of a partition that `topic` has, where that handle has not looked it up before: made now, if no thread has.
    #[cold]
    pub(crate) fn make<'a>(&self, topic: &'a TopicQueues, partition: usize) -> &'a Arc<PartitionQueue> {
        topic.look_up(partition, |queue_of| {
            let mut queues = self.queues.write();
            let queue = Arc::new(queue_of(QueueIndex(queues.len() as u32)));
            queues.push(Arc::clone(&queue));
            queue
        })
    }

    pub(crate) fn queue(&self, index: QueueIndex) -> Option<Arc<PartitionQueue>> {
        self.queues.read().get(index.0 as usize).cloned()
    }

    /// All queues, by number. As long as the answer lives, no other is made.
    pub(crate) fn queues(&self) -> RwLockReadGuard<'_, Vec<Arc<PartitionQueue>>> {
        self.queues.read()
    }

    /// Adds the queues that were made since to a list that another keeps.
    pub(crate) fn copy_new_queues(&self, known: &mut Vec<Arc<PartitionQueue>>) {
        let all = self.queues.read();
        known.extend_from_slice(&all[known.len().min(all.len())..]);
    }

    /// Every topic, by name.
    pub(crate) fn list(&self) -> Vec<(TopicName, Arc<TopicQueues>)> {
        self.by_name.read().iter().map(|(name, topic)| (name.clone(), Arc::clone(topic))).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::queue_index::QueueIndex;
    use crate::testing::{Room, name, settings};
    use std::sync::Arc;

    // AC1
    #[test]
    fn a_partition_gets_its_queue_with_its_first_record_and_keeps_it_when_the_topic_grows() {
        let mut room = Room::new(settings(), &[0, 0, 0]);
        assert_eq!(room.accumulator.topic_partition(QueueIndex(0)), None, "no record, no queue");
        room.send(2, b"first");
        let old = Arc::clone(&room.topic);
        room.cluster = crate::testing::cluster(2, &[Some(0); 5]);
        room.topic = room.accumulator.topic(&name(), 5);
        room.send(2, b"of the same batch");
        room.send(4, b"of a partition that is new");
        assert_eq!(room.accumulator.topic_partition(QueueIndex(0)).map(|at| at.partition.0), Some(2));
        assert_eq!(room.accumulator.topic_partition(QueueIndex(1)).map(|at| at.partition.0), Some(4));
        // Both handles are asked for a queue that neither has looked up.
        let new = std::mem::replace(&mut room.topic, old);
        room.send(1, b"by the old handle");
        room.topic = new;
        room.send(1, b"by the new one");
        room.pass(10);
        let mut partitions = Room::partitions(&room.turn(0));
        partitions.sort_unstable();
        assert_eq!(partitions, [1, 2, 4]);
    }

    // AC1
    #[test]
    fn threads_that_send_the_first_records_of_a_partition_meet_in_one_queue() {
        for _ in 0..50 {
            let room = Room::new(settings(), &[0]);
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| room.send(0, b"v"));
                }
            });
            assert_eq!(room.accumulator.survey(room.now()).iter().map(|queue| queue.records).sum::<u64>(), 4);
            assert_eq!(room.accumulator.topic_partition(QueueIndex(1)), None);
        }
    }
}
