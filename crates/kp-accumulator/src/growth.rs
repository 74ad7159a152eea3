//! Batches that grow with the round trip: while a partition may not send because its window is full, its last open batch
//! goes on filling past `batch.size` (`kp.batch.growth.max.bytes`), so that what one round trip carries follows what the
//! application gives, not `batch.size` times the window. Looked at once for each `batch.size` bytes, never per record.

use crate::accumulator::Accumulator;
use crate::partition_queue::{PartitionQueue, QueueState};
use kp_protocol::BrokerId;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering::Relaxed};

/// Brokers are told apart by this many places. Two of one place cost nothing but a batch that grows for its neighbour.
const PLACES: usize = 256;

/// Which brokers take nothing more before they have answered something. Written by the driver, read by appends.
#[derive(Debug)]
pub(crate) struct Windows(Box<[AtomicBool; PLACES]>);

impl Default for Windows {
    fn default() -> Self {
        Self(Box::new([const { AtomicBool::new(false) }; PLACES]))
    }
}

impl Windows {
    fn place(&self, broker: BrokerId) -> &AtomicBool {
        &self.0[broker.0 as u32 as usize % PLACES]
    }
}

/// The leader of a queue's partition, as the driver saw it when the queue was ready last.
#[derive(Debug, Default)]
pub(crate) struct LastLeader(AtomicI32);

impl LastLeader {
    /// No broker has this number; leaders are not negative.
    const NOBODY: i32 = -1;

    pub(crate) fn nobody() -> Self {
        Self(AtomicI32::new(Self::NOBODY))
    }

    pub(crate) fn set(&self, broker: Option<BrokerId>) {
        self.0.store(broker.map_or(Self::NOBODY, |broker| broker.0), Relaxed);
    }

    fn get(&self) -> Option<BrokerId> {
        Some(BrokerId(self.0.load(Relaxed))).filter(|broker| broker.0 >= 0)
    }
}

/// Bytes on the wire up to which the batches of one topic grow.
#[derive(Debug)]
pub(crate) struct GrowthLimit(AtomicUsize);

impl GrowthLimit {
    pub(crate) fn new(bytes: usize) -> Self {
        Self(AtomicUsize::new(bytes))
    }

    /// The broker found a batch of so many bytes too large.
    pub(crate) fn was_too_large(&self, bytes: usize) {
        self.0.fetch_min(bytes / 2, Relaxed);
    }

    pub(crate) fn bytes(&self) -> usize {
        self.0.load(Relaxed)
    }
}

impl Accumulator {
    /// Whether `broker` can take another request: what the driver was told last. While it cannot, batches for it grow.
    pub fn note_window(&self, broker: BrokerId, is_full: bool) {
        // Relaxed: a batch that closes a moment too early or too late is still a batch.
        self.windows.place(broker).store(is_full, Relaxed);
    }

    /// Lets the open batch, which is full, take another `batch.size` if it could not be sent now anyway.
    pub(crate) fn grow_open(&self, queue: &PartitionQueue, state: &mut QueueState) -> bool {
        let most = queue.home.topic.growth.bytes();
        if most <= self.settings.batch_size {
            return false;
        }
        let leader_is_full =
            || queue.home.last_leader.get().is_some_and(|broker| self.windows.place(broker).load(Relaxed));
        let has_to_wait = state.muted || state.passed_over || leader_is_full();
        has_to_wait && state.open.as_mut().is_some_and(|open| open.grow(&self.settings, most, self.measure()))
    }
}

#[cfg(test)]
mod tests;
