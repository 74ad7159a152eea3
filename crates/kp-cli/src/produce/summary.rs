//! The last word of a run: as text for a person, as one JSON object for a program.
//! Pure.

use std::time::Duration;

use serde_json::{Value, json};

use super::outcomes::{Tally, Transactions};
use crate::histogram::Percentiles;

/// What a run came to. `sent` = `acked` + `failed` + `unknown`.
#[derive(Debug, Clone)]
pub(crate) struct Summary {
    pub(crate) sent: u64,
    pub(crate) acked: u64,
    /// Failed, and known not to be written.
    pub(crate) failed: u64,
    /// Failed, and perhaps written.
    pub(crate) unknown: u64,
    /// Key and value bytes of what was acknowledged.
    pub(crate) bytes: u64,
    pub(crate) elapsed: Duration,
    pub(crate) latency: Option<Percentiles>,
    /// If the run had them: `acked` are then records of committed ones, `failed` of aborted ones.
    pub(crate) transactions: Option<Transactions>,
    pub(crate) interrupted: bool,
    /// Why the input was not read to its end, if it was not.
    pub(crate) stopped: Option<String>,
}

impl Summary {
    pub(crate) fn new(sent: u64, tally: &Tally, elapsed: Duration) -> Self {
        Self {
            sent,
            acked: tally.acked,
            failed: tally.not_written,
            unknown: tally.unknown,
            bytes: tally.acked_bytes,
            elapsed,
            latency: tally.latencies.percentiles(),
            transactions: tally.transactions,
            interrupted: false,
            stopped: None,
        }
    }

    /// Of a run that is left before everything is settled: what has no outcome yet is `unknown`.
    pub(crate) fn of_a_run_left(tally: &Tally, sent: u64, elapsed: Duration) -> Self {
        let in_doubt = sent.saturating_sub(tally.acked + tally.failures());
        Self { unknown: tally.unknown + in_doubt, interrupted: true, ..Self::new(sent, tally, elapsed) }
    }

    /// Every record of the whole input is acknowledged.
    pub(crate) fn is_success(&self) -> bool {
        self.acked == self.sent && self.stopped.is_none()
    }

    fn records_per_second(&self) -> f64 {
        per_second(self.acked, self.elapsed)
    }

    pub(crate) fn to_json(&self) -> Value {
        let round = |number: f64| (number * 1000.0).round() / 1000.0;
        let mut json = json!({
            "sent": self.sent,
            "acked": self.acked,
            "failed": self.failed,
            "unknown": self.unknown,
            "bytes": self.bytes,
            "seconds": round(self.elapsed.as_secs_f64()),
            "records_per_second": self.records_per_second().round(),
            "latency_ms": self.latency.map(|p| json!({
                "min": p.min, "p50": p.p50, "p90": p.p90, "p99": p.p99, "p999": p.p999, "max": p.max,
                "mean": round(p.mean),
            })),
            "interrupted": self.interrupted,
            "stopped": self.stopped,
        });
        if let Some(Transactions { committed, aborted, retried, unknown }) = self.transactions {
            json["transactions"] =
                json!({ "committed": committed, "aborted": aborted, "retried": retried, "unknown": unknown });
        }
        json
    }

    pub(crate) fn to_text(&self) -> String {
        let mut text = format!(
            "{} of {} records {}, {} in {:.2} s: {} records/s, {}/s",
            thousands(self.acked),
            thousands(self.sent),
            if self.transactions.is_some() { "committed" } else { "acknowledged" },
            megabytes(self.bytes as f64),
            self.elapsed.as_secs_f64(),
            thousands(self.records_per_second() as u64),
            megabytes(per_second(self.bytes, self.elapsed)),
        );
        if self.failed + self.unknown > 0 {
            let (not, perhaps) = match self.transactions {
                Some(_) => ("not visible", "they may be visible"),
                None => ("not written", "they may be written"),
            };
            let (failed, unknown) = (thousands(self.failed), thousands(self.unknown));
            text += &format!("\n{failed} {not}, {unknown} unknown ({perhaps})");
        }
        if let Some(Transactions { committed, aborted, retried, unknown }) = self.transactions {
            let [committed, aborted, retried, unknown] =
                [committed, aborted, retried, unknown].map(thousands);
            text += &format!(
                "\ntransactions: {committed} committed, {aborted} aborted ({retried} sent again), {unknown} unknown"
            );
        }
        if let Some(latency) = &self.latency {
            text += &format!(
                "\nlatency: p50 {:.2} ms, p99 {:.2} ms, p99.9 {:.2} ms, max {:.2} ms",
                latency.p50, latency.p99, latency.p999, latency.max
            );
        }
        text
    }
}

