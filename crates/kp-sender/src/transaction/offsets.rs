//! Offsets that wait to become part of the open transaction, in the order in which they were handed in.
//! Owner: the transactions. Bounded by the callers that wait for each.

use crate::{CommittedOffset, GroupMetadata};
use kp_protocol::TopicPartition;
use std::collections::VecDeque;

/// What one call wants.
#[derive(Debug)]
pub(crate) struct WantedOffsets {
    pub(crate) ticket: u64,
    pub(crate) group: GroupMetadata,
    /// Not accepted yet; partitions that may fare better are asked for again alone (TX22).
    pub(crate) left: Vec<(TopicPartition, CommittedOffset)>,
    pub(crate) attempts: u32,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct PendingOffsets(VecDeque<WantedOffsets>);

impl PendingOffsets {
    pub(crate) fn push(&mut self, wanted: WantedOffsets) {
        self.0.push_back(wanted);
    }

    /// The one whose turn it is.
    pub(crate) fn first(&self) -> Option<&WantedOffsets> {
        self.0.front()
    }

    pub(crate) fn first_mut(&mut self) -> Option<&mut WantedOffsets> {
        self.0.front_mut()
    }

    /// The first one is answered.
    pub(crate) fn pop(&mut self) -> Option<WantedOffsets> {
        self.0.pop_front()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes those that nothing is under way for.
    pub(crate) fn take(&mut self, is_first_under_way: bool) -> Vec<WantedOffsets> {
        self.0.drain(usize::from(is_first_under_way).min(self.0.len())..).collect()
    }
}

impl GroupMetadata {
    /// Whether there is more to say of it than its name (KIP-447).
    pub(crate) fn has_member(&self) -> bool {
        self.generation >= 0 || !self.member_id.is_empty() || self.instance_id.is_some()
    }
}
