//! Fetch: batches from a leader's log, with its limits of bytes and its long poll (KIP-74, KIP-227, KIP-516).
//! The double keeps no fetch sessions: it answers session id 0, as a broker does whose session cache is full.

use std::collections::BTreeMap;

use kp_protocol::api::{
    FetchPartition, FetchResponse, FetchTopic, FetchableTopicResponse, LeaderIdAndEpoch, NodeEndpoint,
    PartitionData,
};
use kp_protocol::{ApiKey, BrokerId, ErrorCode, Records};

use crate::cluster::SimCluster;
use crate::reply::{Moment, Reply};
use crate::topic::Partition;
use crate::waiting::{Waiting, WaitingFetch};

/// The first version that names topics by id (KIP-516).
const TOPIC_ID_FROM: i16 = 13;
/// The first version that says who leads (KIP-595), and the first that says where (KIP-951).
const LEADER_FROM: i16 = 12;
const ENDPOINTS_FROM: i16 = 16;
/// No answer is larger, whatever is asked for (Kafka's default of `fetch.max.bytes`).
const FETCH_MAX_BYTES: usize = 55 * 1024 * 1024;

/// What is left of the limits of one answer.
struct Budget {
    bytes_left: usize,
    bytes_found: usize,
    failed: bool,
}

impl SimCluster {
    pub(crate) fn fetch(&mut self, at: Moment, waiting: WaitingFetch) -> Reply {
        let WaitingFetch { broker, header, request, deadline } = &waiting;
        if request.session_id != 0 {
            let response =
                FetchResponse { error_code: ErrorCode::FETCH_SESSION_ID_NOT_FOUND, ..Default::default() };
            return Reply::to(header, &response);
        }
        let at_most = |bytes: i32| usize::try_from(bytes).unwrap_or(0).min(FETCH_MAX_BYTES);
        let mut budget = Budget { bytes_left: at_most(request.max_bytes), bytes_found: 0, failed: false };
        let mut endpoints = BTreeMap::new();
        let mut responses = Vec::with_capacity(request.topics.len());
        for topic in &request.topics {
            responses.push(self.fetch_topic(*broker, header.version, topic, &mut budget, &mut endpoints));
        }
        let enough =
            budget.failed || budget.bytes_found >= at_most(request.min_bytes) || request.topics.is_empty();
        if !enough && at.now < *deadline {
            return Reply::Later(Box::new(Waiting::Fetch(waiting)));
        }
        let throttle_time_ms = self.faults.throttle(ApiKey::Fetch);
        let node_endpoints =
            if header.version >= ENDPOINTS_FROM { endpoints.into_values().collect() } else { Vec::new() };
        Reply::to(
            header,
            &FetchResponse { throttle_time_ms, responses, node_endpoints, ..Default::default() },
        )
    }

    fn fetch_topic(
        &self,
        broker: BrokerId,
        version: i16,
        asked: &FetchTopic,
        budget: &mut Budget,
        endpoints: &mut BTreeMap<BrokerId, NodeEndpoint>,
    ) -> FetchableTopicResponse {
        let by_id = version >= TOPIC_ID_FROM;
        let topic = self.requested_topic(by_id, &asked.topic, asked.topic_id);
        let unknown = if by_id && topic.is_none() {
            ErrorCode::UNKNOWN_TOPIC_ID
        } else {
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
        };
        let mut partitions = Vec::with_capacity(asked.partitions.len());
        for wanted in &asked.partitions {
            let partition = topic.and_then(|topic| topic.partition(wanted.partition)).ok_or(unknown);
            let mut data = match partition.and_then(|partition| read(broker, partition, wanted, budget)) {
                Ok(data) => data,
                Err(code) => {
                    budget.failed = true;
                    refused(code)
                }
            };
            let moved =
                matches!(data.error_code, ErrorCode::NOT_LEADER_OR_FOLLOWER | ErrorCode::FENCED_LEADER_EPOCH);
            if let (true, Ok(partition), true) = (moved, partition, version >= LEADER_FROM) {
                let leader_id = partition.leader.unwrap_or(BrokerId(-1));
                data.current_leader = LeaderIdAndEpoch {
                    leader_id: leader_id.0,
                    leader_epoch: partition.leader_epoch.0,
                    ..Default::default()
                };
                if let Some(endpoint) = self.endpoint(leader_id) {
                    endpoints.insert(leader_id, endpoint);
                }
            }
            partitions.push(PartitionData { partition_index: wanted.partition, ..data });
        }
        FetchableTopicResponse {
            topic: asked.topic.clone(),
            topic_id: asked.topic_id,
            partitions,
            ..Default::default()
        }
    }
}

/// Whether the leader is the one asked, and the client's epoch the current one (KIP-320).
pub(crate) fn check_leadership(
    broker: BrokerId,
    partition: &Partition,
    believed_epoch: i32,
) -> Result<(), ErrorCode> {
    if believed_epoch >= 0 && believed_epoch < partition.leader_epoch.0 {
        return Err(ErrorCode::FENCED_LEADER_EPOCH);
    }
    if believed_epoch > partition.leader_epoch.0 {
        return Err(ErrorCode::UNKNOWN_LEADER_EPOCH);
    }
    if partition.leader != Some(broker) {
        return Err(ErrorCode::NOT_LEADER_OR_FOLLOWER);
    }
    Ok(())
}

fn read(
    broker: BrokerId,
    partition: &Partition,
    wanted: &FetchPartition,
    budget: &mut Budget,
) -> Result<PartitionData, ErrorCode> {
    check_leadership(broker, partition, wanted.current_leader_epoch)?;
    let log = &partition.log;
    if !(log.start_offset()..=log.end_offset()).contains(&wanted.fetch_offset) {
        return Err(ErrorCode::OFFSET_OUT_OF_RANGE);
    }
    let max_bytes = usize::try_from(wanted.partition_max_bytes).unwrap_or(0).min(budget.bytes_left);
    // The first batch found in an answer comes whole, however large, so that a reader always gets on (KIP-74).
    let records = log.read(wanted.fetch_offset, max_bytes, budget.bytes_found == 0);
    budget.bytes_left = budget.bytes_left.saturating_sub(records.len());
    budget.bytes_found += records.len();
    Ok(PartitionData {
        high_watermark: log.end_offset(),
        last_stable_offset: log.end_offset(),
        log_start_offset: log.start_offset(),
        records: Some(records),
        ..Default::default()
    })
}

fn refused(error_code: ErrorCode) -> PartitionData {
    PartitionData { error_code, high_watermark: -1, records: Some(Records::default()), ..Default::default() }
}
