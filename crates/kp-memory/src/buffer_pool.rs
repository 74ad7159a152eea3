//! The pool: how much is left, which pages can be used again, who is served next. It counts; what is lent and given back by
//! `Drop` is in `buffer.rs`, `reservation.rs` and `allocation.rs`.
//! Touched by every thread that sends, and by the one that drops the last `Bytes` of a batch. One lock, never held while
//! memory is made, dropped or waited for, nor while a waker is cloned, run or dropped (BP17).

use crate::MemoryError;
use crate::sync::{AtomicU64, AtomicUsize, Mutex, Ordering};
use crate::waiters::{Answer, Grant, Wanted};
use kp_time::{Deadline, Left, Overdue, Ticket, WaitList, Wakers};
use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

/// Bookkeeping up to this share of the capacity, as a divisor, takes no memory from pages.
const BOOKKEEPING_SHARE: usize = 8;
/// Nor does it up to so many bytes, where the capacity is small.
const LEAST_BOOKKEEPING: usize = 64 << 10;

/// `buffer.memory`: one bound on everything that grows with load.
///
/// Pages are made on demand and used again last in, first out, so that a small load stays in the processor's cache.
/// Units: bytes. Source: `buffer.memory`, `batch.size`.
#[derive(Debug)]
pub struct BufferPool {
    capacity: usize,
    page_size: usize,
    /// Length of the queue, for a look without the lock. Written under the lock.
    waiting: AtomicUsize,
    /// How many deadlines the queue has, likewise: also of memory that was granted and not fetched.
    deadlines: AtomicUsize,
    /// Bytes of bookkeeping, and how many of them stand beside the pages.
    bookkeeping: AtomicUsize,
    bookkeeping_beside: usize,
    exhausted_total: AtomicU64,
    waited_ns: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Bytes that are neither on loan nor in a free page. Below zero while more is counted than there is
    /// ([`BufferPool::reserve_over`]).
    unreserved: i64,
    /// Pages that were returned; the newest at the back.
    free_pages: VecDeque<Vec<u8>>,
    /// Bytes that no allocation can get ([`BufferPool::set_aside`]).
    set_aside: usize,
    waiters: WaitList<Wanted, Answer>,
    closed: bool,
    /// Shared, so that taking one out under the lock clones no waker.
    driver: Option<Arc<Waker>>,
}

/// What has to wait until the lock is released: memory to drop, threads and tasks to wake.
#[derive(Default)]
struct AfterUnlock {
    pages: Vec<Vec<u8>>,
    wakers: Wakers,
}

impl AfterUnlock {
    fn run(self) {
        drop(self.pages);
        self.wakers.wake_all();
    }
}

impl BufferPool {
    /// A pool of `capacity` bytes that keeps returned buffers of exactly `page_size` bytes (at least 1) for the next
    /// caller.
    #[must_use]
    pub fn new(capacity: usize, page_size: usize) -> Arc<Self> {
        let capacity = capacity.min(isize::MAX as usize);
        Arc::new(Self {
            capacity,
            page_size: page_size.max(1),
            waiting: AtomicUsize::new(0),
            deadlines: AtomicUsize::new(0),
            bookkeeping: AtomicUsize::new(0),
            bookkeeping_beside: (capacity / BOOKKEEPING_SHARE).max(LEAST_BOOKKEEPING),
            exhausted_total: AtomicU64::new(0),
            waited_ns: AtomicU64::new(0),
            state: Mutex::new(State {
                unreserved: capacity as i64,
                free_pages: VecDeque::new(),
                set_aside: 0,
                waiters: WaitList::new(),
                closed: false,
                driver: None,
            }),
        })
    }

