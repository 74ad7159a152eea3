//! Who has to be woken, and when not. A wake costs thousands of nanoseconds, so an append wakes the
//! driver only if it sleeps, and only for something it would sleep past.
//!
//! The protocol, sequentially consistent throughout: an append first makes its news visible (list, then `news`), then
//! looks at the park word; the driver first sets the park word, then looks at `news` again. One of the two sees the
//! other.

use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};
use std::task::Waker;
use std::time::Instant;

/// The driver is awake and will look by itself.
const AWAKE: u64 = 0;
/// The driver sleeps without a moment of its own.
const FOR_EVER: u64 = u64::MAX;
/// What the first moment ever seen becomes; others lie around it (2^62 ns are 146 years).
const FIRST_MOMENT: u64 = 1 << 62;

/// Where the driver says that it sleeps, until when, and for what it wants to be woken.
///
/// Alone on its cache lines: the driver writes it in each turn, and appends read what lies beside it.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct ParkWord {
    first_moment: OnceLock<Instant>,
    /// [`AWAKE`], or the moment until which the driver sleeps, in nanoseconds.
    until: AtomicU64,
    /// How many ready partitions it takes to wake it.
    enough: AtomicUsize,
    /// Ready partitions announced since the driver last looked.
    ready: AtomicUsize,
    /// Anything at all since the driver last looked.
    news: AtomicUsize,
    /// The driver took everything but batches that workers have.
    awaits_return: AtomicBool,
    /// One of them came back since. Not forgotten by [`look`](Self::look): a look for ready partitions does not see it.
    returned: AtomicBool,
    waker: Mutex<Option<Arc<Waker>>>,
    wakes: AtomicU64,
}

impl ParkWord {
    pub(crate) fn set_waker(&self, waker: Waker) {
        let waker = Arc::new(waker);
        let old = self.waker.lock().replace(waker);
        drop(old);
    }

    /// The driver announces its sleep. `false`: something happened meanwhile, look again instead.
    pub(crate) fn prepare_to_sleep(&self, until: Option<Instant>, enough: usize) -> bool {
        self.enough.store(enough.max(1), SeqCst);
        self.until.store(until.map_or(FOR_EVER, |at| self.nanos(at)), SeqCst);
        if self.news.load(SeqCst) == 0 && !self.returned.swap(false, SeqCst) {
            return true;
        }
        self.awake();
        false
    }

    /// The driver is back.
    pub(crate) fn awake(&self) {
        self.until.store(AWAKE, SeqCst);
    }

    /// The driver is about to look at everything.
    pub(crate) fn look(&self) {
        self.ready.store(0, SeqCst);
        self.news.store(0, SeqCst);
    }

    /// A partition became ready; it stands in the list already.
    pub(crate) fn partition_ready(&self) {
        let ready = self.ready.fetch_add(1, SeqCst) + 1;
        self.news.fetch_add(1, SeqCst);
        if self.until.load(SeqCst) != AWAKE && ready >= self.enough.load(SeqCst) {
            self.wake();
        }
    }

    /// Something will be due at `at`; it stands in the list already.
    pub(crate) fn due_at(&self, at: Instant) {
        self.news.fetch_add(1, SeqCst);
        let until = self.until.load(SeqCst);
        if until != AWAKE && self.nanos(at) < until {
            self.wake();
        }
    }

    /// Something the driver must look at now, however it sleeps.
    pub(crate) fn urgent(&self) {
        self.news.fetch_add(1, SeqCst);
        if self.until.load(SeqCst) != AWAKE {
            self.wake();
        }
    }

    /// The driver takes what queues hold: whatever came back is among it.
    pub(crate) fn take_returned(&self) {
        self.returned.store(false, SeqCst);
    }

    /// The driver took what queues held, and a worker has a batch of one of them. Called under the lock of that queue.
    pub(crate) fn await_return(&self) {
        self.awaits_return.store(true, SeqCst);
    }

