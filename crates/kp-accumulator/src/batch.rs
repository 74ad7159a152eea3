//! A batch of records of one partition, from its first record to its outcome.
//!
//! ```text
//! Open ──close──▶ Closed ──seal──▶ Sealed ──dispatch──▶ InFlight ──settle──▶ (outcome)
//!                                    ▲                     │
//!                                    └──────requeue────────┘
//! ```
//! Open batches live under the lock of their queue; from `Closed` on a batch is owned by value. A batch that is dropped
//! without an outcome gets one, so that no waiter waits for ever.

mod callbacks;
mod closed;
mod conversion;
mod head;
mod in_flight;
mod ledger;
mod open;
mod part;
mod payload;
mod sealed;

pub(crate) use callbacks::{Callbacks, Token};
pub use callbacks::{Listener, Notify};
pub use closed::Closed;
pub(crate) use closed::Pages;
use conversion::Converted;
pub use head::HeadBatch;
pub use in_flight::InFlight;
use ledger::Ledger;
pub use open::Open;
pub(crate) use open::{OpenLimits, Room};
pub(crate) use part::Part;
pub use payload::{Payload, WireBatch};
pub use sealed::{Sealed, Undispatched};

use crate::age::Age;
use crate::completion::{Completion, Outcome, RecordCallback};
use crate::failure::{BatchFailure, BrokerError, Certainty, FailureKind};
use crate::incomplete::{BatchNumber, Entry, Occupant};
use crate::measure::Measure;
use crate::partition_queue::{Home, Slot};
use crate::queue_index::QueueIndex;
use crate::topic_counters::TopicCounters;
use kp_memory::Reservation;
use kp_protocol::records::{BATCH_HEADER_SIZE, RecordEncoder};
use kp_protocol::{BatchIdentity, LeaderEpoch, TopicPartition};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// A batch in state `S`: [`Open`], [`Closed`], [`Sealed`] or [`InFlight`].
#[derive(Debug)]
#[must_use = "dropping a batch fails its records"]
pub struct Batch<S> {
    core: Box<Core>,
    state: S,
}

/// What a batch keeps in every state.
#[derive(Debug)]
pub(crate) struct Core {
    home: Arc<Home>,
    /// Its place among the incomplete; `None` once it is settled.
    entry: Option<Entry>,
    place: BatchPlace,
    is_part: bool,
    completion: Arc<Completion>,
    callbacks: Callbacks,
    /// Count and times of its records; final once it is closed.
    records: RecordEncoder,
    /// Record bytes before compression; known when it is closed.
    raw: usize,
    ledger: Ledger,
    /// What it was sent with last, or is to be sent with for the first time (a part of a split).
    sent: Option<Sent>,
    /// What a leader that takes no batches was sent in its place.
    converted: Option<Converted>,
    /// What it takes in memory besides its pages, counted; `None` before its first record and after its end.
    overhead: Option<Reservation>,
}

/// What a batch was sent with.
#[derive(Clone, Copy, Debug)]
struct Sent {
    /// It keeps the identity for every retry (AC22).
    identity: Option<BatchIdentity>,
    /// The same identity makes the same header again. A part that was not sent yet has none.
    header: Option<[u8; BATCH_HEADER_SIZE]>,
    /// The leader epoch, if the metadata knew one (AC15).
    leader_epoch: Option<LeaderEpoch>,
}

/// Where a batch stands among those of its partition: earlier places hold records that were accepted earlier. The number that
/// the batch was opened under, and for a part of a split the index of its first record in that batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BatchPlace(BatchNumber, u32);

impl BatchPlace {
    /// The place of a part of this batch that begins with its record `first_index`.
    #[must_use]
    pub fn of_part(self, first_index: u32) -> Self {
        Self(self.0, self.1 + first_index)
    }
}

/// What each batch takes in memory besides its pages and the lists of [`Callbacks`], in bytes: itself, its completion, its places
/// in its queue and among the incomplete (in lists that double, so twice), and what shares its page with the network.
pub(crate) const OVERHEAD: usize = size_of::<Core>()
    + size_of::<Completion>()
    + 2 * (size_of::<Slot>() + size_of::<Occupant>() + size_of::<usize>())
    + SHARED_PAGE;
/// A page that is frozen lies in an allocation of its own, with its reference count; so does the list of the counts' owner.
const SHARED_PAGE: usize = 128;

