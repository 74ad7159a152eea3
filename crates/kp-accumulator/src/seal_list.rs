//! Batches that wait to be compressed by a worker, in the order in which they closed.
//! Touched by append, workers and the driver. Lock: a list of queue numbers, held for a push or a pop.

use crate::queue_index::QueueIndex;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

/// The list, and the bell that fetches a worker.
#[derive(Debug, Default)]
pub(crate) struct SealList {
    waiting: Mutex<VecDeque<QueueIndex>>,
    bell: Mutex<Option<Arc<Waker>>>,
}

impl SealList {
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
}
