//! Credentials that changed: connections are made anew one after the other, and lose no request by it.

use super::*;
use crate::{Reconnect, SaslProvider};
use std::sync::atomic::{AtomicUsize, Ordering};

impl Stage {
    /// A connection to this broker on which PLAIN was taken, with the token that was shown.
    fn let_in(&mut self, id: BrokerId) -> (ConnectionNumber, Bytes) {
        let number = self.net.attempts().pop().expect("an attempt was begun").0;
        self.net.accept(number);
        assert!(self.turn().is_empty());
        let (header, _) = self.request(number);
        self.give(number, &header, &speaks_sasl());
        assert!(self.turn().is_empty());
        let header = self.handshake(number, "PLAIN");
        self.give(number, &header, &offers(&["PLAIN"]));
        assert!(self.turn().is_empty());
        let (header, token) = self.token(number);
        self.give(number, &header, &SaslAuthenticateResponse::default());
        let events = self.turn();
        assert!(matches!(&*events, [Event::Connected { broker, .. }] if *broker == id), "{events:?}");
        (number, token)
    }

    fn begun(&mut self, id: BrokerId) -> ConnectionNumber {
        assert_eq!(self.why(id), Some(WaitReason::Connecting));
        assert!(self.turn().is_empty());
        self.let_in(id).0
    }
}

fn both_ready() -> (Stage, Arc<SaslLogin>, ConnectionNumber, ConnectionNumber) {
    let login = Arc::new(SaslLogin::new(plain()).unwrap());
    let mut stage = Stage::with(NetworkSettings { sasl: Some(Arc::clone(&login) as _), ..settings() });
    let (first, second) = (stage.begun(A), stage.begun(B));
    login.replace(SaslCredentials::plain("alice", Secret::from("newer"))).unwrap();
    (stage, login, first, second)
}

/// The only event: a connection was closed as it was asked to be.
fn is_closed(events: &[Event], id: BrokerId) -> bool {
    matches!(events, [Event::Disconnected { broker, reason: DisconnectReason::Asked(_), .. }] if *broker == id)
}

// A13
#[test]
fn connections_are_made_anew_one_after_the_other_when_nothing_is_in_flight() {
    let (mut stage, _, first, second) = both_ready();
    stage.send(first, A, 1);
    let (asked, _) = stage.request(first);
    let now = stage.now();
    stage.client.reload_credentials(now, Reconnect::Yes);
    assert!(stage.turn().is_empty());
    assert_eq!((stage.why(A), stage.why(B)), (Some(WaitReason::Replacing), None));
    assert_eq!(stage.client.least_loaded(now), Some(B));
    stage.answer(first, &asked, b"one");
    assert_eq!(answered(&stage.turn()).len(), 1);
    assert!(is_closed(&stage.turn(), A) && !stage.net.is_open(first), "now nothing is in flight");
    assert_eq!((stage.why(A), stage.why(B)), (Some(WaitReason::Connecting), None), "at once, and alone");
    let (_, token) = stage.let_in(A);
    assert!(token.ends_with(b"newer"));
    assert!(is_closed(&stage.turn(), B) && !stage.net.is_open(second));
    assert!(stage.let_in(B).1.ends_with(b"newer"));
    assert!(stage.turn().is_empty());
    assert_eq!((stage.why(A), stage.why(B)), (None, None));
}

// A13
#[test]
fn without_a_wish_to_reconnect_open_connections_live_on() {
    let (mut stage, _, first, second) = both_ready();
    let now = stage.now();
    stage.client.reload_credentials(now, Reconnect::No);
    assert!(stage.turn().is_empty());
    assert!(stage.net.is_open(first) && stage.net.is_open(second));
}

// A13
#[test]
fn when_newer_credentials_are_refused_the_other_connections_live_on() {
    let (mut stage, _, first, second) = both_ready();
    let now = stage.now();
    stage.client.reload_credentials(now, Reconnect::Yes);
    assert!(is_closed(&stage.turn(), A) && !stage.net.is_open(first));
    let number = stage.net.attempts().pop().unwrap().0;
    stage.net.accept(number);
    stage.turn();
    let (header, _) = stage.request(number);
    stage.give(number, &header, &speaks_sasl());
    stage.turn();
    let header = stage.handshake(number, "PLAIN");
    stage.give(number, &header, &offers(&["PLAIN"]));
    stage.turn();
    let refused = refusal(ErrorCode::SASL_AUTHENTICATION_FAILED, "no");
    security(&stage.judged(number, &refused));
    assert!(stage.turn().is_empty());
    assert!(stage.net.is_open(second) && stage.why(B).is_none());
}

// A13
#[test]
fn a_broker_that_cannot_be_reached_again_does_not_hold_up_the_others() {
    let (mut stage, _, _, second) = both_ready();
    let now = stage.now();
    stage.client.reload_credentials(now, Reconnect::Yes);
    assert!(is_closed(&stage.turn(), A));
    let number = stage.net.attempts().pop().unwrap().0;
    stage.net.refuse(number);
    broken(&stage.turn());
    assert!(is_closed(&stage.turn(), B) && !stage.net.is_open(second));
    stage.let_in(B);
}

#[derive(Debug)]
struct Counted(AtomicUsize, SaslLogin);

impl SaslProvider for Counted {
    fn begin(&self, host: &str) -> Result<Box<dyn SaslMechanism>, SaslFailure> {
        self.1.begin(host)
    }

    fn reload(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

// A13
#[test]
fn the_provider_is_told_whatever_becomes_of_the_connections() {
    let counted = Arc::new(Counted(AtomicUsize::new(0), SaslLogin::new(plain()).unwrap()));
    let mut stage = Stage::with(NetworkSettings { sasl: Some(Arc::clone(&counted) as _), ..settings() });
    for (count, reconnect) in [(1, Reconnect::No), (2, Reconnect::Yes)] {
        let now = stage.now();
        stage.client.reload_credentials(now, reconnect);
        assert_eq!(counted.0.load(Ordering::SeqCst), count);
    }
    assert!(stage.turn().is_empty(), "there is nothing to replace");
}
