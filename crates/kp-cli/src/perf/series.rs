//! What happened over time: a sample for each tick, and fewer, longer ones when there are many.
//! Owns: the bound on how many there are. Pure.

use std::time::Duration;

use super::{
    reading::{Reading, Sum},
    result::Sample,
};
use crate::histogram::Latencies;

/// With so many samples, each two become one, and every later one is twice as long.
const MOST_SAMPLES: usize = 600;

/// What happened between two moments.
#[derive(Debug, Clone, Default)]
struct Bin {
    /// Since the beginning of the measurement.
    end: Duration,
    span: Duration,
    acked: u64,
    bytes: u64,
    failed: u64,
    retries: u64,
    batches: Sum,
    requests: Sum,
    /// The most that were seen.
    in_flight: u64,
    requests_in_flight: u64,
    latencies: Vec<(u64, u64)>,
}

/// The samples so far.
#[derive(Debug)]
pub(crate) struct Series {
    bins: Vec<Bin>,
    /// Ticks in a full bin, and in the last one.
    stride: u32,
    ticks: u32,
    last: Reading,
    last_at: Duration,
}

impl Series {
    /// Begins with what was counted before the measurement.
    pub(crate) fn new(baseline: Reading) -> Self {
        Self { bins: Vec::new(), stride: 1, ticks: 1, last: baseline, last_at: Duration::ZERO }
    }

    /// What was counted up to `at`, and the latencies since the last tick.
    pub(crate) fn tick(&mut self, at: Duration, reading: &Reading, latencies: &Latencies) {
        let bin = self.bin(at, reading, latencies);
        self.last = reading.clone();
        self.last_at = at;
        match self.bins.last_mut() {
            Some(last) if self.ticks < self.stride => {
                last.merge(bin);
                self.ticks += 1;
            }
            _ => {
                self.bins.push(bin);
                self.ticks = 1;
            }
        }
        if self.bins.len() > MOST_SAMPLES {
            self.halve();
        }
    }

    /// The last tick, however short: one much shorter than the others would have a rate of its own.
    pub(crate) fn end(&mut self, at: Duration, reading: &Reading, latencies: &Latencies, tick: Duration) {
        let bin = self.bin(at.max(self.last_at), reading, latencies);
        match self.bins.last_mut() {
            Some(last) if bin.span < tick / 2 => last.merge(bin),
            _ => self.bins.push(bin),
        }
    }

    fn bin(&self, at: Duration, reading: &Reading, latencies: &Latencies) -> Bin {
        let delta = reading.since(&self.last);
        let (now, before) = (&reading.counts, &self.last.counts);
        Bin {
            end: at,
            span: at.saturating_sub(self.last_at),
            acked: now.acked.saturating_sub(before.acked),
            bytes: now.acked_bytes.saturating_sub(before.acked_bytes),
            failed: now.not_acked().saturating_sub(before.not_acked()),
            retries: delta.retries,
            batches: delta.batches,
            requests: delta.requests,
            in_flight: now.in_flight(),
            requests_in_flight: reading.requests_in_flight,
            latencies: latencies.sparse(),
        }
    }

    fn halve(&mut self) {
        let mut halved: Vec<Bin> = Vec::with_capacity(MOST_SAMPLES);
        for (place, bin) in std::mem::take(&mut self.bins).into_iter().enumerate() {
            match halved.last_mut() {
                Some(last) if place % 2 == 1 => last.merge(bin),
                _ => halved.push(bin),
            }
        }
        // One more than an even number: the last stands alone, half full.
        self.ticks = self.stride;
        self.stride *= 2;
        self.bins = halved;
    }

    /// For the result; `batch_size` is that key's value.
    pub(crate) fn samples(&self, batch_size: f64) -> Vec<Sample> {
        self.bins.iter().map(|bin| bin.sample(batch_size)).collect()
    }
}

