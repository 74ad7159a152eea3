//! Produce: from ready partitions to requests, and from answers to outcomes.
//! Owns: each batch from its drain to its outcome, and the requests that hold it. Never: the network, the metadata, the numbers;
//! those come as arguments.

mod answers;
mod attempt;
mod counters;
mod expiry;
mod fatal;
mod in_flight;
mod request;
mod sending;
mod settling;
mod unsettled;
mod waiting;

pub use counters::SenderCounters;

use crate::Histogram;
use crate::idempotence::sequences::Ticket;
use counters::BrokerLatencies;
use in_flight::Requests;
use kp_accumulator::{Drained, Payload};
use kp_protocol::{BrokerId, ProduceWriter, TopicPartition};
use request::{Part, PartitionAnswer};
use std::sync::Arc;
use std::time::{Duration, Instant};
use unsettled::Unsettled;

/// Sends batches and gives each its outcome.
pub(crate) struct BatchSender {
    requests: Requests,
    unsettled: Unsettled,
    writer: ProduceWriter,
    lists: Lists,
    counters: Arc<SenderCounters>,
    latencies: BrokerLatencies,
}

/// Lists for one request or answer at a time; empty in between.
#[derive(Default)]
struct Lists {
    drained: Vec<Drained<Option<Ticket>>>,
    parts: Vec<Part<Payload>>,
    answers: Vec<PartitionAnswer>,
}

impl BatchSender {
    pub(crate) fn new(delivery_timeout: Duration) -> Self {
        Self {
            requests: Requests::new(delivery_timeout),
            unsettled: Unsettled::default(),
            writer: ProduceWriter::default(),
            lists: Lists::default(),
            counters: Arc::default(),
            latencies: BrokerLatencies::default(),
        }
    }

    pub(crate) fn counters(&self) -> &Arc<SenderCounters> {
        &self.counters
    }

    pub(crate) fn latencies(&self) -> impl ExactSizeIterator<Item = (BrokerId, &Arc<Histogram>)> {
        self.latencies.iter()
    }

    /// Whether every request was answered or is lost, those of expired batches too (TC11).
    pub(crate) fn is_idle(&self) -> bool {
        self.requests.is_empty()
    }

    /// The partition of each batch that is under way.
    pub(crate) fn partitions_in_flight(&self) -> impl Iterator<Item = &TopicPartition> {
        self.requests.partitions()
    }

    /// A moment at or before the next expiry of a batch under way.
    pub(crate) fn next_expiry(&self) -> Option<Instant> {
        self.requests.next_expiry()
    }
}
