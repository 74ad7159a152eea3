//! Sessions that a broker limits (KIP-368): renewed before a request, on the same connection, and never in a circle.

use super::*;
use crate::SaslProvider;
use std::sync::atomic::{AtomicU32, Ordering};

fn yes(session_lifetime_ms: i64) -> SaslAuthenticateResponse {
    SaslAuthenticateResponse { session_lifetime_ms, ..Default::default() }
}

/// A ready connection whose session lasts so long.
fn authenticated(stage: &mut Stage, lifetime_ms: i64) -> ConnectionNumber {
    let number = stage.shaken("PLAIN");
    assert!(is_connected(&stage.judged(number, &yes(lifetime_ms))));
    number
}

/// A connection whose session was nearly over when a caller wanted to send; the handshake is written.
fn renewing(stage: &mut Stage, lifetime_ms: i64) -> ConnectionNumber {
    let number = authenticated(stage, lifetime_ms);
    stage.clock.advance(Duration::from_millis(lifetime_ms as u64 * 96 / 100));
    assert_eq!(stage.why(A), Some(WaitReason::Authenticating));
    number
}

/// The broker takes the handshake and the token; what is told then.
fn agree(stage: &mut Stage, number: ConnectionNumber, lifetime_ms: i64) -> Vec<Event> {
    let header = stage.handshake(number, "PLAIN");
    stage.give(number, &header, &offers(&["PLAIN"]));
    assert!(stage.turn().is_empty());
    stage.judged(number, &yes(lifetime_ms))
}

fn is_writable(events: &[Event]) -> bool {
    matches!(events, [Event::Writable { broker: A }])
}

// SE19, SE20, SE23
#[test]
fn a_session_is_renewed_before_a_request_and_the_caller_is_told_when_that_is_done() {
    let mut stage = Stage::with(with(plain()));
    let number = authenticated(&mut stage, 10_000);
    stage.clock.advance(MS(8_000));
    assert_eq!(stage.why(A), None, "before 85 per cent of its time");
    stage.clock.advance(MS(1_600));
    assert_eq!(stage.why(A), Some(WaitReason::Authenticating), "behind 95 per cent");
    assert!(is_writable(&agree(&mut stage, number, 10_000)));
    assert_eq!(stage.why(A), None);
    let totals = stage.client.counters();
    assert_eq!((totals.authentications, totals.reauthentications), (1, 1));
    stage.clock.advance(MS(8_000));
    assert_eq!(stage.why(A), None);
    stage.clock.advance(MS(1_600));
    assert_eq!(stage.why(A), Some(WaitReason::Authenticating), "and again");
}

// SE19
#[test]
fn a_connection_that_nothing_is_sent_on_is_not_renewed() {
    let mut stage = Stage::with(with(plain()));
    let number = authenticated(&mut stage, 10_000);
    let late = stage.now() + MS(60_000);
    assert!(stage.poll(Some(late)).is_empty());
    assert!(stage.net.taken(number).is_empty());
    // SE22: a handshake still works after the end of the session.
    assert_eq!(stage.why(A), Some(WaitReason::Authenticating));
    assert!(is_writable(&agree(&mut stage, number, 10_000)));
}

// SE20
#[test]
fn while_a_session_is_renewed_no_request_is_taken() {
    let mut stage = Stage::with(with(plain()));
    let number = renewing(&mut stage, 10_000);
    let now = stage.now();
    let refused = stage.client.send(now, request(1, A, number)).unwrap_err();
    assert!(refused.reason.contains("Authenticating"), "{}", refused.reason);
    assert_eq!(stage.client.least_loaded(now), Some(B), "another broker is asked what any knows");
}

