//! Attempts, addresses, backoff, and the broker list.

use super::*;

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn named() -> Stage {
    let mut stage = Stage::new();
    stage.client.set_brokers(stage.now(), &[broker(A, "kafka.test")]);
    stage
}

/// Begins an attempt that has to look the name up, and answers it.
fn look_up(stage: &mut Stage, found: &[&str]) -> ConnectionNumber {
    assert_eq!(stage.why(A), Some(WaitReason::Connecting));
    assert!(stage.turn().is_empty());
    let (number, name) = stage.net.look_ups().pop().expect("the name is looked up");
    assert_eq!(name, "kafka.test");
    stage.net.resolve(number, Ok(found.iter().map(|text| address(text)).collect()));
    number
}

fn refused_at(stage: &mut Stage, number: ConnectionNumber, expected: &str) {
    assert_eq!(stage.net.attempts(), [(number, address(expected))]);
    stage.net.refuse(number);
    let (_, place, reason) = broken(&stage.turn());
    assert_eq!(place, format!("kafka.test:9092 ({})", address(expected).ip()));
    assert!(matches!(reason, DisconnectReason::ConnectFailed(_)));
    stage.clock.advance(MS(100));
}

// NC2
#[test]
fn nothing_happens_on_the_network_before_a_poll() {
    let mut stage = Stage::new();
    assert_eq!(stage.why(A), Some(WaitReason::Connecting));
    assert_eq!(stage.why(A), Some(WaitReason::Connecting));
    assert!(stage.net.attempts().is_empty());
    stage.turn();
    assert_eq!(stage.net.attempts().len(), 1, "asking twice begins one attempt");
}

#[test]
fn a_broker_waits_for_events_while_connecting_and_for_the_clock_while_backing_off() {
    // NC14
    let mut stage = Stage::new();
    let (number, _) = stage.attempt(A);
    assert!(matches!(stage.readiness(A), Readiness::Wait { until: None, why: WaitReason::Connecting }));
    stage.net.refuse(number);
    let at = stage.now();
    let (id, place, reason) = broken(&stage.turn());
    assert_eq!((id, place.as_str()), (A, "10.0.0.1:9092"));
    assert!(matches!(reason, DisconnectReason::ConnectFailed(words) if words.contains("refused")));
    stage.clock.advance(MS(40));
    let Readiness::Wait { until: Some(until), why: WaitReason::BackingOff } = stage.readiness(A) else {
        panic!()
    };
    assert_eq!(until, at + MS(100), "the rest of the backoff");
    stage.clock.advance(MS(60));
    assert_eq!(stage.why(A), Some(WaitReason::Connecting));
}

/// The waits after `ends` refused attempts in a row.
fn waits_after_refusals(stage: &mut Stage, ends: usize) -> Vec<u64> {
    let waits = (0..ends).map(|_| {
        let (number, _) = stage.attempt(A);
        stage.net.refuse(number);
        stage.turn();
        backing_off(stage)
    });
    waits.collect()
}

fn backing_off(stage: &mut Stage) -> u64 {
    let Readiness::Wait { until: Some(until), .. } = stage.readiness(A) else { panic!("not backing off") };
    let wait = until - stage.now();
    stage.clock.advance(wait);
    wait.as_millis() as u64
}

#[test]
fn the_backoff_doubles_up_to_its_ceiling_and_only_a_ready_broker_ends_it() {
    // NC12, NC13
    let growing = NetworkSettings { reconnect_backoff: Backoff::new(MS(100), MS(1000)), ..settings() };
    let mut stage = Stage::with(growing);
    let waits = waits_after_refusals(&mut stage, 8);
    for (wait, middle) in waits.iter().zip([100, 200, 400, 800]) {
        assert!((middle * 8 / 10..=middle * 12 / 10).contains(wait), "{waits:?}");
    }
    assert!(waits[4..].iter().all(|wait| (800..=1000).contains(wait)), "{waits:?}");

    // A connection that is made and lost before the broker is ready changes nothing.
    let number = stage.accepted(A);
    stage.net.give(number, Vec::new());
    stage.turn();
    assert!(backing_off(&mut stage) >= 800);

    let number = stage.ready(A);
    stage.net.give(number, Vec::new());
    stage.turn();
    assert!((80..=120).contains(&backing_off(&mut stage)));
}

