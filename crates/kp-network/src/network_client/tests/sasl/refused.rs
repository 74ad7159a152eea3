//! Credentials that a broker refuses are told to where they came from, before the next attempt asks there.

use super::*;
use crate::SaslProvider;
use std::sync::Mutex;

const REFUSED: ErrorCode = ErrorCode::SASL_AUTHENTICATION_FAILED;

/// Keeps in mind whose credentials were refused.
#[derive(Debug)]
struct Told {
    login: SaslLogin,
    refused: Mutex<Vec<String>>,
}

impl Told {
    fn refused(&self) -> Vec<String> {
        std::mem::take(&mut self.refused.lock().unwrap())
    }
}

impl SaslProvider for Told {
    fn begin(&self, host: &str) -> Result<Box<dyn SaslMechanism>, SaslFailure> {
        self.login.begin(host)
    }

    fn refused(&self, mechanism: &dyn SaslMechanism) {
        let secret = ["alice-secret", "a-token"].into_iter().find(|secret| mechanism.is_secret_in(secret));
        self.refused.lock().unwrap().extend(secret.map(str::to_owned));
    }
}

fn told(credentials: SaslCredentials) -> (Stage, Arc<Told>) {
    let told = Told { login: SaslLogin::new(credentials).unwrap(), refused: Mutex::default() };
    let told = Arc::new(told);
    (Stage::with(NetworkSettings { sasl: Some(Arc::clone(&told) as _), ..settings() }), told)
}

// SE25
#[test]
fn refused_credentials_are_told_to_their_provider() {
    let (mut stage, told) = told(plain());
    let number = stage.shaken("PLAIN");
    security(&stage.judged(number, &refusal(REFUSED, "no")));
    assert_eq!(told.refused(), ["alice-secret"]);
}

// SE14, SE25
#[test]
fn a_refused_token_is_told_when_the_broker_has_said_why_or_closes_instead() {
    for closes in [false, true] {
        let (mut stage, told) = told(SaslCredentials::oauth_bearer(Secret::from("a-token")));
        let number = stage.shaken("OAUTHBEARER");
        let (header, _) = stage.token(number);
        let why =
            SaslAuthenticateResponse { auth_bytes: r#"{"status":"expired"}"#.into(), ..Default::default() };
        stage.give(number, &header, &why);
        assert!(stage.turn().is_empty() && told.refused().is_empty());
        let events = if closes {
            stage.net.give(number, Vec::new());
            stage.turn()
        } else {
            stage.judged(number, &refusal(REFUSED, "no"))
        };
        assert!(security(&events).to_string().contains("expired"));
        assert_eq!(told.refused(), ["a-token"]);
    }
}

// SE4
#[test]
fn a_close_in_place_of_a_bare_answer_is_told_as_a_refusal() {
    let (mut stage, told) = told(plain());
    let number = stage.versions_told(&speaks_bare_sasl());
    let (header, _) = stage.request(number);
    stage.give(number, &header, &offers(&["PLAIN"]));
    assert!(stage.turn().is_empty());
    stage.net.give(number, Vec::new());
    security(&stage.turn());
    assert_eq!(told.refused(), ["alice-secret"]);
}

/// The bare handshake of a broker that does not list SaslAuthenticate.
fn bare(stage: &mut Stage, mechanism: &str) -> ConnectionNumber {
    let number = stage.versions_told(&speaks_bare_sasl());
    let (header, _) = stage.request(number);
    stage.give(number, &header, &offers(&[mechanism]));
    assert!(stage.turn().is_empty());
    number
}

/// H25
#[test]
fn a_secret_that_goes_bare_and_in_the_clear_is_told_once() {
    let notice = |mechanism: &str| SecurityNotice::BareTokens { mechanism: mechanism.to_owned() };
    let mut stage = Stage::with(with(plain()));
    for _ in 0..2 {
        let number = bare(&mut stage, "PLAIN");
        assert_eq!(stage.notices, [notice("PLAIN")]);
        stage.net.give(number, Vec::new());
        stage.turn();
        stage.clock.advance(MS(100));
    }
    let mut stage = Stage::with(with(SaslCredentials::oauth_bearer(Secret::from("a-token"))));
    bare(&mut stage, "OAUTHBEARER");
    assert_eq!(stage.notices, [notice("OAUTHBEARER")]);
}

/// H25
#[test]
fn nothing_is_told_where_no_secret_can_be_read_or_the_broker_lists_what_it_should() {
    let scram = SaslCredentials::scram(ScramHash::Sha256, "alice", Secret::from("alice-secret"));
    let mut stage = Stage::with(with(scram));
    bare(&mut stage, "SCRAM-SHA-256");
    assert_eq!(stage.notices, []);
    let mut stage = Stage::with(with(plain()));
    stage.net.encrypts();
    bare(&mut stage, "PLAIN");
    assert_eq!(stage.notices, []);
    let mut stage = Stage::with(with(plain()));
    stage.shaken("PLAIN");
    assert_eq!(stage.notices, []);
}

// H44
#[test]
fn credentials_that_are_refused_for_a_renewal_are_told_too() {
    let (mut stage, told) = told(plain());
    let number = stage.shaken("PLAIN");
    let yes = SaslAuthenticateResponse { session_lifetime_ms: 10_000, ..Default::default() };
    assert!(is_connected(&stage.judged(number, &yes)));
    stage.clock.advance(MS(9_600));
    assert_eq!(stage.why(A), Some(WaitReason::Authenticating));
    let header = stage.handshake(number, "PLAIN");
    stage.give(number, &header, &offers(&["PLAIN"]));
    stage.turn();
    security(&stage.judged(number, &refusal(REFUSED, "Cannot change principals")));
    assert_eq!(told.refused(), ["alice-secret"]);
}

#[test]
fn what_is_not_about_the_credentials_is_not_told_as_their_refusal() {
    let ends: [fn(&mut Stage); 3] = [
        |stage| {
            let number = stage.versions_told(&speaks_sasl());
            let header = stage.handshake(number, "PLAIN");
            let error_code = ErrorCode::UNSUPPORTED_SASL_MECHANISM;
            stage.give(number, &header, &SaslHandshakeResponse { error_code, ..offers(&[]) });
            security(&stage.turn());
        },
        |stage| {
            let number = stage.shaken("PLAIN");
            stage.net.give(number, Vec::new());
            assert!(!broken(&stage.turn()).2.is_security());
        },
        |stage| {
            let number = stage.shaken("PLAIN");
            let not_now = refusal(ErrorCode::ILLEGAL_SASL_STATE, "not now");
            security(&stage.judged(number, &not_now));
        },
    ];
    for end in ends {
        let (mut stage, told) = told(plain());
        end(&mut stage);
        assert_eq!(told.refused(), [""; 0]);
    }
}
