//! Counting what the network client does. Written by the thread that polls, with plain adds; read by the same thread,
//! which hands out a [`NetworkSnapshot`](kp_client::NetworkSnapshot).

use kp_client::{DisconnectReason, NetworkCounters, NodeCounters, SecurityStage};
use kp_protocol::BrokerId;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

/// Brokers that are counted apart. More ids than any cluster has must come from a broker that makes them up.
const NODES: usize = 10_000;

/// All the counters of one client.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) totals: NetworkCounters,
    nodes: BTreeMap<BrokerId, NodeCounters>,
    /// Takes what belongs to brokers above [`NODES`].
    others: NodeCounters,
}

/// The totals and one broker's part, for something that both count.
pub(crate) struct Counted<'a> {
    totals: &'a mut NetworkCounters,
    node: &'a mut NodeCounters,
}

impl Counters {
    /// The counters of a broker, and the totals.
    pub(crate) fn of(&mut self, broker: BrokerId) -> Counted<'_> {
        let Self { totals, nodes, others } = self;
        let node = if nodes.len() < NODES || nodes.contains_key(&broker) {
            nodes.entry(broker).or_default()
        } else {
            others
        };
        Counted { totals, node }
    }

    /// A connection ended with this; some reasons are counted apart.
    pub(crate) fn security_failed(&mut self, reason: &DisconnectReason) {
        match reason.security().map(|failure| failure.stage()) {
            None => {}
            Some(SecurityStage::Reauthentication) => self.totals.reauthentications_failed += 1,
            Some(_) => self.totals.authentications_failed += 1,
        }
    }

    /// Broker by broker, lowest id first, each with what its open connection says of its certificate.
    pub(crate) fn nodes(
        &self,
        certificate_ends: impl Fn(BrokerId) -> Option<SystemTime>,
    ) -> Vec<(BrokerId, NodeCounters)> {
        let nodes = self.nodes.iter();
        nodes
            .map(|(id, node)| (*id, NodeCounters { certificate_ends: certificate_ends(*id), ..*node }))
            .collect()
    }
}

impl Counted<'_> {
    /// A request of so many bytes was begun.
    pub(crate) fn requested(&mut self, bytes: usize) {
        let bytes = bytes as u64;
        self.totals.requests += 1;
        self.node.requests += 1;
        self.totals.request_bytes_max = self.totals.request_bytes_max.max(bytes);
        self.node.request_bytes_max = self.node.request_bytes_max.max(bytes);
    }

    /// A response came.
    pub(crate) fn responded(&mut self) {
        self.totals.responses += 1;
        self.node.responses += 1;
    }

    /// A request of the caller was answered after so long.
    pub(crate) fn took(&mut self, latency: Duration) {
        self.node.latencies += 1;
        self.node.latency += latency;
        self.node.latency_max = self.node.latency_max.max(latency);
    }

    /// One write took so many bytes.
    pub(crate) fn wrote(&mut self, bytes: usize) {
        self.totals.writes += 1;
        self.totals.bytes_written += bytes as u64;
        self.node.bytes_written += bytes as u64;
    }

    /// One read gave so many bytes.
    pub(crate) fn read(&mut self, bytes: usize) {
        self.totals.reads += 1;
        self.totals.bytes_read += bytes as u64;
        self.node.bytes_read += bytes as u64;
    }
}
