//! Batches that grow with the round trip: while a partition may not send (its window is full, its leader is not connected or
//! may not be sent to yet), its last open batch goes on filling past `batch.size` (`kp.batch.growth.max.bytes`), so that what
//! one round trip carries follows what the application gives, not `batch.size` times the window. Looked at once for each
//! `batch.size` bytes, never per record.

use crate::accumulator::Accumulator;
use crate::partition_queue::{PartitionQueue, QueueState};
use kp_protocol::BrokerId;
use kp_time::Clock;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering::Relaxed};
use std::time::Duration;

/// How old a batch may be that still grows. Far more than a round trip, far less than a `delivery.timeout.ms` worth having: the
/// time of its last record counts from its opening.
const GROWS_FOR: Duration = Duration::from_secs(1);

/// Brokers are told apart by this many places. Two of one place cost nothing but a batch that grows for its neighbour.
const PLACES: usize = 256;

/// Which brokers can be sent nothing for now: all, until one is found ready for the first time. Written by the driver, read by
/// appends.
#[derive(Debug)]
pub(crate) struct Waits(Box<[AtomicBool; PLACES]>);

impl Default for Waits {
    fn default() -> Self {
        Self(Box::new([const { AtomicBool::new(true) }; PLACES]))
    }
}

impl Waits {
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

impl Accumulator {
    /// Whether what is ready for `broker` has to wait: what the driver found last. While it has, batches for it grow.
    pub fn note_waits(&self, broker: BrokerId, waits: bool) {
        // Relaxed: a batch that closes a moment too early or too late is still a batch.
        self.waits.place(broker).store(waits, Relaxed);
    }

    /// Whether the open batch could not be sent now anyway, and may become larger than `batch.size` meanwhile.
    pub(crate) fn may_grow(&self, queue: &PartitionQueue, state: &QueueState) -> bool {
        // Before the driver's first look nothing of the queue can be on its way.
        let leader_waits =
            || queue.last_leader.get().is_none_or(|broker| self.waits.place(broker).load(Relaxed));
        queue.context.topic.growth.bytes() > self.settings.batch_size
            && (state.is_muted() || state.passed_over || leader_waits())
    }

    /// Lets the open batch, which is full, take another `batch.size` if it could not be sent now anyway.
    pub(crate) fn grow_open(
        &self,
        queue: &PartitionQueue,
        state: &mut QueueState,
        clock: &dyn Clock,
    ) -> bool {
        let may_grow = self.may_grow(queue, state);
        let most = queue.context.topic.growth.bytes();
        let Some(open) = state.open.as_mut().filter(|_| may_grow) else { return false };
        let age = clock.now().saturating_duration_since(open.created());
        age < GROWS_FOR && open.grow(self.settings.size_of_batch(), most, self.measure())
    }
}

#[cfg(test)]
mod tests;
