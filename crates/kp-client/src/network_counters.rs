//! Plain counters of a network client, for metrics. Values alone: a client fills them, and hands out a [`NetworkSnapshot`]
//! when asked.

use crate::{CipherUse, TokenFacts};
use kp_protocol::BrokerId;
use std::time::{Duration, SystemTime};

/// What the network client has done since it was made, all brokers together. Only grows, except for the maxima, which
/// stay. The names of Java's metrics are in brackets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetworkCounters {
    /// Turns of the selector (`select-total`). A healthy client makes about one per batch of events; more is spinning.
    pub turns: u64,
    /// Attempts to connect, those included that failed.
    pub connections_tried: u64,
    /// Sockets that became connected (`connection-creation-total`).
    pub connections_opened: u64,
    /// Connections that became ready for requests.
    pub connections_made: u64,
    /// Connections, or attempts, that ended.
    pub connections_ended: u64,
    /// Connected sockets that were closed, by whichever side (`connection-close-total`).
    pub connections_closed: u64,
    /// Requests begun, the client's own included (`request-total`).
    pub requests: u64,
    /// The largest request in bytes, its size prefix included (`request-size-max`).
    pub request_bytes_max: u64,
    /// Responses received, those to the client's own requests included (`response-total`).
    pub responses: u64,
    /// Writes to sockets that took bytes (with `reads`: `network-io-total`).
    pub writes: u64,
    /// Bytes written to sockets (`outgoing-byte-total`).
    pub bytes_written: u64,
    /// Reads from sockets that gave bytes.
    pub reads: u64,
    /// Bytes read from sockets (`incoming-byte-total`).
    pub bytes_read: u64,
    /// Connections on which the broker took the credentials (`successful-authentication-total`).
    pub authentications: u64,
    /// Attempts that ended because one end refused the other (`failed-authentication-total`).
    pub authentications_failed: u64,
    /// Times that a ready connection was authenticated again (`successful-reauthentication-total`; KIP-368).
    pub reauthentications: u64,
    /// Ready connections that ended because they were not (`failed-reauthentication-total`).
    pub reauthentications_failed: u64,
    /// Time that took, summed over those that succeeded; divided by their number it is `reauthentication-latency-avg`.
    pub reauthentication_time: Duration,
    /// The longest (`reauthentication-latency-max`).
    pub reauthentication_time_max: Duration,
    /// Time spent reading, writing and matching in turns of the selector (`io-time-ns-total`). What
    /// [`KafkaClient::send`](crate::KafkaClient::send) writes at once is not in it.
    pub io_time: Duration,
    /// Time spent waiting for sockets, wakers or timers (`io-wait-time-ns-total`).
    pub io_wait: Duration,
}

/// What has gone to and come from one broker, over all of its connections. Bootstrap entries have negative ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeCounters {
    /// Requests begun (`request-total`).
    pub requests: u64,
    /// The largest in bytes (`request-size-max`).
    pub request_bytes_max: u64,
    /// Responses received (`response-total`).
    pub responses: u64,
    /// Bytes written (`outgoing-byte-total`).
    pub bytes_written: u64,
    /// Bytes read (`incoming-byte-total`).
    pub bytes_read: u64,
    /// From the taking of a request to its answer, summed over the caller's requests that were answered; divided by
    /// [`latencies`](Self::latencies) it is `request-latency-avg`.
    pub latency: Duration,
    /// How many requests `latency` sums over.
    pub latencies: u64,
    /// The longest of them (`request-latency-max`).
    pub latency_max: Duration,
    /// Until when the certificate is valid that it showed on the connection that is ready now; `None` without one.
    pub certificate_ends: Option<SystemTime>,
}

/// The counters at one moment. Made when asked for; a few allocations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkSnapshot {
    /// All brokers together.
    pub totals: NetworkCounters,
    /// Broker by broker, lowest id first; each since it was first connected (ME2).
    pub nodes: Vec<(BrokerId, NodeCounters)>,
    /// Connected sockets now (`connection-count`).
    pub connections: usize,
    /// The caller's requests that are unanswered now (`requests-in-flight`).
    pub in_flight: usize,
    /// Encrypted connections that are ready now, by version and cipher (`connections`), in their order.
    pub ciphers: Vec<CipherUse>,
    /// Until when the certificate is valid that this client shows.
    pub own_certificate_ends: Option<SystemTime>,
    /// Its tokens, if it has a provider of such.
    pub tokens: Option<TokenFacts>,
}
