//! Every batch that is not settled yet: what flush waits for and what close must not leave behind (AC28).
//! Touched by append when a batch opens and by the thread that settles one: a lock per batch, not per record.

use crate::completion::{Completion, Listener};
use parking_lot::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// The number of a batch within its accumulator, in the order in which batches opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct BatchNumber(pub(crate) u64);

/// A batch's place in the set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) number: BatchNumber,
    slot: usize,
}

/// The set, and what is counted when batches end.
#[derive(Default)]
pub(crate) struct Incomplete {
    batches: Mutex<Batches>,
    /// Told about the records that have a token.
    listener: OnceLock<Listener>,
    callback_panics: AtomicU64,
    abandoned_records: AtomicU64,
}

impl std::fmt::Debug for Incomplete {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Incomplete").field("batches", &self.batches).finish_non_exhaustive()
    }
}

/// What stands in a slot of the set.
pub(crate) type Occupant = Option<(BatchNumber, Arc<Completion>)>;

#[derive(Debug, Default)]
struct Batches {
    next: u64,
    /// In any order; a slot is used again.
    slots: Vec<Occupant>,
    free: Vec<usize>,
}

impl Incomplete {
    /// Enters a new batch.
    pub(crate) fn enter(&self, completion: &Arc<Completion>) -> Entry {
        let mut batches = self.batches.lock();
        let number = BatchNumber(batches.next);
        batches.next += 1;
        let occupant = Some((number, Arc::clone(completion)));
        let slot = match batches.free.pop() {
            Some(slot) => {
                batches.slots[slot] = occupant;
                slot
            }
            None => {
                batches.slots.push(occupant);
                batches.slots.len() - 1
            }
        };
        Entry { number, slot }
    }

    /// Forgets a batch that is settled.
    pub(crate) fn leave(&self, entry: Entry) {
        let mut batches = self.batches.lock();
        let gone = batches.slots[entry.slot].take_if(|(number, _)| *number == entry.number);
        debug_assert!(gone.is_some(), "a batch is settled once");
        if gone.is_some() {
            batches.free.push(entry.slot);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        let batches = self.batches.lock();
        batches.free.len() == batches.slots.len()
    }

    /// Records of the batches that are closed and not settled.
    pub(crate) fn closed_records(&self) -> u64 {
        let batches = self.batches.lock();
        batches.slots.iter().flatten().map(|(_, completion)| u64::from(completion.records())).sum()
    }

    /// Everything incomplete now, in the order in which it opened.
    pub(crate) fn snapshot(&self) -> Vec<Arc<Completion>> {
        let mut all: Vec<_> = self.batches.lock().slots.iter().flatten().cloned().collect();
        all.sort_unstable_by_key(|(number, _)| *number);
        all.into_iter().map(|(_, completion)| completion).collect()
    }

    /// Who is told about tokens, once; `false` if a listener is set already.
    pub(crate) fn set_listener(&self, listener: Listener) -> bool {
        self.listener.set(listener).is_ok()
    }

    pub(crate) fn listener(&self) -> Option<&Listener> {
        self.listener.get()
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
