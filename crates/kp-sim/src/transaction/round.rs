//! The markers of one transaction that are still to be written, partition by partition. Plain values; `markers.rs` writes them.

use std::collections::BTreeMap;
use std::time::Instant;

use kp_protocol::{LeaderEpoch, ProducerIdentity, TopicPartition};

/// A marker that was appended, and when every follower will have it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written {
    pub(crate) leader_epoch: LeaderEpoch,
    pub(crate) replicated_at: Instant,
}

/// What is left to do until a transaction is over.
#[derive(Clone, Debug)]
pub(crate) struct Round {
    pub(crate) committed: bool,
    /// The identity that the markers carry.
    pub(crate) producer: ProducerIdentity,
    /// The partitions without a marker that every follower has.
    pub(crate) left: BTreeMap<TopicPartition, Option<Written>>,
    /// When to go on; `None` while a leader is missing.
    pub(crate) due: Option<Instant>,
}
