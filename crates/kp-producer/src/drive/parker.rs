//! Blocking on a future without a runtime: the calling thread parks, the future's waker unparks it.
//! Used by everything under `blocking` and by `Delivery::wait`. Holds no lock, owns no thread.

#![allow(clippy::disallowed_methods, reason = "a blocking call with a time limit needs the real clock")]

use kp_time::ParkedThread;
use std::cell::Cell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// A caller that minds its own time looks no more often than this.
const SHORTEST_SLEEP: Duration = Duration::from_millis(1);

thread_local! {
    /// One waker for each thread, so that looking many times at one outcome registers once. Taken out while it is in
    /// use: a wait within a wait has its own.
    static PARKED: Cell<Option<Arc<ParkedThread>>> = const { Cell::new(None) };
    static IS_NETWORK_THREAD: Cell<bool> = const { Cell::new(false) };
}

/// Notes whether this is the network thread of a producer, where nothing may be waited for.
pub(crate) fn mark_network_thread(is: bool) {
    IS_NETWORK_THREAD.set(is);
}

/// Whether this is the network thread of any producer.
pub(crate) fn is_network_thread() -> bool {
    IS_NETWORK_THREAD.get()
}

/// Wakes all; a waker that panics (of the application's executor) keeps none of the others asleep.
pub(crate) fn wake_all(wakers: impl IntoIterator<Item = Waker>) {
    for waker in wakers {
        let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
    }
}

/// Lets the other tasks of the executor have a turn.
pub(crate) async fn yield_now() {
    let mut yielded = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Drives `future` to its end on this thread.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    match run(pin!(future), || Pause::UntilWoken) {
        Some(output) => output,
        None => unreachable!("without a limit the loop ends only with the output"),
    }
}

/// Drives `future` to its end. Whenever it was not woken for as long as it was to sleep, at first `sleep`, runs `mind`, which
/// may end what the future waits for, and tells how long to sleep then; `None` is for good.
pub(crate) fn block_on_minding<F: Future>(
    future: F,
    sleep: Duration,
    mut mind: impl FnMut() -> Option<Duration>,
) -> F::Output {
    let mut until = Instant::now().checked_add(sleep);
    let pause = || {
        let Some(at) = until else { return Pause::UntilWoken };
        let left = at.saturating_duration_since(Instant::now());
        if !left.is_zero() {
            return Pause::AtMost(left);
        }
        // Of a clock that stands still, the next moment may be near for ever.
        until = mind().and_then(|next| Instant::now().checked_add(next.max(SHORTEST_SLEEP)));
        Pause::Look
    };
    match run(pin!(future), pause) {
        Some(output) => output,
        None => unreachable!("without a limit the loop ends only with the output"),
    }
}

/// Drives `future` for at most `within`.
pub(crate) fn block_on_timeout<F: Future + Unpin>(future: &mut F, within: Duration) -> Option<F::Output> {
    let until = Instant::now().checked_add(within);
    run(Pin::new(future), || {
        let Some(until) = until else { return Pause::UntilWoken };
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() { Pause::GiveUp } else { Pause::AtMost(left) }
    })
}

/// Between a look at the future and the next.
enum Pause {
    UntilWoken,
    AtMost(Duration),
    /// None: it may be done by now.
    Look,
    GiveUp,
}

fn run<F: Future>(future: Pin<&mut F>, pause: impl FnMut() -> Pause) -> Option<F::Output> {
    let parked = PARKED.take().unwrap_or_else(ParkedThread::current);
    let output = run_with(&parked, future, pause);
    PARKED.set(Some(parked));
    output
}

fn run_with<F: Future>(
    parked: &Arc<ParkedThread>,
    mut future: Pin<&mut F>,
    mut pause: impl FnMut() -> Pause,
) -> Option<F::Output> {
    let waker = Waker::from(Arc::clone(parked));
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return Some(output);
        }
        while !parked.take_wake() {
            match pause() {
                Pause::UntilWoken => std::thread::park(),
                Pause::AtMost(left) => std::thread::park_timeout(left),
                Pause::Look => break,
                Pause::GiveUp => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[test]
    fn a_wake_from_another_thread_ends_the_wait() {
        let (tell, mut told) = (Arc::new(AtomicBool::new(false)), 0);
        let future = std::future::poll_fn(|cx| {
            told += 1;
            if tell.load(Ordering::Acquire) {
                return Poll::Ready(told);
            }
            let (tell, waker) = (Arc::clone(&tell), cx.waker().clone());
            std::thread::spawn(move || {
                tell.store(true, Ordering::Release);
                waker.wake();
            });
            Poll::Pending
        });
        assert_eq!(block_on(future), 2);
    }

    #[test]
    fn a_limit_ends_the_wait_for_a_future_that_never_comes() {
        assert_eq!(block_on_timeout(&mut std::future::pending::<()>(), Duration::from_millis(1)), None);
    }
}
