//! What is seen while it runs: a few lines redrawn each second on a terminal, a plain line each five elsewhere.
//! Owns: what is in them. Draws through [`Console`], on stderr.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::{
    pace::Target,
    reading::Reading,
    table::{milliseconds, percent},
};
use crate::{
    console::Console,
    histogram::Latencies,
    produce::summary::{megabytes, per_second, thousands},
};

const ON_A_TERMINAL: Duration = Duration::from_secs(1);
const ELSEWHERE: Duration = Duration::from_secs(5);

/// The bar is drawn by hand, in its place among the figures.
const TEMPLATE: &str = "{msg}";
const BAR_WIDTH: usize = 24;

/// What is seen. Silent with `--quiet`.
pub(crate) struct Live {
    console: Console,
    bar: Option<ProgressBar>,
    target: Target,
    batch_size: f64,
    window: Window,
}

/// What happened since the last time it was drawn.
struct Window {
    every: Duration,
    began: Duration,
    before: Reading,
    latencies: Latencies,
}

/// The figures of one window, for either view.
struct Figures {
    at: Duration,
    /// Of the target.
    done: f64,
    records_per_second: f64,
    bytes_per_second: f64,
    p50_ms: Option<f64>,
    p99_ms: Option<f64>,
    max_ms: Option<f64>,
    batch_bytes: f64,
    batch_fill: f64,
    records_per_request: f64,
    in_flight: u64,
    requests_in_flight: u64,
    retries: u64,
    failed: u64,
}

