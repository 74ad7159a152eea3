//! The pool's statements, one by one. The clock stands still until a test moves it.

use super::*;
use crate::{Allocation, Buffer};
use kp_time::{Clock, Jitter, ManualClock};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::AtomicU32;
use std::task::{Context, Wake};

#[derive(Default)]
struct Rung(AtomicU32);

impl Rung {
    fn times(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Rung {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn within(clock: &ManualClock, ms: u64) -> Deadline {
    Deadline::after(clock.now(), Duration::from_millis(ms), "max.block.ms")
}

fn poll(allocation: &mut Allocation, rung: &Arc<Rung>) -> Poll<Result<Buffer, MemoryError>> {
    let waker = Waker::from(Arc::clone(rung));
    Pin::new(allocation).poll(&mut Context::from_waker(&waker))
}

fn take(pool: &Arc<BufferPool>, bytes: usize) -> Buffer {
    pool.try_allocate(bytes).expect("legal size").expect("there is room")
}

#[test]
fn a_returned_page_is_used_again_and_counted_as_available() {
    // BP1, BP2, BP3
    let pool = BufferPool::new(1000, 100);
    let mut page = take(&pool, 100);
    page.vec_mut().extend_from_slice(b"abc");
    let address = page.as_slice().as_ptr();
    assert_eq!(pool.available(), 900);
    drop(page);
    assert_eq!(pool.available(), 1000);
    let again = take(&pool, 100);
    assert!(again.is_empty(), "a page comes back cleared");
    assert_eq!(again.as_slice().as_ptr(), address, "the same memory");
    let odd = take(&pool, 250);
    assert_eq!((odd.capacity(), odd.spare(), pool.available()), (250, 250, 650));
    drop((again, odd));
    assert_eq!(pool.available(), 1000);
}

// BP1
#[test]
fn a_page_size_of_zero_counts_as_one_byte() {
    let pool = BufferPool::new(10, 0);
    assert_eq!(pool.page_size(), 1);
    drop(take(&pool, 1));
    assert_eq!((pool.available(), pool.state.lock().free_pages.len()), (10, 1));
}

// BP2
#[test]
fn free_pages_are_used_again_last_in_first_out() {
    let pool = BufferPool::new(1000, 100);
    let (a, b) = (take(&pool, 100), take(&pool, 100));
    let newest = b.as_slice().as_ptr();
    drop(a);
    drop(b);
    assert_eq!(take(&pool, 100).as_slice().as_ptr(), newest);
}

#[test]
fn a_buffer_that_grew_gives_back_what_it_was_lent_as() {
    // BP4
    let pool = BufferPool::new(1000, 100);
    let mut page = take(&pool, 100);
    page.vec_mut().extend_from_slice(&[0; 500]);
    drop(page);
    assert_eq!(pool.available(), 1000);
    assert!(pool.state.lock().free_pages.is_empty(), "a page of another size is not kept");
}

#[test]
fn more_than_the_pool_has_in_all_fails_at_once() {
    // BP5
    let pool = BufferPool::new(1000, 100);
    let clock = ManualClock::new();
    let error = MemoryError::TooLarge { requested: 1001, limit: 1000 };
    assert_eq!(pool.try_allocate(1001).unwrap_err(), error);
    assert_eq!(pool.allocate(1001, within(&clock, 10)).unwrap_err(), error);
    assert!(!pool.has_waiters());
}

#[test]
fn free_pages_are_released_for_a_large_request() {
    // BP6
    let pool = BufferPool::new(1000, 100);
    let pages: Vec<_> = (0..10).map(|_| take(&pool, 100)).collect();
    drop(pages);
    assert_eq!(pool.state.lock().free_pages.len(), 10);
    let large = take(&pool, 750);
    assert_eq!(pool.available(), 250);
    assert_eq!(pool.state.lock().free_pages.len(), 2);
    drop(large);
    assert_eq!(pool.available(), 1000);
}

#[test]
fn a_small_request_does_not_overtake_an_earlier_large_one() {
    // BP7
    let (pool, clock, rung) = (BufferPool::new(1000, 100), ManualClock::new(), Arc::new(Rung::default()));
    let (first, second) = (take(&pool, 500), take(&pool, 400));
    let mut large = pool.allocate(800, within(&clock, 10)).unwrap();
    assert!(pool.try_allocate(50).unwrap().is_none(), "100 bytes are free, but a waiter is in front");
    let mut small = pool.allocate(50, within(&clock, 10)).unwrap();
    assert_eq!(pool.waiting(), 2);
    assert!(poll(&mut large, &rung).is_pending() && poll(&mut small, &rung).is_pending());
    drop(second);
    assert!(poll(&mut small, &rung).is_pending(), "500 of 800 are there: both still wait");
    drop(first);
    assert!(poll(&mut large, &rung).is_ready());
    assert!(poll(&mut small, &rung).is_ready());
    assert_eq!(rung.times(), 2);
    drop((large, small));
    assert_eq!(pool.available(), 1000);
}

#[test]
fn a_waiter_that_is_never_polled_does_not_stop_a_later_one() {
    // BP8
    let (pool, clock, rung) = (BufferPool::new(200, 100), ManualClock::new(), Arc::new(Rung::default()));
    let (a, b) = (take(&pool, 100), take(&pool, 100));
    let never_polled = pool.allocate(100, within(&clock, 10)).unwrap();
    let mut later = pool.allocate(100, within(&clock, 10)).unwrap();
    assert!(poll(&mut later, &rung).is_pending());
    drop(a);
    assert_eq!(rung.times(), 0, "the first page is for the one that came first");
    drop(b);
    assert_eq!(rung.times(), 1);
    let page = later.wait_blocking(&clock).unwrap();
    assert_eq!(pool.available(), 0);
    drop((page, never_polled));
    assert_eq!(pool.available(), 200);
}

#[test]
fn a_waiter_past_its_deadline_fails_and_gives_back_what_it_had_collected() {
    // BP9, BP10
    let (pool, clock, rung) = (BufferPool::new(300, 100), ManualClock::new(), Arc::new(Rung::default()));
    let held = take(&pool, 200);
    let mut large = pool.allocate(300, within(&clock, 10)).unwrap();
    let mut small = pool.allocate(100, within(&clock, 20)).unwrap();
    assert!(poll(&mut large, &rung).is_pending() && poll(&mut small, &rung).is_pending());
    assert_eq!(pool.available(), 0, "the head holds the last 100 bytes");
    assert_eq!(pool.next_deadline(), Some(clock.now() + Duration::from_millis(10)));
    pool.expire(clock.now());
    assert_eq!(pool.waiting(), 2);
    clock.advance(Duration::from_millis(10));
    pool.expire(clock.now());
    let error = MemoryError::Exhausted { requested: 300, key: "max.block.ms" };
    assert!(matches!(poll(&mut large, &rung), Poll::Ready(Err(e)) if e == error && e.is_retriable()));
    assert!(matches!(poll(&mut small, &rung), Poll::Ready(Ok(_))), "it got what the other one gave back");
    assert_eq!((pool.exhausted_total(), pool.waiting(), rung.times()), (1, 0, 2));
    drop(held);
    assert_eq!(pool.available(), 300);
}

// BP9, BP10
#[test]
fn memory_that_a_waiter_does_not_fetch_by_its_deadline_goes_to_others() {
    let (clock, pool) = (ManualClock::new(), BufferPool::new(100, 100));
    let held = take(&pool, 100);
    let forgotten = pool.allocate(100, within(&clock, 10)).expect("legal");
    let mut next = pool.allocate(100, within(&clock, 20)).expect("legal");
    drop(held);
    assert_eq!(pool.available(), 0, "granted to a future that is not polled");
    clock.advance(Duration::from_millis(10));
    assert_eq!(pool.next_deadline(), Some(clock.now()));
    pool.expire(clock.now());
    let rung = Arc::new(Rung::default());
    assert!(matches!(poll(&mut next, &rung), Poll::Ready(Ok(_))));
    let late = poll(&mut { forgotten }, &rung);
    let error = MemoryError::Exhausted { requested: 100, key: "max.block.ms" };
    assert!(matches!(late, Poll::Ready(Err(found)) if found == error));
    assert_eq!((pool.available(), pool.next_deadline(), pool.exhausted_total()), (100, None, 1));
}

#[test]
fn dropping_a_queued_allocation_serves_the_next() {
    // BP10, BP13
    let (pool, clock, rung) = (BufferPool::new(300, 100), ManualClock::new(), Arc::new(Rung::default()));
    let held = take(&pool, 200);
    let large = pool.allocate(300, within(&clock, 10)).unwrap();
    let mut small = pool.allocate(100, within(&clock, 10)).unwrap();
    assert!(poll(&mut small, &rung).is_pending());
    drop(large);
    assert_eq!(rung.times(), 1);
    assert!(poll(&mut small, &rung).is_ready());
    drop(held);
    assert_eq!((pool.available(), pool.has_waiters()), (300, false));
}

#[test]
fn dropping_an_allocation_that_was_served_gives_the_page_back() {
    // BP10
    let (pool, clock) = (BufferPool::new(100, 100), ManualClock::new());
    let held = take(&pool, 100);
    let waiting = pool.allocate(100, within(&clock, 10)).unwrap();
    drop(held);
    assert_eq!(pool.available(), 0, "it is granted, though not picked up");
    drop(waiting);
    assert_eq!(pool.available(), 100);
    drop(pool.allocate(100, within(&clock, 10)).unwrap());
    assert_eq!(pool.available(), 100);
}

#[test]
fn the_system_having_no_memory_leaks_none_of_the_pool() {
    // BP12
    let pool = BufferPool::new(isize::MAX as usize, 100);
    let error = pool.try_allocate(isize::MAX as usize).unwrap_err();
    assert_eq!(error, MemoryError::OutOfMemory { requested: isize::MAX as usize });
    assert_eq!(pool.available(), pool.capacity());
}

#[test]
fn close_fails_who_waits_and_who_comes_but_takes_memory_back() {
    // BP14, CL7
    let (pool, clock, rung) = (BufferPool::new(100, 100), ManualClock::new(), Arc::new(Rung::default()));
    let held = take(&pool, 60);
    let mut waiting = pool.allocate(100, within(&clock, 10)).unwrap();
    assert!(poll(&mut waiting, &rung).is_pending());
    pool.close();
    assert_eq!(rung.times(), 1);
    assert!(matches!(poll(&mut waiting, &rung), Poll::Ready(Err(MemoryError::Closed))));
    assert_eq!(pool.try_allocate(10).unwrap_err(), MemoryError::Closed);
    assert_eq!(pool.allocate(10, within(&clock, 10)).unwrap_err(), MemoryError::Closed);
    drop(held);
    assert_eq!(pool.available(), 100);
}

#[test]
fn totals_above_two_to_the_31_work() {
    // BP15: pages that are never written take no memory of the machine
    let pool = BufferPool::new(20_000_000_000, 1_500_000_000);
    let pages = [take(&pool, 1_500_000_000), take(&pool, 1_500_000_000)];
    assert_eq!(pool.available(), 17_000_000_000);
    drop(pages);
    let held = pool.reserve(17_000_000_000).expect("what is in no page");
    assert_eq!(pool.available(), 3_000_000_000, "two free pages");
    let page = take(&pool, 1_500_000_000);
    assert_eq!(pool.available(), 1_500_000_000);
    drop((held, page));
    assert_eq!(pool.available(), 20_000_000_000);
}

#[test]
fn threads_that_allocate_and_free_random_sizes_leave_the_pool_full() {
    // BP7, BP16
    let (pool, clock) = (BufferPool::new(4000, 100), ManualClock::new());
    std::thread::scope(|scope| {
        for seed in 0..8 {
            let (pool, clock) = (&pool, &clock);
            scope.spawn(move || {
                let mut jitter = Jitter::seeded(seed);
                for _ in 0..2_000 {
                    let bytes = if jitter.below(2) == 0 { 100 } else { 1 + jitter.below(1500) as usize };
                    let allocation = pool.allocate(bytes, within(clock, 600_000)).unwrap();
                    if jitter.below(10) > 0 {
                        let buffer = allocation.wait_blocking(clock).unwrap();
                        assert_eq!(buffer.capacity(), bytes);
                    }
                }
            });
        }
    });
    assert_eq!((pool.available(), pool.waiting()), (4000, 0));
}

#[test]
fn a_blocking_wait_ends_by_itself_at_its_deadline() {
    // BP9: without a call of expire
    let (pool, clock) = (BufferPool::new(100, 100), ManualClock::new());
    let held = take(&pool, 60);
    let waiting = pool.allocate(100, within(&clock, 1)).unwrap();
    clock.advance(Duration::from_millis(1));
    let error = waiting.wait_blocking(&clock).unwrap_err();
    assert_eq!(error, MemoryError::Exhausted { requested: 100, key: "max.block.ms" });
    assert_eq!((pool.available(), pool.waiting(), pool.exhausted_total()), (40, 0, 1));
    drop(held);
}

#[test]
fn the_driver_is_woken_when_somebody_starts_to_wait() {
    // AC11
    let (pool, clock, rung) = (BufferPool::new(100, 100), ManualClock::new(), Arc::new(Rung::default()));
    pool.set_driver_waker(Waker::from(Arc::clone(&rung)));
    let first = pool.allocate(100, within(&clock, 10)).unwrap();
    assert_eq!(rung.times(), 0);
    let second = pool.allocate(100, within(&clock, 10)).unwrap();
    assert_eq!(rung.times(), 1);
    drop((first, second));
}

#[test]
fn the_page_returns_when_the_last_bytes_over_it_is_dropped() {
    // AC32
    let pool = BufferPool::new(100, 100);
    let mut page = take(&pool, 100);
    page.vec_mut().extend_from_slice(b"0123456789");
    let whole = page.freeze();
    let part = whole.slice(3..5);
    drop(whole);
    assert_eq!((&part[..], pool.available()), (&b"34"[..], 0));
    drop(part);
    assert_eq!(pool.available(), 100);
}

#[test]
fn what_is_counted_above_the_bound_must_come_back_before_anything_is_given() {
    // BB28, BB12
    let (pool, clock) = (BufferPool::new(300, 100), ManualClock::new());
    let page = take(&pool, 100);
    drop(take(&pool, 100));
    let over = pool.reserve_over(250);
    assert_eq!(pool.available(), 0);
    assert!(
        pool.try_allocate(100).unwrap().is_none(),
        "a free page does not count while the pool is in debt"
    );
    let waiting = pool.allocate(100, within(&clock, 10)).unwrap();
    drop(page);
    assert_eq!(pool.waiting(), 1, "50 of 100 are there");
    drop(over);
    assert_eq!((pool.waiting(), pool.available()), (0, 200));
    drop(waiting);
    assert_eq!(pool.available(), 300);
}

#[test]
fn a_buffer_above_the_bound_is_counted_too() {
    // BB28
    let (pool, clock) = (BufferPool::new(300, 100), ManualClock::new());
    let all = take(&pool, 300);
    let over = pool.allocate_over(150).unwrap();
    assert_eq!((over.capacity(), pool.available()), (150, 0));
    drop(all);
    assert_eq!(pool.available(), 150);
    let waiting = pool.allocate(200, within(&clock, 10)).unwrap();
    assert!(pool.allocate_over(50).is_ok(), "it does not wait");
    drop((over, waiting));
    assert_eq!(pool.available(), 300);
}

#[test]
fn a_reservation_does_not_wait_and_does_not_overtake() {
    let (pool, clock) = (BufferPool::new(300, 100), ManualClock::new());
    assert!(pool.reserve(301).is_none());
    let mut all = pool.reserve(300).unwrap();
    let waiting = pool.allocate(200, within(&clock, 10)).unwrap();
    drop(all.split(100));
    assert!(pool.reserve(10).is_none(), "100 bytes came free, for the one who waits");
    drop(all);
    drop(waiting);
    assert_eq!(pool.available(), 300);
}

#[test]
fn what_is_set_aside_lowers_what_one_allocation_can_get() {
    let pool = BufferPool::new(300, 100);
    let reserve = pool.set_aside(100);
    assert_eq!((pool.available(), pool.largest_allocation()), (200, 200));
    assert_eq!(pool.try_allocate(201).unwrap_err(), MemoryError::TooLarge { requested: 201, limit: 200 });
    drop(reserve);
    assert_eq!((pool.available(), pool.largest_allocation()), (300, 300));
}

#[test]
fn shrinking_gives_back_what_a_large_buffer_does_not_need() {
    let pool = BufferPool::new(1000, 100);
    let mut large = take(&pool, 800);
    large.vec_mut().extend_from_slice(&[7; 120]);
    large.shrink();
    assert_eq!((large.capacity(), large.as_slice(), pool.available()), (120, &[7; 120][..], 880));
    let mut page = take(&pool, 100);
    page.shrink();
    assert_eq!(page.capacity(), 100, "a page stays whole for the next batch");
    drop((large, page));
    assert_eq!(pool.available(), 1000);
}

/// A waker that panics when it is rung, as an executor may.
struct Breaks;

impl Wake for Breaks {
    fn wake(self: Arc<Self>) {
        panic!("an executor's bug");
    }
}

// BP11
#[test]
fn a_waker_that_panics_loses_no_memory_and_keeps_nobody_asleep() {
    let (pool, clock, rung) = (BufferPool::new(200, 100), ManualClock::new(), Arc::new(Rung::default()));
    let held = take(&pool, 200);
    let mut broken = pool.allocate(100, within(&clock, 10)).unwrap();
    let mut sound = pool.allocate(100, within(&clock, 10)).unwrap();
    let waker = Waker::from(Arc::new(Breaks));
    assert!(Pin::new(&mut broken).poll(&mut Context::from_waker(&waker)).is_pending());
    assert!(poll(&mut sound, &rung).is_pending());
    drop(held);
    assert_eq!(rung.times(), 1, "the one behind it is woken");
    assert!(poll(&mut broken, &rung).is_ready() && poll(&mut sound, &rung).is_ready());
    drop((broken, sound));
    assert_eq!(pool.available(), 200);
}

/// Notes whether the pool could be locked while it woke.
struct Looks(Arc<BufferPool>, AtomicU32);

impl Wake for Looks {
    fn wake(self: Arc<Self>) {
        assert!(self.0.state.try_lock().is_some(), "a waker runs with the pool locked");
        self.1.fetch_add(1, Ordering::SeqCst);
    }
}

// BP17
#[test]
fn the_pool_is_not_locked_while_wakers_run() {
    let (pool, clock) = (BufferPool::new(100, 100), ManualClock::new());
    let looks = Arc::new(Looks(Arc::clone(&pool), AtomicU32::new(0)));
    pool.set_driver_waker(Waker::from(Arc::clone(&looks)));
    let waker = Waker::from(Arc::clone(&looks));
    let waits_for = |end: &dyn Fn(Buffer)| {
        let held = take(&pool, 100);
        let mut waiting = pool.allocate(100, within(&clock, 10)).unwrap();
        assert!(Pin::new(&mut waiting).poll(&mut Context::from_waker(&waker)).is_pending());
        end(held);
    };
    waits_for(&drop);
    waits_for(&|_held| pool.expire(clock.now() + Duration::from_millis(10)));
    waits_for(&|_held| pool.close());
    assert_eq!(looks.1.load(Ordering::SeqCst), 6, "the driver three times, the waiter once by each end");
}

// BP8, BP17
#[test]
fn a_thread_that_is_parked_is_woken_by_what_comes_back() {
    let clock = ManualClock::new();
    let pool = BufferPool::new(100, 100);
    let page = take(&pool, 100);
    let waiting = pool.allocate(100, within(&clock, 3_600_000)).expect("legal size");
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| waiting.wait_blocking(&clock).map(|buffer| buffer.capacity()));
        // Both orders are fine; parked before is the one that matters, and by far the more likely.
        (0..1000).for_each(|_| std::thread::yield_now());
        drop(page);
        assert_eq!(waiter.join().expect("no panic").expect("it is served"), 100);
    });
}

