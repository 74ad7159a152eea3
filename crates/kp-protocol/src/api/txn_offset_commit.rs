//! TxnOffsetCommit (API 28): commits offsets within a transaction; goes to the group's coordinator.

use crate::wire::wire;
use crate::{ErrorCode, KafkaString, TopicId};

wire! {
    /// Commits a group's offsets within a transaction. Source: KIP-98, KIP-320, KIP-447, KIP-890, KIP-516.
    request TxnOffsetCommitRequest (api TxnOffsetCommit, answer TxnOffsetCommitResponse, versions 0..=6, flexible 3..) {
        /// The transactional id, null outside transactions (KIP-98).
        [0..] transactional_id: KafkaString,
        /// The consumer group.
        [0..] group_id: KafkaString,
        /// The producer id.
        [0..] producer_id: i64,
        /// Its epoch.
        [0..] producer_epoch: i16,
        /// The group's generation, −1 without group metadata (KIP-447).
        [3..] generation_id_or_member_epoch: i32 = -1,
        /// The member, empty without group metadata (KIP-447).
        [3..] member_id: KafkaString,
        /// The static member, if it is one (KIP-345).
        [3..; nullable 3..] group_instance_id: Option<KafkaString>,
        [0..] topics: Vec<TxnOffsetCommitRequestTopic>,
    }
    /// One topic of a [`TxnOffsetCommitRequest`].
    part TxnOffsetCommitRequestTopic {
        [0..=5; ignorable] name: KafkaString,
        /// The topic's id (KIP-516).
        [6..; ignorable] topic_id: TopicId,
        [0..] partitions: Vec<TxnOffsetCommitRequestPartition>,
    }
    /// One partition of a [`TxnOffsetCommitRequestTopic`].
    part TxnOffsetCommitRequestPartition {
        /// The partition.
        [0..] partition_index: i32,
        /// The offset of the next record to read.
        [0..] committed_offset: i64,
        /// The leader epoch of the last record read, −1 unknown (KIP-320).
        [2..; ignorable] committed_leader_epoch: i32 = -1,
        /// The application's own words.
        [0..; nullable 0..] committed_metadata: Option<KafkaString>,
    }
}

wire! {
    /// What became of the offsets. Source: KIP-98, KIP-516.
    response TxnOffsetCommitResponse (api TxnOffsetCommit, versions 0..=6, flexible 3..) {
        /// Milliseconds the client should stay quiet, because of a quota (KIP-219).
        [0..] throttle_time_ms: i32,
        [0..] topics: Vec<TxnOffsetCommitResponseTopic>,
    }
    /// One topic of a [`TxnOffsetCommitResponse`].
    part TxnOffsetCommitResponseTopic {
        [0..=5; ignorable] name: KafkaString,
        /// The topic's id (KIP-516).
        [6..; ignorable] topic_id: TopicId,
        [0..] partitions: Vec<TxnOffsetCommitResponsePartition>,
    }
    /// One partition of a [`TxnOffsetCommitResponseTopic`].
    part TxnOffsetCommitResponsePartition {
        /// The partition.
        [0..] partition_index: i32,
        /// What went wrong, or `NONE`.
        [0..] error_code: ErrorCode,
    }
}
