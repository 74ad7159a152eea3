//! What is reported of a connection that is being authenticated, is, and was not.

use super::*;
use crate::{BrokerSecurity, ConnectionState, OtherProtocol};

impl Stage {
    /// What is reported of the first broker.
    fn told(&mut self) -> BrokerSecurity {
        let now = self.now();
        self.client.security(now).brokers.swap_remove(0)
    }
}

// A12, SE18, SE23
#[test]
fn each_step_is_reported_and_then_mechanism_principal_and_the_end_of_the_session() {
    let mut stage = Stage::with(with(plain()));
    assert_eq!(stage.told(), BrokerSecurity::new(A, "10.0.0.1:9092", "SASL_PLAINTEXT"));
    let number = stage.versions_told(&speaks_sasl());
    let told = stage.told();
    assert_eq!(told.state, ConnectionState::SettingUp(SetupStage::SaslHandshake));
    assert_eq!((told.mechanism.as_deref(), told.principal.as_deref()), (Some("PLAIN"), Some("alice")));
    let header = stage.handshake(number, "PLAIN");
    stage.give(number, &header, &offers(&["PLAIN"]));
    stage.turn();
    assert_eq!(stage.told().state, ConnectionState::SettingUp(SetupStage::SaslToken { number: 1 }));
    let yes = SaslAuthenticateResponse { session_lifetime_ms: 10_000, ..Default::default() };
    stage.judged(number, &yes);
    let told = stage.told();
    assert_eq!((told.state, told.session_ends_in), (ConnectionState::Ready, Some(MS(10_000))));
    assert_eq!((told.mechanism.as_deref(), told.principal.as_deref()), (Some("PLAIN"), Some("alice")));
    stage.clock.advance(MS(9_600));
    assert_eq!(stage.why(A), Some(WaitReason::Authenticating));
    let told = stage.told();
    assert_eq!((told.state, told.session_ends_in), (ConnectionState::Renewing, Some(MS(400))));
    stage.clock.advance(MS(1_000));
    assert_eq!(stage.told().session_ends_in, Some(MS(0)));
    let header = stage.handshake(number, "PLAIN");
    stage.give(number, &header, &offers(&["PLAIN"]));
    stage.turn();
    stage.judged(number, &yes);
    let told = stage.told();
    assert_eq!((told.state, told.session_ends_in), (ConnectionState::Ready, Some(MS(10_000))));
}

// A12, A14, SE25
#[test]
fn a_refusal_is_reported_until_a_connection_is_ready_and_then_as_one_that_is_over() {
    let mut stage = Stage::with(with(plain()));
    let number = stage.shaken("PLAIN");
    let failure = security(&stage.judged(number, &refusal(ErrorCode::SASL_AUTHENTICATION_FAILED, "no")));
    stage.clock.advance(MS(20));
    let told = stage.told();
    assert!(matches!(told.state, ConnectionState::Down { retry_in: Some(_) }), "{told:?}");
    assert_eq!(told.refusal(), Some(&*failure));
    assert_eq!(told.last_failure.expect("it was refused").ago, MS(20));
    stage.clock.advance(MS(10_000));
    let number = stage.shaken("PLAIN");
    assert_eq!(stage.told().refusal(), Some(&*failure), "nothing is known to be better");
    assert!(is_connected(&stage.judged(number, &SaslAuthenticateResponse::default())));
    let told = stage.told();
    assert_eq!((told.refusal(), told.session_ends_in), (None, None));
    assert_eq!(told.last_failure.map(|past| past.failure), Some(failure));
}

// SE30, H17, A12
#[test]
fn a_wrong_port_is_reported_as_the_waiting_calls_are_told_it() {
    let mut stage = Stage::new();
    let number = stage.accepted(A);
    stage.net.give(number, vec![0x15, 3, 3, 0, 2, 2, 40]);
    assert_eq!(broken(&stage.turn()).2, DisconnectReason::OtherProtocol(OtherProtocol::Tls));
    let told = stage.told();
    let failure = told.refusal().expect("the port is wrong");
    assert_eq!((told.protocol, failure.stage()), ("PLAINTEXT", SecurityStage::Connection));
    assert!(failure.to_string().contains("security.protocol=SSL"), "{failure}");
    assert_eq!(stage.client.snapshot().totals.authentications_failed, 0, "nothing was refused");
}
