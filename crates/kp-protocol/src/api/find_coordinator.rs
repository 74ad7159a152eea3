//! FindCoordinator (API 10): which broker keeps a group or a transactional id.

use crate::wire::wire;
use crate::{ErrorCode, KafkaString};

wire! {
    /// Asks for coordinators; one key up to version 3, many from 4 on. Source: KIP-98, KIP-699, KIP-890.
    request FindCoordinatorRequest (api FindCoordinator, answer FindCoordinatorResponse, versions 0..=6, flexible 3..) {
        /// The group or transactional id.
        [0..=3] key: KafkaString,
        /// 0 group, 1 transactional id, 2 share group (v6).
        [1..] key_type: i8,
        /// The groups or transactional ids (KIP-699).
        [4..] coordinator_keys: Vec<KafkaString>,
    }
}

wire! {
    /// Where the coordinators are; one up to version 3, many from 4 on. Source: KIP-98, KIP-699.
    response FindCoordinatorResponse (api FindCoordinator, versions 0..=6, flexible 3..) {
        /// Milliseconds the client should stay quiet, because of a quota (KIP-219).
        [1..; ignorable] throttle_time_ms: i32,
        /// What went wrong, or `NONE`.
        [0..=3] error_code: ErrorCode,
        /// What went wrong, in words, if the broker says.
        [1..=3; nullable 1..; ignorable] error_message: Option<KafkaString>,
        /// The broker.
        [0..=3] node_id: i32,
        /// Its host.
        [0..=3] host: KafkaString,
        /// Its TCP port.
        [0..=3] port: i32,
        /// One answer for each key (KIP-699).
        [4..] coordinators: Vec<Coordinator>,
    }
    /// The coordinator of one key (KIP-699).
    part Coordinator {
        /// The group or transactional id.
        [4..] key: KafkaString,
        /// The broker.
        [4..] node_id: i32,
        /// Its host.
        [4..] host: KafkaString,
        /// Its TCP port.
        [4..] port: i32,
        /// What went wrong, or `NONE`.
        [4..] error_code: ErrorCode,
        /// What went wrong, in words, if the broker says.
        [4..; nullable 4..; ignorable] error_message: Option<KafkaString>,
    }
}
