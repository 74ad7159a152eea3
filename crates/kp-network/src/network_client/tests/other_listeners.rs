//! Ports on which something else than a broker of this cluster listens, or nothing any more.

use super::*;
use crate::{OldKafka, OtherProtocol};

#[test]
fn a_broker_that_has_answered_before_is_not_taken_for_a_tls_listener_when_it_is_killed() {
    let mut stage = Stage::new();
    let number = stage.ready(A);
    stage.net.give(number, Vec::new());
    stage.turn();
    for _ in 0..3 {
        stage.clock.advance(MS(100));
        let number = stage.accepted(A);
        stage.net.give(number, Vec::new());
        let reason = broken(&stage.turn()).2;
        assert_eq!(reason.to_string(), "connect failed: closed before the broker was ready");
    }
}

#[test]
fn a_broker_that_has_answered_is_known_by_its_address_under_another_number_too() {
    let mut stage = Stage::new();
    stage.client.set_brokers(stage.now(), &[broker(BrokerId(-1), "10.0.0.9")]);
    stage.turn();
    stage.client.known = KnownCluster::of(ClusterAge::AnswersApiVersions);
    stage.ready(BrokerId(-1));
    stage.client.set_brokers(stage.now(), &[broker(A, "10.0.0.9"), broker(B, "10.0.0.8")]);
    stage.turn();
    let number = stage.accepted(A);
    stage.net.fail(number, std::io::ErrorKind::ConnectionReset);
    assert!(matches!(broken(&stage.turn()).2, DisconnectReason::ConnectFailed(_)));
    let number = stage.accepted(B);
    stage.net.give(number, Vec::new());
    assert_eq!(broken(&stage.turn()).2, DisconnectReason::ClosedWithoutAnswer);
}

#[test]
fn another_protocol_is_recognised_by_the_first_bytes_of_its_answer() {
    let answers: [(&[u8], _, _); 4] = [
        (
            b"HTTP/1.1 400 Bad Request\r\n",
            OtherProtocol::Http,
            "an HTTP server listens there, not a Kafka broker (check the port: bootstrap.servers, or the broker's \
             advertised.listeners)",
        ),
        (
            b"<!DOCTYPE HTML PUBLIC",
            OtherProtocol::Http,
            "an HTTP server listens there, not a Kafka broker (check the port: bootstrap.servers, or the broker's \
             advertised.listeners)",
        ),
        (
            b"SSH-2.0-OpenSSH_9\r\n",
            OtherProtocol::Ssh,
            "an SSH server listens there, not a Kafka broker (check the port: bootstrap.servers, or the broker's \
             advertised.listeners)",
        ),
        (
            &[0x15, 3, 3, 0, 2, 2, 40],
            OtherProtocol::Tls,
            "a TLS listener, and this connection is not encrypted (set security.protocol=SSL or SASL_SSL)",
        ),
    ];
    for (answer, expected, words) in answers {
        let mut stage = Stage::new();
        let number = stage.accepted(A);
        stage.net.give(number, answer.to_vec());
        let reason = broken(&stage.turn()).2;
        assert_eq!(reason, DisconnectReason::OtherProtocol(expected));
        assert_eq!(reason.to_string(), words);
    }
}

#[test]
fn another_protocol_is_recognised_too_where_frames_may_be_as_long_as_its_first_bytes_say() {
    let mut stage = Stage::with(NetworkSettings { max_response_size: i32::MAX as usize, ..settings() });
    let number = stage.accepted(A);
    stage.net.give(number, vec![0x15, 3, 3, 0, 2, 2, 40]);
    stage.net.give(number, Vec::new());
    assert_eq!(broken(&stage.turn()).2, DisconnectReason::OtherProtocol(OtherProtocol::Tls));
}

#[test]
fn bytes_that_look_like_another_protocol_are_a_broken_frame_once_the_broker_has_answered() {
    let mut stage = Stage::new();
    let number = stage.ready(A);
    stage.net.give(number, b"HTTP/1.1 400 Bad Request\r\n".to_vec());
    assert!(matches!(broken(&stage.turn()).2, DisconnectReason::ProtocolError(_)));
}

#[test]
fn another_protocol_is_recognised_too_where_the_version_is_configured_and_no_question_is_asked() {
    let mut stage =
        Stage::unknown(NetworkSettings { version_fallback: Some(OldKafka::V0_10_0), ..settings() });
    let (number, _) = stage.attempt(A);
    stage.net.accept(number);
    assert!(matches!(stage.turn()[..], [Event::Connected { broker: A, .. }]));
    stage.net.give(number, vec![0x15, 3, 3, 0, 2, 2, 40]);
    assert_eq!(broken(&stage.turn()).2, DisconnectReason::OtherProtocol(OtherProtocol::Tls));
}

#[test]
fn a_broker_of_a_configured_version_that_has_answered_is_not_taken_for_another_protocol() {
    let mut stage =
        Stage::unknown(NetworkSettings { version_fallback: Some(OldKafka::V0_10_0), ..settings() });
    let (number, _) = stage.attempt(A);
    stage.net.accept(number);
    stage.turn();
    stage.send(number, A, 1);
    let (asked, _) = stage.request(number);
    stage.answer(number, &asked, &[0, 0, 0, 0]);
    assert!(matches!(stage.turn()[..], [Event::Answered { token: 1, .. }]));
    stage.net.give(number, b"HTTP/1.1 400 Bad Request\r\n".to_vec());
    assert!(matches!(broken(&stage.turn()).2, DisconnectReason::ProtocolError(_)));
}

// SE2
#[test]
fn a_broker_that_closes_in_place_of_its_first_answer_may_want_a_login() {
    let mut stage = Stage::new();
    let number = stage.ready(A);
    stage.send(number, A, 1);
    stage.turn();
    stage.net.give(number, Vec::new());
    let words = broken(&stage.turn()[1..]).2.to_string();
    assert!(words.contains("a listener with SASL (security.protocol)?"), "{words}");
    // One that has answered is not such a listener.
    stage.clock.advance(MS(100));
    let number = stage.ready(A);
    stage.send(number, A, 2);
    stage.turn();
    let (header, _) = stage.request(number);
    stage.answer(number, &header, b"answer");
    stage.send(number, A, 3);
    stage.turn();
    stage.net.give(number, Vec::new());
    assert_eq!(broken(&stage.turn()[1..]).2, DisconnectReason::ClosedByBroker);
}
