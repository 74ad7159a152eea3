//! A client without a login whose first request is answered by a close: the listener is asked whether it wants one.

use super::*;
use crate::{SaslCredentials, SaslLogin, Secret, SecurityFailure, SecurityStage};
use kp_protocol::api::{SaslHandshakeRequest, SaslHandshakeResponse};
use kp_protocol::{KafkaString, Message};
use std::io::ErrorKind;

/// What a broker speaks whose newest SaslHandshake is this.
fn speaks_handshake(max_version: i16) -> ApiVersionsResponse {
    let (api_key, mut answer) = (ApiKey::SaslHandshake.key(), speaks());
    answer.api_keys.push(ApiVersion { api_key, min_version: 0, max_version, ..Default::default() });
    answer
}

fn offers(error_code: ErrorCode, mechanisms: &[&str]) -> SaslHandshakeResponse {
    let mechanisms = mechanisms.iter().map(|name| KafkaString::from(*name)).collect();
    SaslHandshakeResponse { error_code, mechanisms, ..Default::default() }
}

impl Stage {
    fn give_answer<M: Message>(&self, number: ConnectionNumber, header: &ReceivedHeader, answer: &M) {
        let bytes = encode_response(header.version, header.correlation_id, answer).unwrap().concat();
        self.net.give(number, bytes);
    }

    /// A connection to a broker that has said what it speaks, and has a first request.
    fn first_request(&mut self, speaks: &ApiVersionsResponse) -> ConnectionNumber {
        let number = self.accepted(A);
        let (header, _) = self.request(number);
        self.give_answer(number, &header, speaks);
        assert!(matches!(self.turn()[..], [Event::Connected { broker: A, .. }]));
        self.send(number, A, 1);
        self.turn();
        number
    }

    /// The broker closes in place of the first answer, and a connection that asks is being made.
    fn closed_unserved(&mut self, speaks: &ApiVersionsResponse) -> ConnectionNumber {
        let number = self.first_request(speaks);
        self.net.give(number, Vec::new());
        let events = self.turn();
        assert_eq!((events.len(), failed(&events)), (1, vec![(1, Written::Perhaps)]), "{events:?}");
        assert!(!self.net.is_open(number));
        self.dialled()
    }

    /// The connection that the next turn begins.
    fn dialled(&mut self) -> ConnectionNumber {
        assert!(self.net.attempts().is_empty(), "sockets are made by a poll alone");
        assert!(self.turn().is_empty(), "it is not over");
        let attempts = self.net.attempts();
        assert_eq!((attempts.len(), attempts[0].1), (1, "10.0.0.1:9092".parse().unwrap()));
        attempts[0].0
    }

    /// The socket is there, and has the question.
    fn asked_for_login(&mut self) -> ConnectionNumber {
        let number = self.closed_unserved(&speaks_handshake(1));
        self.net.accept(number);
        assert!(self.turn().is_empty());
        number
    }

    /// The only event: the broker wants a login.
    fn login_wanted(&mut self) -> Arc<SecurityFailure> {
        let events = self.turn();
        assert!(matches!(events[0], Event::Disconnected { reached: Reached::Ready, .. }), "{events:?}");
        match broken(&events).2 {
            DisconnectReason::AuthenticationFailed(failure) => failure,
            other => panic!("{other:?}"),
        }
    }
}

// SE30, SE26
#[test]
fn a_listener_that_wants_a_login_is_told_apart_by_its_answer_and_names_its_mechanisms() {
    let mut stage = Stage::new();
    let number = stage.asked_for_login();
    let (header, body) = stage.request(number);
    assert_eq!((header.api, header.version), (ApiKey::SaslHandshake, 1));
    assert!(header.client_id.is_none(), "the question shows no name");
    assert_eq!(&*SaslHandshakeRequest::parse(&body, 1).unwrap().mechanism, "PLAIN");
    assert_eq!(stage.why(A), Some(WaitReason::Connecting));
    stage.give_answer(number, &header, &offers(ErrorCode::NONE, &["PLAIN", "SCRAM-SHA-256"]));
    let failure = stage.login_wanted();
    assert_eq!((failure.stage(), failure.is_retriable()), (SecurityStage::Connection, false));
    let line = "connection failed: the listener wants a login, and this client has none; it offers PLAIN, \
                SCRAM-SHA-256 (set security.protocol=SASL_PLAINTEXT and sasl.mechanism, with the credentials \
                in sasl.jaas.config; or give the port of a listener without SASL)";
    assert_eq!(failure.to_string(), line);
    assert!(!stage.net.is_open(number));
    let totals = stage.client.snapshot().totals;
    assert_eq!((totals.connections_opened, totals.connections_closed, totals.connections_ended), (1, 1, 1));
    assert_eq!(stage.why(A), Some(WaitReason::BackingOff));
}

