//! A topic and its partitions: who leads, how new that is, what is in the log. Owned by the cluster.

use kp_protocol::{BrokerId, LeaderEpoch, TopicId, TopicName};

use crate::follower_lag::Unreplicated;
use crate::log::PartitionLog;
use crate::producer_state::ProducerStates;
use crate::settings::TopicSettings;
use crate::transaction::PartitionTransactions;

/// A topic as the cluster keeps it.
#[derive(Clone, Debug)]
pub struct Topic {
    pub(crate) name: TopicName,
    pub(crate) id: TopicId,
    pub(crate) settings: TopicSettings,
    pub(crate) partitions: Vec<Partition>,
}

impl Topic {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &TopicName {
        &self.name
    }

    /// Its id; a topic created again gets another (KIP-516).
    #[must_use]
    pub fn id(&self) -> TopicId {
        self.id
    }

    /// Its settings.
    #[must_use]
    pub fn settings(&self) -> &TopicSettings {
        &self.settings
    }

    /// Its partitions, by number.
    #[must_use]
    pub fn partitions(&self) -> &[Partition] {
        &self.partitions
    }

    /// Partition `index` of a request, if there is one.
    pub(crate) fn partition(&self, index: i32) -> Option<&Partition> {
        self.partitions.get(usize::try_from(index).ok()?)
    }

    pub(crate) fn partition_mut(&mut self, index: i32) -> Option<&mut Partition> {
        self.partitions.get_mut(usize::try_from(index).ok()?)
    }
}

/// One partition. All its replicas share one log, and what the followers lack of it is noted.
#[derive(Clone, Debug)]
pub struct Partition {
    /// The brokers that hold a copy, the preferred leader first.
    pub(crate) replicas: Vec<BrokerId>,
    pub(crate) leader: Option<BrokerId>,
    pub(crate) leader_epoch: LeaderEpoch,
    pub(crate) log: PartitionLog,
    pub(crate) producers: ProducerStates,
    pub(crate) transactions: PartitionTransactions,
    pub(crate) unreplicated: Unreplicated,
    /// The last leader, while there is none: only it has everything.
    pub(crate) last_leader: Option<BrokerId>,
}

impl Partition {
    pub(crate) fn new(replicas: Vec<BrokerId>, leader: Option<BrokerId>) -> Self {
        Self {
            replicas,
            leader,
            leader_epoch: LeaderEpoch(0),
            log: PartitionLog::default(),
            producers: ProducerStates::default(),
            transactions: PartitionTransactions::default(),
            unreplicated: Unreplicated::default(),
            last_leader: leader,
        }
    }

    /// The brokers that hold a copy, the preferred leader first.
    #[must_use]
    pub fn replicas(&self) -> &[BrokerId] {
        &self.replicas
    }

    /// The leader; `None` while every replica is down.
    #[must_use]
    pub fn leader(&self) -> Option<BrokerId> {
        self.leader
    }

    /// How often the leader has changed.
    #[must_use]
    pub fn leader_epoch(&self) -> LeaderEpoch {
        self.leader_epoch
    }

    /// What was appended.
    #[must_use]
    pub fn log(&self) -> &PartitionLog {
        &self.log
    }

    /// Open and aborted transactions.
    #[must_use]
    pub fn transactions(&self) -> &PartitionTransactions {
        &self.transactions
    }

    /// What a reader of committed records sees at most: up to the earliest open transaction, or all (LSO).
    #[must_use]
    pub fn last_stable_offset(&self) -> i64 {
        self.transactions.first_open_offset().unwrap_or(self.log.end_offset())
    }

    /// How many idempotent producers the partition knows.
    #[must_use]
    pub fn known_producers(&self) -> usize {
        self.producers.len()
    }

    /// Gives the partition another leader, or none. The epoch grows with every change (KIP-320).
    pub(crate) fn elect(&mut self, leader: Option<BrokerId>) {
        if self.leader != leader {
            self.leader = leader;
            self.leader_epoch.0 += 1;
            self.last_leader = leader.or(self.last_leader);
        }
    }
}
