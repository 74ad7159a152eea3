//! What the benchmark programs share: arguments, payloads, pacing, and the one line of JSON that they print.
//! The arguments and the line are those of the peers' programs, so that one harness runs all side by side.

#![forbid(unsafe_code)]
#![allow(clippy::disallowed_methods, reason = "benchmarks read the real clock")]

pub mod delay;
pub mod sink;
#[cfg(feature = "tls")]
pub mod tls;
#[cfg(feature = "kp")]
pub mod transactions;

use clap::Parser;
use hdrhistogram::Histogram;
use std::time::{Duration, Instant};

/// Arguments of a benchmark program.
#[derive(Parser, Clone, Debug)]
pub struct Args {
    /// Brokers to start from.
    #[arg(long, default_value = "localhost:19092")]
    pub bootstrap: String,
    /// Start a broker double in this process instead, for trying the program out: it takes its share of the CPU.
    #[arg(long)]
    pub embedded: bool,
    /// Speak TLS and trust this certificate in PEM, as kp-sink writes it.
    #[arg(long, value_name = "FILE")]
    pub tls: Option<std::path::PathBuf>,
    /// Whose cryptography TLS is made of, for kp alone and not with `--mode tasks`.
    #[arg(long, default_value = "ring", value_parser = ["ring", "graviola"])]
    pub provider: String,
    /// Where to.
    #[arg(long, default_value = "bench")]
    pub topic: String,
    /// How many records.
    #[arg(long, default_value_t = 1_000_000)]
    pub records: u64,
    /// Bytes of a value.
    #[arg(long, default_value_t = 100)]
    pub size: usize,
    /// `0`, `1` or `all`.
    #[arg(long, default_value = "1")]
    pub acks: String,
    /// `linger.ms`.
    #[arg(long, default_value_t = 5)]
    pub linger: u64,
    /// `batch.size` in bytes.
    #[arg(long, default_value_t = 16384)]
    pub batch: usize,
    /// `compression.type`.
    #[arg(long, default_value = "none")]
    pub compression: String,
    /// Ask for idempotence.
    #[arg(long)]
    pub idempotence: bool,
    /// Records a second; 0 = as fast as it goes.
    #[arg(long, default_value_t = 0)]
    pub rate: u64,
    /// With a rate: give what falls due within so many microseconds together, at their end, so that every program wakes equally
    /// often; 0 = each as near to its moment as sleeping allows.
    #[arg(long, default_value_t = 0)]
    pub tick: u64,
    /// Distinct 8-byte keys; 0 = no key.
    #[arg(long, default_value_t = 0)]
    pub keys: u64,
    /// How outcomes are taken: drop, deliveries, channel, closure, token, await, tasks. A peer knows those that it has.
    #[arg(long, default_value = "drop")]
    pub mode: String,
    /// No clock read and no histogram per record: outcomes are only counted.
    #[arg(long)]
    pub no_latency: bool,
    /// `buffer.memory` in bytes.
    #[arg(long, default_value_t = 32 << 20)]
    pub buffer: usize,
    /// Application threads.
    #[arg(long, default_value_t = 1)]
    pub threads: u64,
    /// Topics, taken in turn: `TOPIC-0`, `TOPIC-1`, … instead of `TOPIC` if more than one.
    #[arg(long, default_value_t = 1)]
    pub topics: u64,
    /// For `--mode tasks`: how many tasks each send a record, await its outcome, and send the next.
    #[arg(long, default_value_t = 10_000)]
    pub tasks: u64,
    /// Records of a transaction; 0 = no transactions. Latency is then that of commits, and `--mode` says nothing.
    #[arg(long, default_value_t = 0)]
    pub txn: u64,
}

impl Args {
    /// The names of the topics, in the order in which records go to them.
    #[must_use]
    pub fn topic_names(&self) -> Vec<String> {
        let topics = self.topics.max(1);
        (0..topics).map(|number| sink::topic_name(&self.topic, number, topics)).collect()
    }
}

/// A thousand and twenty-four values of JSON-like text, about half compressible; the same as the peers'.
#[must_use]
pub fn payloads(size: usize) -> Vec<Vec<u8>> {
    let mut state: u64 = 0x9E37_79B9_7F4A_7C15;
    let value = |number: usize| {
        let mut value =
            format!("{{\"id\":{number},\"user\":\"u{}\",\"event\":\"page_view\",\"ref\":\"", number % 97)
                .into_bytes();
        while value.len() < size {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            value.push(b"0123456789abcdef"[(state & 15) as usize]);
        }
        value.truncate(size);
        value
    };
    (0..1024).map(value).collect()
}

/// The key of record `number` out of `keys`.
#[must_use]
pub fn key(number: u64, keys: u64) -> [u8; 8] {
    (number.wrapping_mul(0x9E37_79B9_7F4A_7C15) % keys.max(1)).to_be_bytes()
}