impl<S> Batch<S> {
    /// Its place among the batches of its partition.
    #[must_use]
    pub fn place(&self) -> BatchPlace {
        self.core.place
    }

    /// The queue it belongs to.
    #[must_use]
    pub fn queue(&self) -> QueueIndex {
        self.core.home.index
    }

    /// The partition it is for.
    #[must_use]
    pub fn topic_partition(&self) -> &TopicPartition {
        &self.core.home.topic_partition
    }

    /// Where batches of its topic are counted.
    #[must_use]
    pub fn topic_counters(&self) -> &TopicCounters {
        &self.core.home.topic.counters
    }

    /// When its first record was appended (AC6).
    #[must_use]
    pub fn created(&self) -> Instant {
        self.core.ledger.created()
    }

    /// How often it was sent.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.core.ledger.attempts()
    }

    /// When it was sent last.
    #[must_use]
    pub fn last_attempt(&self) -> Option<Instant> {
        self.core.ledger.last_attempt()
    }

    /// How many records it holds; for an open batch, so far.
    #[must_use]
    pub fn record_count(&self) -> u32 {
        self.core.records.count()
    }

    /// The bytes of its records before compression; 0 while it is open.
    #[must_use]
    pub fn raw_size(&self) -> usize {
        self.core.raw
    }

    /// The identity it was last sent under. It keeps it for every retry (AC22).
    #[must_use]
    pub fn identity(&self) -> Option<BatchIdentity> {
        self.core.sent.and_then(|sent| sent.identity)
    }

    /// The leader epoch it was last sent under, if the metadata knew one.
    #[must_use]
    pub fn leader_epoch(&self) -> Option<LeaderEpoch> {
        self.core.sent.and_then(|sent| sent.leader_epoch)
    }

    /// Whether some attempt ended without anybody knowing whether the records were written.
    #[must_use]
    pub fn is_ever_unknown(&self) -> bool {
        self.core.ledger.is_ever_unknown()
    }

    /// Whether it is a part of a batch that was too large.
    #[must_use]
    pub fn is_split_product(&self) -> bool {
        self.core.is_part
    }

    /// Where its outcome will appear.
    #[must_use]
    pub fn completion(&self) -> &Arc<Completion> {
        &self.core.completion
    }

    /// Notes why its last attempt failed, for the failure that it may end with.
    pub fn remember_error(&mut self, error: BrokerError) {
        self.core.ledger.remember_error(error);
    }

    /// Why its last attempt failed; `None` while none did. The parts of a split begin with that of the batch.
    #[must_use]
    pub fn last_error(&self) -> Option<&BrokerError> {
        self.core.ledger.last_error()
    }

    /// Notes that an attempt ended with its outcome unknown. Certainty only weakens: this is never taken back.
    pub fn mark_unknown(&mut self) {
        self.core.ledger.mark_unknown();
    }

    /// Moves `held_back` of the time that runs now to [`Spent::throttled`](crate::Spent::throttled).
    pub fn charge_throttled(&mut self, held_back: Duration) {
        self.core.ledger.charge_throttled(held_back);
    }

    /// Of the wait that ended when it was sent, or that goes on, calls what overlaps with `from` to `until` throttled: its
    /// broker had asked for that (KIP-219). Only time that counted as [`Spent::queued`](crate::Spent::queued) is taken.
    pub fn charge_throttled_wait(&mut self, now: Instant, from: Instant, until: Instant) {
        self.core.ledger.charge_throttled_wait(now, from, until);
    }

    /// Why this batch fails, with its attempts and where its time went by `now`. `certainty` is what the last attempt
    /// says; what earlier ones left open is taken into account.
    #[must_use]
    pub fn failure(
        &self,
        now: Instant,
        kind: FailureKind,
        certainty: Certainty,
        last: Option<BrokerError>,
        record_errors: Vec<(u32, Option<Arc<str>>)>,
    ) -> BatchFailure {
        let ledger = &self.core.ledger;
        let spent = ledger.spent_by(now);
        BatchFailure {
            kind,
            certainty: ledger.weaken(certainty),
            attempts: ledger.attempts(),
            waited: spent.total(),
            spent,
            is_fatal: false,
            last,
            record_errors,
        }
    }

    /// The number that it was entered under.
    pub(crate) fn number(&self) -> BatchNumber {
        self.core.number()
    }

    pub(crate) fn age(&self) -> Age {
        self.core.ledger.age()
    }

    /// The moment before which it is not sent again, and the leader epoch that it was sent under.
    pub(crate) fn backoff(&self) -> (Option<Instant>, Option<LeaderEpoch>) {
        (self.core.ledger.not_before(), self.leader_epoch())
    }

    /// It is sent again at this moment, or as soon as it can be.
    pub(crate) fn back_off_until(&mut self, at: Option<Instant>) {
        self.core.ledger.back_off_until(at);
    }

    /// Since when it takes no more records.
    pub(crate) fn set_full_since(&mut self, full_since: Option<Instant>) {
        self.core.ledger.set_full_since(full_since);
    }

    /// As [`failure`](Self::failure) without a clock: by the last moment that is known.
    pub(crate) fn failure_so_far(&self, kind: FailureKind, certainty: Certainty) -> BatchFailure {
        self.core.failure_so_far(kind, certainty)
    }

    /// Ends the batch: the outcome appears, callbacks run in append order, everybody who waits is woken, memory goes
    /// back (BB21, BB22). Hold no lock: user code runs here. A panic in a callback is caught and counted.
    pub fn settle(self, outcome: Outcome) {
        let Self { mut core, state } = self;
        core.finish(outcome);
        drop(state);
        let spares = Weak::clone(&core.home.topic.spares);
        if let Some(spares) = spares.upgrade() {
            spares.keep(core);
        }
    }
}

