//! How transactions ended, and how long the calls about them took. Counted by calling threads and by the network thread; nothing for
//! a record.

use kp_sender::TransactionEnd;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// A call about a transaction that may take long, as Java measures them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionCall {
    /// A producer id.
    Init,
    /// A transaction, with the end of the one before.
    Begin,
    /// Offsets of a group.
    SendOffsets,
    /// A commit.
    Commit,
    /// An abort.
    Abort,
}

/// Counts of one producer since it was built.
#[derive(Debug, Default)]
pub struct TransactionCounters {
    times_ns: [AtomicU64; 5],
    committed: AtomicU64,
    aborted: AtomicU64,
    unknown: AtomicU64,
    /// When the newest was begun, until its end is known.
    open_since: Mutex<Option<Instant>>,
}

impl TransactionCounters {
    /// A transaction begins; the one before has ended.
    pub fn began(&self, now: Instant) {
        *self.open_since.lock() = Some(now);
    }

    /// A transaction has ended for good.
    pub fn ended(&self, end: &TransactionEnd) {
        *self.open_since.lock() = None;
        let counter = match end {
            TransactionEnd::Committed { .. } => &self.committed,
            TransactionEnd::Aborted { .. } | TransactionEnd::Fatal(_) => &self.aborted,
            TransactionEnd::Unknown(_) => &self.unknown,
        };
        counter.fetch_add(1, Relaxed);
    }

    pub(crate) fn age(&self, now: Instant) -> Option<Duration> {
        let since = (*self.open_since.lock())?;
        Some(now.saturating_duration_since(since))
    }

    pub(crate) fn time_of(&self, call: TransactionCall) -> &AtomicU64 {
        &self.times_ns[call as usize]
    }

    pub(crate) fn time(&self, call: TransactionCall) -> u64 {
        self.time_of(call).load(Relaxed)
    }

    pub(crate) fn committed(&self) -> u64 {
        self.committed.load(Relaxed)
    }

    pub(crate) fn aborted(&self) -> u64 {
        self.aborted.load(Relaxed)
    }

    pub(crate) fn unknown(&self) -> u64 {
        self.unknown.load(Relaxed)
    }
}
