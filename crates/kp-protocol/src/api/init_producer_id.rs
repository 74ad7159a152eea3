//! InitProducerId (API 22): makes a producer recognisable, which idempotence and transactions stand on.

use crate::wire::wire;
use crate::{ErrorCode, KafkaString};

wire! {
    /// Asks for a producer id, or for a new epoch of one. Source: KIP-98, KIP-360, KIP-890, KIP-939.
    request InitProducerIdRequest (api InitProducerId, answer InitProducerIdResponse, versions 0..=6, flexible 2..) {
        /// The transactional id, null outside transactions (KIP-98).
        [0..; nullable 0..] transactional_id: Option<KafkaString>,
        /// Milliseconds after which the broker aborts an idle transaction.
        [0..] transaction_timeout_ms: i32,
        /// The producer id.
        [3..] producer_id: i64 = -1,
        /// Its epoch.
        [3..] producer_epoch: i16 = -1,
        /// Two-phase commit (KIP-939).
        [6..] enable_2pc as Enable2Pc: bool,
        /// Keep a prepared transaction (KIP-939).
        [6..] keep_prepared_txn: bool,
    }
}

wire! {
    /// A producer id and its epoch. Source: KIP-98, KIP-360, KIP-939.
    response InitProducerIdResponse (api InitProducerId, versions 0..=6, flexible 2..) {
        /// Milliseconds the client should stay quiet, because of a quota (KIP-219).
        [0..; ignorable] throttle_time_ms: i32,
        /// What went wrong, or `NONE`.
        [0..] error_code: ErrorCode,
        /// The producer id.
        [0..] producer_id: i64 = -1,
        /// Its epoch.
        [0..] producer_epoch: i16,
        /// Producer id of the ongoing transaction, −1 if none (KIP-939).
        [6..] ongoing_txn_producer_id: i64 = -1,
        /// Its epoch (KIP-939).
        [6..] ongoing_txn_producer_epoch: i16 = -1,
    }
}
