//! Leader hints (KIP-951): the first is followed at once, and no broker can make a batch go round in circles with them.

use crate::harness::*;
use kp_protocol::BrokerId;
use kp_sender::SenderSettings;
use kp_time::Backoff;
use std::time::Duration;

fn plan() -> Plan {
    let retry_backoff = Backoff::new(MS(100), Duration::from_secs(1));
    Plan { sender: SenderSettings { retry_backoff, ..Default::default() }, ..Plan::default() }
}

// MD14
#[test]
fn a_broker_that_hints_at_itself_under_ever_higher_epochs_gets_one_request_a_backoff() {
    let mut harness = Harness::knowing(plan(), &[1]);
    let _sent = harness.send(0);
    harness.run();
    let (end, mut requests) = (harness.now() + Duration::from_secs(8), 0);
    while harness.now() < end {
        while !harness.produces().is_empty() {
            let taken = harness.take_produce();
            requests += 1;
            assert!(requests < 200, "a storm: {requests} requests, {:?} left", end - harness.now());
            harness.answer(&taken, |_| moved(1, 5 + requests));
        }
        harness.advance(MS(1));
    }
    // 8 s / 100 ms, and the first hint at once.
    assert!((40..=82).contains(&requests), "{requests} requests");
}

// MD14
#[test]
fn the_first_hint_is_followed_at_once_also_after_a_lost_connection() {
    let mut harness = Harness::knowing(plan(), &[1]);
    let _sent = harness.send(0);
    harness.run();
    let lost = harness.take_produce();
    harness.lose(&lost, true);
    harness.advance(Duration::from_secs(2));
    let again = harness.take_produce();
    harness.answer_with(&again, vec![endpoint(2)], 0, |_| moved(2, 6));
    assert_eq!(harness.take_produce().request.broker, BrokerId(2), "no backoff");
}
