//! A Metadata request under way: what it asks for, and its body in any version.

use kp_protocol::api::{MetadataRequest, MetadataRequestTopic};
use kp_protocol::{KafkaString, TopicId, TopicName};

/// One request under way: [`Metadata::begin_request`](crate::Metadata::begin_request) hands it out, and its end consumes
/// it: [`answered`](crate::Metadata::answered), [`failed`](crate::Metadata::failed) or
/// [`rebootstrap`](crate::Metadata::rebootstrap). Until then the machine starts no other.
///
/// ```compile_fail
/// # fn end_twice(metadata: &mut kp_metadata::Metadata, pending: kp_metadata::Pending, now: std::time::Instant) {
/// metadata.failed(now, pending);
/// metadata.failed(now, pending); // moved: a request ends once
/// # }
/// ```
#[derive(Debug, PartialEq, Eq)]
#[must_use = "no further request begins before this one was answered or has failed"]
pub struct Pending {
    topics: Vec<TopicName>,
    is_partial: bool,
    allow_auto_topic_creation: bool,
}

impl Pending {
    pub(crate) fn new(topics: Vec<TopicName>, is_partial: bool, allow_auto_topic_creation: bool) -> Self {
        Self { topics, is_partial, allow_auto_topic_creation }
    }

    /// The topics asked about, in the order of their names.
    #[must_use]
    pub fn topics(&self) -> &[TopicName] {
        &self.topics
    }

    /// Whether it asks about open topics only; its answer does not reset the age of the whole picture (MD5).
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.is_partial
    }

    /// The body for a broker that takes `version`.
    ///
    /// In version 0 (Kafka below 0.10) a request that names no topic asks for all of them, there is no other way; the
    /// machine leaves topics without interest out of the answer. Below version 4 the broker alone decides on auto-creation.
    #[must_use]
    pub fn body(&self, version: i16) -> MetadataRequest {
        let topic = |name: &TopicName| MetadataRequestTopic {
            topic_id: TopicId::ZERO,
            name: Some(KafkaString::from(name)),
            ..Default::default()
        };
        MetadataRequest {
            topics: Some(self.topics.iter().map(topic).collect()),
            allow_auto_topic_creation: self.allow_auto_topic_creation
                || version < MetadataRequest::AUTO_CREATION_FROM,
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
        let pending = Pending::new(vec!["t".into()], false, false);
        for version in ApiKey::Metadata.versions().min..=ApiKey::Metadata.versions().max {
            let body = pending.body(version);
            assert!(encode_body(version, &body).is_ok(), "v{version}");
            assert_eq!(body.allow_auto_topic_creation, version < 4, "v{version}");
        }
    }
}
