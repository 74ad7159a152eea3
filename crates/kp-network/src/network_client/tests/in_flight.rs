//! Requests and responses on a ready connection.

use super::*;

#[test]
fn a_request_is_head_and_body_and_its_answer_comes_back_under_its_token() {
    let mut stage = Stage::new();
    let number = stage.ready(A);
    stage.send(number, A, 70);
    let (header, body) = stage.request(number);
    assert_eq!((header.api, header.version, &body[..]), (ApiKey::Metadata, 1, &b"body"[..]));
    stage.answer(number, &header, b"answer");
    assert_eq!(answered(&stage.turn()), [(70, Bytes::from_static(b"answer"))]);
}

#[test]
fn the_tags_of_a_flexible_response_header_are_not_part_of_the_body() {
    let mut stage = Stage::new();
    let number = stage.ready(A);
    let flexible = ClientRequest { version: 12, ..request(1, A, number) };
    stage.client.send(stage.now(), flexible).unwrap();
    let (header, _) = stage.request(number);
    stage.answer(number, &header, b"\x01\x05\x02xxanswer");
    assert_eq!(answered(&stage.turn()), [(1, Bytes::from_static(b"answer"))]);
}

#[test]
fn only_a_ready_broker_takes_requests() {
    // NC1
    let mut stage = Stage::new();
    let refused = stage.client.send(stage.now(), request(1, A, ConnectionNumber(1))).unwrap_err();
    assert_eq!(refused.request.token, 1);
    let number = stage.accepted(A);
    assert!(stage.client.send(stage.now(), request(1, A, number)).is_err());
    assert!(stage.client.send(stage.now(), request(1, BrokerId(9), number)).is_err());
}

#[test]
fn a_request_for_an_earlier_connection_is_given_back() {
    let mut stage = Stage::new();
    let first = stage.ready(A);
    stage.client.disconnect(stage.now(), A, "test");
    assert_eq!(broken(&stage.turn()).2, DisconnectReason::Asked("test".into()));
    stage.clock.advance(MS(100));
    let second = stage.ready(A);
    let refused = stage.client.send(stage.now(), request(3, A, first)).unwrap_err();
    assert!(refused.reason.contains("another connection"), "{}", refused.reason);
    assert_eq!(refused.request.body.len(), 3);
    stage.send(second, A, 3);
}

#[test]
fn a_version_that_the_api_lacks_is_given_back() {
    // NC3
    let mut stage = Stage::new();
    let number = stage.ready(A);
    let unknown = ClientRequest { version: 99, ..request(1, A, number) };
    assert!(stage.client.send(stage.now(), unknown).is_err());
    assert_eq!(stage.why(A), None);
    assert!(stage.net.taken(number).is_empty());
}

#[test]
fn no_more_than_max_in_flight_are_unanswered() {
    // NC6
    let mut stage = Stage::with(NetworkSettings { max_in_flight: 2, ..settings() });
    let number = stage.ready(A);
    stage.send(number, A, 1);
    stage.send(number, A, 2);
    assert_eq!(stage.why(A), Some(WaitReason::InFlightFull));
    assert!(stage.client.send(stage.now(), request(3, A, number)).is_err());
    let requests = stage.requests(number);
    stage.answer(number, &requests[0].0, b"");
    assert_eq!(answered(&stage.turn()), [(1, Bytes::new())]);
    assert_eq!(stage.why(A), None);
}

#[test]
fn the_next_request_waits_until_the_previous_one_is_completely_written() {
    // NC6, NC29
    let mut stage = Stage::new();
    let number = stage.ready(A);
    stage.net.room(number, 5);
    stage.send(number, A, 1);
    assert_eq!(stage.why(A), Some(WaitReason::Writing));
    assert!(stage.client.send(stage.now(), request(2, A, number)).is_err());
    stage.net.room(number, 3);
    assert!(stage.turn().is_empty());
    assert_eq!(stage.why(A), Some(WaitReason::Writing));
    stage.net.room(number, usize::MAX);
    let events = stage.turn();
    assert!(matches!(events[..], [Event::Writable { broker: A }]), "{events:?}");
    assert_eq!(stage.why(A), None);
    let (_, body) = stage.request(number);
    assert_eq!(&body[..], b"body");
    assert_eq!(stage.net.writes(number), 4, "versions, and three parts");
}

