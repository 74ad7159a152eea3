//! A heap that counts what each thread holds, for tests of memory: a test that calls [`measure`] runs on it.
//! It serves tests and benchmarks only and is never published.

#![allow(unsafe_code, reason = "an allocator must implement GlobalAlloc")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// What a piece of work took, in bytes, above what its thread held before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The most held at once. Memory that grows is taken to grow in its place.
    pub most: usize,
    /// The most held at once if memory that grows has to move: its old and its new place exist together.
    pub most_moving: usize,
    /// What is held afterwards; below zero where the work freed what was there before.
    pub left: isize,
}

/// Does the work, and says what this thread allocated for it. May stand inside another one.
pub fn measure<T>(work: impl FnOnce() -> T) -> (T, Taken) {
    let before = HELD.get();
    let outside = (MOST.replace(before), MOST_MOVING.replace(before));
    let made = work();
    let above = |most: isize| usize::try_from(most - before).unwrap_or(0);
    let (most, most_moving) = (above(MOST.get()), above(MOST_MOVING.get()));
    MOST.set(MOST.get().max(outside.0));
    MOST_MOVING.set(MOST_MOVING.get().max(outside.1));
    (made, Taken { most, most_moving, left: HELD.get() - before })
}

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
    static MOST_MOVING: Cell<isize> = const { Cell::new(0) };
}

/// `bytes` more are held; for a moment so many besides, if memory moves.
fn count(bytes: isize, besides: isize) {
    // A thread that ends may free after its cells are gone; no measurement runs then.
    let _ = HELD.try_with(|held| {
        held.set(held.get() + bytes);
        MOST.set(MOST.get().max(held.get()));
        MOST_MOVING.set(MOST_MOVING.get().max(held.get() + besides));
    });
}

struct Counting;

#[global_allocator]
static HEAP: Counting = Counting;

// SAFETY: every call is handed to the system's allocator as it came; the counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize, 0);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize, 0);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        count(-(layout.size() as isize), 0);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let old = layout.size() as isize;
        count(size as isize - old, old);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(place, layout, size) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_is_remembered_and_what_is_left_is_told() {
        let (kept, taken) = measure(|| {
            drop(Vec::<u8>::with_capacity(5000));
            vec![0u8; 300]
        });
        assert_eq!(taken, Taken { most: 5000, most_moving: 5000, left: 300 });
        assert_eq!(measure(|| drop(kept)).1, Taken { most: 0, most_moving: 0, left: -300 });
    }

    #[test]
    fn memory_that_grows_is_counted_once_and_with_the_place_it_leaves() {
        let mut bytes = Vec::<u8>::with_capacity(1000);
        let (_, taken) = measure(|| bytes.reserve_exact(4000));
        assert_eq!(taken, Taken { most: 3000, most_moving: 4000, left: 3000 });
    }

    #[test]
    fn a_measurement_inside_another_one_hides_nothing_from_it() {
        let (inner, outer) = measure(|| {
            let first = vec![0u8; 100];
            let (_, inner) = measure(|| drop(vec![0u8; 1000]));
            drop(first);
            inner
        });
        assert_eq!((inner.most, inner.left), (1000, 0));
        assert_eq!((outer.most, outer.left), (1100, 0));
    }

    #[test]
    fn other_threads_do_not_count() {
        let bytes = vec![0u8; 1000];
        let (_, taken) = measure(|| {
            std::thread::scope(|scope| {
                let handle = scope.spawn(|| Vec::<u8>::with_capacity(1 << 20));
                handle.join().map(drop)
            })
        });
        assert!(taken.most < 1 << 20, "{taken:?}");
        drop(bytes);
    }
}
