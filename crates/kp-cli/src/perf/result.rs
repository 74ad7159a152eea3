//! What a run came to: the object of `--json`, which `--compare` reads again and the report is drawn from.
//! Owns: its names. Pure.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{reading::Reading, tally::Met};
use crate::{
    histogram::{Latencies, Percentiles},
    produce::summary::per_second,
};

/// Changes when a field goes or gets another meaning; new fields do not change it.
const FORMAT: &str = "kp-perf/1";

/// A percentile plot has so many points; more cannot be seen.
const CURVE_POINTS: usize = 400;

/// The whole result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PerfResult {
    pub(crate) format: String,
    /// The version of kp.
    pub(crate) kp: String,
    /// When the measurement began, in milliseconds since 1970.
    pub(crate) started_ms: u64,
    /// Ctrl-C ended it.
    pub(crate) interrupted: bool,
    /// Why it ended before its target, if it did.
    pub(crate) stopped: Option<String>,
    /// What was asked for, in the order in which it is shown.
    pub(crate) settings: Vec<Setting>,
    pub(crate) totals: Totals,
    /// Nothing was acknowledged: `null`.
    pub(crate) latency_ms: Option<Latency>,
    /// Without --txn-size: `null`.
    #[serde(default)]
    pub(crate) transactions: Option<Commits>,
    pub(crate) brokers: Vec<Broker>,
    pub(crate) errors: Vec<Problem>,
    /// For a percentile plot: share of the records, and the latency in milliseconds that it does not exceed.
    pub(crate) latency_curve: Vec<(f64, f64)>,
    pub(crate) series: Vec<Sample>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Setting {
    pub(crate) name: String,
    pub(crate) value: String,
}

/// Of the measured records. `sent` = `acked` + `failed` + `unknown`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Totals {
    pub(crate) sent: u64,
    pub(crate) acked: u64,
    /// Known not to be written.
    pub(crate) failed: u64,
    /// Failed, and perhaps written.
    pub(crate) unknown: u64,
    /// Due by the rate, and not sent before the end.
    pub(crate) missed: u64,
    /// Key and value bytes of what was acknowledged.
    pub(crate) bytes: u64,
    /// From the beginning to the last outcome.
    pub(crate) seconds: f64,
    pub(crate) records_per_second: f64,
    pub(crate) bytes_per_second: f64,
    pub(crate) batches: u64,
    /// As they were sent, compressed, headers included.
    pub(crate) batch_bytes: f64,
    /// That, as a share of `batch.size`.
    pub(crate) batch_fill: f64,
    /// What compression left of a batch, on average.
    pub(crate) compression: f64,
    /// Produce requests.
    pub(crate) requests: u64,
    pub(crate) records_per_request: f64,
    /// From a Produce request to its answer, on average.
    pub(crate) request_ms: f64,
    /// From a batch's first record to its sending, on average.
    pub(crate) queue_ms: f64,
    /// Records sent again.
    pub(crate) retries: u64,
    /// That `send` waited for `buffer.memory`, all producers together.
    pub(crate) memory_wait_seconds: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Latency {
    pub(crate) min: f64,
    pub(crate) mean: f64,
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    pub(crate) max: f64,
}

/// The transactions of a run, all of which were committed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Commits {
    /// Records of a full one.
    pub(crate) size: u64,
    pub(crate) committed: u64,
    pub(crate) commits_per_second: f64,
    /// From the call of a commit to its outcome; `null` if there was none.
    pub(crate) commit_ms: Option<Latency>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Broker {
    pub(crate) id: i32,
    /// Of all bytes that were written.
    pub(crate) share: f64,
    pub(crate) bytes: u64,
    /// Of all kinds.
    pub(crate) requests: u64,
    /// From a Produce request to its answer, on average.
    pub(crate) request_ms: f64,
}

/// An error and how many records met it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Problem {
    pub(crate) error: String,
    pub(crate) records: u64,
}

/// What happened between two moments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sample {
    /// Its end, since the beginning of the measurement.
    pub(crate) seconds: f64,
    /// How long it is.
    pub(crate) span_seconds: f64,
    /// Acknowledged.
    pub(crate) records: u64,
    pub(crate) bytes: u64,
    pub(crate) failed: u64,
    pub(crate) retries: u64,
    pub(crate) p50_ms: Option<f64>,
    pub(crate) p99_ms: Option<f64>,
    pub(crate) max_ms: Option<f64>,
    pub(crate) batch_bytes: Option<f64>,
    pub(crate) batch_fill: Option<f64>,
    pub(crate) records_per_request: Option<f64>,
    /// Records accepted and without an outcome.
    pub(crate) in_flight: u64,
    pub(crate) requests_in_flight: u64,
}