impl Core {
    pub(crate) fn new(home: Arc<Home>, created: Instant) -> Self {
        let completion = Arc::new(Completion::new(home.topic_partition.clone()));
        Self::with(home, created, completion)
    }

    fn with(home: Arc<Home>, created: Instant, completion: Arc<Completion>) -> Self {
        let entry = home.topic.incomplete.enter(&completion);
        let ledger = Ledger::new(created, home.topic.linger);
        Self {
            home,
            entry: Some(entry),
            place: BatchPlace(entry.number, 0),
            is_part: false,
            completion,
            callbacks: Callbacks::default(),
            records: RecordEncoder::new(),
            raw: 0,
            ledger,
            sent: None,
            converted: None,
            overhead: None,
        }
    }

    /// Whether it stands for no batch's outcome: `blank`, which stands in for a completion that is looked at.
    pub(crate) fn completion_is(&self, blank: &Arc<Completion>) -> bool {
        Arc::ptr_eq(&self.completion, blank)
    }

    /// Gives a retired one a completion to use again.
    pub(crate) fn take_completion(&mut self, completion: Arc<Completion>) {
        debug_assert!(self.entry.is_none(), "it is settled");
        self.completion = completion;
    }

    /// It is settled, and kept to be used again: lets go of everything that somebody else may need. Gives its completion away if
    /// others look at it.
    pub(crate) fn retire(&mut self, blank: &Arc<Completion>) -> Option<Arc<Completion>> {
        debug_assert!(self.entry.is_none(), "it is settled");
        self.converted = None;
        self.ledger.forget_error();
        self.overhead = None;
        match Arc::get_mut(&mut self.completion) {
            Some(completion) => {
                completion.renew(blank.topic_partition().clone());
                None
            }
            None => Some(std::mem::replace(&mut self.completion, Arc::clone(blank))),
        }
    }

    /// What was retired becomes a new batch, in the same memory.
    pub(crate) fn renew(&mut self, home: Arc<Home>, created: Instant, blank: Arc<Completion>) {
        let mut completion = std::mem::replace(&mut self.completion, blank);
        let partition = home.topic_partition.clone();
        match Arc::get_mut(&mut completion) {
            Some(completion) => completion.renew(partition),
            None => completion = Arc::new(Completion::new(partition)),
        }
        *self = Self::with(home, created, completion);
    }

    fn number(&self) -> BatchNumber {
        self.entry.map_or(self.place.0, |entry| entry.number)
    }

    /// Counts what the batch takes in memory besides its pages, until it ends. Above the bound if need be: it has its page, and
    /// the next one has to wait for it.
    fn count_overhead(&mut self) {
        self.overhead = Some(self.home.topic.pool.bookkeep(OVERHEAD));
    }