#[test]
fn a_caller_that_did_not_ask_during_a_write_is_not_told_of_its_end() {
    let mut stage = Stage::new();
    let number = stage.ready(A);
    stage.send(number, A, 1);
    stage.net.room(number, 5);
    stage.send(number, A, 2);
    stage.net.room(number, usize::MAX);
    assert!(stage.turn().is_empty());
}

#[test]
fn a_request_of_thousands_of_pieces_goes_out_whole_and_in_order() {
    // NC29
    let mut stage = Stage::new();
    let number = stage.ready(A);
    let body: Vec<Bytes> =
        (0..3000u32).map(|n| Bytes::copy_from_slice(&n.to_be_bytes()[..1 + (n % 4) as usize])).collect();
    let whole = body.concat();
    stage.client.send(stage.now(), ClientRequest { body: body.into(), ..request(1, A, number) }).unwrap();
    assert_eq!(stage.request(number).1, whole);
    assert!(stage.net.writes(number) < 20);
}

#[test]
fn the_bytes_of_a_body_are_written_from_where_they_are_and_let_go() {
    let mut stage = Stage::new();
    let number = stage.ready(A);
    let payload = Bytes::from(vec![7u8; 1000]);
    stage.net.room(number, 500);
    let body = vec![payload.clone()];
    stage.client.send(stage.now(), ClientRequest { body: body.into(), ..request(1, A, number) }).unwrap();
    assert!(!payload.is_unique(), "held while it is being written");
    stage.net.room(number, usize::MAX);
    stage.turn();
    assert!(payload.is_unique(), "given back when it is written, not when it is answered");
}

#[test]
fn a_request_without_an_answer_is_done_when_it_is_written() {
    // NC8
    let mut stage = Stage::with(NetworkSettings { max_in_flight: 1, ..settings() });
    let number = stage.ready(A);
    let silent = |token| ClientRequest { expects_response: false, ..request(token, A, number) };
    stage.client.send(stage.now(), silent(1)).unwrap();
    assert!(matches!(stage.turn()[..], [Event::Written { token: 1 }]));
    stage.net.room(number, 4);
    stage.client.send(stage.now(), silent(2)).unwrap();
    assert!(stage.turn().is_empty());
    assert_eq!(stage.why(A), Some(WaitReason::InFlightFull));
    stage.net.room(number, usize::MAX);
    assert!(matches!(stage.turn()[..], [Event::Written { token: 2 }, Event::Writable { .. }]));
}

#[test]
fn answers_match_in_order_however_their_bytes_arrive() {
    // NC7
    let mut stage = Stage::new();
    let number = stage.ready(A);
    (1..=4).for_each(|token| stage.send(number, A, token));
    let bytes: Vec<u8> =
        stage.requests(number).iter().flat_map(|(header, _)| response(header, b"ok")).collect();
    let mut tokens = Vec::new();
    for piece in bytes.chunks(7) {
        stage.net.give(number, piece.to_vec());
        tokens.extend(answered(&stage.turn()).into_iter().map(|(token, _)| token));
    }
    assert_eq!(tokens, [1, 2, 3, 4]);
}

#[test]
fn a_wrong_correlation_id_closes_the_connection() {
    // NC7
    let mut stage = Stage::new();
    let number = stage.ready(A);
    stage.send(number, A, 1);
    stage.send(number, A, 2);
    let requests = stage.requests(number);
    stage.answer(number, &requests[1].0, b"");
    let events = stage.turn();
    assert_eq!(failed(&events), [(1, Written::Perhaps), (2, Written::Perhaps)]);
    let (_, _, reason) = broken(&events[2..]);
    assert!(matches!(reason, DisconnectReason::ProtocolError(_)), "{reason:?}");
    assert!(!stage.net.is_open(number));
}

