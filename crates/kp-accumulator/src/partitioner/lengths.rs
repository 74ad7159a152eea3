//! How many batches wait in each queue of a topic: what the adaptive choice weighs (KIP-794).
//! Written under the lock of the queue that changed, read without a lock by whoever chooses. Side by side, not in the
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
    /// As many partitions more; gives their places.
    pub(crate) fn grow(&mut self, by: usize) -> impl Iterator<Item = QueueLength> + use<> {
        let piece: Arc<[AtomicU32]> = (0..by).map(|_| AtomicU32::new(UNUSED)).collect();
        self.unused.fetch_add(by, Relaxed);
        self.pieces.push(Arc::clone(&piece));
        let unused = Arc::clone(&self.unused);
        (0..by).map(move |index| QueueLength {
            piece: Arc::clone(&piece),
            index,
            unused: Arc::clone(&unused),
        })
    }

    /// Whether every partition has been appended to once: before, lengths say nothing (PA9).
    pub(crate) fn count(&self) -> bool {
        self.unused.load(Relaxed) == 0
    }

    /// Batches that wait in the queue of a partition, the open one included; 0 if it was never used.
    pub(crate) fn of(&self, partition: u32) -> u32 {
        let mut index = partition as usize;
        for piece in &self.pieces {
            match piece.get(index) {
                Some(length) => {
                    return Some(length.load(Relaxed)).filter(|length| *length != UNUSED).unwrap_or(0);
                }
                None => index -= piece.len(),
            }
        }
        0
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
        let mut places: Vec<_> = lengths.grow(2).collect();
        places.extend(lengths.grow(3));
        places.iter().enumerate().for_each(|(index, place)| place.set(index * 10));
        assert_eq!((0..5).map(|partition| lengths.of(partition)).collect::<Vec<_>>(), [0, 10, 20, 30, 40]);
        assert_eq!(lengths.of(5), 0);
    }

    // PA9
    #[test]
    fn lengths_count_only_when_every_partition_was_used_once() {
        let mut lengths = QueueLengths::default();
        let places: Vec<_> = lengths.grow(2).collect();
        places[0].set(3);
        places[0].set(0);
        assert!(!lengths.count());
        places[1].set(1);
        assert!(lengths.count());
        let more: Vec<_> = lengths.grow(1).collect();
        assert!(!lengths.count(), "the topic grew");
        more[0].set(1);
        assert!(lengths.count());
    }
}
