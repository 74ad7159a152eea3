//! What became of each record: counted by the callbacks, asked by the progress bar and the summary.
//! Touched by the thread that sends, the network thread (callbacks) and the thread that draws. Lock: one, held for a few
//! nanoseconds per record; nothing is written or printed under it.

use std::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

use kp_producer::{Certainty, DeliveryError, RecordMetadata, SendError};

use super::outcome_line::{Fate, OutcomeLine, Place};
use crate::histogram::Latencies;

/// Records accepted and not done with. It bounds the memory that callbacks and waiting outcome lines take; at a
/// round trip of 50 ms it still lets 2.6 million records per second through.
const MAX_OUTSTANDING: u64 = 128 * 1024;

/// How many failures are told one by one.
const TOLD_FAILURES: u64 = 5;

/// How many transactions ended how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Transactions {
    pub(crate) committed: u64,
    /// All of them, those that were sent again as well.
    pub(crate) aborted: u64,
    /// How often the lines of an aborted one were sent again.
    pub(crate) retried: u64,
    pub(crate) unknown: u64,
}

/// The counts so far.
#[derive(Debug, Clone)]
pub(crate) struct Tally {
    /// Records acknowledged; with transactions, committed.
    pub(crate) acked: u64,
    /// Records known not to be written.
    pub(crate) not_written: u64,
    /// Records that failed and may be written.
    pub(crate) unknown: u64,
    /// Key and value bytes of the acknowledged ones.
    pub(crate) acked_bytes: u64,
    /// From `send` to the callback, of the acknowledged ones.
    pub(crate) latencies: Latencies,
    /// If the run has them.
    pub(crate) transactions: Option<Transactions>,
    /// Failures that were told, one by one or with their transaction.
    told: u64,
    unreported: Vec<String>,
}

impl Tally {
    /// All failures.
    pub(crate) fn failures(&self) -> u64 {
        self.not_written + self.unknown
    }

    /// Failures that were only counted.
    pub(crate) fn silent_failures(&self) -> u64 {
        self.failures() - self.told
    }
}

/// What the callback of a record takes along: small, because there are many.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent {
    pub(crate) place: Place,
    /// Nanoseconds since the start.
    at_ns: u64,
    bytes: u32,
}

/// All outcomes of one run.
#[derive(Debug)]
pub(crate) struct Outcomes {
    started: Instant,
    accepted: AtomicU64,
    outstanding: AtomicU64,
    tally: Mutex<Tally>,
    room: Condvar,
    file: Option<mpsc::Sender<OutcomeLine>>,
    /// What the inputs are called, by [`Place::source`].
    sources: Vec<String>,
}

impl Outcomes {
    pub(crate) fn new(sources: Vec<String>, file: Option<mpsc::Sender<OutcomeLine>>) -> Self {
        Self {
            sources,
            started: Instant::now(),
            accepted: AtomicU64::new(0),
            outstanding: AtomicU64::new(0),
            tally: Mutex::new(Tally {
                acked: 0,
                not_written: 0,
                unknown: 0,
                acked_bytes: 0,
                latencies: Latencies::new(),
                transactions: None,
                told: 0,
                unreported: Vec::new(),
            }),
            room: Condvar::new(),
            file,
        }
    }

    /// Before `send`: waits while too many records are not done with (unless it `is_over`), then notes the time.
    pub(crate) fn begin(&self, place: Place, bytes: usize, is_over: impl Fn() -> bool) -> Sent {
        self.wait_for_room(is_over);
        self.begin_now(place, bytes)
    }

    /// Waits while too many records are not done with, unless it `is_over`.
    pub(crate) fn wait_for_room(&self, is_over: impl Fn() -> bool) {
        if self.outstanding.load(Ordering::Acquire) >= MAX_OUTSTANDING {
            let mut tally = self.lock();
            while self.outstanding.load(Ordering::Acquire) >= MAX_OUTSTANDING && !is_over() {
                // The one who makes room does not take the lock: so look again soon.
                let (guard, _) = self
                    .room
                    .wait_timeout(tally, Duration::from_millis(1))
                    .unwrap_or_else(PoisonError::into_inner);
                tally = guard;
            }
        }
    }

