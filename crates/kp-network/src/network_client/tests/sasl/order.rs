//! Which messages go when, and when the connection is ready.

use super::*;

// SE1, SE2
#[test]
fn a_connection_is_ready_only_after_versions_handshake_and_token() {
    let mut stage = Stage::with(with(plain()));
    let number = stage.versions_told(&speaks_sasl());
    assert_eq!(stage.why(A), Some(WaitReason::Authenticating));
    let header = stage.handshake(number, "PLAIN");
    stage.give(number, &header, &offers(&["SCRAM-SHA-256", "PLAIN"]));
    assert!(stage.turn().is_empty());
    let (header, token) = stage.token(number);
    assert_eq!(&token[..], b"\0alice\0alice-secret");
    assert_eq!(stage.why(A), Some(WaitReason::Authenticating));
    stage.give(number, &header, &SaslAuthenticateResponse::default());
    assert!(is_connected(&stage.turn()));
    assert_eq!(stage.why(A), None);
    stage.send(number, A, 1);
    let (header, _) = stage.request(number);
    stage.answer(number, &header, b"body");
    assert_eq!(answered(&stage.turn()).len(), 1);
}

// SE5
#[test]
fn a_client_that_authenticates_never_sends_the_probe_for_old_brokers() {
    let mut stage = Stage::unknown(with(plain()));
    let number = stage.accepted(A);
    assert_eq!(stage.request(number).0.api, ApiKey::ApiVersions);
}

// SE5
#[test]
fn a_close_before_the_versions_are_told_names_both_settings_that_may_be_wrong() {
    let mut stage = Stage::unknown(with(plain()));
    let number = stage.accepted(A);
    stage.net.give(number, Vec::new());
    let words = broken(&stage.turn()).2.to_string();
    assert!(words.contains("security.protocol") && words.contains("broker.version.fallback"), "{words}");
}

// SE4
#[test]
fn tokens_of_a_broker_before_1_0_go_bare_behind_a_handshake_of_version_0() {
    let mut stage = Stage::with(with(plain()));
    let number = stage.versions_told(&speaks_bare_sasl());
    let (header, _) = stage.request(number);
    assert_eq!((header.api, header.version), (ApiKey::SaslHandshake, 0));
    stage.give(number, &header, &offers(&["PLAIN"]));
    assert!(stage.turn().is_empty());
    assert_eq!(stage.net.taken(number), b"\0\0\0\x13\0alice\0alice-secret");
    stage.net.give(number, vec![0; 4]);
    assert!(is_connected(&stage.turn()));
}

// SE4, SE9
#[test]
fn a_broker_before_1_0_that_closes_on_a_token_has_refused_it() {
    let mut stage = Stage::with(with(plain()));
    let number = stage.versions_told(&speaks_bare_sasl());
    let (header, _) = stage.request(number);
    stage.give(number, &header, &offers(&["PLAIN"]));
    stage.turn();
    stage.net.give(number, Vec::new());
    let failure = security(&stage.turn());
    assert_eq!(failure.stage(), SecurityStage::SaslToken);
    assert!(failure.to_string().contains("Kafka before 1.0 gives no reason"), "{failure}");
}

// SE29
#[test]
fn a_broker_of_today_that_closes_on_a_token_has_only_closed() {
    let mut stage = Stage::with(with(plain()));
    let number = stage.shaken("PLAIN");
    stage.net.give(number, Vec::new());
    assert_eq!(broken(&stage.turn()).2, DisconnectReason::ClosedByBroker);
}

/// Shows two bare tokens; the second is the last word, as in Kerberos.
#[derive(Debug)]
struct TwoTokens(u32);

impl SaslMechanism for TwoTokens {
    fn name(&self) -> &str {
        "GSSAPI"
    }

    fn step(&mut self, _: Option<&[u8]>) -> Result<SaslStep, SaslFailure> {
        self.0 += 1;
        Ok(SaslStep::Send(Secret::from(format!("token {}", self.0))))
    }

    fn is_complete(&self) -> bool {
        self.0 == 2
    }
}

#[derive(Debug)]
struct Kerberos;

impl crate::SaslProvider for Kerberos {
    fn begin(&self, host: &str) -> Result<Box<dyn SaslMechanism>, SaslFailure> {
        assert_eq!(host, "10.0.0.1");
        Ok(Box::new(TwoTokens(0)))
    }
}

// SE5
#[test]
fn a_broker_of_0_9_gets_bare_tokens_from_the_first_byte_and_the_last_one_gets_no_answer() {
    let version_fallback = Some(OldKafka::V0_9_0);
    let settings = NetworkSettings { sasl: Some(Arc::new(Kerberos)), version_fallback, ..settings() };
    let mut stage = Stage::unknown(settings);
    let number = stage.accepted(A);
    assert_eq!(stage.net.taken(number), b"\0\0\0\x07token 1");
    // The last token fits only in part: until it is written, the connection is not ready.
    stage.net.room(number, 5);
    stage.net.give(number, b"\0\0\0\x02ok".to_vec());
    assert!(stage.turn().is_empty());
    assert_eq!(stage.why(A), Some(WaitReason::Authenticating));
    stage.net.room(number, usize::MAX);
    assert!(is_connected(&stage.turn()));
    assert_eq!(stage.net.taken(number), b"\0\0\0\x07token 2");
}

// SE8: a handshake on a connection that is no SASL connection is answered, and the connection stays.
#[test]
fn a_listener_without_sasl_is_named_as_one() {
    let mut stage = Stage::with(with(plain()));
    let number = stage.versions_told(&speaks_sasl());
    let header = stage.handshake(number, "PLAIN");
    let answer = SaslHandshakeResponse { error_code: ErrorCode::ILLEGAL_SASL_STATE, ..Default::default() };
    stage.give(number, &header, &answer);
    let failure = security(&stage.turn());
    assert_eq!(failure.code(), Some(ErrorCode::ILLEGAL_SASL_STATE));
    assert!(failure.to_string().contains("security.protocol"), "{failure}");
    assert!(!stage.net.is_open(number));
}

#[test]
fn a_broker_without_a_handshake_cannot_be_authenticated_to() {
    let mut stage = Stage::with(with(plain()));
    let number = stage.accepted(A);
    let (header, _) = stage.request(number);
    stage.give(number, &header, &speaks());
    let failure = security(&stage.turn());
    assert_eq!(failure.stage(), SecurityStage::SaslHandshake);
    assert!(!stage.net.is_open(number));
}

#[test]
fn what_is_being_written_is_not_in_the_debug_text_of_the_client() {
    let mut stage = Stage::with(with(plain()));
    let number = stage.versions_told(&speaks_sasl());
    let header = stage.handshake(number, "PLAIN");
    stage.net.room(number, 0);
    stage.give(number, &header, &offers(&["PLAIN"]));
    assert!(stage.turn().is_empty());
    let shown = format!("{:?}", stage.client);
    assert!(!shown.contains("alice-secret") && shown.contains("Authenticating"), "{shown}");
}