/// What a run measured, before it becomes a result.
pub(crate) struct Measured<'a> {
    pub(crate) started_ms: u64,
    pub(crate) elapsed: std::time::Duration,
    /// Since the beginning.
    pub(crate) reading: Reading,
    pub(crate) latencies: &'a Latencies,
    /// The key's value.
    pub(crate) batch_size: f64,
    pub(crate) series: Vec<Sample>,
    /// Records of a transaction and what commits took, if there were transactions.
    pub(crate) transactions: Option<(u64, Latencies)>,
}

impl PerfResult {
    pub(crate) fn new(measured: Measured<'_>, settings: Vec<Setting>) -> Self {
        let (totals, transactions) = (Totals::new(&measured), Commits::of(&measured));
        let Measured { started_ms, reading, latencies, series, .. } = measured;
        let problem = |met: &Met| Problem { error: met.first.clone(), records: met.records };
        let errors = reading.counts.errors.values().map(problem).collect();
        Self {
            format: FORMAT.to_owned(),
            kp: env!("CARGO_PKG_VERSION").to_owned(),
            started_ms,
            interrupted: false,
            stopped: None,
            settings,
            totals,
            latency_ms: latencies.percentiles().map(Latency::from),
            transactions,
            brokers: brokers(&reading),
            errors,
            latency_curve: thin(&latencies.curve()),
            series,
        }
    }

    /// Every record that was sent or should have been was acknowledged.
    pub(crate) fn is_success(&self) -> bool {
        self.totals.acked == self.totals.sent && self.stopped.is_none()
    }

    /// # Errors
    /// The file cannot be read, or is not what `kp perf --json` printed.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let name = path.display();
        let text = std::fs::read(path).map_err(|error| format!("{name}: {error}"))?;
        let result: Self = serde_json::from_slice(&text)
            .map_err(|error| format!("{name}: not a result of kp perf --json: {error}"))?;
        if result.format != FORMAT {
            return Err(format!("{name}: its format is {:?}; this kp reads {FORMAT:?}", result.format));
        }
        Ok(result)
    }
}

impl Commits {
    fn of(measured: &Measured<'_>) -> Option<Self> {
        let (size, latencies) = measured.transactions.as_ref()?;
        let committed = measured.reading.counts.committed;
        Some(Self {
            size: *size,
            committed,
            commits_per_second: per_second(committed, measured.elapsed),
            commit_ms: latencies.percentiles().map(Latency::from),
        })
    }
}

impl Totals {
    fn new(measured: &Measured<'_>) -> Self {
        let (reading, counts) = (&measured.reading, &measured.reading.counts);
        Self {
            sent: counts.sent,
            acked: counts.acked,
            failed: counts.failed,
            unknown: counts.unknown,
            missed: counts.missed,
            bytes: counts.acked_bytes,
            seconds: measured.elapsed.as_secs_f64(),
            records_per_second: per_second(counts.acked, measured.elapsed),
            bytes_per_second: per_second(counts.acked_bytes, measured.elapsed),
            batches: reading.batches.count,
            batch_bytes: reading.batches.mean(),
            batch_fill: reading.batches.mean() / measured.batch_size,
            compression: reading.compression.mean(),
            requests: reading.requests.count,
            records_per_request: reading.requests.mean(),
            request_ms: reading.request_ms.mean(),
            queue_ms: reading.queue_ms.mean(),
            retries: reading.retries,
            memory_wait_seconds: reading.memory_wait_ns as f64 / 1e9,
        }
    }
}

impl From<Percentiles> for Latency {
    fn from(latency: Percentiles) -> Self {
        let Percentiles { min, p50, p90, p99, p999, max, mean } = latency;
        Self { min, mean, p50, p90, p99, p999, max }
    }
}

fn brokers(reading: &Reading) -> Vec<Broker> {
    let all: u64 = reading.brokers.values().map(|broker| broker.bytes).sum();
    let brokers = reading.brokers.iter();
    brokers
        .map(|(id, broker)| Broker {
            id: *id,
            share: broker.bytes as f64 / all.max(1) as f64,
            bytes: broker.bytes,
            requests: broker.requests,
            request_ms: broker.request_ms.mean(),
        })
        .collect()
}

