//! What a call may have to wait for before a record is accepted: metadata, memory, a place for its outcome. All of it together
//! is bounded by `max.block.ms` (FA2). Nobody waits on the network thread, nor in a forked process.

use super::Shared;
use super::acceptance::refusal_of;
use crate::acks::{AckSource, NoPlace, Place};
use crate::error::{SendError, SendErrorKind};
use crate::metadata_wait::Wanted;
use crate::metrics::{Stopwatch, adding_to};
use kp_accumulator::Spent;
use kp_memory::{Buffer, MemoryError};
use kp_protocol::TopicName;
use kp_time::Deadline;
use std::time::{Duration, Instant};

/// How long the call has waited so far, and until when it may.
#[derive(Default)]
pub(crate) struct Waited {
    pub(super) deadline: Option<Deadline>,
    pub(super) spent: Spent,
}

impl Waited {
    /// The moment by which the call must be done: `max.block.ms` after it first had to wait.
    pub(super) fn until(&mut self, now: Instant, max_block: Duration) -> Deadline {
        *self.deadline.get_or_insert_with(|| Deadline::after(now, max_block, "max.block.ms"))
    }
}

impl Shared {
    /// A place for a record's outcome, where these have a bound: waits for the consumer to take some, as part of the time that the
    /// call may wait. None where nobody counts them.
    pub(crate) async fn place_of_outcome(
        &self,
        topic: &str,
        waited: &mut Waited,
    ) -> Result<Option<Place>, SendError> {
        let Some(acks) = self.extensions.acks.as_ref().map(AckSource::queue) else { return Ok(None) };
        let refuse = |kind, spent: &Spent| Err(self.telemetry.refuse(kind, topic, *spent));
        if let Some(place) = acks.places.try_take() {
            return Ok(Some(place));
        }
        if self.is_forked() {
            return refuse(SendErrorKind::Forked, &waited.spent);
        }
        if self.is_network_thread() {
            return refuse(SendErrorKind::WouldDeadlock, &waited.spent);
        }
        let now = self.clock.now();
        let wait = acks.places.join(waited.until(now, self.limits.max_block));
        self.waker.wake_by_ref();
        let result = wait.await;
        let waited_now = self.clock.now().saturating_duration_since(now);
        waited.spent.memory += waited_now;
        match result {
            Ok(place) => Ok(Some(place)),
            Err(NoPlace::Late) => {
                let (capacity, waited_now) = (acks.places.capacity(), waited_now);
                refuse(SendErrorKind::OutcomesNotTaken { capacity, waited: waited_now }, &waited.spent)
            }
            Err(NoPlace::Closed) if acks.is_abandoned() => refuse(SendErrorKind::NoListener, &waited.spent),
            // The producer is closed, which the record is told in its turn.
            Err(NoPlace::Closed) => Ok(None),
        }
    }

    /// Waits until the wish is granted. Used by `send`, `connect` and `partitions_for`.
    pub(crate) async fn wait_for(&self, wanted: Wanted) -> Result<(), SendError> {
        let mut waited = Waited::default();
        let topic = wanted.topic().cloned();
        let name = topic.as_ref().map_or("", TopicName::as_str);
        self.wait_for_metadata(wanted, &mut waited)
            .await
            .map_err(|kind| SendError::new(kind, name, waited.spent))
    }

    pub(super) async fn wait_for_metadata(
        &self,
        wanted: Wanted,
        waited: &mut Waited,
    ) -> Result<(), SendErrorKind> {
        if self.is_forked() {
            return Err(SendErrorKind::Forked);
        }
        if self.is_network_thread() {
            return Err(SendErrorKind::WouldDeadlock);
        }
        let now = self.clock.now();
        let deadline = waited.until(now, self.limits.max_block);
        let wait = self.waiters.join(wanted.clone(), now, deadline);
        // An answer may have come between the look at the view and the joining; nobody would tell of it again.
        let verdict = self.view.load().verdict(&wanted);
        if verdict.as_ref().is_none_or(Result::is_err) {
            self.tell(wanted.command());
        }
        if let Some(verdict) = verdict {
            return verdict;
        }
        let timed = Stopwatch::start(&*self.clock, adding_to(&self.telemetry.metadata_wait_ns));
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
        match self.pool.try_allocate(bytes) {
            Ok(Some(buffer)) => return Ok(buffer),
            Ok(None) if self.is_network_thread() => return Err(SendErrorKind::WouldDeadlock),
            Ok(None) => {}
            Err(error) => return Err(refusal_of(&error, waited.spent.memory)),
        }
        let now = self.clock.now();
        let deadline = waited.until(now, self.limits.max_block);
        let timed = Stopwatch::start(&*self.clock, |waited| self.pool.add_wait(waited));
        let result = match self.pool.allocate(bytes, deadline) {
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
