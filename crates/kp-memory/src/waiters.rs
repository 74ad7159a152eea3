//! What waits in the pool's queue, and what it gets. First come, first served, by the thread that frees (BP7, BP8).

use crate::MemoryError;

/// One caller in the queue.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) needed: usize,
    /// Collected so far (BP8).
    pub(crate) granted: usize,
}

/// Memory taken out of the pool for one waiter.
#[derive(Debug)]
pub(crate) struct Grant {
    pub(crate) bytes: usize,
    /// A page that can be used again, in place of new memory.
    pub(crate) page: Option<Vec<u8>>,
}

/// What a wait ends with.
pub(crate) type Answer = Result<Grant, MemoryError>;
