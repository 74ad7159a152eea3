//! TxnOffsetCommit: the offsets of a group become part of a transaction (KIP-98, KIP-447, KIP-890).
//! Checks in Kafka's order: topics, group id, coordinator, transaction, members, each partition's metadata.

use kp_protocol::api::{
    TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
    TxnOffsetCommitResponse, TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use kp_protocol::{ApiKey, BrokerId, ErrorCode, ProducerIdentity, ReceivedHeader, TopicPartition};

use crate::group::GroupOffset;
use crate::group_members::Claim;
use crate::reply::Moment;
use crate::{KafkaVersion, Reply, SimCluster};

/// The longest metadata of an offset (`offset.metadata.max.bytes`).
const METADATA_MAX_BYTES: usize = 4096;

impl SimCluster {
    pub(crate) fn txn_offset_commit(
        &mut self,
        at: Moment,
        broker: BrokerId,
        header: &ReceivedHeader,
        request: &TxnOffsetCommitRequest,
    ) -> Reply {
        let mut known = request.topics.iter().flat_map(|topic| {
            topic.partitions.iter().map(|partition| (topic.name.as_str(), partition.partition_index))
        });
        if let Some(code) = self.faults.answer_instead(ApiKey::TxnOffsetCommit) {
            return Reply::to(header, &refused_offsets(request, code));
        }
        // Without a partition that is there, nothing else is looked at.
        let refusal = if known.any(|(topic, partition)| self.has_partition(topic, partition)) {
            self.judge_offsets(at, broker, header.version, request).err()
        } else {
            None
        };
        let mut topics = Vec::with_capacity(request.topics.len());
        for topic in &request.topics {
            let put = |partition: &TxnOffsetCommitRequestPartition| {
                answered(partition, self.put_offset(at, request, topic.name.as_str(), partition, refusal))
            };
            let partitions = topic.partitions.iter().map(put).collect();
            topics.push(TxnOffsetCommitResponseTopic {
                name: topic.name.clone(),
                partitions,
                ..Default::default()
            });
        }
        let throttle_time_ms = self.faults.throttle(ApiKey::TxnOffsetCommit);
        Reply::to(header, &TxnOffsetCommitResponse { throttle_time_ms, topics, ..Default::default() })
    }

    /// What holds for all partitions of a request. From version 5 on it makes the group part of the transaction (KIP-890).
    fn judge_offsets(
        &mut self,
        at: Moment,
        broker: BrokerId,
        version: i16,
        request: &TxnOffsetCommitRequest,
    ) -> Result<(), ErrorCode> {
        let group = request.group_id.as_str();
        if group.is_empty() {
            return Err(ErrorCode::INVALID_GROUP_ID);
        }
        self.check_group_coordinator(at, broker, group)?;
        let producer = ProducerIdentity { producer_id: request.producer_id, epoch: request.producer_epoch };
        let transactional_id = request.transactional_id.as_str();
        match self.verify_group(at, transactional_id, producer, group, version) {
            ErrorCode::NONE => self.judge_member(request),
            code => Err(code),
        }
    }

    fn judge_member(&self, request: &TxnOffsetCommitRequest) -> Result<(), ErrorCode> {
        let generation = request.generation_id_or_member_epoch;
        match self.groups.get(request.group_id.as_str()) {
            Some(group) => group.members.judge(Claim {
                generation,
                member: request.member_id.as_str(),
                instance: request.group_instance_id.as_deref(),
            }),
            // A group that is not there is made for an application without one.
            None if generation < 0 => Ok(()),
            None if self.settings.kafka_version >= KafkaVersion::V4_3 => Err(ErrorCode::ILLEGAL_GENERATION),
            None => Err(ErrorCode::UNKNOWN_MEMBER_ID),
        }
    }

    fn put_offset(
        &mut self,
        at: Moment,
        request: &TxnOffsetCommitRequest,
        topic: &str,
        partition: &TxnOffsetCommitRequestPartition,
        refusal: Option<ErrorCode>,
    ) -> ErrorCode {
        if !self.has_partition(topic, partition.partition_index) {
            return ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
        }
        if let Some(code) = refusal {
            return code;
        }
        let metadata = partition.committed_metadata.as_deref().unwrap_or_default();
        if metadata.len() > METADATA_MAX_BYTES {
            return ErrorCode::OFFSET_METADATA_TOO_LARGE;
        }
        let producer = ProducerIdentity { producer_id: request.producer_id, epoch: request.producer_epoch };
        let opened = self.open_in_offsets(at, producer, request.group_id.as_str());
        if opened != ErrorCode::NONE {
            return opened;
        }
        // Nothing is wrong with an offset below 0: brokers take it.
        let offset = GroupOffset {
            offset: partition.committed_offset,
            leader_epoch: partition.committed_leader_epoch,
            metadata: metadata.to_owned(),
            written: self.groups.next_place(),
        };
        let at = TopicPartition::new(topic, partition.partition_index);
        self.groups.get_or_make(request.group_id.as_str()).put(request.producer_id, at, offset);
        ErrorCode::NONE
    }

    fn has_partition(&self, topic: &str, partition: i32) -> bool {
        self.topics.get(topic).is_some_and(|topic| topic.partition(partition).is_some())
    }
}

/// An answer that says of each partition that was named this code and nothing else.
pub(crate) fn refused_offsets(request: &TxnOffsetCommitRequest, code: ErrorCode) -> TxnOffsetCommitResponse {
    let topic = |topic: &TxnOffsetCommitRequestTopic| TxnOffsetCommitResponseTopic {
        name: topic.name.clone(),
        partitions: topic.partitions.iter().map(|partition| answered(partition, code)).collect(),
        ..Default::default()
    };
    TxnOffsetCommitResponse { topics: request.topics.iter().map(topic).collect(), ..Default::default() }
}

fn answered(
    partition: &TxnOffsetCommitRequestPartition,
    error_code: ErrorCode,
) -> TxnOffsetCommitResponsePartition {
    let partition_index = partition.partition_index;
    TxnOffsetCommitResponsePartition { partition_index, error_code, ..Default::default() }
}
