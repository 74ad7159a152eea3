//! DescribeProducers (API 61): which producer ids partitions know; goes to their leaders.

use crate::wire::wire;
use crate::{ErrorCode, KafkaString};

wire! {
    /// Asks which producer ids partitions know. Source: KIP-664.
    request DescribeProducersRequest (api DescribeProducers, answer DescribeProducersResponse, versions 0..=0, flexible 0..) {
        [0..] topics: Vec<DescribeProducersTopicRequest>,
    }
    /// One topic of a [`DescribeProducersRequest`].
    part DescribeProducersTopicRequest {
        [0..] name: KafkaString,
        [0..] partition_indexes: Vec<i32>,
    }
}

wire! {
    /// The producer ids, partition by partition. Source: KIP-664.
    response DescribeProducersResponse (api DescribeProducers, versions 0..=0, flexible 0..) {
        /// Milliseconds the client should stay quiet, because of a quota (KIP-219).
        [0..] throttle_time_ms: i32,
        [0..] topics: Vec<DescribeProducersTopicResponse>,
    }
    /// One topic of a [`DescribeProducersResponse`].
    part DescribeProducersTopicResponse {
        [0..] name: KafkaString,
        [0..] partitions: Vec<DescribeProducersPartitionResponse>,
    }
    /// One partition of a [`DescribeProducersTopicResponse`].
    part DescribeProducersPartitionResponse {
        /// The partition.
        [0..] partition_index: i32,
        /// What went wrong, or `NONE`.
        [0..] error_code: ErrorCode,
        /// What went wrong, in words, if the broker says.
        [0..; nullable 0..] error_message: Option<KafkaString>,
        /// The producer ids that have written and are not forgotten yet.
        [0..] active_producers: Vec<DescribeProducersProducerState>,
    }
    /// What a partition knows of one producer id.
    part DescribeProducersProducerState {
        [0..] producer_id: i64,
        /// Its epoch; never above `i16::MAX`.
        [0..] producer_epoch: i32,
        /// The sequence of its last record, −1 none under this epoch.
        [0..] last_sequence: i32 = -1,
        /// When it wrote last, in milliseconds since the Unix epoch, −1 unknown.
        [0..] last_timestamp: i64 = -1,
        /// The epoch of the coordinator that wrote the last marker, −1 none.
        [0..] coordinator_epoch: i32,
        /// The first offset of its open transaction, −1 none.
        [0..] current_txn_start_offset: i64 = -1,
    }
}
