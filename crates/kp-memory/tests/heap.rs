//! Memory is made and dropped without the pool's lock: the system may take its time for a large page.

#![allow(unsafe_code, reason = "an allocator is unsafe to write")]
#![allow(
    clippy::disallowed_methods,
    reason = "the case runs on a thread that may be left behind in a deadlock"
)]

use kp_memory::BufferPool;
use kp_time::{Clock, Deadline, ManualClock};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// No other allocation of this process is as large, or a multiple of it.
const PAGE: usize = 100_003;

static POOL: OnceLock<Arc<BufferPool>> = OnceLock::new();
static LOOKS: AtomicUsize = AtomicUsize::new(0);

/// Looks at the pool, under its lock, whenever a page is made or dropped.
struct LookingHeap;

fn look(bytes: usize) {
    if bytes >= PAGE
        && bytes.is_multiple_of(PAGE)
        && let Some(pool) = POOL.get()
    {
        assert!(pool.available() <= pool.capacity());
        LOOKS.fetch_add(1, Ordering::SeqCst);
    }
}

// SAFETY: it is the system's, with a look that allocates nothing.
unsafe impl GlobalAlloc for LookingHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        look(layout.size());
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        look(layout.size());
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static HEAP: LookingHeap = LookingHeap;

/// The looks since the last call.
fn looks() -> usize {
    LOOKS.swap(0, Ordering::SeqCst)
}

// BP17
#[test]
fn the_pool_is_not_locked_while_memory_is_made_or_dropped() {
    let pool = BufferPool::new(4 * PAGE, PAGE);
    assert!(POOL.set(Arc::clone(&pool)).is_ok());
    let (tell, told) = channel();
    std::thread::spawn(move || {
        let take = |bytes| pool.try_allocate(bytes).expect("legal").expect("there is room");
        let pages = [take(PAGE), take(PAGE), take(PAGE)];
        assert_eq!(looks(), 3, "three pages are made");
        drop(pages);
        assert_eq!(looks(), 0, "all are kept");
        let large = take(3 * PAGE);
        assert_eq!(looks(), 3, "two pages are dropped for a larger buffer, which is made");
        drop(large);
        assert_eq!(looks(), 1, "of another size than a page: dropped");

        let clock = ManualClock::new();
        let all = take(4 * PAGE);
        looks();
        let deadline = Deadline::after(clock.now(), Duration::from_secs(60), "max.block.ms");
        let waiting = pool.allocate(2 * PAGE, deadline).expect("legal");
        drop(all);
        assert_eq!(looks(), 1, "dropped by the thread that frees");
        drop(waiting.wait_blocking(&clock).expect("it is served"));
        assert_eq!(looks(), 2, "made, and dropped, by the thread that waited");
        drop(pool.allocate_over(2 * PAGE).expect("the system has it"));
        assert_eq!(looks(), 2);
        tell.send(()).expect("the test waits");
    });
    assert!(
        told.recv_timeout(Duration::from_secs(10)).is_ok(),
        "the pool is locked while memory is made or dropped"
    );
}
