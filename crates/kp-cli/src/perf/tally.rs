//! What became of the records of one producer.
//! Touched by the thread that sends, the network thread (the listener) and the sampler. Lock: one, held for a few
//! nanoseconds per record; a sampler swaps the histogram under it and looks at it elsewhere.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use kp_producer::{Certainty, DeliveryReport, SendError};

use super::payload::LARGEST_PAYLOAD;
use crate::histogram::Latencies;

/// A token is the record's beginning in microseconds, in 40 bits, and below it its bytes, in 24: so nothing has to be
/// kept for a record while it is on its way. Latencies below 12 days come out right.
const SIZE_BITS: u32 = 24;
const MICROS: u64 = (1 << 40) - 1;

/// So many different errors are kept word by word.
const ERRORS: usize = 10;
const OTHER_ERRORS: &str = "other errors";

/// Errors that say the same: the first of them, and how many records met one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Met {
    pub(crate) first: String,
    pub(crate) records: u64,
}

/// The outcomes so far. `sent` = `acked` + `failed` + `unknown` + what is on its way.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts {
    /// Records that `send` was called with.
    pub(crate) sent: u64,
    /// Due, and not sent before the end.
    pub(crate) missed: u64,
    /// Acknowledged.
    pub(crate) acked: u64,
    /// Key and value bytes of what was acknowledged.
    pub(crate) acked_bytes: u64,
    /// Known not to be written.
    pub(crate) failed: u64,
    /// Failed, and perhaps written.
    pub(crate) unknown: u64,
    /// By what they say, whatever the numbers in it.
    pub(crate) errors: BTreeMap<String, Met>,
    /// When the last outcome was known.
    pub(crate) last: Option<Instant>,
    /// Transactions.
    pub(crate) committed: u64,
}

impl Counts {
    /// Accepted and without an outcome.
    pub(crate) fn in_flight(&self) -> u64 {
        self.sent.saturating_sub(self.acked + self.failed + self.unknown)
    }

    /// Not acknowledged, whether it may be written or not.
    pub(crate) fn not_acked(&self) -> u64 {
        self.failed + self.unknown
    }

    /// Adds another producer's.
    pub(crate) fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.missed += other.missed;
        self.acked += other.acked;
        self.acked_bytes += other.acked_bytes;
        self.failed += other.failed;
        self.unknown += other.unknown;
        self.last = self.last.max(other.last);
        self.committed += other.committed;
        other.errors.values().for_each(|met| self.met(&met.first, met.records));
    }

    fn met(&mut self, text: &str, records: u64) {
        let without = without_numbers(text);
        let is_kept = self.errors.len() < ERRORS || self.errors.contains_key(&without);
        let (key, first) = if is_kept { (without, text) } else { (OTHER_ERRORS.to_owned(), OTHER_ERRORS) };
        self.errors.entry(key).or_insert_with(|| Met { first: first.to_owned(), records: 0 }).records +=
            records;
    }

    fn fail(&mut self, certainty: Certainty, text: &str) {
        match certainty {
            Certainty::NotWritten => self.failed += 1,
            // A failure of a record that is written is a contradiction; "unknown" is the safe reading.
            Certainty::Unknown | Certainty::Written => self.unknown += 1,
        }
        self.met(text, 1);
    }
}

/// Two errors of one kind differ in partitions and times: in the words with a digit.
fn without_numbers(text: &str) -> String {
    let words = text.split_whitespace();
    let plain =
        words.map(|word| if word.contains(|letter: char| letter.is_ascii_digit()) { "#" } else { word });
    plain.collect::<Vec<_>>().join(" ")
}

#[derive(Debug)]
struct Settled {
    counts: Counts,
    /// Since the last sample.
    latencies: Latencies,
    /// What each commit took, from its call on.
    commits: Latencies,
}

/// The outcomes of one producer.
#[derive(Debug)]
pub(crate) struct Tally {
    epoch: Instant,
    sent: AtomicU64,
    missed: AtomicU64,
    settled: Mutex<Settled>,
}

