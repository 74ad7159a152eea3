//! A request that cannot be answered yet: a Fetch that waits for bytes, a Produce that waits for followers.

use std::time::Instant;

use crate::fetch::WaitingFetch;
use crate::replication::WaitingProduce;
use crate::request::Moment;
use crate::{Reply, SimCluster};

/// A request that waits. A host keeps it and asks again with [`SimCluster::resume`]; dropping it forgets the request.
#[derive(Clone, Debug)]
pub enum Waiting {
    /// For `fetch.min.bytes` (KIP-74).
    Fetch(WaitingFetch),
    /// For every in-sync replica (`acks=all`).
    Produce(WaitingProduce),
}

impl Waiting {
    /// When to ask again at the latest. It is asked earlier when something was appended or a leader has changed.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        match self {
            Self::Fetch(waiting) => waiting.deadline(),
            Self::Produce(waiting) => waiting.deadline(),
        }
    }
}

impl SimCluster {
    /// Asks again about a request that was answered [`Reply::Later`].
    pub fn resume(&mut self, now: Instant, timestamp_ms: i64, waiting: Waiting) -> Reply {
        match waiting {
            Waiting::Fetch(waiting) if self.is_up(waiting.broker) => {
                self.fetch(Moment { now, timestamp_ms }, waiting)
            }
            Waiting::Produce(waiting) if self.is_up(waiting.broker) => self.resume_produce(now, waiting),
            Waiting::Fetch(_) | Waiting::Produce(_) => Reply::Close,
        }
    }
}
