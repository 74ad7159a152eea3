//! Batches that leave their queue without being sent: past `delivery.timeout.ms` (AC25–AC27), or because the producer
//! ends (AC29, AC30). And how a partition is held back and let go. Called by the driver.

use crate::accumulator::Accumulator;
use crate::batch::{Batch, Sealed};
use crate::partition_queue::Queued;
use crate::queue_index::QueueIndex;
use std::time::Instant;

impl Accumulator {
    /// Takes the batches past their delivery timeout out of the queues, in the order of each queue; muted partitions'
    /// and backing-off ones too (AC25). Batches in flight are with the sender that drained them. A batch that a worker has at
    /// this moment is taken by the next call.
    #[must_use = "the batches have to be settled"]
    pub fn expire(&self, now: Instant) -> Vec<Batch<Sealed>> {
        let mut queues = self.ready_queues.lock();
        let queues = &mut *queues;
        let mut expired = Vec::new();
        while let Some(index) = queues.expiring.pop_due(now) {
            let Some(queue) = queues.all.get(index.0 as usize).cloned() else { continue };
            let mut taken = Vec::new();
            let mut state = queue.state.lock();
            // Else the batch behind one that was dropped would be taken in its place.
            state.forget_dropped();
            while state.head_expiry(&self.settings).is_some_and(|expiry| expiry <= now) {
                match state.pop_head() {
                    Some(queued) => taken.push(queued),
                    None => {
                        // A worker has it: it is looked at when it comes back.
                        state.note_overdue();
                        break;
                    }
                }
            }
            if let Some(next) = state.head_expiry(&self.settings) {
                queues.expiring.set(index, next);
            }
            queue.publish_length(&state);
            let has_more = state.announce_waiting();
            drop(state);
            if has_more {
                self.announcements.look_again_at(index);
            }
            expired.extend(taken.into_iter().map(Queued::into_sealed));
        }
        if !expired.is_empty() {
            queues.forget_empty();
        }
        expired
    }

    /// The earliest moment at which [`expire`](Self::expire) may find something: never sleep past it (AC27). It knows
    /// of batches that [`ready`](Self::ready) has seen.
    #[must_use]
    pub fn next_expiry(&self) -> Option<Instant> {
        self.ready_queues.lock().expiring.next()
    }

    /// Puts a batch back to the front of its queue, in the order in which batches were opened, to be sent again at
    /// `not_before` or as soon as the partition has a newer leader (AC15, AC24).
    pub fn requeue(&self, mut batch: Batch<Sealed>, now: Instant, not_before: Option<Instant>) {
        batch.back_off_until(not_before.filter(|at| *at > now));
        let Some(queue) = self.topics.queue(batch.queue()) else { return };
        if queue.requeue(batch) {
            self.announcements.look_again_at(queue.index());
        }
    }

    /// Holds a partition back: neither ready nor drained until [`unmute`](Self::unmute) (AC19, SN7).
    pub fn mute(&self, queue: QueueIndex) {
        if let Some(queue) = self.topics.queue(queue) {
            queue.mute();
        }
    }

    /// Lets a partition go on.
    pub fn unmute(&self, queue: QueueIndex) {
        if let Some(queue) = self.topics.queue(queue)
            && queue.unmute()
        {
            self.announcements.look_again_at(queue.index());
        }
    }

    /// Takes every batch that is not in flight, retried ones included: for the end of a producer (AC29). Batches that a
    /// worker has at this moment are left out, with those behind them; their return wakes the driver. Call again until [`has_incomplete`](Self::has_incomplete) says no.
    #[must_use = "the batches have to be settled"]
    pub fn take_undrained(&self) -> Vec<Batch<Sealed>> {
        self.take_queued(|_| true, false)
    }

    /// Takes the batches that were never drained; retried ones stay and finish normally (AC30).
    #[must_use = "the batches have to be settled"]
    pub fn take_never_drained(&self) -> Vec<Batch<Sealed>> {
        self.take_queued(|attempts| attempts == 0, false)
    }

    /// `at_once`: also what stands behind a batch that a worker has.
    pub(crate) fn take_queued(&self, wanted: impl Fn(u32) -> bool, at_once: bool) -> Vec<Batch<Sealed>> {
        // All queues are looked at: there are no news left.
        self.announcements.park.look();
        self.announcements.park.take_returned();
        let mut queues = self.ready_queues.lock();
        self.topics.copy_new_queues(&mut queues.all);
        let mut taken = Vec::new();
        for queue in &queues.all {
            let mut state = queue.state.lock();
            let before = taken.len();
            taken.extend(state.take_where(&wanted, at_once));
            if state.has_sealing() {
                // Under the lock that its return needs: either this look finds it, or its return is noted.
                self.announcements.park.await_return();
            }
            if taken.len() > before {
                queue.publish_length(&state);
            }
        }
        queues.forget_empty();
        drop(queues);
        taken.into_iter().map(Queued::into_sealed).collect()
    }
}

#[cfg(test)]
mod tests;
