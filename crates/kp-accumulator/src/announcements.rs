//! What appenders and workers tell the driver: which queues became ready, and in which a first batch opened.
//! Owns: the two lists and the park word. Never: looks into a queue; where a queue stands is the queue's own to know, so that it
//! is in the list of ready ones once. Locks: one for each list, held for a push or a swap.

use crate::park_word::ParkWord;
use crate::queue_index::QueueIndex;
use parking_lot::Mutex;
use std::time::Instant;

/// Written by many threads, taken by the driver once in each of its turns.
#[derive(Debug, Default)]
pub(crate) struct Announcements {
    pub(crate) park: ParkWord,
    ready: Mutex<Vec<QueueIndex>>,
    opened: Mutex<Vec<(QueueIndex, Instant)>>,
}

impl Announcements {
    /// A queue that has just been marked as announced can be sent from. Wakes the driver if it sleeps and waits for this.
    pub(crate) fn ready(&self, queue: QueueIndex) {
        self.ready.lock().push(queue);
        self.park.partition_ready();
    }

    /// The same by the driver itself: it is awake, and must not sleep before it has looked.
    pub(crate) fn look_again_at(&self, queue: QueueIndex) {
        self.ready.lock().push(queue);
        self.park.look_again();
    }

    /// A first batch opened in a queue at that moment. The caller tells the park word when it is due.
    pub(crate) fn opened(&self, queue: QueueIndex, created: Instant) {
        self.opened.lock().push((queue, created));
    }

    /// Swaps the list of ready queues for an empty one.
    pub(crate) fn take_ready(&self, empty: &mut Vec<QueueIndex>) {
        std::mem::swap(empty, &mut *self.ready.lock());
    }

    /// Swaps the list of queues in which a batch opened for an empty one.
    pub(crate) fn take_opened(&self, empty: &mut Vec<(QueueIndex, Instant)>) {
        std::mem::swap(empty, &mut *self.opened.lock());
    }
}
