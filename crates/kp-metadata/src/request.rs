//! What a Metadata request asks for, and its body in any version.

use kp_protocol::api::{MetadataRequest, MetadataRequestTopic};
use kp_protocol::{KafkaString, TopicId, TopicName};

/// The first version that can forbid the creation of topics.
const AUTO_CREATION_FROM: i16 = 4;

/// One request of the machine, from [`Metadata::begin_request`](crate::Metadata::begin_request) to its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataRequestSpec {
    /// The topics asked about, in the order of their names.
    pub topics: Vec<TopicName>,
    /// Only topics that are open; the answer does not reset the age of the whole picture (MD5).
    pub partial: bool,
    /// Whether asking may create a missing topic.
    pub allow_auto_topic_creation: bool,
}

impl MetadataRequestSpec {
    /// The body for a broker that takes `version`.
    ///
    /// In version 0 (Kafka below 0.10) a request that names no topic asks for all of them, there is no other way; the
    /// machine leaves out of the answer what nobody wanted. Below version 4 the broker alone decides on auto-creation.
    #[must_use]
    pub fn body(&self, version: i16) -> MetadataRequest {
        let topic = |name: &TopicName| MetadataRequestTopic {
            topic_id: TopicId::ZERO,
            name: Some(KafkaString::from(name)),
            ..Default::default()
        };
        MetadataRequest {
            topics: Some(self.topics.iter().map(topic).collect()),
            allow_auto_topic_creation: self.allow_auto_topic_creation || version < AUTO_CREATION_FROM,
            ..MetadataRequest::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kp_protocol::{ApiKey, encode_body};

    #[test]
    fn the_body_can_be_written_in_every_version() {
        let spec = MetadataRequestSpec {
            topics: vec!["t".into()],
            partial: false,
            allow_auto_topic_creation: false,
        };
        for version in ApiKey::Metadata.versions().min..=ApiKey::Metadata.versions().max {
            let body = spec.body(version);
            assert!(encode_body(version, &body).is_ok(), "v{version}");
            assert_eq!(body.allow_auto_topic_creation, version < 4, "v{version}");
        }
    }
}
