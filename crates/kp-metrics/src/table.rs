//! Every metric, once: name, name in the `metrics` crate, where it is read, unit, level, meaning.
//!
//! A row reads: Java's name, published name, kind and reading, unit, level, what it says. Java's `-rate`, `-avg` and
//! `-max` over a window are left to the observer: of a distribution there are count, sum and the largest value.

use crate::reading::{NodeReading, ProducerReading};
use crate::transaction_counters::TransactionCall;
use kp_accumulator::TopicCounters;
use kp_client::CipherUse;
use kp_config::RecordingLevel;
use kp_sender::Histogram;
use std::fmt;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// What a metric is about; with it go its labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricScope {
    /// The whole producer; label `client_id`.
    Producer,
    /// One topic, from the first record that was sent to it on (ME2); labels `client_id` and `topic`.
    Topic,
    /// One broker, from the first connection to it on (ME2); labels `client_id` and `node_id`, which is `node-1` for
    /// broker 1 and `node--1` for the first bootstrap address, as in Java.
    Node,
    /// The encrypted connections of one version of TLS and one cipher suite, from the first on; labels `client_id`, `cipher` and
    /// `protocol`, as in Java.
    Cipher,
}

/// How a metric behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// Only grows.
    Counter,
    /// Goes up and down, or stands for itself.
    Gauge,
    /// A distribution.
    Histogram,
}

/// In what a metric is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricUnit {
    /// A number of things.
    Count,
    /// Bytes.
    Bytes,
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Milliseconds,
    /// Nanoseconds.
    Nanoseconds,
    /// A share: 1 is the whole.
    Ratio,
}

/// One metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MetricInfo {
    /// Java's name, without `-avg` and `-max` where it is a distribution.
    pub name: &'static str,
    /// Its name in the `metrics` crate.
    pub published: &'static str,
    /// What it is about.
    pub scope: MetricScope,
    /// How it behaves.
    pub kind: MetricKind,
    /// In what it is told.
    pub unit: MetricUnit,
    /// From which `metrics.recording.level` on it is shown.
    pub level: RecordingLevel,
    /// What it says.
    pub doc: &'static str,
}

/// A row of the table: a metric, and where it is read.
pub(crate) struct Row<S: 'static> {
    pub(crate) info: MetricInfo,
    pub(crate) read: Read<S>,
}

/// How a metric is read. `None` where there is nothing to tell yet.
pub(crate) enum Read<S> {
    Counter(fn(&S) -> u64),
    Gauge(fn(&S) -> Option<f64>),
    /// What it is divided by to come to the metric's unit stands beside it.
    Histogram(fn(&S) -> Option<&Histogram>, f64),
}

/// Microseconds, as they are counted, in a millisecond, as they are told.
const MS: f64 = 1000.0;
/// Millionths of a share.
const SHARE: f64 = 1_000_000.0;

macro_rules! metrics {
    ($( $table:ident: $scope:ident of $source:ty { $(
        $name:literal => $published:literal, $kind:ident( $($read:expr),* ), $unit:ident, $level:ident, $doc:literal;
    )* } )*) => {
        $(
            pub(crate) static $table: &[Row<$source>] = &[ $( Row {
                info: MetricInfo {
                    name: $name, published: $published, scope: MetricScope::$scope, kind: MetricKind::$kind,
                    unit: MetricUnit::$unit, level: RecordingLevel::$level, doc: $doc,
                },
                read: Read::$kind( $($read),* ),
            }, )* ];
        )*

        /// Every metric of the table: the producer's, then those of a topic, of a broker, and of a cipher.
        pub fn metric_infos() -> impl Iterator<Item = &'static MetricInfo> {
            std::iter::empty() $( .chain($table.iter().map(|row| &row.info)) )*
        }
    };
}

