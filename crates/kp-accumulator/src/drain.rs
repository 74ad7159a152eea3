//! Taking what goes into one request: at most one batch of each partition, in the order in which partitions became
//! ready, up to `max.request.size` (AC16–AC19, AC21). Called by the driver.

use crate::accumulator::Accumulator;
use crate::batch::HeadBatch;
use crate::batch::{Batch, InFlight, Sealed, WireBatch};
use crate::partition_queue::{Head, PartitionQueue, QueueState, Queued};
use crate::queue_index::QueueIndex;
use crate::ready_queues::{Look, ReadyQueues};
use kp_metadata::Cluster;
use kp_protocol::{BatchIdentity, BrokerId, TopicPartition};
use std::collections::VecDeque;
use std::time::Instant;

/// Decides, partition by partition, whether its next batch may be sent, and under which identity.
pub trait DrainGate {
    /// What the gate has to say about a batch that it lets through; it comes out beside the batch.
    type Pass;

    /// Asked under the lock of the partition's queue, at most once per drain and partition, and only if the batch fits
    /// the request: what it answers is what happens. It must not call the accumulator.
    fn admit(&mut self, partition: QueueIndex, head: &HeadBatch<'_>) -> Admission<Self::Pass>;

    /// Whether another batch of `queue`, never sent before, could be admitted now. Asked under the same lock before an open
    /// batch is closed and after a batch was taken: where it could not, the open batch is left open and grows. A wrong answer
    /// closes a batch too early or leaves it open for another turn, no more.
    fn has_room(&mut self, queue: QueueIndex, partition: &TopicPartition) -> bool {
        let _ = (queue, partition);
        true
    }
}

/// A gate's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission<Pass = ()> {
    /// Not now. Only this partition is passed over (AC21); it is offered again at the next drain.
    Skip,
    /// Send it.
    Send {
        /// Under which identity, if idempotent.
        identity: Option<BatchIdentity>,
        /// Comes out as [`Drained::pass`].
        pass: Pass,
    },
    /// Never send it: it leaves its queue to be failed, and no attempt is counted.
    GiveUp,
}

/// A batch that was taken, and what to write for it.
#[derive(Debug)]
#[must_use = "dropping it fails the batch"]
pub struct Drained<Pass = ()> {
    /// The queue it came from.
    pub queue: QueueIndex,
    /// The batch, to be requeued or settled.
    pub batch: Batch<InFlight>,
    /// What goes to the wire.
    pub wire: WireBatch,
    /// What the gate said about it.
    pub pass: Pass,
}

/// One partition's turn.
enum Picked<Pass> {
    /// Taken, to be sent under this identity.
    Batch { queued: Queued, identity: Option<BatchIdentity>, pass: Pass, wire_size: usize },
    /// Taken, to be failed.
    GivenUp(Queued),
    /// Stays where it is, for the next drain.
    Skipped,
    /// Does not fit the request any more.
    NoRoom,
    /// Cannot be sent now after all; perhaps a worker has to compress it first.
    NotReady,
}

impl Accumulator {
    /// Takes the batches for one request to `broker` and appends them to `out`: together at most `max_request_size`
    /// bytes with their headers, except that the first is taken whatever its size (AC16).
    ///
    /// Headers and checksums are made here, outside of every queue's lock. An identity with a negative number (BB10) is
    /// a mistake of the gate: its batch stays in the queue.
    ///
    /// Answers the batches that the gate gave up, for the caller to settle.
    pub fn drain<Gate: DrainGate>(
        &self,
        now: Instant,
        cluster: &Cluster,
        broker: BrokerId,
        max_request_size: usize,
        gate: &mut Gate,
        out: &mut Vec<Drained<Gate::Pass>>,
    ) -> Vec<Batch<Sealed>> {
        let mut queues = self.ready_queues.lock();
        let queues = &mut *queues;
        let look = self.look(now, cluster);
        let Some(mut ready) = self.take_ready(queues, look, broker) else { return Vec::new() };
        let (mut skipped, mut given_up) = (VecDeque::new(), Vec::new());
        let mut size = 0;
        while let Some(index) = ready.pop_front() {
            let Some(queue) = queues.all.get(index.0 as usize).cloned() else { continue };
            let bytes_left = if size == 0 { usize::MAX } else { max_request_size.saturating_sub(size) };
            match self.pick(&queue, look, bytes_left, gate) {
                Picked::Skipped => skipped.push_back(index),
                Picked::NoRoom => {
                    // It is the first one next time (AC17).
                    ready.push_front(index);
                    break;
                }
                Picked::NotReady => {
                    queues.look_anew(look, index);
                    // A worker may have been quicker than this look, and announced nothing since the queue stood here still:
                    // its turn is now, since the caller asks for a broker once.
                    ready.extend(queues.brokers.remove(&broker).unwrap_or_default());
                }
                Picked::Batch { queued, identity, pass, wire_size } => {
                    if let Some((batch, wire)) = self.dispatch(&queue, queued.into_sealed(), look, identity) {
                        size += wire_size;
                        out.push(Drained { queue: index, batch, wire, pass });
                    }
                    self.leave_turn(&queue);
                }
                Picked::GivenUp(queued) => {
                    given_up.push(queued.into_sealed());
                    self.leave_turn(&queue);
                }
            }
        }
        // What was passed over stands behind the others.
        ready.append(&mut skipped);
        queues.keep_list(broker, ready);
        given_up
    }

