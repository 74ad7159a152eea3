//! OffsetFetch: the committed offsets of groups, and whether open transactions are about to change them (KIP-447, KIP-709,
//! KIP-848). One group up to version 7, many from 8 on; both are answered from the same list.

use std::collections::BTreeMap;

use kp_protocol::api::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics, OffsetFetchResponse,
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use kp_protocol::{ApiKey, BrokerId, ErrorCode, KafkaString, ReceivedHeader, TopicId, TopicPartition};

use crate::group::{Group, GroupOffset};
use crate::reply::Moment;
use crate::{Reply, SimCluster};

/// The first version that asks for many groups (KIP-709), and the first that names topics by id (KIP-516).
const GROUPS_FROM: i16 = 8;
const TOPIC_IDS_FROM: i16 = 10;
/// The first version with an error of the whole group (KIP-88).
const GROUP_ERROR_FROM: i16 = 2;

/// What holds for all groups of one request.
#[derive(Clone, Copy)]
struct Asked {
    at: Moment,
    broker: BrokerId,
    version: i16,
    require_stable: bool,
}

impl SimCluster {
    pub(crate) fn offset_fetch(
        &mut self,
        at: Moment,
        broker: BrokerId,
        header: &ReceivedHeader,
        request: OffsetFetchRequest,
    ) -> Reply {
        let version = header.version;
        let asked = Asked { at, broker, version, require_stable: request.require_stable };
        let mut response = OffsetFetchResponse {
            throttle_time_ms: self.faults.throttle(ApiKey::OffsetFetch),
            ..Default::default()
        };
        if version >= GROUPS_FROM {
            response.groups = request.groups.iter().map(|group| self.offsets_of(asked, group)).collect();
        } else {
            let found = self.offsets_of(asked, &as_one_of_many(request));
            response.error_code = found.error_code;
            response.topics = found.topics.into_iter().map(as_the_only_one).collect();
        }
        Reply::to(header, &response)
    }

    fn offsets_of(&mut self, asked: Asked, group: &OffsetFetchRequestGroup) -> OffsetFetchResponseGroup {
        let refusal = self.judge_reader(asked, group).err();
        let topics = match refusal {
            None => self.wanted_offsets(asked, group),
            // Without an error of the group, each partition has it.
            Some(code) if asked.version < GROUP_ERROR_FROM => refused_each(group, code),
            Some(_) => Vec::new(),
        };
        OffsetFetchResponseGroup {
            group_id: group.group_id.clone(),
            error_code: refusal.filter(|_| asked.version >= GROUP_ERROR_FROM).unwrap_or_default(),
            topics,
            ..Default::default()
        }
    }

    fn judge_reader(&mut self, asked: Asked, group: &OffsetFetchRequestGroup) -> Result<(), ErrorCode> {
        if let Some(code) = self.faults.answer_instead(ApiKey::OffsetFetch) {
            return Err(code);
        }
        self.check_group_coordinator(asked.at, asked.broker, group.group_id.as_str())?;
        let member = group.member_id.as_deref();
        // A group that is not there has no offsets, and no member that could be wrong.
        match self.groups.get(group.group_id.as_str()) {
            Some(known) if member.is_some() || group.member_epoch >= 0 => {
                known.members.judge_reader(member.unwrap_or_default(), group.member_epoch)
            }
            _ => Ok(()),
        }
    }

    fn wanted_offsets(
        &self,
        asked: Asked,
        group: &OffsetFetchRequestGroup,
    ) -> Vec<OffsetFetchResponseTopics> {
        let known = self.groups.get(group.group_id.as_str());
        match &group.topics {
            Some(topics) => topics.iter().map(|topic| self.offsets_of_topic(asked, known, topic)).collect(),
            None => known.map(|known| self.all_offsets(asked, known)).unwrap_or_default(),
        }
    }

