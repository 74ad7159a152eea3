//! What a call may have to wait for before a record is accepted: metadata, memory, a place for its outcome. All of it together
//! is bounded by `max.block.ms` (FA2). No call waits on the network thread, nor in a forked process.

use crate::drive::parker;
use crate::error::{SendError, SendErrorKind};
use crate::outcome::acks::{NoPlace, Place};
use crate::send::metadata_wait::Wanted;
use crate::shared::Shared;
use crate::transaction::scope::{Scope, unless_ended};
use kp_accumulator::Spent;
use kp_memory::{Buffer, MemoryError};
use kp_time::Deadline;
use std::future::Future;
use std::time::{Duration, Instant};

/// How long the call has waited so far, and until when it may.
#[derive(Default)]
pub(crate) struct Waited {
    /// Start of the first wait.
    begun: Option<Instant>,
    deadline: Option<Deadline>,
    pub(crate) spent: Spent,
}

impl Waited {
    /// The moment by which the call must be done: `max.block.ms` after it first had to wait.
    fn until(&mut self, now: Instant, max_block: Duration) -> Deadline {
        self.begun.get_or_insert(now);
        *self.deadline.get_or_insert_with(|| Deadline::after(now, max_block, "max.block.ms"))
    }
}

impl Shared {
    /// A place for a record's outcome, where these have a bound: waits for the consumer to take some, as part of the time that the
    /// call may wait. None where they are not counted.
    pub(crate) async fn place_of_outcome(
        &self,
        scope: Option<&Scope>,
        topic: &str,
        waited: &mut Waited,
    ) -> Result<Option<Place>, SendError> {
        let Some(places) = self.waits.places() else { return Ok(None) };
        let refuse = |kind, spent: &Spent| Err(self.refuse(scope, kind, topic, *spent));
        if let Some(place) = places.try_take() {
            return Ok(Some(place));
        }
        if let Some(refusal) = self.refusal_to_wait() {
            return refuse(refusal, &waited.spent);
        }
        let now = self.clock.now();
        let wait = places.join(waited.until(now, self.limits.max_block));
        self.link.wake();
        let result = match unless_ended(scope, async { Ok(wait.await) }).await {
            Ok(result) => result,
            Err(ended) => return refuse(ended, &waited.spent),
        };
        let waited_now = self.clock.now().saturating_duration_since(now);
        waited.spent.memory += waited_now;
        match result {
            Ok(place) => Ok(Some(place)),
            Err(NoPlace::Late) => {
                let capacity = places.capacity();
                refuse(SendErrorKind::OutcomesNotTaken { capacity, waited: waited_now }, &waited.spent)
            }
            Err(NoPlace::Closed) if !self.extensions.listener.listens() => {
                refuse(SendErrorKind::NoListener, &waited.spent)
            }
            // The producer is closed, which the record is told in its turn.
            Err(NoPlace::Closed) => Ok(None),
        }
    }

    /// Why a call is refused before it waits: the process, the end, the thread (CL2, CL8).
    pub(crate) fn refusal_to_wait(&self) -> Option<SendErrorKind> {
        self.refusal().or_else(|| self.link.is_network_thread().then_some(SendErrorKind::WouldDeadlock))
    }

    /// Ends the waits whose time is up: by the driver in each turn, and by a caller that blocks when its own time is up, since
    /// the driver may be busy with a callback.
    pub(crate) fn expire_waits(&self, now: Instant) {
        self.waits.expire(now, &self.views.load().cluster);
        if let Some(words) = self.waits.transactions().and_then(|ledger| ledger.warning(now)) {
            self.notes.notice(words);
        }
    }

    /// Blocks the calling thread until `future` is done, which waits for what is bounded by `max.block.ms` (FA2).
    pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
        parker::block_on_minding(future, self.limits.max_block, || {
            let now = self.clock.now();
            self.expire_waits(now);
            self.waits.next_deadline().map(|next| next.saturating_duration_since(now))
        })
    }

    /// Waits until the cluster says what is wanted of it.
    pub(crate) async fn wait_for_metadata(
        &self,
        wanted: Wanted,
        waited: &mut Waited,
    ) -> Result<(), SendErrorKind> {
        if let Some(refusal) = self.refusal_to_wait() {
            return Err(refusal);
        }
        let now = self.clock.now();
        let deadline = waited.until(now, self.limits.max_block);
        let wait = self.waits.metadata().join(wanted.clone(), waited.begun.unwrap_or(now), deadline);
        // An answer may have come between the look at the view and the joining; it would not be told again.
        let verdict = self.views.load().verdict(&wanted);
        if verdict.as_ref().is_none_or(Result::is_err) {
            self.link.tell(wanted.command());
        }
        if let Some(verdict) = verdict {
            return verdict;
        }
        let timed = self.measured.time_metadata_wait();
        let verdict = wait.await;
        drop(timed);
        waited.spent.metadata += self.clock.now().saturating_duration_since(now);
        verdict
    }

    pub(super) async fn wait_for_buffer(
        &self,
        bytes: usize,
        waited: &mut Waited,
    ) -> Result<Buffer, SendErrorKind> {
        match self.waits.pool().try_allocate(bytes) {
            Ok(Some(buffer)) => return Ok(buffer),
            Ok(None) if self.link.is_network_thread() => return Err(SendErrorKind::WouldDeadlock),
            Ok(None) => {}
            Err(error) => return Err(refusal_of(&error, waited.spent.memory)),
        }
        let now = self.clock.now();
        let deadline = waited.until(now, self.limits.max_block);
        let timed = self.measured.time_memory_wait();
        let result = match self.waits.pool().allocate(bytes, deadline) {
            Ok(allocation) => allocation.await,
            Err(error) => Err(error),
        };
        drop(timed);
        waited.spent.memory += self.clock.now().saturating_duration_since(now);
        result.map_err(|error| match error {
            MemoryError::Closed => self.closed_kind(),
            other => refusal_of(&other, waited.spent.memory),
        })
    }
}

/// Why the pool gives no memory, after a wait of so long.
pub(super) fn refusal_of(error: &MemoryError, waited: Duration) -> SendErrorKind {
    match error {
        MemoryError::TooLarge { requested, limit } => SendErrorKind::RecordTooLarge {
            size_bytes: *requested,
            limit_bytes: *limit,
            key: "buffer.memory",
        },
        MemoryError::Exhausted { .. } => SendErrorKind::BufferExhausted { waited },
        MemoryError::Closed => SendErrorKind::Closed,
        _ => SendErrorKind::BufferExhausted { waited },
    }
}
