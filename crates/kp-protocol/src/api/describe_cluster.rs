//! DescribeCluster (API 60): the cluster's id, controller and brokers.

use crate::wire::wire;
use crate::{ErrorCode, KafkaString};

wire! {
    /// Asks for the cluster's brokers. Source: KIP-700, KIP-919, KIP-1073.
    request DescribeClusterRequest (api DescribeCluster, answer DescribeClusterResponse, versions 0..=2, flexible 0..) {
        [0..] include_cluster_authorized_operations: bool,
        /// 1 brokers, 2 controllers (KIP-919).
        [1..] endpoint_type: i8 = 1,
        /// Whether to name fenced brokers too (KIP-1073).
        [2..] include_fenced_brokers: bool,
    }
}

wire! {
    /// The cluster's brokers. Source: KIP-700, KIP-919, KIP-1073.
    response DescribeClusterResponse (api DescribeCluster, versions 0..=2, flexible 0..) {
        /// Milliseconds the client should stay quiet, because of a quota (KIP-219).
        [0..] throttle_time_ms: i32,
        /// What went wrong, or `NONE`.
        [0..] error_code: ErrorCode,
        /// What went wrong, in words, if the broker says.
        [0..; nullable 0..] error_message: Option<KafkaString>,
        /// 1 brokers, 2 controllers (KIP-919).
        [1..] endpoint_type: i8 = 1,
        /// The cluster's id (KIP-78).
        [0..] cluster_id: KafkaString,
        /// The controller, −1 unknown.
        [0..] controller_id: i32 = -1,
        [0..] brokers: Vec<DescribeClusterBroker>,
        /// Bit set of operations allowed on the cluster, `i32::MIN` if not asked for (KIP-430).
        [0..] cluster_authorized_operations: i32 = i32::MIN,
    }
    /// One broker of a [`DescribeClusterResponse`].
    part DescribeClusterBroker {
        /// The broker.
        [0..] broker_id: i32,
        /// Its host.
        [0..] host: KafkaString,
        /// Its TCP port.
        [0..] port: i32,
        /// Its rack, if it says one (KIP-36).
        [0..; nullable 0..] rack: Option<KafkaString>,
        /// Whether the broker is fenced (KIP-1073).
        [2..] is_fenced: bool,
    }
}
