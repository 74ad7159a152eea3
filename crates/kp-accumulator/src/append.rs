//! How a record enters: which batch, which page. The hot path: one choice, one short lock, one
//! encoding, and one atomic look at the park word only when there are news for the driver.

use crate::accumulator::Accumulator;
use crate::age::Age;
use crate::batch::Notify;
use crate::batch::{Batch, Fit, OpenLimits};
use crate::completion::Completion;
use crate::compression_ratio::SAFETY;
use crate::error::AppendError;
use crate::partition_queue::{PartitionQueue, QueueState};
use crate::partitioner::{Choosing, Shard};
use crate::standing::Standing;
use crate::target::Target;
use crate::topic_queues::TopicQueues;
use kp_memory::Buffer;
use kp_metadata::Topic;
use kp_protocol::records::{RecordEncoder, RecordRef};
use kp_protocol::{PartitionId, ProtocolError};
use kp_time::Clock;
use parking_lot::MutexGuard;
use std::sync::Arc;
use std::time::Instant;

/// What became of a record that was not refused.
#[derive(Debug)]
pub enum Append {
    /// It is in a batch.
    Accepted(Appended),
    /// It needs a buffer of this many bytes: allocate it from the pool, without any lock, and call again with it as
    /// `spare`. Nothing of the record was kept (AC4).
    NeedsBuffer(usize),
}

/// A record in a batch. To keep it is to keep the batch's outcome, never its bytes.
#[derive(Clone, Debug)]
pub struct Appended {
    /// Where the outcome will appear.
    pub completion: Arc<Completion>,
    /// Its place in the batch.
    pub index: u32,
    /// The partition it went to.
    pub partition: PartitionId,
}

/// A record on its way in, and what its sender lends.
struct Incoming<'e, 'r> {
    record: &'e RecordRef<'r>,
    notify: &'e mut Option<Notify>,
    spare: &'e mut Option<Buffer>,
    clock: &'e dyn Clock,
}

/// What others have to be told once the lock is released.
#[derive(Default)]
struct Announcement {
    /// The partition became ready.
    ready: bool,
    /// A batch opened on an empty queue: when, and whether it can linger (a muted one only expires).
    opened: Option<(Instant, bool)>,
    /// A batch waits for a worker.
    to_seal: bool,
}

impl Announcement {
    fn is_any(&self) -> bool {
        self.ready || self.opened.is_some() || self.to_seal
    }
}

/// Where the choice of a record without a key is kept, and what the next one is made from.
type StickyPlace<'a> = Option<(&'a TopicQueues, &'a Shard, &'a Topic)>;

