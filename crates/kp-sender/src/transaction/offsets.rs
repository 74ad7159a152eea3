//! Offsets that wait to become part of the open transaction, in the order in which they were handed in.
//! Owner: the transactions. Bounded by the callers that wait for each, and by time.

use crate::{CommittedOffset, GroupMetadata, TransactionFailure, TransactionFailureKind};
use kp_protocol::TopicPartition;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

/// What one call wants.
#[derive(Debug)]
pub(crate) struct WantedOffsets {
    pub(crate) ticket: u64,
    pub(crate) group: GroupMetadata,
    /// Not accepted yet, in the order of partitions; those that may fare better are asked for again alone (TX22).
    pub(crate) left: Vec<(TopicPartition, CommittedOffset)>,
    pub(crate) attempts: u32,
    /// When it is given up: whoever asked for it may wait no longer, and a commit would.
    pub(crate) expires: Option<Instant>,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct PendingOffsets {
    waiting: VecDeque<WantedOffsets>,
    /// By group: what the open transaction has asked for once without an answer. A late copy of that request sets it again.
    adrift: BTreeMap<Arc<str>, BTreeMap<TopicPartition, CommittedOffset>>,
}

impl PendingOffsets {
    pub(crate) fn push(&mut self, wanted: WantedOffsets) {
        self.waiting.push_back(wanted);
    }

    /// Another transaction is open: the epoch keeps late copies out of it (TC2).
    pub(crate) fn begin(&mut self) {
        self.adrift.clear();
    }

    /// A request was written and not answered.
    pub(crate) fn set_adrift(
        &mut self,
        group: &Arc<str>,
        offsets: impl IntoIterator<Item = (TopicPartition, CommittedOffset)>,
    ) {
        self.adrift.entry(Arc::clone(group)).or_default().extend(offsets);
    }

    /// When the first of them is given up.
    pub(crate) fn next_expiry(&self) -> Option<Instant> {
        self.waiting.front()?.expires
    }

    /// Why the first of them cannot become part of the transaction, whatever a coordinator may say yet.
    pub(crate) fn why_given_up(&self, now: Instant) -> Option<TransactionFailure> {
        let first = self.first()?;
        let group = &first.group.group_id;
        let reason = if first.expires.is_some_and(|at| at <= now) {
            format!("offsets of {group}: not taken within delivery.timeout.ms")
        } else {
            // TM-L11, within one transaction: there no epoch tells the late copy.
            let adrift = self.adrift.get(group)?;
            let differs = |(partition, wanted): &&(TopicPartition, CommittedOffset)| {
                adrift.get(partition).is_some_and(|before| before != wanted)
            };
            let (partition, _) = first.left.iter().find(differs)?;
            format!(
                "offsets of {group}: earlier ones for {partition} had no answer at first, and a late copy of that request could set \
                 them back"
            )
        };
        Some(TransactionFailure::of(TransactionFailureKind::SendRefused { reason: Arc::from(reason) }))
    }

    /// The one whose turn it is.
    pub(crate) fn first(&self) -> Option<&WantedOffsets> {
        self.waiting.front()
    }

    pub(crate) fn first_mut(&mut self) -> Option<&mut WantedOffsets> {
        self.waiting.front_mut()
    }

    /// The first one is answered.
    pub(crate) fn pop(&mut self) -> Option<WantedOffsets> {
        self.waiting.pop_front()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes those that nothing is under way for.
    pub(crate) fn take(&mut self, is_first_under_way: bool) -> Vec<WantedOffsets> {
        self.waiting.drain(usize::from(is_first_under_way).min(self.waiting.len())..).collect()
    }
}

impl GroupMetadata {
    /// Whether there is more to say of it than its name (KIP-447).
    pub(crate) fn has_member(&self) -> bool {
        self.generation >= 0 || !self.member_id.is_empty() || self.instance_id.is_some()
    }
}
