//! Whether records are still accepted, whether a flush is on, and whether there is a driver at all. Read by every append, written
//! a few times in the life of an accumulator.

use crate::failure::FailureKind;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

/// Open, then closed, then without a driver; flushes come and go.
#[derive(Debug, Default)]
pub(crate) struct Lifecycle {
    /// How many flushes are on.
    flushes: AtomicUsize,
    closed: AtomicBool,
    /// Set when there is no driver any more: nothing may wait in a queue.
    ended: OnceLock<FailureKind>,
}

impl Lifecycle {
    pub(crate) fn begin_flush(&self) {
        self.flushes.fetch_add(1, SeqCst);
    }

    pub(crate) fn end_flush(&self) {
        self.flushes.fetch_sub(1, SeqCst);
    }

    pub(crate) fn close(&self) {
        self.closed.store(true, SeqCst);
    }

    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(SeqCst)
    }

    /// There is no driver any more. The first reason stays.
    pub(crate) fn end(&self, kind: FailureKind) {
        let _ = self.ended.set(kind);
    }

    /// Why there is no driver any more, if there is none.
    pub(crate) fn ended(&self) -> Option<FailureKind> {
        self.ended.get().copied()
    }

    /// Whether no batch lingers: a flush is on, or no more records will come (AC10, AC11).
    pub(crate) fn is_urgent(&self) -> bool {
        self.flushes.load(SeqCst) > 0 || self.is_closed()
    }
}