    /// Takes the list of a broker that takes a request now; `None` if nothing waits for it.
    fn take_ready(
        &self,
        queues: &mut ReadyQueues,
        look: Look<'_>,
        broker: BrokerId,
    ) -> Option<VecDeque<QueueIndex>> {
        if queues.follow_cluster(look) {
            // Other brokers may have something to send now: the caller has to look before it sleeps.
            self.announcements.park.look_again();
        }
        let ready = queues.brokers.remove(&broker)?;
        queues.broker_takes(broker);
        Some(ready)
    }

    /// Looks at one partition under its lock and takes its head if everything allows it.
    fn pick<Gate: DrainGate>(
        &self,
        queue: &PartitionQueue,
        look: Look<'_>,
        bytes_left: usize,
        gate: &mut Gate,
    ) -> Picked<Gate::Pass> {
        let mut state = queue.state.lock();
        if state.head(look.now, look.urgent, &self.settings) != Head::Ready {
            return Picked::NotReady;
        }
        let to = &queue.context.topic_partition;
        if state.closed.is_empty() {
            state.passed_over = !gate.has_room(queue.index(), to);
            if state.passed_over {
                return Picked::Skipped;
            }
            if state.close_open(&self.settings) {
                drop(state);
                self.sealing.push(queue.index());
                return Picked::NotReady;
            }
        }
        if let Some(sealer) = &mut *self.sealing.inline()
            && let Some(batch) = state.take_head_to_seal()
        {
            drop(state);
            let sealed = batch.seal(sealer);
            state = queue.state.lock();
            state.put_sealed(sealed);
        }
        self.take_head(queue, &mut state, bytes_left, gate)
    }

    /// Lets the gate decide about the head, if it fits.
    fn take_head<Gate: DrainGate>(
        &self,
        queue: &PartitionQueue,
        state: &mut QueueState,
        bytes_left: usize,
        gate: &mut Gate,
    ) -> Picked<Gate::Pass> {
        let Some(head) = state.head_batch(self.format_overhead()) else { return Picked::NotReady };
        let wire_size = head.wire_size;
        if wire_size > bytes_left {
            return Picked::NoRoom;
        }
        let admission = gate.admit(queue.index(), &head);
        let to = &queue.context.topic_partition;
        let is_skipped = matches!(admission, Admission::Skip);
        state.passed_over = is_skipped || !gate.has_room(queue.index(), to);
        let mut take = || {
            let queued = state.pop_head()?;
            queue.publish_length(state);
            Some(queued)
        };
        let picked = match admission {
            Admission::Skip => return Picked::Skipped,
            Admission::Send { identity, pass } => {
                take().map(|queued| Picked::Batch { queued, identity, pass, wire_size })
            }
            Admission::GiveUp => take().map(Picked::GivenUp),
        };
        picked.unwrap_or(Picked::NotReady)
    }

    /// A partition had its turn: it is looked at again in the driver's next turn, since it may have more.
    fn leave_turn(&self, queue: &PartitionQueue) {
        let has_more = {
            let mut state = queue.state.lock();
            state.standing.rest();
            state.announce_waiting()
        };
        if has_more {
            self.announcements.look_again_at(queue.index());
        }
    }

    /// Makes what goes to the wire. `None` if the gate's identity is illegal: the batch is back in its queue.
    fn dispatch(
        &self,
        queue: &PartitionQueue,
        batch: Batch<Sealed>,
        look: Look<'_>,
        identity: Option<BatchIdentity>,
    ) -> Option<(Batch<InFlight>, WireBatch)> {
        let to = &queue.context.topic_partition;
        let partition = look.cluster.partition(&to.topic, to.partition);
        let epoch = partition.and_then(|partition| partition.leader_epoch);
        match batch.dispatch(look.now, identity, epoch) {
            Ok(dispatched) => Some(dispatched),
            Err(refused) => {
                debug_assert!(false, "an illegal identity: {}", refused.error);
                let mut state = queue.state.lock();
                state.insert(refused.batch);
                queue.publish_length(&state);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests;
