//! Who belongs to a consumer group, as far as the offsets of a transaction are fenced by it (KIP-447, KIP-345, KIP-848).
//! Owns: members, generation and epochs, put there by a test. Never: an assignment, a heartbeat, a request.

use std::collections::BTreeMap;

use kp_protocol::ErrorCode;

/// What a transaction says of the member whose offsets it commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Claim<'a> {
    /// The generation, or the member's epoch; −1 without group metadata.
    pub(crate) generation: i32,
    /// Empty without group metadata.
    pub(crate) member: &'a str,
    /// Of a static member.
    pub(crate) instance: Option<&'a str>,
}

impl Claim<'_> {
    /// No group metadata at all: what an application without a group says.
    fn is_empty(self) -> bool {
        self.generation < 0 && self.member.is_empty() && self.instance.is_none()
    }
}

/// A group's members, by the protocol that the group follows.
#[derive(Clone, Debug)]
pub(crate) enum Members {
    /// One generation for all; each member with the instance id that it has if it is static.
    Classic { generation: i32, members: BTreeMap<String, Option<String>> },
    /// An epoch for each (KIP-848).
    Consumer { epochs: BTreeMap<String, i32> },
}

impl Default for Members {
    fn default() -> Self {
        Self::Classic { generation: 0, members: BTreeMap::new() }
    }
}

impl Members {
    /// A member of the old protocol is there in this generation. It replaces the one with its instance id.
    pub(crate) fn add_classic(&mut self, member: &str, generation: i32, instance: Option<&str>) {
        let mut members = match std::mem::take(self) {
            Self::Classic { members, .. } => members,
            Self::Consumer { .. } => BTreeMap::new(),
        };
        if instance.is_some() {
            members.retain(|_, other| other.as_deref() != instance);
        }
        members.insert(member.to_owned(), instance.map(str::to_owned));
        *self = Self::Classic { generation, members };
    }

    /// A member of the new protocol is there at this epoch.
    pub(crate) fn add_consumer(&mut self, member: &str, epoch: i32) {
        if let Self::Classic { .. } = self {
            *self = Self::Consumer { epochs: BTreeMap::new() };
        }
        if let Self::Consumer { epochs } = self {
            epochs.insert(member.to_owned(), epoch);
        }
    }

    /// A member has gone.
    pub(crate) fn remove(&mut self, member: &str) {
        match self {
            Self::Classic { members, .. } => drop(members.remove(member)),
            Self::Consumer { epochs } => drop(epochs.remove(member)),
        }
    }

    /// Every member has another generation, or another epoch.
    pub(crate) fn rebalance(&mut self) {
        match self {
            Self::Classic { generation, .. } => *generation += 1,
            Self::Consumer { epochs } => epochs.values_mut().for_each(|epoch| *epoch += 1),
        }
    }

    /// Whether offsets that a transaction commits for `claim` are taken.
    pub(crate) fn judge(&self, claim: Claim<'_>) -> Result<(), ErrorCode> {
        // Without metadata nothing is compared, members or not.
        if claim.is_empty() {
            return Ok(());
        }
        match self {
            Self::Classic { members, .. } if claim.generation < 0 && members.is_empty() => Ok(()),
            Self::Classic { generation, members } => {
                judge_classic(members, claim)?;
                if claim.generation == *generation { Ok(()) } else { Err(ErrorCode::ILLEGAL_GENERATION) }
            }
            Self::Consumer { epochs } if claim.generation < 0 && epochs.is_empty() => Ok(()),
            // The old word for a stale epoch: STALE_MEMBER_EPOCH is never said to a transaction.
            Self::Consumer { epochs } => match epochs.get(claim.member) {
                None => Err(ErrorCode::UNKNOWN_MEMBER_ID),
                Some(epoch) if *epoch != claim.generation => Err(ErrorCode::ILLEGAL_GENERATION),
                Some(_) => Ok(()),
            },
        }
    }

    /// Whether a member of the new protocol may read the group's offsets (KIP-848).
    pub(crate) fn judge_reader(&self, member: &str, epoch: i32) -> Result<(), ErrorCode> {
        match self {
            Self::Classic { .. } => Ok(()),
            Self::Consumer { epochs } => match epochs.get(member) {
                None => Err(ErrorCode::UNKNOWN_MEMBER_ID),
                Some(present) if *present != epoch => Err(ErrorCode::STALE_MEMBER_EPOCH),
                Some(_) => Ok(()),
            },
        }
    }
}