metrics! {
    PRODUCER: Producer of ProducerReading {
        "record-send-total" => "kafka_producer_record_send_total", Counter(|r| r.sender().records_sent()), Count, Info,
            "Records handed to the network, each time they were: a retry counts again.";
        "record-retry-total" => "kafka_producer_record_retry_total", Counter(|r| r.sender().records_retried()), Count, Info,
            "Records whose batch went back to be sent again, each time it did.";
        "record-error-total" => "kafka_producer_record_error_total", Counter(ProducerReading::record_errors), Count, Info,
            "Records that failed after they were accepted, and records that `send` refused.";
        "record-acknowledged-total" => "kafka_producer_record_acknowledged_total",
            Counter(|r| r.counters().acknowledged()), Count, Info,
            "Records acknowledged (kp's own; Java has no such metric).";
        "batch-split-total" => "kafka_producer_batch_split_total", Counter(|r| r.sender().batches_split()), Count, Info,
            "Batches that a broker found too large and that became several.";
        "batch-size" => "kafka_producer_batch_size_bytes", Histogram(|r| Some(&r.sender().batch_size), 1.0), Bytes, Info,
            "Bytes of each batch that was sent, its header included.";
        "compression-rate" => "kafka_producer_compression_rate", Histogram(|r| Some(&r.sender().compression_rate), SHARE), Ratio, Info,
            "What compression left of the records of each batch that was sent; 1 without a codec.";
        "record-queue-time" => "kafka_producer_record_queue_time_ms", Histogram(|r| Some(&r.sender().queue_time), MS), Milliseconds, Info,
            "From the first record of each batch to its sending; a retry counts again, from the same beginning.";
        "record-size" => "kafka_producer_record_size_bytes", Histogram(|r| Some(&r.sender().record_size), 1.0), Bytes, Info,
            "The average record of each batch that was sent, before compression.";
        "records-per-request" => "kafka_producer_records_per_request", Histogram(|r| Some(&r.sender().records_per_request), 1.0), Count, Info,
            "Records in each Produce request.";
        "request-latency" => "kafka_producer_request_latency_ms", Histogram(|r| Some(&r.sender().request_latency), MS), Milliseconds, Info,
            "From each Produce request to its answer.";
        "produce-throttle-time" => "kafka_producer_produce_throttle_time_ms", Histogram(|r| Some(&r.sender().throttle_time), MS), Milliseconds, Info,
            "For how long each answer to Produce throttles the producer, or has held its request back; 0 where it does not.";
        "requests-in-flight" => "kafka_producer_requests_in_flight", Gauge(|r| Some(r.in_flight as f64)), Count, Info,
            "Requests that are unanswered now.";
        "metadata-age" => "kafka_producer_metadata_age_seconds", Gauge(|r| r.metadata_age.map(|age| age.as_secs_f64())), Seconds, Info,
            "How long ago a broker last told all that was asked of it about the cluster.";

        "buffer-total-bytes" => "kafka_producer_buffer_total_bytes", Gauge(|r| Some(r.pool().capacity() as f64)), Bytes, Info,
            "`buffer.memory`.";
        "buffer-available-bytes" => "kafka_producer_buffer_available_bytes", Gauge(|r| Some(r.pool().available() as f64)), Bytes, Info,
            "Bytes of it that nothing uses now.";
        "waiting-threads" => "kafka_producer_waiting_threads", Gauge(|r| Some(r.pool().waiting() as f64)), Count, Info,
            "Calls, of threads and of tasks, that wait for memory now.";
        "buffer-exhausted-total" => "kafka_producer_buffer_exhausted_total", Counter(|r| r.pool().exhausted_total()), Count, Info,
            "Calls that waited for memory until `max.block.ms` was over.";
        "bufferpool-wait-time-ns-total" => "kafka_producer_bufferpool_wait_time_ns_total",
            Counter(|r| nanos(r.pool().wait_time())), Nanoseconds, Info,
            "Time that calls have waited for memory, in vain or not.";

        "flush-time-ns-total" => "kafka_producer_flush_time_ns_total", Counter(|r| r.counters().flush_ns.load(Relaxed)), Nanoseconds, Info,
            "Time that calls of `flush` took, however they ended.";
        "metadata-wait-time-ns-total" => "kafka_producer_metadata_wait_time_ns_total",
            Counter(|r| r.counters().metadata_wait_ns.load(Relaxed)), Nanoseconds, Info,
            "Time that calls have waited for metadata, in vain or not.";
        "txn-init-time-ns-total" => "kafka_producer_txn_init_time_ns_total",
            Counter(|r| r.transactions().time(TransactionCall::Init)), Nanoseconds, Info,
            "Time that calls of `init`, and the first `begin`, have waited for a producer id.";
        "txn-begin-time-ns-total" => "kafka_producer_txn_begin_time_ns_total",
            Counter(|r| r.transactions().time(TransactionCall::Begin)), Nanoseconds, Info,
            "Time that calls of `begin` took, waits for the end of the transaction before included.";
        "txn-send-offsets-time-ns-total" => "kafka_producer_txn_send_offsets_time_ns_total",
            Counter(|r| r.transactions().time(TransactionCall::SendOffsets)), Nanoseconds, Info,
            "Time that calls of `send_offsets` took, however they ended.";
        "txn-commit-time-ns-total" => "kafka_producer_txn_commit_time_ns_total",
            Counter(|r| r.transactions().time(TransactionCall::Commit)), Nanoseconds, Info,
            "Time that calls of `commit` took, however they ended.";
        "txn-abort-time-ns-total" => "kafka_producer_txn_abort_time_ns_total",
            Counter(|r| r.transactions().time(TransactionCall::Abort)), Nanoseconds, Info,
            "Time that calls of `abort` took, however they ended.";
        "txn-committed-total" => "kafka_producer_txn_committed_total", Counter(|r| r.transactions().committed()), Count, Info,
            "Transactions that were committed (kp's own).";
        "txn-aborted-total" => "kafka_producer_txn_aborted_total", Counter(|r| r.transactions().aborted()), Count, Info,
            "Transactions of which nothing is or will be visible (kp's own).";
        "txn-unknown-total" => "kafka_producer_txn_unknown_total", Counter(|r| r.transactions().unknown()), Count, Info,
            "Transactions that may be committed or not: no answer can tell any more (kp's own).";
        "txn-age-ms" => "kafka_producer_txn_age_ms", Gauge(ProducerReading::transaction_age_ms), Milliseconds, Info,
            "Age of the newest transaction, until its end is known; `transaction.timeout.ms` bounds it (kp's own).";
        "callback-panic-total" => "kafka_producer_callback_panic_total", Counter(|r| r.accumulator().callback_panics()), Count, Info,
            "Callbacks that panicked; each harmed only its own record (kp's own).";

        "connection-count" => "kafka_producer_connection_count", Gauge(|r| Some(r.connections as f64)), Count, Info,
            "Connections that are open now.";
        "connection-creation-total" => "kafka_producer_connection_creation_total", Counter(|r| r.network.connections_opened), Count, Info,
            "Connections that were opened.";
        "connection-close-total" => "kafka_producer_connection_close_total", Counter(|r| r.network.connections_closed), Count, Info,
            "Connections that were closed, by whichever side.";
        "successful-authentication-total" => "kafka_producer_successful_authentication_total",
            Counter(|r| r.network.authentications), Count, Info,
            "Connections on which a broker took the credentials.";
        "failed-authentication-total" => "kafka_producer_failed_authentication_total",
            Counter(|r| r.network.authentications_failed), Count, Info,
            "Attempts to connect that ended because one end refused the other.";
        "successful-reauthentication-total" => "kafka_producer_successful_reauthentication_total",
            Counter(|r| r.network.reauthentications), Count, Info,
            "Times that an open connection was authenticated again, before the end of its session.";
        "failed-reauthentication-total" => "kafka_producer_failed_reauthentication_total",
            Counter(|r| r.network.reauthentications_failed), Count, Info,
            "Open connections that ended because they could not be authenticated again.";
        "reauthentication-time-ns-total" => "kafka_producer_reauthentication_time_ns_total",
            Counter(|r| nanos(r.network.reauthentication_time)), Nanoseconds, Info,
            "Time that authenticating again took, where it succeeded; no request was sent on the connection meanwhile.";
        "reauthentication-latency-max" => "kafka_producer_reauthentication_latency_max_seconds",
            Gauge(|r| Some(r.network.reauthentication_time_max.as_secs_f64())), Seconds, Info,
            "The longest of them.";
        "token-refresh-total" => "kafka_producer_token_refresh_total", Counter(|r| r.tokens().refreshes), Count, Info,
            "Times that a provider of tokens (OAUTHBEARER) has given one (kp's own).";
        "token-refresh-failed-total" => "kafka_producer_token_refresh_failed_total",
            Counter(|r| r.tokens().refreshes_failed), Count, Info,
            "Times that it was asked and gave none; the token of before is shown meanwhile, past its end too, until a broker refuses it (kp's own).";
        "token-expires-in-seconds" => "kafka_producer_token_expires_in_seconds",
            Gauge(|r| r.seconds_to(r.tokens().ends)), Seconds, Info,
            "How long the token is good that later connections are shown; below 0 when it is over; nothing without one (kp's own).";
        "certificate-expires-in-seconds" => "kafka_producer_certificate_expires_in_seconds",
            Gauge(|r| r.seconds_to(r.own_certificate_ends)), Seconds, Info,
            "How long the certificate is valid that this client shows; below 0 when it is over (kp's own).";
        "network-io-total" => "kafka_producer_network_io_total", Counter(|r| r.network.reads + r.network.writes), Count, Info,
            "Reads from and writes to sockets that moved bytes.";
        "request-total" => "kafka_producer_request_total", Counter(|r| r.network.requests), Count, Info,
            "Requests of all kinds that were begun.";
        "request-size-max" => "kafka_producer_request_size_max_bytes", Gauge(|r| Some(r.network.request_bytes_max as f64)), Bytes, Info,
            "The largest request so far.";
        "response-total" => "kafka_producer_response_total", Counter(|r| r.network.responses), Count, Info,
            "Responses of all kinds that came.";
        "outgoing-byte-total" => "kafka_producer_outgoing_byte_total", Counter(|r| r.network.bytes_written), Bytes, Info,
            "Bytes written to sockets.";
        "incoming-byte-total" => "kafka_producer_incoming_byte_total", Counter(|r| r.network.bytes_read), Bytes, Info,
            "Bytes read from sockets.";
        "select-total" => "kafka_producer_select_total", Counter(|r| r.network.turns), Count, Info,
            "Turns of the network's loop.";
        "io-time-ns-total" => "kafka_producer_io_time_ns_total", Counter(|r| nanos(r.network.io_time)), Nanoseconds, Info,
            "Time the network's loop spent reading, writing and matching answers.";
        "io-wait-time-ns-total" => "kafka_producer_io_wait_time_ns_total", Counter(|r| nanos(r.network.io_wait)), Nanoseconds, Info,
            "Time the network's loop waited for something to happen.";
        "start-time-ms" => "kafka_producer_start_time_ms", Gauge(|r| Some(r.started_ms() as f64)), Milliseconds, Info,
            "When the producer was built, since the Unix epoch.";

        "connection-attempt-total" => "kafka_producer_connection_attempt_total", Counter(|r| r.network.connections_tried), Count, Debug,
            "Attempts to connect, those included that failed.";
        "connection-ready-total" => "kafka_producer_connection_ready_total", Counter(|r| r.network.connections_made), Count, Debug,
            "Connections that became ready for requests.";
        "network-read-total" => "kafka_producer_network_read_total", Counter(|r| r.network.reads), Count, Debug,
            "Reads from sockets that gave bytes.";
        "network-write-total" => "kafka_producer_network_write_total", Counter(|r| r.network.writes), Count, Debug,
            "Writes to sockets that took bytes.";
        "driver-wake-total" => "kafka_producer_driver_wake_total", Counter(|r| r.accumulator().wakes()), Count, Debug,
            "How often the network thread was woken by records, flushes and close.";
    }
    TOPIC: Topic of TopicCounters {
        "record-send-total" => "kafka_producer_topic_record_send_total", Counter(TopicCounters::records_sent), Count, Info,
            "Records of the topic handed to the network, each time they were.";
        "byte-total" => "kafka_producer_topic_byte_total", Counter(TopicCounters::bytes_sent), Bytes, Info,
            "Bytes of those records on the wire, without batch headers.";
        "compression-rate" => "kafka_producer_topic_compression_rate", Gauge(compression_rate), Ratio, Info,
            "What compression has left of them so far; 1 without a codec.";
        "record-retry-total" => "kafka_producer_topic_record_retry_total", Counter(TopicCounters::records_retried), Count, Info,
            "Records whose batch went back to be sent again, each time it did.";
        "record-error-total" => "kafka_producer_topic_record_error_total", Counter(TopicCounters::records_failed), Count, Info,
            "Records that failed after they were accepted.";
        "uncompressed-byte-total" => "kafka_producer_topic_uncompressed_byte_total", Counter(TopicCounters::raw_bytes_sent), Bytes, Debug,
            "Bytes of the records that were sent, before compression.";
    }
    NODE: Node of NodeReading {
        "request-total" => "kafka_producer_node_request_total", Counter(|r| r.counters.requests), Count, Info,
            "Requests of all kinds that were begun.";
        "request-size-max" => "kafka_producer_node_request_size_max_bytes", Gauge(|r| Some(r.counters.request_bytes_max as f64)), Bytes, Info,
            "The largest so far.";
        "request-latency" => "kafka_producer_node_request_latency_ms", Histogram(|r| r.latency.as_deref(), MS), Milliseconds, Info,
            "From each Produce request to its answer.";
        "response-total" => "kafka_producer_node_response_total", Counter(|r| r.counters.responses), Count, Info,
            "Responses of all kinds that came.";
        "outgoing-byte-total" => "kafka_producer_node_outgoing_byte_total", Counter(|r| r.counters.bytes_written), Bytes, Info,
            "Bytes written to it.";
        "incoming-byte-total" => "kafka_producer_node_incoming_byte_total", Counter(|r| r.counters.bytes_read), Bytes, Info,
            "Bytes read from it.";
        "certificate-expires-in-seconds" => "kafka_producer_node_certificate_expires_in_seconds",
            Gauge(NodeReading::certificate_expires_in), Seconds, Info,
            "How long the certificate is valid that it showed on the connection that is open; below 0 when it is over; nothing without a connection (kp's own).";
    }
    CIPHER: Cipher of CipherUse {
        "connections" => "kafka_producer_connections", Gauge(|r| Some(r.connections as f64)), Count, Info,
            "Connections that are encrypted like this and take requests now.";
    }
}

