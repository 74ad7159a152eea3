//! Whether appends still enter a transaction: one atomic word, a bit for "sealed" and a count of the appends in progress.
//! Touched by each append of a transaction and by the thread that ends it. No lock, no wait: the last one out of a sealed transaction
//! is told that it was the last.

#[cfg(all(test, loom))]
use loom::sync::atomic::{AtomicUsize, Ordering};
#[cfg(not(all(test, loom)))]
use std::sync::atomic::{AtomicUsize, Ordering};

const SEALED: usize = 1 << (usize::BITS - 1);

/// The entrance to a transaction. An append either entered before the seal, or it is refused.
///
/// ```
/// use kp_accumulator::{AppendSeal, Sealing};
/// let seal = AppendSeal::new();
/// assert!(seal.enter());
/// assert_eq!(seal.seal(), Sealing::Occupied);
/// assert!(!seal.enter(), "no other append comes in");
/// assert!(seal.leave(), "the last one out");
/// assert_eq!(seal.seal(), Sealing::Again);
/// ```
#[derive(Debug)]
pub struct AppendSeal {
    word: AtomicUsize,
}

/// What a seal has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sealing {
    /// No append is in progress: everything that entered is out.
    Empty,
    /// Some are: the last of them learns it from [`AppendSeal::leave`].
    Occupied,
    /// It was sealed before.
    Again,
}

impl Default for AppendSeal {
    fn default() -> Self {
        Self::new()
    }
}

impl AppendSeal {
    /// An open entrance.
    #[must_use]
    pub fn new() -> Self {
        Self { word: AtomicUsize::new(0) }
    }

    /// Enters, if it is not sealed; [`leave`](Self::leave) has to follow.
    #[must_use = "who has entered has to leave"]
    pub fn enter(&self) -> bool {
        let mut word = self.word.load(Ordering::Relaxed);
        // Not an addition that is taken back when it was in vain: behind the seal the count only falls, so that one is the last.
        while word & SEALED == 0 {
            match self.word.compare_exchange_weak(word, word + 1, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(newer) => word = newer,
            }
        }
        false
    }

    /// Leaves. Whether this was the last one out of a sealed transaction: everything that entered has left then.
    #[must_use = "the last one out has to say so"]
    pub fn leave(&self) -> bool {
        self.word.fetch_sub(1, Ordering::AcqRel) == SEALED | 1
    }

    /// Lets no append in any more. Of all calls and all appends that leave, exactly one hears that none is inside.
    #[must_use = "the caller that finds it empty has to say so"]
    pub fn seal(&self) -> Sealing {
        match self.word.fetch_or(SEALED, Ordering::AcqRel) {
            0 => Sealing::Empty,
            word if word & SEALED != 0 => Sealing::Again,
            _ => Sealing::Occupied,
        }
    }

    /// Whether it is sealed.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        self.word.load(Ordering::Acquire) & SEALED != 0
    }
}

#[cfg(all(test, loom))]
mod interleavings;

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    // L15
    #[test]
    fn what_entered_is_waited_for_and_what_comes_later_is_refused() {
        let seal = AppendSeal::new();
        assert!(seal.enter() && seal.enter());
        assert!(!seal.leave(), "it is open");
        assert_eq!(seal.seal(), Sealing::Occupied);
        assert!(seal.is_sealed() && !seal.enter());
        assert!(seal.leave());
        assert_eq!(seal.seal(), Sealing::Again);
        assert_eq!(AppendSeal::new().seal(), Sealing::Empty);
    }
}
