//! The pool's locking, tried in every order that threads can run in. `RUSTFLAGS="--cfg loom" cargo test -p kp-memory
//! --lib --target-dir target/loom` runs them (seconds). A wake-up that got lost shows as a deadlock of the model.

use super::*;
use kp_time::{Clock, ManualClock};
use loom::future::block_on;
use loom::thread;

fn deadline() -> Deadline {
    Deadline::after(ManualClock::new().now(), Duration::from_secs(60), "max.block.ms")
}

// BP8, BP13
#[test]
fn whoever_frees_wakes_the_one_who_waits() {
    loom::model(|| {
        let pool = BufferPool::new(100, 100);
        let held = pool.try_allocate(100).expect("legal size").expect("there is room");
        let freeing = thread::spawn(move || drop(held));
        let page = block_on(pool.allocate(100, deadline()).expect("open")).expect("memory comes free");
        assert_eq!(pool.available(), 0);
        drop(page);
        freeing.join().expect("no panic");
        assert_eq!((pool.available(), pool.waiting()), (100, 0));
    });
}

// BP10
#[test]
fn a_waiter_dropped_while_it_is_served_loses_no_byte_and_no_turn() {
    loom::model(|| {
        let pool = BufferPool::new(100, 100);
        let held = pool.try_allocate(100).expect("legal size").expect("there is room");
        let given_up = pool.allocate(100, deadline()).expect("open");
        let next = pool.allocate(60, deadline()).expect("open");
        let freeing = thread::spawn(move || drop(held));
        let leaving = thread::spawn(move || drop(given_up));
        drop(block_on(next).expect("its turn comes"));
        freeing.join().expect("no panic");
        leaving.join().expect("no panic");
        assert_eq!((pool.available(), pool.waiting()), (100, 0));
    });
}

// BP14
#[test]
fn close_ends_a_wait_whatever_else_happens_and_every_byte_is_back() {
    loom::model(|| {
        let pool = BufferPool::new(100, 100);
        let held = pool.try_allocate(60).expect("legal size").expect("there is room");
        let waiting = pool.allocate(100, deadline()).expect("open");
        let closing = {
            let pool = Arc::clone(&pool);
            thread::spawn(move || pool.close())
        };
        let freeing = thread::spawn(move || drop(held));
        match block_on(waiting) {
            Ok(served_first) => assert_eq!(served_first.capacity(), 100),
            Err(error) => assert_eq!(error, MemoryError::Closed),
        }
        closing.join().expect("no panic");
        freeing.join().expect("no panic");
        assert_eq!((pool.available(), pool.waiting()), (100, 0));
    });
}

// BP7, BP16
#[test]
fn two_threads_that_want_everything_both_get_it() {
    loom::model(|| {
        let pool = BufferPool::new(100, 100);
        let other = {
            let pool = Arc::clone(&pool);
            thread::spawn(move || {
                drop(block_on(pool.allocate(100, deadline()).expect("open")).expect("its turn"))
            })
        };
        drop(block_on(pool.allocate(70, deadline()).expect("open")).expect("its turn"));
        other.join().expect("no panic");
        assert_eq!((pool.available(), pool.waiting()), (100, 0));
    });
}