impl Live {
    /// Begins to watch, at the beginning of the measurement.
    pub(crate) fn start(console: &Console, target: Target, batch_size: f64, baseline: Reading) -> Self {
        let bar = console.wants_progress().then(|| {
            let bar = ProgressBar::new_spinner();
            // A template that indicatif does not take leaves its own; a test holds it.
            if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
                bar.set_style(style);
            }
            bar
        });
        console.attach(bar.clone());
        let every = if bar.is_some() { ON_A_TERMINAL } else { ELSEWHERE };
        let window = Window { every, began: Duration::ZERO, before: baseline, latencies: Latencies::new() };
        Self { console: console.clone(), bar, target, batch_size, window }
    }

    /// What was counted up to `at`, and the latencies since the last call; drawn when it is time.
    pub(crate) fn tick(&mut self, at: Duration, reading: &Reading, latencies: &Latencies) {
        self.window.latencies.add(latencies);
        // A tick comes a little early or late.
        if at + self.window.every / 50 < self.window.began + self.window.every {
            return;
        }
        let figures = self.figures(at, reading);
        match &self.bar {
            Some(bar) => bar.set_message(figures.lines()),
            None => self.console.note(figures.line()),
        }
        self.window.began = at;
        self.window.before = reading.clone();
        self.window.latencies = Latencies::new();
    }

    fn figures(&self, at: Duration, reading: &Reading) -> Figures {
        let window = &self.window;
        let since = reading.since(&window.before);
        let (now, before) = (&reading.counts, &window.before.counts);
        let span = at.saturating_sub(window.began);
        let latency = window.latencies.percentiles();
        Figures {
            at,
            done: match self.target {
                Target::Records(records) => (now.acked + now.not_acked()) as f64 / records as f64,
                Target::Duration(duration) => at.as_secs_f64() / duration.as_secs_f64(),
            },
            records_per_second: per_second(now.acked.saturating_sub(before.acked), span),
            bytes_per_second: per_second(now.acked_bytes.saturating_sub(before.acked_bytes), span),
            p50_ms: latency.map(|latency| latency.p50),
            p99_ms: latency.map(|latency| latency.p99),
            max_ms: latency.map(|latency| latency.max),
            batch_bytes: since.batches.mean(),
            batch_fill: since.batches.mean() / self.batch_size,
            records_per_request: since.requests.mean(),
            in_flight: now.in_flight(),
            requests_in_flight: reading.requests_in_flight,
            retries: since.retries,
            failed: now.not_acked(),
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.console.attach(None);
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Figures {
    /// For a log.
    fn line(&self) -> String {
        format!(
            "{:>6.1} s  {:>9} records/s  {:>10}/s  p50 {:>8}  p99 {:>8}  batch {:>8}  {} in flight  {} retried  {} failed",
            self.at.as_secs_f64(),
            thousands(self.records_per_second.round() as u64),
            megabytes(self.bytes_per_second),
            latency(self.p50_ms),
            latency(self.p99_ms),
            megabytes(self.batch_bytes),
            thousands(self.in_flight),
            thousands(self.retries),
            thousands(self.failed),
        )
    }

    /// For a terminal.
    fn lines(&self) -> String {
        let done = self.done.clamp(0.0, 1.0);
        let full = (done * BAR_WIDTH as f64).round() as usize;
        let seconds = self.at.as_secs();
        format!(
            "{:02}:{:02}  {}{}  {:>3.0} %\n\
             throughput  {:>12} records/s {:>12}/s\n\
             latency     p50 {:<10} p99 {:<10} max {}\n\
             batches     {} on average ({} full), {:.1} records per request\n\
             in flight   {} records, {} requests\n\
             trouble     {} retried, {} failed",
            seconds / 60,
            seconds % 60,
            "█".repeat(full),
            "░".repeat(BAR_WIDTH - full),
            done * 100.0,
            thousands(self.records_per_second.round() as u64),
            megabytes(self.bytes_per_second),
            latency(self.p50_ms),
            latency(self.p99_ms),
            latency(self.max_ms),
            megabytes(self.batch_bytes),
            percent(self.batch_fill),
            self.records_per_request,
            thousands(self.in_flight),
            thousands(self.requests_in_flight),
            thousands(self.retries),
            thousands(self.failed),
        )
    }
}

fn latency(ms: Option<f64>) -> String {
    ms.map_or_else(|| "–".to_owned(), milliseconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::perf::{reading::Sum, tally::Counts};

    fn reading(acked: u64) -> Reading {
        Reading {
            counts: Counts {
                sent: acked + 12,
                acked,
                acked_bytes: acked * 100,
                failed: 2,
                ..Counts::default()
            },
            batches: Sum { count: acked / 100, sum: acked as f64 * 120.0 },
            requests: Sum { count: acked / 200, sum: acked as f64 },
            retries: acked / 1000,
            requests_in_flight: 4,
            ..Reading::default()
        }
    }

    fn live(target: Target) -> Live {
        Live::start(&Console::new(true), target, 16_384.0, reading(0))
    }

    #[test]
    fn the_template_is_good() {
        assert!(ProgressStyle::with_template(TEMPLATE).is_ok());
    }

    #[test]
    fn a_window_has_what_is_new_and_the_totals_that_matter() {
        let mut live = live(Target::Records(400_000));
        live.tick(ELSEWHERE, &reading(100_000), &Latencies::new());
        let mut latencies = Latencies::new();
        latencies.record(Duration::from_millis(3));
        live.window.latencies.add(&latencies);
        let figures = live.figures(ELSEWHERE * 2, &reading(200_000));
        assert_eq!(
            figures.line(),
            "  10.0 s     20,000 records/s      2.0 MB/s  p50  3.00 ms  p99  3.00 ms  batch  12.0 kB  10 in flight  100 retried  2 failed"
        );
        let lines = figures.lines();
        assert!(lines.starts_with("00:10  ████████████░░░░░░░░░░░░   50 %\n"), "{lines}");
        assert!(lines.contains("12.0 kB on average (73.2 % full), 200.0 records per request"), "{lines}");
        assert!(lines.contains("10 records, 4 requests"), "{lines}");
    }

    #[test]
    fn it_is_drawn_when_it_is_time_and_not_before() {
        let mut live = live(Target::Duration(ELSEWHERE * 4));
        let mut latencies = Latencies::new();
        latencies.record(Duration::from_millis(3));
        live.tick(ELSEWHERE / 2, &reading(1000), &latencies);
        assert_eq!((live.window.began, live.window.latencies.count()), (Duration::ZERO, 1));
        let late = ELSEWHERE - Duration::from_millis(1);
        assert_eq!(live.figures(late, &reading(1000)).done.mul_add(100.0, 0.5) as u32, 25);
        live.tick(late, &reading(1000), &latencies);
        assert_eq!((live.window.began, live.window.latencies.count()), (late, 0));
    }
}
