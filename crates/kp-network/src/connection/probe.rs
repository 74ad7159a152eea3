//! What is asked right behind the first ApiVersions, so that a broker that does not know ApiVersions gives itself away:
//! Metadata v0, which every Kafka answers. Brokers answer in order, so an answer to this one first is no answer to
//! ApiVersions at all (0.9).

use bytes::Bytes;
use kp_protocol::api::{MetadataRequest, MetadataRequestTopic, MetadataResponse};
use kp_protocol::{
    ApiKey, KafkaString, Message, ProtocolError, Segments, decode_response_header, encode_body, request_head,
};

/// No topic can have this name. An empty list would fetch the whole cluster, a legal name might create a topic;
/// for this one 0.9.0.1, 3.9.1 and 4.3.0 answer INVALID_TOPIC_EXCEPTION and create nothing.
const NAME: &str = "/";
const VERSION: i16 = 0;

/// The request: its head, and the pieces of its body.
pub(super) fn request(
    correlation_id: i32,
    client_id: Option<&str>,
) -> Result<(Bytes, Segments), ProtocolError> {
    let topic = MetadataRequestTopic { name: Some(KafkaString::from_static(NAME)), ..Default::default() };
    let request = MetadataRequest { topics: Some(vec![topic]), ..MetadataRequest::default() };
    let body = encode_body(VERSION, &request)?;
    let size = body.iter().map(Bytes::len).sum();
    Ok((request_head(ApiKey::Metadata, VERSION, correlation_id, client_id, size)?, body))
}

/// Whether `frame` is a Metadata answer. What it says about the name does not matter.
pub(super) fn check_answer(frame: &Bytes) -> Result<(), ProtocolError> {
    let (_, body) = decode_response_header(ApiKey::Metadata, VERSION, frame)?;
    MetadataResponse::parse(&body, VERSION).map(drop)
}
