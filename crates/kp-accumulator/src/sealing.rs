//! Where closed batches are compressed: the list that workers take from, in the order in which batches closed, or the driver's
//! own codec. Touched by append, workers and the driver. Locks: the list, held for a push or a pop; the bell; the driver's codec,
//! held while it compresses.

use crate::queue_index::QueueIndex;
use crate::sealer::Sealer;
use parking_lot::{Mutex, MutexGuard};
use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

/// The list, the bell that fetches a worker, and the codec of the driver.
#[derive(Debug)]
pub(crate) struct Sealing {
    waiting: Mutex<VecDeque<QueueIndex>>,
    bell: Mutex<Option<Arc<Waker>>>,
    inline: Mutex<Option<Sealer>>,
}

impl Sealing {
    /// `inline` compresses on the driver; `None` where workers do, or where nothing is compressed.
    pub(crate) fn new(inline: Option<Sealer>) -> Self {
        Self { waiting: Mutex::default(), bell: Mutex::default(), inline: Mutex::new(inline) }
    }

    pub(crate) fn set_bell(&self, bell: Waker) {
        let bell = Arc::new(bell);
        let old = self.bell.lock().replace(bell);
        drop(old);
    }

    /// One batch of `queue` waits. Rings for a worker.
    pub(crate) fn push(&self, queue: QueueIndex) {
        self.waiting.lock().push_back(queue);
        let bell = self.bell.lock().clone();
        if let Some(bell) = bell {
            bell.wake_by_ref();
        }
    }

    pub(crate) fn pop(&self) -> Option<QueueIndex> {
        self.waiting.lock().pop_front()
    }

    /// The driver's codec.
    pub(crate) fn inline(&self) -> MutexGuard<'_, Option<Sealer>> {
        self.inline.lock()
    }
}
