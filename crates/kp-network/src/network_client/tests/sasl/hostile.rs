//! Brokers that play the exchange wrongly: none of them gets a request, and each is told as a failure of security.

use super::*;

const REFUSED: ErrorCode = ErrorCode::SASL_AUTHENTICATION_FAILED;

fn scram() -> SaslCredentials {
    SaslCredentials::scram(ScramHash::Sha256, "alice", Secret::from("alice-secret"))
}

fn says(auth_bytes: impl Into<Bytes>) -> SaslAuthenticateResponse {
    SaslAuthenticateResponse { auth_bytes: auth_bytes.into(), ..Default::default() }
}

/// The nonce that the client made, out of its first message.
fn nonce(token: &[u8]) -> String {
    std::str::from_utf8(token).unwrap().split_once(",r=").unwrap().1.to_owned()
}

/// The broker answers the first message of SCRAM with what `answer` makes of the client's nonce; what comes of it.
fn first_answer(stage: &mut Stage, answer: impl Fn(&str) -> Vec<u8>) -> Vec<Event> {
    let number = stage.shaken("SCRAM-SHA-256");
    let (header, token) = stage.token(number);
    stage.give(number, &header, &says(answer(&nonce(&token))));
    let events = stage.turn();
    assert!(events.is_empty() || !stage.net.is_open(number));
    events
}

/// It is refused at once, as a failure of the token, without work, and the connection is given up.
fn assert_refused(answer: impl Fn(&str) -> Vec<u8>) -> Arc<SecurityFailure> {
    let mut stage = Stage::with(with(scram()));
    let failure = security(&first_answer(&mut stage, answer));
    assert_eq!(failure.stage(), SecurityStage::SaslToken, "{failure}");
    assert!(!failure.is_retriable() && stage.net.do_work().is_empty(), "{failure}");
    assert_eq!(stage.why(A), Some(WaitReason::BackingOff));
    assert_eq!(stage.client.snapshot().totals.authentications_failed, 1);
    failure
}

// H24
#[test]
fn a_handshake_that_lists_the_mechanism_and_refuses_it_is_a_refusal() {
    let mut stage = Stage::with(with(plain()));
    let number = stage.versions_told(&speaks_sasl());
    let header = stage.handshake(number, "PLAIN");
    let error_code = ErrorCode::ILLEGAL_SASL_STATE;
    stage.give(number, &header, &SaslHandshakeResponse { error_code, ..offers(&["PLAIN"]) });
    let failure = security(&stage.turn());
    assert_eq!((failure.stage(), failure.code()), (SecurityStage::SaslHandshake, Some(error_code)));
    assert!(!stage.net.is_open(number));
}

// H32
#[test]
fn a_nonce_that_is_not_the_clients_and_longer_ends_the_connection() {
    let with = |nonce: &str| format!("r={nonce},s=c2FsdHNhbHQ=,i=4096").into_bytes();
    assert_refused(|ours| with(ours));
    assert_refused(|ours| with(&format!("x{ours}server")));
    assert_refused(|ours| with(&format!("{}server", &ours[..ours.len() - 1])));
    assert_refused(|_| with(""));
}

// H33
#[test]
fn an_answer_of_an_earlier_exchange_ends_the_connection() {
    let mut stage = Stage::with(with(scram()));
    let earlier = std::cell::RefCell::new(Vec::new());
    let events = first_answer(&mut stage, |ours| {
        *earlier.borrow_mut() = format!("r={ours}server,s=c2FsdHNhbHQ=,i=4096").into_bytes();
        earlier.borrow().clone()
    });
    assert!(events.is_empty(), "it was good once");
    let now = stage.now();
    stage.client.disconnect(now, A, "the test");
    stage.turn();
    stage.clock.advance(MS(100));
    stage.net.do_work();
    security(&first_answer(&mut stage, |_| earlier.borrow().clone()));
}

// H34
#[test]
fn a_salt_that_is_none_and_an_unknown_demand_end_the_connection() {
    assert_refused(|ours| format!("r={ours}server,s=,i=4096").into_bytes());
    assert_refused(|ours| format!("r={ours}server,s=%%%,i=4096").into_bytes());
    assert_refused(|ours| format!("m=must,r={ours}server,s=c2FsdHNhbHQ=,i=4096").into_bytes());
    assert_refused(|ours| format!("s=c2FsdHNhbHQ=,r={ours}server,i=4096").into_bytes());
    assert_refused(|ours| format!("r={ours}server,s={},i=4096", "c2FsdHNhbHQ=".repeat(40_000)).into_bytes());
    let mut stage = Stage::with(with(scram()));
    let events =
        first_answer(&mut stage, |ours| format!("r={ours}server,s=c2FsdHNhbHQ=,i=4096,x=y").into_bytes());
    assert!(events.is_empty(), "what need not be understood is left alone");
    assert_eq!(stage.net.do_work().len(), 1);
}

// H34, H26
#[test]
fn a_salt_of_a_megabyte_is_no_frame_that_is_read() {
    let mut stage = Stage::with(with(scram()));
    let number = stage.shaken("SCRAM-SHA-256");
    let (header, token) = stage.token(number);
    let text = format!("r={}server,s={},i=4096", nonce(&token), "A".repeat(1 << 20));
    stage.give(number, &header, &says(text.into_bytes()));
    protocol_error(&stage.turn());
}

