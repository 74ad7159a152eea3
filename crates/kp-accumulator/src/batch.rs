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
mod in_flight;
mod open;
mod payload;
mod sealed;

pub(crate) use callbacks::{Callbacks, Token};
pub use callbacks::{Listener, Notify};
pub use closed::Closed;
pub(crate) use closed::Pages;
use conversion::Converted;
pub use in_flight::InFlight;
pub use open::Open;
pub(crate) use open::{OpenLimits, Room};
pub use payload::{Payload, WireBatch};
pub use sealed::{Sealed, Undispatched};

use crate::completion::{Completion, Outcome, RecordCallback};
use crate::failure::{BatchFailure, BrokerError, Certainty, FailureKind, Spent};
use crate::incomplete::{BatchNumber, Entry, Occupant};
use crate::partition_queue::{Home, QueueIndex, Slot};
use crate::settings::Age;
use crate::topic_counters::TopicCounters;
use kp_memory::Reservation;
use kp_protocol::records::{BATCH_HEADER_SIZE, RecordEncoder};
use kp_protocol::{BatchIdentity, LeaderEpoch, TopicPartition};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A batch in state `S`: [`Open`], [`Closed`], [`Sealed`] or [`InFlight`].
#[derive(Debug)]
#[must_use = "dropping a batch fails its records"]
pub struct Batch<S> {
    pub(crate) core: Box<Core>,
    pub(crate) state: S,
}

/// What a batch keeps in every state.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) home: Arc<Home>,
    entry: Entry,
    /// Its place among the batches of its queue: the number it was opened under, and for the parts of a split the
    /// index of the first record in the batch that was opened.
    pub(crate) place: (BatchNumber, u32),
    pub(crate) created: Instant,
    pub(crate) completion: Arc<Completion>,
    pub(crate) callbacks: Callbacks,
    /// Count and times of its records; final once it is closed.
    pub(crate) records: RecordEncoder,
    /// Record bytes before compression; known when it is closed.
    pub(crate) raw: usize,
    pub(crate) attempts: u32,
    pub(crate) last_attempt: Option<Instant>,
    /// Since when it is known to take no more records (AC25 of 0.9).
    pub(crate) full_since: Option<Instant>,
    /// Not sent again before this moment (AC14).
    pub(crate) not_before: Option<Instant>,
    /// The leader epoch it was last sent under (AC15).
    pub(crate) leader_epoch: Option<LeaderEpoch>,
    /// The identity it was last sent under (AC22).
    pub(crate) identity: Option<BatchIdentity>,
    /// The header it was last sent with: the same identity makes the same header again.
    pub(crate) header: Option<[u8; BATCH_HEADER_SIZE]>,
    /// What a leader that takes no batches was sent in its place.
    converted: Option<Converted>,
    pub(crate) ever_unknown: bool,
    pub(crate) is_split: bool,
    /// Why its last attempt failed.
    last_error: Option<Box<BrokerError>>,
    /// What it takes in memory besides its pages, counted; `None` before its first record and after its end.
    overhead: Option<Reservation>,
    spent: Spent,
    /// Since when it is in the phase that `spent` does not hold yet.
    since: Instant,
    /// Since when it had waited when it was sent last.
    waited_since: Instant,
    is_in_flight: bool,
    settled: bool,
}

