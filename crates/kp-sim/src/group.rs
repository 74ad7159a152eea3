//! Consumer groups: their members and offsets, committed ones and those that are pending in open transactions (KIP-98, KIP-447).
//! Owned by the cluster. Never: a request, a marker, a coordinator.

use std::collections::BTreeMap;

use kp_protocol::TopicPartition;

use crate::group_members::Members;

/// An offset of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GroupOffset {
    pub(crate) offset: i64,
    pub(crate) leader_epoch: i32,
    pub(crate) metadata: String,
    /// Its place in the log of the group's coordinator. Of two offsets the one that was written later counts, whichever transaction
    /// ended later.
    pub(crate) written: u64,
}

/// One consumer group.
#[derive(Clone, Debug, Default)]
pub(crate) struct Group {
    pub(crate) members: Members,
    committed: BTreeMap<TopicPartition, GroupOffset>,
    /// By producer id.
    pending: BTreeMap<i64, BTreeMap<TopicPartition, GroupOffset>>,
    /// Every offset that was ever committed, oldest first.
    history: Vec<(TopicPartition, i64)>,
}

impl Group {
    pub(crate) fn committed(&self, at: &TopicPartition) -> Option<&GroupOffset> {
        self.committed.get(at)
    }

    /// Every committed offset, by topic and partition.
    pub(crate) fn all_committed(&self) -> impl Iterator<Item = (&TopicPartition, &GroupOffset)> {
        self.committed.iter()
    }

    /// Whether an open transaction, of whichever producer, has an offset there.
    pub(crate) fn is_pending(&self, at: &TopicPartition) -> bool {
        self.pending.values().any(|offsets| offsets.contains_key(at))
    }

    /// An offset of an open transaction; the last one counts.
    pub(crate) fn put(&mut self, producer_id: i64, at: TopicPartition, offset: GroupOffset) {
        self.pending.entry(producer_id).or_default().insert(at, offset);
    }

    /// The transaction of a producer has ended.
    pub(crate) fn end(&mut self, producer_id: i64, committed: bool) {
        let pending = self.pending.remove(&producer_id).unwrap_or_default();
        for (at, offset) in pending.into_iter().filter(|_| committed) {
            if self.committed.get(&at).is_none_or(|present| present.written < offset.written) {
                self.history.push((at.clone(), offset.offset));
                self.committed.insert(at, offset);
            }
        }
    }

    fn forget_topic(&mut self, topic: &str) {
        self.committed.retain(|at, _| &*at.topic != topic);
        self.pending.values_mut().for_each(|offsets| offsets.retain(|at, _| &*at.topic != topic));
    }
}

/// Every group of the cluster.
#[derive(Clone, Debug, Default)]
pub(crate) struct Groups {
    by_id: BTreeMap<String, Group>,
    /// How many offsets were ever written.
    written: u64,
}

impl Groups {
    pub(crate) fn get(&self, group: &str) -> Option<&Group> {
        self.by_id.get(group)
    }

    /// The group; made if it is not there.
    pub(crate) fn get_or_make(&mut self, group: &str) -> &mut Group {
        self.by_id.entry(group.to_owned()).or_default()
    }

    /// The place of the next offset that is written.
    pub(crate) fn next_place(&mut self) -> u64 {
        self.written += 1;
        self.written
    }

    /// Every offset that a group ever had committed, oldest first.
    pub(crate) fn history(&self) -> impl Iterator<Item = (&str, &TopicPartition, i64)> {
        self.by_id
            .iter()
            .flat_map(|(id, group)| group.history.iter().map(|(at, offset)| (id.as_str(), at, *offset)))
    }

    /// How many offsets were ever written, those of aborted transactions too.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// Each with its id.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&str, &mut Group)> {
        self.by_id.iter_mut().map(|(id, group)| (id.as_str(), group))
    }

    /// The offsets of a topic that was deleted go with it.
    pub(crate) fn forget_topic(&mut self, topic: &str) {
        self.by_id.values_mut().for_each(|group| group.forget_topic(topic));
    }
}
