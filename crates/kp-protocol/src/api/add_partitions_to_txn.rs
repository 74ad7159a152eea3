//! AddPartitionsToTxn (API 24): makes partitions part of a transaction. Clients stop at version 3.

use crate::wire::wire;
use crate::{ErrorCode, KafkaString};

wire! {
    /// Makes partitions part of a transaction. Versions 4 and 5 are spoken between brokers. Source: KIP-98, KIP-890.
    request AddPartitionsToTxnRequest (api AddPartitionsToTxn, answer AddPartitionsToTxnResponse, versions 0..=5, flexible 3..) {
        /// The transactions, for brokers among themselves (KIP-890).
        [4..] transactions: Vec<AddPartitionsToTxnTransaction>,
        /// The transactional id.
        [0..=3] v3_and_below_transactional_id: KafkaString,
        /// The producer id.
        [0..=3] v3_and_below_producer_id: i64,
        /// Its epoch.
        [0..=3] v3_and_below_producer_epoch: i16,
        /// The partitions to add.
        [0..=3] v3_and_below_topics: Vec<AddPartitionsToTxnTopic>,
    }
    /// One transaction of a request between brokers (KIP-890).
    part AddPartitionsToTxnTransaction {
        /// The transactional id, null outside transactions (KIP-98).
        [4..] transactional_id: KafkaString,
        /// The producer id.
        [4..] producer_id: i64,
        /// Its epoch.
        [4..] producer_epoch: i16,
        /// Whether to ask only if the partitions are part of the transaction (KIP-890).
        [4..] verify_only: bool,
        [4..] topics: Vec<AddPartitionsToTxnTopic>,
    }
    /// Partitions of one topic.
    part AddPartitionsToTxnTopic {
        [0..] name: KafkaString,
        [0..] partitions: Vec<i32>,
    }
}

wire! {
    /// What became of the partitions. Source: KIP-98, KIP-890.
    response AddPartitionsToTxnResponse (api AddPartitionsToTxn, versions 0..=5, flexible 3..) {
        /// Milliseconds the client should stay quiet, because of a quota (KIP-219).
        [0..] throttle_time_ms: i32,
        /// What went wrong, or `NONE`.
        [4..; ignorable] error_code: ErrorCode,
        /// Results, for brokers among themselves (KIP-890).
        [4..] results_by_transaction: Vec<AddPartitionsToTxnResult>,
        /// Results, partition by partition.
        [0..=3] results_by_topic_v3_and_below: Vec<AddPartitionsToTxnTopicResult>,
    }
    /// One transaction of a response between brokers (KIP-890).
    part AddPartitionsToTxnResult {
        /// The transactional id, null outside transactions (KIP-98).
        [4..] transactional_id: KafkaString,
        [4..] topic_results: Vec<AddPartitionsToTxnTopicResult>,
    }
    /// One topic of an [`AddPartitionsToTxnResponse`].
    part AddPartitionsToTxnTopicResult {
        [0..] name: KafkaString,
        [0..] results_by_partition: Vec<AddPartitionsToTxnPartitionResult>,
    }
    /// One partition of an [`AddPartitionsToTxnTopicResult`].
    part AddPartitionsToTxnPartitionResult {
        /// The partition.
        [0..] partition_index: i32,
        [0..] partition_error_code: ErrorCode,
    }
}