// H35
#[test]
fn a_signature_in_place_of_a_challenge_ends_the_connection() {
    assert_refused(|_| b"v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_vec());
}

// H36
#[test]
fn an_empty_token_while_the_mechanism_expects_one_is_no_success() {
    assert_refused(|_| Vec::new());
}

// H37
#[test]
fn what_a_broker_says_of_a_token_is_answered_once_and_then_awaited_whatever_it_is() {
    let long = format!(r#"{{"status":"{}"}}"#, "x".repeat(400_000));
    for (why, shown) in [
        (&b"\xff\x00 no json"[..], "OAUTHBEARER"),
        (long.as_bytes(), "OAUTHBEARER"),
        (br#"{"status":"invalid_token","scope":"write"}"#, "invalid_token"),
    ] {
        let mut stage = Stage::with(with(SaslCredentials::oauth_bearer(Secret::from("a.b.c"))));
        let number = stage.shaken("OAUTHBEARER");
        let (header, _) = stage.token(number);
        stage.give(number, &header, &says(why.to_vec()));
        assert!(stage.turn().is_empty(), "the broker has the last word");
        let (header, answer) = stage.token(number);
        assert_eq!(&answer[..], b"\x01");
        stage.give(number, &header, &refusal(REFUSED, "no"));
        let failure = security(&stage.turn());
        let words = failure.to_string();
        assert!(words.contains(shown) && words.chars().count() < 1200, "{words}");
        assert!(!words.contains(char::is_control), "{words:?}");
    }
    // A broker that says yes behind that has not changed its mind: it contradicts itself.
    let mut stage = Stage::with(with(SaslCredentials::oauth_bearer(Secret::from("a.b.c"))));
    let number = stage.shaken("OAUTHBEARER");
    let (header, _) = stage.token(number);
    stage.give(number, &header, &says(&br#"{"status":"invalid_token"}"#[..]));
    stage.turn();
    let (header, _) = stage.token(number);
    stage.give(number, &header, &says(Bytes::new()));
    security(&stage.turn());
}

// H37, H26
#[test]
fn ten_megabytes_about_a_token_are_no_frame_that_is_read() {
    let mut stage = Stage::with(with(SaslCredentials::oauth_bearer(Secret::from("a.b.c"))));
    let number = stage.shaken("OAUTHBEARER");
    stage.net.give(number, i32::to_be_bytes(10 << 20).to_vec());
    protocol_error(&stage.turn());
}

/// How the connection ends behind the refusal.
#[derive(Clone, Copy, Debug)]
enum End {
    Stays,
    Closes,
    Resets,
}

/// One way in which the bytes of an exchange come and go.
#[derive(Clone, Copy, Debug)]
struct Course {
    /// Which answer comes in two parts: versions, handshake, refusal.
    split: usize,
    /// How long its first part is.
    at: usize,
    /// Whether a turn goes by between the parts.
    turns_between: bool,
    /// How much of each request the socket takes at first.
    room: usize,
    end: End,
}

/// Plays the exchange with a wrong password; what it ends with.
fn play(course: Course) -> Vec<Event> {
    let mut stage = Stage::with(with(plain()));
    let (number, _) = stage.attempt(A);
    stage.net.accept_with_room(number, course.room);
    let mut events = Vec::new();
    for step in 0..3 {
        events.extend(stage.turn());
        stage.net.room(number, usize::MAX);
        events.extend(stage.turn());
        let (header, _) = stage.request(number);
        let answer = match step {
            0 => encode_response(header.version, header.correlation_id, &speaks_sasl()),
            1 => encode_response(header.version, header.correlation_id, &offers(&["PLAIN"])),
            _ => encode_response(header.version, header.correlation_id, &refusal(REFUSED, "no")),
        };
        let mut first = answer.unwrap().concat();
        // The next request meets a socket that is full again.
        stage.net.room(number, course.room);
        if course.split == step {
            let rest = first.split_off(course.at.min(first.len()));
            if !first.is_empty() {
                stage.net.give(number, first);
            }
            if course.turns_between {
                events.extend(stage.turn());
            }
            first = rest;
        }
        if !first.is_empty() {
            stage.net.give(number, first);
        }
    }
    match course.end {
        // The refusal has been read, and the client has closed.
        _ if !stage.net.is_open(number) => {}
        End::Stays => {}
        End::Closes => stage.net.give(number, Vec::new()),
        End::Resets => stage.net.fail(number, std::io::ErrorKind::ConnectionReset),
    }
    events.extend(stage.turn());
    assert!(!stage.net.is_open(number));
    events
}

// SE9, SE25
#[test]
fn in_every_order_of_bytes_writes_and_ends_a_refusal_is_a_refusal() {
    for split in 0..3 {
        for at in 0..80 {
            for (turns_between, room) in [(false, usize::MAX), (true, usize::MAX), (true, 0), (false, 7)] {
                for end in [End::Stays, End::Closes, End::Resets] {
                    let course = Course { split, at, turns_between, room, end };
                    let events = play(course);
                    let failure = broken(&events).2.security().cloned();
                    assert_eq!(failure.and_then(|failure| failure.code()), Some(REFUSED), "{course:?}");
                }
            }
        }
    }
}
