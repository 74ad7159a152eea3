//! GetTelemetrySubscriptions and PushTelemetry (APIs 71 and 72): a client's metrics for its brokers (KIP-714).

use bytes::Bytes;

use crate::wire::wire;
use crate::{ErrorCode, KafkaString, TopicId};

wire! {
    /// Asks which metrics the broker wants from this client. Source: KIP-714.
    request GetTelemetrySubscriptionsRequest (api GetTelemetrySubscriptions, answer GetTelemetrySubscriptionsResponse, versions 0..=0, flexible 0..) {
        /// The client's id for metrics, zero at first.
        [0..] client_instance_id: TopicId,
    }
}

wire! {
    /// Which metrics the broker wants, and how often. Source: KIP-714.
    response GetTelemetrySubscriptionsResponse (api GetTelemetrySubscriptions, versions 0..=0, flexible 0..) {
        /// Milliseconds the client should stay quiet, because of a quota (KIP-219).
        [0..] throttle_time_ms: i32,
        /// What went wrong, or `NONE`.
        [0..] error_code: ErrorCode,
        /// The client's id for metrics, zero at first.
        [0..] client_instance_id: TopicId,
        /// The subscription.
        [0..] subscription_id: i32,
        /// Codecs the broker reads, by number, the best first.
        [0..] accepted_compression_types: Vec<i8>,
        /// Milliseconds between two pushes.
        [0..] push_interval_ms: i32,
        /// The largest push in bytes.
        [0..] telemetry_max_bytes: i32,
        /// Whether counters are wanted as differences.
        [0..] delta_temporality: bool,
        /// Prefixes of the names wanted; empty = none.
        [0..] requested_metrics: Vec<KafkaString>,
    }
}

wire! {
    /// Metrics for the broker. Source: KIP-714.
    request PushTelemetryRequest (api PushTelemetry, answer PushTelemetryResponse, versions 0..=0, flexible 0..) {
        /// The client's id for metrics, zero at first.
        [0..] client_instance_id: TopicId,
        /// The subscription.
        [0..] subscription_id: i32,
        /// Whether this is the last push.
        [0..] terminating: bool,
        /// The codec of `metrics`, by number.
        [0..] compression_type: i8,
        /// OpenTelemetry `MetricsData` v1 (protobuf).
        [0..] metrics: Bytes,
    }
}

wire! {
    /// Whether the broker took them. Source: KIP-714.
    response PushTelemetryResponse (api PushTelemetry, versions 0..=0, flexible 0..) {
        /// Milliseconds the client should stay quiet, because of a quota (KIP-219).
        [0..] throttle_time_ms: i32,
        /// What went wrong, or `NONE`.
        [0..] error_code: ErrorCode,
    }
}
