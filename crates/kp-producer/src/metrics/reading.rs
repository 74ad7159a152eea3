//! Everything that metrics are read from, at one moment: what the rows of the table get to see.

use super::telemetry::Board;
use crate::shared::Shared;
use kp_accumulator::TopicCounters;
use kp_network::{NetworkCounters, NodeCounters};
use kp_protocol::{BrokerId, TopicName};
use kp_sender::{Histogram, SenderCounters};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

pub(crate) struct Reading {
    pub(crate) producer: ProducerReading,
    /// By name; those that something was sent to.
    pub(crate) topics: Vec<(TopicName, Arc<TopicCounters>)>,
    /// By id; those that were connected.
    pub(crate) nodes: Vec<(BrokerId, NodeReading)>,
}

/// What the metrics of the whole producer are read from.
pub(crate) struct ProducerReading {
    pub(crate) shared: Arc<Shared>,
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
    pub(crate) fn of(shared: &Arc<Shared>) -> Self {
        let now = shared.clock.now();
        let topics = shared.accumulator.topic_counters();
        let board = shared.telemetry.board.lock();
        let Board { network, metadata_had, latencies } = &*board;
        let latency_of = |id: BrokerId| {
            let found = latencies.binary_search_by_key(&id, |(id, _)| *id).ok()?;
            Some(Arc::clone(&latencies[found].1))
        };
        let nodes = network.nodes.iter();
        Self {
            producer: ProducerReading {
                shared: Arc::clone(shared),
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
        &self.shared.telemetry.sender
    }

    /// SN20: in records, whoever failed them.
    pub(crate) fn record_errors(&self) -> u64 {
        let refused = self.shared.telemetry.refused.load(Relaxed);
        self.sender().records_failed() + self.shared.accumulator.abandoned_records() + refused
    }
}