fn judge_classic(members: &BTreeMap<String, Option<String>>, claim: Claim<'_>) -> Result<(), ErrorCode> {
    if claim.instance.is_some() {
        let present = members.iter().find(|(_, instance)| instance.as_deref() == claim.instance);
        match present {
            None => return Err(ErrorCode::UNKNOWN_MEMBER_ID),
            Some((member, _)) if member != claim.member => return Err(ErrorCode::FENCED_INSTANCE_ID),
            Some(_) => {}
        }
    }
    if members.contains_key(claim.member) { Ok(()) } else { Err(ErrorCode::UNKNOWN_MEMBER_ID) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(members: &Members, member: &str, generation: i32, instance: Option<&str>) -> ErrorCode {
        members.judge(Claim { generation, member, instance }).err().unwrap_or(ErrorCode::NONE)
    }

    // TM-O14, TM-O15, TM-O16, TM-O17, TM-O18, TM-O19, TM-O20
    #[test]
    fn a_group_of_the_old_protocol_takes_offsets_of_its_member_and_generation_and_of_whoever_names_none() {
        let mut members = Members::default();
        assert_eq!(judged(&members, "", -1, None), ErrorCode::NONE);
        assert_eq!(judged(&members, "m", 3, None), ErrorCode::UNKNOWN_MEMBER_ID);
        members.add_classic("m", 3, None);
        assert_eq!(judged(&members, "m", 3, None), ErrorCode::NONE);
        assert_eq!(judged(&members, "", -1, None), ErrorCode::NONE, "the fence is off");
        assert_eq!(judged(&members, "m", -1, None), ErrorCode::ILLEGAL_GENERATION);
        assert_eq!(judged(&members, "", 3, None), ErrorCode::UNKNOWN_MEMBER_ID);
        assert_eq!(judged(&members, "m", 2, None), ErrorCode::ILLEGAL_GENERATION);
        assert_eq!(judged(&members, "m", 4, None), ErrorCode::ILLEGAL_GENERATION);
        assert_eq!(judged(&members, "x", 3, None), ErrorCode::UNKNOWN_MEMBER_ID);
        assert_eq!(judged(&members, "m", 3, Some("i")), ErrorCode::UNKNOWN_MEMBER_ID);
        members.rebalance();
        assert_eq!(judged(&members, "m", 3, None), ErrorCode::ILLEGAL_GENERATION);
        assert_eq!(judged(&members, "m", 4, None), ErrorCode::NONE);
        members.remove("m");
        assert_eq!(judged(&members, "m", 4, None), ErrorCode::UNKNOWN_MEMBER_ID);
    }

    // TM-O34, TM-O35, TM-O36
    #[test]
    fn a_static_member_that_was_replaced_is_fenced_by_its_instance_id() {
        let mut members = Members::default();
        members.add_classic("old", 1, Some("i"));
        members.add_classic("new", 2, Some("i"));
        assert_eq!(judged(&members, "old", 2, Some("i")), ErrorCode::FENCED_INSTANCE_ID);
        assert_eq!(judged(&members, "new", 2, Some("i")), ErrorCode::NONE);
        assert_eq!(judged(&members, "old", 2, None), ErrorCode::UNKNOWN_MEMBER_ID);
    }

    // TM-O41, TM-O42, TM-O43, TM-O44, TM-O45
    #[test]
    fn a_group_of_the_new_protocol_says_illegal_generation_where_a_members_epoch_is_another() {
        let mut members = Members::default();
        members.add_consumer("m", 5);
        let said = [("m", 5), ("m", 4), ("m", 6), ("x", 5), ("", -1)]
            .map(|(member, epoch)| judged(&members, member, epoch, None));
        let (none, illegal) = (ErrorCode::NONE, ErrorCode::ILLEGAL_GENERATION);
        assert_eq!(said, [none, illegal, illegal, ErrorCode::UNKNOWN_MEMBER_ID, none]);
        assert_eq!(members.judge_reader("m", 4), Err(ErrorCode::STALE_MEMBER_EPOCH));
    }
}
