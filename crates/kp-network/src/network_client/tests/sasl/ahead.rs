//! Later connections: the exchange begins before the broker has said what it speaks, where that is safe.

use super::*;
use kp_protocol::api::ApiVersionsResponse;
use std::sync::atomic::{AtomicU32, Ordering};

fn scram() -> SaslCredentials {
    SaslCredentials::scram(ScramHash::Sha256, "alice", Secret::from("alice-secret"))
}

/// An encrypted client of which broker B has let one connection in, by three round trips.
fn let_in(credentials: SaslCredentials, is_encrypted: bool) -> Stage {
    let_in_by(credentials, is_encrypted, &speaks_sasl())
}

fn let_in_by(credentials: SaslCredentials, is_encrypted: bool, versions: &ApiVersionsResponse) -> Stage {
    let login = Arc::new(First(SaslLogin::new(credentials).unwrap(), AtomicU32::new(0)));
    let mut stage = Stage::with(NetworkSettings { sasl: Some(login), ..settings() });
    if is_encrypted {
        stage.net.encrypts();
    }
    let number = stage.accepted(B);
    let (header, _) = stage.request(number);
    assert_eq!(header.api, ApiKey::ApiVersions, "nothing goes ahead on the first connection");
    stage.give(number, &header, versions);
    stage.turn();
    let (header, _) = stage.request(number);
    stage.give(number, &header, &offers(&["PLAIN"]));
    stage.turn();
    let (header, _) = stage.request(number);
    stage.give(number, &header, &SaslAuthenticateResponse::default());
    assert!(matches!(stage.turn()[..], [Event::Connected { broker: B, .. }]));
    stage
}

/// The first exchange is one of PLAIN, so that any broker of the script can let it in.
#[derive(Debug)]
struct First(SaslLogin, AtomicU32);

impl crate::SaslProvider for First {
    fn begin(&self, host: &str) -> Result<Box<dyn SaslMechanism>, SaslFailure> {
        match self.1.fetch_add(1, Ordering::SeqCst) {
            0 => SaslLogin::new(plain()).unwrap().begin(host),
            _ => self.0.begin(host),
        }
    }

    fn worked(&self, worked: &Worked) {
        self.0.worked(worked);
    }
}

fn keys(requests: &[(ReceivedHeader, Bytes)]) -> Vec<ApiKey> {
    requests.iter().map(|(header, _)| header.api).collect()
}

const ALL_THREE: [ApiKey; 3] = [ApiKey::ApiVersions, ApiKey::SaslHandshake, ApiKey::SaslAuthenticate];

// SE3
#[test]
fn over_tls_a_later_connection_is_ready_after_one_round_trip() {
    for credentials in [plain(), SaslCredentials::oauth_bearer(Secret::from("a.b.c"))] {
        let mut stage = let_in(credentials, true);
        let number = stage.accepted(A);
        let asked = stage.requests(number);
        assert_eq!(keys(&asked), ALL_THREE);
        assert_eq!(stage.net.writes(number), 1, "in one write");
        // All answers in one go, as the broker gives them.
        stage.give(number, &asked[0].0, &speaks_sasl());
        stage.give(number, &asked[1].0, &offers(&["PLAIN", "OAUTHBEARER"]));
        stage.give(number, &asked[2].0, &SaslAuthenticateResponse::default());
        assert!(is_connected(&stage.turn()));
        assert_eq!(stage.net.writes(number), 1, "nothing more was asked");
        assert_eq!(stage.client.counters().authentications, 2);
    }
}

/// How many bytes the first requests of a set-up that goes ahead have, so many of them.
fn lengths(written: &[u8]) -> Vec<usize> {
    let mut reader = FrameReader::default();
    reader.extend(written);
    std::iter::from_fn(|| reader.next_frame().unwrap()).map(|frame| 4 + frame.len()).collect()
}