impl Tally {
    /// No record begins before `epoch`.
    pub(crate) fn new(epoch: Instant) -> Self {
        Self {
            epoch,
            sent: AtomicU64::new(0),
            missed: AtomicU64::new(0),
            settled: Mutex::new(Settled {
                counts: Counts::default(),
                latencies: Latencies::new(),
                commits: Latencies::new(),
            }),
        }
    }

    /// Before `send`: the token of a record with so many bytes, the latency of which begins at `start`.
    pub(crate) fn begin(&self, start: Instant, bytes: usize) -> u64 {
        self.sent.fetch_add(1, Relaxed);
        self.token(start, bytes)
    }

    fn token(&self, start: Instant, bytes: usize) -> u64 {
        let micros = start.saturating_duration_since(self.epoch).as_micros() as u64 & MICROS;
        micros << SIZE_BITS | (bytes as u64).min(LARGEST_PAYLOAD)
    }

    /// The listener of the producer.
    pub(crate) fn settled(&self, token: u64, report: &DeliveryReport<'_>) {
        let now = Instant::now();
        match report.error() {
            None => self.acknowledged(token, now),
            Some(error) => self.failed(error.certainty(), &error.to_string(), now),
        }
    }

    fn acknowledged(&self, token: u64, now: Instant) {
        let micros =
            (now.saturating_duration_since(self.epoch).as_micros() as u64).wrapping_sub(token >> SIZE_BITS);
        let mut settled = self.lock();
        settled.counts.acked += 1;
        settled.counts.acked_bytes += token & LARGEST_PAYLOAD;
        settled.counts.last = Some(now);
        settled.latencies.record(Duration::from_micros(micros & MICROS));
    }

    /// A transaction was committed, which took so long.
    pub(crate) fn committed(&self, took: Duration) {
        let mut settled = self.lock();
        settled.counts.committed += 1;
        settled.counts.last = Some(Instant::now());
        settled.commits.record(took);
    }

    /// What all commits took.
    pub(crate) fn add_commits(&self, to: &mut Latencies) {
        to.add(&self.lock().commits);
    }

    /// `send` did not accept a record that was begun.
    pub(crate) fn refused(&self, error: &SendError) {
        self.failed(error.certainty(), &error.to_string(), Instant::now());
    }

    fn failed(&self, certainty: Certainty, text: &str, now: Instant) {
        let mut settled = self.lock();
        settled.counts.fail(certainty, text);
        settled.counts.last = Some(now);
    }

    /// A record that was begun is not sent after all: as if it had never been.
    pub(crate) fn withdraw(&self) {
        self.sent.fetch_sub(1, Relaxed);
    }

    /// Records that were due and will not be sent.
    pub(crate) fn missed(&self, records: u64) {
        self.missed.fetch_add(records, Relaxed);
    }

    /// From here on it counts: what came before is given back and forgotten. Nothing may be on its way.
    pub(crate) fn restart(&self) -> Counts {
        let counts = self.sample(&mut Latencies::new());
        self.sent.store(0, Relaxed);
        self.missed.store(0, Relaxed);
        let mut settled = self.lock();
        (settled.counts, settled.commits) = (Counts::default(), Latencies::new());
        drop(settled);
        counts
    }

    /// The counts so far; the latencies since the last sample are added to `latencies`.
    pub(crate) fn sample(&self, latencies: &mut Latencies) -> Counts {
        // Made before the lock is taken: it is large.
        let mut since = Latencies::new();
        let mut settled = self.lock();
        std::mem::swap(&mut settled.latencies, &mut since);
        let counts = settled.counts.clone();
        drop(settled);
        latencies.add(&since);
        // Read last: what is settled was sent before.
        Counts { sent: self.sent.load(Relaxed), missed: self.missed.load(Relaxed), ..counts }
    }

