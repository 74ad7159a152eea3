//! Results as tables: one, or two beside each other. The terminal and the report show the same rows.
//! Owns: which figures there are, how each is written, and whether more of it is better. Pure.

use std::fmt::Write as _;

use super::result::{Commits, PerfResult};
use crate::produce::summary::{megabytes, thousands};

/// The first of the figures about transactions.
const COMMITS: &str = "commits/s";

/// One figure of a result.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// For a ratio; `None` where the result has no such figure.
    pub(crate) number: Option<f64>,
    pub(crate) text: String,
    pub(crate) better: Better,
}

/// Which way a figure gets better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Better {
    More,
    Less,
    Neither,
}

/// Every figure, in the order in which they are shown; the same names for each result.
pub(crate) fn rows(result: &PerfResult) -> Vec<Row> {
    use Better::{Less, More, Neither};
    let totals = &result.totals;
    let row = |name, number: f64, text, better| Row { name, number: Some(number), text, better };
    let count = |name, number: u64, better| row(name, number as f64, thousands(number), better);
    let latency = |name, of: fn(&super::result::Latency) -> f64| {
        let number = result.latency_ms.as_ref().map(of);
        Row { name, number, text: number.map_or_else(|| "–".to_owned(), milliseconds), better: Less }
    };
    let of_commits = |name, of: fn(&Commits) -> Option<f64>, text: fn(f64) -> String, better| {
        let number = result.transactions.as_ref().and_then(of);
        Row { name, number, text: number.map_or_else(|| "–".to_owned(), text), better }
    };
    vec![
        count("records acknowledged", totals.acked, Neither),
        row("volume", totals.bytes as f64, megabytes(totals.bytes as f64), Neither),
        row("time", totals.seconds, format!("{:.2} s", totals.seconds), Neither),
        row(
            "records/s",
            totals.records_per_second,
            thousands(totals.records_per_second.round() as u64),
            More,
        ),
        row("volume/s", totals.bytes_per_second, format!("{}/s", megabytes(totals.bytes_per_second)), More),
        latency("latency p50", |latency| latency.p50),
        latency("latency p90", |latency| latency.p90),
        latency("latency p99", |latency| latency.p99),
        latency("latency p99.9", |latency| latency.p999),
        latency("latency max", |latency| latency.max),
        latency("latency mean", |latency| latency.mean),
        of_commits(COMMITS, |commits| Some(commits.commits_per_second), |rate| format!("{rate:.1}"), More),
        of_commits("commit p50", |commits| Some(commits.commit_ms.as_ref()?.p50), milliseconds, Less),
        of_commits("commit p99", |commits| Some(commits.commit_ms.as_ref()?.p99), milliseconds, Less),
        row("batch, average", totals.batch_bytes, megabytes(totals.batch_bytes), Neither),
        row("batch fill", totals.batch_fill, percent(totals.batch_fill), Neither),
        row("left by compression", totals.compression, percent(totals.compression), Less),
        row(
            "records per request",
            totals.records_per_request,
            format!("{:.1}", totals.records_per_request),
            Neither,
        ),
        count("requests", totals.requests, Neither),
        row("request, average", totals.request_ms, answered(totals.request_ms), Less),
        row("batch queued, average", totals.queue_ms, milliseconds(totals.queue_ms), Less),
        row(
            "waited for memory",
            totals.memory_wait_seconds,
            format!("{:.2} s", totals.memory_wait_seconds),
            Less,
        ),
        count("records retried", totals.retries, Less),
        count("failed", totals.failed, Less),
        count("unknown (perhaps written)", totals.unknown, Less),
        count("missed (due, not sent)", totals.missed, Less),
    ]
}

/// `3.1 µs`, `1.52 ms`, `12.3 s`: three digits.
pub(crate) fn milliseconds(ms: f64) -> String {
    match ms {
        ..1.0 => format!("{:.0} µs", ms * 1000.0),
        ..10.0 => format!("{ms:.2} ms"),
        ..100.0 => format!("{ms:.1} ms"),
        ..10_000.0 => format!("{} ms", thousands(ms.round() as u64)),
        _ => format!("{:.1} s", ms / 1000.0),
    }
}

/// The average time to an answer; with acks=0 there is none.
pub(crate) fn answered(ms: f64) -> String {
    if ms > 0.0 { milliseconds(ms) } else { "–".to_owned() }
}

pub(crate) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// The last word of a run.
pub(crate) fn text(result: &PerfResult) -> String {
    let mut text = String::new();
    let has_transactions = result.transactions.is_some();
    for row in rows(result).iter().filter(|row| has_transactions || !row.name.starts_with("commit")) {
        line(&mut text, row.name, &row.text);
    }
    for broker in &result.brokers {
        let share = format!(
            "{}: {}, {} requests, {} each",
            percent(broker.share),
            megabytes(broker.bytes as f64),
            thousands(broker.requests),
            answered(broker.request_ms)
        );
        line(&mut text, &format!("broker {}", broker.id), &share);
    }
    for problem in &result.errors {
        line(&mut text, &format!("error, {} times", thousands(problem.records)), &problem.error);
    }
    let lost = result.totals.failed + result.totals.unknown + result.totals.missed;
    if lost > 0 {
        let what = format!("latency is that of what was acknowledged; {} records were not", thousands(lost));
        line(&mut text, "note", &what);
    }
    if let Some(stopped) = &result.stopped {
        line(&mut text, "stopped early", stopped);
    }
    text
}

fn line(text: &mut String, name: &str, value: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{name:<26}{value}");
}

#[cfg(test)]
mod tests {
    use super::{super::result::tests::result, *};

    #[test]
    fn a_table_says_what_was_measured_and_who_took_it() {
        let text = text(&result(1));
        for part in [
            "records acknowledged      1,000\n",
            "records/s                 500\n",
            "volume/s                  50.0 kB/s\n",
            "batch fill                61.0 %\n",
            "records retried           7\n",
            "broker 1                  75.0 %: 75.0 kB, 3 requests, 2.50 ms each\n",
            "error, 3 times            t-1: <refused> & gone\n",
            "note                      latency is that of what was acknowledged; 3 records were not\n",
        ] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
        assert!(!text.contains("stopped early"));
        let stopped = PerfResult { stopped: Some("no such topic".to_owned()), ..result(1) };
        assert!(super::text(&stopped).ends_with("stopped early             no such topic\n"));
    }

    #[test]
    fn nothing_acknowledged_has_no_latency() {
        let rows = rows(&PerfResult { latency_ms: None, ..result(1) });
        let p99 = rows.iter().find(|row| row.name == "latency p99").unwrap();
        assert_eq!((p99.number, p99.text.as_str()), (None, "–"));
    }

    #[test]
    fn what_is_not_answered_has_no_time() {
        let mut unanswered = result(1);
        unanswered.brokers.iter_mut().for_each(|broker| broker.request_ms = 0.0);
        assert!(text(&unanswered).contains("75.0 kB, 3 requests, – each\n"));
    }

    #[test]
    fn milliseconds_have_three_digits() {
        assert_eq!(
            [0.0031, 1.519, 15.19, 151.9, 1519.0, 15_190.0].map(milliseconds),
            ["3 µs", "1.52 ms", "15.2 ms", "152 ms", "1,519 ms", "15.2 s"]
        );
    }
}