impl Bin {
    fn merge(&mut self, later: Self) {
        self.end = later.end;
        self.span += later.span;
        self.acked += later.acked;
        self.bytes += later.bytes;
        self.failed += later.failed;
        self.retries += later.retries;
        self.batches.add(later.batches);
        self.requests.add(later.requests);
        self.in_flight = self.in_flight.max(later.in_flight);
        self.requests_in_flight = self.requests_in_flight.max(later.requests_in_flight);
        self.latencies.extend(later.latencies);
        self.latencies.sort_unstable();
        self.latencies.dedup_by(|(latency, count), (kept, sum)| {
            let is_same = latency == kept;
            *sum += if is_same { *count } else { 0 };
            is_same
        });
    }

    fn sample(&self, batch_size: f64) -> Sample {
        let mut latencies = Latencies::new();
        latencies.add_sparse(&self.latencies);
        let percentiles = latencies.percentiles();
        Sample {
            seconds: self.end.as_secs_f64(),
            span_seconds: self.span.as_secs_f64(),
            records: self.acked,
            bytes: self.bytes,
            failed: self.failed,
            retries: self.retries,
            p50_ms: percentiles.map(|latency| latency.p50),
            p99_ms: percentiles.map(|latency| latency.p99),
            max_ms: percentiles.map(|latency| latency.max),
            batch_bytes: (self.batches.count > 0).then(|| self.batches.mean()),
            batch_fill: (self.batches.count > 0).then(|| self.batches.mean() / batch_size),
            records_per_request: (self.requests.count > 0).then(|| self.requests.mean()),
            in_flight: self.in_flight,
            requests_in_flight: self.requests_in_flight,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_millis(100);

    /// A run of so many ticks, with ten records acknowledged in each.
    fn series(ticks: u32) -> (Series, Reading) {
        let mut series = Series::new(Reading::default());
        let mut reading = Reading::default();
        for tick in 1..=ticks {
            reading.counts.sent += 10;
            reading.counts.acked += 10;
            reading.counts.acked_bytes += 1000;
            reading.batches.add(Sum { count: 2, sum: 1000.0 });
            let mut latencies = Latencies::new();
            (0..10).for_each(|_| latencies.record(Duration::from_millis(u64::from(tick % 7) + 1)));
            series.tick(TICK * tick, &reading, &latencies);
        }
        (series, reading)
    }

    #[test]
    fn samples_are_few_and_add_up() {
        for ticks in [1, 599, 600, 601, 1200, 1201, 1202, 2500] {
            let (series, reading) = series(ticks);
            let samples = series.samples(1000.0);
            assert!((1..=MOST_SAMPLES).contains(&samples.len()), "{ticks}: {}", samples.len());
            assert_eq!(samples.iter().map(|sample| sample.records).sum::<u64>(), reading.counts.acked);
            let seconds: f64 = samples.iter().map(|sample| sample.span_seconds).sum();
            assert!((seconds - f64::from(ticks) / 10.0).abs() < 1e-6, "{ticks}: {seconds}");
            assert!(samples.iter().all(|sample| sample.batch_fill == Some(0.5)));
            let rates = samples.iter().map(|sample| sample.records as f64 / sample.span_seconds);
            assert!(rates.into_iter().all(|rate| (rate - 100.0).abs() < 1e-6));
        }
    }

    #[test]
    fn a_short_last_tick_joins_the_one_before() {
        let (mut series, mut reading) = series(3);
        reading.counts.acked += 1;
        series.end(TICK * 3 + TICK / 4, &reading, &Latencies::new(), TICK);
        let samples = series.samples(1000.0);
        assert_eq!((samples.len(), samples[2].records), (3, 11));
        series.end(TICK * 4, &reading, &Latencies::new(), TICK);
        assert_eq!(series.samples(1000.0).len(), 4);
    }

    #[test]
    fn a_run_shorter_than_a_tick_has_one_sample() {
        let (mut series, mut reading) = series(0);
        reading.counts.acked = 5;
        series.end(TICK / 10, &reading, &Latencies::new(), TICK);
        let samples = series.samples(1000.0);
        assert_eq!((samples.len(), samples[0].records), (1, 5));
        assert_eq!((samples[0].p50_ms, samples[0].batch_fill), (None, None));
    }
}