#[test]
fn two_brokers_back_off_apart() {
    let mut stage = Stage::new();
    let (number, _) = stage.attempt(A);
    stage.net.refuse(number);
    stage.turn();
    assert_eq!(stage.why(A), Some(WaitReason::BackingOff));
    assert_eq!(stage.why(B), Some(WaitReason::Connecting));
}

#[test]
fn the_addresses_of_a_name_are_tried_in_turn_then_it_is_looked_up_again() {
    // NC16
    let mut stage = named();
    let number = look_up(&mut stage, &["10.1.0.1:9092", "10.1.0.2:9092"]);
    assert!(stage.turn().is_empty());
    refused_at(&mut stage, number, "10.1.0.1:9092");
    assert_eq!(stage.why(A), Some(WaitReason::Connecting));
    stage.turn();
    assert!(stage.net.look_ups().is_empty());
    refused_at(&mut stage, ConnectionNumber(number.0 + 1), "10.1.0.2:9092");
    let number = look_up(&mut stage, &["10.1.0.2:9092", "10.1.0.3:9092"]);
    assert!(stage.turn().is_empty());
    assert_eq!(
        stage.net.attempts(),
        [(number, address("10.1.0.3:9092"))],
        "not the one that has just failed"
    );
}

#[test]
fn a_connection_is_made_for_the_name_of_its_broker_whatever_address_is_tried() {
    let mut stage = named();
    let number = look_up(&mut stage, &["10.1.0.1:9092", "10.1.0.2:9092"]);
    stage.turn();
    refused_at(&mut stage, number, "10.1.0.1:9092");
    assert_eq!(stage.why(A), Some(WaitReason::Connecting));
    stage.turn();
    assert_eq!(stage.net.names(), ["kafka.test", "kafka.test"]);
}

#[test]
fn a_name_is_looked_up_again_after_an_established_connection_was_lost() {
    // NC16
    let mut stage = named();
    let number = look_up(&mut stage, &["10.1.0.1:9092", "10.1.0.2:9092"]);
    stage.turn();
    stage.net.attempts();
    stage.net.accept(number);
    stage.turn();
    let (header, _) = stage.request(number);
    stage.net.give(number, versions_answer(&header));
    stage.turn();
    stage.net.give(number, Vec::new());
    assert_eq!(broken(&stage.turn()).1, "kafka.test:9092 (10.1.0.1)");
    stage.clock.advance(MS(100));
    let number = look_up(&mut stage, &["10.1.0.9:9092"]);
    stage.turn();
    assert_eq!(stage.net.attempts(), [(number, address("10.1.0.9:9092"))]);
}

#[test]
fn a_name_that_leads_nowhere_is_a_failed_attempt() {
    // NC18
    for answer in [Err("no such host".into()), Ok(Vec::new())] {
        let mut stage = named();
        assert_eq!(stage.why(A), Some(WaitReason::Connecting));
        stage.turn();
        let (number, _) = stage.net.look_ups().remove(0);
        stage.net.resolve(number, answer);
        let (_, place, reason) = broken(&stage.turn());
        assert_eq!(place, "kafka.test:9092");
        assert!(matches!(reason, DisconnectReason::Unresolved(_)));
        assert_eq!(stage.why(A), Some(WaitReason::BackingOff));
    }
}

#[test]
fn a_broker_with_a_new_host_is_closed_and_looked_up_anew() {
    // NC17
    let mut stage = Stage::new();
    let number = stage.ready(A);
    stage.send(number, A, 5);
    stage.client.set_brokers(stage.now(), &[broker(A, "kafka.test"), broker(B, "10.0.0.2")]);
    let events = stage.turn();
    assert_eq!(failed(&events), [(5, Written::Perhaps)]);
    let (_, place, reason) = broken(&events[1..]);
    assert_eq!(place, "10.0.0.1:9092");
    assert!(matches!(reason, DisconnectReason::Asked(words) if words.contains("kafka.test:9092")));
    assert!(!stage.net.is_open(number));
    // No backoff: nothing has failed there.
    look_up(&mut stage, &["10.1.0.1:9092"]);
}

#[test]
fn a_broker_whose_address_stays_keeps_its_connection() {
    let mut stage = Stage::new();
    let number = stage.ready(A);
    let mut brokers = two_brokers();
    brokers[0].rack = Some("r1".into());
    stage.client.set_brokers(stage.now(), &brokers);
    assert!(stage.turn().is_empty());
    assert!(matches!(stage.readiness(A), Readiness::Ready { connection, .. } if connection == number));
}

