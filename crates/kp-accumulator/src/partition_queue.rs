//! The queue of batches of one partition.
//! Owns: batch order. Borrows: bytes, from `kp-memory`. Never: a clock, a broker, a socket.
//! Touched by append (any thread), by workers that seal, and by the driver. Lock: one per partition, never held while
//! waiting for memory, while compressing, or while user code runs.

use crate::age::Age;
use crate::batch::{Batch, BatchPlace, Closed, HeadBatch, OVERHEAD, Open, PartitionContext, Sealed};
use crate::completion::Completion;
use crate::format_overhead::FormatOverhead;
use crate::incomplete::{BatchNumber, Occupant};
use crate::last_leader::LastLeader;
use crate::queue_index::QueueIndex;
use crate::queue_lengths::QueueLength;
use crate::settings::AccumulatorSettings;
use crate::standing::Standing;
use kp_protocol::LeaderEpoch;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

/// What each batch takes in memory besides its pages and lists, in bytes; the places in its queue and among the incomplete twice,
/// since they lie in lists that double.
pub(crate) const BATCH_OVERHEAD: usize =
    OVERHEAD + 2 * (size_of::<Slot>() + size_of::<Occupant>() + size_of::<usize>());

/// One partition's batches. Alone on its cache lines: neighbours are locked by other threads.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct PartitionQueue {
    pub(crate) state: Mutex<QueueState>,
    /// What its batches share.
    pub(crate) context: Arc<PartitionContext>,
    /// Where choosers read how many batches wait here.
    length: QueueLength,
    pub(crate) last_leader: LastLeader,
}

/// ```text
/// closed: [front = next to be sent, …, back]   open: behind all of them
/// ```
#[derive(Debug, Default)]
pub(crate) struct QueueState {
    pub(crate) open: Option<Batch<Open>>,
    pub(crate) closed: VecDeque<Slot>,
    /// A batch is in flight and no other may be (SN7): neither ready nor drained (AC19).
    muted: bool,
    /// The last drain left the partition without room for another batch.
    pub(crate) passed_over: bool,
    pub(crate) standing: Standing,
}

/// One place in the queue.
#[derive(Debug)]
pub(crate) enum Slot {
    /// Not sealed yet. Without a codec it stays so until it is drained.
    Closed(Batch<Closed>),
    /// A worker has it, or the driver is sealing it; the place is kept.
    Sealing(BeingSealed),
    /// Can be sent.
    Sealed(Batch<Sealed>),
}

/// What has to be known of a batch while it is being sealed.
#[derive(Debug)]
pub(crate) struct BeingSealed {
    pub(crate) number: BatchNumber,
    place: BatchPlace,
    age: Age,
    /// It was due to expire and could not be taken: no alarm rings for it again, its return is announced.
    is_overdue: bool,
    /// Settled while it is away only if its worker dropped it.
    completion: Arc<Completion>,
}

/// What the driver finds when it looks at a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Head {
    /// Nothing to do: the queue is empty, muted, or waits for a worker. The thread that ends that announces it.
    Quiet,
    /// Sent again at this moment, or as soon as the leader epoch is newer than the one it was sent under.
    BackingOff(Instant, Option<LeaderEpoch>),
    /// Sent at this moment, if it is not full before.
    Lingering(Instant),
    /// May be sent now.
    Ready,
}

impl PartitionQueue {
    pub(crate) fn new(context: PartitionContext, length: QueueLength) -> Self {
        let (context, last_leader) = (Arc::new(context), LastLeader::unknown());
        Self { state: Mutex::default(), context, length, last_leader }
    }

    pub(crate) fn index(&self) -> QueueIndex {
        self.context.queue
    }

    /// Tells choosers how many batches wait here. After each change of that, under the lock.
    pub(crate) fn publish_length(&self, state: &QueueState) {
        self.length.set(state.closed.len() + usize::from(state.open.is_some()));
    }

