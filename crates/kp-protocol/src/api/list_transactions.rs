//! ListTransactions (API 66): the transactional ids of a coordinator.

use crate::wire::wire;
use crate::{ErrorCode, KafkaString};

wire! {
    /// Asks a broker for the transactional ids that it coordinates. Source: KIP-664, KIP-994, KIP-1152.
    request ListTransactionsRequest (api ListTransactions, answer ListTransactionsResponse, versions 0..=2, flexible 0..) {
        /// The states wanted, empty = all.
        [0..] state_filters: Vec<KafkaString>,
        /// The producer ids wanted, empty = all.
        [0..] producer_id_filters: Vec<i64>,
        /// Only transactions that are open for longer than so many milliseconds, below 0 = all (KIP-994).
        [1..] duration_filter: i64 = -1,
        /// Only ids that this regular expression fits, null or empty = all (KIP-1152).
        [2..; nullable 2..] transactional_id_pattern: Option<KafkaString>,
    }
}

wire! {
    /// The transactional ids. Source: KIP-664.
    response ListTransactionsResponse (api ListTransactions, versions 0..=2, flexible 0..) {
        /// Milliseconds the client should stay quiet, because of a quota (KIP-219).
        [0..] throttle_time_ms: i32,
        /// What went wrong, or `NONE`.
        [0..] error_code: ErrorCode,
        /// The states of the request that the broker does not know.
        [0..] unknown_state_filters: Vec<KafkaString>,
        [0..] transaction_states: Vec<ListTransactionsTransactionState>,
    }
    /// One transactional id of a [`ListTransactionsResponse`].
    part ListTransactionsTransactionState {
        [0..] transactional_id: KafkaString,
        /// The producer id.
        [0..] producer_id: i64,
        /// `Empty`, `Ongoing`, `PrepareCommit`, `PrepareAbort`, `CompleteCommit` or `CompleteAbort`.
        [0..] transaction_state: KafkaString,
    }
}
