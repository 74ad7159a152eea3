//! The messages that carry an exchange of SASL: the same during the set-up of a connection and when a session is renewed.
//! Owns nothing. Never: what is said or believed; that is [`SaslExchange`]'s.

use bytes::Bytes;
use kp_protocol::api::{SaslAuthenticateRequest, SaslAuthenticateResponse, SaslHandshakeResponse};
use kp_protocol::{ApiKey, Message, ProtocolError, Segments, encode_body};
use kp_sasl::{SaslExchange, SaslFailure, SaslOutput, Secret};
use std::sync::Arc;

/// Why a step of an exchange ends the connection.
#[derive(Debug)]
pub(crate) enum Broken {
    /// One end did not agree.
    Refused(SaslFailure),
    /// The broker broke the protocol.
    Protocol(Arc<str>),
}

/// The broker answered a request of the exchange.
pub(super) fn answered(
    exchange: &mut SaslExchange,
    api: ApiKey,
    version: i16,
    body: &Bytes,
) -> Result<SaslOutput, Broken> {
    let unreadable = |error| Broken::Protocol(format!("{api} answer: {error}").into());
    let output = if api == ApiKey::SaslHandshake {
        exchange.on_handshake(&SaslHandshakeResponse::parse(body, version).map_err(unreadable)?)
    } else {
        exchange.on_authenticate(&SaslAuthenticateResponse::parse(body, version).map_err(unreadable)?)
    };
    output.map_err(Broken::Refused)
}

/// The body of a SaslAuthenticate request.
pub(crate) fn token_body(token: Secret, version: i16) -> Result<Segments, ProtocolError> {
    encode_body(version, &SaslAuthenticateRequest { auth_bytes: token.into_bytes(), ..Default::default() })
}