impl Stage {
    /// The broker has said that it wants a login.
    fn without_login() -> Self {
        let mut stage = Self::new();
        let number = stage.asked_for_login();
        let (header, _) = stage.request(number);
        stage.give_answer(number, &header, &offers(ErrorCode::NONE, &["PLAIN"]));
        stage.login_wanted();
        stage.clock.advance(MS(100));
        stage
    }
}

// SE30, SE26
#[test]
fn the_next_attempt_asks_first_and_is_not_ready_until_the_broker_wants_no_login() {
    let mut stage = Stage::without_login();
    for _ in 0..2 {
        let number = stage.accepted(A);
        let (header, _) = stage.request(number);
        assert_eq!((header.api, header.version), (ApiKey::SaslHandshake, 1));
        assert!(header.client_id.is_none());
        stage.give_answer(number, &header, &offers(ErrorCode::NONE, &["PLAIN"]));
        let (_, _, reason) = broken(&stage.turn());
        assert!(reason.to_string().contains("the listener wants a login"), "{reason}");
        stage.clock.advance(MS(100));
    }
    // It has come right: the set-up goes on, on the same connection.
    let number = stage.accepted(A);
    let (header, _) = stage.request(number);
    stage.give_answer(number, &header, &offers(ErrorCode::ILLEGAL_SASL_STATE, &[]));
    assert!(stage.turn().is_empty());
    let (header, _) = stage.request(number);
    assert_eq!(header.api, ApiKey::ApiVersions);
    stage.give_answer(number, &header, &speaks_handshake(1));
    assert!(matches!(stage.turn()[..], [Event::Connected { connection, .. }] if connection == number));
    stage.send(number, A, 2);
    stage.turn();
    let (header, _) = stage.request(number);
    stage.answer(number, &header, b"answer");
    assert_eq!(answered(&stage.turn()).len(), 1);
    let totals = stage.client.snapshot().totals;
    assert_eq!((totals.connections_opened, totals.connections_closed, totals.connections_made), (4, 3, 2));
}

// SE30, SE29
#[test]
fn an_attempt_that_asks_first_and_ends_otherwise_is_a_lost_one_and_the_next_is_as_any_other() {
    let ends: [fn(&mut Stage, ConnectionNumber); 3] = [
        |stage, number| stage.net.give(number, Vec::new()),
        |stage, number| stage.net.fail(number, ErrorKind::ConnectionReset),
        |stage, number| stage.net.give(number, i32::to_be_bytes(512 * 1024 + 1).to_vec()),
    ];
    for end in ends {
        let mut stage = Stage::without_login();
        let number = stage.accepted(A);
        end(&mut stage, number);
        assert!(broken(&stage.turn()).2.verdict().is_none());
        stage.clock.advance(MS(100));
        stage.ready(A);
    }
    // One that finds no socket tells nothing of the broker.
    let mut stage = Stage::without_login();
    let (number, _) = stage.attempt(A);
    stage.net.refuse(number);
    assert!(matches!(broken(&stage.turn()).2, DisconnectReason::ConnectFailed(_)));
    stage.clock.advance(MS(100));
    let number = stage.accepted(A);
    assert_eq!(stage.request(number).0.api, ApiKey::SaslHandshake);
}

// SE30
#[test]
fn a_listener_without_the_mechanism_of_the_question_and_one_of_an_old_broker_are_told_too() {
    for version in [0, 1] {
        let mut stage = Stage::new();
        let number = stage.closed_unserved(&speaks_handshake(version));
        stage.net.accept(number);
        assert!(stage.turn().is_empty());
        let (header, _) = stage.request(number);
        assert_eq!((header.api, header.version), (ApiKey::SaslHandshake, version));
        let refusal = offers(ErrorCode::UNSUPPORTED_SASL_MECHANISM, &["GSSAPI"]);
        stage.give_answer(number, &header, &refusal);
        let failure = stage.login_wanted();
        assert!(failure.words().ends_with("it offers GSSAPI"), "{failure}");
    }
}

