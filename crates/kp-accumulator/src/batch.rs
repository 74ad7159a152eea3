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
mod converted;
mod core;
mod head;
mod in_flight;
mod ledger;
mod limits;
mod list_memory;
mod open;
mod pages;
mod part;
mod payload;
mod place;
mod sealed;

pub use callbacks::Notify;
pub use closed::Closed;
pub(crate) use core::{Core, KeepSpare, OVERHEAD, PartitionContext, TopicContext};
pub use head::HeadBatch;
pub use in_flight::InFlight;
pub(crate) use limits::{BatchSize, OpenLimits};
pub(crate) use list_memory::ListMemory;
pub(crate) use open::Fit;
pub use open::Open;
pub(crate) use pages::Pages;
pub(crate) use part::Part;
pub use payload::{Payload, WireBatch};
pub use place::BatchPlace;
pub use sealed::{Sealed, Undispatched};

use crate::age::Age;
use crate::completion::{Completion, Outcome};
use crate::failure::{BatchFailure, BrokerError, Certainty, FailureKind};
use crate::incomplete::BatchNumber;
use crate::queue_index::QueueIndex;
use crate::topic_counters::TopicCounters;
use kp_protocol::{BatchIdentity, LeaderEpoch, TopicPartition};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// A batch in state `S`: [`Open`], [`Closed`], [`Sealed`] or [`InFlight`].
#[derive(Debug)]
#[must_use = "dropping a batch fails its records"]
pub struct Batch<S> {
    core: Box<Core>,
    state: S,
}

impl<S> Batch<S> {
    /// Its place among the batches of its partition.
    #[must_use]
    pub fn place(&self) -> BatchPlace {
        self.core.place
    }

    /// The queue it belongs to.
    #[must_use]
    pub fn queue(&self) -> QueueIndex {
        self.core.context.queue
    }

    /// The partition it is for.
    #[must_use]
    pub fn topic_partition(&self) -> &TopicPartition {
        &self.core.context.topic_partition
    }

    /// Where batches of its topic are counted.
    #[must_use]
    pub fn topic_counters(&self) -> &TopicCounters {
        &self.core.context.topic.counters
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

    /// Whether some attempt ended so that it is unknown whether the records were written.
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

    /// Ends the batch: the outcome appears, callbacks run in append order, all waiters are woken, memory goes
    /// back (BB21, BB22). Hold no lock: user code runs here. A panic in a callback is caught and counted.
    pub fn settle(self, outcome: Outcome) {
        let Self { mut core, state } = self;
        core.finish(outcome);
        drop(state);
        let spares = Weak::clone(&core.context.topic.spares);
        if let Some(spares) = spares.upgrade() {
            spares.keep(core);
        }
    }
}

#[cfg(test)]
mod tests;