    fn offsets_of_topic(
        &self,
        asked: Asked,
        group: Option<&Group>,
        topic: &OffsetFetchRequestTopics,
    ) -> OffsetFetchResponseTopics {
        let name = if asked.version >= TOPIC_IDS_FROM {
            self.topic_names.get(&topic.topic_id).map(|name| &**name)
        } else {
            Some(topic.name.as_str())
        };
        let found = |index: &i32| match name {
            Some(name) => answer(asked, group, &TopicPartition::new(name, *index)),
            None => refused(*index, ErrorCode::UNKNOWN_TOPIC_ID),
        };
        OffsetFetchResponseTopics {
            name: topic.name.clone(),
            topic_id: topic.topic_id,
            partitions: topic.partition_indexes.iter().map(found).collect(),
            ..Default::default()
        }
    }

    /// Everything that the group has committed.
    fn all_offsets(&self, asked: Asked, group: &Group) -> Vec<OffsetFetchResponseTopics> {
        let mut topics: BTreeMap<&str, OffsetFetchResponseTopics> = BTreeMap::new();
        for (at, _) in group.all_committed() {
            let topic = topics.entry(&at.topic).or_insert_with(|| {
                let topic_id = self.topics.get(&at.topic).map_or(TopicId::ZERO, |topic| topic.id);
                let by_id = asked.version >= TOPIC_IDS_FROM;
                OffsetFetchResponseTopics {
                    name: if by_id { KafkaString::default() } else { (&*at.topic).into() },
                    topic_id: if by_id { topic_id } else { TopicId::ZERO },
                    ..Default::default()
                }
            });
            topic.partitions.push(answer(asked, Some(group), at));
        }
        topics.into_values().collect()
    }
}

fn answer(asked: Asked, group: Option<&Group>, at: &TopicPartition) -> OffsetFetchResponsePartitions {
    if asked.require_stable && group.is_some_and(|group| group.is_pending(at)) {
        return refused(at.partition.0, ErrorCode::UNSTABLE_OFFSET_COMMIT);
    }
    match group.and_then(|group| group.committed(at)) {
        Some(GroupOffset { offset, leader_epoch, metadata, .. }) => OffsetFetchResponsePartitions {
            partition_index: at.partition.0,
            committed_offset: *offset,
            committed_leader_epoch: *leader_epoch,
            metadata: Some(metadata.as_str().into()),
            ..Default::default()
        },
        None => refused(at.partition.0, ErrorCode::NONE),
    }
}

/// No offset, and why.
fn refused(partition_index: i32, error_code: ErrorCode) -> OffsetFetchResponsePartitions {
    OffsetFetchResponsePartitions {
        partition_index,
        committed_offset: -1,
        metadata: Some(KafkaString::default()),
        error_code,
        ..Default::default()
    }
}

fn refused_each(group: &OffsetFetchRequestGroup, code: ErrorCode) -> Vec<OffsetFetchResponseTopics> {
    let topic = |topic: &OffsetFetchRequestTopics| OffsetFetchResponseTopics {
        name: topic.name.clone(),
        partitions: topic.partition_indexes.iter().map(|index| refused(*index, code)).collect(),
        ..Default::default()
    };
    group.topics.iter().flatten().map(topic).collect()
}

/// What a request up to version 7 asks, in the words of the later ones.
fn as_one_of_many(request: OffsetFetchRequest) -> OffsetFetchRequestGroup {
    let topics = request.topics.map(|topics| {
        let topic = |topic: kp_protocol::api::OffsetFetchRequestTopic| OffsetFetchRequestTopics {
            name: topic.name,
            partition_indexes: topic.partition_indexes,
            ..Default::default()
        };
        topics.into_iter().map(topic).collect()
    });
    OffsetFetchRequestGroup { group_id: request.group_id, topics, ..Default::default() }
}

/// The answer up to version 7, from that of the later ones.
fn as_the_only_one(topic: OffsetFetchResponseTopics) -> OffsetFetchResponseTopic {
    let partition = |partition: OffsetFetchResponsePartitions| OffsetFetchResponsePartition {
        partition_index: partition.partition_index,
        committed_offset: partition.committed_offset,
        committed_leader_epoch: partition.committed_leader_epoch,
        metadata: partition.metadata,
        error_code: partition.error_code,
        ..Default::default()
    };
    let partitions = topic.partitions.into_iter().map(partition).collect();
    OffsetFetchResponseTopic { name: topic.name, partitions, ..Default::default() }
}
