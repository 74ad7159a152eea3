//! What happens when time passes: set-up, requests, throttling, idleness, and how `poll` waits.

use super::*;
use crate::{SetupStage, Wait};

#[test]
fn a_socket_that_does_not_connect_is_given_up() {
    // NC15
    let mut stage = Stage::new();
    let (number, _) = stage.attempt(A);
    let begun = stage.now();
    assert_eq!(broken(&stage.poll(None)).2, DisconnectReason::SetupTimeout(SetupStage::Connecting));
    assert_eq!(stage.now() - begun, MS(10_000));
    assert!(!stage.net.is_open(number));
    assert_eq!(stage.why(A), Some(WaitReason::BackingOff));
}

#[test]
fn a_broker_that_never_says_what_it_speaks_is_given_up_too() {
    // NC5
    let mut stage = Stage::new();
    stage.accepted(A);
    assert_eq!(broken(&stage.poll(None)).2, DisconnectReason::SetupTimeout(SetupStage::Versions));
}

#[test]
fn the_time_to_set_up_grows_with_attempts_that_fail_and_starts_anew_with_a_connection() {
    // NC15
    let growing = NetworkSettings { setup_timeout: Backoff::new(MS(10_000), MS(30_000)), ..settings() };
    let mut stage = Stage::with(growing);
    let setup = |stage: &mut Stage| {
        let begun = stage.now();
        stage.attempt(A);
        stage.poll(None);
        let took = (stage.now() - begun).as_millis();
        stage.clock.advance(MS(100));
        took
    };
    let times: Vec<_> = (0..4).map(|_| setup(&mut stage)).collect();
    assert!((8_000..=12_000).contains(&times[0]), "{times:?}");
    assert!((16_000..=24_000).contains(&times[1]), "{times:?}");
    assert!((24_000..=30_000).contains(&times[2]) && (24_000..=30_000).contains(&times[3]), "{times:?}");
    // Connected, though not ready: the way there is good.
    let number = stage.accepted(A);
    stage.net.give(number, Vec::new());
    stage.turn();
    stage.clock.advance(MS(100));
    assert!((8_000..=12_000).contains(&setup(&mut stage)));
}

#[test]
fn a_ready_connection_has_no_time_to_set_up_left_to_miss() {
    let mut stage = Stage::new();
    stage.ready(A);
    let now = stage.now();
    assert!(stage.poll(Some(now + MS(60_000))).is_empty());
}

