//! What the driver knows of brokers that appends go by: written by the driver when it changes, read when a batch opens, grows or
//! fills, never per record.

use crate::partitioner::Reach;
use crate::partitioning::Partitioning;
use kp_metadata::Cluster;
use kp_protocol::BrokerId;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Which brokers get no new batch, and which can be sent none.
#[derive(Debug, Default)]
pub(crate) struct BrokerStates {
    /// Which brokers the sticky choice passes over.
    pub(crate) reach: Reach,
    /// Which brokers can be sent nothing for now.
    pub(crate) waits: Waits,
}

impl BrokerStates {
    /// Takes note of which brokers are in the client's rack, if that matters (PA14).
    pub(crate) fn follow_racks(&self, partitioning: &Partitioning, cluster: &Cluster) {
        if let Some(rack) = &partitioning.rack {
            self.reach.follow_racks(cluster, rack);
        }
    }
}

/// Brokers are told apart by this many places. Two of one place cost nothing but a batch that grows for its neighbour.
const PLACES: usize = 256;

/// Which brokers can be sent nothing for now: all, until one is found ready for the first time. Written by the driver, read by
/// appends.
#[derive(Debug)]
pub(crate) struct Waits(Box<[AtomicBool; PLACES]>);

impl Default for Waits {
    fn default() -> Self {
        Self(Box::new([const { AtomicBool::new(true) }; PLACES]))
    }
}

impl Waits {
    pub(crate) fn set(&self, broker: BrokerId, waits: bool) {
        // Relaxed: a batch that closes a moment too early or too late is still a batch.
        self.place(broker).store(waits, Relaxed);
    }

    pub(crate) fn has_to_wait(&self, broker: BrokerId) -> bool {
        self.place(broker).load(Relaxed)
    }

    fn place(&self, broker: BrokerId) -> &AtomicBool {
        &self.0[broker.0 as u32 as usize % PLACES]
    }
}
