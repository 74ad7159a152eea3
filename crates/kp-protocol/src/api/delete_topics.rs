//! DeleteTopics (API 20): goes to the controller, or to any broker of a KRaft cluster.

use crate::wire::wire;
use crate::{ErrorCode, KafkaString, TopicId};

wire! {
    /// Deletes topics, by name or (version 6) by id. Source: KIP-4, KIP-516.
    request DeleteTopicsRequest (api DeleteTopics, answer DeleteTopicsResponse, versions 0..=6, flexible 4..) {
        [6..] topics: Vec<DeleteTopicState>,
        /// The topics, by name.
        [0..=5; ignorable] topic_names: Vec<KafkaString>,
        /// Milliseconds the broker may take.
        [0..] timeout_ms: i32,
    }
    /// One topic to delete: its name or its id.
    part DeleteTopicState {
        /// The name, null if the id is given.
        [6..; nullable 6..] name: Option<KafkaString>,
        /// The topic's id (KIP-516).
        [6..] topic_id: TopicId,
    }
}

wire! {
    /// What became of the topics. Source: KIP-4, KIP-516, KIP-599.
    response DeleteTopicsResponse (api DeleteTopics, versions 0..=6, flexible 4..) {
        /// Milliseconds the client should stay quiet, because of a quota (KIP-219).
        [1..; ignorable] throttle_time_ms: i32,
        [0..] responses: Vec<DeletableTopicResult>,
    }
    /// One topic of a [`DeleteTopicsResponse`].
    part DeletableTopicResult {
        [0..; nullable 6..] name: Option<KafkaString>,
        /// The topic's id (KIP-516).
        [6..; ignorable] topic_id: TopicId,
        /// What went wrong, or `NONE`.
        [0..] error_code: ErrorCode,
        /// What went wrong, in words, if the broker says.
        [5..; nullable 5..; ignorable] error_message: Option<KafkaString>,
    }
}
