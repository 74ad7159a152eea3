//! How many batches wait in each queue of a topic: what the adaptive choice weighs (KIP-794).
//! Written under the lock of the queue that changed, read without a lock by appenders that choose. Side by side, not in the
//! queues: a choice reads many of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed};

/// A partition that no record was ever appended to.
const UNUSED: u32 = u32::MAX;

/// The lengths of a topic's queues as many as a handle knows. A topic that grows adds a piece.
#[derive(Clone, Debug, Default)]
pub(crate) struct QueueLengths {
    pieces: Vec<Arc<[AtomicU32]>>,
    /// Partitions, over all handles, that no record was ever appended to.
    unused: Arc<AtomicUsize>,
}

/// The place of one queue's length.
#[derive(Debug)]
pub(crate) struct QueueLength {
    piece: Arc<[AtomicU32]>,
    index: usize,
    unused: Arc<AtomicUsize>,
}

impl QueueLengths {
    /// As many partitions more.
    pub(crate) fn grow(&mut self, by: usize) {
        self.unused.fetch_add(by, Relaxed);
        self.pieces.push((0..by).map(|_| AtomicU32::new(UNUSED)).collect());
    }

    /// The place of a partition's length.
    ///
    /// # Panics
    /// If there are fewer partitions.
    pub(crate) fn place(&self, partition: usize) -> QueueLength {
        let (piece, index) = self.find(partition).expect("a handle has lengths for its partitions");
        QueueLength { piece: Arc::clone(piece), index, unused: Arc::clone(&self.unused) }
    }

    fn find(&self, partition: usize) -> Option<(&Arc<[AtomicU32]>, usize)> {
        let mut index = partition;
        for piece in &self.pieces {
            if index < piece.len() {
                return Some((piece, index));
            }
            index -= piece.len();
        }
        None
    }

    /// Whether every partition has been appended to once: before, lengths say nothing (PA9).
    pub(crate) fn count(&self) -> bool {
        self.unused.load(Relaxed) == 0
    }

    /// Batches that wait in the queue of a partition, the open one included; 0 if it was never used.
    pub(crate) fn of(&self, partition: u32) -> u32 {
        let length = self.find(partition as usize).map(|(piece, index)| piece[index].load(Relaxed));
        length.filter(|length| *length != UNUSED).unwrap_or(0)
    }
}

impl QueueLength {
    /// The queue has so many batches now. Call under its lock.
    pub(crate) fn set(&self, batches: usize) {
        let batches = u32::try_from(batches).unwrap_or(UNUSED - 1);
        let length = &self.piece[self.index];
        if length.swap(batches, Relaxed) == UNUSED {
            self.unused.fetch_sub(1, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_found_in_all_pieces_of_a_topic_that_grew() {
        let mut lengths = QueueLengths::default();
        lengths.grow(2);
        lengths.grow(3);
        (0..5).for_each(|partition| lengths.place(partition).set(partition * 10));
        assert_eq!((0..5).map(|partition| lengths.of(partition)).collect::<Vec<_>>(), [0, 10, 20, 30, 40]);
        assert_eq!(lengths.of(5), 0);
    }

    // PA9
    #[test]
    fn lengths_count_only_when_every_partition_was_used_once() {
        let mut lengths = QueueLengths::default();
        lengths.grow(2);
        lengths.place(0).set(3);
        lengths.place(0).set(0);
        assert!(!lengths.count());
        lengths.place(1).set(1);
        assert!(lengths.count());
        lengths.grow(1);
        assert!(!lengths.count(), "the topic grew");
        lengths.place(2).set(1);
        assert!(lengths.count());
    }
}
