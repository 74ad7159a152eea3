//! How many records may be between `send_tagged` and the taking of their outcomes: a bound, and a fair queue before it.
//!
//! A place is taken by the sender and given back by the consumer of the outcome. A sender that finds none waits; it is served by
//! the thread that gives one back, and expired by the driver, never by its own poll. Lock: the table of waiters, short; a place that is free
//! is one atomic operation.

use kp_time::{Deadline, Left, Overdue, Ticket, WaitList, Wakers};
use parking_lot::Mutex;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll};
use std::time::Instant;

#[derive(Debug)]
pub(crate) struct Places {
    capacity: usize,
    taken: AtomicUsize,
    /// Waiters without a verdict, for a look without the lock. Written under the lock.
    waiting: AtomicUsize,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    /// First come, first served.
    list: WaitList<(), Verdict>,
    is_closed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Served,
    Late,
    Closed,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoPlace {
    /// The deadline has passed.
    Late,
    /// None is needed any more.
    Closed,
}

impl Places {
    /// So many, at least one.
    pub(crate) fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self {
            capacity: capacity.max(1),
            taken: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            table: Mutex::default(),
        })
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// A place if one is free and no waiter is before.
    pub(crate) fn try_take(self: &Arc<Self>) -> Option<Place> {
        (self.waiting.load(SeqCst) == 0 && self.take_one()).then(|| Place(Some(Arc::clone(self))))
    }

    /// Joins the waiters. The caller then wakes the driver, which minds the deadline.
    pub(crate) fn join(self: &Arc<Self>, deadline: Deadline) -> PlaceWait {
        let mut wakers = Wakers::default();
        let mut table = self.table.lock();
        let ticket = table.list.join((), deadline);
        if table.is_closed {
            table.list.answer(ticket, Verdict::Closed, &mut wakers);
        }
        self.count(&table);
        // A place that was given back before the count was seen. No waiter in the table has a waker yet that this could wake but
        // those before, who are served first.
        self.serve(&mut table, &mut wakers);
        drop(table);
        wakers.wake_all();
        PlaceWait { places: Arc::clone(self), ticket }
    }

    /// Gives places back, to waiters first.
    pub(crate) fn give_back(&self, places: usize) {
        self.taken.fetch_sub(places, SeqCst);
        if self.waiting.load(SeqCst) > 0 {
            let mut wakers = Wakers::default();
            self.serve(&mut self.table.lock(), &mut wakers);
            wakers.wake_all();
        }
    }

    /// Ends the waiting of those whose time is up. A place that was given and not fetched yet stays given.
    pub(crate) fn expire(&self, now: Instant) {
        if self.waiting.load(SeqCst) > 0 {
            let end = |overdue, _| match overdue {
                Overdue::Waiting(()) => Verdict::Late,
                Overdue::NotTaken(verdict) => verdict,
            };
            self.change(|table, wakers| table.list.expire(now, end, wakers));
        }
    }

    /// The earliest moment at which a waiter's time is up.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        if self.waiting.load(SeqCst) == 0 {
            return None;
        }
        self.table.lock().list.next_deadline()
    }

    /// Ends the waiting of all, and of every later one.
    pub(crate) fn close(&self) {
        self.change(|table, wakers| {
            table.is_closed = true;
            table.list.answer_where(|()| Some(Verdict::Closed), wakers);
        });
    }

    fn take_one(&self) -> bool {
        self.taken.fetch_update(SeqCst, SeqCst, |taken| (taken < self.capacity).then_some(taken + 1)).is_ok()
    }

    fn serve(&self, table: &mut Table, wakers: &mut Wakers) {
        while !table.list.is_empty() && self.take_one() {
            table.list.answer_first(Verdict::Served, wakers);
        }
        self.count(table);
    }

    fn change(&self, change: impl FnOnce(&mut Table, &mut Wakers)) {
        let mut wakers = Wakers::default();
        let mut table = self.table.lock();
        change(&mut table, &mut wakers);
        self.count(&table);
        drop(table);
        wakers.wake_all();
    }

    fn count(&self, table: &Table) {
        self.waiting.store(table.list.len(), SeqCst);
    }
}

