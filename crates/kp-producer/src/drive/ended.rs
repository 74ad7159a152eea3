//! The end of a producer as an event: set once by the network thread, awaited by `close`.

use crate::transaction::outcome::TransactionOutcome;
use parking_lot::Mutex;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};

/// How a producer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "undelivered records are only reported here"]
#[non_exhaustive]
pub struct Closed {
    /// How many accepted records were failed because the producer was closed before they were acknowledged. What failed by
    /// itself before that is not counted here; its deliveries have told.
    pub undelivered: u64,
    /// How many of these may be in the log all the same: they were under way, and the answer was not waited for. The others are
    /// known not to be there.
    pub perhaps_written: u64,
    /// The network thread had panicked before; everything that was not settled by then is counted above, as perhaps written.
    pub panicked: bool,
    /// What became of the newest transaction, of a producer that has them and had begun one.
    pub transaction: Option<TransactionOutcome>,
}

/// How far a producer is from its end.
///
/// ```text
/// Running ──▶ Closing ──▶ Closed
///    └───────────┴──────▶ Panicked
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Standing {
    Running,
    /// `close` was called, or the last handle was dropped.
    Closing,
    /// Everything is settled, and the thread has ended or is about to.
    Closed,
    /// The thread has panicked, or its stepper was dropped.
    Panicked,
}

#[derive(Default)]
pub(crate) struct Ended {
    /// A [`Standing`].
    state: AtomicU8,
    /// Why it is of no use any more although it runs.
    fatal: OnceLock<Arc<str>>,
    awake: AtomicBool,
    wakers: Mutex<Vec<Waker>>,
}

impl Ended {
    pub(crate) fn standing(&self) -> Standing {
        let known = [Standing::Running, Standing::Closing, Standing::Closed, Standing::Panicked];
        known[usize::from(self.state.load(Ordering::Acquire))]
    }

    /// From now on calls say that it is closed; unless it has ended already.
    pub(crate) fn begin_close(&self) {
        let (from, to) = (Standing::Running as u8, Standing::Closing as u8);
        let _ = self.state.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire);
    }

    /// The thread has settled everything and is about to end.
    pub(crate) fn closed(&self) {
        self.state.store(Standing::Closed as u8, Ordering::Release);
        self.wake();
    }

    /// The thread has panicked: from now on calls say so. A call that waits for the end is woken by [`wake`](Self::wake), when
    /// everything was failed.
    pub(crate) fn mark_panicked(&self) {
        self.state.store(Standing::Panicked as u8, Ordering::Release);
    }

    /// A broker refuses this producer as a whole.
    pub(crate) fn mark_fatal(&self, reason: Arc<str>) {
        let _ = self.fatal.set(reason);
    }

    pub(crate) fn fatal(&self) -> Option<&Arc<str>> {
        self.fatal.get()
    }

    pub(crate) fn is_over(&self) -> bool {
        matches!(self.standing(), Standing::Closed | Standing::Panicked)
    }

    pub(crate) fn is_by_panic(&self) -> bool {
        self.standing() == Standing::Panicked
    }

    /// Waits for either.
    pub(crate) fn wait(&self) -> WaitEnded<'_> {
        WaitEnded(self)
    }

    /// Wakes the calls that wait for the end; before that, an end by panic is not over for them.
    pub(crate) fn wake(&self) {
        self.awake.store(true, Ordering::Release);
        let wakers = std::mem::take(&mut *self.wakers.lock());
        crate::drive::parker::wake_all(wakers);
    }
}

pub(crate) struct WaitEnded<'a>(&'a Ended);

impl Future for WaitEnded<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut wakers = self.0.wakers.lock();
        if self.0.awake.load(Ordering::Acquire) {
            return Poll::Ready(());
        }
        if !wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
            wakers.push(cx.waker().clone());
        }
        Poll::Pending
    }
}
