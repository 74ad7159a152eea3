//! Kafka's wire format and record formats, both directions, without a client or a runtime.
//!
//! | Looking for | Go to |
//! |---|---|
//! | a request or response | [`api`]: one struct for each message, all versions; of any API, [`api::AnyRequest`] |
//! | bytes of it | [`Message`], [`encode_request`], [`encode_body`], [`decode_response_header`]; for a broker [`decode_request_header`], [`encode_response`] |
//! | Produce without structs, for many a second | [`ProduceWriter`], [`read_plain_acks`] |
//! | frames out of a stream | [`FrameReader`] |
//! | the version both ends speak | [`ApiKey`], [`BrokerVersions`] |
//! | what a broker's error means | [`ErrorCode`] |
//! | records and batches | [`records`] |
//! | codecs | [`compression`] |
//! | varints | [`varint`] |
//!
//! Bytes from outside are never trusted: every length is compared with what is left before anything is allocated, and
//! whatever is wrong comes back as a [`ProtocolError`]. Nothing here reads a clock, opens a socket or starts a
//! thread.
//!
//! Ask for metadata, and read the answer:
//!
//! ```
//! use bytes::Bytes;
//! use kp_protocol::api::{MetadataRequest, MetadataRequestTopic, MetadataResponse};
//! use kp_protocol::{ApiKey, FrameReader, Message, RequestHeader, Segments};
//! use kp_protocol::{decode_response_header, encode_request, encode_response};
//!
//! let topic = MetadataRequestTopic { name: Some("payments".into()), ..Default::default() };
//! let request = MetadataRequest { topics: Some(vec![topic]), ..Default::default() };
//! let header = RequestHeader { correlation_id: 1, client_id: Some("example") };
//! let to_be_written: Segments = encode_request(&header, 12, &request)?;
//!
//! # let from_the_socket = encode_response(12, 1, &MetadataResponse { controller_id: 3, ..Default::default()
//! })?.concat();
//! let mut frames = FrameReader::default();
//! frames.extend(&from_the_socket);
//! while let Some(frame) = frames.next_frame()? {
//!     let (correlation_id, body) = decode_response_header(ApiKey::Metadata, 12, &frame)?;
//!     let response = MetadataResponse::parse(&body, 12)?;
//!     assert_eq!((correlation_id, response.controller_id), (1, 3));
//! }
//! # Ok::<(), kp_protocol::ProtocolError>(())
//! ```

#![forbid(unsafe_code)]

pub mod api;
mod api_key;
mod broker_id;
mod broker_versions;
pub mod compression;
mod element_sink;
mod error;
mod error_code;
mod field;
mod frame;
#[cfg(test)]
mod golden_tests;
#[cfg(test)]
mod golden_values;
mod kafka_string;
#[cfg(test)]
mod message_tests;
mod old_kafka;
mod primitive;
mod produce_wire;
mod producer_identity;
mod record_data;
pub mod records;
mod rule;
#[cfg(test)]
mod sample;
mod schema;
mod segments;
mod tagged;
pub mod text;
mod timestamp;
mod topic_partition;
mod unknown_tags;
pub mod varint;
mod wire;
mod wire_buf;

pub use api_key::{ApiKey, VersionRange};
pub use broker_id::{BrokerAddress, BrokerId, LeaderEpoch};
pub use broker_versions::{BrokerVersions, TransactionVersion};
pub use element_sink::ElementSink;
pub use error::{Fault, ProtocolError};
pub use error_code::ErrorCode;
pub use frame::{
    DEFAULT_MAX_FRAME, FrameReader, ReceivedHeader, RequestHeader, decode_request_header,
    decode_response_header, encode_body, encode_request, encode_response, request_head, request_head_in,
};
pub use kafka_string::KafkaString;
pub use old_kafka::OldKafka;
pub use produce_wire::{PlainAck, ProduceBody, ProduceWriter, read_plain_acks};
pub use producer_identity::{Acks, BatchIdentity, ProducerIdentity, Sequence};
pub use record_data::Records;
pub use schema::{SchemaRow, SchemaTable};
pub use segments::{IntoPieces, Segments};
pub use timestamp::Timestamp;
pub use topic_partition::{Offset, PartitionId, TopicId, TopicName, TopicPartition};
pub use unknown_tags::UnknownTags;
pub use wire::{Message, Request};
pub use wire_buf::WireBuf;

/// The examples of the README, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
