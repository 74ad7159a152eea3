//! A request or response of any API, for callers that learn only at run time which one it is: brokers, proxies, tools.

use bytes::Bytes;

use crate::api_key::ApiKey;
use crate::error::ProtocolError;
use crate::frame::encode_body;
use crate::wire::Message;

use super::*;

macro_rules! any_message {
    ($(#[$doc:meta])* $Any:ident { $($Api:ident($Message:ident),)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        #[allow(clippy::large_enum_variant, reason = "a value on its way from bytes to a match, not kept in numbers")]
        pub enum $Any {
            $(
                #[doc = concat!("See [`", stringify!($Message), "`].")]
                $Api($Message),
            )*
        }

        impl $Any {
            /// Reads a body.
            ///
            /// # Errors
            /// As [`Message::parse`].
            pub fn parse(api: ApiKey, version: i16, body: &Bytes) -> Result<Self, ProtocolError> {
                match api {
                    $(ApiKey::$Api => $Message::parse(body, version).map(Self::$Api),)*
                }
            }

            /// Reads a body and keeps the tagged fields that this crate does not know.
            ///
            /// # Errors
            /// As [`Message::parse`].
            pub fn parse_keeping_unknown(
                api: ApiKey,
                version: i16,
                body: &Bytes,
            ) -> Result<Self, ProtocolError> {
                match api {
                    $(ApiKey::$Api => $Message::parse_keeping_unknown(body, version).map(Self::$Api),)*
                }
            }

            /// Which API it belongs to.
            #[must_use]
            pub fn api(&self) -> ApiKey {
                match self {
                    $(Self::$Api(_) => ApiKey::$Api,)*
                }
            }

            /// The body in segments, as [`encode_body`].
            ///
            /// # Errors
            /// As [`Message::size`].
            pub fn encode(&self, version: i16) -> Result<crate::Segments, ProtocolError> {
                match self {
                    $(Self::$Api(message) => encode_body(version, message),)*
                }
            }
        }

        $(
            impl From<$Message> for $Any {
                fn from(message: $Message) -> Self {
                    Self::$Api(message)
                }
            }
        )*
    };
}

any_message! {
    /// A request of any API.
    ///
    /// ```
    /// use kp_protocol::api::{AnyRequest, AnyResponse, ApiVersionsResponse};
    /// use kp_protocol::{ErrorCode, decode_request_header, encode_response};
    /// # use kp_protocol::{RequestHeader, api::ApiVersionsRequest, encode_request};
    /// # let header = RequestHeader { correlation_id: 1, client_id: None };
    /// # let frame = bytes::Bytes::from(encode_request(&header, 0, &ApiVersionsRequest::default())?.concat()).slice(4..);
    /// // A broker that knows one answer.
    /// let (header, body) = decode_request_header(&frame)?;
    /// let segments = match AnyRequest::parse(header.api, header.version, &body)? {
    ///     AnyRequest::ApiVersions(_) => {
    ///         let response = ApiVersionsResponse { error_code: ErrorCode::NONE, ..Default::default() };
    ///         encode_response(header.version, header.correlation_id, &response)?
    ///     }
    ///     other => panic!("no answer to {}", other.api()),
    /// };
    /// assert_eq!(segments.concat(), b"\0\0\0\x0a\0\0\0\x01\0\0\0\0\0\0");
    /// # Ok::<(), kp_protocol::ProtocolError>(())
    /// ```
    AnyRequest {
        Produce(ProduceRequest),
        Fetch(FetchRequest),
        ListOffsets(ListOffsetsRequest),
        Metadata(MetadataRequest),
        OffsetFetch(OffsetFetchRequest),
        FindCoordinator(FindCoordinatorRequest),
        SaslHandshake(SaslHandshakeRequest),
        ApiVersions(ApiVersionsRequest),
        CreateTopics(CreateTopicsRequest),
        DeleteTopics(DeleteTopicsRequest),
        InitProducerId(InitProducerIdRequest),
        AddPartitionsToTxn(AddPartitionsToTxnRequest),
        AddOffsetsToTxn(AddOffsetsToTxnRequest),
        EndTxn(EndTxnRequest),
        TxnOffsetCommit(TxnOffsetCommitRequest),
        DescribeConfigs(DescribeConfigsRequest),
        SaslAuthenticate(SaslAuthenticateRequest),
        DescribeCluster(DescribeClusterRequest),
        DescribeProducers(DescribeProducersRequest),
        DescribeTransactions(DescribeTransactionsRequest),
        ListTransactions(ListTransactionsRequest),
        GetTelemetrySubscriptions(GetTelemetrySubscriptionsRequest),
        PushTelemetry(PushTelemetryRequest),
    }
}

any_message! {
    /// A response of any API.
    AnyResponse {
        Produce(ProduceResponse),
        Fetch(FetchResponse),
        ListOffsets(ListOffsetsResponse),
        Metadata(MetadataResponse),
        OffsetFetch(OffsetFetchResponse),
        FindCoordinator(FindCoordinatorResponse),
        SaslHandshake(SaslHandshakeResponse),
        ApiVersions(ApiVersionsResponse),
        CreateTopics(CreateTopicsResponse),
        DeleteTopics(DeleteTopicsResponse),
        InitProducerId(InitProducerIdResponse),
        AddPartitionsToTxn(AddPartitionsToTxnResponse),
        AddOffsetsToTxn(AddOffsetsToTxnResponse),
        EndTxn(EndTxnResponse),
        TxnOffsetCommit(TxnOffsetCommitResponse),
        DescribeConfigs(DescribeConfigsResponse),
        SaslAuthenticate(SaslAuthenticateResponse),
        DescribeCluster(DescribeClusterResponse),
        DescribeProducers(DescribeProducersResponse),
        DescribeTransactions(DescribeTransactionsResponse),
        ListTransactions(ListTransactionsResponse),
        GetTelemetrySubscriptions(GetTelemetrySubscriptionsResponse),
        PushTelemetry(PushTelemetryResponse),
    }
}
