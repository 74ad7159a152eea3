//! What is told of the time that certificates have left: of those that open connections showed, and of no other.

use crate::certified::DAY;
use crate::ledger::{Ledger, Value};
use crate::stage::Stage;
use kp_producer::MetricValue;
use metrics::Recorder;
use std::sync::Arc;
use std::time::Duration;

const PUBLISHED: &str = "kafka_producer_node_certificate_expires_in_seconds";
const HOUR: Duration = Duration::from_secs(3600);

fn told(ledger: &Ledger) -> Vec<f64> {
    let all = ledger.all().into_iter().filter(|((name, _), _)| name == PUBLISHED);
    all.map(|(_, value)| if let Value::Gauge(left) = value { left } else { panic!("{value:?}") }).collect()
}

fn left(stage: &Stage, node: i32) -> Option<f64> {
    stage.metrics().of_node(node, "certificate-expires-in-seconds").and_then(MetricValue::as_gauge)
}

fn deliver(stage: &mut Stage) {
    drop(stage.send("t"));
    stage.flush();
    stage.pass(Duration::from_secs(2));
}

fn sleep(stage: &mut Stage, time: Duration) {
    let until = stage.now() + time;
    while stage.now() < until {
        stage.turn_within(until - stage.now());
    }
}

// SE51
#[test]
fn a_certificate_of_a_connection_that_has_ended_is_not_told_of_any_more() {
    let ledger = Arc::new(Ledger::default());
    let mut stage = Stage::certified(Arc::clone(&ledger) as Arc<dyn Recorder>);
    deliver(&mut stage);
    let day = DAY.as_secs_f64();
    assert!(left(&stage, 1).is_some_and(|left| left > day - 60.0 && left <= day), "{:?}", left(&stage, 1));
    let first = told(&ledger);
    assert!(first.iter().any(|left| *left > day - 60.0), "{first:?}");
    // The certificates are over by then, and so are the connections: of the entries of `bootstrap.servers`, and idle ones.
    sleep(&mut stage, 25 * HOUR);
    assert_eq!([-2, -1, 1, 2].map(|node| left(&stage, node)), [None; 4], "nothing is connected");
    assert!(told(&ledger).iter().all(|left| left.is_nan()), "{:?}", told(&ledger));
    deliver(&mut stage);
    assert!(left(&stage, 1).is_some_and(|left| left > day - 60.0), "{:?}", left(&stage, 1));
    let later = told(&ledger);
    assert!(later.iter().all(|left| left.is_nan() || *left > day - 60.0), "{later:?}");
    assert!(later.iter().any(|left| !left.is_nan()), "{later:?}");
    stage.close();
    assert_eq!(left(&stage, 1), None, "it is closed");
    let last = told(&ledger);
    assert!(last.iter().all(|left| left.is_nan()), "{last:?}");
}