/// A place that is taken. Dropping it gives it back.
#[derive(Debug)]
#[must_use = "it is given back when it is dropped"]
pub(crate) struct Place(Option<Arc<Places>>);

impl Place {
    /// It stays taken: the consumer of the outcome gives it back.
    pub(crate) fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(places) = self.0.take() {
            places.give_back(1);
        }
    }
}

/// A place in the queue before the places. Dropping it gives up both.
#[derive(Debug)]
pub(crate) struct PlaceWait {
    places: Arc<Places>,
    ticket: Ticket,
}

impl Future for PlaceWait {
    type Output = Result<Place, NoPlace>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // Cloned before the lock, and dropped behind it: a waker is foreign code.
        let mut waker = Some(cx.waker().clone());
        let verdict = self.places.table.lock().list.poll(self.ticket, &mut waker);
        verdict.map(|verdict| match verdict {
            Some(Verdict::Served) => Ok(Place(Some(Arc::clone(&self.places)))),
            Some(Verdict::Late) => Err(NoPlace::Late),
            Some(Verdict::Closed) | None => Err(NoPlace::Closed),
        })
    }
}

impl Drop for PlaceWait {
    fn drop(&mut self) {
        let mut left = Left::Nothing;
        self.places.change(|table, wakers| left = table.list.leave(self.ticket, wakers));
        if left == Left::Answered(Verdict::Served) {
            self.places.give_back(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kp_time::{Clock, ManualClock};
    use std::task::Waker;
    use std::time::Duration;

    fn look(wait: &mut PlaceWait) -> Poll<Result<Place, NoPlace>> {
        Pin::new(wait).poll(&mut Context::from_waker(Waker::noop()))
    }

    fn in_ms(clock: &ManualClock, ms: u64) -> Deadline {
        Deadline::after(clock.now(), Duration::from_millis(ms), "max.block.ms")
    }

    #[test]
    fn the_first_waiter_is_served_first_and_no_later_call_goes_past_it() {
        let (places, clock) = (Places::new(1), ManualClock::new());
        let taken = places.try_take().expect("one is free");
        let mut first = places.join(in_ms(&clock, 10));
        let mut second = places.join(in_ms(&clock, 10));
        assert!(look(&mut second).is_pending() && look(&mut first).is_pending());
        drop(taken);
        assert!(places.try_take().is_none(), "it is the first one's");
        assert!(look(&mut second).is_pending());
        let Poll::Ready(Ok(place)) = look(&mut first) else { panic!("served") };
        place.keep();
        assert!(look(&mut second).is_pending(), "it was kept");
        places.give_back(1);
        assert!(matches!(look(&mut second), Poll::Ready(Ok(_))));
        assert!(places.try_take().is_some(), "everything is back");
    }

    #[test]
    fn a_wait_that_is_dropped_hands_on_what_it_was_given() {
        let (places, clock) = (Places::new(1), ManualClock::new());
        let taken = places.try_take().expect("one is free");
        let first = places.join(in_ms(&clock, 10));
        let mut second = places.join(in_ms(&clock, 10));
        drop(taken);
        drop(first);
        assert!(matches!(look(&mut second), Poll::Ready(Ok(_))));
    }

    #[test]
    fn time_ends_a_wait_and_closing_ends_all() {
        let (places, clock) = (Places::new(1), ManualClock::new());
        places.try_take().expect("one is free").keep();
        let mut short = places.join(in_ms(&clock, 10));
        let mut long = places.join(in_ms(&clock, 20));
        assert_eq!(places.next_deadline(), Some(clock.now() + Duration::from_millis(10)));
        clock.advance(Duration::from_millis(10));
        places.expire(clock.now());
        assert!(matches!(look(&mut short), Poll::Ready(Err(NoPlace::Late))) && look(&mut long).is_pending());
        places.close();
        assert!(matches!(look(&mut long), Poll::Ready(Err(NoPlace::Closed))));
        assert!(matches!(look(&mut places.join(in_ms(&clock, 10))), Poll::Ready(Err(NoPlace::Closed))));
        assert_eq!(places.next_deadline(), None);
    }
}