// SE30
#[test]
fn an_encrypted_client_without_a_login_asks_over_tls_and_is_told_the_value_for_both() {
    let mut stage = Stage::new();
    stage.net.encrypts();
    let number = stage.asked_for_login();
    assert!(stage.net.plain_attempts().is_empty());
    let (header, _) = stage.request(number);
    stage.give_answer(number, &header, &offers(ErrorCode::NONE, &["PLAIN"]));
    let failure = stage.login_wanted();
    let advice = failure.advice().unwrap_or_default();
    assert!(advice.starts_with("set security.protocol=SASL_SSL and sasl.mechanism"), "{advice}");
}

// SE30
#[test]
fn of_the_names_that_a_broker_makes_up_ten_are_shown_and_none_as_it_came() {
    let mut stage = Stage::new();
    let number = stage.asked_for_login();
    let (header, _) = stage.request(number);
    let long = "x".repeat(10_000);
    let mut names = vec!["PLAIN\r\n\u{1b}[31m", long.as_str()];
    names.resize(1000, "ONE");
    stage.give_answer(number, &header, &offers(ErrorCode::NONE, &names));
    let line = stage.login_wanted().to_string();
    assert!(!line.contains(char::is_control) && line.len() < 500, "{line}");
    assert!(line.contains("and 990 more"), "{line}");
}

// SE30, SE29
#[test]
fn what_is_no_answer_of_a_listener_with_sasl_leaves_the_close_as_it_was() {
    fn answers(stage: &mut Stage, number: ConnectionNumber, code: ErrorCode) {
        let (header, _) = stage.request(number);
        stage.give_answer(number, &header, &offers(code, &[]));
    }
    let ends: [fn(&mut Stage, ConnectionNumber); 9] = [
        // A listener without SASL.
        |stage, number| answers(stage, number, ErrorCode::ILLEGAL_SASL_STATE),
        |stage, number| answers(stage, number, ErrorCode::UNSUPPORTED_SASL_MECHANISM),
        |stage, number| stage.net.give(number, Vec::new()),
        |stage, number| stage.net.fail(number, ErrorKind::ConnectionReset),
        |stage, number| stage.net.give(number, vec![0x15, 3, 3, 0, 2, 2, 80]),
        |stage, number| stage.net.give(number, i32::to_be_bytes(512 * 1024 + 1).to_vec()),
        |stage, number| {
            let (header, _) = stage.request(number);
            let other = ReceivedHeader { correlation_id: header.correlation_id + 7, ..header };
            stage.give_answer(number, &other, &offers(ErrorCode::NONE, &["PLAIN"]));
        },
        |stage, number| {
            let (header, _) = stage.request(number);
            stage.answer(number, &header, &[0]);
        },
        |stage, _| stage.clock.advance(MS(1000)),
    ];
    for end in ends {
        let mut stage = Stage::new();
        let number = stage.asked_for_login();
        end(&mut stage, number);
        stage.assert_closed(number);
    }
    let mut stage = Stage::new();
    let number = stage.closed_unserved(&speaks_handshake(1));
    stage.net.refuse(number);
    stage.assert_closed(number);
    // A failure of TLS is told by the next attempt, and nothing goes in plaintext.
    let mut stage = Stage::new();
    stage.net.encrypts();
    let number = stage.closed_unserved(&speaks_handshake(1));
    stage.net.encrypting(number);
    assert!(stage.turn().is_empty());
    stage.net.refuse_tls(number, crate::TlsFailure::new(crate::TlsFailureKind::Lost, "closed"));
    stage.assert_closed(number);
    assert!(stage.net.plain_attempts().is_empty());
}

impl Stage {
    /// The question has come to nothing.
    fn assert_closed(&mut self, number: ConnectionNumber) {
        let events = self.turn();
        assert_eq!(broken(&events).2, DisconnectReason::ClosedUnserved);
        assert!(matches!(events[0], Event::Disconnected { reached: Reached::Ready, .. }), "{events:?}");
        assert!(!self.net.is_open(number));
        assert_eq!(self.why(A), Some(WaitReason::BackingOff));
        assert_eq!(self.client.snapshot().totals.authentications_failed, 0);
    }
}