/// Where a batch stands among those of its partition: earlier places hold records that were accepted earlier.
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
        BatchPlace(self.core.place.0, self.core.place.1)
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
        self.core.created
    }

    /// How often it was sent.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.core.attempts
    }

    /// When it was sent last.
    #[must_use]
    pub fn last_attempt(&self) -> Option<Instant> {
        self.core.last_attempt
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
        self.core.identity
    }

    /// The leader epoch it was last sent under, if the metadata knew one.
    #[must_use]
    pub fn leader_epoch(&self) -> Option<LeaderEpoch> {
        self.core.leader_epoch
    }

    /// Whether some attempt ended without anybody knowing whether the records were written.
    #[must_use]
    pub fn is_ever_unknown(&self) -> bool {
        self.core.ever_unknown
    }

    /// Whether it is a part of a batch that was too large.
    #[must_use]
    pub fn is_split_product(&self) -> bool {
        self.core.is_split
    }

    /// Where its outcome will appear.
    #[must_use]
    pub fn completion(&self) -> &Arc<Completion> {
        &self.core.completion
    }

    /// Notes why its last attempt failed, for the failure that it may end with.
    pub fn remember_error(&mut self, error: BrokerError) {
        self.core.last_error = Some(Box::new(error));
    }

    /// Why its last attempt failed; `None` while none did. The parts of a split begin with that of the batch.
    #[must_use]
    pub fn last_error(&self) -> Option<&BrokerError> {
        self.core.last_error.as_deref()
    }

    /// Notes that an attempt ended with its outcome unknown. Certainty only weakens: this is never taken back.
    pub fn mark_unknown(&mut self) {
        self.core.ever_unknown = true;
    }

    /// Moves `held_back` of the time that runs now to [`Spent::throttled`].
    pub fn charge_throttled(&mut self, held_back: Duration) {
        self.core.spent.throttled += held_back;
        self.core.since += held_back;
    }

    /// Of the wait that ended when it was sent, or that goes on, calls what overlaps with `from` to `until` throttled: its
    /// broker had asked for that (KIP-219). Only time that counted as [`Spent::queued`] is taken.
    pub fn charge_throttled_wait(&mut self, now: Instant, from: Instant, until: Instant) {
        let core = &mut *self.core;
        if !core.is_in_flight {
            core.end_phase(now);
        }
        let overlap = until.min(now).saturating_duration_since(from.max(core.waited_since));
        let moved = overlap.min(core.spent.queued);
        core.spent.queued -= moved;
        core.spent.throttled += moved;
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
        let core = &self.core;
        let spent = core.spent_by(now);
        BatchFailure {
            kind,
            certainty: certainty.weakened_by(core.ever_unknown),
            attempts: core.attempts,
            waited: spent.total(),
            spent,
            is_fatal: false,
            last,
            record_errors,
        }
    }

    /// Ends the batch: the outcome appears, callbacks run in append order, everybody who waits is woken, memory goes
    /// back (BB21, BB22). Hold no lock: user code runs here. A panic in a callback is caught and counted.
    pub fn settle(self, outcome: Outcome) {
        let Self { mut core, state } = self;
        core.finish(outcome);
        drop(state);
        let incomplete = Arc::clone(&core.home.topic.incomplete);
        incomplete.keep(core);
    }
}

impl Core {
    pub(crate) fn new(home: Arc<Home>, created: Instant) -> Self {
        let completion = Arc::new(Completion::new(home.topic_partition.clone()));
        Self::with(home, created, completion)
    }

    fn with(home: Arc<Home>, created: Instant, completion: Arc<Completion>) -> Self {
        let entry = home.topic.incomplete.enter(&completion);
        Self {
            home,
            entry,
            place: (entry.number, 0),
            created,
            completion,
            callbacks: Callbacks::default(),
            records: RecordEncoder::new(),
            raw: 0,
            attempts: 0,
            last_attempt: None,
            full_since: None,
            not_before: None,
            leader_epoch: None,
            identity: None,
            header: None,
            converted: None,
            ever_unknown: false,
            is_split: false,
            last_error: None,
            overhead: None,
            spent: Spent::default(),
            since: created,
            waited_since: created,
            is_in_flight: false,
            settled: false,
        }
    }