    /// Fails the waiters whose deadline is past, and takes back what was granted to a waiter that has not fetched it by then.
    /// Called by the owner of the clock, at [`next_deadline`](Self::next_deadline).
    pub fn expire(&self, now: Instant) {
        if self.deadlines.load(Ordering::SeqCst) == 0 {
            return;
        }
        self.change(|state, after| {
            let State { waiters, free_pages, unreserved, .. } = state;
            let end = |overdue: Overdue<Wanted, Answer>, deadline: Deadline| {
                let (requested, grant) = match overdue {
                    Overdue::Waiting(Wanted { needed, granted }) => {
                        (needed, Grant { bytes: granted, page: None })
                    }
                    Overdue::NotTaken(Ok(grant)) => (grant.bytes, grant),
                    Overdue::NotTaken(Err(error)) => return Err(error),
                };
                match grant.page {
                    Some(page) => free_pages.push_back(page),
                    None => *unreserved += grant.bytes as i64,
                }
                self.count_exhausted();
                Err(MemoryError::Exhausted { requested, key: deadline.key() })
            };
            waiters.expire(now, end, &mut after.wakers);
        });
    }

    /// The earliest deadline: of the waiters, and of memory that was granted and not fetched.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        if self.deadlines.load(Ordering::SeqCst) == 0 {
            return None;
        }
        self.state.lock().waiters.next_deadline()
    }

    /// Whether a caller waits for memory: then every batch may be sent at once (AC11). One atomic load.
    #[must_use]
    pub fn has_waiters(&self) -> bool {
        self.waiting() > 0
    }

    /// How many wait for memory now.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::SeqCst)
    }

    /// Bytes that are free, in pages or not (BP1).
    #[must_use]
    pub fn available(&self) -> usize {
        usize::try_from(self.state.lock().available(self.page_size)).unwrap_or(0)
    }

    /// `buffer.memory`, in bytes.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// The size of buffers that are kept when returned, in bytes.
    #[must_use]
    pub fn page_size(&self) -> usize {
        self.page_size
    }

    /// The most that one allocation can get: the capacity without what was set aside.
    #[must_use]
    pub fn largest_allocation(&self) -> usize {
        self.capacity.saturating_sub(self.state.lock().set_aside)
    }

    /// The size to ask for where `needed` bytes are needed and a whole page is wanted: at least `needed`, and a page or the most
    /// that one allocation can get.
    #[must_use]
    pub fn buffer_size(&self, needed: usize) -> usize {
        needed.max(self.page_size.min(self.largest_allocation()))
    }

    /// How many waits have ended without memory (BP9).
    #[must_use]
    pub fn exhausted_total(&self) -> u64 {
        self.exhausted_total.load(Ordering::Relaxed)
    }

    /// The time that callers have said they waited ([`add_wait`](Self::add_wait)).
    #[must_use]
    pub fn wait_time(&self) -> Duration {
        Duration::from_nanos(self.waited_ns.load(Ordering::Relaxed))
    }

    /// Adds to [`wait_time`](Self::wait_time). The pool reads no clock, so the caller that waited says so.
    pub fn add_wait(&self, waited: Duration) {
        let ns = u64::try_from(waited.as_nanos()).unwrap_or(u64::MAX);
        self.waited_ns.fetch_add(ns, Ordering::Relaxed);
    }

    /// Fails every waiter and every later allocation with [`MemoryError::Closed`]; memory can still come back
    /// (BP14).
    pub fn close(&self) {
        self.change(|state, after| {
            state.closed = true;
            while let Some(Wanted { granted, .. }) =
                state.waiters.answer_first(Err(MemoryError::Closed), &mut after.wakers)
            {
                state.unreserved += granted as i64;
            }
        });
    }

    /// Woken when a caller starts to wait: the driver then sends everything it has (AC11) and minds
    /// [`next_deadline`](Self::next_deadline).
    pub fn set_driver_waker(&self, waker: Waker) {
        let waker = Arc::new(waker);
        let old = self.state.lock().driver.replace(waker);
        drop(old);
    }

    /// Takes back a buffer and `bytes` that were counted for it. A page of the right size is kept (BP3); one that
    /// grew is dropped, and only what was counted comes back (BP4).
    pub(crate) fn give_back(&self, buffer: Option<Vec<u8>>, bytes: usize, set_aside: bool) {
        let page = buffer.filter(|buffer| bytes == self.page_size && buffer.capacity() == self.page_size);
        self.change(|state, _| {
            match page {
                Some(mut page) => {
                    page.clear();
                    state.free_pages.push_back(page);
                }
                None => state.unreserved += bytes as i64,
            }
            if set_aside {
                state.set_aside -= bytes;
            }
        });
    }

    pub(crate) fn take_over(&self, bytes: usize, set_aside: bool) {
        let mut state = self.state.lock();
        state.unreserved -= bytes as i64;
        if set_aside {
            state.set_aside += bytes;
        }
    }

    /// Relaxed: the changes of the counter have one order, so what each of them takes or gives back adds up.
    pub(crate) fn add_bookkeeping(&self, bytes: usize) {
        let before = self.bookkeeping.fetch_add(bytes, Ordering::Relaxed);
        let taken = self.beyond_beside(before + bytes) - self.beyond_beside(before);
        if taken > 0 {
            self.take_over(taken, false);
        }
    }

    pub(crate) fn end_bookkeeping(&self, bytes: usize) {
        let before = self.bookkeeping.fetch_sub(bytes, Ordering::Relaxed);
        let freed = self.beyond_beside(before) - self.beyond_beside(before - bytes);
        if freed > 0 {
            self.give_back(None, freed, false);
        }
    }

    /// Of so many bytes of bookkeeping, those that take the place of pages.
    fn beyond_beside(&self, bookkeeping: usize) -> usize {
        bookkeeping.saturating_sub(self.bookkeeping_beside)
    }

    /// Takes `bytes` if they are there now and no caller waits already.
    pub(crate) fn take_now(&self, bytes: usize) -> Result<Option<Grant>, MemoryError> {
        let mut after = AfterUnlock::default();
        let grant = {
            let mut state = self.state.lock();
            self.check(&state, bytes)?;
            if state.waiters.is_empty() { state.take(bytes, self.page_size, &mut after) } else { None }
        };
        after.run();
        Ok(grant)
    }

    /// Takes `bytes` likewise, or a place in the queue; then the driver is woken.
    pub(crate) fn take_or_join(
        &self,
        bytes: usize,
        deadline: Deadline,
    ) -> Result<Result<Grant, Ticket>, MemoryError> {
        let mut after = AfterUnlock::default();
        let grant = {
            let mut state = self.state.lock();
            self.check(&state, bytes)?;
            let grant =
                if state.waiters.is_empty() { state.take(bytes, self.page_size, &mut after) } else { None };
            grant.ok_or_else(|| {
                let ticket = state.waiters.join(Wanted { needed: bytes, granted: 0 }, deadline);
                // What is left goes to the head at once, piecemeal.
                state.hand_over(self.page_size, &mut after);
                self.publish(&state);
                (ticket, state.driver.clone())
            })
        };
        after.run();
        Ok(grant.map_err(|(ticket, driver)| {
            driver.inspect(|driver| driver.wake_by_ref());
            ticket
        }))
    }

    /// Takes `bytes` without a page, if they are there now and no caller waits already.
    pub(crate) fn take_bytes_now(&self, bytes: usize) -> bool {
        let mut after = AfterUnlock::default();
        let taken = {
            let mut state = self.state.lock();
            state.waiters.is_empty() && state.take_bytes(bytes, self.page_size, &mut after)
        };
        after.run();
        taken
    }

    /// The answer to a place in the queue, or a promise to wake `waker` when there is one. `Ready(None)`: it was fetched before.
    pub(crate) fn poll_answer(&self, ticket: Ticket, waker: &Waker) -> Poll<Option<Answer>> {
        // Cloned before the lock and dropped after it: a waker is foreign code (BP17).
        let mut waker = Some(waker.clone());
        let mut state = self.state.lock();
        let answer = state.waiters.poll(ticket, &mut waker);
        self.publish(&state);
        drop(state);
        answer
    }

    pub(crate) fn leave(&self, ticket: Ticket) {
        self.change(|state, after| match state.waiters.leave(ticket, &mut after.wakers) {
            Left::Answered(Ok(Grant { page: Some(page), .. })) => state.free_pages.push_back(page),
            Left::Answered(Ok(Grant { page: None, bytes })) => state.unreserved += bytes as i64,
            Left::Waiting(Wanted { granted, .. }) => state.unreserved += granted as i64,
            Left::Answered(Err(_)) | Left::Nothing => {}
        });
    }

    pub(crate) fn count_exhausted(&self) {
        self.exhausted_total.fetch_add(1, Ordering::Relaxed);
    }

    /// Changes the state, hands what came free to the waiters, then unlocks and wakes.
    fn change(&self, change: impl FnOnce(&mut State, &mut AfterUnlock)) {
        let mut after = AfterUnlock::default();
        {
            let mut state = self.state.lock();
            change(&mut state, &mut after);
            state.hand_over(self.page_size, &mut after);
            self.publish(&state);
        }
        after.run();
    }

    /// Tells those who look without the lock how many wait.
    fn publish(&self, state: &State) {
        self.waiting.store(state.waiters.len(), Ordering::SeqCst);
        self.deadlines.store(state.waiters.deadlines(), Ordering::SeqCst);
    }

    fn check(&self, state: &State, requested: usize) -> Result<(), MemoryError> {
        let limit = self.capacity.saturating_sub(state.set_aside);
        if state.closed {
            Err(MemoryError::Closed)
        } else if requested > limit {
            Err(MemoryError::TooLarge { requested, limit })
        } else {
            Ok(())
        }
    }
}

