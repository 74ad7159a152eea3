//! Fetch (API 1): reads record batches from a leader.

use super::produce::{LeaderIdAndEpoch, NodeEndpoint};
use crate::wire::wire;
use crate::{ErrorCode, KafkaString, Records, TopicId};

wire! {
    /// Reads record batches. Source: KIP-74, KIP-98, KIP-227, KIP-320, KIP-392, KIP-516, KIP-903.
    request FetchRequest (api Fetch, answer FetchResponse, versions 0..=18, flexible 12..) {
        /// The cluster's id (KIP-78).
        [12..; nullable 12..; tag 0; ignorable] cluster_id: Option<KafkaString>,
        /// −1 for a client; brokers put their number here.
        [0..=14] replica_id: i32 = -1,
        [15..; tag 1] replica_state: ReplicaState,
        /// Milliseconds to wait for `min_bytes`.
        [0..] max_wait_ms: i32,
        /// Answer as soon as so many bytes are there.
        [0..] min_bytes: i32,
        /// Bytes of the whole answer, about (KIP-74).
        [3..; ignorable] max_bytes: i32 = i32::MAX,
        /// 0 = everything, 1 = only what is committed (KIP-98).
        [4..; ignorable] isolation_level: i8,
        /// The fetch session, 0 for none (KIP-227).
        [7..; ignorable] session_id: i32,
        /// The place in the session, −1 for none (KIP-227).
        [7..; ignorable] session_epoch: i32 = -1,
        [0..] topics: Vec<FetchTopic>,
        /// Partitions to drop from the session (KIP-227).
        [7..] forgotten_topics_data: Vec<ForgottenTopic>,
        /// The consumer's rack (KIP-392).
        [11..; ignorable] rack_id: KafkaString,
    }
    /// Which replica asks, if it is one (KIP-903).
    part ReplicaState {
        /// −1 for a client; brokers put their number here.
        [15..] replica_id: i32 = -1,
        [15..] replica_epoch: i64 = -1,
    }
    /// One topic of a [`FetchRequest`].
    part FetchTopic {
        [0..=12; ignorable] topic: KafkaString,
        /// The topic's id (KIP-516).
        [13..; ignorable] topic_id: TopicId,
        [0..] partitions: Vec<FetchPartition>,
    }
    /// One partition of a [`FetchTopic`].
    part FetchPartition {
        /// The partition.
        [0..] partition: i32,
        /// The epoch the client believes in, −1 unknown (KIP-320).
        [9..; ignorable] current_leader_epoch: i32 = -1,
        /// The first offset wanted.
        [0..] fetch_offset: i64,
        [12..] last_fetched_epoch: i32 = -1,
        /// First offset the log still holds, −1 unknown.
        [5..; ignorable] log_start_offset: i64 = -1,
        /// Bytes of this partition, about (KIP-74).
        [0..] partition_max_bytes: i32,
        [17..; tag 0; ignorable] replica_directory_id: TopicId,
        /// The high watermark the follower knows (KIP-1166).
        [18..; tag 1; ignorable] high_watermark: i64 = i64::MAX,
    }
    /// Partitions to drop from a session (KIP-227).
    part ForgottenTopic {
        [7..=12; ignorable] topic: KafkaString,
        /// The topic's id (KIP-516).
        [13..; ignorable] topic_id: TopicId,
        [7..] partitions: Vec<i32>,
    }
}

wire! {
    /// The records read. The last batch of a partition may be cut short. Source: KIP-98, KIP-227, KIP-392,
    /// KIP-516, KIP-595, KIP-951.
    response FetchResponse (api Fetch, versions 0..=18, flexible 12..) {
        /// Milliseconds the client should stay quiet, because of a quota (KIP-219).
        [1..; ignorable] throttle_time_ms: i32,
        /// What went wrong, or `NONE`.
        [7..; ignorable] error_code: ErrorCode,
        /// The fetch session, 0 for none (KIP-227).
        [7..] session_id: i32,
        [0..] responses: Vec<FetchableTopicResponse>,
        /// Where the leaders named above are reached (KIP-951).
        [16..; tag 0] node_endpoints: Vec<NodeEndpoint>,
    }
    /// One topic of a [`FetchResponse`].
    part FetchableTopicResponse {
        [0..=12; ignorable] topic: KafkaString,
        /// The topic's id (KIP-516).
        [13..; ignorable] topic_id: TopicId,
        [0..] partitions: Vec<PartitionData>,
    }
    /// One partition of a [`FetchableTopicResponse`].
    part PartitionData {
        /// The partition.
        [0..] partition_index: i32,
        /// What went wrong, or `NONE`.
        [0..] error_code: ErrorCode,
        /// Up to here every in-sync replica has the log.
        [0..] high_watermark: i64,
        /// Up to here all transactions are decided (KIP-98).
        [4..; ignorable] last_stable_offset: i64 = -1,
        /// First offset the log still holds, −1 unknown.
        [5..; ignorable] log_start_offset: i64 = -1,
        [12..; tag 0] diverging_epoch: EpochEndOffset,
        /// Who leads the partition now, if the broker knows better (KIP-951).
        [12..; tag 1] current_leader: LeaderIdAndEpoch,
        [12..; tag 2] snapshot_id: SnapshotId,
        /// Transactions that a reader of committed records skips (KIP-98).
        [4..; nullable 4..; ignorable] aborted_transactions: Option<Vec<AbortedTransaction>>,
        /// The broker to read from next time, −1 = the leader (KIP-392).
        [11..] preferred_read_replica: i32 = -1,
        /// Record batches, by reference.
        [0..; nullable 0..] records: Option<Records>,
    }
    /// Where the log of a follower parts from the leader's (KIP-595).
    part EpochEndOffset {
        [12..] epoch: i32 = -1,
        [12..] end_offset: i64 = -1,
    }
    /// The snapshot to fetch instead (KIP-630).
    part SnapshotId {
        [0..] end_offset: i64 = -1,
        [0..] epoch: i32 = -1,
    }
    /// A transaction that was aborted (KIP-98).
    part AbortedTransaction {
        /// The producer id.
        [4..] producer_id: i64,
        [4..] first_offset: i64,
    }
}
