//! The members of the groups whose offsets are committed: one for each instance and group, each with the generation it was told
//! last, as a consumer hears of it in its next poll only.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use kp_producer::GroupMetadata;
use kp_sim::SimNetwork;

use crate::plan::MemberKind;

/// All members. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Consumers {
    /// `None`: offsets are sent without a member.
    kind: Option<MemberKind>,
    network: SimNetwork,
    groups: Arc<Mutex<BTreeMap<String, Group>>>,
}

#[derive(Debug, Default)]
struct Group {
    /// How many members ever were there: each has a name of its own.
    named: u32,
    /// The generation, or the highest epoch.
    generation: i32,
    /// By instance: those of the new protocol each with an epoch of its own.
    members: BTreeMap<usize, (String, i32)>,
}

impl Consumers {
    pub(crate) fn new(kind: Option<MemberKind>, network: SimNetwork) -> Self {
        Self { kind, network, groups: Arc::default() }
    }

    fn with<T>(&self, group: &str, look: impl FnOnce(&mut Group) -> T) -> T {
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        look(groups.entry(group.to_owned()).or_default())
    }

    /// What the instance's consumer knows of itself now. One that was shut out joins again.
    pub(crate) fn poll(&self, id: &str, instance: usize) -> GroupMetadata {
        let nobody =
            GroupMetadata { group_id: id.into(), generation: -1, member_id: "".into(), instance_id: None };
        let Some(kind) = self.kind else { return nobody };
        if self.with(id, |group| !group.members.contains_key(&instance)) {
            self.join(kind, id, instance);
        }
        self.with(id, |group| {
            let (name, epoch) = &group.members[&instance];
            let generation = if kind == MemberKind::Consumer { *epoch } else { group.generation };
            let instance_id = (kind == MemberKind::Static).then(|| instance_id(instance).into());
            GroupMetadata { generation, member_id: name.as_str().into(), instance_id, ..nobody }
        })
    }

    /// Whether the group would refuse that by now.
    pub(crate) fn is_outdated(&self, instance: usize, said: &GroupMetadata) -> bool {
        self.kind.is_some_and(|kind| {
            self.with(&said.group_id, |group| {
                let member = group.members.get(&instance);
                member.is_none_or(|(name, epoch)| {
                    let generation = if kind == MemberKind::Consumer { *epoch } else { group.generation };
                    *name != *said.member_id || generation != said.generation
                })
            })
        })
    }

    /// Every member has another generation, or epoch.
    pub(crate) fn rebalance(&self, id: &str) {
        if self.kind.is_some() {
            self.network.with_cluster(|cluster| cluster.rebalance(id));
            self.with(id, |group| {
                group.generation += 1;
                group.members.values_mut().for_each(|(_, epoch)| *epoch += 1);
            });
        }
    }

    /// The instance's member is there no more.
    pub(crate) fn leave(&self, id: &str, instance: usize) {
        if let Some((name, _)) = self.with(id, |group| group.members.remove(&instance)) {
            self.network.with_cluster(|cluster| cluster.remove_group_member(id, &name));
            self.rebalance(id);
        }
    }

    /// Another process is the instance's member now; the instance hears of it in its next poll.
    pub(crate) fn replace(&self, id: &str, instance: usize) {
        let Some(kind) = self.kind else { return };
        let before = self.with(id, |group| group.members.remove(&instance));
        if let Some((name, _)) = before.filter(|_| kind != MemberKind::Static) {
            self.network.with_cluster(|cluster| cluster.remove_group_member(id, &name));
        }
        self.join(kind, id, instance);
    }

    fn join(&self, kind: MemberKind, id: &str, instance: usize) {
        let (name, generation) = self.with(id, |group| {
            group.named += 1;
            group.generation += 1;
            let name = format!("member-{instance}-{}", group.named);
            group.members.insert(instance, (name.clone(), group.generation));
            (name, group.generation)
        });
        self.network.with_cluster(|cluster| match kind {
            MemberKind::Consumer => cluster.add_consumer_group_member(id, &name, generation),
            MemberKind::Classic => cluster.add_group_member(id, &name, generation, None),
            MemberKind::Static => {
                cluster.add_group_member(id, &name, generation, Some(&instance_id(instance)));
            }
        });
    }
}

fn instance_id(instance: usize) -> String {
    format!("instance-{instance}")
}
