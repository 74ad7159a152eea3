//! Bytes of the pool that no page stands for: bookkeeping, and what a scratch buffer may grow to.
//! Owner: whoever holds the value. Given back by `Drop`, which may wake waiters: never drop one with a lock held.

use crate::BufferPool;
use std::sync::Arc;

/// Bytes counted against `buffer.memory`, given back when dropped.
///
/// ```
/// use kp_memory::BufferPool;
/// let pool = BufferPool::new(1000, 100);
/// let mut all = pool.reserve(300).expect("there is room");
/// let part = all.split(100);
/// drop(all);
/// assert_eq!(pool.available(), 900);
/// drop(part);
/// assert_eq!(pool.available(), 1000);
/// ```
#[derive(Debug)]
#[must_use = "dropping a reservation gives its bytes back"]
pub struct Reservation {
    pool: Arc<BufferPool>,
    bytes: usize,
    set_aside: bool,
}

impl Reservation {
    pub(crate) fn new(pool: Arc<BufferPool>, bytes: usize, set_aside: bool) -> Self {
        Self { pool, bytes, set_aside }
    }

    /// How many bytes it stands for.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes `bytes` out of it, at most all, as a reservation of their own.
    pub fn split(&mut self, bytes: usize) -> Reservation {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        Self { pool: Arc::clone(&self.pool), bytes, set_aside: self.set_aside }
    }

    /// Counts `bytes` more, even above the bound. See [`BufferPool::reserve_over`].
    pub fn grow_over(&mut self, bytes: usize) {
        self.pool.take_over(bytes, self.set_aside);
        self.bytes += bytes;
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.pool.give_back(None, self.bytes, self.set_aside);
        }
    }
}