fn compression_rate(topic: &TopicCounters) -> Option<f64> {
    let raw = topic.raw_bytes_sent();
    (raw > 0).then(|| topic.bytes_sent() as f64 / raw as f64)
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl MetricScope {
    /// The names of the labels.
    #[must_use]
    pub fn labels(self) -> &'static [&'static str] {
        match self {
            Self::Producer => &["client_id"],
            Self::Topic => &["client_id", "topic"],
            Self::Node => &["client_id", "node_id"],
            Self::Cipher => &["client_id", "cipher", "protocol"],
        }
    }
}

impl fmt::Display for MetricKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        })
    }
}

impl fmt::Display for MetricUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Count => "count",
            Self::Bytes => "bytes",
            Self::Seconds => "s",
            Self::Milliseconds => "ms",
            Self::Nanoseconds => "ns",
            Self::Ratio => "ratio",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_published_name_follows_from_javas_name_its_scope_and_its_unit() {
        for info in metric_infos() {
            let scope = match info.scope {
                MetricScope::Producer | MetricScope::Cipher => "",
                MetricScope::Topic => "topic_",
                MetricScope::Node => "node_",
            };
            let unit = match (info.kind, info.unit) {
                (MetricKind::Counter, _) | (_, MetricUnit::Count | MetricUnit::Ratio) => "",
                (_, MetricUnit::Bytes) => "_bytes",
                (_, MetricUnit::Seconds) => "_seconds",
                (_, MetricUnit::Milliseconds) => "_ms",
                (_, MetricUnit::Nanoseconds) => "_ns",
            };
            let plain = info.name.replace('-', "_");
            let unit = if plain.ends_with(unit) { "" } else { unit };
            assert_eq!(info.published, format!("kafka_producer_{scope}{plain}{unit}"));
            assert_eq!(info.kind == MetricKind::Counter, info.name.ends_with("-total"), "{}", info.name);
            assert!(info.doc.ends_with('.'), "{}", info.name);
        }
    }

    #[test]
    fn no_name_stands_twice() {
        let published: BTreeSet<&str> = metric_infos().map(|info| info.published).collect();
        assert_eq!(published.len(), metric_infos().count());
    }
}
