//! What becomes of the offsets of groups when a transaction ends, and a test's handles on groups.
//! Told by the coordinator of transactions which marker is written. Never: a request.

use kp_protocol::{ProducerIdentity, TopicPartition};

use crate::SimCluster;

impl SimCluster {
    /// The offset that a group has committed; none that is pending in an open transaction.
    #[must_use]
    pub fn committed_offset(&self, group: &str, at: &TopicPartition) -> Option<i64> {
        self.groups.get(group)?.committed(at).map(|committed| committed.offset)
    }

    /// Every offset that a group ever had committed, oldest first: what its members may have begun to read at.
    pub fn offset_history(&self) -> impl Iterator<Item = (&str, &TopicPartition, i64)> {
        self.groups.history()
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
        for (id, group) in groups.iter_mut() {
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
    use crate::group::GroupOffset;

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
            assert_eq!(cluster.offset_history().last().map(|(_, _, offset)| offset), expected);
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