    /// It is settled, and kept to be used again: lets go of everything that somebody else may need. Gives its completion away if
    /// others look at it.
    pub(crate) fn retire(&mut self, blank: &Arc<Completion>) -> Option<Arc<Completion>> {
        debug_assert!(self.settled, "nobody waits for it any more");
        self.converted = None;
        self.last_error = None;
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

    /// Counts what the batch takes in memory besides its pages, until it ends. Above the bound if need be: it has its page, and
    /// the next one has to wait for it.
    pub(crate) fn count_overhead(&mut self) {
        self.overhead = Some(self.home.topic.pool.bookkeep(OVERHEAD));
    }

    pub(crate) fn number(&self) -> BatchNumber {
        self.entry.number
    }

    /// A batch for some of this one's records, from `first_index` on. It has not been tried yet (BB27), but keeps the
    /// age, what earlier attempts left open, and the sequence that its first record was given.
    pub(crate) fn part(&self, now: Instant, first_index: u32) -> Self {
        let mut part = Self::new(Arc::clone(&self.home), self.created);
        part.place = (self.place.0, self.place.1 + first_index);
        part.ever_unknown = self.ever_unknown;
        part.count_overhead();
        part.is_split = true;
        part.last_error.clone_from(&self.last_error);
        part.full_since = Some(now);
        part.spent = self.spent_by(now);
        part.since = now;
        part.identity = self.identity.map(|identity| BatchIdentity {
            base_sequence: identity.base_sequence.advance(first_index),
            ..identity
        });
        part
    }

    pub(crate) fn age(&self) -> Age {
        Age { created: self.created, last_attempt: self.last_attempt, full_since: self.full_since }
    }

    /// It is sent.
    pub(crate) fn begin_attempt(
        &mut self,
        now: Instant,
        identity: Option<BatchIdentity>,
        header: [u8; BATCH_HEADER_SIZE],
    ) {
        self.waited_since = self.since;
        self.end_phase(now);
        self.is_in_flight = true;
        self.attempts += 1;
        self.last_attempt = Some(now);
        self.not_before = None;
        self.identity = identity;
        self.header = Some(header);
    }

    /// It comes back to the queue.
    pub(crate) fn end_attempt(&mut self, now: Instant) {
        self.end_phase(now);
        self.is_in_flight = false;
        self.waited_since = now;
    }

    /// Adds the time since the last change of phase to the phase that ends.
    fn end_phase(&mut self, now: Instant) {
        self.spent = self.spent_by(now);
        self.since = now.max(self.since);
    }

    fn spent_by(&self, now: Instant) -> Spent {
        let mut spent = self.spent;
        let phase = now.saturating_duration_since(self.since);
        if self.is_in_flight {
            spent.in_flight += phase;
        } else {
            let own_will = if self.attempts > 0 {
                let until = self.not_before.unwrap_or(self.since);
                let backoff = phase.min(until.saturating_duration_since(self.since));
                spent.backoff += backoff;
                backoff
            } else {
                // The parts of a split batch have lingered already.
                let linger = if self.is_split { Duration::ZERO } else { phase.min(self.home.topic.linger) };
                spent.linger += linger;
                linger
            };
            spent.queued += phase - own_will;
        }
        spent
    }

    /// As [`Batch::failure`] where nobody knows the time: by the last moment that is known.
    pub(crate) fn failure_so_far(&self, kind: FailureKind, certainty: Certainty) -> BatchFailure {
        BatchFailure {
            kind,
            certainty: certainty.weakened_by(self.ever_unknown),
            attempts: self.attempts,
            waited: self.spent.total(),
            spent: self.spent,
            is_fatal: false,
            last: self.last_error.as_deref().cloned(),
            record_errors: Vec::new(),
        }
    }

    /// There are no records whose outcome anybody could ask for.
    fn forget(&mut self) {
        self.settled = true;
        self.home.topic.incomplete.leave(self.entry);
    }

    fn finish(&mut self, outcome: Outcome) {
        self.settled = true;
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
        incomplete.leave(self.entry);
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        if self.settled {
            return;
        }
        // Nobody settled it: the driver's thread is gone, or the accumulator was dropped with the batch in it.
        let certainty = if self.is_in_flight { Certainty::Unknown } else { Certainty::NotWritten };
        self.home.topic.incomplete.count_abandoned(self.records.count());
        self.finish(Outcome::Failed(Arc::new(
            self.failure_so_far(FailureKind::NetworkThreadGone, certainty),
        )));
    }
}

#[cfg(test)]
mod tests;
