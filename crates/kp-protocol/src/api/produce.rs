//! Produce (API 0): record batches to a leader, and what became of them.

use crate::wire::wire;
use crate::{ErrorCode, KafkaString, Records, TopicId};

/// What Produce learnt in which version. No other file says these numbers.
impl ProduceRequest {
    /// From here on a partition has one batch of format 2 with room for numbers and headers (KIP-98); below, a message set.
    pub const BATCHES_FROM: i16 = 3;
    /// From here on batches may be compressed with zstd (KIP-110).
    pub const ZSTD_FROM: i16 = 7;
    /// From here on a refusal names the leader that the broker knows of (KIP-951).
    pub const LEADER_HINTS_FROM: i16 = 10;
    /// From here on topics go by id (KIP-516).
    pub const TOPIC_IDS_FROM: i16 = 13;
}

wire! {
    /// Appends record batches to partitions. Versions 0 and 1 carry message sets of format 0, version 2 of
    /// format 0 or 1,
    /// version 3 and newer exactly one batch of format 2 for each partition. Source: KIP-98, KIP-110, KIP-516,
    /// KIP-890.
    request ProduceRequest (api Produce, answer ProduceResponse, versions 0..=13, flexible 9..) {
        /// The transactional id, null outside transactions (KIP-98).
        [3..; nullable 3..] transactional_id: Option<KafkaString>,
        /// Acknowledgements asked for: 0, 1, or −1 for all in-sync replicas.
        [0..] acks: i16,
        /// Milliseconds the broker may take.
        [0..] timeout_ms: i32,
        [0..] topic_data: Vec<TopicProduceData>,
    }
    /// One topic of a [`ProduceRequest`].
    part TopicProduceData {
        [0..=12; ignorable] name: KafkaString,
        /// The topic's id (KIP-516).
        [13..; ignorable] topic_id: TopicId,
        [0..] partition_data: Vec<PartitionProduceData>,
    }
    /// One partition of a [`TopicProduceData`].
    part PartitionProduceData {
        /// The partition.
        [0..] index: i32,
        /// Record batches, by reference.
        [0..; nullable 0..] records: Option<Records>,
    }
}

wire! {
    /// The answer to a [`ProduceRequest`], partition by partition; there is none with `acks` 0.
    /// Source: KIP-32, KIP-467, KIP-951, KIP-516.
    response ProduceResponse (api Produce, versions 0..=13, flexible 9..) {
        [0..] responses: Vec<TopicProduceResponse>,
        /// Milliseconds the client should stay quiet, because of a quota (KIP-219).
        [1..; ignorable] throttle_time_ms: i32,
        /// Where the leaders named above are reached (KIP-951).
        [10..; tag 0] node_endpoints: Vec<NodeEndpoint>,
    }
    /// One topic of a [`ProduceResponse`].
    part TopicProduceResponse {
        [0..=12; ignorable] name: KafkaString,
        /// The topic's id (KIP-516).
        [13..; ignorable] topic_id: TopicId,
        [0..] partition_responses: Vec<PartitionProduceResponse>,
    }
    /// One partition of a [`TopicProduceResponse`].
    part PartitionProduceResponse {
        /// The partition.
        [0..] index: i32,
        /// What went wrong, or `NONE`.
        [0..] error_code: ErrorCode,
        /// The first record's offset; −1 if there is none.
        [0..] base_offset: i64,
        /// The broker's append time, or −1 where the topic keeps the producer's (KIP-32).
        [2..; ignorable] log_append_time_ms: i64 = -1,
        /// First offset the log still holds, −1 unknown.
        [5..; ignorable] log_start_offset: i64 = -1,
        /// Which records made the broker refuse the batch (KIP-467).
        [8..; ignorable] record_errors: Vec<BatchIndexAndErrorMessage>,
        /// What went wrong, in words, if the broker says.
        [8..; nullable 8..; ignorable] error_message: Option<KafkaString>,
        /// Who leads the partition now, if the broker knows better (KIP-951).
        [10..; tag 0] current_leader: LeaderIdAndEpoch,
    }
    /// One record that made the broker refuse its batch (KIP-467).
    part BatchIndexAndErrorMessage {
        /// The record's place in its batch, from 0.
        [8..] batch_index: i32,
        [8..; nullable 8..] batch_index_error_message: Option<KafkaString>,
    }
    /// Who leads a partition, and how new that is (KIP-951).
    part LeaderIdAndEpoch {
        /// The leader, −1 unknown.
        [10..] leader_id: i32 = -1,
        /// How new that leadership is, −1 unknown (KIP-320).
        [10..] leader_epoch: i32 = -1,
    }
    /// Where a broker is reached (KIP-951).
    part NodeEndpoint {
        /// The broker.
        [10..] node_id: i32,
        /// Its host.
        [10..] host: KafkaString,
        /// Its TCP port.
        [10..] port: i32,
        /// Its rack, if it says one (KIP-36).
        [10..; nullable 10..] rack: Option<KafkaString>,
    }
}