    /// As [`begin`](Self::begin), for a caller whose records have a bound of their own: it waits for nothing.
    pub(crate) fn begin_now(&self, place: Place, bytes: usize) -> Sent {
        self.accepted.fetch_add(1, Ordering::Relaxed);
        self.outstanding.fetch_add(1, Ordering::AcqRel);
        let at_ns = u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        Sent { place, at_ns, bytes: u32::try_from(bytes).unwrap_or(u32::MAX) }
    }

    /// The callback of an accepted record.
    pub(crate) fn settled(&self, sent: Sent, result: Result<RecordMetadata, DeliveryError>) {
        let latency = self.started.elapsed().saturating_sub(Duration::from_nanos(sent.at_ns));
        match result {
            Ok(metadata) => {
                let mut tally = self.lock();
                tally.acked += 1;
                tally.acked_bytes += u64::from(sent.bytes);
                tally.latencies.record(latency);
                drop(tally);
                let (partition, offset) = (metadata.partition().0, metadata.offset());
                self.done(|| OutcomeLine::acked(sent.place, partition, offset, latency));
            }
            Err(error) => self.failed(sent.place, error.certainty(), error.to_string()),
        }
    }

    /// The transaction of a record has ended, and was told of.
    pub(crate) fn ended(
        &self,
        sent: Sent,
        transaction: Option<&Arc<str>>,
        fate: Fate,
        at: Option<(i32, Option<i64>)>,
    ) {
        let latency = self.started.elapsed().saturating_sub(Duration::from_nanos(sent.at_ns));
        let mut tally = self.lock();
        match fate {
            Fate::Committed => {
                tally.acked += 1;
                tally.acked_bytes += u64::from(sent.bytes);
                tally.latencies.record(latency);
            }
            Fate::Aborted => tally.not_written += 1,
            Fate::Unknown => tally.unknown += 1,
        }
        tally.told += u64::from(fate != Fate::Committed);
        drop(tally);
        self.done(|| OutcomeLine::ended(sent.place, transaction.cloned(), fate, at));
    }

    /// A line that was begun, and is no record that a broker would take.
    pub(crate) fn unfit(&self, sent: Sent, what: String) {
        self.failed(sent.place, Certainty::NotWritten, what);
    }

    /// Counts transactions; once called, the run has them.
    pub(crate) fn count_transactions(&self, count: impl FnOnce(&mut Transactions)) {
        count(self.lock().transactions.get_or_insert_default());
    }

    /// A record that was begun is not sent after all: as if it had never been.
    pub(crate) fn withdraw(&self) {
        self.accepted.fetch_sub(1, Ordering::Relaxed);
        self.release();
    }

    /// A record that `send` did not accept.
    pub(crate) fn refused(&self, sent: Sent, error: &SendError) {
        self.failed(sent.place, error.certainty(), error.to_string());
    }

    /// Where a record stands, in words.
    pub(crate) fn locate(&self, place: Place) -> String {
        let source = self.sources.get(place.source as usize).map_or("input", String::as_str);
        format!("{source}, line {}", place.line)
    }

    /// A line that is no record.
    pub(crate) fn rejected(&self, place: Place, what: String) {
        let sent = self.begin(place, 0, || false);
        self.failed(sent.place, Certainty::NotWritten, what);
    }

    fn failed(&self, place: Place, certainty: Certainty, error: String) {
        let mut tally = self.lock();
        match certainty {
            Certainty::NotWritten => tally.not_written += 1,
            // A failure of a record that is written is a contradiction; "unknown" is the safe reading.
            Certainty::Unknown | Certainty::Written => tally.unknown += 1,
        }
        if tally.told < TOLD_FAILURES {
            tally.told += 1;
            tally.unreported.push(format!("{}: {error}", self.locate(place)));
        }
        drop(tally);
        self.done(|| OutcomeLine::failed(place, certainty, error));
    }

    /// A line of the file is the last thing a record needs; without a file it is done now.
    fn done(&self, line: impl FnOnce() -> OutcomeLine) {
        match &self.file {
            // The writer lives until `OutcomeLine::End`; if it is gone, the record is done all the same.
            Some(file) if file.send(line()).is_ok() => {}
            _ => self.release(),
        }
    }

    /// One record less to wait for.
    pub(crate) fn release(&self) {
        if self.outstanding.fetch_sub(1, Ordering::AcqRel) == MAX_OUTSTANDING {
            self.room.notify_one();
        }
    }

