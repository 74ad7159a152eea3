//! Followers that lie behind: what an acknowledgement with `acks=all` waits for, and what is lost with a leader.
//!
//! All copies of a partition are one log here. What is modelled is how much of it the followers have: each batch reaches
//! them a drawn while after the leader appended it. A leader that fails takes with it what they lack, or some of it: the
//! next leader may have fetched a batch that was never acknowledged.

use std::time::{Duration, Instant};

use kp_protocol::api::PartitionProduceResponse;
use kp_protocol::{BrokerId, ErrorCode, TopicId, TopicPartition};
use kp_time::Jitter;

use crate::cluster::SimCluster;
use crate::error::SimError;
use crate::reply::Reply;
use crate::topic::Partition;
use crate::waiting::{Awaited, Waiting, WaitingProduce};

/// What a partition lost with its leader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// Where.
    pub at: TopicPartition,
    /// The topic's id.
    pub topic_id: TopicId,
    /// Offsets `from ..` up to, not including, `to` are gone; they will be given again.
    pub from: i64,
    /// See `from`.
    pub to: i64,
    /// How many of those batches every in-sync replica had: acknowledged, and lost all the same.
    pub acknowledged_batches: usize,
}

impl SimCluster {
    pub(crate) fn resume_produce(&mut self, now: Instant, mut waiting: WaitingProduce) -> Reply {
        let gives_up = now >= waiting.gives_up_at;
        let mut awaited = std::mem::take(&mut waiting.awaited);
        awaited.retain(|one| {
            let verdict = self.verdict(now, &waiting, one, gives_up);
            let (topic, partition) = one.place;
            let answer = &mut waiting.response.responses[topic].partition_responses[partition];
            if let Some(Err(code)) = verdict {
                *answer = PartitionProduceResponse {
                    index: answer.index,
                    error_code: code,
                    base_offset: -1,
                    ..Default::default()
                };
            }
            verdict.is_none()
        });
        if awaited.is_empty() {
            return Reply::to(&waiting.header, &waiting.response);
        }
        waiting.awaited = awaited;
        Reply::Later(Box::new(Waiting::Produce(waiting)))
    }

    /// What became of one partition; `None` while it waits. The codes are those of Kafka's delayed produce.
    fn verdict(
        &self,
        now: Instant,
        waiting: &WaitingProduce,
        one: &Awaited,
        gives_up: bool,
    ) -> Option<Result<(), ErrorCode>> {
        let response = &waiting.response.responses[one.place.0];
        let index = response.partition_responses[one.place.1].index;
        let by_id = !response.topic_id.is_zero();
        let topic = self.requested_topic(by_id, &response.name, response.topic_id);
        let Some((topic, partition)) = topic.and_then(|topic| Some((topic, topic.partition(index)?))) else {
            return Some(Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
        };
        if partition.leader != Some(waiting.broker) || partition.leader_epoch != one.leader_epoch {
            return Some(Err(ErrorCode::NOT_LEADER_OR_FOLLOWER));
        }
        let replicas_up = partition.replicas.iter().filter(|id| self.is_up(**id)).count();
        if replicas_up < topic.settings.min_insync_replicas {
            return Some(Err(ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND));
        }
        if one.until <= now {
            return Some(Ok(()));
        }
        gives_up.then_some(Err(ErrorCode::REQUEST_TIMED_OUT))
    }

    /// Stops a broker in the middle of its work. What it led goes to an in-sync replica that runs, with what that one has:
    /// everything acknowledged with `acks=all`, and of the rest as much as the dice say.
    ///
    /// # Errors
    /// [`SimError::UnknownBroker`].
    pub fn crash(
        &mut self,
        now: Instant,
        broker: BrokerId,
        dice: &mut Jitter,
    ) -> Result<Vec<Lost>, SimError> {
        self.brokers.get_mut(&broker).ok_or(SimError::UnknownBroker { broker })?.up = false;
        let mut lost = Vec::new();
        let brokers = &self.brokers;
        for topic in self.topics.values_mut() {
            let (name, topic_id) = (topic.name.clone(), topic.id);
            for (index, partition) in (0..).zip(&mut topic.partitions) {
                if partition.leader != Some(broker) {
                    continue;
                }
                let runs = |id: &&BrokerId| brokers.get(id).is_some_and(|known| known.up);
                let next = partition.replicas.iter().find(runs).copied();
                // Without another the log stays on its disk, and it leads again when it is back.
                if next.is_some() {
                    let at = TopicPartition::new(name.as_str(), index);
                    lost.extend(partition.fail_over(now, false, dice).map(|gone| gone.lost(at, topic_id)));
                }
                partition.elect(next);
            }
        }
        Ok(lost)
    }

    /// Makes another replica the leader although the old one may run: clean, with everything acknowledged; or `unclean`
    /// (`unclean.leader.election.enable`), from a replica that lay behind.
    ///
    /// # Errors
    /// As [`move_leader`](Self::move_leader).
    pub fn fail_over(
        &mut self,
        now: Instant,
        at: &TopicPartition,
        to: BrokerId,
        unclean: bool,
        dice: &mut Jitter,
    ) -> Result<Option<Lost>, SimError> {
        self.move_leader(at, to)?;
        let topic_id = self.topics[&at.topic].id;
        let partition = self.partition_mut(at)?;
        Ok(partition.fail_over(now, unclean, dice).map(|gone| gone.lost(at.clone(), topic_id)))
    }

    /// Forgets idempotent producers that have not appended to a partition for `idle` (`producer.id.expiration.ms`).
    pub fn forget_idle_producers(&mut self, now: Instant, idle: Duration) {
        for partition in self.topics.values_mut().flat_map(|topic| &mut topic.partitions) {
            partition.producers.forget_idle(now, idle);
        }
    }
}

struct Gone {
    from: i64,
    to: i64,
    acknowledged_batches: usize,
}

impl Gone {
    fn lost(self, at: TopicPartition, topic_id: TopicId) -> Lost {
        let Self { from, to, acknowledged_batches } = self;
        Lost { at, topic_id, from, to, acknowledged_batches }
    }
}

/// How many acknowledged batches an unclean election costs at most.
const UNCLEAN_LOSS: u64 = 4;

impl Partition {
    /// The next leader takes over with what it has. Answers what is gone.
    fn fail_over(&mut self, now: Instant, unclean: bool, dice: &mut Jitter) -> Option<Gone> {
        let batches = self.log.batches();
        let lacking = self.unreplicated.count(now).min(batches.len());
        let lost_of_lacking = dice.below(lacking as u64 + 1) as usize;
        let acknowledged = batches.len() - lacking;
        let acknowledged_batches = if unclean && lost_of_lacking == lacking {
            dice.below(UNCLEAN_LOSS.min(acknowledged as u64) + 1) as usize
        } else {
            0
        };
        let kept = batches.len() - lost_of_lacking - acknowledged_batches;
        self.unreplicated.forget_all();
        let from = batches.get(kept)?.base_offset();
        let to = self.log.end_offset();
        self.log.truncate_to(from);
        self.producers.truncate_to(from, &self.log);
        self.transactions.truncate_to(from, &self.log);
        Some(Gone { from, to, acknowledged_batches })
    }
}
