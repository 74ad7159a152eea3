//! Memory for the lists of those records that have a callback or a token: counted in the pool, and lists of tokens that were
//! used before, so that at a steady rate no batch needs one from the heap.
//! One per accumulator. Touched by append and by the thread that settles a batch. Lock: one, for a push or a pop.

use kp_memory::BufferPool;
use parking_lot::Mutex;
use std::sync::Arc;

/// The share of `buffer.memory` that the lists which are kept may take, as a divisor: of records of 100 bytes a batch of 16 KiB has
/// 150, whose list takes a quarter of its page.
const SHARE: usize = 4;
/// Where `buffer.memory` is small they may take so many bytes.
const LEAST: usize = 64 << 10;
const MOST: usize = 8 << 20;
/// A list with more room than this is not kept: it was of a batch that had grown.
const LARGEST_TOKENS: usize = 1024;
/// Room of a new list.
const FIRST_TOKENS: usize = 128;

/// The token of the record at `index`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    pub(crate) index: u32,
    pub(super) token: u64,
}

/// The pool, and the lists that are kept.
#[derive(Debug)]
pub(crate) struct ListMemory {
    pool: Arc<BufferPool>,
    /// How many tokens the lists that are kept have room for at most.
    most_tokens: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    lists: Vec<Vec<Token>>,
    /// How many tokens all of them have room for.
    token_capacity: usize,
}

impl ListMemory {
    /// Counts in `pool`.
    pub(crate) fn of(pool: &Arc<BufferPool>) -> Arc<Self> {
        let bytes = (pool.capacity() / SHARE).clamp(LEAST, MOST);
        Arc::new(Self {
            pool: Arc::clone(pool),
            most_tokens: bytes / size_of::<Token>(),
            kept: Mutex::default(),
        })
    }

    pub(super) fn pool(&self) -> &Arc<BufferPool> {
        &self.pool
    }

    /// An empty list for the tokens of a batch.
    pub(super) fn token_list(&self) -> Vec<Token> {
        let mut kept = self.kept.lock();
        let spare = kept.lists.pop();
        kept.token_capacity -= spare.as_ref().map_or(0, Vec::capacity);
        drop(kept);
        spare.unwrap_or_else(|| Vec::with_capacity(FIRST_TOKENS))
    }

    /// Takes a list back.
    pub(super) fn keep_token_list(&self, mut list: Vec<Token>) {
        list.clear();
        if !(1..=LARGEST_TOKENS).contains(&list.capacity()) {
            return;
        }
        let mut kept = self.kept.lock();
        if kept.token_capacity + list.capacity() <= self.most_tokens {
            kept.token_capacity += list.capacity();
            kept.lists.push(list);
        }
    }

    /// How many lists are kept.
    #[cfg(test)]
    pub(crate) fn kept_count(&self) -> usize {
        self.kept.lock().lists.len()
    }
}