    /// A worker gave a batch back to its queue.
    pub(crate) fn batch_returned(&self) {
        if self.awaits_return.load(SeqCst) {
            self.returned.store(true, SeqCst);
            self.urgent();
        }
    }

    /// News the driver itself makes: it must not sleep before it has looked.
    pub(crate) fn look_again(&self) {
        self.news.fetch_add(1, SeqCst);
    }

    /// How often the driver was woken.
    pub(crate) fn wakes(&self) -> u64 {
        self.wakes.load(SeqCst)
    }

    fn wake(&self) {
        // Only the one that finds it asleep wakes it: on the change, once.
        if self.until.swap(AWAKE, SeqCst) == AWAKE {
            return;
        }
        self.wakes.fetch_add(1, SeqCst);
        let waker = self.waker.lock().clone();
        if let Some(waker) = waker {
            waker.wake_by_ref();
        }
    }

    fn nanos(&self, at: Instant) -> u64 {
        let first = *self.first_moment.get_or_init(|| at);
        let bounded = |duration: std::time::Duration| {
            u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX).min(FIRST_MOMENT - 1)
        };
        match at.checked_duration_since(first) {
            Some(after) => FIRST_MOMENT + bounded(after),
            None => FIRST_MOMENT - bounded(first.duration_since(at)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kp_time::{Clock, ManualClock};
    use std::sync::atomic::AtomicU32;
    use std::task::Wake;
    use std::time::Duration;

    #[derive(Default)]
    struct Rung(AtomicU32);

    impl Wake for Rung {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    fn parked() -> (ParkWord, Arc<Rung>, Instant) {
        let now = ManualClock::new().now();
        let (park, rung) = (ParkWord::default(), Arc::new(Rung::default()));
        park.set_waker(Waker::from(Arc::clone(&rung)));
        (park, rung, now)
    }

    #[test]
    fn a_driver_that_is_awake_is_never_woken() {
        let (park, rung, now) = parked();
        park.partition_ready();
        park.due_at(now);
        park.urgent();
        assert_eq!(rung.0.load(SeqCst), 0);
        assert!(!park.prepare_to_sleep(None, 1), "there are news: it must look first");
        park.look();
        assert!(park.prepare_to_sleep(None, 1));
    }

    #[test]
    fn a_sleeping_driver_is_woken_once_for_several_partitions() {
        let (park, rung, _) = parked();
        assert!(park.prepare_to_sleep(None, 1));
        park.partition_ready();
        park.partition_ready();
        assert_eq!((rung.0.load(SeqCst), park.wakes()), (1, 1));
    }

    #[test]
    fn a_later_moment_than_its_own_does_not_wake_it() {
        let (park, rung, now) = parked();
        let at = |ms| now + Duration::from_millis(ms);
        assert!(park.prepare_to_sleep(Some(at(5)), 1));
        park.due_at(at(5));
        park.due_at(at(9));
        assert_eq!(rung.0.load(SeqCst), 0);
        park.due_at(at(4));
        assert_eq!(rung.0.load(SeqCst), 1);
        park.awake();
        park.look();
        assert!(park.prepare_to_sleep(None, 1), "without a moment of its own, any moment is earlier");
        park.due_at(at(1_000_000));
        assert_eq!(rung.0.load(SeqCst), 2);
    }

    #[test]
    fn a_driver_that_waits_for_the_network_is_woken_for_urgent_matters_only() {
        let (park, rung, _) = parked();
        assert!(park.prepare_to_sleep(None, usize::MAX));
        (0..100).for_each(|_| park.partition_ready());
        assert_eq!(rung.0.load(SeqCst), 0);
        park.urgent();
        assert_eq!(rung.0.load(SeqCst), 1);
    }

    #[test]
    fn three_partitions_are_enough_when_three_are_asked_for() {
        let (park, rung, _) = parked();
        assert!(park.prepare_to_sleep(None, 3));
        park.partition_ready();
        park.partition_ready();
        assert_eq!(rung.0.load(SeqCst), 0);
        park.partition_ready();
        assert_eq!(rung.0.load(SeqCst), 1);
    }
}
