//! What is asked right behind the first ApiVersions, so that a broker that does not know ApiVersions gives itself away:
//! Metadata v0, which every Kafka answers. Brokers answer in order, so an answer to this one first is no answer to
//! ApiVersions at all (0.9).

use bytes::Bytes;
use kp_protocol::api::{MetadataRequest, MetadataRequestTopic, MetadataResponse};
use kp_protocol::{KafkaString, Message, ProtocolError, Segments, encode_body};

/// No topic can have this name. An empty list would fetch the whole cluster, a legal name might create a topic;
/// for this one 0.9.0.1, 3.9.1 and 4.3.0 answer INVALID_TOPIC_EXCEPTION and create nothing.
const NAME: &str = "/";
/// The version of Metadata in which it is asked.
pub(super) const VERSION: i16 = 0;

/// The body of the request.
pub(super) fn body() -> Result<Segments, ProtocolError> {
    let topic = MetadataRequestTopic { name: Some(KafkaString::from_static(NAME)), ..Default::default() };
    encode_body(VERSION, &MetadataRequest { topics: Some(vec![topic]), ..MetadataRequest::default() })
}

/// Whether `body` is a Metadata answer. What it says about the name does not matter.
pub(super) fn check_answer(body: &Bytes) -> Result<(), ProtocolError> {
    MetadataResponse::parse(body, VERSION).map(drop)
}
