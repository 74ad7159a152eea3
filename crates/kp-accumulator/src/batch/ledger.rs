//! What a batch remembers of its attempts: when each phase of its life began, where its time went, what is certain.
//! Owner: the batch. Private: it is told of events (an attempt begins, ends, was none), and answers questions.

use crate::age::Age;
use crate::failure::{BrokerError, Certainty, Spent};
use std::time::{Duration, Instant};

/// ```text
/// Lingering ──begin──▶ InFlight ──end──▶ Retrying ──begin──▶ InFlight …
///     ▲                    │
///     └── end of an attempt that was none, if it was the first ──┘
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Not sent yet.
    Lingering,
    /// Sent, not answered.
    InFlight,
    /// To be sent again.
    Retrying,
}

/// The attempts of one batch.
#[derive(Debug)]
pub(super) struct Ledger {
    created: Instant,
    /// Since when it is known to take no more records (AC25 of 0.9).
    full_since: Option<Instant>,
    attempts: u32,
    last_attempt: Option<Instant>,
    /// Not sent again before this moment (AC14).
    not_before: Option<Instant>,
    phase: Phase,
    /// Start of the phase, as far as `spent` does not hold it yet.
    since: Instant,
    /// Start of the wait that ended with the last send, or that goes on: throttled time is taken from it.
    waited_since: Instant,
    spent: Spent,
    /// How much of the wait before the first attempt is wanted: `linger.ms`, nothing for a part of a split.
    linger: Duration,
    ever_unknown: bool,
    /// Why its last attempt failed.
    last_error: Option<Box<BrokerError>>,
}

impl Ledger {
    pub(super) fn new(created: Instant, linger: Duration) -> Self {
        Self {
            created,
            full_since: None,
            attempts: 0,
            last_attempt: None,
            not_before: None,
            phase: Phase::Lingering,
            since: created,
            waited_since: created,
            spent: Spent::default(),
            linger,
            ever_unknown: false,
            last_error: None,
        }
    }

    /// Of a part of the batch, made at `now`. It was not tried yet (BB27), but keeps the age and what earlier attempts left open;
    /// the whole has lingered already.
    pub(super) fn part(&self, now: Instant) -> Self {
        Self {
            full_since: Some(now),
            spent: self.spent_by(now),
            since: now,
            ever_unknown: self.ever_unknown,
            last_error: self.last_error.clone(),
            ..Self::new(self.created, Duration::ZERO)
        }
    }

    pub(super) fn created(&self) -> Instant {
        self.created
    }

    pub(super) fn attempts(&self) -> u32 {
        self.attempts
    }

    pub(super) fn last_attempt(&self) -> Option<Instant> {
        self.last_attempt
    }

    pub(super) fn not_before(&self) -> Option<Instant> {
        self.not_before
    }

    pub(super) fn is_in_flight(&self) -> bool {
        self.phase == Phase::InFlight
    }

    pub(super) fn is_ever_unknown(&self) -> bool {
        self.ever_unknown
    }

    pub(super) fn last_error(&self) -> Option<&BrokerError> {
        self.last_error.as_deref()
    }

    /// What `certainty` is, given what earlier attempts left open.
    pub(super) fn weaken(&self, certainty: Certainty) -> Certainty {
        certainty.weakened_by(self.ever_unknown)
    }

    pub(super) fn age(&self) -> Age {
        Age { created: self.created, last_attempt: self.last_attempt, full_since: self.full_since }
    }

    pub(super) fn set_full_since(&mut self, full_since: Option<Instant>) {
        self.full_since = full_since;
    }

    /// It is sent.
    pub(super) fn begin_attempt(&mut self, now: Instant) {
        debug_assert!(!self.is_in_flight(), "one attempt at a time");
        self.waited_since = self.since;
        self.end_phase(now, Phase::InFlight);
        self.attempts += 1;
        self.last_attempt = Some(now);
        self.not_before = None;
    }

    /// It comes back to the queue.
    pub(super) fn end_attempt(&mut self, now: Instant) {
        debug_assert!(self.is_in_flight(), "an attempt that began");
        self.end_phase(now, if self.attempts > 0 { Phase::Retrying } else { Phase::Lingering });
        self.waited_since = now;
    }

    /// The network did not take it: that was no attempt.
    pub(super) fn take_back_attempt(&mut self) {
        self.attempts = self.attempts.saturating_sub(1);
    }

    /// It is sent again at this moment, or as soon as it can be.
    pub(super) fn back_off_until(&mut self, at: Option<Instant>) {
        self.not_before = at;
    }

    pub(super) fn mark_unknown(&mut self) {
        self.ever_unknown = true;
    }

    pub(super) fn remember_error(&mut self, error: BrokerError) {
        self.last_error = Some(Box::new(error));
    }

    pub(super) fn forget_error(&mut self) {
        self.last_error = None;
    }

    pub(super) fn charge_throttled(&mut self, held_back: Duration) {
        self.spent.throttled += held_back;
        self.since += held_back;
    }

    pub(super) fn charge_throttled_wait(&mut self, now: Instant, from: Instant, until: Instant) {
        if !self.is_in_flight() {
            self.end_phase(now, self.phase);
        }
        let overlap = until.min(now).saturating_duration_since(from.max(self.waited_since));
        let moved = overlap.min(self.spent.queued);
        self.spent.queued -= moved;
        self.spent.throttled += moved;
    }

    /// Where its time went until the last change of phase.
    pub(super) fn spent(&self) -> Spent {
        self.spent
    }

    /// Where its time went until `now`.
    pub(super) fn spent_by(&self, now: Instant) -> Spent {
        let mut spent = self.spent;
        let time = now.saturating_duration_since(self.since);
        match self.phase {
            Phase::InFlight => spent.in_flight += time,
            Phase::Lingering => {
                let linger = time.min(self.linger);
                spent.linger += linger;
                spent.queued += time - linger;
            }
            Phase::Retrying => {
                let until = self.not_before.unwrap_or(self.since);
                let backoff = time.min(until.saturating_duration_since(self.since));
                spent.backoff += backoff;
                spent.queued += time - backoff;
            }
        }
        spent
    }

    /// Adds the time of the phase that ends to what was spent.
    fn end_phase(&mut self, now: Instant, next: Phase) {
        self.spent = self.spent_by(now);
        self.since = now.max(self.since);
        self.phase = next;
    }
}
