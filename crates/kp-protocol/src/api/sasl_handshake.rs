//! SaslHandshake (API 17): chooses a mechanism. Never flexible.

use crate::wire::wire;
use crate::{ErrorCode, KafkaString};

wire! {
    /// Chooses a SASL mechanism. After version 0 the tokens follow bare, after version 1 in
    /// [`SaslAuthenticateRequest`](super::SaslAuthenticateRequest)s. Source: KIP-43, KIP-152.
    request SaslHandshakeRequest (api SaslHandshake, answer SaslHandshakeResponse, versions 0..=1, flexible never) {
        /// The mechanism the client wants (`sasl.mechanism`).
        [0..] mechanism: KafkaString,
    }
}

wire! {
    /// Whether the broker has the mechanism. Source: KIP-43.
    response SaslHandshakeResponse (api SaslHandshake, versions 0..=1, flexible never) {
        /// What went wrong, or `NONE`.
        [0..] error_code: ErrorCode,
        /// The mechanisms the broker has.
        [0..] mechanisms: Vec<KafkaString>,
    }
}
