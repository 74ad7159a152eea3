//! What is counted of one topic, for metrics. Written by the driver, a few adds for each batch; read by any thread.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counts of one topic since the accumulator was made. They only grow. The names of Java's metrics are in brackets.
#[derive(Debug, Default)]
pub struct TopicCounters {
    records_sent: AtomicU64,
    bytes_sent: AtomicU64,
    raw_bytes_sent: AtomicU64,
    records_retried: AtomicU64,
    records_failed: AtomicU64,
}

impl TopicCounters {
    /// A batch was handed to the network: its records, its bytes on the wire without its header, and those bytes before
    /// compression.
    pub fn count_sent(&self, records: u32, bytes: usize, raw_bytes: usize) {
        self.records_sent.fetch_add(u64::from(records), Relaxed);
        self.bytes_sent.fetch_add(bytes as u64, Relaxed);
        self.raw_bytes_sent.fetch_add(raw_bytes as u64, Relaxed);
    }

    /// A batch of so many records went back to be sent again.
    pub fn count_retried(&self, records: u32) {
        self.records_retried.fetch_add(u64::from(records), Relaxed);
    }

    /// A batch of so many records failed.
    pub fn count_failed(&self, records: u32) {
        self.records_failed.fetch_add(u64::from(records), Relaxed);
    }

    /// Records handed to the network, each time they were (`record-send-total`).
    #[must_use]
    pub fn records_sent(&self) -> u64 {
        self.records_sent.load(Relaxed)
    }

    /// Bytes of those records on the wire, without batch headers (`byte-total`).
    #[must_use]
    pub fn bytes_sent(&self) -> u64 {
        self.bytes_sent.load(Relaxed)
    }

    /// The same bytes before compression.
    #[must_use]
    pub fn raw_bytes_sent(&self) -> u64 {
        self.raw_bytes_sent.load(Relaxed)
    }

    /// Records that went back to be sent again, each time they did (`record-retry-total`).
    #[must_use]
    pub fn records_retried(&self) -> u64 {
        self.records_retried.load(Relaxed)
    }

    /// Records that failed (`record-error-total`).
    #[must_use]
    pub fn records_failed(&self) -> u64 {
        self.records_failed.load(Relaxed)
    }

    /// Whether there is anything to tell (ME2).
    pub(crate) fn is_used(&self) -> bool {
        self.records_sent() > 0 || self.records_failed() > 0
    }
}
