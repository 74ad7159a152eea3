//! A fair queue of waiters: each has a place, a deadline and at most one waker; each gets exactly one answer.
//! Owns: the order, the deadlines, the answers that were not taken yet. Never: a lock, a clock, a thread. Its owner puts it
//! under a lock of its own, and runs no waker there: a waker is foreign code, also when it is cloned or dropped. So wakers come
//! in cloned already, and leave in a [`Wakers`] that is used after the unlock.

use crate::{Deadline, TimerTable};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Poll, Waker};
use std::time::Instant;

/// The place of one waiter; grows with arrival, and is never given to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(u64);

/// Waiters that want a `T` each and are answered with an `A`, first come first served.
///
/// ```
/// use kp_time::{Clock, Deadline, ManualClock, WaitList, Wakers};
/// use std::task::{Poll, Waker};
/// use std::time::Duration;
///
/// let clock = ManualClock::new();
/// let mut list = WaitList::new();
/// let ticket = list.join("a page", Deadline::after(clock.now(), Duration::from_secs(60), "max.block.ms"));
/// // Cloned before the lock that the list lies under; what comes back is dropped after the unlock.
/// let mut waker = Some(Waker::noop().clone());
/// assert_eq!(list.poll(ticket, &mut waker), Poll::Pending);
/// let mut wakers = Wakers::default();
/// assert_eq!(list.answer_first("page 7", &mut wakers), Some("a page"));
/// wakers.wake_all(); // after the unlock
/// assert_eq!(list.poll(ticket, &mut waker), Poll::Ready(Some("page 7")));
/// ```
#[derive(Debug)]
pub struct WaitList<T, A> {
    waiting: BTreeMap<Ticket, Waiter<T>>,
    answered: BTreeMap<Ticket, Answered<A>>,
    /// Of the waiters, and of the answers that were not taken.
    deadlines: TimerTable<Ticket>,
    next: u64,
}

#[derive(Debug)]
struct Waiter<T> {
    wanted: T,
    deadline: Deadline,
    waker: Option<Waker>,
}

#[derive(Debug)]
struct Answered<A> {
    answer: A,
    deadline: Deadline,
}

/// What stood at a ticket whose deadline passed.
#[derive(Debug, PartialEq, Eq)]
pub enum Overdue<T, A> {
    /// A waiter without an answer, and what it wanted.
    Waiting(T),
    /// An answer that its waiter did not take in time.
    NotTaken(A),
}

/// What a waiter leaves behind.
#[derive(Debug, PartialEq, Eq)]
pub enum Left<T, A> {
    /// It had no answer yet; this is what it wanted.
    Waiting(T),
    /// It had not taken this answer.
    Answered(A),
    /// Nothing: it had taken its answer.
    Nothing,
}

/// Wakers taken out of a list, for after the unlock. Dropping it drops them without waking.
#[derive(Debug, Default)]
#[must_use = "a waiter sleeps until its waker runs"]
pub struct Wakers {
    wake: Vec<Waker>,
    forget: Vec<Waker>,
}

impl Wakers {
    /// Adds one to be woken.
    pub fn push(&mut self, waker: Waker) {
        self.wake.push(waker);
    }

    /// Wakes all. Hold no lock. A waker that panics keeps no other waiter asleep.
    pub fn wake_all(self) {
        for waker in self.wake {
            let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
        }
        for waker in self.forget {
            let _ = catch_unwind(AssertUnwindSafe(|| drop(waker)));
        }
    }
}

impl<T, A> Default for WaitList<T, A> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T, A> WaitList<T, A> {
    /// An empty list.
    #[must_use]
    pub fn new() -> Self {
        Self {
            waiting: BTreeMap::new(),
            answered: BTreeMap::new(),
            deadlines: TimerTable::default(),
            next: 0,
        }
    }

    /// How many wait without an answer.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether no waiter is without an answer.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many have a deadline: the waiters, and the answers that were not taken.
    #[must_use]
    pub fn deadlines(&self) -> usize {
        self.deadlines.len()
    }

