//! The gate that a drain asks: whether a partition's next batch leaves, and under which number.

use super::Idempotence;
use super::identity::Identity;
use super::sequences::{Ticket, Turn};
use kp_accumulator::{Admission, DrainGate, HeadBatch, QueueIndex};
use kp_metadata::Cluster;
use kp_protocol::{BrokerId, LeaderEpoch, TopicId, TopicPartition};

/// Decides under the queue's lock.
pub(crate) struct NumberingGate<'a> {
    pub(crate) idempotence: &'a mut Idempotence,
    pub(crate) cluster: &'a Cluster,
    pub(crate) broker: BrokerId,
}

impl NumberingGate<'_> {
    fn leader_of(&self, partition: &TopicPartition) -> (BrokerId, Option<LeaderEpoch>) {
        let known = self.cluster.partition(&partition.topic, partition.partition);
        (self.broker, known.and_then(|partition| partition.leader_epoch))
    }
}

impl DrainGate for NumberingGate<'_> {
    /// The batch's numbers, with idempotence.
    type Pass = Option<Ticket>;

    fn has_room(&mut self, queue: QueueIndex, partition: &TopicPartition) -> bool {
        match self.idempotence.identity {
            Identity::Without => true,
            Identity::Known(_) => {
                let leader = self.leader_of(partition);
                self.idempotence.transaction.lets(queue, partition)
                    && self.idempotence.sequences.has_room(queue, leader)
            }
            Identity::Missing { .. } => false,
        }
    }

    fn admit(&mut self, queue: QueueIndex, head: &HeadBatch<'_>) -> Admission<Self::Pass> {
        let leader = self.leader_of(head.partition);
        let Idempotence { identity, sequences, transaction, .. } = &mut *self.idempotence;
        let known = match identity {
            Identity::Without => return Admission::Send { identity: None, pass: None },
            Identity::Known(known) => known,
            Identity::Missing { .. } => return Admission::Skip,
        };
        if !transaction.lets(queue, head.partition) {
            return Admission::Skip;
        }
        let topic = self.cluster.topic(&head.partition.topic);
        let topic_id = topic.map_or(TopicId::ZERO, |topic| topic.id());
        match sequences.next_turn(known, queue, head, leader, topic_id) {
            Turn::NotYet => Admission::Skip,
            Turn::NeedsNewProducer => {
                *identity = Identity::Missing { not_before: None };
                Admission::Skip
            }
            Turn::NeedsNextTransaction => {
                transaction.find_gap();
                Admission::Skip
            }
            Turn::Send(ticket) => Admission::Send { identity: Some(ticket.identity), pass: Some(ticket) },
            Turn::EpochOver => Admission::GiveUp,
        }
    }
}
