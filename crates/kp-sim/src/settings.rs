//! How a cluster and its topics are set up: plain values, filled in by the host of the double.

use kp_protocol::records::TimestampType;
use kp_protocol::{ApiKey, VersionRange};

use crate::follower_lag::ReplicationLag;
use crate::kafka_version::KafkaVersion;
use crate::sasl::SaslSettings;
use crate::transaction::TransactionSettings;

/// Settings of a whole cluster. Each names the broker key it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterSettings {
    /// How many brokers; they are numbered from 1. At least one.
    pub brokers: usize,
    /// Partitions of a topic that does not say how many (`num.partitions`). At least one.
    pub default_partitions: i32,
    /// Copies of a partition, where a topic does not say (`default.replication.factor`); at most as many as brokers.
    pub default_replication_factor: i16,
    /// Whether asking for a missing topic may create it (`auto.create.topics.enable`).
    pub auto_create_topics: bool,
    /// Largest batch in bytes (`message.max.bytes`), header included.
    pub max_message_bytes: usize,
    /// Whose answers to give.
    pub kafka_version: KafkaVersion,
    /// Whether producer ids are given (InitProducerId). Brokers before 0.11 do not, nor do some that are not Apache Kafka;
    /// the other answers stay those of `kafka_version`.
    pub producer_ids: bool,
    /// Whether batches are kept. If not, only counts and offsets are: for speed tests.
    pub retain: bool,
    /// Whether the records inside a batch are read and checked, as Kafka does. Off only for speed tests.
    pub check_records: bool,
    /// How far followers lie behind.
    pub replication_lag: ReplicationLag,
    /// How connections authenticate; `None`: they do not (a listener of `PLAINTEXT`).
    pub sasl: Option<SaslSettings>,
    /// How coordinators work.
    pub transactions: TransactionSettings,
    /// Topic ids and replication lags come from it: the same seed and the same requests give the same bytes.
    pub seed: u64,
}

impl Default for ClusterSettings {
    /// One broker of Kafka 4.3 with that version's defaults.
    fn default() -> Self {
        Self {
            brokers: 1,
            default_partitions: 1,
            default_replication_factor: 1,
            auto_create_topics: true,
            max_message_bytes: Self::MAX_MESSAGE_BYTES,
            kafka_version: KafkaVersion::default(),
            producer_ids: true,
            retain: true,
            check_records: true,
            replication_lag: ReplicationLag::NONE,
            sasl: None,
            transactions: TransactionSettings::default(),
            seed: 0,
        }
    }
}

impl ClusterSettings {
    /// Kafka's default of `message.max.bytes`: 1 MiB and the 12 bytes before a batch's length counts.
    pub const MAX_MESSAGE_BYTES: usize = 1_048_588;

    /// What ApiVersions lists.
    pub(crate) fn listed(&self) -> impl Iterator<Item = (ApiKey, VersionRange)> + '_ {
        let listed = self.kafka_version.listed();
        listed.filter(|(api, _)| self.producer_ids || !needs_producer_ids(*api))
    }

    /// These settings with `brokers` brokers, and as many copies of each partition as that allows, three at most.
    #[must_use]
    pub fn with_brokers(self, brokers: usize) -> Self {
        let brokers = brokers.max(1);
        Self { brokers, default_replication_factor: brokers.min(3) as i16, ..self }
    }
}

/// Whether an API is there only where producer ids are given.
pub(crate) fn needs_producer_ids(api: ApiKey) -> bool {
    use ApiKey::{AddOffsetsToTxn, AddPartitionsToTxn, EndTxn, InitProducerId, TxnOffsetCommit};
    matches!(api, InitProducerId | AddPartitionsToTxn | AddOffsetsToTxn | EndTxn | TxnOffsetCommit)
}

/// Settings of one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSettings {
    /// How many partitions.
    pub partitions: i32,
    /// How many copies of each.
    pub replication_factor: i16,
    /// `message.timestamp.type`.
    pub timestamp_type: TimestampType,
    /// `max.message.bytes`.
    pub max_message_bytes: usize,
    /// `min.insync.replicas`: with fewer, a batch sent with `acks=all` is answered NOT_ENOUGH_REPLICAS.
    pub min_insync_replicas: usize,
    /// `cleanup.policy=compact`: records without a key are refused (KIP-467). Nothing is ever compacted.
    pub compacted: bool,
}

impl TopicSettings {
    /// What a topic of this cluster gets if it says nothing.
    #[must_use]
    pub fn of(cluster: &ClusterSettings) -> Self {
        Self {
            partitions: cluster.default_partitions.max(1),
            replication_factor: cluster.default_replication_factor.clamp(1, cluster.brokers.max(1) as i16),
            timestamp_type: TimestampType::CreateTime,
            max_message_bytes: cluster.max_message_bytes,
            min_insync_replicas: 1,
            compacted: false,
        }
    }
}