#[test]
fn a_response_that_no_request_waits_for_closes_the_connection() {
    // NC7
    let mut stage = Stage::new();
    let number = stage.ready(A);
    stage.net.give(number, b"\0\0\0\x04\0\0\0\x63".to_vec());
    assert!(matches!(broken(&stage.turn()).2, DisconnectReason::ProtocolError(_)));
}

#[test]
fn a_size_below_zero_or_above_the_limit_closes_the_connection() {
    // NC29
    for size in [-1i32, 1001, i32::MAX] {
        let mut stage = Stage::with(NetworkSettings { max_response_size: 1000, ..settings() });
        let number = stage.ready(A);
        stage.net.give(number, size.to_be_bytes().to_vec());
        assert!(matches!(broken(&stage.turn()).2, DisconnectReason::ProtocolError(_)), "{size}");
    }
}

#[test]
fn a_large_response_in_small_pieces_is_read_to_its_end() {
    let mut stage = Stage::new();
    let number = stage.ready(A);
    stage.send(number, A, 1);
    let (header, _) = stage.request(number);
    let body: Vec<u8> = (0..3_000_000u32).map(|n| n as u8).collect();
    for piece in response(&header, &body).chunks(50_000) {
        stage.net.give(number, piece.to_vec());
    }
    let now = stage.now();
    let events = stage.poll(Some(now + MS(5)));
    assert_eq!(answered(&events), [(1, Bytes::from(body))]);
}

#[test]
fn a_lost_connection_fails_what_was_in_flight_in_order_and_knows_what_never_left() {
    // NC11
    let mut stage = Stage::new();
    let number = stage.ready(A);
    stage.send(number, A, 1);
    stage.send(number, A, 2);
    stage.net.room(number, 0);
    stage.send(number, A, 3);
    stage.net.give(number, Vec::new());
    let events = stage.turn();
    assert_eq!(failed(&events), [(1, Written::Perhaps), (2, Written::Perhaps), (3, Written::No)]);
    assert_eq!(broken(&events[3..]).0, A);
}

#[test]
fn a_request_of_which_a_part_has_left_may_have_been_seen() {
    let mut stage = Stage::new();
    let number = stage.ready(A);
    stage.net.room(number, 1);
    stage.send(number, A, 1);
    stage.net.fail(number, std::io::ErrorKind::ConnectionReset);
    let events = stage.turn();
    assert_eq!(failed(&events), [(1, Written::Perhaps)]);
    assert!(matches!(broken(&events[1..]).2, DisconnectReason::Lost(_)));
}

#[test]
fn answers_that_arrived_before_the_end_are_delivered_first() {
    // NC22
    let mut stage = Stage::new();
    let number = stage.ready(A);
    stage.send(number, A, 1);
    stage.send(number, A, 2);
    let requests = stage.requests(number);
    stage.answer(number, &requests[0].0, b"");
    stage.net.give(number, Vec::new());
    let events = stage.turn();
    assert!(matches!(
        events[..],
        [Event::Answered { token: 1, .. }, Event::Failed { token: 2, .. }, Event::Disconnected { .. }]
    ));
}

#[test]
fn a_write_that_fails_does_not_hide_an_answer_that_is_there() {
    let mut stage = Stage::new();
    let number = stage.ready(A);
    stage.send(number, A, 1);
    let (header, _) = stage.request(number);
    stage.answer(number, &header, b"");
    stage.net.fail(number, std::io::ErrorKind::BrokenPipe);
    stage.send(number, A, 2);
    let events = stage.turn();
    assert!(matches!(
        events[..],
        [
            Event::Answered { token: 1, .. },
            Event::Failed { token: 2, written: Written::No, .. },
            Event::Disconnected { .. }
        ]
    ));
}
