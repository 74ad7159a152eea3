//! How the coordinators of a cluster are set up: plain values, each naming the broker key it stands for.

use std::time::Duration;

/// Settings of groups' and transactions' coordinators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransactionSettings {
    /// How long a coordinator reads its log before it answers anything but COORDINATOR_LOAD_IN_PROGRESS: after the log
    /// was created, and after it has moved.
    pub load_time: Duration,
    /// How long after the decision the markers are written; until then CONCURRENT_TRANSACTIONS is answered. Zero: at once.
    pub marker_delay: Duration,
    /// How often transactions that have timed out are looked for
    /// (`transaction.abort.timed.out.transaction.cleanup.interval.ms`).
    pub timeout_scan: Duration,
    /// The largest `transaction.timeout.ms` that a producer may ask for (`transaction.max.timeout.ms`).
    pub max_timeout: Duration,
    /// Partitions of `__transaction_state` and of `__consumer_offsets` (`transaction.state.log.num.partitions`,
    /// `offsets.topic.num.partitions`).
    pub coordinators: i32,
    /// The epoch of the first producer of a `transactional.id`: real ones begin at 0. Epochs end at 32,766, behind which another
    /// producer id is given (KIP-360): a test that begins near it need not raise an epoch so often.
    pub first_epoch: i16,
    /// The finalized level of the feature `transaction.version`, where it is lower than what the brokers could do: a cluster whose
    /// brokers were upgraded and whose features were not (KIP-584). [`SimCluster::finalize_transaction_version`] raises it.
    ///
    /// [`SimCluster::finalize_transaction_version`]: crate::SimCluster::finalize_transaction_version
    pub finalized_version: Option<i16>,
}

impl Default for TransactionSettings {
    /// Kafka's defaults; coordinators load as quickly as those of an idle broker, or quicker.
    fn default() -> Self {
        Self {
            load_time: Duration::from_millis(50),
            marker_delay: Duration::from_millis(1),
            timeout_scan: Duration::from_secs(10),
            max_timeout: Duration::from_secs(15 * 60),
            coordinators: 50,
            first_epoch: 0,
            finalized_version: None,
        }
    }
}