    /// Holds the partition back until [`unmute`](Self::unmute).
    pub(crate) fn mute(&self) {
        self.state.lock().muted = true;
    }

    /// Lets the partition go on. Whether it has to be put into the list of announced queues.
    #[must_use]
    pub(crate) fn unmute(&self) -> bool {
        let mut state = self.state.lock();
        state.muted = false;
        state.announce_waiting()
    }

    /// Puts a batch that was sent back among the others. Whether the queue has to be put into the list of announced ones.
    #[must_use]
    pub(crate) fn requeue(&self, batch: Batch<Sealed>) -> bool {
        let mut state = self.state.lock();
        state.insert(batch);
        self.publish_length(&state);
        state.announce_waiting()
    }

    /// Puts the parts of a batch that was split where that batch would be. Whether the queue has to be put into the list of
    /// announced ones.
    #[must_use]
    pub(crate) fn put_parts(&self, parts: Vec<Batch<Closed>>) -> bool {
        let mut state = self.state.lock();
        parts.into_iter().for_each(|part| state.insert_part(part));
        self.publish_length(&state);
        state.announce_waiting()
    }

    /// Takes back a batch that a worker sealed. Whether the queue has to be put into the list of announced ones.
    #[must_use]
    pub(crate) fn put_sealed(&self, batch: Batch<Sealed>) -> bool {
        let mut state = self.state.lock();
        state.put_sealed(batch) && state.standing.announce()
    }

    /// A batch was dropped while a worker had it. Whether the queue has to be put into the list of announced ones.
    #[must_use]
    pub(crate) fn give_up_places(&self) -> bool {
        let mut state = self.state.lock();
        state.forget_dropped();
        self.publish_length(&state);
        state.announce_waiting()
    }
}

impl QueueState {
    pub(crate) fn is_empty(&self) -> bool {
        self.closed.is_empty() && self.open.is_none()
    }

    pub(crate) fn is_muted(&self) -> bool {
        self.muted
    }

    /// If batches wait here, the driver has to look. Whether the queue has to be put into the list of announced ones.
    #[must_use]
    pub(crate) fn announce_waiting(&mut self) -> bool {
        !self.is_empty() && self.standing.announce()
    }

    /// Closes the open batch, if there is one (AC3). `true` if it now waits for a worker.
    pub(crate) fn close_open(&mut self, settings: &AccumulatorSettings) -> bool {
        let Some(open) = self.open.take() else { return false };
        self.closed.push_back(Slot::Closed(open.close()));
        settings.seals_on_workers()
    }

    /// Whether the head can be sent whatever the time is: what append asks after a batch became full.
    pub(crate) fn is_head_complete(&self, settings: &AccumulatorSettings) -> bool {
        match self.closed.front() {
            Some(Slot::Sealed(_)) => true,
            Some(Slot::Closed(_)) => !settings.seals_on_workers(),
            Some(Slot::Sealing(_)) => false,
            None => self.open.as_ref().is_some_and(|open| open.is_full() || open.has_grown()),
        }
    }

    /// Why the head may leave, or what it waits for (AC10). `urgent`: a flush, a close, or memory is short (AC11).
    pub(crate) fn head(&self, now: Instant, urgent: bool, settings: &AccumulatorSettings) -> Head {
        if self.muted {
            return Head::Quiet;
        }
        match (self.closed.front(), &self.open) {
            (Some(Slot::Sealed(batch)), _) => match batch.backoff() {
                (Some(at), sent_under) if now < at => Head::BackingOff(at, sent_under),
                _ => Head::Ready,
            },
            (Some(Slot::Closed(_)), _) if !settings.seals_on_workers() => Head::Ready,
            (Some(Slot::Closed(_) | Slot::Sealing(_)), _) | (None, None) => Head::Quiet,
            (None, Some(open)) => match settings.lingers_until(open.created()) {
                at if now < at && !urgent && !open.is_full() && !open.has_grown() => Head::Lingering(at),
                _ => Head::Ready,
            },
        }
    }

