//! CreateTopics (API 19): goes to the controller, or to any broker of a KRaft cluster.

use crate::wire::wire;
use crate::{ErrorCode, KafkaString, TopicId};

wire! {
    /// Creates topics. Source: KIP-4, KIP-464, KIP-525.
    request CreateTopicsRequest (api CreateTopics, answer CreateTopicsResponse, versions 0..=7, flexible 5..) {
        [0..] topics: Vec<CreatableTopic>,
        /// Milliseconds the broker may take.
        [0..] timeout_ms as timeoutMs: i32 = 60000,
        /// Only say whether it would work.
        [1..] validate_only as validateOnly: bool,
    }
    /// One topic to create.
    part CreatableTopic {
        [0..] name: KafkaString,
        /// How many partitions; −1 with assignments, or for the broker's default (v4, KIP-464).
        [0..] num_partitions: i32,
        /// How many copies; −1 with assignments, or for the broker's default (v4, KIP-464).
        [0..] replication_factor: i16,
        [0..] assignments: Vec<CreatableReplicaAssignment>,
        [0..] configs: Vec<CreatableTopicConfig>,
    }
    /// Which brokers are to hold a partition.
    part CreatableReplicaAssignment {
        /// The partition.
        [0..] partition_index: i32,
        [0..] broker_ids: Vec<i32>,
    }
    /// One setting of a topic to create.
    part CreatableTopicConfig {
        [0..] name: KafkaString,
        [0..; nullable 0..] value: Option<KafkaString>,
    }
}

wire! {
    /// What became of the topics of a [`CreateTopicsRequest`]. Source: KIP-4, KIP-525, KIP-516, KIP-599.
    response CreateTopicsResponse (api CreateTopics, versions 0..=7, flexible 5..) {
        /// Milliseconds the client should stay quiet, because of a quota (KIP-219).
        [2..; ignorable] throttle_time_ms: i32,
        [0..] topics: Vec<CreatableTopicResult>,
    }
    /// One topic of a [`CreateTopicsResponse`].
    part CreatableTopicResult {
        [0..] name: KafkaString,
        /// The topic's id (KIP-516).
        [7..; ignorable] topic_id: TopicId,
        /// What went wrong, or `NONE`.
        [0..] error_code: ErrorCode,
        /// What went wrong, in words, if the broker says.
        [1..; nullable 0..; ignorable] error_message: Option<KafkaString>,
        [5..; tag 0; ignorable] topic_config_error_code: ErrorCode,
        /// How many partitions; −1 with assignments, or for the broker's default (v4, KIP-464).
        [5..; ignorable] num_partitions: i32 = -1,
        /// How many copies; −1 with assignments, or for the broker's default (v4, KIP-464).
        [5..; ignorable] replication_factor: i16 = -1,
        [5..; nullable 5..; ignorable] configs: Option<Vec<CreatableTopicConfigs>>,
    }
    /// One setting of a topic that was created (KIP-525).
    part CreatableTopicConfigs {
        [5..] name: KafkaString,
        [5..; nullable 5..] value: Option<KafkaString>,
        [5..] read_only: bool,
        [5..; ignorable] config_source: i8 = -1,
        [5..] is_sensitive: bool,
    }
}