impl Accumulator {
    /// Appends `record` to a batch of the partition that `target` says.
    ///
    /// `metadata` is the topic as it is known now, with at least one partition. `notify` is taken if and only if the
    /// record is accepted, `spare` if and only if its memory is needed (AC5). `clock` is asked only when a batch opens.
    /// Wakes the driver if it would otherwise sleep past what this record made due. Never waits for memory.
    ///
    /// # Errors
    /// [`AppendError`]; the record is not accepted then.
    #[expect(
        clippy::too_many_arguments,
        reason = "the hot path takes references, a struct of them would be built per record"
    )]
    pub fn append(
        &self,
        topic: &TopicQueues,
        metadata: &Topic,
        target: Target,
        record: &RecordRef<'_>,
        notify: &mut Option<Notify>,
        spare: &mut Option<Buffer>,
        clock: &dyn Clock,
    ) -> Result<Append, AppendError> {
        let count = metadata.partitions().len();
        if count > topic.partitions() {
            // The handle is older than the metadata; its owner takes a new one in good time.
            let grown = self.topic(&topic.name, count);
            return self.append(&grown, metadata, target, record, notify, spare, clock);
        }
        let incoming = Incoming { record, notify, spare, clock };
        let partition = match target {
            Target::Partition(partition) | Target::Keyed(partition) => partition,
            Target::Sticky if count > 0 => return self.append_sticky(topic, metadata, incoming),
            Target::Sticky => PartitionId(0),
        };
        match usize::try_from(partition.0) {
            Ok(index) if index < count => {
                let queue = self.queue_of(topic, index);
                self.append_to(queue, queue.state.lock(), None, incoming)
            }
            _ => Err(AppendError::UnknownPartition { topic: topic.name.clone(), partition, count }),
        }
    }

    /// The queue of a partition that the handle has: two loads, but for its first record.
    #[inline]
    fn queue_of<'a>(&self, topic: &'a TopicQueues, partition: usize) -> &'a PartitionQueue {
        match topic.known(partition) {
            Some(queue) => queue,
            None => self.topics.make(topic, partition),
        }
    }

    fn append_sticky(
        &self,
        topic: &TopicQueues,
        metadata: &Topic,
        incoming: Incoming<'_, '_>,
    ) -> Result<Append, AppendError> {
        let sticky = &topic.shared.sticky;
        loop {
            let shard = sticky.shard();
            let partition = match shard.partition_of(metadata.partitions().len()) {
                Some(partition) => partition,
                None => sticky.settle_down(shard, self.choosing(topic, metadata)),
            };
            let queue = self.queue_of(topic, partition as usize);
            let state = match queue.state.try_lock() {
                Some(state) => state,
                None => {
                    // Another thread is here: keep out of each other's way from now on.
                    sticky.grow(metadata.partitions().len());
                    queue.state.lock()
                }
            };
            // Chosen without the lock: another thread of the shard may have moved it meanwhile (AC8).
            if shard.stands_on(partition) {
                return self.append_to(queue, state, Some((topic, shard, metadata)), incoming);
            }
        }
    }

    /// What the next sticky choice is made from.
    #[cold]
    fn choosing<'a>(&'a self, topic: &'a TopicQueues, metadata: &'a Topic) -> Choosing<'a> {
        let lengths = self.settings.partitioning.weighs().then_some(&topic.lengths);
        Choosing { topic: metadata, lengths, reach: &self.brokers.reach }
    }

    /// Whether brokers take records with headers.
    #[cold]
    fn check_headers(&self) -> Result<(), AppendError> {
        match self.record_format() {
            Some(format) => Err(AppendError::HeadersNotInFormat { magic: format.magic() }),
            None => Ok(()),
        }
    }

    /// The usual way: the open batch has room.
    #[inline]
    fn append_to(
        &self,
        queue: &PartitionQueue,
        mut state: MutexGuard<'_, QueueState>,
        sticky_place: StickyPlace<'_>,
        incoming: Incoming<'_, '_>,
    ) -> Result<Append, AppendError> {
        if !incoming.record.headers.is_empty() {
            self.check_headers()?;
        }
        // Under the lock, so that close can wait for appends that came before it (CL10).
        if self.is_closed() {
            return Err(AppendError::Closed);
        }
        let room = match &mut state.open {
            Some(open) => open.try_append(incoming.record, incoming.spare)?,
            None => Fit::Full,
        };
        match room {
            Fit::Taken(bytes) => {
                Ok(self.accept(queue, state, sticky_place, bytes, incoming.notify, Announcement::default()))
            }
            Fit::NeedsPage(size) => Ok(Append::NeedsBuffer(self.pool.buffer_size(size))),
            Fit::Full => self.append_to_new_batch(queue, state, sticky_place, incoming),
        }
    }

    /// Closes the open batch, if there is one and it does not grow (AC3), and opens another.
    #[cold]
    fn append_to_new_batch(
        &self,
        queue: &PartitionQueue,
        mut state: MutexGuard<'_, QueueState>,
        sticky_place: StickyPlace<'_>,
        incoming: Incoming<'_, '_>,
    ) -> Result<Append, AppendError> {
        let mut announcement = Announcement::default();
        let Incoming { record, notify, spare, clock } = incoming;
        if state.open.is_some() {
            if self.grow_open(queue, &mut state, clock) {
                self.note_ready(&mut state, &mut announcement);
            } else {
                self.close_for_good(&mut state, &mut announcement);
            }
        }
        if let Some(open) = &mut state.open {
            // It has grown.
            match open.try_append(record, spare) {
                Ok(Fit::Taken(bytes)) => {
                    return Ok(self.accept(queue, state, sticky_place, bytes, notify, announcement));
                }
                // Larger than what it has grown by.
                Ok(Fit::Full) => self.close_for_good(&mut state, &mut announcement),
                Ok(Fit::NeedsPage(size)) => {
                    drop(state);
                    self.announce(queue, &announcement);
                    return Ok(Append::NeedsBuffer(self.pool.buffer_size(size)));
                }
                Err(error) => {
                    drop(state);
                    self.announce(queue, &announcement);
                    return Err(error.into());
                }
            }
        }
        let opened = self.open_batch(queue, &mut state, record, spare, clock, &mut announcement);
        if let Ok(Fit::Taken(bytes)) = opened {
            return Ok(self.accept(queue, state, sticky_place, bytes, notify, announcement));
        }
        drop(state);
        self.announce(queue, &announcement);
        let size = RecordEncoder::new().record_size(record);
        opened.map(|_| Append::NeedsBuffer(self.pool.buffer_size(size))).map_err(AppendError::from)
    }

    /// Opens a batch with the record as its first, in the spare buffer.
    fn open_batch(
        &self,
        queue: &PartitionQueue,
        state: &mut QueueState,
        record: &RecordRef<'_>,
        spare: &mut Option<Buffer>,
        clock: &dyn Clock,
        announcement: &mut Announcement,
    ) -> Result<Fit, ProtocolError> {
        let size = RecordEncoder::new().record_size(record);
        let Some(page) = spare.take_if(|page| page.is_empty() && page.capacity() >= size) else {
            return Ok(Fit::NeedsPage(size));
        };
        // After the wait for memory, so that the batch's time begins now (AC6).
        let now = clock.now();
        let ratio = &queue.context.topic.ratio;
        let ratio = self.settings.compresses().then(|| ratio.estimate() * SAFETY);
        let limits = OpenLimits::of(self.settings.size_of_batch(), ratio, self.format_overhead());
        let renewed = self.spares.renewed(&queue.context, now);
        let mut batch = Batch::open(&queue.context, renewed, now, page, limits);
        let taken = batch.try_append(record, &mut None);
        if !matches!(taken, Ok(Fit::Taken(_))) {
            *spare = Some(batch.discard());
            return taken;
        }
        batch.count_overhead();
        let was_empty = state.is_empty();
        if self.settings.classic_expiry.is_some() {
            // Its last record came before this one: the clock was read for this batch anyway.
            state.note_full(now);
        }
        state.open = Some(batch);
        queue.publish_length(state);
        if was_empty && state.standing == Standing::Resting {
            if self.settings.linger.is_zero() && !state.is_muted() {
                announcement.ready |= state.standing.announce();
            } else {
                announcement.opened = Some((now, !state.is_muted()));
            }
        }
        taken
    }

    /// The open batch took a record of `bytes`.
    #[inline(always)]
    fn accept(
        &self,
        queue: &PartitionQueue,
        mut state: MutexGuard<'_, QueueState>,
        sticky_place: StickyPlace<'_>,
        bytes: usize,
        notify: &mut Option<Notify>,
        mut announcement: Announcement,
    ) -> Append {
        let Some(open) = &mut state.open else {
            unreachable!("a record was appended to it under the same lock");
        };
        let index = open.record_count() - 1;
        let mut can_note_more = true;
        if let Some(notify) = notify.take() {
            can_note_more = open.notify(notify);
        }
        let completion = Arc::clone(open.completion());
        // A batch's worth, in record bytes: more than `batch.size` where records are compressed.
        let stride = open.first_full_at().max(self.settings.batch_size);
        let is_full = open.is_full() || !can_note_more;
        if is_full {
            self.full(queue, &mut state, can_note_more, &mut announcement);
        }
        if let Some((topic, shard, metadata)) = sticky_place {
            // Under the lock, so that a switch cannot race the append that caused it (PA6).
            if shard.is_time_to_move(&state, bytes, stride, !is_full) {
                topic.shared.sticky.move_on(&state, shard, self.choosing(topic, metadata));
            }
        }
        drop(state);
        if announcement.is_any() {
            self.announce(queue, &announcement);
        }
        Append::Accepted(Appended { completion, index, partition: queue.context.topic_partition.partition })
    }

    /// The open batch is full: it closes, unless the next record may find it growing. It closes always where there is no memory
    /// to note whom to call for more records (`can_note_more`).
    #[cold]
    fn full(
        &self,
        queue: &PartitionQueue,
        state: &mut QueueState,
        can_note_more: bool,
        announcement: &mut Announcement,
    ) {
        if can_note_more && self.may_grow(queue, state) {
            self.note_ready(state, announcement);
        } else {
            self.close_for_good(state, announcement);
        }
    }

    fn close_for_good(&self, state: &mut QueueState, announcement: &mut Announcement) {
        announcement.to_seal |= state.close_open(&self.settings);
        self.note_ready(state, announcement);
    }

    fn note_ready(&self, state: &mut QueueState, announcement: &mut Announcement) {
        if state.standing == Standing::Resting && !state.is_muted() && state.is_head_complete(&self.settings)
        {
            announcement.ready |= state.standing.announce();
        }
    }

    #[cold]
    fn announce(&self, queue: &PartitionQueue, announcement: &Announcement) {
        let index = queue.index();
        if announcement.to_seal {
            self.sealing.push(index);
        }
        if let Some((created, lingers)) = announcement.opened {
            self.announcements.opened(index, created);
            if !lingers {
                self.announcements.park.due_at(self.settings.expires_at(Age::new(created)));
            } else if self.is_urgent() {
                // A flush, or an appender that waits for memory, wants it now (AC11, AC28).
                self.announcements.park.urgent();
            } else {
                self.announcements.park.due_at(self.settings.lingers_until(created));
            }
        }
        if announcement.ready {
            self.announcements.ready(index);
        }
    }
}

#[cfg(test)]
mod tests;
