//! Batches that grow with the round trip: while a partition may not send (its window is full, its leader is not connected or
//! may not be sent to yet), its last open batch goes on filling past `batch.size` (`kp.batch.growth.max.bytes`), so that what
//! one round trip carries follows what the application gives, not `batch.size` times the window. Looked at once for each
//! `batch.size` bytes, never per record.

use crate::accumulator::Accumulator;
use crate::partition_queue::{PartitionQueue, QueueState};
use kp_protocol::BrokerId;
use kp_time::Clock;
use std::time::Duration;

/// How old a batch may be that still grows. Far more than a round trip, far less than a `delivery.timeout.ms` worth having: the
/// time of its last record counts from its opening.
const GROWS_FOR: Duration = Duration::from_secs(1);

impl Accumulator {
    /// Whether what is ready for `broker` has to wait: what the driver found last. While it has, batches for it grow.
    pub fn note_waits(&self, broker: BrokerId, waits: bool) {
        self.brokers.waits.set(broker, waits);
    }

    /// Whether the open batch could not be sent now anyway, and may become larger than `batch.size` meanwhile.
    pub(crate) fn may_grow(&self, queue: &PartitionQueue, state: &QueueState) -> bool {
        // Before the driver's first look nothing of the queue can be on its way.
        let leader_waits =
            || queue.last_leader.get().is_none_or(|broker| self.brokers.waits.has_to_wait(broker));
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
        age < GROWS_FOR && open.grow(self.settings.size_of_batch(), most, self.format_overhead())
    }
}

#[cfg(test)]
mod tests;
