//! Who coordinates what: a transactional id or a group belongs to a partition of an internal topic, and that
//! partition's leader is its coordinator, under the leader's epoch. Owned by the cluster.

use std::collections::BTreeMap;
use std::time::Instant;

use kp_protocol::{BrokerId, ErrorCode, LeaderEpoch, TopicPartition};

use super::entry::TransactionEntry;
use super::late::Late;
use crate::cluster::SimCluster;
use crate::reply::Moment;
use crate::settings::TopicSettings;

/// The log of the transactions' coordinators.
pub(crate) const TRANSACTION_STATE: &str = "__transaction_state";
/// The log of the groups' coordinators.
pub(crate) const CONSUMER_OFFSETS: &str = "__consumer_offsets";

/// Whether a topic is the brokers' own.
pub(crate) fn is_internal(topic: &str) -> bool {
    topic == TRANSACTION_STATE || topic == CONSUMER_OFFSETS
}

/// What the coordinators of a cluster know. Each coordinator's part of it is in its log, so nothing is lost when it moves.
#[derive(Clone, Debug)]
pub(crate) struct Transactions {
    pub(super) entries: BTreeMap<String, TransactionEntry>,
    pub(super) next_producer_id: i64,
    /// By the partition that is their log: under which epoch they read it, and when they are done.
    loaded: BTreeMap<TopicPartition, (LeaderEpoch, Instant)>,
    pub(super) late: Late,
    /// When the cluster was asked first, from which the scans for timeouts count, and when it was last.
    pub(super) first: Option<Instant>,
    pub(super) latest: Option<Moment>,
}

impl Default for Transactions {
    fn default() -> Self {
        Self {
            entries: BTreeMap::new(),
            // A real cluster hands ids out by the thousand; 0 is as good as any.
            next_producer_id: 1000,
            loaded: BTreeMap::new(),
            late: Late::default(),
            first: None,
            latest: None,
        }
    }
}

impl Transactions {
    /// A producer id that none had before.
    pub(crate) fn new_producer_id(&mut self) -> i64 {
        self.next_producer_id += 1;
        self.next_producer_id - 1
    }
}

impl SimCluster {
    /// The partition that a transactional id belongs to.
    pub(crate) fn transaction_log(&self, transactional_id: &str) -> TopicPartition {
        log_of(TRANSACTION_STATE, transactional_id, self.settings.transactions.coordinators)
    }

    /// The partition that a group belongs to.
    pub(crate) fn offsets_log(&self, group: &str) -> TopicPartition {
        log_of(CONSUMER_OFFSETS, group, self.settings.transactions.coordinators)
    }

    /// Makes an internal topic, as the first look-up of a coordinator does. Answers whether it was there already.
    pub(crate) fn ensure_coordinators(&mut self, at: Moment, topic: &'static str) -> bool {
        if self.topics.contains_key(topic) {
            return true;
        }
        let copies = self.brokers.len().clamp(1, 3) as i16;
        let partitions = self.settings.transactions.coordinators.max(1);
        let settings =
            TopicSettings { partitions, replication_factor: copies, ..TopicSettings::of(&self.settings) };
        let created = self.try_create_topic(topic, settings, None);
        debug_assert!(created.is_ok(), "the name is valid and free: {created:?}");
        let ready = at.now + self.settings.transactions.load_time;
        for index in 0..partitions {
            let log = TopicPartition::new(topic, index);
            self.transactions.loaded.insert(log, (LeaderEpoch(0), ready));
        }
        false
    }

    /// Who leads a coordinator's log; `None` if there is none, or no broker that does.
    pub(crate) fn coordinator(&self, log: &TopicPartition) -> Option<BrokerId> {
        self.partition(log).ok()?.leader
    }

    /// Whether `broker` may answer for what belongs to `log`: its epoch, or why not.
    ///
    /// A coordinator begins to read its log when it is first asked under a new epoch.
    pub(crate) fn coordinates(
        &mut self,
        at: Moment,
        broker: BrokerId,
        log: &TopicPartition,
    ) -> Result<LeaderEpoch, ErrorCode> {
        let partition = self.partition(log).map_err(|_| ErrorCode::NOT_COORDINATOR)?;
        if partition.leader != Some(broker) {
            return Err(ErrorCode::NOT_COORDINATOR);
        }
        let epoch = partition.leader_epoch;
        let ready = at.now + self.settings.transactions.load_time;
        let loaded = self.transactions.loaded.entry(log.clone()).or_insert((epoch, ready));
        if loaded.0 != epoch {
            *loaded = (epoch, ready);
        }
        if at.now < loaded.1 { Err(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS) } else { Ok(epoch) }
    }

    /// Whether `broker` may answer for a group.
    #[allow(dead_code, reason = "groups use it")]
    pub(crate) fn check_group_coordinator(
        &mut self,
        at: Moment,
        broker: BrokerId,
        group: &str,
    ) -> Result<(), ErrorCode> {
        self.coordinates(at, broker, &self.offsets_log(group)).map(drop)
    }

    /// The coordinator of a log moves to another broker that runs, or begins anew where there is none.
    pub(crate) fn coordinator_moves(&mut self, log: &TopicPartition) {
        let running: Vec<BrokerId> = self.running().map(|address| address.id).collect();
        let Ok(partition) = self.partition_mut(log) else { return };
        let holds = |id: &&BrokerId| running.contains(id) && Some(**id) != partition.leader;
        match partition.replicas.iter().find(holds).copied() {
            Some(other) => partition.elect(Some(other)),
            None => partition.leader_epoch.0 += 1,
        }
    }
}

/// Kafka's choice: the hash of a Java string, without its sign.
fn log_of(topic: &str, key: &str, partitions: i32) -> TopicPartition {
    let hash =
        key.encode_utf16().fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    TopicPartition::new(topic, (hash & i32::MAX) % partitions.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_belongs_to_the_partition_that_java_would_choose() {
        // "abc".hashCode() is 96354, "polygenelubricants".hashCode() is Integer.MIN_VALUE.
        assert_eq!(log_of("t", "abc", 50).partition.0, 4);
        assert_eq!(log_of("t", "polygenelubricants", 50).partition.0, 0);
        assert_eq!(log_of("t", "", 50).partition.0, 0);
        assert_eq!(
            log_of("t", "\u{1f600}", 50).partition.0,
            (0xd83d * 31 + 0xde00) % 50,
            "two units of UTF-16"
        );
    }
}