// SE19
#[test]
fn a_request_that_is_being_written_comes_to_its_end_first() {
    let mut stage = Stage::with(with(plain()));
    let number = authenticated(&mut stage, 10_000);
    stage.net.room(number, 5);
    stage.send(number, A, 1);
    stage.clock.advance(MS(9_600));
    assert_eq!(stage.why(A), Some(WaitReason::Writing));
    stage.net.room(number, usize::MAX);
    assert!(is_writable(&stage.turn()));
    assert_eq!(stage.requests(number).len(), 1);
    assert_eq!(stage.why(A), Some(WaitReason::Authenticating));
    stage.handshake(number, "PLAIN");
}

// H43
#[test]
fn answers_to_earlier_requests_come_in_between_and_find_their_callers() {
    let mut stage = Stage::with(with(plain()));
    let number = authenticated(&mut stage, 10_000);
    stage.send(number, A, 1);
    let (first, _) = stage.request(number);
    stage.clock.advance(MS(9_600));
    assert_eq!(stage.why(A), Some(WaitReason::Authenticating));
    let handshake = stage.handshake(number, "PLAIN");
    stage.answer(number, &first, b"one");
    assert_eq!(answered(&stage.turn()), [(1, Bytes::from_static(b"one"))]);
    stage.give(number, &handshake, &offers(&["PLAIN"]));
    assert!(stage.turn().is_empty());
    assert!(is_writable(&stage.judged(number, &yes(0))));
}

// H43
#[test]
fn an_answer_to_the_exchange_before_those_that_are_due_ends_the_connection() {
    let mut stage = Stage::with(with(plain()));
    let number = authenticated(&mut stage, 10_000);
    stage.send(number, A, 1);
    stage.request(number);
    stage.clock.advance(MS(9_600));
    assert_eq!(stage.why(A), Some(WaitReason::Authenticating));
    let handshake = stage.handshake(number, "PLAIN");
    stage.give(number, &handshake, &offers(&["PLAIN"]));
    let events = stage.turn();
    assert_eq!(failed(&events), [(1, Written::Perhaps)]);
    assert!(matches!(
        events.last(),
        Some(Event::Disconnected { reason: DisconnectReason::ProtocolError(_), .. })
    ));
}

// H39, H40, H42
#[test]
fn a_session_without_an_end_is_never_renewed() {
    for lifetime in [0, -1, i64::MIN, i64::MAX] {
        let mut stage = Stage::with(with(plain()));
        authenticated(&mut stage, lifetime);
        stage.clock.advance(Duration::from_secs(400 * 86_400));
        assert_eq!(stage.why(A), None, "{lifetime}");
    }
}

// H41, SE21
#[test]
fn a_session_that_is_over_at_once_is_renewed_once_a_second_and_requests_flow_in_between() {
    let mut stage = Stage::with(with(plain()));
    let number = authenticated(&mut stage, 1);
    stage.clock.advance(MS(1));
    assert_eq!(stage.why(A), Some(WaitReason::Authenticating));
    assert!(is_writable(&agree(&mut stage, number, 1)));
    for _ in 0..99 {
        stage.clock.advance(MS(10));
        assert_eq!(stage.why(A), None);
    }
    stage.send(number, A, 1);
    let (header, _) = stage.request(number);
    stage.answer(number, &header, b"one");
    assert_eq!(answered(&stage.turn()).len(), 1);
    stage.clock.advance(MS(10));
    assert_eq!(stage.why(A), Some(WaitReason::Authenticating));
}

// H44
#[test]
fn a_refused_renewal_ends_the_connection_and_its_requests_may_have_been_seen() {
    let mut stage = Stage::with(with(plain()));
    let number = authenticated(&mut stage, 10_000);
    stage.send(number, A, 1);
    stage.request(number);
    stage.clock.advance(MS(9_600));
    assert_eq!(stage.why(A), Some(WaitReason::Authenticating));
    let handshake = stage.handshake(number, "PLAIN");
    stage.answer(
        number,
        &ReceivedHeader { correlation_id: handshake.correlation_id - 1, ..handshake.clone() },
        b"one",
    );
    stage.give(number, &handshake, &offers(&["PLAIN"]));
    stage.turn();
    let refused = refusal(ErrorCode::SASL_AUTHENTICATION_FAILED, "Cannot change principals");
    let failure = security(&stage.judged(number, &refused));
    assert_eq!(failure.stage(), SecurityStage::Reauthentication);
    let totals = stage.client.counters();
    assert_eq!((totals.reauthentications_failed, totals.authentications_failed), (1, 0));
    // The next connection begins from the start.
    stage.clock.advance(MS(100));
    authenticated(&mut stage, 0);
}

