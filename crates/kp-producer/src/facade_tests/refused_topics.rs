//! Topics that the cluster refuses: asked about again, at no cost to the others.

use crate::ProducerRecord;
use crate::error::SendErrorKind;
use crate::facade_tests::scripted::{Pace, Rig};
use kp_protocol::ErrorCode;
use std::sync::Arc;
use std::time::Duration;

// MD9
#[test]
fn trying_a_refused_topic_again_and_again_makes_no_new_view() {
    let mut rig = Rig::new(Pace::QUICK, &[]);
    let producer = rig.producer.clone();
    rig.run(producer.partitions_for("a")).expect("it is there");
    let refused = rig.run(producer.send(ProducerRecord::to("forbidden").value("v")));
    let is_refused =
        |kind: &SendErrorKind| matches!(kind, SendErrorKind::Topic(ErrorCode::TOPIC_AUTHORIZATION_FAILED));
    assert!(is_refused(refused.expect_err("it is forbidden").kind()));
    let view = Arc::clone(&rig.producer.shared().views.load());
    for _ in 0..100 {
        let refused = rig.producer.try_send(ProducerRecord::to("forbidden").value("v"));
        assert!(is_refused(refused.expect_err("it still is").kind()));
        rig.wake();
        rig.stepper.turn();
    }
    // Past the backoff, the broker has been asked again, and has answered the same.
    rig.clock.advance(Duration::from_secs(2));
    for _ in 0..5 {
        rig.clock.advance(Duration::from_millis(5));
        rig.wake();
        rig.stepper.turn();
    }
    assert!(
        Arc::ptr_eq(&view, &rig.producer.shared().views.load()),
        "the same view, since nothing has changed"
    );
}