impl State {
    fn available(&self, page_size: usize) -> i64 {
        let in_pages = (self.free_pages.len() as i64).saturating_mul(page_size as i64);
        self.unreserved.saturating_add(in_pages)
    }

    /// Takes `bytes` if they are there: a free page where one fits (BP2), else bytes.
    fn take(&mut self, bytes: usize, page_size: usize, after: &mut AfterUnlock) -> Option<Grant> {
        if bytes == page_size
            && self.available(page_size) >= bytes as i64
            && let Some(page) = self.free_pages.pop_back()
        {
            return Some(Grant { bytes, page: Some(page) });
        }
        self.take_bytes(bytes, page_size, after).then_some(Grant { bytes, page: None })
    }

    /// Takes bytes without a page, releasing free pages, the oldest first, until they fit (BP6).
    fn take_bytes(&mut self, bytes: usize, page_size: usize, after: &mut AfterUnlock) -> bool {
        if self.available(page_size) < bytes as i64 {
            return false;
        }
        while self.unreserved < bytes as i64 {
            let Some(page) = self.free_pages.pop_front() else { return false };
            after.pages.push(page);
            self.unreserved += page_size as i64;
        }
        self.unreserved -= bytes as i64;
        true
    }

    /// Gives what is free to the head of the queue, then to the next, until one is not satisfied (BP7, BP8).
    fn hand_over(&mut self, page_size: usize, after: &mut AfterUnlock) {
        while let Some(&mut Wanted { needed, granted }) = self.waiters.first_mut() {
            let grant = if granted == 0 { self.take(needed, page_size, after) } else { None };
            if let Some(grant) = grant {
                self.waiters.answer_first(Ok(grant), &mut after.wakers);
                continue;
            }
            let piece = (needed - granted).min(usize::try_from(self.available(page_size)).unwrap_or(0));
            if !self.take_bytes(piece, page_size, after) {
                return;
            }
            if granted + piece == needed {
                self.waiters.answer_first(Ok(Grant { bytes: needed, page: None }), &mut after.wakers);
            } else {
                if let Some(first) = self.waiters.first_mut() {
                    first.granted += piece;
                }
                return;
            }
        }
    }
}

#[cfg(all(test, loom))]
mod interleavings;
#[cfg(all(test, not(loom)))]
mod tests;