#[test]
fn one_late_request_ends_the_connection_and_all_that_is_in_flight_there() {
    // NC10
    let mut stage = Stage::new();
    let (a, b) = (stage.ready(A), stage.ready(B));
    let begun = stage.now();
    stage.send(a, A, 1);
    stage.client.send(stage.now(), ClientRequest { timeout: MS(400), ..request(2, A, a) }).unwrap();
    stage.send(a, A, 3);
    stage.send(b, B, 4);
    let events = stage.poll(None);
    assert_eq!(stage.now() - begun, MS(400), "the second one's own timeout");
    assert_eq!(failed(&events).into_iter().map(|(token, _)| token).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(
        events[..3]
            .iter()
            .all(|event| matches!(event, Event::Failed { reason: DisconnectReason::RequestTimeout, .. }))
    );
    assert_eq!(broken(&events[3..]), (A, "10.0.0.1:9092".to_owned(), DisconnectReason::RequestTimeout));
    assert_eq!(stage.why(B), None);
}

#[test]
fn answers_in_time_leave_no_timeout_behind() {
    // NC10
    let mut stage = Stage::new();
    let number = stage.ready(A);
    for token in 0..5 {
        stage.send(number, A, token);
        stage.clock.advance(MS(20_000));
        let (header, _) = stage.request(number);
        stage.answer(number, &header, b"");
        assert_eq!(answered(&stage.turn()).len(), 1);
    }
    let now = stage.now();
    assert!(stage.poll(Some(now + MS(100_000))).is_empty());
}

#[test]
fn an_answer_that_is_in_when_the_time_is_up_is_an_answer() {
    // NC22: a thread that was kept from running must not give up what has long arrived.
    let mut stage = Stage::new();
    let number = stage.ready(A);
    stage.send(number, A, 1);
    let (header, _) = stage.request(number);
    stage.clock.advance(MS(40_000));
    stage.answer(number, &header, b"");
    assert_eq!(answered(&stage.turn()).len(), 1);
    assert_eq!(stage.why(A), None);
}

#[test]
fn a_request_that_cannot_be_written_times_out_too() {
    // NC10
    let mut stage = Stage::new();
    let number = stage.ready(A);
    stage.net.room(number, 0);
    let silent = ClientRequest { expects_response: false, ..request(1, A, number) };
    stage.client.send(stage.now(), silent).unwrap();
    assert_eq!(failed(&stage.poll(None)), [(1, Written::No)]);
}

#[test]
fn a_throttled_broker_takes_nothing_but_its_answers_are_read() {
    // NC20, NC21
    let mut stage = Stage::new();
    let number = stage.ready(A);
    stage.send(number, A, 1);
    let until = stage.now() + MS(500);
    stage.client.throttle(A, until);
    assert!(
        matches!(stage.readiness(A), Readiness::Wait { until: Some(at), why: WaitReason::Throttled } if at == until)
    );
    let (header, _) = stage.request(number);
    stage.answer(number, &header, b"");
    assert_eq!(answered(&stage.turn()).len(), 1);
    assert_eq!(stage.why(A), Some(WaitReason::Throttled));
    stage.clock.advance(MS(500));
    assert_eq!(stage.why(A), None);
    assert!(stage.net.is_open(number));
}

#[test]
fn time_spent_throttled_does_not_count_against_a_request() {
    // NC10
    let mut stage = Stage::new();
    let number = stage.ready(A);
    let begun = stage.now();
    stage.client.send(begun, ClientRequest { timeout: MS(1000), ..request(1, A, number) }).unwrap();
    stage.client.throttle(A, begun + MS(300));
    // The part that is new counts, once: 300 ms and 200 ms more.
    stage.client.throttle(A, begun + MS(500));
    stage.client.throttle(A, begun + MS(400));
    assert_eq!(failed(&stage.poll(None)).len(), 1);
    assert_eq!(stage.now() - begun, MS(1500));
}

#[test]
fn idle_connections_are_closed_the_longest_idle_first_and_one_at_a_time() {
    // NC22
    let mut stage = Stage::with(NetworkSettings { connections_max_idle: Some(MS(1000)), ..settings() });
    let (a, b) = (stage.ready(A), stage.ready(B));
    stage.clock.advance(MS(300));
    stage.send(a, A, 1);
    let (header, _) = stage.request(a);
    stage.clock.advance(MS(300));
    stage.answer(a, &header, b"");
    assert_eq!(answered(&stage.turn()).len(), 1);
    // A was used after B, though it was connected before it.
    stage.clock.advance(MS(5000));
    assert_eq!(broken(&stage.turn()), (B, "10.0.0.2:9092".to_owned(), DisconnectReason::Idle));
    assert!(stage.net.is_open(a) && !stage.net.is_open(b));
    assert_eq!(broken(&stage.turn()).0, A);
}

#[test]
fn a_connection_is_not_idle_while_a_request_is_unanswered() {
    // NC22
    let mut stage = Stage::with(NetworkSettings { connections_max_idle: Some(MS(1000)), ..settings() });
    let number = stage.ready(A);
    stage.send(number, A, 1);
    let (header, _) = stage.request(number);
    let now = stage.now();
    assert!(stage.poll(Some(now + MS(20_000))).is_empty());
    stage.answer(number, &header, b"");
    assert_eq!(answered(&stage.turn()).len(), 1);
    let answered_at = stage.now();
    assert_eq!(broken(&stage.poll(None)).2, DisconnectReason::Idle);
    assert_eq!(stage.now() - answered_at, MS(1000), "from its last use on");
}

#[test]
fn a_connection_that_may_not_be_idle_at_all_still_takes_a_request_before_it_is_closed() {
    // NC22
    let mut stage = Stage::with(NetworkSettings { connections_max_idle: Some(Duration::ZERO), ..settings() });
    let number = stage.ready(A);
    assert_eq!(stage.why(A), None);
    stage.send(number, A, 1);
    let (header, _) = stage.request(number);
    stage.answer(number, &header, b"");
    assert_eq!(answered(&stage.turn()).len(), 1);
    let answered_at = stage.now();
    assert_eq!(broken(&stage.poll(None)).2, DisconnectReason::Idle);
    assert_eq!(stage.now() - answered_at, MS(10));
}

#[test]
fn without_a_limit_a_connection_stays_for_ever() {
    let mut stage = Stage::with(NetworkSettings { connections_max_idle: None, ..settings() });
    let number = stage.ready(A);
    let now = stage.now();
    assert!(stage.poll(Some(now + MS(100_000_000))).is_empty());
    assert!(stage.net.is_open(number));
}

#[test]
fn poll_waits_no_longer_than_the_caller_and_the_next_timeout_allow() {
    // NC24
    let mut stage = Stage::new();
    let number = stage.ready(A);
    stage.send(number, A, 1);
    let now = stage.now();
    stage.net.waits();
    assert!(stage.poll(Some(now + MS(70))).is_empty());
    assert_eq!(stage.net.waits(), [Wait::Until(now + MS(70))]);
    assert_eq!(failed(&stage.poll(Some(now + MS(90_000)))).len(), 1);
    assert_eq!(stage.net.waits(), [Wait::Until(now + MS(30_000))]);
}

#[test]
fn a_moment_a_century_away_is_waited_for_piece_by_piece() {
    let mut stage = Stage::with(NetworkSettings { connections_max_idle: None, ..settings() });
    let century = stage.now() + MS(1000) * 3600 * 24 * 365 * 100;
    let later = stage.now() + MS(1000) * 3600 * 5;
    stage.net.waits();
    assert!(stage.poll(Some(later)).is_empty());
    assert_eq!(stage.net.waits().len(), 5);
    stage.client.waker().wake();
    assert!(stage.poll(Some(century)).is_empty());
    assert_eq!(stage.net.waits(), [Wait::Until(later + MS(3_600_000))]);
}

#[test]
fn a_past_moment_makes_one_turn() {
    // NC24
    let mut stage = Stage::new();
    stage.net.waits();
    assert!(stage.turn().is_empty());
    assert_eq!(stage.net.waits(), [Wait::Turn]);
}

#[test]
fn a_wake_ends_the_poll_or_the_next_one() {
    // NC24
    let mut stage = Stage::new();
    let now = stage.now();
    stage.client.waker().wake();
    assert!(stage.poll(Some(now + MS(1000))).is_empty());
    assert_eq!(stage.now(), now, "it did not wait");
    assert!(stage.poll(Some(now + MS(1000))).is_empty());
    assert_eq!(stage.now(), now + MS(1000), "a wake counts once");
}

#[test]
fn what_the_caller_caused_comes_out_of_the_next_poll_after_a_look_at_the_sockets() {
    let mut stage = Stage::new();
    let number = stage.ready(A);
    stage.send(number, A, 1);
    stage.client.disconnect(stage.now(), A, "test");
    stage.net.waits();
    assert_eq!(stage.poll(None).len(), 2);
    assert_eq!(stage.net.waits(), [Wait::Turn]);
}

#[test]
fn a_connection_with_more_to_read_than_a_turn_takes_is_come_back_to() {
    let mut stage = Stage::new();
    let number = stage.ready(A);
    stage.send(number, A, 1);
    stage.send(number, A, 2);
    let requests = stage.requests(number);
    // One byte a read: far more reads than one turn makes.
    let bytes = requests.iter().flat_map(|(header, _)| response(header, &[0; 100]));
    bytes.for_each(|byte| stage.net.give(number, vec![byte]));
    let mut answers = Vec::new();
    for _ in 0..2 {
        answers.extend(answered(&stage.poll(None)));
    }
    assert_eq!(answers.iter().map(|(token, _)| *token).collect::<Vec<_>>(), [1, 2]);
}