/// Spreads records evenly over time.
#[derive(Clone, Copy, Debug)]
pub struct Pacer {
    start: Instant,
    rate: u64,
    tick_ns: u128,
}

impl Pacer {
    /// `rate` records a second from now on, in bursts each `tick`; 0 = no pacing, no bursts.
    #[must_use]
    pub fn new(args: &Args) -> Self {
        Self { start: Instant::now(), rate: args.rate, tick_ns: u128::from(args.tick) * 1_000 }
    }

    /// Sleeps until record `number` is due, if that is worth a sleep.
    pub fn wait(&self, number: u64) {
        if let Some(ahead) = self.ahead(number) {
            std::thread::sleep(ahead);
        }
    }

    /// How long until record `number` is due, if that is worth a sleep.
    #[must_use]
    pub fn ahead(&self, number: u64) -> Option<Duration> {
        if self.rate == 0 {
            return None;
        }
        let due = u128::from(number) * 1_000_000_000 / u128::from(self.rate);
        let due = due.checked_div(self.tick_ns).map_or(due, |ticks| (ticks + 1) * self.tick_ns);
        let due = Duration::from_nanos(due as u64);
        let ahead = due.saturating_sub(self.start.elapsed());
        (ahead > Duration::from_micros(200)).then_some(ahead)
    }
}

/// Microseconds from 1 to ten minutes.
///
/// # Panics
/// Never: the bounds are constant and valid.
#[must_use]
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 600_000_000, 3).expect("the bounds are valid")
}

/// What became of the records of one run.
#[derive(Clone, Debug)]
pub struct Outcomes {
    /// Acknowledged.
    pub ok: u64,
    /// Not.
    pub failed: u64,
    /// Microseconds from `send` to outcome, if they were measured; of transactions, from the call of commit to its outcome.
    pub latency: Histogram<u64>,
    /// Transactions that were committed.
    pub commits: u64,
}

impl Outcomes {
    /// Of nothing yet.
    #[must_use]
    pub fn none() -> Self {
        Self { ok: 0, failed: 0, latency: histogram(), commits: 0 }
    }
}

/// Prints the line of JSON that the harness reads.
pub fn report(peer: &str, args: &Args, took: Duration, outcomes: &Outcomes) {
    let (user, system, peak_mb) = process_cost();
    let seconds = took.as_secs_f64();
    let ok = outcomes.ok as f64;
    let ms = |quantile: f64| outcomes.latency.value_at_quantile(quantile) as f64 / 1000.0;
    #[expect(clippy::print_stdout, reason = "the result of the program")]
    {
        println!(
            "{{\"peer\":\"{peer}\",\"records\":{},\"size\":{},\"acks\":\"{}\",\"compression\":\"{}\",\
             \"idempotence\":{},\"ok\":{},\"failed\":{},\"secs\":{seconds:.3},\"rec_per_s\":{:.0},\
             \"mb_per_s\":{:.1},\"cpu_us_per_rec\":{:.3},\"cpu_user\":{user:.2},\"cpu_sys\":{system:.2},\
             \"rss_mb\":{peak_mb:.0},\"commits\":{},\"commits_per_s\":{:.1},\"p50_ms\":{:.3},\"p99_ms\":{:.3},\"p999_ms\":{:.3},\"max_ms\":{:.3}}}",
            args.records,
            args.size,
            args.acks,
            args.compression,
            args.idempotence,
            outcomes.ok,
            outcomes.failed,
            ok / seconds,
            ok * args.size as f64 / seconds / 1e6,
            (user + system) * 1e6 / ok.max(1.0),
            outcomes.commits,
            outcomes.commits as f64 / seconds,
            ms(0.5),
            ms(0.99),
            ms(0.999),
            outcomes.latency.max() as f64 / 1000.0,
        );
    }
}

/// Kibibytes of memory that this process has now; zero where the system has no `/proc`.
#[must_use]
pub fn memory_held() -> u64 {
    status("VmRSS:")
}

/// A number of the process's status.
fn status(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.trim().trim_end_matches("kB").trim().parse().unwrap_or(0)
}

/// CPU seconds (user, system) and peak resident megabytes of this process; zeros where the system has no `/proc`.
fn process_cost() -> (f64, f64, f64) {
    // Clock ticks are a hundredth of a second on every Linux that kp runs on.
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let field = |index: usize| {
        after_name.split_whitespace().nth(index).and_then(|ticks| ticks.parse::<f64>().ok()).unwrap_or(0.0)
    };
    let peak_mb = status("VmHWM:") as f64 / 1024.0;
    (field(11) / TICKS_PER_SECOND, field(12) / TICKS_PER_SECOND, peak_mb)
}
