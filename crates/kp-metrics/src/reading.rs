//! Everything that metrics are read from, at one moment: what the rows of the table get to see.

use crate::measured::{Board, Measured};
use crate::producer_counters::ProducerCounters;
use crate::transaction_counters::TransactionCounters;
use kp_accumulator::{Accumulator, TopicCounters};
use kp_client::{CipherUse, NetworkCounters, NodeCounters, TokenFacts};
use kp_memory::BufferPool;
use kp_protocol::{BrokerId, TopicName};
use kp_sender::{Histogram, SenderCounters};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

pub(crate) struct Reading {
    pub(crate) producer: ProducerReading,
    /// By name; those that something was sent to.
    pub(crate) topics: Vec<(TopicName, Arc<TopicCounters>)>,
    /// By id; those that were connected.
    pub(crate) nodes: Vec<(BrokerId, NodeReading)>,
    /// By version and cipher; those that were in use.
    pub(crate) ciphers: Vec<CipherUse>,
}

/// What the metrics of the whole producer are read from.
pub(crate) struct ProducerReading {
    measured: Arc<Measured>,
    pub(crate) network: NetworkCounters,
    pub(crate) connections: usize,
    pub(crate) in_flight: usize,
    pub(crate) metadata_age: Option<Duration>,
    pub(crate) own_certificate_ends: Option<SystemTime>,
    tokens: TokenFacts,
    now: Instant,
    /// The clock on the wall.
    wall: SystemTime,
}

/// What the metrics of one broker are read from.
pub(crate) struct NodeReading {
    pub(crate) counters: NodeCounters,
    /// `None` before it answered a Produce request.
    pub(crate) latency: Option<Arc<Histogram>>,
    wall: SystemTime,
}

impl Reading {
    pub(crate) fn of(measured: &Arc<Measured>) -> Self {
        let now = measured.rooms().clock.now();
        let wall = measured.rooms().clock.time_of_day();
        let topics = measured.rooms().accumulator.topic_counters();
        let board = measured.board().lock();
        let Board { network, metadata_had, latencies } = &*board;
        let latency_of = |id: BrokerId| {
            let found = latencies.binary_search_by_key(&id, |(id, _)| *id).ok()?;
            Some(Arc::clone(&latencies[found].1))
        };
        let nodes = network.nodes.iter();
        Self {
            producer: ProducerReading {
                measured: Arc::clone(measured),
                network: network.totals,
                connections: network.connections,
                in_flight: network.in_flight,
                metadata_age: metadata_had.map(|had| now.saturating_duration_since(had)),
                own_certificate_ends: network.own_certificate_ends,
                tokens: network.tokens.unwrap_or_default(),
                now,
                wall,
            },
            topics,
            nodes: nodes
                .map(|(id, counters)| {
                    (*id, NodeReading { counters: *counters, latency: latency_of(*id), wall })
                })
                .collect(),
            ciphers: network.ciphers.clone(),
        }
    }
}

/// From now to then; below 0 if it is over.
fn seconds(now: SystemTime, then: SystemTime) -> f64 {
    then.duration_since(now).map_or_else(|over| -over.duration().as_secs_f64(), |left| left.as_secs_f64())
}

impl NodeReading {
    pub(crate) fn certificate_expires_in(&self) -> Option<f64> {
        Some(seconds(self.wall, self.counters.certificate_ends?))
    }
}

impl ProducerReading {
    pub(crate) fn tokens(&self) -> &TokenFacts {
        &self.tokens
    }

    pub(crate) fn seconds_to(&self, end: Option<SystemTime>) -> Option<f64> {
        Some(seconds(self.wall, end?))
    }

    pub(crate) fn sender(&self) -> &SenderCounters {
        &self.measured.rooms().sender
    }

    pub(crate) fn counters(&self) -> &ProducerCounters {
        self.measured.counters()
    }

    pub(crate) fn transactions(&self) -> &TransactionCounters {
        self.measured.transactions()
    }

    pub(crate) fn transaction_age_ms(&self) -> Option<f64> {
        self.transactions().age(self.now).map(|age| age.as_secs_f64() * 1000.0)
    }

    pub(crate) fn pool(&self) -> &BufferPool {
        &self.measured.rooms().pool
    }

    pub(crate) fn accumulator(&self) -> &Accumulator {
        &self.measured.rooms().accumulator
    }

    pub(crate) fn started_ms(&self) -> i64 {
        self.measured.started_ms()
    }

    /// SN20: in records, whether the sender, a panic or `send` failed them.
    pub(crate) fn record_errors(&self) -> u64 {
        let abandoned = self.accumulator().abandoned_records();
        self.sender().records_failed() + abandoned + self.counters().refused()
    }
}
