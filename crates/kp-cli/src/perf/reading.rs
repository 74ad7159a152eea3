//! Everything that was counted up to one moment, over all producers: the listeners' counts and the producers' metrics.
//! Owns: which of `Producer::metrics` are looked at. Pure but for asking.

use std::{collections::BTreeMap, sync::Arc};

use kp_producer::metrics::{MetricValue, ProducerMetrics};

use super::tally::{Counts, Tally};
use crate::{histogram::Latencies, watched::Watched};

/// Counts up to one moment, or between two.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reading {
    pub(crate) counts: Counts,
    /// Batches sent, and their bytes as they were sent.
    pub(crate) batches: Sum,
    /// Produce requests, and the records in them.
    pub(crate) requests: Sum,
    /// Batches, and the milliseconds from their first record to their sending.
    pub(crate) queue_ms: Sum,
    /// Produce requests answered, and the milliseconds that took.
    pub(crate) request_ms: Sum,
    /// Batches, and what compression left of each.
    pub(crate) compression: Sum,
    /// Records sent again.
    pub(crate) retries: u64,
    /// Nanoseconds that `send` waited for `buffer.memory`.
    pub(crate) memory_wait_ns: u64,
    /// Requests unanswered at that moment; not a difference.
    pub(crate) requests_in_flight: u64,
    /// Broker by broker.
    pub(crate) brokers: BTreeMap<i32, BrokerReading>,
}

/// How many, and their sum.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Sum {
    pub(crate) count: u64,
    pub(crate) sum: f64,
}

/// What went to one broker.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct BrokerReading {
    /// Requests of all kinds.
    pub(crate) requests: u64,
    /// Bytes written to it, of all kinds of requests.
    pub(crate) bytes: u64,
    /// Produce requests answered, and the milliseconds that took.
    pub(crate) request_ms: Sum,
}

impl Sum {
    /// The average; 0 of nothing.
    pub(crate) fn mean(self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum / self.count as f64 }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.count += other.count;
        self.sum += other.sum;
    }

    fn minus(self, before: Self) -> Self {
        Self { count: self.count.saturating_sub(before.count), sum: self.sum - before.sum }
    }
}

impl Reading {
    /// As of now; the latencies since the last reading are added to `latencies`.
    pub(crate) fn take(producers: &[(Watched, Arc<Tally>)], latencies: &mut Latencies) -> Self {
        let mut reading = Self::default();
        for (producer, tally) in producers {
            reading.counts.add(&tally.sample(latencies));
            reading.add_metrics(&producer.metrics());
        }
        reading
    }

    fn add_metrics(&mut self, metrics: &ProducerMetrics) {
        for metric in metrics.iter().filter(|metric| metric.topic().is_none()) {
            let (name, value) = (metric.name(), metric.value());
            match metric.node() {
                // Numbers below 0 are addresses to ask first, under which nothing is produced.
                Some(id) if id >= 0 => self.brokers.entry(id).or_default().add_metric(name, value),
                Some(_) => {}
                None => self.add_metric(name, value),
            }
        }
    }

    fn add_metric(&mut self, name: &str, value: MetricValue) {
        let count = value.as_counter().unwrap_or(0);
        match name {
            "batch-size" => self.batches.add(Sum::of(value)),
            "records-per-request" => self.requests.add(Sum::of(value)),
            "record-queue-time" => self.queue_ms.add(Sum::of(value)),
            "request-latency" => self.request_ms.add(Sum::of(value)),
            "compression-rate" => self.compression.add(Sum::of(value)),
            "record-retry-total" => self.retries += count,
            "bufferpool-wait-time-ns-total" => self.memory_wait_ns += count,
            "requests-in-flight" => self.requests_in_flight += value.as_gauge().unwrap_or(0.0) as u64,
            _ => {}
        }
    }

    /// What was counted since `before`. Of the counts of records, all: they begin with the measurement.
    pub(crate) fn since(&self, before: &Self) -> Self {
        let broker = |(id, now): (&i32, &BrokerReading)| {
            (*id, now.minus(before.brokers.get(id).copied().unwrap_or_default()))
        };
        Self {
            counts: self.counts.clone(),
            batches: self.batches.minus(before.batches),
            requests: self.requests.minus(before.requests),
            queue_ms: self.queue_ms.minus(before.queue_ms),
            request_ms: self.request_ms.minus(before.request_ms),
            compression: self.compression.minus(before.compression),
            retries: self.retries.saturating_sub(before.retries),
            memory_wait_ns: self.memory_wait_ns.saturating_sub(before.memory_wait_ns),
            requests_in_flight: self.requests_in_flight,
            brokers: self.brokers.iter().map(broker).collect(),
        }
    }
}

impl Sum {
    fn of(value: MetricValue) -> Self {
        value
            .as_histogram()
            .map_or_else(Self::default, |summary| Self { count: summary.count, sum: summary.sum })
    }
}

impl BrokerReading {
    fn add_metric(&mut self, name: &str, value: MetricValue) {
        match name {
            "request-total" => self.requests += value.as_counter().unwrap_or(0),
            "outgoing-byte-total" => self.bytes += value.as_counter().unwrap_or(0),
            "request-latency" => self.request_ms.add(Sum::of(value)),
            _ => {}
        }
    }

    fn minus(self, before: Self) -> Self {
        Self {
            requests: self.requests.saturating_sub(before.requests),
            bytes: self.bytes.saturating_sub(before.bytes),
            request_ms: self.request_ms.minus(before.request_ms),
        }
    }
}

#[cfg(test)]
mod tests {
    use kp_producer::metrics::metric_infos;

    use super::*;

    #[test]
    fn every_name_that_is_looked_at_is_in_the_table() {
        let has = |name: &str, place: usize| {
            metric_infos().filter(|info| info.name == name && info.scope.labels().len() == place).count() > 0
        };
        for name in [
            "batch-size",
            "records-per-request",
            "record-queue-time",
            "request-latency",
            "compression-rate",
            "record-retry-total",
            "bufferpool-wait-time-ns-total",
            "requests-in-flight",
        ] {
            assert!(has(name, 1), "{name}");
        }
        for name in ["request-total", "outgoing-byte-total", "request-latency"] {
            assert!(has(name, 2), "{name}");
        }
    }

    #[test]
    fn a_difference_leaves_out_what_was_before() {
        let reading = |count, sum, bytes| Reading {
            batches: Sum { count, sum },
            retries: count,
            brokers: BTreeMap::from([(1, BrokerReading { bytes, ..BrokerReading::default() })]),
            requests_in_flight: 3,
            ..Reading::default()
        };
        let mut later = reading(12, 3000.0, 70);
        later.brokers.insert(2, BrokerReading { bytes: 5, ..BrokerReading::default() });
        let since = later.since(&reading(2, 1000.0, 20));
        assert_eq!((since.batches.mean(), since.retries, since.requests_in_flight), (200.0, 10, 3));
        assert_eq!([since.brokers[&1].bytes, since.brokers[&2].bytes], [50, 5]);
        assert_eq!(Sum::default().mean(), 0.0);
    }
}
