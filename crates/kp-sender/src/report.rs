//! What the sender core knows of why nothing goes out: for people. Reads everything, changes nothing.

use crate::SenderCore;
use crate::idempotence::identity::Identity;
use crate::rooms::Rooms;
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
        let Rooms { cluster, idempotence, batches, .. } = &self.rooms;
        let mut in_flight = BTreeMap::new();
        for partition in batches.partitions_in_flight() {
            *in_flight.entry(partition.clone()).or_default() += 1;
        }
        let (mut unreachable, mut throttled) = (BTreeMap::new(), BTreeMap::new());
        for broker in cluster.snapshot().brokers().map(|broker| broker.id) {
            if let Some(reason) = cluster.brokers.failure_of(broker) {
                unreachable.insert(broker, reason);
            }
            let throttle = cluster.brokers.last_throttle(broker).filter(|throttle| throttle.until > now);
            if let Some(throttle) = throttle {
                throttled.insert(broker, throttle.until);
            }
        }
        SenderReport {
            in_flight,
            unreachable,
            throttled,
            waits_for_producer_id: !idempotence.may_send(),
            numbered: matches!(idempotence.identity, Identity::Known(_)),
            fatal: self.ending.fatal_reason(),
        }
    }
}
