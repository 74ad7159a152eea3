//! Who waits for memory: first come, first served, by whoever frees (BP7, BP8).
//! Touched under the pool's lock only. Never: wakes anybody itself; it hands wakers out for after the unlock.

use crate::MemoryError;
use kp_time::{Deadline, TimerTable};
use std::collections::BTreeMap;
use std::task::Waker;
use std::time::Instant;

/// The place of one waiter in the queue; grows with arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(u64);

/// Memory taken out of the pool for one waiter.
#[derive(Debug, Default)]
pub(crate) struct Grant {
    pub(crate) bytes: usize,
    /// A page that can be used again, in place of new memory.
    pub(crate) page: Option<Vec<u8>>,
}

/// One caller in the queue.
#[derive(Debug)]
pub(crate) struct Waiter {
    pub(crate) needed: usize,
    /// Collected so far (BP8).
    pub(crate) granted: usize,
    deadline: Deadline,
    waker: Option<Waker>,
}

/// The queue, and the answers that were not picked up yet.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    queue: BTreeMap<Ticket, Waiter>,
    deadlines: TimerTable<Ticket>,
    answers: BTreeMap<Ticket, Result<Grant, MemoryError>>,
    next: u64,
}

impl Waiters {
    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.next()
    }

    pub(crate) fn join(&mut self, needed: usize, deadline: Deadline) -> Ticket {
        let ticket = Ticket(self.next);
        self.next += 1;
        self.deadlines.set(ticket, deadline.at());
        self.queue.insert(ticket, Waiter { needed, granted: 0, deadline, waker: None });
        ticket
    }

    /// The one that is served next.
    pub(crate) fn head(&mut self) -> Option<&mut Waiter> {
        self.queue.first_entry().map(|entry| entry.into_mut())
    }

    /// Answers the head with memory and takes it out of the queue.
    pub(crate) fn serve_head(&mut self, grant: Grant) -> Option<Waker> {
        let (ticket, waiter) = self.queue.pop_first()?;
        self.answer(ticket, waiter, Ok(grant))
    }

    /// Fails everybody whose deadline is past. Returns the bytes they had collected.
    pub(crate) fn expire(&mut self, now: Instant, wake: &mut Vec<Waker>) -> (usize, u64) {
        let (mut freed, mut count) = (0, 0);
        while let Some(ticket) = self.deadlines.pop_due(now) {
            if let Some(waiter) = self.queue.remove(&ticket) {
                freed += waiter.granted;
                count += 1;
                let error = MemoryError::Exhausted { requested: waiter.needed, key: waiter.deadline.key() };
                wake.extend(self.answer(ticket, waiter, Err(error)));
            }
        }
        (freed, count)
    }

    /// Fails everybody (BP14). Returns the bytes they had collected.
    pub(crate) fn close(&mut self, wake: &mut Vec<Waker>) -> usize {
        let mut freed = 0;
        while let Some((ticket, waiter)) = self.queue.pop_first() {
            freed += waiter.granted;
            wake.extend(self.answer(ticket, waiter, Err(MemoryError::Closed)));
        }
        freed
    }

    /// The answer to `ticket`, once.
    pub(crate) fn take_answer(&mut self, ticket: Ticket) -> Option<Result<Grant, MemoryError>> {
        self.answers.remove(&ticket)
    }

    /// Whom to wake when `ticket` is answered. The same waker is kept, not cloned again.
    pub(crate) fn set_waker(&mut self, ticket: Ticket, waker: &Waker) {
        if let Some(waiter) = self.queue.get_mut(&ticket) {
            match &mut waiter.waker {
                Some(old) => old.clone_from(waker),
                none => *none = Some(waker.clone()),
            }
        }
    }

    /// Takes `ticket` out, wherever it is. Returns what it held (BP10).
    pub(crate) fn leave(&mut self, ticket: Ticket) -> Grant {
        self.deadlines.cancel(&ticket);
        match self.queue.remove(&ticket) {
            Some(waiter) => Grant { bytes: waiter.granted, page: None },
            None => self.answers.remove(&ticket).and_then(Result::ok).unwrap_or_default(),
        }
    }

    fn answer(
        &mut self,
        ticket: Ticket,
        waiter: Waiter,
        answer: Result<Grant, MemoryError>,
    ) -> Option<Waker> {
        self.deadlines.cancel(&ticket);
        self.answers.insert(ticket, answer);
        waiter.waker
    }
}
