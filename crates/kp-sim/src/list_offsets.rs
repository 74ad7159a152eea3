//! ListOffsets: first and last offset, and offsets by time (KIP-79, KIP-734); to readers of committed records nothing is told
//! of what lies behind the last stable offset (KIP-98).

use kp_protocol::api::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse,
    ListOffsetsTopicResponse,
};
use kp_protocol::{ApiKey, BrokerId, ErrorCode, LeaderEpoch, ReceivedHeader, Timestamp};

use crate::fetch::{READ_COMMITTED, check_leadership};
use crate::log::Found;
use crate::topic::Partition;
use crate::{Reply, SimCluster};

/// The timestamps that are questions, and the first version that may ask them.
const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: (i64, i16) = (-3, 7);
const EARLIEST_LOCAL: (i64, i16) = (-4, 8);
const LATEST_TIERED: (i64, i16) = (-5, 9);
const EARLIEST_PENDING_UPLOAD: (i64, i16) = (-6, 11);

impl SimCluster {
    pub(crate) fn list_offsets(
        &mut self,
        broker: BrokerId,
        header: &ReceivedHeader,
        request: &ListOffsetsRequest,
    ) -> Reply {
        let question = Question {
            broker,
            version: header.version,
            committed: request.isolation_level == READ_COMMITTED,
        };
        let answer = |asked: &ListOffsetsPartition, partition: Option<&Partition>| {
            let partition_index = asked.partition_index;
            let found = partition.ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
            match found.and_then(|partition| look_up(question, partition, asked)) {
                Ok(found) => ListOffsetsPartitionResponse {
                    partition_index,
                    timestamp: found.timestamp.0,
                    offset: found.offset,
                    leader_epoch: if header.version >= 4 { found.leader_epoch.0 } else { -1 },
                    ..Default::default()
                },
                Err(error_code) => {
                    ListOffsetsPartitionResponse { partition_index, error_code, ..Default::default() }
                }
            }
        };
        let topics = request.topics.iter().map(|asked| {
            let topic = self.topics.get(asked.name.as_str());
            let partition = |index: i32| topic.and_then(|topic| topic.partition(index));
            let partitions = asked
                .partitions
                .iter()
                .map(|asked| answer(asked, partition(asked.partition_index)))
                .collect();
            ListOffsetsTopicResponse { name: asked.name.clone(), partitions, ..Default::default() }
        });
        let topics = topics.collect();
        let throttle_time_ms = self.faults.throttle(ApiKey::ListOffsets);
        Reply::to(header, &ListOffsetsResponse { throttle_time_ms, topics, ..Default::default() })
    }
}

/// No such record.
const NOTHING: Found = Found { timestamp: Timestamp::NONE, offset: -1, leader_epoch: LeaderEpoch(-1) };

/// What holds for all partitions of one request.
#[derive(Clone, Copy)]
struct Question {
    broker: BrokerId,
    version: i16,
    /// Whether only committed records count.
    committed: bool,
}

fn look_up(
    Question { broker, version, committed }: Question,
    partition: &Partition,
    asked: &ListOffsetsPartition,
) -> Result<Found, ErrorCode> {
    check_leadership(broker, partition, asked.current_leader_epoch)?;
    let log = &partition.log;
    let at = |offset: i64| Found { timestamp: Timestamp::NONE, offset, leader_epoch: partition.leader_epoch };
    let is = |(question, since): (i64, i16)| asked.timestamp == question && version >= since;
    let end = if committed { partition.last_stable_offset() } else { log.end_offset() };
    let readable = |found: Option<Found>| found.filter(|found| found.offset < end).unwrap_or(NOTHING);
    Ok(match asked.timestamp {
        LATEST => at(end),
        EARLIEST => at(log.start_offset()),
        _ if is(MAX_TIMESTAMP) => readable(log.find_max_timestamp()),
        _ if is(EARLIEST_LOCAL) => at(log.start_offset()),
        // Nothing is ever moved to a slower store.
        _ if is(LATEST_TIERED) || is(EARLIEST_PENDING_UPLOAD) => NOTHING,
        timestamp if timestamp >= 0 => readable(log.find_by_time(Timestamp(timestamp))),
        _ => return Err(ErrorCode::UNSUPPORTED_VERSION),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_offset_is_the_last_stable_one_to_readers_of_committed_records() {
        // TM 1.10
        let broker = BrokerId(1);
        let mut partition = Partition::new(vec![broker], Some(broker));
        partition.transactions.begin(7, 0);
        let asked =
            ListOffsetsPartition { timestamp: LATEST, current_leader_epoch: -1, ..Default::default() };
        partition.log.truncate_to(5);
        let latest = |partition: &Partition, committed| {
            look_up(Question { broker, version: 7, committed }, partition, &asked).unwrap().offset
        };
        assert_eq!((latest(&partition, false), latest(&partition, true)), (5, 0));
        partition.transactions.end(7, 4, true);
        assert_eq!((latest(&partition, false), latest(&partition, true)), (5, 5));
    }
}
