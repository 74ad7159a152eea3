//! The lock and the atomics of the pool: parking_lot's and std's, or loom's where a test tries every interleaving
//! (`cfg(loom)`). Nothing else in the crate names either.

#[cfg(not(all(test, loom)))]
pub(crate) use parking_lot::Mutex;
#[cfg(not(all(test, loom)))]
pub(crate) use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

#[cfg(all(test, loom))]
pub(crate) use self::tried::Mutex;
#[cfg(all(test, loom))]
pub(crate) use loom::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

#[cfg(all(test, loom))]
mod tried {
    use loom::sync::MutexGuard;

    /// loom's mutex with parking_lot's call: no poison.
    #[derive(Debug)]
    pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(loom::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock().expect("a model ends at its first panic, so no thread meets a poisoned lock")
        }
    }
}