#[test]
fn a_buffer_says_how_much_is_written() {
    let pool = BufferPool::new(100, 100);
    let mut page = take(&pool, 100);
    assert_eq!((page.len(), page.is_empty(), page.spare()), (0, true, 100));
    page.vec_mut().extend_from_slice(b"abc");
    assert_eq!((page.len(), page.is_empty(), page.spare()), (3, false, 97));
}

// ME1
#[test]
fn waits_and_those_in_vain_are_counted() {
    let clock = ManualClock::new();
    let pool = BufferPool::new(100, 100);
    assert_eq!((pool.exhausted_total(), pool.wait_time()), (0, Duration::ZERO));
    pool.add_wait(Duration::from_millis(3));
    pool.add_wait(Duration::from_millis(4));
    assert_eq!(pool.wait_time(), Duration::from_millis(7));
    let page = take(&pool, 100);
    for deadline in [within(&clock, 1), within(&clock, 2)] {
        let waiting = pool.allocate(100, deadline).expect("legal size");
        clock.advance(Duration::from_millis(2));
        assert!(matches!(waiting.wait_blocking(&clock), Err(MemoryError::Exhausted { requested: 100, .. })));
    }
    assert_eq!(pool.exhausted_total(), 2);
    drop(page);
}

#[test]
fn a_reservation_that_grows_or_is_split_counts_what_it_stands_for() {
    let pool = BufferPool::new(100, 10);
    let mut reserved = pool.reserve_over(30);
    reserved.grow_over(5);
    assert_eq!((reserved.bytes(), pool.available()), (35, 65));
    let part = reserved.split(15);
    assert_eq!((reserved.bytes(), part.bytes(), pool.available()), (20, 15, 65));
    drop(reserved);
    assert_eq!(pool.available(), 85);
    drop(part);
    assert_eq!(pool.available(), 100);
}

#[test]
fn only_a_wait_in_vain_is_worth_another_try() {
    let key = "max.block.ms";
    assert!(MemoryError::Exhausted { requested: 1, key }.is_retriable());
    assert!(!MemoryError::Closed.is_retriable());
}
