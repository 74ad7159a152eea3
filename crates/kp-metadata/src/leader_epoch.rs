//! Newer wins: how an answer about a topic meets what was known about it (KIP-320, KIP-516, KIP-951).
//! Pure functions over values; called by [`Metadata`](crate::Metadata) alone.

use crate::answer::TopicAnswer;
use crate::{Partition, Topic};
use kp_protocol::{BrokerId, LeaderEpoch};

/// What is known of a topic after `answer`, given what was known before.
pub(crate) fn merge_topic(known: Option<&Topic>, answer: TopicAnswer) -> Topic {
    let TopicAnswer { name, id, error, mut partitions } = answer;
    if let Some(error) = error {
        // MD19: an answer that is only an error says nothing about the partitions, so what was known stays.
        return match known {
            Some(known) => Topic { error: Some(error), ..known.clone() },
            None => Topic::failed(name, error),
        };
    }
    // MD10: a topic that was deleted and created again starts its epochs anew.
    let created_again = |known: &Topic| !known.id.is_zero() && !id.is_zero() && known.id != id;
    let known = known.filter(|known| !created_again(known));
    if let Some(known) = known {
        // In place: a topic may have a million partitions.
        for (answered, cached) in partitions.iter_mut().zip(&known.partitions) {
            *answered = newer(*cached, *answered);
        }
    }
    // MD19: an answer without ids forgets the id, so that Produce falls back to names.
    Topic { name, id, partitions, error: None }
}

/// MD10: the answer, unless it is older than what is cached. Equal is taken; an answer without an epoch is taken,
/// since a broker that gives none can be judged by its arrival only (MD11).
fn newer(cached: Partition, answered: Partition) -> Partition {
    match (cached.leader_epoch, answered.leader_epoch) {
        (Some(cached_epoch), Some(answered_epoch)) if answered_epoch < cached_epoch => cached,
        _ => answered,
    }
}

/// MD13: the partition under the leader that a Produce error names, if that is strictly newer than what is cached.
pub(crate) fn hinted(cached: &Partition, leader: BrokerId, epoch: LeaderEpoch) -> Option<Partition> {
    let is_newer = cached.leader_epoch.is_none_or(|cached_epoch| epoch > cached_epoch);
    (leader.0 >= 0 && epoch.0 >= 0 && is_newer).then(|| Partition::led_since(leader, epoch))
}

#[cfg(test)]
mod tests {
    use super::*;
    use kp_protocol::{ErrorCode, TopicId};

    fn led(leader: i32, epoch: i32) -> Partition {
        Partition::led_since(BrokerId(leader), LeaderEpoch(epoch))
    }

    fn answer(id: u8, partitions: Vec<Partition>) -> TopicAnswer {
        TopicAnswer { name: "t".into(), id: TopicId([id; 16]), error: None, partitions: partitions.into() }
    }

    fn known(id: u8, partitions: Vec<Partition>) -> Topic {
        Topic::new("t".into(), TopicId([id; 16]), partitions)
    }

    #[test]
    fn an_older_epoch_is_ignored_and_an_equal_one_taken_for_each_partition_by_itself() {
        // MD10
        let merged = merge_topic(
            Some(&known(1, vec![led(1, 5), led(1, 5), led(1, 5)])),
            answer(1, vec![led(2, 4), led(2, 5), led(2, 6)]),
        );
        assert_eq!(merged.partitions[..], [led(1, 5), led(2, 5), led(2, 6)]);
    }

    #[test]
    fn a_topic_created_again_starts_its_epochs_anew() {
        // MD10
        let merged = merge_topic(Some(&known(1, vec![led(1, 5)])), answer(2, vec![led(2, 0)]));
        assert_eq!((merged.id, merged.partitions.to_vec()), (TopicId([2; 16]), vec![led(2, 0)]));
    }

    #[test]
    fn an_answer_without_epochs_replaces_the_cached_leader_and_forgets_its_epoch() {
        // MD11
        let merged =
            merge_topic(Some(&known(1, vec![led(1, 5)])), answer(1, vec![Partition::led_by(BrokerId(2))]));
        assert_eq!(merged.partitions[..], [Partition::led_by(BrokerId(2))]);
    }

    #[test]
    fn an_answer_without_an_id_forgets_the_id_and_keeps_the_epochs() {
        // MD19
        let merged = merge_topic(Some(&known(1, vec![led(1, 5)])), answer(0, vec![led(2, 4)]));
        assert_eq!((merged.id, merged.partitions.to_vec()), (TopicId::ZERO, vec![led(1, 5)]));
    }

    #[test]
    fn a_topic_that_failed_for_now_keeps_its_partitions_and_shows_the_error() {
        // MD19, MD9
        let failed = |error| TopicAnswer { error: Some(error), ..answer(0, vec![]) };
        let merged = merge_topic(Some(&known(1, vec![led(1, 5)])), failed(ErrorCode::LEADER_NOT_AVAILABLE));
        assert_eq!((merged.error, merged.partitions.len()), (Some(ErrorCode::LEADER_NOT_AVAILABLE), 1));
        let unknown = merge_topic(None, failed(ErrorCode::INVALID_TOPIC_EXCEPTION));
        assert_eq!((unknown.error, unknown.partitions.len()), (Some(ErrorCode::INVALID_TOPIC_EXCEPTION), 0));
        let healed = merge_topic(Some(&merged), answer(1, vec![led(1, 5)]));
        assert_eq!(healed.error, None);
    }

    #[test]
    fn a_hint_counts_only_if_its_epoch_is_strictly_newer() {
        // MD13
        assert_eq!(hinted(&led(1, 5), BrokerId(2), LeaderEpoch(6)), Some(led(2, 6)));
        assert_eq!(hinted(&led(1, 5), BrokerId(2), LeaderEpoch(5)), None);
        assert_eq!(hinted(&led(1, 5), BrokerId(-1), LeaderEpoch(-1)), None);
        assert_eq!(hinted(&Partition::led_by(BrokerId(1)), BrokerId(2), LeaderEpoch(0)), Some(led(2, 0)));
    }
}
