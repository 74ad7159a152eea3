//! The bell: how other threads, sockets and the resolver end the sleep of the thread that polls.
//!
//! One word says what rang and whether the thread sleeps, so that ringing costs one atomic operation while the thread is
//! awake. Any thread rings; only the polling thread sleeps and takes.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Wake, Waker};

/// A caller asked for `poll` to return.
const RUNG: u8 = 1;
/// A socket or the resolver has something; `poll` goes on by itself.
const NUDGED: u8 = 2;
/// The polling thread sleeps, or is about to: the runtime's waker must be used.
const ASLEEP: u8 = 4;

/// See the module. Waking its `Waker` rings it.
#[derive(Debug, Default)]
pub(super) struct Bell {
    word: AtomicU8,
    sleeper: Mutex<Option<Waker>>,
}

impl Bell {
    /// From now on, a ring while the thread sleeps wakes `sleeper`. Before [`fall_asleep`](Self::fall_asleep).
    pub(super) fn register(&self, sleeper: &Waker) {
        let mut slot = self.sleeper.lock().unwrap_or_else(PoisonError::into_inner);
        if !slot.as_ref().is_some_and(|known| known.will_wake(sleeper)) {
            *slot = Some(sleeper.clone());
        }
    }

    /// The polling thread will not sleep again: lets go of the sleeper, whose waker keeps a whole runtime and its descriptors.
    pub(super) fn retire(&self) {
        let sleeper = self.sleeper.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Not under the lock: it may be the last of its runtime.
        drop(sleeper);
    }

    /// The last act before sleeping: announces it. `false`: there was a ring meanwhile, do not sleep.
    pub(super) fn fall_asleep(&self) -> bool {
        // SeqCst here and in `ring`: either the ringer sees the sleeper, or the sleeper sees the ring.
        match self.word.compare_exchange(0, ASLEEP, Ordering::SeqCst, Ordering::SeqCst) {
            Ok(_) => true,
            // The runtime looked at its future again without a ring.
            Err(word) => word == ASLEEP,
        }
    }

    /// Awake again, or still. Answers whether `poll` was asked to return; forgets every ring so far, so what they
    /// were about must be looked at after this.
    pub(super) fn take(&self) -> bool {
        self.word.swap(0, Ordering::SeqCst) & RUNG != 0
    }

    /// Something is there for the polling thread to look at.
    pub(super) fn nudge(&self) {
        self.ring(NUDGED);
    }

    fn ring(&self, how: u8) {
        // Always a read-modify-write, also if it is rung already: what the caller did before must be seen by the
        // thread that takes the ring.
        let before = self.word.fetch_or(how, Ordering::SeqCst);
        // Only the first ring of a sleep wakes.
        if before == ASLEEP {
            let sleeper = self.sleeper.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if let Some(sleeper) = sleeper {
                sleeper.wake();
            }
        }
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.ring(RUNG);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ring(RUNG);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_ring_while_awake_keeps_the_thread_from_sleeping_and_wakes_no_sleeper() {
        let (bell, count) = (Arc::new(Bell::default()), Arc::new(Count::default()));
        bell.register(&Waker::from(Arc::clone(&count)));
        Waker::from(Arc::clone(&bell)).wake();
        assert!(!bell.fall_asleep());
        assert!(bell.take());
        assert!(bell.fall_asleep());
        assert!(!bell.take());
        assert_eq!(count.0.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn many_rings_of_one_sleep_wake_once() {
        let (bell, count) = (Arc::new(Bell::default()), Arc::new(Count::default()));
        bell.register(&Waker::from(Arc::clone(&count)));
        assert!(bell.fall_asleep());
        bell.nudge();
        Waker::from(Arc::clone(&bell)).wake_by_ref();
        Waker::from(Arc::clone(&bell)).wake();
        assert_eq!(count.0.load(Ordering::SeqCst), 1);
        assert!(bell.take(), "the ring behind a nudge is not lost");
    }

    #[test]
    fn a_nudge_ends_the_sleep_but_does_not_ask_for_a_return() {
        let bell = Bell::default();
        bell.nudge();
        assert!(!bell.fall_asleep());
        assert!(!bell.take());
    }
}
