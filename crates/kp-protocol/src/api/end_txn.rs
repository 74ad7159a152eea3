//! EndTxn (API 26): commits or aborts a transaction.

use crate::wire::wire;
use crate::{ErrorCode, KafkaString};

wire! {
    /// Commits or aborts a transaction. Source: KIP-98, KIP-890.
    request EndTxnRequest (api EndTxn, answer EndTxnResponse, versions 0..=5, flexible 3..) {
        /// The transactional id, null outside transactions (KIP-98).
        [0..] transactional_id: KafkaString,
        /// The producer id.
        [0..] producer_id: i64,
        /// Its epoch.
        [0..] producer_epoch: i16,
        /// Whether to commit; else abort.
        [0..] committed: bool,
    }
}

wire! {
    /// Whether it ended, and (version 5) under which epoch to go on. Source: KIP-98, KIP-890.
    response EndTxnResponse (api EndTxn, versions 0..=5, flexible 3..) {
        /// Milliseconds the client should stay quiet, because of a quota (KIP-219).
        [0..] throttle_time_ms: i32,
        /// What went wrong, or `NONE`.
        [0..] error_code: ErrorCode,
        /// The producer id to go on with, −1 below v5 (KIP-890).
        [5..; ignorable] producer_id: i64 = -1,
        /// Its epoch (KIP-890).
        [5..; ignorable] producer_epoch: i16 = -1,
    }
}