    /// The head may be sent again at once (AC15).
    pub(crate) fn end_backoff(&mut self) {
        if let Some(Slot::Sealed(batch)) = self.closed.front_mut() {
            batch.back_off_until(None);
        }
    }

    /// When the head is given up; `None` also for one that is overdue and is being sealed.
    pub(crate) fn head_expiry(&self, settings: &AccumulatorSettings) -> Option<Instant> {
        let age = match self.closed.front() {
            Some(Slot::Sealing(away)) if away.is_overdue => return None,
            Some(slot) => slot.age(),
            None => Age::new(self.open.as_ref()?.created()),
        };
        Some(settings.expires_at(age))
    }

    /// The batches that no look has found full so far have been full since `now`, or shortly before: the last
    /// append has no time of its own, since it would cost a look at the clock per record.
    pub(crate) fn note_full(&mut self, now: Instant) {
        for slot in self.closed.iter_mut().rev() {
            if slot.age().full_since.is_some() {
                break;
            }
            match slot {
                Slot::Closed(batch) => batch.set_full_since(Some(now)),
                Slot::Sealing(away) => away.age.full_since = Some(now),
                Slot::Sealed(batch) => batch.set_full_since(Some(now)),
            }
        }
    }

    /// The head, if it can be sent as it is, and the bytes it takes.
    pub(crate) fn head_batch(&self, format_overhead: FormatOverhead) -> Option<HeadBatch<'_>> {
        match self.closed.front()? {
            Slot::Sealed(batch) => Some(batch.as_head(format_overhead)),
            Slot::Closed(batch) => Some(batch.as_head(format_overhead)),
            Slot::Sealing(_) => None,
        }
    }

    /// Takes the head, if it waits for sealing, and keeps its place.
    pub(crate) fn take_head_to_seal(&mut self) -> Option<Batch<Closed>> {
        if matches!(self.closed.front(), Some(Slot::Closed(_))) { self.take_to_seal() } else { None }
    }

    /// Takes the first batch that waits for sealing and keeps its place.
    pub(crate) fn take_to_seal(&mut self) -> Option<Batch<Closed>> {
        let slot = self.closed.iter_mut().find(|slot| matches!(slot, Slot::Closed(_)))?;
        let Slot::Closed(batch) = &*slot else { return None };
        let away = BeingSealed {
            number: batch.number(),
            place: batch.place(),
            age: batch.age(),
            is_overdue: false,
            completion: Arc::clone(batch.completion()),
        };
        match std::mem::replace(slot, Slot::Sealing(away)) {
            Slot::Closed(batch) => Some(batch),
            other => {
                *slot = other;
                None
            }
        }
    }

    /// The head is due to expire, and being sealed.
    pub(crate) fn note_overdue(&mut self) {
        if let Some(Slot::Sealing(away)) = self.closed.front_mut() {
            away.is_overdue = true;
        }
    }

    /// Gives up the places of batches at the front that their worker dropped: those are settled, and never come back.
    pub(crate) fn forget_dropped(&mut self) {
        while self.closed.front().is_some_and(Slot::is_dropped) {
            self.closed.pop_front();
        }
    }

    /// Puts a sealed batch into its kept place. `true` if the driver has to look: it is the head now, and may be sent or has to
    /// expire. A batch without a place goes to where its number belongs.
    pub(crate) fn put_sealed(&mut self, mut batch: Batch<Sealed>) -> bool {
        self.forget_dropped();
        let number = batch.number();
        let kept = self.closed.iter_mut().enumerate().find_map(|(index, slot)| match slot {
            Slot::Sealing(away) if away.number == number => Some((index, slot)),
            _ => None,
        });
        match kept {
            Some((index, slot)) => {
                let was_overdue = matches!(slot, Slot::Sealing(away) if away.is_overdue);
                batch.set_full_since(slot.age().full_since);
                *slot = Slot::Sealed(batch);
                index == 0 && (was_overdue || !self.muted)
            }
            None => {
                self.insert(batch);
                !self.muted
            }
        }
    }

    /// Puts a batch back among the others, in the order in which they were opened: to the front, unless earlier ones
    /// came back before it (AC24).
    pub(crate) fn insert(&mut self, batch: Batch<Sealed>) {
        self.insert_slot(Slot::Sealed(batch));
    }

    /// Puts a part of a batch that was split where that batch would be.
    fn insert_part(&mut self, part: Batch<Closed>) {
        self.insert_slot(Slot::Closed(part));
    }

    fn insert_slot(&mut self, slot: Slot) {
        let place = slot.place();
        let index = self.closed.iter().position(|other| other.place() > place).unwrap_or(self.closed.len());
        self.closed.insert(index, slot);
    }

    /// Whether a worker has a batch of this queue.
    pub(crate) fn has_sealing(&self) -> bool {
        self.closed.iter().any(|slot| matches!(slot, Slot::Sealing(_)))
    }

    /// Takes the head, unless it is being sealed.
    pub(crate) fn pop_head(&mut self) -> Option<Queued> {
        self.forget_dropped();
        match self.closed.pop_front() {
            Some(Slot::Sealed(batch)) => Some(Queued::Sealed(batch)),
            Some(Slot::Closed(batch)) => Some(Queued::Closed(batch)),
            Some(away @ Slot::Sealing(_)) => {
                self.closed.push_front(away);
                None
            }
            None => self.open.take().map(|open| Queued::Closed(open.close())),
        }
    }

    /// Takes the batches whose number of attempts is wanted, the open one too, up to the first that is being sealed: what stands
    /// behind it does not end before it. `at_once`: also those behind it.
    pub(crate) fn take_where(&mut self, wanted: impl Fn(u32) -> bool, at_once: bool) -> Vec<Queued> {
        self.closed.retain(|slot| !slot.is_dropped());
        let mut taken = Vec::new();
        let mut kept = VecDeque::new();
        let mut stops = false;
        for slot in self.closed.drain(..) {
            stops |= !at_once && matches!(slot, Slot::Sealing(_));
            match slot {
                Slot::Closed(batch) if !stops && wanted(0) => taken.push(Queued::Closed(batch)),
                Slot::Sealed(batch) if !stops && wanted(batch.attempts()) => {
                    taken.push(Queued::Sealed(batch));
                }
                other => kept.push_back(other),
            }
        }
        self.closed = kept;
        if !stops && wanted(0) {
            taken.extend(self.open.take().map(|open| Queued::Closed(open.close())));
        }
        taken
    }
}

/// A batch taken out of its queue, to be sealed (without a codec, or as it is) once the lock is released.
#[derive(Debug)]
pub(crate) enum Queued {
    Closed(Batch<Closed>),
    Sealed(Batch<Sealed>),
}

impl Queued {
    pub(crate) fn into_sealed(self) -> Batch<Sealed> {
        match self {
            Self::Closed(batch) => batch.seal_raw(),
            Self::Sealed(batch) => batch,
        }
    }
}

impl Slot {
    pub(crate) fn age(&self) -> Age {
        match self {
            Self::Closed(batch) => batch.age(),
            Self::Sealing(away) => away.age,
            Self::Sealed(batch) => batch.age(),
        }
    }

    /// Whether its worker dropped the batch: it is settled, and never comes back.
    fn is_dropped(&self) -> bool {
        matches!(self, Self::Sealing(away) if away.completion.is_done())
    }

    fn place(&self) -> BatchPlace {
        match self {
            Self::Closed(batch) => batch.place(),
            Self::Sealing(away) => away.place,
            Self::Sealed(batch) => batch.place(),
        }
    }
}
