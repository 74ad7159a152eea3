//! A request that cannot be answered yet: a Fetch that waits for bytes, a Produce that waits for followers, a
//! refusal that is delayed.
//! Plain values: `fetch.rs`, `replication.rs` and `sasl.rs` look at them again.

use std::time::{Duration, Instant};

use bytes::Bytes;
use kp_protocol::api::{FetchRequest, ProduceRequest, ProduceResponse};
use kp_protocol::{BrokerId, LeaderEpoch, ReceivedHeader};

use crate::incoming_batch::IncomingBatch;

/// A request that waits. A host keeps it and asks again with [`SimCluster::resume`](crate::SimCluster::resume); dropping it forgets the request.
#[derive(Clone, Debug)]
pub enum Waiting {
    /// For `fetch.min.bytes` (KIP-74).
    Fetch(WaitingFetch),
    /// For every in-sync replica (`acks=all`).
    Produce(WaitingProduce),
    /// For the markers of the last transaction, before a partition can be added to the next (KIP-890).
    Addition(WaitingAddition),
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
            Self::Addition(waiting) => waiting.due,
            Self::Refusal(waiting) => waiting.due,
        }
    }
}

/// A Produce request whose partitions cannot be added to a transaction yet: the broker itself asks the coordinator again.
#[derive(Clone, Debug)]
pub struct WaitingAddition {
    pub(crate) broker: BrokerId,
    pub(crate) header: ReceivedHeader,
    pub(crate) request: ProduceRequest,
    pub(crate) batches: Vec<Vec<IncomingBatch>>,
    pub(crate) due: Instant,
    pub(crate) gives_up_at: Instant,
}

impl WaitingAddition {
    /// `add.partitions.to.txn.retry.backoff.ms`.
    const BACKOFF: Duration = Duration::from_millis(20);
    /// `add.partitions.to.txn.retry.backoff.max.ms`.
    const LONGEST: Duration = Duration::from_millis(100);

    pub(crate) fn new(
        now: Instant,
        broker: BrokerId,
        header: ReceivedHeader,
        request: ProduceRequest,
        batches: Vec<Vec<IncomingBatch>>,
    ) -> Self {
        let (due, gives_up_at) = (now + Self::BACKOFF, now + Self::LONGEST);
        Self { broker, header, request, batches, due, gives_up_at }
    }

    /// The same after another attempt in vain.
    pub(crate) fn later(self, now: Instant) -> Self {
        Self { due: (now + Self::BACKOFF).min(self.gives_up_at), ..self }
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
