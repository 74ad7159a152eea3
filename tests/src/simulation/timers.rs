//! Timers of an application's tasks, on a clock that the simulation moves.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use kp_sim::SimClock;
use kp_time::Clock;

/// Timers on one clock. Clones are the same.
#[derive(Clone, Debug)]
pub struct Timers {
    clock: SimClock,
    waiting: Rc<RefCell<BTreeMap<(Instant, u64), Waker>>>,
    /// So that two that end at one moment have keys of their own.
    last: Rc<Cell<u64>>,
}

impl Timers {
    /// No timer yet.
    #[must_use]
    pub fn new(clock: SimClock) -> Self {
        Self { clock, waiting: Rc::default(), last: Rc::default() }
    }

    /// The clock that they go by.
    #[must_use]
    pub fn clock(&self) -> &SimClock {
        &self.clock
    }

    /// When the first one ends.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        self.waiting.borrow().keys().next().map(|(at, _)| *at)
    }

    /// Wakes who has waited long enough.
    pub fn fire(&self) {
        let now = self.clock.now();
        loop {
            let due = self
                .waiting
                .borrow_mut()
                .first_entry()
                .filter(|entry| entry.key().0 <= now)
                .map(|e| e.remove());
            match due {
                Some(waker) => waker.wake(),
                None => return,
            }
        }
    }

    /// Waits that long.
    pub async fn sleep(&self, wait: Duration) {
        let until = self.clock.now() + wait;
        poll_fn(|cx| {
            if self.clock.now() >= until {
                return Poll::Ready(());
            }
            self.last.set(self.last.get() + 1);
            self.waiting.borrow_mut().insert((until, self.last.get()), cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}