#[test]
fn a_broker_that_left_the_list_is_closed_when_its_last_request_is_answered() {
    let mut stage = Stage::new();
    let (a, b) = (stage.ready(A), stage.ready(B));
    stage.send(a, A, 1);
    let (header, _) = stage.request(a);
    stage.client.set_brokers(stage.now(), &[]);
    let (id, _, reason) = broken(&stage.turn());
    assert_eq!((id, reason), (B, DisconnectReason::Asked("the broker left the list".into())));
    assert!(!stage.net.is_open(b));
    assert!(matches!(stage.readiness(A), Readiness::Failed { retry_at: None, .. }));
    assert!(matches!(stage.readiness(B), Readiness::Failed { retry_at: None, .. }));
    assert_eq!(stage.client.least_loaded(stage.now()), None);

    stage.answer(a, &header, b"");
    let events = stage.turn();
    assert_eq!(answered(&events).len(), 1);
    assert_eq!(broken(&events[1..]).0, A);
    assert!(!stage.net.is_open(a));
}

#[test]
fn a_broker_that_comes_back_into_the_list_in_time_keeps_its_connection() {
    let mut stage = Stage::new();
    let number = stage.ready(A);
    stage.send(number, A, 1);
    let (header, _) = stage.request(number);
    stage.client.set_brokers(stage.now(), &[]);
    stage.client.set_brokers(stage.now(), &two_brokers());
    stage.answer(number, &header, b"");
    assert!(matches!(stage.turn()[..], [Event::Answered { .. }]));
    assert_eq!(stage.why(A), None);
}

#[test]
fn an_attempt_that_was_ended_before_it_started_never_starts() {
    let mut stage = Stage::new();
    stage.why(A);
    stage.client.disconnect(stage.now(), A, "changed my mind");
    assert_eq!(broken(&stage.turn()).2, DisconnectReason::Asked("changed my mind".into()));
    assert!(stage.net.attempts().is_empty());
}

#[test]
fn events_of_an_attempt_that_has_ended_are_nobodys() {
    let mut stage = Stage::new();
    let (number, _) = stage.attempt(A);
    stage.client.disconnect(stage.now(), A, "test");
    stage.turn();
    stage.net.accept(number);
    assert!(stage.turn().is_empty());
    assert_eq!(stage.why(A), Some(WaitReason::BackingOff));
}

#[test]
fn closing_one_broker_fails_its_requests_and_leaves_the_others() {
    // NC11, NC27
    let mut stage = Stage::new();
    let (a, b) = (stage.ready(A), stage.ready(B));
    stage.send(a, A, 1);
    stage.send(b, B, 2);
    stage.send(a, A, 3);
    stage.client.disconnect(stage.now(), A, "test");
    let events = stage.turn();
    assert_eq!(failed(&events), [(1, Written::Perhaps), (3, Written::Perhaps)]);
    assert_eq!(broken(&events[2..]).0, A);
    assert_eq!(stage.why(B), None);
}

#[test]
fn close_closes_everything() {
    // NC27
    let mut stage = Stage::new();
    let (a, b) = (stage.ready(A), stage.ready(B));
    stage.send(a, A, 1);
    stage.client.close(MS(100));
    assert!(!stage.net.is_open(a) && !stage.net.is_open(b));
}

// NC25
#[test]
fn events_come_in_the_order_in_which_they_happened_and_a_broken_connection_hides_those_of_no_other() {
    let mut stage = Stage::new();
    let (a, b) = (stage.ready(A), stage.ready(B));
    stage.send(a, A, 1);
    stage.send(a, A, 2);
    stage.send(b, B, 3);
    let (of_a, of_b) = (stage.requests(a), stage.requests(b));
    // What the caller causes, an answer, an answer that breaks the protocol, and an answer of another broker.
    let unanswered = ClientRequest { expects_response: false, ..request(4, B, b) };
    stage.client.send(stage.now(), unanswered).unwrap();
    stage.answer(a, &of_a[0].0, b"");
    stage.answer(a, &of_a[0].0, b"again");
    stage.answer(b, &of_b[0].0, b"");
    let events = stage.turn();
    assert!(
        matches!(
            events[..],
            [
                Event::Written { token: 4 },
                Event::Answered { token: 1, .. },
                Event::Failed { token: 2, .. },
                Event::Disconnected { broker: A, reason: DisconnectReason::ProtocolError(_), .. },
                Event::Answered { token: 3, .. },
            ]
        ),
        "{events:?}"
    );
}
