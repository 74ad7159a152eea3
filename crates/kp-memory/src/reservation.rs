//! Bytes of the pool that no page stands for: bookkeeping, and what a scratch buffer may grow to.
//! Owner: the holder of the value. Given back by `Drop`, which may wake waiters: never drop one with a lock held.

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
    kind: Kind,
}

/// What the bytes are counted as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Like pages.
    Plain,
    /// Not to be had by any allocation ([`BufferPool::set_aside`]).
    SetAside,
    /// Beside the pages, up to a share of the capacity ([`BufferPool::bookkeep`]).
    Bookkeeping,
}

impl Reservation {
    fn new(pool: Arc<BufferPool>, bytes: usize, set_aside: bool) -> Self {
        Self { pool, bytes, kind: if set_aside { Kind::SetAside } else { Kind::Plain } }
    }

    fn bookkeeping(pool: Arc<BufferPool>, bytes: usize) -> Self {
        Self { pool, bytes, kind: Kind::Bookkeeping }
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
        Self { pool: Arc::clone(&self.pool), bytes, kind: self.kind }
    }

    /// Counts `bytes` more, even above the bound. See [`BufferPool::reserve_over`].
    pub fn grow_over(&mut self, bytes: usize) {
        match self.kind {
            Kind::Plain => self.pool.take_over(bytes, false),
            Kind::SetAside => self.pool.take_over(bytes, true),
            Kind::Bookkeeping => self.pool.add_bookkeeping(bytes),
        }
        self.bytes += bytes;
    }

    /// Adds what `other` stands for, which was reserved in the same way.
    pub fn join(&mut self, mut other: Reservation) {
        debug_assert!(
            self.kind == other.kind && Arc::ptr_eq(&self.pool, &other.pool),
            "of one kind and pool"
        );
        self.bytes += std::mem::take(&mut other.bytes);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.bytes > 0 {
            match self.kind {
                Kind::Plain => self.pool.give_back(None, self.bytes, false),
                Kind::SetAside => self.pool.give_back(None, self.bytes, true),
                Kind::Bookkeeping => self.pool.end_bookkeeping(self.bytes),
            }
        }
    }
}

impl BufferPool {
    /// Counts `bytes` that have no page, without waiting. `None` when they are not there, or when a caller waits.
    #[must_use]
    pub fn reserve(self: &Arc<Self>, bytes: usize) -> Option<Reservation> {
        let taken = self.take_bytes_now(bytes);
        taken.then(|| Reservation::new(Arc::clone(self), bytes, false))
    }

    /// Counts `bytes` that have no page, also when they are not there: for what exists already and must be counted
    /// (the parts of a batch that was split, BB28; per-record bookkeeping). [`available`](Self::available) stays at
    /// zero until as much has come back.
    pub fn reserve_over(self: &Arc<Self>, bytes: usize) -> Reservation {
        self.take_over(bytes, false);
        Reservation::new(Arc::clone(self), bytes, false)
    }

    /// Counts `bytes` of bookkeeping: what a batch takes in memory besides its pages. Up to an eighth of the capacity (64 KiB at
    /// least) stands beside the pages; what is more takes the place of pages, also when none is free. Never waits.
    pub fn bookkeep(self: &Arc<Self>, bytes: usize) -> Reservation {
        self.add_bookkeeping(bytes);
        Reservation::bookkeeping(Arc::clone(self), bytes)
    }

    /// Takes `bytes` out of the pool for as long as the reservation lives, and lowers what one allocation can get:
    /// for what freeing memory needs itself (the output of compression), so that it never waits. To be called before
    /// the first allocation.
    pub fn set_aside(self: &Arc<Self>, bytes: usize) -> Reservation {
        let bytes = bytes.min(self.capacity());
        self.take_over(bytes, true);
        Reservation::new(Arc::clone(self), bytes, true)
    }
}