    /// All records that were begun: acknowledged, failed or still on their way.
    pub(crate) fn sent(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Records without an outcome.
    pub(crate) fn in_doubt(&self) -> u64 {
        let tally = self.lock();
        self.sent().saturating_sub(tally.acked + tally.failures())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// A copy of the counts.
    pub(crate) fn tally(&self) -> Tally {
        self.lock().clone()
    }

    /// Acknowledged and failed: what a progress bar needs, without copying the latencies.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let tally = self.lock();
        (tally.acked, tally.failures())
    }

    /// Of the first few failures those that were not reported yet.
    pub(crate) fn take_unreported(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().unreported)
    }

    /// Ends the file of outcomes.
    pub(crate) fn end_file(&self) {
        if let Some(file) = &self.file {
            // Already gone is as good as ended.
            let _ = file.send(OutcomeLine::End);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(line: u64) -> Place {
        Place { source: 0, line }
    }

    #[test]
    fn what_was_sent_is_acked_failed_or_in_doubt() {
        let outcomes = Outcomes::new(Vec::new(), None);
        let on_its_way = outcomes.begin(place(1), 10, || false);
        outcomes.rejected(place(2), "no JSON".to_owned());
        assert_eq!((outcomes.sent(), outcomes.in_doubt()), (2, 1));
        outcomes.failed(on_its_way.place, Certainty::Unknown, "expired".to_owned());
        let tally = outcomes.tally();
        assert_eq!((tally.acked, tally.not_written, tally.unknown), (0, 1, 1));
        assert_eq!(outcomes.in_doubt(), 0);
        assert_eq!(outcomes.outstanding.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_record_that_is_withdrawn_was_never_sent_and_is_not_in_doubt() {
        let outcomes = Outcomes::new(Vec::new(), None);
        outcomes.begin(place(1), 10, || false);
        outcomes.withdraw();
        assert_eq!((outcomes.sent(), outcomes.in_doubt()), (0, 0));
        assert_eq!(outcomes.outstanding.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_wait_for_room_ends_when_the_run_is_over() {
        let outcomes = Outcomes::new(Vec::new(), None);
        outcomes.outstanding.store(MAX_OUTSTANDING, Ordering::Relaxed);
        outcomes.begin(place(1), 10, || true);
        assert_eq!(outcomes.sent(), 1);
    }

    #[test]
    fn only_the_first_failures_are_told_and_the_rest_counted() {
        let outcomes = Outcomes::new(vec!["a.ndjson".to_owned()], None);
        (1..=8).for_each(|line| outcomes.rejected(place(line), "bad".to_owned()));
        let told = outcomes.take_unreported();
        assert_eq!((told.len(), told[4].as_str()), (5, "a.ndjson, line 5: bad"));
        assert!(outcomes.take_unreported().is_empty());
        assert_eq!(outcomes.tally().silent_failures(), 3);
    }

    #[test]
    fn with_a_file_a_record_is_done_when_its_line_is() {
        let (sender, lines) = mpsc::channel();
        let outcomes = Outcomes::new(Vec::new(), Some(sender));
        outcomes.rejected(place(1), "bad".to_owned());
        assert_eq!(outcomes.outstanding.load(Ordering::Relaxed), 1);
        assert!(matches!(lines.recv().unwrap(), OutcomeLine::Failed { .. }));
        outcomes.release();
        assert_eq!(outcomes.outstanding.load(Ordering::Relaxed), 0);
        outcomes.end_file();
        assert!(matches!(lines.recv().unwrap(), OutcomeLine::End));
    }

    #[test]
    fn a_record_of_a_transaction_is_told_by_its_transaction() {
        let outcomes = Outcomes::new(Vec::new(), None);
        let sent = [1, 2, 3].map(|line| outcomes.begin_now(place(line), 5));
        let name = "inv-1-1".into();
        for (sent, fate) in sent.into_iter().zip([Fate::Committed, Fate::Aborted, Fate::Unknown]) {
            outcomes.ended(sent, Some(&name), fate, None);
        }
        let tally = outcomes.tally();
        assert_eq!((tally.acked, tally.acked_bytes, tally.not_written, tally.unknown), (1, 5, 1, 1));
        assert_eq!((tally.silent_failures(), tally.transactions), (0, None));
        assert!(outcomes.take_unreported().is_empty());
        outcomes.count_transactions(|transactions| transactions.unknown += 1);
        assert_eq!(outcomes.tally().transactions.unwrap().unknown, 1);
    }
}
