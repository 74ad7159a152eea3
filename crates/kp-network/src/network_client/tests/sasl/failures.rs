//! What goes wrong while a client authenticates: each comes to an end, in time and with a reason.

use super::*;

const REFUSED: ErrorCode = ErrorCode::SASL_AUTHENTICATION_FAILED;

// SE9, SE25
#[test]
fn wrong_credentials_end_the_connection_and_say_whose_where_and_what_to_change() {
    let mut stage = Stage::with(with(plain()));
    let number = stage.shaken("PLAIN");
    let words = "Authentication failed: Invalid username or password";
    let events = stage.judged(number, &refusal(REFUSED, words));
    let failure = security(&events);
    assert_eq!((failure.stage(), failure.code()), (SecurityStage::SaslToken, Some(REFUSED)));
    assert!(!failure.is_retriable() && failure.advice().is_some());
    assert!(failure.to_string().contains(words), "{failure}");
    assert!(!stage.net.is_open(number));
    assert_eq!(stage.why(A), Some(WaitReason::BackingOff));
}

// SE25
#[test]
fn after_a_refusal_attempts_go_on_with_a_growing_backoff() {
    let growing = Backoff::new(MS(100), MS(1000));
    let mut stage = Stage::with(NetworkSettings { reconnect_backoff: growing, ..with(plain()) });
    let waits: Vec<_> = (0..4)
        .map(|_| {
            let number = stage.shaken("PLAIN");
            security(&stage.judged(number, &refusal(REFUSED, "no")));
            let Readiness::Wait { until: Some(until), .. } = stage.readiness(A) else { panic!() };
            let wait = until - stage.now();
            stage.clock.advance(wait);
            wait
        })
        .collect();
    assert!(waits.windows(2).all(|two| two[0] < two[1]) && waits[3] >= MS(640), "{waits:?}");
}

// SE3 of later attempts: the newest credentials count.
#[test]
fn an_attempt_shows_the_credentials_of_its_own_time() {
    let login = Arc::new(SaslLogin::new(plain()).unwrap());
    let mut stage = Stage::with(NetworkSettings { sasl: Some(Arc::clone(&login) as _), ..settings() });
    let number = stage.shaken("PLAIN");
    security(&stage.judged(number, &refusal(REFUSED, "no")));
    login.replace(SaslCredentials::plain("alice", Secret::from("better"))).unwrap();
    assert!(login.replace(SaslCredentials::plain("alice", Secret::from(""))).is_err());
    stage.clock.advance(MS(100));
    let number = stage.shaken("PLAIN");
    assert_eq!(&stage.token(number).1[..], b"\0alice\0better");
}

// H22
#[test]
fn an_answer_to_another_request_ends_the_connection() {
    let mut stage = Stage::with(with(plain()));
    let number = stage.versions_told(&speaks_sasl());
    let mut header = stage.handshake(number, "PLAIN");
    header.correlation_id += 7;
    stage.give(number, &header, &offers(&["PLAIN"]));
    assert_eq!(protocol_error(&stage.turn()), "correlation id 8 instead of 1");
}

// H22
#[test]
fn an_answer_that_comes_twice_ends_the_connection() {
    let mut stage = Stage::with(with(plain()));
    let number = stage.versions_told(&speaks_sasl());
    let header = stage.handshake(number, "PLAIN");
    stage.give(number, &header, &offers(&["PLAIN"]));
    stage.give(number, &header, &offers(&["PLAIN"]));
    assert_eq!(protocol_error(&stage.turn()), "correlation id 1 instead of 2");
}

// H22
#[test]
fn an_answer_that_comes_before_its_request_ends_the_connection() {
    let mut stage = Stage::with(with(plain()));
    let (number, _) = stage.attempt(A);
    stage.net.accept(number);
    stage.turn();
    let (header, _) = stage.request(number);
    stage.net.room(number, 3);
    stage.give(number, &header, &speaks_sasl());
    let early = ReceivedHeader { correlation_id: header.correlation_id + 1, version: 1, ..header };
    stage.give(number, &early, &offers(&["PLAIN"]));
    assert_eq!(protocol_error(&stage.turn()), "an answer to a SASL message that is not written yet");
}

