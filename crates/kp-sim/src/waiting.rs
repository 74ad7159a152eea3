//! A request that cannot be answered yet: a Fetch that waits for bytes, a Produce that waits for followers, a
//! refusal that is delayed.
//! Plain values: `fetch.rs`, `replication.rs` and `sasl.rs` look at them again.

use std::time::{Duration, Instant};

use bytes::Bytes;
use kp_protocol::api::{FetchRequest, ProduceResponse};
use kp_protocol::{BrokerId, LeaderEpoch, ReceivedHeader};

/// A request that waits. A host keeps it and asks again with [`SimCluster::resume`](crate::SimCluster::resume); dropping it forgets the request.
#[derive(Clone, Debug)]
pub enum Waiting {
    /// For `fetch.min.bytes` (KIP-74).
    Fetch(WaitingFetch),
    /// For every in-sync replica (`acks=all`).
    Produce(WaitingProduce),
    /// For the delay of a refusal (`connection.failed.authentication.delay.ms`).
    Refusal(WaitingRefusal),
}

impl Waiting {
    /// When to ask again at the latest. It is asked earlier when something was appended or a leader has changed.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        match self {
            Self::Fetch(waiting) => waiting.deadline(),
            Self::Produce(waiting) => waiting.deadline(),
            Self::Refusal(waiting) => waiting.due,
        }
    }
}

/// A client that could not authenticate, and is not told yet.
#[derive(Clone, Debug)]
pub struct WaitingRefusal {
    pub(crate) due: Instant,
    /// The last that it hears; `None` where brokers close without a word.
    pub(crate) last_word: Option<Vec<Bytes>>,
}

/// A Fetch request that waits for bytes.
#[derive(Clone, Debug)]
pub struct WaitingFetch {
    pub(crate) broker: BrokerId,
    pub(crate) header: ReceivedHeader,
    pub(crate) request: FetchRequest,
    pub(crate) deadline: Instant,
}

impl WaitingFetch {
    pub(crate) fn new(now: Instant, broker: BrokerId, header: ReceivedHeader, request: FetchRequest) -> Self {
        let wait = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0));
        Self { broker, header, request, deadline: now + wait }
    }

    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }
}

/// One partition of an answer that waits for its followers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Awaited {
    /// Topic and partition, by their places in the answer.
    pub(crate) place: (usize, usize),
    pub(crate) leader_epoch: LeaderEpoch,
    pub(crate) until: Instant,
}

/// A Produce request with `acks=all` that waits for its followers.
#[derive(Clone, Debug)]
pub struct WaitingProduce {
    pub(crate) broker: BrokerId,
    pub(crate) header: ReceivedHeader,
    pub(crate) response: ProduceResponse,
    pub(crate) awaited: Vec<Awaited>,
    /// `timeout_ms` of the request.
    pub(crate) gives_up_at: Instant,
}

impl WaitingProduce {
    pub(crate) fn new(
        broker: BrokerId,
        header: ReceivedHeader,
        response: ProduceResponse,
        awaited: Vec<Awaited>,
        gives_up_at: Instant,
    ) -> Self {
        Self { broker, header, response, awaited, gives_up_at }
    }

    pub(crate) fn deadline(&self) -> Instant {
        let last = self.awaited.iter().map(|awaited| awaited.until).max();
        last.unwrap_or(self.gives_up_at).min(self.gives_up_at)
    }
}