/// Zero when there was no time to speak of.
pub(crate) fn per_second(count: u64, elapsed: Duration) -> f64 {
    if elapsed.is_zero() { 0.0 } else { count as f64 / elapsed.as_secs_f64() }
}

/// `1234567` as `1,234,567`.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes in units of a thousand.
pub(crate) fn megabytes(bytes: f64) -> String {
    match bytes {
        ..1e3 => format!("{bytes:.0} B"),
        ..1e6 => format!("{:.1} kB", bytes / 1e3),
        ..1e9 => format!("{:.1} MB", bytes / 1e6),
        _ => format!("{:.2} GB", bytes / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram::Latencies;

    fn summary() -> Summary {
        let mut latencies = Latencies::new();
        latencies.record(Duration::from_millis(2));
        Summary {
            sent: 1_000_003,
            acked: 1_000_000,
            failed: 2,
            unknown: 1,
            bytes: 100_000_000,
            elapsed: Duration::from_secs(2),
            latency: latencies.percentiles(),
            transactions: None,
            interrupted: false,
            stopped: None,
        }
    }

    #[test]
    fn a_run_with_transactions_tells_of_them_and_of_records_that_are_visible() {
        let transactions = Transactions { committed: 1_000, aborted: 2, retried: 1, unknown: 1 };
        let with = Summary { transactions: Some(transactions), ..summary() };
        let json = &with.to_json()["transactions"];
        assert_eq!((&json["committed"], &json["aborted"]), (&1_000.into(), &2.into()));
        assert_eq!((&json["retried"], &json["unknown"]), (&1.into(), &1.into()));
        let text = with.to_text();
        assert!(text.starts_with("1,000,000 of 1,000,003 records committed"), "{text}");
        assert!(text.contains("\n2 not visible, 1 unknown (they may be visible)\n"), "{text}");
        assert!(
            text.contains("transactions: 1,000 committed, 2 aborted (1 sent again), 1 unknown"),
            "{text}"
        );
        assert!(summary().to_json().get("transactions").is_none());
    }

    #[test]
    fn the_json_has_what_scripts_ask_for() {
        let json = summary().to_json();
        assert_eq!(json["sent"], 1_000_003);
        assert_eq!(json["acked"], 1_000_000);
        assert_eq!((&json["failed"], &json["unknown"]), (&2.into(), &1.into()));
        assert_eq!((&json["bytes"], &json["seconds"]), (&100_000_000.into(), &2.0.into()));
        assert_eq!(json["records_per_second"], 500_000.0);
        assert!((json["latency_ms"]["p99"].as_f64().unwrap() - 2.0).abs() < 0.01);
        assert!(!json.to_string().contains('\n'));
    }

    #[test]
    fn no_record_has_no_latency_and_no_rate() {
        let nothing =
            Summary { sent: 0, acked: 0, failed: 0, unknown: 0, bytes: 0, latency: None, ..summary() };
        let json = nothing.to_json();
        assert!(json["latency_ms"].is_null());
        assert_eq!(json["records_per_second"], 0.0);
        assert!(nothing.is_success());
        assert_eq!(per_second(1, Duration::ZERO), 0.0);
    }

    #[test]
    fn success_is_every_record_of_the_whole_input() {
        assert!(!summary().is_success());
        let all = Summary { acked: 1_000_003, failed: 0, unknown: 0, ..summary() };
        assert!(all.is_success());
        assert!(!Summary { stopped: Some("no memory".to_owned()), ..all }.is_success());
    }

    #[test]
    fn what_a_run_that_is_left_does_not_know_is_unknown() {
        let tally = super::super::outcomes::Outcomes::new(Vec::new(), None).tally();
        let left = Summary::of_a_run_left(&tally, 3, Duration::from_secs(1));
        assert_eq!((left.sent, left.acked, left.unknown, left.interrupted), (3, 0, 3, true));
    }

    #[test]
    fn the_text_is_for_people() {
        let text = summary().to_text();
        assert!(
            text.starts_with("1,000,000 of 1,000,003 records acknowledged, 100.0 MB in 2.00 s"),
            "{text}"
        );
        assert!(text.contains("500,000 records/s, 50.0 MB/s"), "{text}");
        assert!(text.contains("2 not written, 1 unknown"), "{text}");
        assert!(text.contains("p99 2.00 ms"), "{text}");
    }

    #[test]
    fn numbers_are_grouped_by_three() {
        assert_eq!(["0", "999", "1,000", "12,345,678"], [0, 999, 1000, 12_345_678].map(thousands));
    }
}
