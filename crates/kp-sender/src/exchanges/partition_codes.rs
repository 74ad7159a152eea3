//! The code of each partition in an answer that has them topic by topic.

use kp_protocol::{ErrorCode, KafkaString, TopicPartition};
use std::collections::BTreeMap;

/// By topic and partition.
pub(crate) struct PartitionCodes<'a>(BTreeMap<(&'a [u8], i32), ErrorCode>);

impl PartitionCodes<'_> {
    /// `None`: the answer leaves it out.
    pub(crate) fn of(&self, partition: &TopicPartition) -> Option<ErrorCode> {
        self.0.get(&(partition.topic.as_bytes(), partition.partition.0)).copied()
    }
}

impl<'a> FromIterator<(&'a KafkaString, i32, ErrorCode)> for PartitionCodes<'a> {
    fn from_iter<I: IntoIterator<Item = (&'a KafkaString, i32, ErrorCode)>>(codes: I) -> Self {
        Self(
            codes.into_iter().map(|(topic, partition, code)| ((topic.as_bytes(), partition), code)).collect(),
        )
    }
}