    fn lock(&self) -> MutexGuard<'_, Settled> {
        self.settled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_brings_back_the_latency_and_the_size() {
        let tally = Tally::new(Instant::now());
        let start = tally.epoch + Duration::from_secs(5);
        let token = tally.begin(start, 1234);
        tally.acknowledged(token, start + Duration::from_millis(250));
        let mut latencies = Latencies::new();
        let counts = tally.sample(&mut latencies);
        assert_eq!((counts.sent, counts.acked, counts.acked_bytes, counts.in_flight()), (1, 1, 1234, 0));
        let latency = latencies.percentiles().unwrap().max;
        assert!((latency - 250.0).abs() < 0.3, "{latency}");
        assert!(latencies.percentiles().unwrap().min > 249.0);
        tally.sample(&mut latencies);
        assert_eq!(latencies.count(), 1, "a sample has what is new");
    }

    #[test]
    fn a_token_outlives_its_forty_bits() {
        let tally = Tally::new(Instant::now());
        let start = tally.epoch + Duration::from_micros(MICROS);
        let token = tally.begin(start, usize::MAX);
        assert_eq!(token, u64::MAX);
        tally.acknowledged(token, start + Duration::from_millis(2));
        let mut latencies = Latencies::new();
        tally.sample(&mut latencies);
        assert!((latencies.percentiles().unwrap().max - 2.0).abs() < 0.01);
    }

    #[test]
    fn every_record_sent_is_acked_failed_unknown_or_in_flight() {
        let tally = Tally::new(Instant::now());
        let now = Instant::now();
        for _ in 0..5 {
            tally.begin(now, 1);
        }
        tally.acknowledged(tally.token(now, 1), now);
        tally.failed(Certainty::Unknown, "expired", now);
        tally.failed(Certainty::NotWritten, "too large", now);
        tally.withdraw();
        tally.missed(7);
        let counts = tally.sample(&mut Latencies::new());
        assert_eq!(
            (counts.sent, counts.acked, counts.failed, counts.unknown, counts.missed),
            (4, 1, 1, 1, 7)
        );
        assert_eq!((counts.in_flight(), counts.not_acked()), (1, 2));
    }

    #[test]
    fn a_warm_up_is_given_back_and_forgotten() {
        let tally = Tally::new(Instant::now());
        let now = Instant::now();
        let token = tally.begin(now, 1);
        tally.acknowledged(token, now);
        assert_eq!(tally.restart().acked, 1);
        let mut latencies = Latencies::new();
        let counts = tally.sample(&mut latencies);
        assert_eq!((counts.sent, counts.acked, latencies.count(), counts.last), (0, 0, 0, None));
    }

    #[test]
    fn errors_that_differ_in_numbers_are_one() {
        let mut counts = Counts::default();
        counts.met("t-1: no answer (1 attempt in 3.0s, linger 219.1µs)", 2);
        counts.met("t-7: no answer (1 attempt in 3.1s, linger 5.0ms)", 3);
        counts.met("t-1: refused", 1);
        let met: Vec<(&str, u64)> =
            counts.errors.values().map(|met| (met.first.as_str(), met.records)).collect();
        assert_eq!(met, [("t-1: no answer (1 attempt in 3.0s, linger 219.1µs)", 5), ("t-1: refused", 1)]);
        let mut all = counts.clone();
        all.add(&counts);
        assert_eq!(all.errors.values().map(|met| met.records).collect::<Vec<_>>(), [10, 2]);
    }

    #[test]
    fn only_so_many_errors_are_kept_apart() {
        let mut counts = Counts::default();
        (b'a'..=b'y').for_each(|letter| counts.fail(Certainty::NotWritten, &char::from(letter).to_string()));
        counts.fail(Certainty::NotWritten, "c");
        assert_eq!((counts.errors.len(), counts.errors["c"].records), (ERRORS + 1, 2));
        assert_eq!(counts.errors.values().map(|met| met.records).sum::<u64>(), 26);
    }
}
