//! Looks at a transactional producer: everything that changes nothing, for any thread, also while a transaction is open.

use crate::config::ConfigWarning;
use crate::error::{ConnectError, SendError};
use crate::observe::explain::Explanation;
use crate::observe::guarantees::Guarantees;
use crate::observe::security::SecurityReport;
use crate::observe::unreachable::UnreachableBroker;
use crate::producer::{PartitionInfo, Producer};
use crate::transaction::outcome::TransactionOutcome;
use kp_metrics::ProducerMetrics;
use kp_network::Reconnect;
use std::fmt;

/// Looks at a [`TransactionalProducer`](crate::TransactionalProducer), for a page of metrics or a signal handler. Cheap to clone,
/// `'static`; it cannot send, and keeps no producer from ending.
///
/// ```no_run
/// # async fn example(mut producer: kp_producer::TransactionalProducer) -> Result<(), kp_producer::BeginError> {
/// let observer = producer.observer();
/// let transaction = producer.begin().await?;
/// println!("{}", observer.explain());
/// # drop(transaction);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct ProducerObserver {
    /// Never given out: it could be closed.
    producer: Producer,
}

impl ProducerObserver {
    pub(crate) fn new(producer: Producer) -> Self {
        Self { producer }
    }

    pub(crate) fn producer(&self) -> &Producer {
        &self.producer
    }

    /// The `transactional.id`.
    #[must_use]
    pub fn transactional_id(&self) -> &str {
        self.producer.shared().waits.ledger().transactional_id()
    }

    /// What became of the newest transaction that was ended; `None` before the first. While one is open, of the one before it.
    #[must_use]
    pub fn last_outcome(&self) -> Option<TransactionOutcome> {
        self.producer.shared().waits.ledger().last_outcome()
    }

    /// As [`Producer::connect`].
    ///
    /// Cancel safety: dropping the future ends the waiting; the producer goes on connecting.
    ///
    /// # Errors
    /// [`ConnectError`], with the addresses and what each said.
    pub async fn connect(&self) -> Result<(), ConnectError> {
        self.producer.connect().await
    }

    /// As [`Producer::partitions_for`].
    ///
    /// Cancel safety: dropping the future ends the waiting; the metadata comes all the same.
    ///
    /// # Errors
    /// As [`Producer::partitions_for`].
    pub async fn partitions_for(&self, topic: &str) -> Result<Vec<PartitionInfo>, SendError> {
        self.producer.partitions_for(topic).await
    }

    /// As [`Producer::guarantees`].
    #[must_use]
    pub fn guarantees(&self) -> Guarantees {
        self.producer.guarantees()
    }

    /// As [`Producer::reload_credentials`].
    pub fn reload_credentials(&self, reconnect: Reconnect) {
        self.producer.reload_credentials(reconnect);
    }

    /// As [`Producer::warnings`].
    #[must_use]
    pub fn warnings(&self) -> &[ConfigWarning] {
        self.producer.warnings()
    }

    /// As [`Producer::notices`].
    #[must_use]
    pub fn notices(&self) -> Vec<String> {
        self.producer.notices()
    }

    /// As [`Producer::unreachable`].
    #[must_use]
    pub fn unreachable(&self) -> Vec<UnreachableBroker> {
        self.producer.unreachable()
    }

    /// As [`Producer::client_id`].
    #[must_use]
    pub fn client_id(&self) -> &str {
        self.producer.client_id()
    }

    /// As [`Producer::cluster_id`].
    #[must_use]
    pub fn cluster_id(&self) -> Option<String> {
        self.producer.cluster_id()
    }

    /// As [`Producer::explain`].
    #[must_use]
    pub fn explain(&self) -> Explanation {
        self.producer.explain()
    }

    /// As [`Producer::security`].
    #[must_use]
    pub fn security(&self) -> SecurityReport {
        self.producer.security()
    }

    /// As [`Producer::metrics`].
    #[must_use]
    pub fn metrics(&self) -> ProducerMetrics {
        self.producer.metrics()
    }

    /// As [`Producer::acknowledged_records`]: in the log, whatever became of their transactions.
    #[must_use]
    pub fn acknowledged_records(&self) -> u64 {
        self.producer.acknowledged_records()
    }

    /// As [`Producer::failed_records`].
    #[must_use]
    pub fn failed_records(&self) -> u64 {
        self.producer.failed_records()
    }

    /// As [`Producer::buffer_available_bytes`].
    #[must_use]
    pub fn buffer_available_bytes(&self) -> usize {
        self.producer.buffer_available_bytes()
    }
}

impl fmt::Debug for ProducerObserver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("ProducerObserver");
        debug.field("transactional_id", &self.transactional_id()).finish_non_exhaustive()
    }
}
