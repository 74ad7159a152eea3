//! A thread that sleeps until a waker of its own is woken: what is below every blocking call.
//! Touched by the thread that sleeps and by those that wake it. No lock, no clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Wake;
use std::thread::Thread;
use std::time::Duration;

/// A thread that may sleep, as a waker sees it. A wake before the sleep is kept, so that none is lost in between.
///
/// ```
/// use kp_time::ParkedThread;
/// use std::sync::Arc;
/// use std::task::Waker;
///
/// let sleeper = ParkedThread::current();
/// Waker::from(Arc::clone(&sleeper)).wake();
/// sleeper.park(); // woken already
/// ```
#[derive(Debug)]
pub struct ParkedThread {
    thread: Thread,
    is_woken: AtomicBool,
}

impl ParkedThread {
    /// The calling thread. It alone may sleep by it.
    #[must_use]
    pub fn current() -> Arc<Self> {
        Arc::new(Self { thread: std::thread::current(), is_woken: AtomicBool::new(false) })
    }

    /// Whether it was woken since the last look.
    #[must_use]
    pub fn take_wake(&self) -> bool {
        self.is_woken.swap(false, Ordering::AcqRel)
    }

    /// Sleeps until it is woken.
    pub fn park(&self) {
        while !self.take_wake() {
            std::thread::park();
        }
    }

    /// Sleeps until it is woken, at most for so long; may return before either.
    pub fn park_timeout(&self, at_most: Duration) {
        if !self.take_wake() {
            std::thread::park_timeout(at_most);
        }
    }
}

impl Wake for ParkedThread {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.is_woken.swap(true, Ordering::AcqRel) {
            self.thread.unpark();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    #[test]
    fn many_wakes_before_a_sleep_end_that_one_and_no_other() {
        let sleeper = ParkedThread::current();
        let waker = Waker::from(Arc::clone(&sleeper));
        waker.wake_by_ref();
        waker.wake();
        sleeper.park();
        assert!(!sleeper.take_wake());
    }
}
