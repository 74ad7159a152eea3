//! What is left of batches that are settled, to be used again: at a steady rate no batch needs memory from the heap.
//! Owner: the accumulator alone. Batches and topics know it weakly: what is settled after the accumulator is gone is dropped.
//! Touched by append when a batch opens and by the thread that settles one. Lock: one, for a push or a pop.

use crate::batch::{Core, OVERHEAD, Token};
use crate::completion::Completion;
use kp_protocol::TopicPartition;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;

/// The share of `buffer.memory` that batches kept to be used again may take, as a divisor: at the default `batch.size` a batch for
/// each page and as many again, since all of them are on their way when the broker is the slower side.
const CORE_SHARE: usize = 8;
/// The share of the tokens' lists: of records of 100 bytes a batch of 16 KiB has 150, whose list takes a quarter of its page.
const TOKEN_SHARE: usize = 4;
/// Where `buffer.memory` is small they may take so many bytes.
const LEAST_SPARES: usize = 64 << 10;
/// More batches than fit here are on their way at once only with small batches.
const MOST_CORES: usize = 4 << 20;
const MOST_TOKENS: usize = 8 << 20;

/// A list with more room than this is not kept: it was of a batch that had grown.
const LARGEST_TOKENS: usize = 1024;
/// Room of a new list.
const FIRST_TOKENS: usize = 128;

/// The store.
#[derive(Debug)]
pub(crate) struct Spares {
    /// How many batches are kept, and how many completions.
    most_cores: usize,
    /// How many tokens the lists that are kept have room for.
    most_tokens: usize,
    kept: Mutex<Kept>,
    /// Stands in a spare for a completion that a caller still holds.
    blank: Arc<Completion>,
}

#[derive(Debug, Default)]
#[allow(clippy::vec_box, reason = "a batch takes the box as it is")]
struct Kept {
    cores: Vec<Box<Core>>,
    /// Completions that a caller still held when their batch was settled, the oldest in front: by the time they are needed, it
    /// may have let go.
    shared: VecDeque<Arc<Completion>>,
    tokens: Vec<Vec<Token>>,
    /// How many tokens all of them have room for.
    token_capacity: usize,
}

impl Spares {
    /// For batches in `memory` bytes.
    pub(crate) fn new(memory: usize) -> Arc<Self> {
        let cores = (memory / CORE_SHARE).clamp(LEAST_SPARES, MOST_CORES);
        let tokens = (memory / TOKEN_SHARE).clamp(LEAST_SPARES, MOST_TOKENS);
        Arc::new(Self {
            most_cores: cores / OVERHEAD,
            most_tokens: tokens / size_of::<Token>(),
            kept: Mutex::default(),
            blank: Arc::new(Completion::new(TopicPartition::new("", 0))),
        })
    }

    /// What stands in a spare for a completion that is not its own any more.
    pub(crate) fn blank(&self) -> &Arc<Completion> {
        &self.blank
    }

    /// The inside of a batch that was settled, to be renewed.
    pub(crate) fn core(&self) -> Option<Box<Core>> {
        let mut kept = self.kept.lock();
        let mut core = kept.cores.pop()?;
        if core.completion_is(&self.blank) && kept.shared.front_mut().is_some_and(is_free) {
            core.take_completion(kept.shared.pop_front()?);
        }
        Some(core)
    }

    /// Keeps what is left of a batch that is settled.
    pub(crate) fn keep(&self, mut core: Box<Core>) {
        let shared = core.retire(&self.blank);
        let mut kept = self.kept.lock();
        let surplus = if kept.cores.len() < self.most_cores {
            kept.cores.push(core);
            kept.shared.extend(shared);
            let oldest = if kept.shared.len() > self.most_cores { kept.shared.pop_front() } else { None };
            (None, oldest)
        } else {
            (Some(core), shared)
        };
        drop(kept);
        drop(surplus); // without the lock
    }

    /// An empty list for the tokens of a batch.
    pub(crate) fn token_list(&self) -> Vec<Token> {
        let mut kept = self.kept.lock();
        let spare = kept.tokens.pop();
        kept.token_capacity -= spare.as_ref().map_or(0, Vec::capacity);
        drop(kept);
        spare.unwrap_or_else(|| Vec::with_capacity(FIRST_TOKENS))
    }

    /// Takes a list back.
    pub(crate) fn keep_token_list(&self, mut list: Vec<Token>) {
        list.clear();
        if !(1..=LARGEST_TOKENS).contains(&list.capacity()) {
            return;
        }
        let mut kept = self.kept.lock();
        if kept.token_capacity + list.capacity() <= self.most_tokens {
            kept.token_capacity += list.capacity();
            kept.tokens.push(list);
        }
    }

    /// How many insides, shared completions and lists of tokens are kept.
    #[cfg(test)]
    pub(crate) fn counts(&self) -> (usize, usize, usize) {
        let kept = self.kept.lock();
        (kept.cores.len(), kept.shared.len(), kept.tokens.len())
    }
}

/// Whether no caller holds it any more.
fn is_free(completion: &mut Arc<Completion>) -> bool {
    Arc::get_mut(completion).is_some()
}