    /// The earliest deadline: when [`expire`](Self::expire) has something to do next.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.next()
    }

    /// Joins at the end.
    pub fn join(&mut self, wanted: T, deadline: Deadline) -> Ticket {
        let ticket = Ticket(self.next);
        self.next += 1;
        self.deadlines.set(ticket, deadline.at());
        self.waiting.insert(ticket, Waiter { wanted, deadline, waker: None });
        ticket
    }

    /// What the waiter wants that has waited longest.
    pub fn first_mut(&mut self) -> Option<&mut T> {
        self.waiting.first_entry().map(|entry| &mut entry.into_mut().wanted)
    }

    /// What those without an answer want, the longest waiting first.
    pub fn waiting(&self) -> impl Iterator<Item = &T> {
        self.waiting.values().map(|waiter| &waiter.wanted)
    }

    /// Answers the waiter that has waited longest. Returns what it wanted.
    pub fn answer_first(&mut self, answer: A, wakers: &mut Wakers) -> Option<T> {
        let ticket = *self.waiting.first_key_value()?.0;
        self.answer(ticket, answer, wakers)
    }

    /// Answers one waiter. `None` if it had an answer, or left.
    pub fn answer(&mut self, ticket: Ticket, answer: A, wakers: &mut Wakers) -> Option<T> {
        let Waiter { wanted, deadline, waker } = self.waiting.remove(&ticket)?;
        self.answered.insert(ticket, Answered { answer, deadline });
        wakers.wake.extend(waker);
        Some(wanted)
    }

    /// Answers each waiter for which `judge` has an answer, in the order of their arrival.
    pub fn answer_where(&mut self, mut judge: impl FnMut(&T) -> Option<A>, wakers: &mut Wakers) {
        let Self { waiting, answered, .. } = self;
        waiting.retain(|ticket, waiter| match judge(&waiter.wanted) {
            None => true,
            Some(answer) => {
                answered.insert(*ticket, Answered { answer, deadline: waiter.deadline });
                wakers.wake.extend(waiter.waker.take());
                false
            }
        });
    }

    /// Ends what is overdue: `end` makes the answer out of what stood there. A waiter whose future is never polled thus keeps
    /// nothing for longer than its deadline; `end` may also leave an answer as it is.
    pub fn expire(
        &mut self,
        now: Instant,
        mut end: impl FnMut(Overdue<T, A>, Deadline) -> A,
        wakers: &mut Wakers,
    ) {
        while let Some(ticket) = self.deadlines.pop_due(now) {
            if let Some(Waiter { wanted, deadline, waker }) = self.waiting.remove(&ticket) {
                let answer = end(Overdue::Waiting(wanted), deadline);
                self.answered.insert(ticket, Answered { answer, deadline });
                wakers.wake.extend(waker);
            } else if let Some(Answered { answer, deadline }) = self.answered.remove(&ticket) {
                let answer = end(Overdue::NotTaken(answer), deadline);
                self.answered.insert(ticket, Answered { answer, deadline });
            }
        }
        // A host that sleeps until the next deadline would turn without end.
        debug_assert!(self.next_deadline().is_none_or(|at| at > now), "a deadline that is over is left");
    }

    /// Takes the answer, or leaves the waker to be woken by it. `Ready(None)`: the answer was taken before.
    ///
    /// `waker` is cloned before the lock; what is in it afterwards (the one registered before, or the same) is dropped after
    /// the unlock.
    pub fn poll(&mut self, ticket: Ticket, waker: &mut Option<Waker>) -> Poll<Option<A>> {
        if let Some(waiter) = self.waiting.get_mut(&ticket) {
            std::mem::swap(&mut waiter.waker, waker);
            return Poll::Pending;
        }
        self.deadlines.cancel(&ticket);
        Poll::Ready(self.answered.remove(&ticket).map(|answered| answered.answer))
    }

    /// The waiter gives up its place. Its waker goes to `wakers`, to be dropped after the unlock.
    pub fn leave(&mut self, ticket: Ticket, wakers: &mut Wakers) -> Left<T, A> {
        self.deadlines.cancel(&ticket);
        if let Some(waiter) = self.waiting.remove(&ticket) {
            wakers.forget.extend(waiter.waker);
            return Left::Waiting(waiter.wanted);
        }
        self.answered.remove(&ticket).map_or(Left::Nothing, |answered| Left::Answered(answered.answer))
    }
}

#[cfg(test)]
mod tests;
