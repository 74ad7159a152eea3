//! The offsets of consumer groups: committed ones, and those of open transactions, which are pending until the end (KIP-98,
//! KIP-447). Owned by the cluster; told of ends by the coordinator of transactions. Never: a request, a marker.

use std::collections::BTreeMap;

use kp_protocol::{ProducerIdentity, TopicPartition};

use crate::SimCluster;
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

    fn end(&mut self, producer_id: i64, committed: bool) {
        let pending = self.pending.remove(&producer_id).unwrap_or_default();
        for (at, offset) in pending.into_iter().filter(|_| committed) {
            if self.committed.get(&at).is_none_or(|present| present.written < offset.written) {
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

    /// The offsets of a topic that was deleted go with it.
    pub(crate) fn forget_topic(&mut self, topic: &str) {
        self.by_id.values_mut().for_each(|group| group.forget_topic(topic));
    }
}

impl SimCluster {
    /// The offset that a group has committed; none that is pending in an open transaction.
    #[must_use]
    pub fn committed_offset(&self, group: &str, at: &TopicPartition) -> Option<i64> {
        self.groups.get(group)?.committed(at).map(|committed| committed.offset)
    }

    /// Whether an open transaction has an offset there: a reader that requires stable offsets waits for its end (KIP-447).
    #[must_use]
    pub fn has_pending_offset(&self, group: &str, at: &TopicPartition) -> bool {
        self.groups.get(group).is_some_and(|group| group.is_pending(at))
    }

    /// Puts a member into a group of the old protocol; the group then has this generation. A member with the instance id of another
    /// replaces it (KIP-345).
    pub fn add_group_member(&mut self, group: &str, member: &str, generation: i32, instance: Option<&str>) {
        self.groups.get_or_make(group).members.add_classic(member, generation, instance);
    }

    /// Puts a member into a group of the new protocol, at this epoch (KIP-848).
    pub fn add_consumer_group_member(&mut self, group: &str, member: &str, epoch: i32) {
        self.groups.get_or_make(group).members.add_consumer(member, epoch);
    }

    /// Takes a member out of a group, as after its session timed out. Others keep their generation until [`rebalance`](Self::rebalance).
    pub fn remove_group_member(&mut self, group: &str, member: &str) {
        self.groups.get_or_make(group).members.remove(member);
    }

    /// Raises a group's generation, or the epochs of its members: what was said of it before is refused.
    pub fn rebalance(&mut self, group: &str) {
        self.groups.get_or_make(group).members.rebalance();
    }

    /// The marker of a transaction is in `log`: its offsets in the groups that belong there are committed, or forgotten.
    pub(crate) fn groups_ended(&mut self, log: &TopicPartition, producer: ProducerIdentity, committed: bool) {
        let mut groups = std::mem::take(&mut self.groups);
        for (id, group) in &mut groups.by_id {
            if self.offsets_log(id) == *log {
                group.end(producer.producer_id, committed);
            }
        }
        self.groups = groups;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(cluster: &mut SimCluster, producer_id: i64, at: &TopicPartition, offset: i64) {
        let written = cluster.groups.next_place();
        let offset = GroupOffset { offset, leader_epoch: -1, metadata: String::new(), written };
        cluster.groups.get_or_make("g").put(producer_id, at.clone(), offset);
    }

    // TM-O13
    #[test]
    fn offsets_are_pending_until_their_transaction_ends_and_an_aborted_ones_are_forgotten() {
        let mut cluster = SimCluster::new(crate::ClusterSettings::default());
        let at = TopicPartition::new("t", 0);
        let producer = ProducerIdentity { producer_id: 7, epoch: 0 };
        for (offset, committed, expected) in [(5, false, None), (6, true, Some(6)), (9, false, Some(6))] {
            put(&mut cluster, 7, &at, offset);
            assert!(cluster.has_pending_offset("g", &at));
            cluster.groups_ended(&cluster.offsets_log("g"), producer, committed);
            assert_eq!(cluster.committed_offset("g", &at), expected);
            assert!(!cluster.has_pending_offset("g", &at));
        }
    }

    #[test]
    fn of_two_transactions_the_offset_that_was_written_later_counts_not_the_one_that_was_ended_later() {
        let mut cluster = SimCluster::new(crate::ClusterSettings::default());
        let at = TopicPartition::new("t", 0);
        put(&mut cluster, 7, &at, 5);
        put(&mut cluster, 8, &at, 10);
        cluster.groups_ended(&cluster.offsets_log("g"), ProducerIdentity { producer_id: 8, epoch: 0 }, true);
        assert!(cluster.has_pending_offset("g", &at));
        cluster.groups_ended(&cluster.offsets_log("g"), ProducerIdentity { producer_id: 7, epoch: 0 }, true);
        assert_eq!(cluster.committed_offset("g", &at), Some(10));
    }
}