// H23
#[test]
fn another_mechanism_is_never_taken_and_a_long_list_is_cut() {
    let mut stage = Stage::with(with(plain()));
    let number = stage.versions_told(&speaks_sasl());
    let header = stage.handshake(number, "PLAIN");
    let mechanisms = (0..10_000).map(|count| KafkaString::from(format!("M{count}\u{1b}[2J"))).collect();
    let error_code = ErrorCode::UNSUPPORTED_SASL_MECHANISM;
    stage.give(number, &header, &SaslHandshakeResponse { error_code, mechanisms, ..Default::default() });
    let failure = security(&stage.turn());
    let words = failure.to_string();
    assert_eq!((failure.stage(), failure.code()), (SecurityStage::SaslHandshake, Some(error_code)));
    assert!(words.contains("sasl.mechanism") && words.contains("9990 more"), "{words}");
    assert!(!words.contains('\u{1b}'), "{words:?}");
}

// H26
#[test]
fn a_frame_that_no_exchange_needs_ends_the_connection_before_there_is_memory_for_it() {
    for size in [512 * 1024 + 1, i32::MAX, -1] {
        let mut stage = Stage::with(with(plain()));
        let number = stage.shaken("PLAIN");
        stage.net.give(number, i32::to_be_bytes(size).to_vec());
        protocol_error(&stage.turn());
    }
}

// H26
#[test]
fn a_ready_connection_takes_larger_frames_again() {
    let mut stage = Stage::with(with(plain()));
    let number = stage.shaken("PLAIN");
    assert!(is_connected(&stage.judged(number, &SaslAuthenticateResponse::default())));
    stage.send(number, A, 1);
    let (header, _) = stage.request(number);
    stage.answer(number, &header, &vec![7; 600 * 1024]);
    let mut events = stage.turn();
    while events.is_empty() {
        events = stage.turn();
    }
    assert_eq!(answered(&events)[0].1.len(), 600 * 1024);
}

// H27
#[test]
fn a_broker_that_falls_silent_is_given_up_and_the_step_is_named() {
    let silent = |reach: fn(&mut Stage) -> ConnectionNumber| {
        let mut stage = Stage::with(with(plain()));
        let begun = stage.now();
        reach(&mut stage);
        let reason = broken(&stage.poll(None)).2;
        assert_eq!(stage.now() - begun, MS(10_000));
        reason
    };
    let reached = [
        silent(|stage| stage.accepted(A)),
        silent(|stage| stage.versions_told(&speaks_sasl())),
        silent(|stage| stage.shaken("PLAIN")),
    ];
    let steps = [SetupStage::Versions, SetupStage::SaslHandshake, SetupStage::SaslToken { number: 1 }];
    assert_eq!(reached, steps.map(DisconnectReason::SetupTimeout));
}

// H28
#[test]
fn a_long_text_of_a_broker_is_cut_and_made_harmless() {
    let mut stage = Stage::with(with(plain()));
    let number = stage.shaken("PLAIN");
    let text = format!("\u{1b}]0;{}\n", "x".repeat(32_000));
    let words = security(&stage.judged(number, &refusal(REFUSED, &text))).to_string();
    assert!(words.chars().count() < 700 && !words.contains(['\u{1b}', '\n']), "{words}");
}

// H38
#[test]
fn plain_does_not_care_what_comes_with_a_yes() {
    let mut stage = Stage::with(with(plain()));
    let number = stage.shaken("PLAIN");
    let auth_bytes = Bytes::from_static(b"welcome");
    let yes = SaslAuthenticateResponse { auth_bytes, ..Default::default() };
    assert!(is_connected(&stage.judged(number, &yes)));
}

#[test]
fn an_answer_that_is_no_answer_ends_the_connection() {
    let mut stage = Stage::with(with(plain()));
    let number = stage.shaken("PLAIN");
    let (header, _) = stage.token(number);
    stage.answer(number, &header, b"\0\0");
    assert!(protocol_error(&stage.turn()).contains("SaslAuthenticate"));
}
