//! What became of records, as only the facade sees it: refused, acknowledged, failed; and how long calls waited.
//! Written by calling threads and by the network thread, read by any; adds only, some for each batch, none for a record that is
//! accepted.

use kp_accumulator::{Certainty, FailureKind, Outcome};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counts of one producer since it was built.
#[derive(Debug, Default)]
pub struct ProducerCounters {
    acknowledged: AtomicU64,
    failed: AtomicU64,
    undelivered: AtomicU64,
    perhaps_written: AtomicU64,
    refused: AtomicU64,
    /// Nanoseconds that flushes took.
    pub(crate) flush_ns: AtomicU64,
    /// Nanoseconds that calls waited for metadata.
    pub(crate) metadata_wait_ns: AtomicU64,
}

impl ProducerCounters {
    /// A batch of so many records has ended. Counted before the outcome is told.
    pub fn settled(&self, records: u64, outcome: &Outcome) {
        match outcome {
            Outcome::Written { .. } => {
                self.acknowledged.fetch_add(records, Relaxed);
            }
            Outcome::Failed(failure) => {
                self.failed.fetch_add(records, Relaxed);
                if matches!(failure.kind, FailureKind::Closed) {
                    self.undelivered.fetch_add(records, Relaxed);
                    let perhaps = if failure.certainty == Certainty::NotWritten { 0 } else { records };
                    self.perhaps_written.fetch_add(perhaps, Relaxed);
                }
            }
            // Its parts are counted when they end.
            Outcome::Split(_) => {}
        }
    }

    /// So many accepted records failed because the network thread is gone: each may be in the log.
    pub fn abandoned(&self, records: u64) {
        for counter in [&self.failed, &self.undelivered, &self.perhaps_written] {
            counter.fetch_add(records, Relaxed);
        }
    }

    /// A record was refused by `send`.
    pub fn refuse_one(&self) {
        self.refused.fetch_add(1, Relaxed);
    }

    /// Records that were acknowledged.
    #[must_use]
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Relaxed)
    }

    /// Records that were accepted and failed.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.failed.load(Relaxed)
    }

    /// Of those, the ones that failed because the producer was closed before they were done.
    #[must_use]
    pub fn undelivered(&self) -> u64 {
        self.undelivered.load(Relaxed)
    }

    /// Of those, the ones that may be in the log.
    #[must_use]
    pub fn perhaps_written(&self) -> u64 {
        self.perhaps_written.load(Relaxed)
    }

    /// Records that `send` refused.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }
}
