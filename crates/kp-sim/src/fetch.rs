//! Fetch: batches from a leader's log, with its limits of bytes and its long poll (KIP-74, KIP-227, KIP-516). A reader of
//! committed records gets them up to the last stable offset, aborted ones included, and is told which are (KIP-98).
//! The double keeps no fetch sessions: it answers session id 0, as a broker does whose session cache is full.

use std::collections::BTreeMap;

use kp_protocol::api::{
    AbortedTransaction, FetchPartition, FetchResponse, FetchTopic, FetchableTopicResponse, LeaderIdAndEpoch,
    NodeEndpoint, PartitionData,
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
/// The isolation level of readers of committed records (KIP-98); the other is 0.
pub(crate) const READ_COMMITTED: i8 = 1;
/// No answer is larger, whatever is asked for (Kafka's default of `fetch.max.bytes`).
const FETCH_MAX_BYTES: usize = 55 * 1024 * 1024;

/// What is left of the limits of one answer.
struct Budget {
    bytes_left: usize,
    bytes_found: usize,
    failed: bool,
}

/// What is asked about one topic.
#[derive(Clone, Copy)]
struct Asked<'a> {
    broker: BrokerId,
    version: i16,
    topic: &'a FetchTopic,
    /// Whether only committed records are wanted.
    committed: bool,
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
        let committed = request.isolation_level == READ_COMMITTED;
        let mut responses = Vec::with_capacity(request.topics.len());
        for topic in &request.topics {
            let asked = Asked { broker: *broker, version: header.version, topic, committed };
            responses.push(self.fetch_topic(asked, &mut budget, &mut endpoints));
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
        Asked { broker, version, topic: asked, committed }: Asked<'_>,
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
            let read = |partition| read(broker, partition, wanted, committed, budget);
            let mut data = match partition.and_then(read) {
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
    committed: bool,
    budget: &mut Budget,
) -> Result<PartitionData, ErrorCode> {
    check_leadership(broker, partition, wanted.current_leader_epoch)?;
    let log = &partition.log;
    if !(log.start_offset()..=log.end_offset()).contains(&wanted.fetch_offset) {
        return Err(ErrorCode::OFFSET_OUT_OF_RANGE);
    }
    let max_bytes = usize::try_from(wanted.partition_max_bytes).unwrap_or(0).min(budget.bytes_left);
    // The first batch found in an answer comes whole, however large, so that a reader always gets on (KIP-74).
    let last_stable_offset = partition.last_stable_offset();
    let until = if committed { last_stable_offset } else { log.end_offset() };
    let records = log.read(wanted.fetch_offset, until, max_bytes, budget.bytes_found == 0);
    budget.bytes_left = budget.bytes_left.saturating_sub(records.len());
    budget.bytes_found += records.len();
    Ok(PartitionData {
        high_watermark: log.end_offset(),
        last_stable_offset,
        log_start_offset: log.start_offset(),
        aborted_transactions: committed.then(|| aborted_since(partition, wanted.fetch_offset)),
        records: Some(records),
        ..Default::default()
    })
}

/// The aborted transactions that have something at or behind `offset`, by the offset of their markers. A broker looks up to the
/// next entry of its index of offsets, which in a short log is the end, so there are some that no record of the answer is of.
fn aborted_since(partition: &Partition, offset: i64) -> Vec<AbortedTransaction> {
    let aborted = partition.transactions.aborted();
    let first = aborted.partition_point(|aborted| aborted.last_offset < offset);
    let listed = |aborted: &crate::AbortedTransaction| AbortedTransaction {
        producer_id: aborted.producer_id,
        first_offset: aborted.first_offset,
        ..Default::default()
    };
    aborted[first..].iter().map(listed).collect()
}

fn refused(error_code: ErrorCode) -> PartitionData {
    PartitionData { error_code, high_watermark: -1, records: Some(Records::default()), ..Default::default() }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use kp_protocol::compression::Compression;
    use kp_protocol::records::{RecordEncoder, RecordRef, batches};
    use kp_protocol::{LeaderEpoch, Timestamp};

    use super::*;
    use crate::incoming_batch::IncomingBatch;
    use crate::log::AppendAs;

    const LEADER: BrokerId = BrokerId(1);

    /// A partition with this many batches of one record each.
    fn partition(batches: usize) -> Partition {
        let mut partition = Partition::new(vec![LEADER], Some(LEADER));
        let (mut encoder, mut payload) = (RecordEncoder::new(), Vec::new());
        let record = RecordRef { timestamp: Timestamp(1), key: None, value: Some(b"v"), headers: &[] };
        encoder.append(&record, &mut payload).unwrap();
        let payload = Bytes::from(payload);
        let header =
            encoder.header(Compression::None, None).unwrap().encode(std::slice::from_ref(&payload)).to_vec();
        let records = Records::from(vec![Bytes::from(header), payload]);
        let IncomingBatch::One(content) = IncomingBatch::read(Some(&records), 9, true) else {
            panic!("sound")
        };
        let as_what = AppendAs { leader_epoch: LeaderEpoch(0), log_append_time: None, retain: true };
        for _ in 0..batches {
            partition.log.append(&content, as_what);
        }
        partition
    }

    /// The offsets read, the last stable offset, and producer ids and first offsets of aborted transactions, if they are listed.
    type Read = (Vec<i64>, i64, Option<Vec<(i64, i64)>>);

    fn fetched(partition: &Partition, fetch_offset: i64, committed: bool) -> Read {
        let mut budget = Budget { bytes_left: usize::MAX, bytes_found: 0, failed: false };
        let wanted = FetchPartition { fetch_offset, partition_max_bytes: i32::MAX, ..Default::default() };
        let data = read(LEADER, partition, &wanted, committed, &mut budget).unwrap();
        assert_eq!(data.high_watermark, partition.log.end_offset());
        let read =
            batches(&data.records.unwrap().to_bytes()).map(|batch| batch.unwrap().header().base_offset);
        let listed = |aborted: Vec<AbortedTransaction>| {
            aborted.iter().map(|aborted| (aborted.producer_id, aborted.first_offset)).collect()
        };
        (read.collect(), data.last_stable_offset, data.aborted_transactions.map(listed))
    }

    #[test]
    fn a_reader_of_committed_records_gets_none_behind_the_first_open_transaction() {
        // TM 1.10
        let mut partition = partition(4);
        assert_eq!(fetched(&partition, 1, true), (vec![1, 2, 3], 4, Some(vec![])));
        partition.transactions.begin(7, 2);
        partition.transactions.begin(8, 3);
        assert_eq!(fetched(&partition, 0, true), (vec![0, 1], 2, Some(vec![])));
        assert_eq!(fetched(&partition, 3, true), (vec![], 2, Some(vec![])), "behind it, and no error");
        assert_eq!(fetched(&partition, 0, false), (vec![0, 1, 2, 3], 2, None));
    }

    #[test]
    fn aborted_transactions_are_listed_as_long_as_their_marker_is_not_behind_the_reader() {
        // TM 1.10
        let mut partition = partition(6);
        partition.transactions.begin(7, 0);
        partition.transactions.begin(8, 1);
        partition.transactions.end(8, 2, true);
        partition.transactions.end(7, 3, false);
        partition.transactions.begin(7, 4);
        partition.transactions.end(7, 5, false);
        assert_eq!(fetched(&partition, 3, true), (vec![3, 4, 5], 6, Some(vec![(7, 0), (7, 4)])));
        assert_eq!(fetched(&partition, 4, true), (vec![4, 5], 6, Some(vec![(7, 4)])));
        assert_eq!(fetched(&partition, 6, true), (vec![], 6, Some(vec![])));
        assert_eq!(fetched(&partition, 3, false).2, None);
    }
}