/// A connection whose set-up goes ahead; the socket is full after so many whole requests and a bit of the next.
fn half_written(whole: usize) -> (Stage, ConnectionNumber, Vec<u8>) {
    let mut stage = let_in(plain(), true);
    let number = stage.accepted(A);
    let lengths = lengths(&stage.net.taken(number));
    let mut stage = let_in(plain(), true);
    let (number, _) = stage.attempt(A);
    stage.net.accept_with_room(number, lengths[..whole].iter().sum::<usize>() + 3);
    stage.turn();
    let written = stage.net.taken(number);
    assert_eq!(written.len(), lengths[..whole].iter().sum::<usize>() + 3);
    (stage, number, written)
}

/// The requests in these bytes, and in what the client writes now that the socket takes all.
fn the_rest(stage: &mut Stage, number: ConnectionNumber, mut written: Vec<u8>) -> Vec<ReceivedHeader> {
    stage.net.room(number, usize::MAX);
    assert!(stage.turn().is_empty());
    written.extend(stage.net.taken(number));
    let mut reader = FrameReader::default();
    reader.extend(&written);
    std::iter::from_fn(|| reader.next_frame().unwrap())
        .map(|frame| decode_request_header(&frame).unwrap().0)
        .collect()
}

/// The header of the request with this place in a set-up that goes ahead: nothing else was asked on the connection.
fn header_of(written: &[u8], place: usize) -> ReceivedHeader {
    let mut reader = FrameReader::default();
    reader.extend(written);
    let frame = std::iter::from_fn(|| reader.next_frame().unwrap()).nth(place).expect("it is written");
    decode_request_header(&frame).unwrap().0
}

// SE3
#[test]
fn answers_of_a_pipelined_set_up_may_come_one_by_one_and_while_the_last_request_is_being_written() {
    for whole in [1, 2] {
        let (mut stage, number, written) = half_written(whole);
        stage.give(number, &header_of(&written, 0), &speaks_sasl());
        assert!(stage.turn().is_empty(), "{whole}");
        if whole == 2 {
            stage.give(number, &header_of(&written, 1), &offers(&["PLAIN"]));
            assert!(stage.turn().is_empty());
        }
        let asked = the_rest(&mut stage, number, written);
        assert_eq!(asked.iter().map(|header| header.api).collect::<Vec<_>>(), ALL_THREE);
        if whole == 1 {
            stage.give(number, &asked[1], &offers(&["PLAIN"]));
            assert!(stage.turn().is_empty());
        }
        assert!(stage.why(A).is_some());
        stage.give(number, &asked[2], &SaslAuthenticateResponse::default());
        assert!(is_connected(&stage.turn()));
    }
}

// SE3
#[test]
fn an_answer_to_the_last_request_of_a_pipelined_set_up_before_it_is_written_ends_the_connection() {
    let (mut stage, number, written) = half_written(2);
    let handshake = header_of(&written, 1);
    stage.give(number, &header_of(&written, 0), &speaks_sasl());
    stage.give(number, &handshake, &offers(&["PLAIN"]));
    let token = ReceivedHeader { api: ApiKey::SaslAuthenticate, version: 2, ..handshake };
    let token = ReceivedHeader { correlation_id: token.correlation_id + 1, ..token };
    stage.give(number, &token, &SaslAuthenticateResponse::default());
    assert!(protocol_error(&stage.turn()).contains("not written yet"));
    assert!(!stage.net.is_open(number));
}

