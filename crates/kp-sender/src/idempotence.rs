//! Idempotence (KIP-98, KIP-360): a producer id, and a number for every batch, so that a broker tells a retry from a
//! new batch.
//! Owns: the identity and the sequences. Owner: the sender core. Nothing here leaves the core but through the gate that
//! a drain asks.

pub(crate) mod identity;
pub(crate) mod sequences;

use identity::Identity;
use kp_accumulator::{Admission, BrokerError, DrainGate, HeadBatch, QueueIndex};
use kp_metadata::Cluster;
use kp_protocol::{BrokerId, LeaderEpoch, TopicId, TopicPartition};
use sequences::{Sequences, Ticket, Turn};
use std::sync::Arc;

/// How the sender keeps a retry from being written twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IdempotenceSetting {
    /// Batches carry no numbers (ID17).
    #[default]
    Off,
    /// Batches are numbered. Where the cluster cannot do that, one batch of a partition is in flight at a time
    /// ([`Output::WithoutIdempotence`](crate::Output::WithoutIdempotence)).
    Preferred,
    /// Batches are numbered, and where the cluster cannot do that no record is to be accepted
    /// ([`Output::IdempotenceUnavailable`](crate::Output::IdempotenceUnavailable)).
    Required,
}

/// Who this producer is, and how far each partition is numbered.
#[derive(Debug)]
pub(crate) struct Idempotence {
    pub(crate) setting: IdempotenceSetting,
    pub(crate) identity: Identity,
    pub(crate) sequences: Sequences,
    /// There was an id once: the cluster can give them, whatever a single broker speaks.
    pub(crate) was_known: bool,
    /// What the last broker that was asked for an id said instead, while there is none.
    pub(crate) last_refusal: Option<BrokerError>,
    /// Why the cluster cannot, where the configuration insists.
    pub(crate) unavailable: Option<Arc<str>>,
}

impl Idempotence {
    pub(crate) fn new(setting: IdempotenceSetting) -> Self {
        let identity = match setting {
            IdempotenceSetting::Off => Identity::Without,
            IdempotenceSetting::Preferred | IdempotenceSetting::Required => Identity::missing(None),
        };
        let sequences = Sequences::default();
        Self { setting, identity, sequences, was_known: false, last_refusal: None, unavailable: None }
    }

    /// Whether batches may leave: either they need no identity, or there is one.
    pub(crate) fn may_send(&self) -> bool {
        matches!(self.identity, Identity::Without | Identity::Known(_))
    }

    /// Whether numbers were wanted and are not to be had: order is kept by one batch of a partition at a time then.
    pub(crate) fn is_given_up(&self) -> bool {
        self.setting != IdempotenceSetting::Off && self.identity == Identity::Without
    }

    /// Whether batches are numbered, now or as soon as there is an identity.
    pub(crate) fn is_on(&self) -> bool {
        self.identity != Identity::Without
    }
}

/// Decides under the queue's lock whether a batch leaves, and under which number.
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
            Identity::Known(_) => self.idempotence.sequences.has_room(queue, self.leader_of(partition)),
            _ => false,
        }
    }

    fn admit(&mut self, queue: QueueIndex, head: &HeadBatch<'_>) -> Admission<Self::Pass> {
        let leader = self.leader_of(head.partition);
        let Idempotence { identity, sequences, .. } = &mut *self.idempotence;
        let known = match identity {
            Identity::Without => return Admission::Send { identity: None, pass: None },
            Identity::Known(known) => known,
            Identity::Missing { .. } => return Admission::Skip,
        };
        let topic = self.cluster.topic(&head.partition.topic);
        let topic_id = topic.map_or(TopicId::ZERO, |topic| topic.id());
        match sequences.next_turn(known, queue, head, leader, topic_id) {
            Turn::NotYet => Admission::Skip,
            Turn::NeedsNewProducer => {
                *identity = Identity::missing(None);
                Admission::Skip
            }
            Turn::Send(ticket) => Admission::Send { identity: Some(ticket.identity), pass: Some(ticket) },
            Turn::EpochOver => Admission::GiveUp,
        }
    }
}