/// A curve with fewer points: those that lie far enough apart on a percentile plot, and always the first and last.
fn thin(curve: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let last = curve.len().saturating_sub(1);
    // The axis of such a plot: 90 %, 99 %, 99.9 % stand in equal distances. The end is at infinity, and drawn.
    let place = |share: f64| -(1.0 - share).max(1e-9).log10();
    let step = 9.0 / CURVE_POINTS as f64;
    let (mut kept, mut next) = (Vec::new(), 0.0);
    for (number, point) in curve.iter().enumerate() {
        if number == 0 || number == last || place(point.0) >= next {
            kept.push(*point);
            next = place(point.0) + step;
        }
    }
    kept
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use super::*;
    use crate::perf::{
        reading::{BrokerReading, Sum},
        tally::Counts,
    };

    fn failures() -> Counts {
        let met = Met { first: "t-1: <refused> & gone".to_owned(), records: 3 };
        Counts { errors: [(String::new(), met)].into(), ..Counts::default() }
    }

    /// A result of so many samples, each a second long.
    pub(crate) fn result(samples: u32) -> PerfResult {
        let mut latencies = Latencies::new();
        (1..=1000).for_each(|number| latencies.record(Duration::from_micros(number * number)));
        let mut counts = Counts {
            sent: 1003,
            acked: 1000,
            acked_bytes: 100_000,
            failed: 2,
            unknown: 1,
            ..Counts::default()
        };
        counts.add(&failures());
        let broker = |bytes| BrokerReading { requests: 3, bytes, request_ms: Sum { count: 2, sum: 5.0 } };
        let reading = Reading {
            counts,
            batches: Sum { count: 10, sum: 100_000.0 },
            requests: Sum { count: 5, sum: 1000.0 },
            retries: 7,
            brokers: [(1, broker(75_000)), (2, broker(25_000))].into(),
            ..Reading::default()
        };
        let sample = |number: u32| Sample {
            seconds: f64::from(number),
            span_seconds: 1.0,
            records: 1000 + u64::from(number % 10),
            bytes: 100_000,
            failed: 0,
            retries: 0,
            p50_ms: Some(1.5),
            p99_ms: Some(4.0 + f64::from(number % 5)),
            max_ms: Some(20.0),
            batch_bytes: Some(10_000.0),
            batch_fill: Some(0.61),
            records_per_request: Some(200.0),
            in_flight: 400,
            requests_in_flight: 5,
        };
        let series = (1..=samples).map(sample).collect();
        let measured = Measured {
            started_ms: 1_767_225_600_000,
            elapsed: Duration::from_secs(2),
            reading,
            latencies: &latencies,
            batch_size: 16_384.0,
            series,
            transactions: None,
        };
        PerfResult::new(measured, vec![Setting { name: "topic".to_owned(), value: "<t>".to_owned() }])
    }

    #[test]
    fn what_is_written_is_read_again() {
        let result = result(3);
        let text = serde_json::to_string(&result).unwrap();
        assert!(!text.contains('\n'));
        assert_eq!(serde_json::from_str::<PerfResult>(&text).unwrap(), result);
    }

    #[test]
    fn a_file_that_is_no_result_is_named() {
        let path = std::env::temp_dir().join(format!("kp-perf-result-{}.json", std::process::id()));
        let refused = |text: &str| {
            std::fs::write(&path, text).unwrap();
            PerfResult::read(&path).unwrap_err()
        };
        assert!(refused("{}").contains("not a result of kp perf --json: missing field"));
        let other = PerfResult { format: "kp-perf/9".to_owned(), ..result(1) };
        assert!(refused(&serde_json::to_string(&other).unwrap()).contains("its format is \"kp-perf/9\""));
        std::fs::remove_file(&path).unwrap();
        assert!(PerfResult::read(&path).unwrap_err().contains("kp-perf-result"));
    }

    #[test]
    fn totals_are_per_second_and_per_batch() {
        let PerfResult { totals, brokers, latency_ms, .. } = result(1);
        assert_eq!((totals.records_per_second, totals.bytes_per_second), (500.0, 50_000.0));
        assert_eq!((totals.batch_bytes, totals.records_per_request, totals.retries), (10_000.0, 200.0, 7));
        assert!((totals.batch_fill - 0.6104).abs() < 1e-4);
        assert_eq!(brokers.iter().map(|broker| broker.share).collect::<Vec<_>>(), [0.75, 0.25]);
        assert!((latency_ms.unwrap().max - 1000.0).abs() < 1.0);
        assert!(!result(1).is_success());
    }

    #[test]
    fn a_curve_keeps_its_ends_and_rises() {
        let curve: Vec<(f64, f64)> =
            (1..=100_000).map(|number| (f64::from(number) / 1e5, f64::from(number))).collect();
        let thin = thin(&curve);
        assert!((50..=CURVE_POINTS + 2).contains(&thin.len()), "{}", thin.len());
        assert_eq!((thin[0], thin[thin.len() - 1]), (curve[0], curve[curve.len() - 1]));
        assert!(thin.is_sorted_by(|a, b| a.0 < b.0));
        assert!(super::thin(&[]).is_empty());
    }
}
