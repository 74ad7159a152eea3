//! What the sender core is told once, when it is made. Plain values; the facade fills them from its configuration.

use crate::TransactionSettings;
use kp_protocol::Acks;
use kp_time::Backoff;
use std::time::Duration;

/// The sender core's settings.
#[derive(Clone, Debug)]
pub struct SenderSettings {
    /// How many acknowledgements (`acks`).
    pub acks: Acks,
    /// How often a batch is sent again (`retries`).
    pub retries: u32,
    /// How long an answer is waited for (`request.timeout.ms`), and how long the broker may take (SN3).
    pub request_timeout: Duration,
    /// How long after its creation a batch is given up (`delivery.timeout.ms`, KIP-91).
    pub delivery_timeout: Duration,
    /// The most bytes of batches in one request (`max.request.size`).
    pub max_request_size: usize,
    /// `retry.backoff.ms` and `retry.backoff.max.ms` (KIP-580).
    pub retry_backoff: Backoff,
    /// Whether batches are numbered (`enable.idempotence`, KIP-98).
    pub idempotence: IdempotenceSetting,
    /// The codec's level, for batches that are written anew for old brokers; `None` is the codec's default.
    pub compression_level: Option<i32>,
    /// Requests without an answer that a connection may have (`max.in.flight.requests.per.connection`). Kept by the network; here
    /// it says when there is no use in closing batches.
    pub max_in_flight: usize,
    /// One batch of a partition in flight at most (SN7); batches that are numbered do not need it. Without it, several
    /// requests may hold batches of one partition and a retry may overtake (SN8).
    pub guarantee_one_in_flight: bool,
    /// Set for a transactional producer, which also needs `acks=all` and [`IdempotenceSetting::Required`] (KIP-98).
    pub transaction: Option<TransactionSettings>,
}

impl Default for SenderSettings {
    /// Kafka's defaults of today, and one batch of a partition in flight.
    fn default() -> Self {
        Self {
            acks: Acks::All,
            retries: i32::MAX as u32,
            request_timeout: Duration::from_secs(30),
            delivery_timeout: Duration::from_secs(120),
            max_request_size: 1_048_576,
            retry_backoff: Backoff::new(Duration::from_millis(100), Duration::from_secs(1)),
            idempotence: IdempotenceSetting::Off,
            compression_level: None,
            max_in_flight: 5,
            guarantee_one_in_flight: true,
            transaction: None,
        }
    }
}

/// How the sender keeps a retry from being written twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IdempotenceSetting {
    /// Batches carry no numbers (ID17).
    #[default]
    Off,
    /// Batches are numbered. Where the cluster cannot do that, one batch of a partition is in flight at a time
    /// ([`Output::WithoutIdempotence`](crate::Output::WithoutIdempotence)).
    Preferred,
    /// Batches are numbered, and where the cluster cannot do that no record is to be accepted
    /// ([`Output::IdempotenceUnavailable`](crate::Output::IdempotenceUnavailable)).
    Required,
}