    /// As [`Batch::failure`] without a clock: by the last moment that is known.
    fn failure_so_far(&self, kind: FailureKind, certainty: Certainty) -> BatchFailure {
        BatchFailure {
            kind,
            certainty: self.ledger.weaken(certainty),
            attempts: self.ledger.attempts(),
            waited: self.ledger.spent().total(),
            spent: self.ledger.spent(),
            is_fatal: false,
            last: self.ledger.last_error().cloned(),
            record_errors: Vec::new(),
        }
    }

    /// The head of a queue as a gate sees it. Its records take `payload` bytes as they are.
    fn as_head(&self, payload: usize, measure: Measure) -> HeadBatch<'_> {
        HeadBatch {
            partition: &self.home.topic_partition,
            records: self.records.count(),
            wire_size: measure.wire_size(self.records.count(), self.raw, payload),
            attempts: self.ledger.attempts(),
            identity: self.sent.and_then(|sent| sent.identity),
            ever_unknown: self.ledger.is_ever_unknown(),
            created: self.ledger.created(),
        }
    }

    /// A batch for some of this one's records, from `first_index` on. It has not been tried yet (BB27), but keeps the
    /// age, what earlier attempts left open, and the sequence that its first record was given.
    fn part(&self, now: Instant, first_index: u32) -> Self {
        let mut part = Self::new(Arc::clone(&self.home), self.ledger.created());
        part.place = self.place.of_part(first_index);
        part.is_part = true;
        part.ledger = self.ledger.part(now);
        part.count_overhead();
        let identity = self.sent.and_then(|sent| sent.identity).map(|identity| BatchIdentity {
            base_sequence: identity.base_sequence.advance(first_index),
            ..identity
        });
        part.sent = identity.map(|_| Sent { identity, header: None, leader_epoch: None });
        part
    }

    /// The header that it was sent with under this identity.
    fn header_under(&self, identity: Option<BatchIdentity>) -> Option<[u8; BATCH_HEADER_SIZE]> {
        self.sent.filter(|sent| sent.identity == identity)?.header
    }

    /// It is sent.
    fn begin_attempt(&mut self, now: Instant, sent: Sent) {
        self.ledger.begin_attempt(now);
        self.sent = Some(sent);
    }

    /// There are no records whose outcome anybody could ask for.
    fn forget(&mut self) {
        self.leave();
    }

    fn leave(&mut self) {
        let entry = self.entry.take();
        debug_assert!(entry.is_some(), "a batch is settled once");
        if let Some(entry) = entry {
            self.home.topic.incomplete.leave(entry);
        }
    }

    fn finish(&mut self, outcome: Outcome) {
        let incomplete = Arc::clone(&self.home.topic.incomplete);
        let first = self.completion.show(outcome);
        debug_assert!(first, "a batch is settled once");
        let callbacks = std::mem::take(&mut self.callbacks);
        if let Some(outcome) = self.completion.outcome() {
            // The user's code may do anything but harm other records (BB22).
            let guarded = |run: &mut dyn FnMut()| {
                if catch_unwind(AssertUnwindSafe(run)).is_err() {
                    incomplete.count_callback_panic();
                }
            };
            let partition = &self.home.topic_partition;
            let call = |index, run: RecordCallback| {
                let mut told = outcome.for_callback(partition, index).map(|told| (run, told));
                guarded(&mut || {
                    if let Some((run, told)) = told.take() {
                        run(told);
                    }
                });
            };
            let tell = |index, token| {
                if let (Some(listener), Some(told)) =
                    (incomplete.listener(), outcome.for_callback(partition, index))
                {
                    guarded(&mut || listener(token, told.clone()));
                }
            };
            callbacks.tell(&self.home, call, tell);
        }
        self.completion.wake();
        self.leave();
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        if self.entry.is_none() {
            return;
        }
        // Nobody settled it: the driver's thread is gone, or the accumulator was dropped with the batch in it.
        let certainty = if self.ledger.is_in_flight() { Certainty::Unknown } else { Certainty::NotWritten };
        self.home.topic.incomplete.count_abandoned(self.records.count());
        self.finish(Outcome::Failed(Arc::new(
            self.failure_so_far(FailureKind::NetworkThreadGone, certainty),
        )));
    }
}

#[cfg(test)]
mod tests;
