//! Every batch that is not settled yet: what flush waits for and what close must not leave behind (AC28).
//! Touched by append when a batch opens and by whoever settles one: a lock per batch, not per record.

use crate::completion::Completion;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The number of a batch within its accumulator, in the order in which batches opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct BatchNumber(pub(crate) u64);

/// The set, and what is counted when batches end.
#[derive(Debug, Default)]
pub(crate) struct Incomplete {
    batches: Mutex<Batches>,
    callback_panics: AtomicU64,
    abandoned_records: AtomicU64,
}

#[derive(Debug, Default)]
struct Batches {
    next: u64,
    open: BTreeMap<BatchNumber, Arc<Completion>>,
}

impl Incomplete {
    /// Enters a new batch.
    pub(crate) fn enter(&self, completion: &Arc<Completion>) -> BatchNumber {
        let mut batches = self.batches.lock();
        let number = BatchNumber(batches.next);
        batches.next += 1;
        batches.open.insert(number, Arc::clone(completion));
        number
    }

    /// Forgets a batch that is settled.
    pub(crate) fn leave(&self, number: BatchNumber) {
        let gone = self.batches.lock().open.remove(&number);
        debug_assert!(gone.is_some(), "a batch is settled once");
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.batches.lock().open.is_empty()
    }

    /// Records of the batches that are closed and not settled.
    pub(crate) fn closed_records(&self) -> u64 {
        self.batches.lock().open.values().map(|completion| u64::from(completion.records())).sum()
    }

    /// Everything incomplete now, in the order in which it opened.
    pub(crate) fn snapshot(&self) -> Vec<Arc<Completion>> {
        self.batches.lock().open.values().cloned().collect()
    }

    pub(crate) fn count_abandoned(&self, records: u32) {
        self.abandoned_records.fetch_add(u64::from(records), Ordering::Relaxed);
    }

    pub(crate) fn abandoned_records(&self) -> u64 {
        self.abandoned_records.load(Ordering::Relaxed)
    }

    pub(crate) fn count_callback_panic(&self) {
        self.callback_panics.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn callback_panics(&self) -> u64 {
        self.callback_panics.load(Ordering::Relaxed)
    }
}
