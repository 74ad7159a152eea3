//! How an embedded broker is set up: the cluster's own settings, and where it listens.

#[cfg(feature = "tls")]
use super::tls::EmbeddedTls;
use crate::{ClusterSettings, KafkaVersion, SaslSettings, TransactionSettings};

/// How to start an [`EmbeddedBroker`](super::EmbeddedBroker). What a setting of the cluster means, and what it is if nothing is
/// said, stands at [`ClusterSettings`]; only the number of copies is another: as many as there are brokers, at most three.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbeddedOptions {
    cluster: ClusterSettings,
    port: u16,
    served: Served,
}

/// How connections are served, the same on each port.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Served {
    #[cfg(feature = "tls")]
    pub(super) tls: Option<EmbeddedTls>,
}

/// For `default_replication_factor`: what goes with the number of brokers, whichever is said first.
const AS_MANY_AS_BROKERS: i16 = 0;

impl Default for EmbeddedOptions {
    fn default() -> Self {
        let cluster =
            ClusterSettings { default_replication_factor: AS_MANY_AS_BROKERS, ..ClusterSettings::default() };
        Self { cluster, port: 0, served: Served::default() }
    }
}

impl EmbeddedOptions {
    /// One broker on a free port.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// All settings of the cluster at once, its number of copies as it is.
    #[must_use]
    pub fn with_cluster(self, cluster: ClusterSettings) -> Self {
        Self { cluster, ..self }
    }

    /// How many brokers, each with a port of its own; at least one.
    #[must_use]
    pub fn with_brokers(mut self, brokers: usize) -> Self {
        self.cluster.brokers = brokers;
        self
    }

    /// [`ClusterSettings::default_partitions`].
    #[must_use]
    pub fn with_default_partitions(mut self, default_partitions: i32) -> Self {
        self.cluster.default_partitions = default_partitions;
        self
    }

    /// [`ClusterSettings::default_replication_factor`]; 0 stands for as many as there are brokers, at most three.
    #[must_use]
    pub fn with_default_replication_factor(mut self, default_replication_factor: i16) -> Self {
        self.cluster.default_replication_factor = default_replication_factor;
        self
    }

    /// [`ClusterSettings::auto_create_topics`].
    #[must_use]
    pub fn with_auto_create_topics(mut self, auto_create_topics: bool) -> Self {
        self.cluster.auto_create_topics = auto_create_topics;
        self
    }

    /// [`ClusterSettings::max_message_bytes`].
    #[must_use]
    pub fn with_max_message_bytes(mut self, max_message_bytes: usize) -> Self {
        self.cluster.max_message_bytes = max_message_bytes;
        self
    }

    /// [`ClusterSettings::kafka_version`].
    #[must_use]
    pub fn with_kafka_version(mut self, kafka_version: KafkaVersion) -> Self {
        self.cluster.kafka_version = kafka_version;
        self
    }

    /// [`ClusterSettings::producer_ids`].
    #[must_use]
    pub fn with_producer_ids(mut self, producer_ids: bool) -> Self {
        self.cluster.producer_ids = producer_ids;
        self
    }

    /// [`ClusterSettings::retain`].
    #[must_use]
    pub fn with_retain(mut self, retain: bool) -> Self {
        self.cluster.retain = retain;
        self
    }

    /// [`ClusterSettings::check_records`].
    #[must_use]
    pub fn with_check_records(mut self, check_records: bool) -> Self {
        self.cluster.check_records = check_records;
        self
    }

    /// [`ClusterSettings::sasl`]: mechanisms and users. Without it connections do not authenticate.
    #[must_use]
    pub fn with_sasl(mut self, sasl: SaslSettings) -> Self {
        self.cluster.sasl = Some(sasl);
        self
    }

    /// [`ClusterSettings::transactions`]: how quickly coordinators load, when markers come, when timeouts are looked for.
    #[must_use]
    pub fn with_transactions(mut self, transactions: TransactionSettings) -> Self {
        self.cluster.transactions = transactions;
        self
    }

    /// [`ClusterSettings::seed`].
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.cluster.seed = seed;
        self
    }

    /// The first broker's port; the others take the next ones. 0: any free ports.
    #[must_use]
    pub fn with_port(self, port: u16) -> Self {
        Self { port, ..self }
    }

    /// Each connection is encrypted; without it none is.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn with_tls(mut self, tls: EmbeddedTls) -> Self {
        self.served.tls = Some(tls);
        self
    }

    pub(super) fn served(&self) -> Served {
        self.served.clone()
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// The settings of the cluster, complete.
    pub(super) fn into_cluster(self) -> ClusterSettings {
        let (brokers, copies) = (self.cluster.brokers, self.cluster.default_replication_factor);
        let cluster = self.cluster.with_brokers(brokers);
        if copies <= AS_MANY_AS_BROKERS {
            return cluster;
        }
        ClusterSettings { default_replication_factor: copies, ..cluster }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_copies_as_brokers_up_to_three_unless_a_number_is_said() {
        let copies = |options: EmbeddedOptions| options.into_cluster().default_replication_factor;
        assert_eq!(
            [0, 1, 2, 5].map(|brokers| copies(EmbeddedOptions::new().with_brokers(brokers))),
            [1, 1, 2, 3]
        );
        let said = EmbeddedOptions::new().with_default_replication_factor(1);
        assert_eq!(copies(said.clone().with_brokers(3)), 1);
        assert_eq!(copies(said.with_default_replication_factor(0).with_brokers(2)), 2);
    }

    #[test]
    fn a_clusters_own_settings_are_taken_as_they_are() {
        let cluster = ClusterSettings { brokers: 3, seed: 7, ..ClusterSettings::default() };
        assert_eq!(EmbeddedOptions::new().with_cluster(cluster.clone()).into_cluster(), cluster);
    }
}
