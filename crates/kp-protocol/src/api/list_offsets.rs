//! ListOffsets (API 2): offsets by timestamp; first and last offset of a log.

use crate::wire::wire;
use crate::{ErrorCode, KafkaString};

/// What ListOffsets learnt in which version. No other file says these numbers.
impl ListOffsetsRequest {
    /// From here on a request says whether only committed records count; brokers that know less have no transactions.
    pub const ISOLATION_FROM: i16 = 2;
}

wire! {
    /// Asks for offsets by timestamp. Source: KIP-79, KIP-98, KIP-320, KIP-734, KIP-405.
    request ListOffsetsRequest (api ListOffsets, answer ListOffsetsResponse, versions 0..=11, flexible 6..) {
        /// −1 for a client; brokers put their number here.
        [0..] replica_id: i32,
        /// 0 = everything, 1 = only what is committed (KIP-98).
        [2..] isolation_level: i8,
        [0..] topics: Vec<ListOffsetsTopic>,
        /// Milliseconds the broker may take.
        [10..; ignorable] timeout_ms: i32,
    }
    /// One topic of a [`ListOffsetsRequest`].
    part ListOffsetsTopic {
        [0..] name: KafkaString,
        [0..] partitions: Vec<ListOffsetsPartition>,
    }
    /// One partition of a [`ListOffsetsTopic`].
    part ListOffsetsPartition {
        /// The partition.
        [0..] partition_index: i32,
        /// The epoch the client believes in, −1 unknown (KIP-320).
        [4..; ignorable] current_leader_epoch: i32 = -1,
        /// Milliseconds since the Unix epoch, or −1 latest, −2 earliest, −3 largest timestamp (v7), −4 earliest
        /// local (v8), −5 latest tiered (v9), −6 earliest pending upload (v11).
        [0..] timestamp: i64,
        /// How many offsets are wanted at most.
        [0..=0; gone; ignorable] max_num_offsets: i32 = 1,
    }
}

wire! {
    /// The offsets found. Source: KIP-79, KIP-320.
    response ListOffsetsResponse (api ListOffsets, versions 0..=11, flexible 6..) {
        /// Milliseconds the client should stay quiet, because of a quota (KIP-219).
        [2..; ignorable] throttle_time_ms: i32,
        [0..] topics: Vec<ListOffsetsTopicResponse>,
    }
    /// One topic of a [`ListOffsetsResponse`].
    part ListOffsetsTopicResponse {
        [0..] name: KafkaString,
        [0..] partitions: Vec<ListOffsetsPartitionResponse>,
    }
    /// One partition of a [`ListOffsetsTopicResponse`].
    part ListOffsetsPartitionResponse {
        /// The partition.
        [0..] partition_index: i32,
        /// What went wrong, or `NONE`.
        [0..] error_code: ErrorCode,
        /// The offsets found, newest first: beginnings of log segments, and the log's end.
        [0..=0; gone] old_style_offsets: Vec<i64>,
        /// The found record's timestamp, −1 if there is none.
        [1..] timestamp: i64 = -1,
        /// The offset found, −1 if there is none.
        [1..] offset: i64 = -1,
        /// How new that leadership is, −1 unknown (KIP-320).
        [4..] leader_epoch: i32 = -1,
    }
}
