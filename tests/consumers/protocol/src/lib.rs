//! A user of the protocol alone: requests to bytes, and bytes to requests, with no IO of any kind.
#![forbid(unsafe_code)]

use kp_protocol::api::MetadataRequest;
use kp_protocol::{Message, ProtocolError, encode_body};

/// A Metadata request's body for all topics, in a version.
///
/// # Errors
/// As [`encode_body`].
pub fn all_topics(version: i16) -> Result<Vec<u8>, ProtocolError> {
    let request = MetadataRequest { topics: None, ..MetadataRequest::default() };
    Ok(encode_body(version, &request)?.concat())
}

/// Whether a body asks for all topics.
///
/// # Errors
/// As [`Message::parse`].
pub fn asks_for_all(body: Vec<u8>, version: i16) -> Result<bool, ProtocolError> {
    Ok(MetadataRequest::parse(&body.into(), version)?.topics.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_packaged_protocol_reads_what_it_wrote() {
        for version in 1..=13 {
            let body = all_topics(version).expect("it fits");
            assert!(asks_for_all(body, version).expect("it reads"), "v{version}");
        }
    }
}
