//! A broker that is down for long is one fact, not one for each attempt.

use crate::stage::Stage;
use kp_protocol::BrokerId;
use std::time::Duration;

#[test]
fn brokers_that_are_down_are_listed_once_each_and_no_more_once_they_are_back() {
    let mut stage = Stage::new(&[("delivery.timeout.ms", "600000")]);
    let delivery = stage.send("t");
    stage.drive(delivery).expect("written");
    assert!(stage.producer.unreachable().is_empty());
    let both = [BrokerId(1), BrokerId(2)];
    for broker in both {
        stage.network.with_cluster(|cluster| cluster.take_down(broker)).expect("it was up");
    }
    let waiting = stage.send("t");
    // A connection that hangs is given up after request.timeout.ms, and is an outage when the next attempt fails.
    stage.pass(Duration::from_secs(90));
    let down = stage.producer.unreachable();
    let addresses: Vec<&str> = down.iter().map(|broker| &*broker.address).collect();
    assert_eq!(addresses, ["broker-1:9092", "broker-2:9092"], "{down:?}");
    for broker in &down {
        assert!(broker.attempts > 10, "{broker:?}");
        assert!(
            broker.since > Duration::from_secs(20) && broker.last_attempt < Duration::from_secs(10),
            "{broker:?}"
        );
        assert!(broker.reason.starts_with("connect failed: "), "{broker:?}");
    }
    // An operator is not told again and again.
    assert!(stage.producer.notices().is_empty(), "{:?}", stage.producer.notices());
    for broker in both {
        stage.network.with_cluster(|cluster| cluster.bring_up(broker)).expect("it was down");
    }
    stage.drive(waiting).expect("written after all");
    stage.pass(Duration::from_secs(10));
    assert!(stage.producer.unreachable().iter().all(|broker| broker.last_attempt > Duration::from_secs(5)));
}
