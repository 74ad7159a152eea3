//! Metadata (API 3): who leads which partition, and where the brokers are.

use crate::element_sink::{ElementSink, Offered};
use crate::wire::{parse_message_each, wire};
use crate::{ErrorCode, KafkaString, ProtocolError, TopicId};
use bytes::Bytes;

/// What Metadata learnt in which version. No other file says these numbers.
impl MetadataRequest {
    /// From here on a request can forbid the creation of the topics that it names; below, brokers may always create them.
    pub const AUTO_CREATION_FROM: i16 = 4;
    /// From here on leader epochs are trusted: brokers below may answer stale ones.
    pub const TRUSTED_EPOCHS_FROM: i16 = 9;
}

wire! {
    /// Asks for brokers, topics and partitions. Source: KIP-4, KIP-430, KIP-516, KIP-700, KIP-1102.
    request MetadataRequest (api Metadata, answer MetadataResponse, versions 0..=13, flexible 9..) {
        /// The topics asked for; null = all, and in v0 an empty list = all.
        [0..; nullable 1..] topics: Option<Vec<MetadataRequestTopic>>,
        /// Whether asking may create a missing topic.
        [4..] allow_auto_topic_creation: bool = true,
        [8..=10] include_cluster_authorized_operations: bool,
        [8..] include_topic_authorized_operations: bool,
    }
    /// One topic of a [`MetadataRequest`].
    part MetadataRequestTopic {
        /// The topic's id (KIP-516).
        [10..; ignorable] topic_id: TopicId,
        /// The name, null if the id is given (v12).
        [0..; nullable 10..] name: Option<KafkaString>,
    }
}

wire! {
    /// The cluster as one broker sees it. Source: KIP-78, KIP-112, KIP-320, KIP-430, KIP-516, KIP-1102.
    response MetadataResponse (api Metadata, versions 0..=13, flexible 9..) {
        /// Milliseconds the client should stay quiet, because of a quota (KIP-219).
        [3..; ignorable] throttle_time_ms: i32,
        [0..] brokers: Vec<MetadataResponseBroker>,
        /// The cluster's id (KIP-78).
        [2..; nullable 2..; ignorable] cluster_id: Option<KafkaString>,
        /// The controller, −1 unknown.
        [1..; ignorable] controller_id: i32 = -1,
        [0..] topics: Vec<MetadataResponseTopic>,
        /// Bit set of operations allowed on the cluster, `i32::MIN` if not asked for (KIP-430).
        [8..=10] cluster_authorized_operations: i32 = i32::MIN,
        /// What went wrong, or `NONE`.
        [13..; ignorable] error_code: ErrorCode,
    }
    /// One broker of a [`MetadataResponse`].
    part MetadataResponseBroker {
        /// The broker.
        [0..] node_id: i32,
        /// Its host.
        [0..] host: KafkaString,
        /// Its TCP port.
        [0..] port: i32,
        /// Its rack, if it says one (KIP-36).
        [1..; nullable 1..; ignorable] rack: Option<KafkaString>,
    }
    /// One topic of a [`MetadataResponse`].
    part MetadataResponseTopic {
        /// What went wrong, or `NONE`.
        [0..] error_code: ErrorCode,
        [0..; nullable 12..] name: Option<KafkaString>,
        /// The topic's id (KIP-516).
        [10..; ignorable] topic_id: TopicId,
        /// Whether Kafka itself keeps the topic.
        [1..; ignorable] is_internal: bool,
        [0..] partitions: Vec<MetadataResponsePartition>,
        /// Bit set of operations allowed on the topic, `i32::MIN` if not asked for (KIP-430).
        [8..] topic_authorized_operations: i32 = i32::MIN,
    }
    /// One partition of a [`MetadataResponseTopic`].
    part MetadataResponsePartition {
        /// What went wrong, or `NONE`.
        [0..] error_code: ErrorCode,
        /// The partition.
        [0..] partition_index: i32,
        /// The leader, −1 unknown.
        [0..] leader_id: i32,
        /// How new that leadership is, −1 unknown (KIP-320).
        [7..; ignorable] leader_epoch: i32 = -1,
        /// Brokers that hold a copy.
        [0..] replica_nodes: Vec<i32>,
        /// Those of them that are in sync.
        [0..] isr_nodes: Vec<i32>,
        /// Those of them that are down (KIP-112).
        [5..; ignorable] offline_replicas: Vec<i32>,
    }
}

impl MetadataResponse {
    /// Reads a body that fills `input` exactly, but hands the elements of its arrays to `sink` as they are read: an
    /// answer about a million partitions takes the memory of what the sink keeps. What it takes, the result lacks.
    ///
    /// # Errors
    /// As [`Message::parse`](crate::Message::parse); the sink has then been offered what came before the fault.
    pub fn parse_each(
        input: &Bytes,
        version: i16,
        sink: &mut impl ElementSink,
    ) -> Result<Self, ProtocolError> {
        parse_message_each(input, Self::form(version), &mut Offered(sink))
    }
}
