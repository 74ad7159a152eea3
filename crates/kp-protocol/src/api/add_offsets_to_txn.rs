//! AddOffsetsToTxn (API 25): makes a group's offsets part of a transaction.

use crate::wire::wire;
use crate::{ErrorCode, KafkaString};

wire! {
    /// Makes a group's offsets part of a transaction. Source: KIP-98, KIP-890.
    request AddOffsetsToTxnRequest (api AddOffsetsToTxn, answer AddOffsetsToTxnResponse, versions 0..=4, flexible 3..) {
        /// The transactional id, null outside transactions (KIP-98).
        [0..] transactional_id: KafkaString,
        /// The producer id.
        [0..] producer_id: i64,
        /// Its epoch.
        [0..] producer_epoch: i16,
        /// The consumer group.
        [0..] group_id: KafkaString,
    }
}

wire! {
    /// Whether they are part of it now. Source: KIP-98.
    response AddOffsetsToTxnResponse (api AddOffsetsToTxn, versions 0..=4, flexible 3..) {
        /// Milliseconds the client should stay quiet, because of a quota (KIP-219).
        [0..] throttle_time_ms: i32,
        /// What went wrong, or `NONE`.
        [0..] error_code: ErrorCode,
    }
}
