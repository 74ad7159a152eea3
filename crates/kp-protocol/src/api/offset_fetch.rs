//! OffsetFetch (API 9): reads the offsets that groups have committed; goes to the group's coordinator.

use crate::wire::wire;
use crate::{ErrorCode, KafkaString, TopicId};

wire! {
    /// Asks for committed offsets; of one group up to version 7, of many from 8 on. Source: KIP-88, KIP-447, KIP-709, KIP-848,
    /// KIP-516.
    request OffsetFetchRequest (api OffsetFetch, answer OffsetFetchResponse, versions 0..=10, flexible 6..) {
        /// The consumer group.
        [0..=7] group_id: KafkaString,
        /// The topics wanted, null = all of the group (KIP-88).
        [0..=7; nullable 2..] topics: Option<Vec<OffsetFetchRequestTopic>>,
        /// The groups (KIP-709).
        [8..] groups: Vec<OffsetFetchRequestGroup>,
        /// Whether offsets of an open transaction are to be answered by UNSTABLE_OFFSET_COMMIT; else the offset before it is the
        /// answer (KIP-447).
        [7..] require_stable: bool,
    }
    /// One topic of an [`OffsetFetchRequest`] up to version 7.
    part OffsetFetchRequestTopic {
        [0..=7] name: KafkaString,
        [0..=7] partition_indexes: Vec<i32>,
    }
    /// One group of an [`OffsetFetchRequest`] (KIP-709).
    part OffsetFetchRequestGroup {
        /// The consumer group.
        [8..] group_id: KafkaString,
        /// The member that asks, in a group of the new protocol (KIP-848).
        [9..; nullable 9..; ignorable] member_id: Option<KafkaString>,
        /// Its epoch, −1 in a group of the old protocol (KIP-848).
        [9..; ignorable] member_epoch: i32 = -1,
        /// The topics wanted, null = all of the group.
        [8..; nullable 8..] topics: Option<Vec<OffsetFetchRequestTopics>>,
    }
    /// One topic of an [`OffsetFetchRequestGroup`].
    part OffsetFetchRequestTopics {
        [8..=9; ignorable] name: KafkaString,
        /// The topic's id (KIP-516).
        [10..; ignorable] topic_id: TopicId,
        [8..] partition_indexes: Vec<i32>,
    }
}

wire! {
    /// The offsets; of one group up to version 7, of many from 8 on. Source: KIP-88, KIP-320, KIP-447, KIP-709, KIP-516.
    response OffsetFetchResponse (api OffsetFetch, versions 0..=10, flexible 6..) {
        /// Milliseconds the client should stay quiet, because of a quota (KIP-219).
        [3..; ignorable] throttle_time_ms: i32,
        [0..=7] topics: Vec<OffsetFetchResponseTopic>,
        /// What is wrong with the group, or `NONE` (KIP-88).
        [2..=7; ignorable] error_code: ErrorCode,
        /// One answer for each group (KIP-709).
        [8..] groups: Vec<OffsetFetchResponseGroup>,
    }
    /// One topic of an [`OffsetFetchResponse`] up to version 7.
    part OffsetFetchResponseTopic {
        [0..=7] name: KafkaString,
        [0..=7] partitions: Vec<OffsetFetchResponsePartition>,
    }
    /// One partition of an [`OffsetFetchResponseTopic`].
    part OffsetFetchResponsePartition {
        /// The partition.
        [0..=7] partition_index: i32,
        /// The offset of the next record to read, −1 none.
        [0..=7] committed_offset: i64,
        /// The leader epoch of the last record read, −1 unknown (KIP-320).
        [5..=7; ignorable] committed_leader_epoch: i32 = -1,
        /// The application's own words.
        [0..=7; nullable 0..] metadata: Option<KafkaString>,
        /// What went wrong, or `NONE`.
        [0..=7] error_code: ErrorCode,
    }
    /// One group of an [`OffsetFetchResponse`] (KIP-709).
    part OffsetFetchResponseGroup {
        /// The consumer group.
        [8..] group_id: KafkaString,
        [8..] topics: Vec<OffsetFetchResponseTopics>,
        /// What is wrong with the group, or `NONE`.
        [8..] error_code: ErrorCode,
    }
    /// One topic of an [`OffsetFetchResponseGroup`].
    part OffsetFetchResponseTopics {
        [8..=9; ignorable] name: KafkaString,
        /// The topic's id (KIP-516).
        [10..; ignorable] topic_id: TopicId,
        [8..] partitions: Vec<OffsetFetchResponsePartitions>,
    }
    /// One partition of an [`OffsetFetchResponseTopics`].
    part OffsetFetchResponsePartitions {
        /// The partition.
        [8..] partition_index: i32,
        /// The offset of the next record to read, −1 none.
        [8..] committed_offset: i64,
        /// The leader epoch of the last record read, −1 unknown (KIP-320).
        [8..; ignorable] committed_leader_epoch: i32 = -1,
        /// The application's own words.
        [8..; nullable 8..] metadata: Option<KafkaString>,
        /// What went wrong, or `NONE`.
        [8..] error_code: ErrorCode,
    }
}