// SE3, SE11
#[test]
fn scram_saves_two_of_four_round_trips_and_goes_ahead_in_plaintext_too() {
    for is_encrypted in [true, false] {
        let mut stage = let_in(scram(), is_encrypted);
        let number = stage.accepted(A);
        let asked = stage.requests(number);
        assert_eq!(keys(&asked), ALL_THREE);
        stage.give(number, &asked[0].0, &speaks_sasl());
        stage.give(number, &asked[1].0, &offers(&["SCRAM-SHA-256"]));
        let token = SaslAuthenticateRequest::parse(&asked[2].1, 2).unwrap().auth_bytes;
        let nonce = std::str::from_utf8(&token).unwrap().split_once(",r=").unwrap().1.to_owned();
        let challenge = format!("r={nonce}server,s=c2FsdHNhbHQ=,i=4096");
        let challenge =
            SaslAuthenticateResponse { auth_bytes: challenge.into_bytes().into(), ..Default::default() };
        stage.give(number, &asked[2].0, &challenge);
        assert!(stage.turn().is_empty());
        assert_eq!(stage.why(A), Some(WaitReason::Authenticating));
        stage.net.do_work();
        stage.turn();
        assert!(stage.token(number).1.starts_with(b"c=biws,r="));
    }
}

// SE3
#[test]
fn what_shows_a_secret_never_goes_ahead_in_plaintext() {
    for credentials in [plain(), SaslCredentials::oauth_bearer(Secret::from("a.b.c"))] {
        let mut stage = let_in(credentials, false);
        let number = stage.accepted(A);
        assert_eq!(keys(&stage.requests(number)), [ApiKey::ApiVersions]);
    }
}

// SE3, SE4
#[test]
fn nothing_goes_ahead_where_brokers_are_old_or_unknown_again() {
    let mut lowered = speaks_sasl();
    lowered.api_keys.retain(|range| range.api_key != ApiKey::ApiVersions.key());
    lowered.api_keys.push(ApiVersion {
        api_key: ApiKey::ApiVersions.key(),
        max_version: 3,
        ..Default::default()
    });
    let mut stage = let_in_by(plain(), true, &lowered);
    let number = stage.accepted(A);
    assert_eq!(keys(&stage.requests(number)), [ApiKey::ApiVersions], "it would have to ask twice");
    let mut stage = let_in(plain(), true);
    stage.client.set_brokers(stage.now(), &[broker(BrokerId(-1), "10.0.0.9")]);
    stage.turn();
    stage.client.known.answers_api_versions(&broker(BrokerId(-1), "10.0.0.9"));
    let number = stage.accepted(BrokerId(-1));
    assert_eq!(keys(&stage.requests(number)), [ApiKey::ApiVersions]);
}

/// What a broker answers of the requests before it closes.
type Close = fn(&Stage, ConnectionNumber, &[(ReceivedHeader, Bytes)]);

// SE3
#[test]
fn a_broker_that_answers_one_request_and_closes_is_asked_step_by_step_the_next_times() {
    let closes: [Close; 4] = [
        |_, _, _| {},
        |stage, number, asked| stage.give(number, &asked[0].0, &speaks_sasl()),
        |stage, number, asked| {
            stage.give(number, &asked[0].0, &speaks_sasl());
            stage.give(number, &asked[1].0, &offers(&["PLAIN"]));
        },
        // An older broker than the others.
        |stage, number, asked| stage.give(number, &asked[0].0, &speaks_bare_sasl()),
    ];
    for close in closes {
        let mut stage = let_in(plain(), true);
        let number = stage.accepted(A);
        let asked = stage.requests(number);
        close(&stage, number, &asked);
        stage.net.give(number, Vec::new());
        let reason = broken(&stage.turn()).2;
        assert!(!reason.is_security(), "{reason}");
        stage.clock.advance(MS(100));
        for _ in 0..2 {
            let number = stage.shaken("PLAIN");
            assert!(is_connected(&stage.judged(number, &SaslAuthenticateResponse::default())));
            let now = stage.now();
            stage.client.disconnect(now, A, "the test");
            stage.turn();
            stage.clock.advance(MS(100));
        }
    }
}