/// The broker refuses a renewal; what is told then.
fn refuse_renewal(stage: &mut Stage, number: ConnectionNumber) -> Vec<Event> {
    let handshake = stage.handshake(number, "PLAIN");
    stage.give(number, &handshake, &offers(&["PLAIN"]));
    assert!(stage.turn().is_empty());
    stage.judged(number, &refusal(ErrorCode::SASL_AUTHENTICATION_FAILED, "no"))
}

// H41
#[test]
fn sessions_that_are_too_short_are_told_once() {
    let mut stage = Stage::with(with(plain()));
    let number = authenticated(&mut stage, 1_000);
    assert_eq!(stage.notices, []);
    stage.clock.advance(MS(1_000));
    assert_eq!(stage.why(A), Some(WaitReason::Authenticating));
    let short = SecurityNotice::ShortSessions { lifetime: MS(999) };
    for _ in 0..3 {
        assert!(is_writable(&agree(&mut stage, number, 999)));
        assert_eq!(&*stage.notices, std::slice::from_ref(&short));
        stage.clock.advance(MS(1_000));
        assert_eq!(stage.why(A), Some(WaitReason::Authenticating));
    }
}

// H44
#[test]
fn after_a_refused_renewal_the_newest_credentials_are_tried_at_once_and_only_then_with_a_pause() {
    let login = Arc::new(SaslLogin::new(plain()).unwrap());
    let mut stage = Stage::with(NetworkSettings { sasl: Some(Arc::clone(&login) as _), ..settings() });
    let number = renewing(&mut stage, 10_000);
    let failure = security(&refuse_renewal(&mut stage, number));
    assert_eq!(failure.stage(), SecurityStage::Reauthentication);
    login.replace(SaslCredentials::plain("alice", Secret::from("newer"))).unwrap();
    assert_eq!(stage.why(A), Some(WaitReason::Connecting), "no pause");
    let number = stage.shaken("PLAIN");
    assert!(stage.token(number).1.ends_with(b"newer"));
    stage.net.give(number, Vec::new());
    stage.turn();
    stage.clock.advance(MS(1000));
    let number = stage.shaken("PLAIN");
    let failure = security(&stage.judged(number, &refusal(ErrorCode::SASL_AUTHENTICATION_FAILED, "no")));
    assert_eq!(failure.stage(), SecurityStage::SaslToken);
    assert_eq!(stage.why(A), Some(WaitReason::BackingOff));
}

// H41, H44
#[test]
fn a_broker_that_lets_in_and_refuses_to_renew_does_not_make_a_circle_without_a_pause() {
    let mut stage = Stage::with(with(plain()));
    let number = authenticated(&mut stage, 1);
    stage.clock.advance(MS(1));
    assert_eq!(stage.why(A), Some(WaitReason::Authenticating));
    security(&refuse_renewal(&mut stage, number));
    assert_eq!(stage.why(A), Some(WaitReason::BackingOff));
}

// H45
#[test]
fn a_renewal_that_is_not_answered_ends_the_connection_as_a_late_request_does() {
    let mut stage = Stage::with(with(plain()));
    renewing(&mut stage, 10_000);
    let begun = stage.now();
    assert_eq!(broken(&stage.poll(None)).2, DisconnectReason::RequestTimeout);
    assert_eq!(stage.now() - begun, MS(30_000));
}

