//! How far a connection had come when it ended.

use super::*;

/// The end of the only connection of `stage`.
fn reached(stage: &mut Stage) -> Reached {
    match &stage.turn()[..] {
        [.., Event::Disconnected { reached, .. }] => *reached,
        other => panic!("{other:?}"),
    }
}

/// An attempt at a broker that goes by a name.
fn look_up(stage: &mut Stage) -> ConnectionNumber {
    assert_eq!(stage.why(A), Some(WaitReason::Connecting));
    assert!(stage.turn().is_empty());
    stage.net.look_ups().pop().expect("the name is looked up").0
}

#[test]
fn the_end_of_an_attempt_says_how_many_addresses_of_the_name_are_left_to_try() {
    let mut stage = Stage::new();
    stage.client.set_brokers(stage.now(), &[broker(A, "kafka.test")]);
    let mut number = look_up(&mut stage);
    let found = ["10.1.0.1:9092", "10.1.0.2:9092", "10.1.0.3:9092"].map(|text| text.parse().unwrap());
    stage.net.resolve(number, Ok(found.to_vec()));
    assert!(stage.turn().is_empty());
    for untried in [2, 1, 0] {
        stage.net.refuse(number);
        assert_eq!(reached(&mut stage), Reached::Address { untried });
        stage.clock.advance(MS(100));
        if untried > 0 {
            number = stage.attempt(A).0;
        }
    }
    assert_eq!(stage.net.look_ups(), [], "not before the last of them has failed");
    let number = look_up(&mut stage);
    stage.net.resolve(number, Err("no such host".into()));
    assert_eq!(reached(&mut stage), Reached::Name);
}

#[test]
fn a_silent_socket_is_told_from_a_broker_that_answered_and_from_one_that_was_ready() {
    let mut stage = Stage::unknown(settings());
    let number = stage.accepted(A);
    stage.net.give(number, Vec::new());
    assert_eq!(reached(&mut stage), Reached::Socket);

    // What the probe behind ApiVersions asks is refused: with authentication, for one.
    let number = stage.accepted(B);
    let (header, _) = stage.requests(number).remove(0);
    stage.net.give(number, versions_answer(&header));
    stage.net.give(number, Vec::new());
    assert_eq!(reached(&mut stage), Reached::Answer);

    // That it answers is known by now, so nothing but the versions is asked.
    stage.clock.advance(MS(100));
    let number = stage.ready(B);
    stage.net.give(number, Vec::new());
    assert_eq!(reached(&mut stage), Reached::Ready);
}

#[test]
fn a_broker_that_is_told_to_go_while_it_is_looked_for_had_reached_nothing() {
    let mut stage = Stage::new();
    stage.client.set_brokers(stage.now(), &[broker(A, "kafka.test")]);
    look_up(&mut stage);
    stage.client.disconnect(stage.now(), A, "it is not wanted");
    assert_eq!(reached(&mut stage), Reached::Name);
}
