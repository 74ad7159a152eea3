//! What the handles of the double refuse. Nothing here goes over the wire: what a broker answers is an `ErrorCode`.

use kp_protocol::{BrokerId, PartitionId, TopicName};

/// A handle of the double was asked for what is not there, or for what cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SimError {
    /// There is no such topic.
    #[error("no topic {topic}")]
    UnknownTopic {
        /// The name asked for.
        topic: TopicName,
    },
    /// The topic has no such partition.
    #[error("topic {topic} has {partitions} partitions, none of number {partition}")]
    UnknownPartition {
        /// The topic.
        topic: TopicName,
        /// The partition asked for.
        partition: PartitionId,
        /// How many it has.
        partitions: usize,
    },
    /// There is no such broker.
    #[error("no broker {broker}")]
    UnknownBroker {
        /// The number asked for.
        broker: BrokerId,
    },
    /// The broker holds no copy of the partition, or is down.
    #[error("broker {broker} cannot lead {topic}-{partition}: it is down or holds no copy")]
    CannotLead {
        /// The broker.
        broker: BrokerId,
        /// The topic.
        topic: TopicName,
        /// The partition.
        partition: PartitionId,
    },
    /// A topic that cannot be made: what a CreateTopics request would be answered.
    #[error("topic {topic} cannot be created: {code}: {message}")]
    CannotCreate {
        /// The name.
        topic: TopicName,
        /// The code a client would get.
        code: kp_protocol::ErrorCode,
        /// The reason in words.
        message: String,
    },
    /// Not a version of Kafka the double can stand for.
    #[error("{text:?} is not a Kafka version of the double (0.11, 2.0, 2.8, 3.9, 4.3)")]
    UnknownKafkaVersion {
        /// What was asked for.
        text: String,
    },
}