/// A connection whose session was nearly over when the login had become one that needs work; the work is handed out.
fn working_to_renew() -> (Stage, ConnectionNumber) {
    let login = Arc::new(SaslLogin::new(plain()).unwrap());
    let mut stage = Stage::with(NetworkSettings { sasl: Some(Arc::clone(&login) as _), ..settings() });
    let number = authenticated(&mut stage, 10_000);
    // Another mechanism is refused by a broker; what counts here is what the client does.
    login.replace(SaslCredentials::scram(ScramHash::Sha256, "alice", Secret::from("alice-secret"))).unwrap();
    stage.clock.advance(MS(9_600));
    assert_eq!(stage.why(A), Some(WaitReason::Authenticating));
    let header = stage.handshake(number, "SCRAM-SHA-256");
    stage.give(number, &header, &offers(&["SCRAM-SHA-256"]));
    stage.turn();
    let (header, token) = stage.token(number);
    let nonce = std::str::from_utf8(&token).unwrap().split_once(",r=").unwrap().1.to_owned();
    let text = format!("r={nonce}server,s=c2FsdHNhbHQ=,i=4096");
    let challenge = SaslAuthenticateResponse { auth_bytes: text.into_bytes().into(), ..Default::default() };
    stage.give(number, &header, &challenge);
    assert!(stage.turn().is_empty());
    (stage, number)
}

// H45
#[test]
fn work_for_a_renewal_that_is_never_done_ends_the_connection_as_a_late_request_does() {
    let (mut stage, number) = working_to_renew();
    let begun = stage.now();
    assert_eq!(broken(&stage.poll(None)).2, DisconnectReason::RequestTimeout);
    assert_eq!(stage.now() - begun, MS(30_000));
    assert!(!stage.net.is_open(number), "its thread counts as lost, and another goes on");
    assert_eq!(stage.client.counters().reauthentications_failed, 0, "nothing was refused");
}

// H45
#[test]
fn after_work_for_a_renewal_the_broker_has_all_of_its_own_time() {
    let (mut stage, number) = working_to_renew();
    stage.clock.advance(MS(29_999));
    assert!(stage.turn().is_empty());
    assert_eq!(stage.net.do_work(), [number]);
    assert!(stage.turn().is_empty());
    let asked = stage.now();
    assert_eq!(broken(&stage.poll(None)).2, DisconnectReason::RequestTimeout);
    assert_eq!(stage.now() - asked, MS(30_000));
}

/// Counts how often it was asked, and has nothing to give the second time.
#[derive(Debug)]
struct Once(AtomicU32, SaslLogin);

impl SaslProvider for Once {
    fn begin(&self, host: &str) -> Result<Box<dyn SaslMechanism>, SaslFailure> {
        match self.0.fetch_add(1, Ordering::SeqCst) {
            0 => self.1.begin(host),
            _ => Err(SaslFailure::NoRandomness { reason: "on purpose".into() }),
        }
    }
}

#[test]
fn without_credentials_for_a_renewal_the_connection_ends_and_the_caller_waits() {
    let once = Once(AtomicU32::new(0), SaslLogin::new(plain()).unwrap());
    let mut stage = Stage::with(NetworkSettings { sasl: Some(Arc::new(once)), ..settings() });
    authenticated(&mut stage, 10_000);
    stage.clock.advance(MS(9_600));
    assert_eq!(stage.why(A), Some(WaitReason::BackingOff));
    assert_eq!(security(&stage.turn()).stage(), SecurityStage::Reauthentication);
}

#[test]
fn keys_for_a_renewal_are_derived_elsewhere_too_unless_they_are_known() {
    let (mut stage, number) = working_to_renew();
    assert_eq!(stage.net.do_work(), [number]);
    assert!(stage.turn().is_empty());
    assert!(stage.token(number).1.starts_with(b"c=biws,r="));
    assert_eq!(stage.why(A), Some(WaitReason::Authenticating));
}
