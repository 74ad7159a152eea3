//! What the cluster turned out not to be able to: facts that the sender found out, for calls to refuse by.
//! Written by the driver, read by any thread. Lock: the reason's, only for a record that is refused.

use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Nothing is missing at first.
#[derive(Debug, Default)]
pub(crate) struct OldCluster {
    /// Why records may not have headers, as long as that is so.
    without_headers: Mutex<Option<Arc<str>>>,
    /// It gives no producer ids; see `Producer::guarantees`.
    is_without_idempotence: AtomicBool,
}

impl OldCluster {
    pub(crate) fn set_without_headers(&self, reason: Option<Arc<str>>) {
        *self.without_headers.lock() = reason;
    }

    pub(crate) fn without_headers(&self) -> Option<Arc<str>> {
        self.without_headers.lock().clone()
    }

    pub(crate) fn set_without_idempotence(&self) {
        self.is_without_idempotence.store(true, Ordering::Release);
    }

    pub(crate) fn is_without_idempotence(&self) -> bool {
        self.is_without_idempotence.load(Ordering::Acquire)
    }
}