/// How many set-ups with the first broker wait for each answer until one goes ahead again; each succeeds.
fn step_by_step(stage: &mut Stage) -> usize {
    for count in 0.. {
        stage.clock.advance(MS(100));
        let number = stage.accepted(A);
        let asked = stage.requests(number);
        if asked.len() == 3 {
            stage.give(number, &asked[0].0, &speaks_sasl());
            stage.give(number, &asked[1].0, &offers(&["PLAIN"]));
            stage.give(number, &asked[2].0, &SaslAuthenticateResponse::default());
            assert!(is_connected(&stage.turn()));
            return count;
        }
        stage.give(number, &asked[0].0, &speaks_sasl());
        stage.turn();
        let header = stage.handshake(number, "PLAIN");
        stage.give(number, &header, &offers(&["PLAIN"]));
        stage.turn();
        assert!(is_connected(&stage.judged(number, &SaslAuthenticateResponse::default())));
        let now = stage.now();
        stage.client.disconnect(now, A, "the test");
        stage.turn();
    }
    unreachable!("it goes ahead some day")
}

// SE3
#[test]
fn a_set_up_that_the_client_itself_ends_says_nothing_of_the_broker() {
    let mut stage = let_in(plain(), true);
    let number = stage.accepted(A);
    assert_eq!(keys(&stage.requests(number)), ALL_THREE);
    let now = stage.now();
    stage.client.disconnect(now, A, "the test");
    stage.turn();
    assert_eq!(step_by_step(&mut stage), 0);
}

// SE3
#[test]
fn a_broker_that_was_asked_step_by_step_is_tried_again_and_each_time_later() {
    let mut stage = let_in(plain(), true);
    for expected in [2, 4, 8, 16, 32, 64, 64] {
        stage.clock.advance(MS(100));
        let number = stage.accepted(A);
        assert_eq!(keys(&stage.requests(number)), ALL_THREE);
        stage.net.give(number, Vec::new());
        stage.turn();
        assert_eq!(step_by_step(&mut stage), expected);
        let now = stage.now();
        stage.client.disconnect(now, A, "the test");
        stage.turn();
    }
}

// SE3
#[test]
fn a_broker_that_hangs_on_an_exchange_that_went_ahead_is_asked_step_by_step_too() {
    let mut stage = let_in(plain(), true);
    let number = stage.accepted(A);
    assert_eq!(keys(&stage.requests(number)), ALL_THREE);
    stage.clock.advance(MS(10_000));
    assert!(matches!(broken(&stage.turn()).2, DisconnectReason::SetupTimeout(_)));
    assert_eq!(step_by_step(&mut stage), 2);
}

// SE3
#[test]
fn a_broker_that_does_not_know_the_version_any_more_is_asked_step_by_step_the_next_times() {
    let mut stage = let_in(plain(), true);
    let number = stage.accepted(A);
    let asked = stage.requests(number);
    let error_code = ErrorCode::UNSUPPORTED_VERSION;
    let bytes =
        encode_response(0, asked[0].0.correlation_id, &ApiVersionsResponse { error_code, ..speaks() });
    stage.net.give(number, bytes.unwrap().concat());
    assert!(protocol_error(&stage.turn()).contains("no longer knows"));
    stage.clock.advance(MS(100));
    stage.versions_told(&speaks_sasl());
}

// SE3, H23
#[test]
fn a_refusal_of_what_went_ahead_is_a_refusal_and_the_next_attempt_goes_ahead_again() {
    let mut stage = let_in(plain(), true);
    for step in [1, 2] {
        let number = stage.accepted(A);
        let asked = stage.requests(number);
        assert_eq!(keys(&asked), ALL_THREE);
        stage.give(number, &asked[0].0, &speaks_sasl());
        let error_code = ErrorCode::UNSUPPORTED_SASL_MECHANISM;
        if step == 1 {
            stage.give(number, &asked[1].0, &SaslHandshakeResponse { error_code, ..offers(&["GSSAPI"]) });
        } else {
            stage.give(number, &asked[1].0, &offers(&["PLAIN"]));
            stage.give(number, &asked[2].0, &refusal(ErrorCode::SASL_AUTHENTICATION_FAILED, "no"));
        }
        security(&stage.turn());
        assert!(!stage.net.is_open(number));
        stage.clock.advance(MS(100));
    }
}
