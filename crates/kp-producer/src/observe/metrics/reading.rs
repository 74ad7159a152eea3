//! Everything that metrics are read from, at one moment: what the rows of the table get to see.

use super::telemetry::{Board, Telemetry};
use kp_accumulator::{Accumulator, TopicCounters};
use kp_memory::BufferPool;
use kp_network::{NetworkCounters, NodeCounters};
use kp_protocol::{BrokerId, TopicName};
use kp_sender::{Histogram, SenderCounters};
use kp_time::Clock;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// The rooms of one producer that metrics are read from.
#[derive(Clone)]
pub(crate) struct Measured {
    pub(crate) accumulator: Arc<Accumulator>,
    pub(crate) pool: Arc<BufferPool>,
    pub(crate) telemetry: Arc<Telemetry>,
    pub(crate) clock: Arc<dyn Clock>,
}

pub(crate) struct Reading {
    pub(crate) producer: ProducerReading,
    /// By name; those that something was sent to.
    pub(crate) topics: Vec<(TopicName, Arc<TopicCounters>)>,
    /// By id; those that were connected.
    pub(crate) nodes: Vec<(BrokerId, NodeReading)>,
}

/// What the metrics of the whole producer are read from.
pub(crate) struct ProducerReading {
    pub(crate) rooms: Measured,
    pub(crate) network: NetworkCounters,
    pub(crate) connections: usize,
    pub(crate) in_flight: usize,
    pub(crate) metadata_age: Option<Duration>,
}

/// What the metrics of one broker are read from.
pub(crate) struct NodeReading {
    pub(crate) counters: NodeCounters,
    /// `None` before it answered a Produce request.
    pub(crate) latency: Option<Arc<Histogram>>,
}

impl Reading {
    pub(crate) fn of(rooms: &Measured) -> Self {
        let now = rooms.clock.now();
        let topics = rooms.accumulator.topic_counters();
        let board = rooms.telemetry.board.lock();
        let Board { network, metadata_had, latencies } = &*board;
        let latency_of = |id: BrokerId| {
            let found = latencies.binary_search_by_key(&id, |(id, _)| *id).ok()?;
            Some(Arc::clone(&latencies[found].1))
        };
        let nodes = network.nodes.iter();
        Self {
            producer: ProducerReading {
                rooms: rooms.clone(),
                network: network.totals,
                connections: network.connections,
                in_flight: network.in_flight,
                metadata_age: metadata_had.map(|had| now.saturating_duration_since(had)),
            },
            topics,
            nodes: nodes
                .map(|(id, counters)| (*id, NodeReading { counters: *counters, latency: latency_of(*id) }))
                .collect(),
        }
    }
}

impl ProducerReading {
    pub(crate) fn sender(&self) -> &SenderCounters {
        &self.rooms.telemetry.sender
    }

    /// SN20: in records, whoever failed them.
    pub(crate) fn record_errors(&self) -> u64 {
        let refused = self.rooms.telemetry.refused.load(Relaxed);
        self.sender().records_failed() + self.rooms.accumulator.abandoned_records() + refused
    }
}
