//! A batch with its outcome, on its way out of the core. The host runs it: callbacks and wakers run there, so that
//! the core itself never runs user code and a callback may call `send` (SN11).

use kp_accumulator::{Batch, BatchFailure, InFlight, Outcome, Sealed};
use kp_protocol::TopicPartition;
use std::time::Instant;

/// A batch that has ended. Run it exactly once; dropping it fails the batch as unknown or not written.
#[derive(Debug)]
#[must_use = "a batch ends when its settlement is run"]
pub struct Settlement {
    batch: Ended,
    outcome: Outcome,
}

/// The states in which a batch can end.
#[derive(Debug)]
enum Ended {
    Queued(Batch<Sealed>),
    InFlight(Batch<InFlight>),
}

impl Settlement {
    pub(crate) fn queued(batch: Batch<Sealed>, outcome: Outcome) -> Self {
        Self { batch: Ended::Queued(batch), outcome }
    }

    pub(crate) fn in_flight(batch: Batch<InFlight>, outcome: Outcome) -> Self {
        Self { batch: Ended::InFlight(batch), outcome }
    }

    /// What became of the batch.
    #[must_use]
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// Why it failed, if it did.
    #[must_use]
    pub fn failure(&self) -> Option<&BatchFailure> {
        match &self.outcome {
            Outcome::Failed(failure) => Some(failure),
            Outcome::Written { .. } | Outcome::Split(_) => None,
        }
    }

    /// How many records it ends.
    #[must_use]
    pub fn record_count(&self) -> u32 {
        match &self.batch {
            Ended::Queued(batch) => batch.record_count(),
            Ended::InFlight(batch) => batch.record_count(),
        }
    }

    /// Where they were to go.
    #[must_use]
    pub fn topic_partition(&self) -> &TopicPartition {
        match &self.batch {
            Ended::Queued(batch) => batch.topic_partition(),
            Ended::InFlight(batch) => batch.topic_partition(),
        }
    }

    /// Bytes of its records, before compression.
    #[must_use]
    pub fn raw_size(&self) -> usize {
        match &self.batch {
            Ended::Queued(batch) => batch.raw_size(),
            Ended::InFlight(batch) => batch.raw_size(),
        }
    }

    /// How often it was sent.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        match &self.batch {
            Ended::Queued(batch) => batch.attempts(),
            Ended::InFlight(batch) => batch.attempts(),
        }
    }

    /// When its first record was accepted.
    #[must_use]
    pub fn created(&self) -> Instant {
        match &self.batch {
            Ended::Queued(batch) => batch.created(),
            Ended::InFlight(batch) => batch.created(),
        }
    }

    /// Publishes the outcome, runs callbacks, wakes waiters, gives memory back. Hold no lock.
    pub fn run(self) {
        match self.batch {
            Ended::Queued(batch) => batch.settle(self.outcome),
            Ended::InFlight(batch) => batch.settle(self.outcome),
        }
    }
}
