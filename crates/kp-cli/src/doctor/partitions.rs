//! The partitions of a topic: which have a leader that can be reached, and copies enough.

use std::collections::BTreeMap;

use kp_protocol::api::{MetadataResponsePartition, MetadataResponseTopic};

use super::report::{Ailment, Report};

/// The step that looks at the topic and its partitions.
pub(super) const STEP: &str = "topic";

/// The partitions that something is wrong with, by number and in order; one may stand in several lists.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Partitions {
    count: usize,
    /// Copies of each, by the first of them.
    copies: usize,
    /// `min.insync.replicas`, where the cluster tells it.
    least_in_sync: Option<usize>,
    leaderless: Vec<i32>,
    unreachable: Vec<i32>,
    /// With fewer copies in sync than `least_in_sync`.
    refusing: Vec<i32>,
    /// With copies that are not in sync, and in none of the other lists that say so.
    behind: Vec<i32>,
}

impl Partitions {
    /// Sorts the partitions of a topic. `works` are the brokers that can be reached.
    pub(super) fn of(
        topic: &MetadataResponseTopic,
        works: &BTreeMap<i32, (String, u16)>,
        least_in_sync: Option<usize>,
    ) -> Self {
        let numbers = |is: &dyn Fn(&MetadataResponsePartition) -> bool| {
            let mut found: Vec<i32> =
                topic.partitions.iter().filter(|it| is(it)).map(|it| it.partition_index).collect();
            found.sort_unstable();
            found
        };
        let leaderless = numbers(&|it| it.leader_id < 0);
        let refusing = numbers(&|it| least_in_sync.is_some_and(|least| it.isr_nodes.len() < least));
        let mut behind = numbers(&|it| it.isr_nodes.len() < it.replica_nodes.len());
        behind.retain(|it| !leaderless.contains(it) && !refusing.contains(it));
        Self {
            count: topic.partitions.len(),
            copies: topic.partitions.first().map_or(0, |partition| partition.replica_nodes.len()),
            least_in_sync,
            unreachable: numbers(&|it| it.leader_id >= 0 && !works.contains_key(&it.leader_id)),
            leaderless,
            refusing,
            behind,
        }
    }

    fn is_fine(&self) -> bool {
        [&self.leaderless, &self.unreachable, &self.refusing, &self.behind].iter().all(|list| list.is_empty())
    }

    /// Reports what is wrong with the topic `name`. A producer with `acks=all` needs copies in sync.
    pub(super) fn tell(&self, report: &mut Report, name: &str, is_acks_all: bool) {
        if self.is_fine() {
            return report.ok(STEP, self.all_is_well(name));
        }
        let mut ill = |partitions: &[i32], is_failure: bool, what: &str, remedy: &str| {
            if partitions.is_empty() {
                return;
            }
            let (ill, count) = (partitions.len(), self.count);
            let found = format!("{name}: {ill} of {count} partitions {what}: {}", some_of(partitions));
            let ailment = Ailment::new(found, remedy);
            if is_failure {
                report.failed(STEP, ailment);
            } else {
                report.warning(STEP, ailment);
            }
        };
        let remedy = "all brokers with an in-sync copy are down: start them";
        ill(&self.leaderless, true, "have no leader", remedy);
        let remedy = "fix what `listeners` says above";
        ill(&self.unreachable, true, "have a leader that cannot be reached", remedy);
        let least = self.least_in_sync.unwrap_or(0);
        let what = format!(
            "have fewer than min.insync.replicas={least} copies in sync, and refuse records sent with acks=all"
        );
        let remedy = "start the brokers that are missing, or let the others catch up";
        ill(&self.refusing, is_acks_all, &what, remedy);
        let remedy = "is a broker down, or does one not keep up?";
        ill(&self.behind, false, "have copies that are not in sync", remedy);
    }

    fn all_is_well(&self, name: &str) -> String {
        let least = self.least_in_sync.map(|least| format!(", min.insync.replicas={least}"));
        let (partitions, copies) = (counted(self.count, "partition"), counted(self.copies, "copy"));
        let least = least.unwrap_or_default();
        format!("{name}: {partitions}, each with a leader and {copies}, all in sync{least}")
    }
}

/// A number of things, in words.
fn counted(count: usize, thing: &str) -> String {
    match (count, thing.strip_suffix('y')) {
        (1, _) => format!("1 {thing}"),
        (_, Some(stem)) => format!("{count} {stem}ies"),
        (_, None) => format!("{count} {thing}s"),
    }
}

/// The first few numbers of a list.
fn some_of(numbers: &[i32]) -> String {
    const SHOWN: usize = 8;
    let shown: Vec<String> = numbers.iter().take(SHOWN).map(ToString::to_string).collect();
    let more = if numbers.len() > SHOWN { ", …" } else { "" };
    format!("{}{more}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_is_not_many() {
        assert_eq!([counted(1, "partition"), counted(6, "partition")], ["1 partition", "6 partitions"]);
        assert_eq!([counted(1, "copy"), counted(3, "copy")], ["1 copy", "3 copies"]);
    }

    #[test]
    fn a_long_list_of_partitions_is_cut() {
        assert_eq!(some_of(&[1, 2]), "1, 2");
        assert_eq!(some_of(&(0..100).collect::<Vec<_>>()), "0, 1, 2, 3, 4, 5, 6, 7, …");
    }

    #[test]
    fn each_partition_is_told_for_what_is_worst_about_its_copies() {
        let partition = |partition_index, leader_id, isr_nodes: &[i32]| MetadataResponsePartition {
            partition_index,
            leader_id,
            replica_nodes: vec![1, 2, 3],
            isr_nodes: isr_nodes.to_vec(),
            ..MetadataResponsePartition::default()
        };
        let partitions = vec![
            partition(4, 1, &[1, 2, 3]),
            partition(3, 9, &[1, 2, 9]),
            partition(2, 1, &[1, 2]),
            partition(1, 1, &[1]),
            partition(0, -1, &[]),
        ];
        let topic = MetadataResponseTopic { partitions, ..MetadataResponseTopic::default() };
        let works = BTreeMap::from([(1, ("h".to_owned(), 1))]);
        let sorted = Partitions::of(&topic, &works, Some(2));
        assert_eq!((&sorted.leaderless[..], &sorted.unreachable[..]), (&[0][..], &[3][..]));
        assert_eq!((&sorted.refusing[..], &sorted.behind[..]), (&[0, 1][..], &[2][..]));
        assert_eq!((sorted.count, sorted.copies, sorted.is_fine()), (5, 3, false));
    }
}
