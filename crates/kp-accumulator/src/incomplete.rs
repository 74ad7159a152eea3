//! Every batch that is not settled yet: what flush waits for and what close must not leave behind (AC28). And what is left of
//! batches that are settled, to be used again: at a steady rate no batch needs memory from the heap.
//! Touched by append when a batch opens and by whoever settles one: a lock per batch, not per record.

use crate::batch::{Core, Listener, OVERHEAD, Token};
use crate::completion::Completion;
use crate::partition_queue::Home;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

/// The share of `buffer.memory` that batches kept to be used again may take, as a divisor, and the tokens' lists as well: what the
/// pages of that memory need, at the defaults.
const SPARE_SHARE: usize = 16;
/// Where `buffer.memory` is small they may take so many bytes.
const LEAST_SPARES: usize = 64 << 10;
/// None was ever more than were on their way at once, so that more than this is never of use at 32 MiB.
const MOST_SPARES: usize = 2 << 20;

/// A list with more room than this is not kept: it was of a batch that had grown.
const LARGEST_TOKENS: usize = 1024;
/// Room of a new list.
const FIRST_TOKENS: usize = 128;

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
pub(crate) struct Incomplete {
    /// How many batches are kept to be used again, and how many completions.
    most_cores: usize,
    /// How many tokens the lists that are kept have room for.
    most_tokens: usize,
    batches: Mutex<Batches>,
    /// `None` once the accumulator is gone: what is settled later is dropped.
    spares: Mutex<Option<Spares>>,
    /// Stands in a spare for a completion that somebody still looks at.
    blank: Arc<Completion>,
    /// Told about the records that have a token.
    listener: OnceLock<Listener>,
    callback_panics: AtomicU64,
    abandoned_records: AtomicU64,
}

impl Incomplete {
    /// For batches in `memory` bytes.
    pub(crate) fn new(memory: usize) -> Self {
        let spare = (memory / SPARE_SHARE).clamp(LEAST_SPARES, MOST_SPARES);
        Self {
            most_cores: spare / OVERHEAD,
            most_tokens: spare / size_of::<Token>(),
            batches: Mutex::default(),
            spares: Mutex::new(Some(Spares::default())),
            blank: Arc::new(Completion::new(kp_protocol::TopicPartition::new("", 0))),
            listener: OnceLock::new(),
            callback_panics: AtomicU64::new(0),
            abandoned_records: AtomicU64::new(0),
        }
    }
}

#[derive(Debug, Default)]
#[allow(clippy::vec_box, reason = "a batch takes the box as it is")]
struct Spares {
    cores: Vec<Box<Core>>,
    /// Completions that somebody still looked at when their batch was settled, the oldest in front: by the time they are needed,
    /// nobody may.
    shared: VecDeque<Arc<Completion>>,
    tokens: Vec<Vec<Token>>,
    /// The room of all of them.
    token_room: usize,
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

    /// A batch's inside, for a batch that opens: one that was used before, if there is one.
    pub(crate) fn core(&self, home: Arc<Home>, created: Instant) -> Box<Core> {
        let spare = self.spares.lock().as_mut().and_then(|spares| {
            let mut core = spares.cores.pop()?;
            if Arc::ptr_eq(&core.completion, &self.blank) && spares.shared.front_mut().is_some_and(is_free) {
                core.completion = spares.shared.pop_front()?;
            }
            Some(core)
        });
        match spare {
            Some(mut core) => {
                core.renew(home, created, Arc::clone(&self.blank));
                core
            }
            None => Box::new(Core::new(home, created)),
        }
    }

    /// Keeps what is left of a batch that is settled.
    pub(crate) fn keep(&self, mut core: Box<Core>) {
        let shared = core.retire(&self.blank);
        let surplus = match &mut *self.spares.lock() {
            Some(spares) if spares.cores.len() < self.most_cores => {
                spares.cores.push(core);
                spares.shared.extend(shared);
                if spares.shared.len() > self.most_cores { Err(spares.shared.pop_front()) } else { Err(None) }
            }
            _ => Ok((core, shared)),
        };
        drop(surplus); // without the lock
    }

    /// An empty list for the tokens of a batch.
    pub(crate) fn token_list(&self) -> Vec<Token> {
        let spare = self.spares.lock().as_mut().and_then(|spares| {
            let list = spares.tokens.pop()?;
            spares.token_room -= list.capacity();
            Some(list)
        });
        spare.unwrap_or_else(|| Vec::with_capacity(FIRST_TOKENS))
    }

    /// Takes a list back.
    pub(crate) fn keep_token_list(&self, mut list: Vec<Token>) {
        list.clear();
        if (1..=LARGEST_TOKENS).contains(&list.capacity())
            && let Some(spares) = &mut *self.spares.lock()
            && spares.token_room + list.capacity() <= self.most_tokens
        {
            spares.token_room += list.capacity();
            spares.tokens.push(list);
        }
    }

    /// Whom tokens are told; `false` if there is somebody already.
    pub(crate) fn set_listener(&self, listener: Listener) -> bool {
        self.listener.set(listener).is_ok()
    }

    pub(crate) fn listener(&self) -> Option<&Listener> {
        self.listener.get()
    }

    /// The accumulator ends: its spares hold what holds them.
    pub(crate) fn forget_spares(&self) {
        let spares = self.spares.lock().take();
        drop(spares);
    }

    /// How many insides, shared completions and lists of tokens are kept.
    #[cfg(test)]
    pub(crate) fn spare_counts(&self) -> (usize, usize, usize) {
        let spares = self.spares.lock();
        spares.as_ref().map_or((0, 0, 0), |kept| (kept.cores.len(), kept.shared.len(), kept.tokens.len()))
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

/// Whether nobody else holds it.
fn is_free(completion: &mut Arc<Completion>) -> bool {
    Arc::get_mut(completion).is_some()
}
