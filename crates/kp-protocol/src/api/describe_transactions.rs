//! DescribeTransactions (API 65): what coordinators know of transactional ids.

use crate::wire::wire;
use crate::{ErrorCode, KafkaString};

wire! {
    /// Asks a coordinator about transactional ids. Source: KIP-664.
    request DescribeTransactionsRequest (
        api DescribeTransactions, answer DescribeTransactionsResponse, versions 0..=0, flexible 0..
    ) {
        [0..] transactional_ids: Vec<KafkaString>,
    }
}

wire! {
    /// What it knows, id by id. Source: KIP-664.
    response DescribeTransactionsResponse (api DescribeTransactions, versions 0..=0, flexible 0..) {
        /// Milliseconds the client should stay quiet, because of a quota (KIP-219).
        [0..] throttle_time_ms: i32,
        [0..] transaction_states: Vec<DescribeTransactionsTransactionState>,
    }
    /// One transactional id of a [`DescribeTransactionsResponse`].
    part DescribeTransactionsTransactionState {
        /// What went wrong, or `NONE`.
        [0..] error_code: ErrorCode,
        [0..] transactional_id: KafkaString,
        /// `Empty`, `Ongoing`, `PrepareCommit`, `PrepareAbort`, `CompleteCommit` or `CompleteAbort`.
        [0..] transaction_state: KafkaString,
        /// The producer's `transaction.timeout.ms`.
        [0..] transaction_timeout_ms: i32,
        /// When the transaction began, in milliseconds since the Unix epoch, −1 none is open.
        [0..] transaction_start_time_ms: i64,
        /// The producer id.
        [0..] producer_id: i64,
        /// Its epoch.
        [0..] producer_epoch: i16,
        /// The partitions in the open transaction; while it ends, those without a marker yet.
        [0..] topics: Vec<DescribeTransactionsTopicData>,
    }
    /// One topic of a [`DescribeTransactionsTransactionState`].
    part DescribeTransactionsTopicData {
        [0..] topic: KafkaString,
        [0..] partitions: Vec<i32>,
    }
}
