//! What the sender core knows of why nothing goes out: for people. Reads everything, changes nothing.

use crate::SenderCore;
use crate::idempotence::identity::Identity;
use kp_protocol::{BrokerId, TopicPartition};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// The sender's side of an explanation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SenderReport {
    /// Unanswered batches of each partition that has some.
    pub in_flight: BTreeMap<TopicPartition, usize>,
    /// What each broker that failed last said, with its address.
    pub unreachable: BTreeMap<BrokerId, Arc<str>>,
    /// Brokers that asked to be left alone, until when (KIP-219).
    pub throttled: BTreeMap<BrokerId, Instant>,
    /// Batches wait for a producer id (KIP-98).
    pub waits_for_producer_id: bool,
    /// Whether a batch is on its way that all others of its partition wait for: one until the first success of an identity at
    /// a leader, or until a gap is closed.
    pub numbered: bool,
    /// Why nothing is sent any more.
    pub fatal: Option<Arc<str>>,
}

impl SenderCore {
    /// What there is to say at `now`.
    #[must_use]
    pub fn report(&self, now: Instant) -> SenderReport {
        let mut in_flight = BTreeMap::new();
        for partition in self.requests.partitions() {
            *in_flight.entry(partition.clone()).or_default() += 1;
        }
        let brokers = self.metadata.snapshot().brokers().map(|broker| broker.id);
        let (mut unreachable, mut throttled) = (BTreeMap::new(), BTreeMap::new());
        for broker in brokers {
            if let Some(reason) = self.unreachable.reason_of(broker) {
                unreachable.insert(broker, reason);
            }
            if let Some((_, until)) = self.brokers.last_throttle(broker).filter(|(_, until)| *until > now) {
                throttled.insert(broker, until);
            }
        }
        SenderReport {
            in_flight,
            unreachable,
            throttled,
            waits_for_producer_id: !self.idempotence.may_send(),
            numbered: matches!(self.idempotence.identity, Identity::Known(_)),
            fatal: self.fatal_reason(),
        }
    }
}
