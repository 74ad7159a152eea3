//! SASL between ApiVersions and ready: what is sent, what is believed, and what each misdeed of a broker comes to.

use super::*;
use crate::{SaslCredentials, SaslLogin, ScramHash, Secret, SecurityFailure, SecurityStage, SetupStage};
use kp_protocol::api::{
    SaslAuthenticateRequest, SaslAuthenticateResponse, SaslHandshakeRequest, SaslHandshakeResponse,
};
use kp_protocol::{KafkaString, Message, OldKafka, encode_response};
use kp_sasl::{SaslFailure, SaslMechanism, SaslStep, Work, Worked};

mod ahead;
mod failures;
mod hostile;
mod order;
mod refused;
mod reloaded;
mod renewal;
mod reported;
mod scram;

fn plain() -> SaslCredentials {
    SaslCredentials::plain("alice", Secret::from("alice-secret"))
}

fn with(credentials: SaslCredentials) -> NetworkSettings {
    NetworkSettings { sasl: Some(Arc::new(SaslLogin::new(credentials).unwrap())), ..settings() }
}

/// What a broker with SASL speaks.
fn speaks_sasl() -> ApiVersionsResponse {
    let range = |key: ApiKey, min_version, max_version| ApiVersion {
        api_key: key.key(),
        min_version,
        max_version,
        ..Default::default()
    };
    let mut answer = speaks();
    answer.api_keys.push(range(ApiKey::SaslHandshake, 0, 1));
    answer.api_keys.push(range(ApiKey::SaslAuthenticate, 0, 2));
    answer
}

/// As [`speaks_sasl`], from a broker before 1.0: tokens go bare.
fn speaks_bare_sasl() -> ApiVersionsResponse {
    let mut answer = speaks_sasl();
    answer.api_keys.retain(|range| range.api_key != ApiKey::SaslAuthenticate.key());
    answer
}

impl Stage {
    /// A connection whose ApiVersions was answered with this; nothing is said of it.
    fn versions_told(&mut self, answer: &ApiVersionsResponse) -> ConnectionNumber {
        let number = self.accepted(A);
        let (header, _) = self.request(number);
        self.give(number, &header, answer);
        assert!(self.turn().is_empty());
        number
    }

    fn give<M: Message>(&self, number: ConnectionNumber, header: &ReceivedHeader, answer: &M) {
        let bytes = encode_response(header.version, header.correlation_id, answer).unwrap().concat();
        self.net.give(number, bytes);
    }

    /// The client asks for a mechanism; answers the request's header.
    fn handshake(&self, number: ConnectionNumber, mechanism: &str) -> ReceivedHeader {
        let (header, body) = self.request(number);
        assert_eq!((header.api, header.version), (ApiKey::SaslHandshake, 1));
        let asked = SaslHandshakeRequest::parse(&body, header.version).unwrap();
        assert_eq!(&*asked.mechanism, mechanism);
        header
    }

    /// A connection whose handshake the broker has taken.
    fn shaken(&mut self, mechanism: &str) -> ConnectionNumber {
        let number = self.versions_told(&speaks_sasl());
        let header = self.handshake(number, mechanism);
        self.give(number, &header, &offers(&[mechanism]));
        assert!(self.turn().is_empty());
        number
    }

    /// The client shows a token; answers the request's header and the token.
    fn token(&self, number: ConnectionNumber) -> (ReceivedHeader, Bytes) {
        let (header, body) = self.request(number);
        assert_eq!((header.api, header.version), (ApiKey::SaslAuthenticate, 2));
        let asked = SaslAuthenticateRequest::parse(&body, header.version).unwrap();
        (header, asked.auth_bytes)
    }

    /// The broker answers a token; what comes of it.
    fn judged(&mut self, number: ConnectionNumber, answer: &SaslAuthenticateResponse) -> Vec<Event> {
        let (header, _) = self.token(number);
        self.give(number, &header, answer);
        self.turn()
    }
}

fn offers(mechanisms: &[&str]) -> SaslHandshakeResponse {
    let mechanisms = mechanisms.iter().map(|name| KafkaString::from(*name)).collect();
    SaslHandshakeResponse { mechanisms, ..Default::default() }
}

fn refusal(code: ErrorCode, message: &str) -> SaslAuthenticateResponse {
    SaslAuthenticateResponse { error_code: code, error_message: Some(message.into()), ..Default::default() }
}

/// The only event, which must be a failure of security.
fn security(events: &[Event]) -> Arc<SecurityFailure> {
    let (_, _, reason) = broken(events);
    assert!(reason.is_security(), "{reason}");
    Arc::clone(reason.security().unwrap())
}

fn protocol_error(events: &[Event]) -> String {
    match broken(events).2 {
        DisconnectReason::ProtocolError(words) => words.to_string(),
        other => panic!("{other:?}"),
    }
}

fn is_connected(events: &[Event]) -> bool {
    matches!(events, [Event::Connected { broker: A, .. }])
}
