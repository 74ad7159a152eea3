//! The wakers of those who wait for one batch, each once. A few, mostly; one for each record where a program waits for all
//! records of a batch one by one (`join_all`), so that looking one up must not cost more the more there are.
//! Owner: the completion, under its lock. Foreign code (clone, wake, drop) runs outside of it only.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Waker;

/// Up to so many are looked through one by one.
const FEW: usize = 8;

/// What tells wakers apart: data and functions, as [`Waker::will_wake`] compares them. A waker that is kept keeps its data, so
/// another with the same address is the same.
type Identity = (usize, usize);

#[derive(Debug, Default)]
pub(crate) struct WakerSet {
    few: Vec<Waker>,
    /// Those that came when `few` was full.
    many: BTreeMap<Identity, Waker>,
}

fn identity(waker: &Waker) -> Identity {
    (waker.data().addr(), std::ptr::from_ref(waker.vtable()).addr())
}

impl WakerSet {
    pub(crate) fn contains(&self, waker: &Waker) -> bool {
        self.few.iter().any(|known| known.will_wake(waker)) || self.many.contains_key(&identity(waker))
    }

    /// Adds one, or hands it back if it is there: a clone may be known where its original is not, since each build unit has
    /// function tables of its own.
    #[must_use = "dropped after the unlock"]
    pub(crate) fn insert(&mut self, waker: Waker) -> Option<Waker> {
        if self.contains(&waker) {
            return Some(waker);
        }
        if self.few.len() < FEW {
            self.few.push(waker);
            return None;
        }
        self.many.insert(identity(&waker), waker)
    }

    /// Forgets all. Hold no lock.
    pub(crate) fn clear(&mut self) {
        self.few.clear();
        self.many.clear();
    }

    /// Wakes all. Hold no lock. A waker that panics keeps no other waiter asleep.
    pub(crate) fn wake_all(self) {
        for waker in self.few.into_iter().chain(self.many.into_values()) {
            let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
        }
    }

    /// How many a look-up compares one by one; the others lie in a tree.
    #[cfg(test)]
    pub(crate) fn compared_one_by_one(&self) -> usize {
        self.few.len()
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.few.len() + self.many.len()
    }
}
