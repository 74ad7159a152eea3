//! Who coordinates what: a transactional id or a group belongs to a partition of an internal topic, and that
//! partition's leader is its coordinator, under the leader's epoch. Owned by the cluster.

use kp_protocol::{BrokerId, ErrorCode, LeaderEpoch, TopicPartition};

use super::coordinator_log::{CONSUMER_OFFSETS, TRANSACTION_STATE, log_of};
use crate::SimCluster;
use crate::reply::Moment;
use crate::settings::TopicSettings;

impl SimCluster {
    /// The partition that a transactional id belongs to.
    pub(crate) fn transaction_log(&self, transactional_id: &str) -> TopicPartition {
        log_of(TRANSACTION_STATE, transactional_id, self.coordinators(TRANSACTION_STATE))
    }

    /// The partition that a group belongs to.
    pub(crate) fn offsets_log(&self, group: &str) -> TopicPartition {
        log_of(CONSUMER_OFFSETS, group, self.coordinators(CONSUMER_OFFSETS))
    }

    /// How many partitions an internal topic has, or would have.
    fn coordinators(&self, topic: &str) -> i32 {
        let there = self.topics.get(topic).and_then(|topic| i32::try_from(topic.partitions.len()).ok());
        there.unwrap_or(self.settings.transactions.coordinators)
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
