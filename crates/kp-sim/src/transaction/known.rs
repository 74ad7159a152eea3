//! What the coordinators of a cluster know. Plain values, owned by the cluster; who changes them lies in the files beside this one.

use std::collections::BTreeMap;
use std::time::Instant;

use kp_protocol::{LeaderEpoch, TopicPartition};

use super::entry::TransactionEntry;
use super::held::{HeldBack, LateFrame};
use crate::reply::Moment;

/// What the coordinators of a cluster know. Each coordinator's part of it is in its log, so nothing is lost when it moves.
#[derive(Clone, Debug)]
pub(crate) struct Transactions {
    pub(super) entries: BTreeMap<String, TransactionEntry>,
    pub(super) next_producer_id: i64,
    /// By the partition that is their log: under which epoch they read it, and when they are done.
    pub(super) loaded: BTreeMap<TopicPartition, (LeaderEpoch, Instant)>,
    pub(super) late: HeldBack,
    pub(super) came_late: Vec<LateFrame>,
    /// How often features were finalized since the cluster began.
    pub(crate) features_epoch: i64,
    /// When the cluster was asked first, from which the scans for timeouts count, and when it was last.
    pub(super) first: Option<Instant>,
    pub(super) latest: Option<Moment>,
}

impl Default for Transactions {
    fn default() -> Self {
        Self {
            entries: BTreeMap::new(),
            // A real cluster hands ids out by the thousand; 0 is as good as any.
            next_producer_id: 1000,
            loaded: BTreeMap::new(),
            late: HeldBack::default(),
            came_late: Vec::new(),
            features_epoch: 0,
            first: None,
            latest: None,
        }
    }
}

impl Transactions {
    /// A producer id that none had before.
    pub(crate) fn new_producer_id(&mut self) -> i64 {
        self.next_producer_id += 1;
        self.next_producer_id - 1
    }
}
