//! What the sender counts, for metrics: a few adds for each batch and each request, none for a record.
//! Written by the sender core, that is by one thread; read by any thread. An outcome is counted before it is told.

use crate::Histogram;
use kp_accumulator::{Batch, InFlight};
use kp_protocol::BrokerId;
use kp_protocol::records::BATCH_HEADER_SIZE;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// What a compression rate is counted in: millionths.
const MILLIONTHS: u64 = 1_000_000;
/// Brokers whose latency is measured apart. A cluster with more has made them up, or its user looks at the sum.
const BROKERS: usize = 1000;

/// The counts of one sender core since it was made. The names of Java's metrics are in brackets.
#[derive(Debug, Default)]
pub struct SenderCounters {
    records_sent: AtomicU64,
    records_retried: AtomicU64,
    records_failed: AtomicU64,
    batches_split: AtomicU64,
    /// Bytes of each batch that was sent, header included (`batch-size`).
    pub batch_size: Histogram,
    /// Microseconds from the first record of each batch to its sending (`record-queue-time`).
    pub queue_time: Histogram,
    /// Bytes of an average record of each batch, before compression (`record-size`).
    pub record_size: Histogram,
    /// Millionths that compression left of each batch; 1,000,000 without a codec (`compression-rate`).
    pub compression_rate: Histogram,
    /// Records in each request (`records-per-request`).
    pub records_per_request: Histogram,
    /// Microseconds from each Produce request to its answer (`request-latency`).
    pub request_latency: Histogram,
    /// Microseconds for which each answer to Produce throttles, or has held its request back (`produce-throttle-time`).
    pub throttle_time: Histogram,
}

impl SenderCounters {
    /// Records handed to the network, each time they were (`record-send-total`). Less
    /// [`records_retried`](Self::records_retried), and less those of split batches, each is counted once.
    #[must_use]
    pub fn records_sent(&self) -> u64 {
        self.records_sent.load(Relaxed)
    }

    /// Records whose batch went back to be sent again, each time it did (`record-retry-total`).
    #[must_use]
    pub fn records_retried(&self) -> u64 {
        self.records_retried.load(Relaxed)
    }

    /// Accepted records that failed (with the facade's own: `record-error-total`).
    #[must_use]
    pub fn records_failed(&self) -> u64 {
        self.records_failed.load(Relaxed)
    }

    /// Batches that were too large and became several (`batch-split-total`).
    #[must_use]
    pub fn batches_split(&self) -> u64 {
        self.batches_split.load(Relaxed)
    }

    /// A request with these batches goes out.
    pub(crate) fn sent<'a>(&self, now: Instant, batches: impl Iterator<Item = &'a Batch<InFlight>>) {
        let mut records = 0;
        for batch in batches {
            let (count, size, raw) = (batch.record_count(), batch.wire_size(), batch.raw_size());
            let payload = size - BATCH_HEADER_SIZE;
            records += u64::from(count);
            self.batch_size.record(size as u64);
            self.queue_time.record(micros(now.saturating_duration_since(batch.created())));
            self.record_size.record(raw as u64 / u64::from(count.max(1)));
            self.compression_rate.record(payload as u64 * MILLIONTHS / (raw as u64).max(1)); // ME3
            batch.topic_counters().count_sent(count, payload, raw);
        }
        self.records_per_request.record(records);
        self.records_sent.fetch_add(records, Relaxed);
    }

    /// Produce was answered after so long.
    pub(crate) fn answered(&self, latency: Duration) {
        self.request_latency.record(micros(latency));
    }

    /// An answer to Produce says how long the client was or has to be slowed down (SN18).
    pub(crate) fn throttled(&self, by: Duration) {
        self.throttle_time.record(micros(by));
    }

    /// SN20: in records.
    pub(crate) fn retried<S>(&self, batch: &Batch<S>) {
        self.records_retried.fetch_add(u64::from(batch.record_count()), Relaxed);
        batch.topic_counters().count_retried(batch.record_count());
    }

    /// SN20: in records.
    pub(crate) fn failed<S>(&self, batch: &Batch<S>) {
        self.records_failed.fetch_add(u64::from(batch.record_count()), Relaxed);
        batch.topic_counters().count_failed(batch.record_count());
    }

    /// SN20: in batches.
    pub(crate) fn split(&self) {
        self.batches_split.fetch_add(1, Relaxed);
    }
}

/// Latency by broker; each since it first answered.
#[derive(Debug, Default)]
pub(crate) struct BrokerLatencies(BTreeMap<BrokerId, Arc<Histogram>>);

impl BrokerLatencies {
    pub(crate) fn answered(&mut self, broker: BrokerId, latency: Duration) {
        if self.0.len() < BROKERS || self.0.contains_key(&broker) {
            self.0.entry(broker).or_default().record(micros(latency));
        }
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (BrokerId, &Arc<Histogram>)> {
        self.0.iter().map(|(broker, latency)| (*broker, latency))
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
