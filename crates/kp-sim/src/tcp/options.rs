//! How an embedded broker is set up: plain values, with a method for each.

use crate::{ClusterSettings, KafkaVersion};

/// How to start an [`EmbeddedBroker`](super::EmbeddedBroker). The fields without a word here are those of [`ClusterSettings`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EmbeddedOptions {
    /// How many brokers, each with a port of its own; at least one.
    pub brokers: usize,
    /// See [`ClusterSettings::default_partitions`].
    pub default_partitions: i32,
    /// See [`ClusterSettings::default_replication_factor`]; 0 stands for as many as there are brokers, at most three.
    pub default_replication_factor: i16,
    /// See [`ClusterSettings::auto_create_topics`].
    pub auto_create_topics: bool,
    /// See [`ClusterSettings::max_message_bytes`].
    pub max_message_bytes: usize,
    /// See [`ClusterSettings::kafka_version`].
    pub kafka_version: KafkaVersion,
    /// See [`ClusterSettings::producer_ids`].
    pub producer_ids: bool,
    /// See [`ClusterSettings::retain`].
    pub retain: bool,
    /// See [`ClusterSettings::check_records`].
    pub check_records: bool,
    /// See [`ClusterSettings::seed`].
    pub seed: u64,
    /// The first broker's port, the others take the next ones; 0 = any free ports.
    pub port: u16,
}

impl Default for EmbeddedOptions {
    fn default() -> Self {
        let cluster = ClusterSettings::default();
        Self {
            brokers: 1,
            default_partitions: cluster.default_partitions,
            default_replication_factor: 0,
            auto_create_topics: cluster.auto_create_topics,
            max_message_bytes: cluster.max_message_bytes,
            kafka_version: cluster.kafka_version,
            producer_ids: cluster.producer_ids,
            retain: cluster.retain,
            check_records: cluster.check_records,
            seed: cluster.seed,
            port: 0,
        }
    }
}

impl EmbeddedOptions {
    /// One broker on a free port, with the defaults of [`ClusterSettings`].
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many brokers, each with a port of its own; at least one.
    #[must_use]
    pub fn with_brokers(self, brokers: usize) -> Self {
        Self { brokers, ..self }
    }

    /// See [`ClusterSettings::default_partitions`].
    #[must_use]
    pub fn with_default_partitions(self, default_partitions: i32) -> Self {
        Self { default_partitions, ..self }
    }

    /// See [`ClusterSettings::default_replication_factor`]; 0 stands for as many as there are brokers, at most three.
    #[must_use]
    pub fn with_default_replication_factor(self, default_replication_factor: i16) -> Self {
        Self { default_replication_factor, ..self }
    }

    /// See [`ClusterSettings::auto_create_topics`].
    #[must_use]
    pub fn with_auto_create_topics(self, auto_create_topics: bool) -> Self {
        Self { auto_create_topics, ..self }
    }

    /// See [`ClusterSettings::max_message_bytes`].
    #[must_use]
    pub fn with_max_message_bytes(self, max_message_bytes: usize) -> Self {
        Self { max_message_bytes, ..self }
    }

    /// See [`ClusterSettings::kafka_version`].
    #[must_use]
    pub fn with_kafka_version(self, kafka_version: KafkaVersion) -> Self {
        Self { kafka_version, ..self }
    }

    /// See [`ClusterSettings::producer_ids`].
    #[must_use]
    pub fn with_producer_ids(self, producer_ids: bool) -> Self {
        Self { producer_ids, ..self }
    }

    /// See [`ClusterSettings::retain`].
    #[must_use]
    pub fn with_retain(self, retain: bool) -> Self {
        Self { retain, ..self }
    }

    /// See [`ClusterSettings::check_records`].
    #[must_use]
    pub fn with_check_records(self, check_records: bool) -> Self {
        Self { check_records, ..self }
    }

    /// See [`ClusterSettings::seed`].
    #[must_use]
    pub fn with_seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// The first broker's port; the others take the next ones. 0: any free ports.
    #[must_use]
    pub fn with_port(self, port: u16) -> Self {
        Self { port, ..self }
    }

    pub(super) fn cluster(&self) -> ClusterSettings {
        let settings = ClusterSettings::default().with_brokers(self.brokers);
        let default_replication_factor = match self.default_replication_factor {
            ..=0 => settings.default_replication_factor,
            copies => copies,
        };
        ClusterSettings {
            default_partitions: self.default_partitions,
            default_replication_factor,
            auto_create_topics: self.auto_create_topics,
            max_message_bytes: self.max_message_bytes,
            kafka_version: self.kafka_version,
            producer_ids: self.producer_ids,
            retain: self.retain,
            check_records: self.check_records,
            seed: self.seed,
            ..settings
        }
    }
}
