//! SaslAuthenticate (API 36): the tokens of a SASL exchange.

use bytes::Bytes;

use crate::wire::wire;
use crate::{ErrorCode, KafkaString};

wire! {
    /// A token of the client's. Source: KIP-152.
    request SaslAuthenticateRequest (api SaslAuthenticate, answer SaslAuthenticateResponse, versions 0..=2, flexible 2..) {
        /// The token.
        [0..; secret] auth_bytes: Bytes,
    }
}

wire! {
    /// A token of the broker's, or why the client is refused. Source: KIP-152, KIP-368.
    response SaslAuthenticateResponse (api SaslAuthenticate, versions 0..=2, flexible 2..) {
        /// What went wrong, or `NONE`.
        [0..] error_code: ErrorCode,
        /// What went wrong, in words, if the broker says.
        [0..; nullable 0..] error_message: Option<KafkaString>,
        /// The token.
        [0..; secret] auth_bytes: Bytes,
        /// Milliseconds after which the broker wants to see new credentials, 0 = never (KIP-368).
        [1..; ignorable] session_lifetime_ms: i64,
    }
}