// SE30
#[test]
fn a_close_in_place_of_the_answer_to_the_probe_of_a_first_connection_is_asked_about_too() {
    for (code, is_told) in [(ErrorCode::NONE, true), (ErrorCode::ILLEGAL_SASL_STATE, false)] {
        let mut stage = Stage::unknown(settings());
        let number = stage.accepted(A);
        let requests = stage.requests(number);
        let asked: Vec<ApiKey> = requests.iter().map(|(header, _)| header.api).collect();
        assert_eq!(asked, [ApiKey::ApiVersions, ApiKey::Metadata]);
        stage.give_answer(number, &requests[0].0, &speaks_handshake(1));
        stage.net.give(number, Vec::new());
        assert!(stage.turn().is_empty());
        let number = stage.dialled();
        stage.net.accept(number);
        stage.turn();
        let (header, _) = stage.request(number);
        assert_eq!(header.api, ApiKey::SaslHandshake);
        stage.give_answer(number, &header, &offers(code, &[]));
        let events = stage.turn();
        assert!(matches!(events[0], Event::Disconnected { reached: Reached::Answer, .. }), "{events:?}");
        let reason = broken(&events).2;
        assert_eq!(
            (reason.verdict().is_some(), reason == DisconnectReason::ClosedByBroker),
            (is_told, !is_told)
        );
    }
}

// SE30
#[test]
fn a_reset_in_place_of_the_first_answer_is_asked_about_too_and_keeps_its_words() {
    let mut stage = Stage::new();
    let number = stage.first_request(&speaks_handshake(1));
    stage.net.fail(number, ErrorKind::ConnectionReset);
    assert_eq!(failed(&stage.turn()), [(1, Written::Perhaps)]);
    let number = stage.dialled();
    stage.net.accept(number);
    stage.turn();
    stage.net.give(number, Vec::new());
    assert!(matches!(broken(&stage.turn()).2, DisconnectReason::Lost(_)));
}

// SE30
#[test]
fn the_question_about_a_login_never_takes_longer_than_a_set_up_may() {
    let setup_timeout = Backoff::new(MS(400), MS(400));
    let mut stage = Stage::with(NetworkSettings { setup_timeout, ..settings() });
    let number = stage.asked_for_login();
    stage.clock.advance(MS(399));
    assert!(stage.turn().is_empty());
    stage.clock.advance(MS(1));
    stage.assert_closed(number);
}

// SE30
#[test]
fn the_question_ends_when_the_client_wants_the_connection_no_more() {
    let mut stage = Stage::new();
    let number = stage.asked_for_login();
    let now = stage.now();
    stage.client.disconnect(now, A, "changed my mind");
    assert_eq!(broken(&stage.turn()).2, DisconnectReason::Asked("changed my mind".into()));
    assert!(!stage.net.is_open(number));
}

// SE30
#[test]
fn nothing_is_asked_of_a_broker_that_has_served_or_knows_no_login_nor_by_a_client_that_has_one() {
    let closes = |stage: &mut Stage, number| {
        stage.net.give(number, Vec::new());
        let events = stage.turn();
        stage.turn();
        assert!(stage.net.attempts().is_empty(), "nothing is asked");
        broken(&events[failed(&events).len()..]).2
    };
    let mut stage = Stage::new();
    let number = stage.first_request(&speaks());
    assert_eq!(closes(&mut stage, number), DisconnectReason::ClosedUnserved);
    let mut stage = Stage::new();
    let number = stage.first_request(&speaks_handshake(1));
    let (header, _) = stage.request(number);
    stage.answer(number, &header, b"answer");
    stage.send(number, A, 2);
    stage.turn();
    assert_eq!(closes(&mut stage, number), DisconnectReason::ClosedByBroker);
    // One that has left the list.
    let mut stage = Stage::new();
    let number = stage.first_request(&speaks_handshake(1));
    let now = stage.now();
    stage.client.set_brokers(now, &[broker(B, "10.0.0.2")]);
    assert_eq!(closes(&mut stage, number), DisconnectReason::ClosedUnserved);
    // With a login it is one that was lost.
    let login = SaslLogin::new(SaslCredentials::plain("alice", Secret::from("alice-secret"))).unwrap();
    let sasl: Option<Arc<dyn crate::SaslProvider>> = Some(Arc::new(login));
    let mut stage = Stage::with(NetworkSettings { sasl, ..settings() });
    let number = stage.accepted(A);
    stage.net.give(number, Vec::new());
    assert!(matches!(broken(&stage.turn()).2, DisconnectReason::ConnectFailed(_)));
    stage.turn();
    assert!(stage.net.attempts().is_empty());
}
