//! A waker is foreign code when it runs, and also when it is cloned or dropped: never under the pool's lock.

#![allow(unsafe_code, reason = "only a waker made by hand notices that it is cloned")]
#![allow(
    clippy::disallowed_methods,
    reason = "each case runs on a thread that may be left behind in a deadlock"
)]

use kp_memory::{Buffer, BufferPool};
use kp_time::{Clock, Deadline, ManualClock};
use std::future::Future;
use std::pin::pin;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::task::{Context, RawWaker, RawWakerVTable, Wake, Waker};
use std::time::Duration;

/// A task of a small executor: the drop of its last waker drops the task, and with it what its future holds.
struct Task(#[expect(dead_code, reason = "it is there to be dropped")] Buffer);

impl Wake for Task {
    fn wake(self: Arc<Self>) {}
}

/// Runs a case on a thread of its own, so that a deadlock fails the test and does not stop it.
fn ends(case: impl FnOnce() + Send + 'static, otherwise: &str) {
    let (tell, told) = channel();
    std::thread::spawn(move || {
        case();
        tell.send(()).expect("the test waits");
    });
    assert!(told.recv_timeout(Duration::from_secs(10)).is_ok(), "{otherwise}");
}

fn deadline(clock: &ManualClock) -> Deadline {
    Deadline::after(clock.now(), Duration::from_secs(60), "max.block.ms")
}

// BP17
#[test]
fn the_pool_may_drop_the_last_waker_of_a_task_that_holds_memory() {
    ends(
        || {
            let (clock, pool) = (ManualClock::new(), BufferPool::new(300, 100));
            let held = pool.try_allocate(100).expect("legal").expect("free");
            let _rest = pool.try_allocate(200).expect("legal").expect("free");
            let mut waiting = pin!(pool.allocate(100, deadline(&clock)).expect("legal"));
            let waker = Waker::from(Arc::new(Task(held)));
            assert!(waiting.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            drop(waker);
            // The wait is given up at the end of the block: the pool drops the waker.
        },
        "dropping a wait deadlocks in the pool",
    );
}

// BP17
#[test]
fn the_drivers_waker_is_replaced_without_the_lock() {
    ends(
        || {
            let pool = BufferPool::new(300, 100);
            let held = pool.try_allocate(100).expect("legal").expect("free");
            pool.set_driver_waker(Waker::from(Arc::new(Task(held))));
            pool.set_driver_waker(Waker::noop().clone());
            assert_eq!(pool.available(), 300);
        },
        "replacing the waker deadlocks in the pool",
    );
}

/// A waker that looks at the pool whenever it is cloned or dropped.
struct Looks(Arc<BufferPool>);

static LOOKING: Mutex<Option<Looks>> = Mutex::new(None);

fn look() {
    let pool = LOOKING.lock().expect("no panic").as_ref().map(|looks| Arc::clone(&looks.0));
    let _ = pool.map(|pool| pool.available());
}

const TABLE: RawWakerVTable = RawWakerVTable::new(
    |data| {
        look();
        RawWaker::new(data, &TABLE)
    },
    |_| look(),
    |_| look(),
    |_| look(),
);

// BP17
#[test]
fn the_pool_is_not_locked_while_wakers_are_cloned_woken_or_dropped() {
    ends(
        || {
            let (clock, pool) = (ManualClock::new(), BufferPool::new(100, 100));
            *LOOKING.lock().expect("no panic") = Some(Looks(Arc::clone(&pool)));
            // SAFETY: the functions of the table do not touch the data.
            let waker = || unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), &TABLE)) };
            pool.set_driver_waker(waker());
            let held = pool.try_allocate(100).expect("legal").expect("free");
            let mut first = pin!(pool.allocate(100, deadline(&clock)).expect("legal"));
            let mut second = Box::pin(pool.allocate(100, deadline(&clock)).expect("legal"));
            for _ in 0..2 {
                assert!(first.as_mut().poll(&mut Context::from_waker(&waker())).is_pending());
                assert!(second.as_mut().poll(&mut Context::from_waker(&waker())).is_pending());
            }
            drop(held);
            drop(second);
            assert!(first.as_mut().poll(&mut Context::from_waker(&waker())).is_ready());
        },
        "a waker that looks at the pool deadlocks",
    );
}
