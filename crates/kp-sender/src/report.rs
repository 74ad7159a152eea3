//! What the sender core knows of why nothing goes out: for people. Reads everything, changes nothing.

use crate::SenderCore;
use crate::TransactionProtocol;
use crate::idempotence::identity::Identity;
use crate::rooms::Rooms;
use crate::transaction::{Phase, Renewal};
use kp_protocol::{BrokerId, TopicPartition};
use std::collections::{BTreeMap, BTreeSet};
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
    /// Where the transactions stand, of a producer that has them.
    pub transaction: Option<TransactionReport>,
    /// Why nothing is sent any more.
    pub fatal: Option<Arc<str>>,
}

/// What the core knows of a producer's transactions.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TransactionReport {
    /// Which protocol the open transaction uses, or the next one (KIP-890).
    pub protocol: TransactionProtocol,
    /// Who coordinates the `transactional.id`; `None` while that is being looked up.
    pub coordinator: Option<BrokerId>,
    /// Partitions that have records of the open transaction.
    pub partitions: usize,
    /// Those of them that the coordinator has not added yet; their records wait for that ([`TransactionProtocol::V1`]).
    pub not_added: BTreeSet<TopicPartition>,
    /// It can only be aborted, and its records that were not sent wait for that.
    pub is_doomed: bool,
    /// Calls whose offsets are not part of it yet.
    pub waiting_offsets: usize,
    /// How often the end was asked for (EndTxn); 0 before.
    pub end_attempts: u32,
    /// A producer id or the next epoch is asked for (InitProducerId) before anything else can go out.
    pub awaits_epoch: bool,
}

impl SenderCore {
    /// What there is to say at `now`.
    #[must_use]
    pub fn report(&self, now: Instant) -> SenderReport {
        let Rooms { cluster, idempotence, batches, .. } = &self.rooms;
        let transaction = idempotence.transaction.is_transactional().then(|| self.transaction_report());
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
            transaction,
            fatal: self.ending.fatal_reason(),
        }
    }

    fn transaction_report(&self) -> TransactionReport {
        let (transactions, facts) = (&self.rooms.transactions, &self.rooms.idempotence.transaction);
        let asked = transactions.exchanges.partitions.question().map(|asked| asked.partitions.as_slice());
        let not_added = facts.wanted().iter().chain(asked.unwrap_or_default());
        TransactionReport {
            protocol: facts.protocol(),
            coordinator: transactions.coordinator.broker(),
            partitions: facts.partitions(),
            not_added: not_added.map(|(_, partition)| partition.clone()).collect(),
            is_doomed: facts.doom().is_some(),
            waiting_offsets: transactions.offsets.len(),
            end_attempts: match &transactions.phase {
                Phase::Ending(ending) => ending.attempts,
                Phase::Idle | Phase::Open | Phase::Sealing { .. } | Phase::Finished(_) => 0,
            },
            awaits_epoch: transactions.renewal != Renewal::Nothing,
        }
    }
}
