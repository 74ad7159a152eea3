//! Calls that may not wait: on the network thread, in a forked process, after the end.

use crate::scripted::{Pace, Rig};
use crate::{FailureKind, ProducerRecord, SendErrorKind, WaitError};
use parking_lot::Mutex;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

const MS: fn(u64) -> Duration = Duration::from_millis;
const QUICK: Pace = Pace::QUICK;

/// What a future says at its first look, if that is an answer.
fn now<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

// FA9, CL2, CL6
#[test]
fn a_callback_may_try_to_send_and_whatever_would_wait_there_says_so_at_once() {
    let mut rig = Rig::new(QUICK, &[]);
    let (producer, seen) = (rig.producer.clone(), Arc::new(Mutex::new(Vec::new())));
    let (inside, notes) = (producer.clone(), Arc::clone(&seen));
    let callback = move |_| {
        let note = |what: &str, would_deadlock: bool| notes.lock().push((what.to_owned(), would_deadlock));
        let record = || ProducerRecord::to("a").value("again");
        note("try_send", inside.try_send(record()).is_err());
        let unknown = now(inside.send(ProducerRecord::to("unknown").value("v"))).expect("no waiting");
        note("send", matches!(unknown.expect_err("refused").kind(), SendErrorKind::WouldDeadlock));
        note("flush", now(inside.flush()) == Some(Err(WaitError::WouldDeadlock)));
        note("close", now(inside.close(MS(1000))) == Some(Err(WaitError::WouldDeadlock)));
        note("partitions", now(inside.partitions_for("unknown")).is_some_and(|result| result.is_err()));
        let delivery = inside.try_send(record()).expect("accepted");
        let refused = delivery.wait().expect_err("it waits for this thread");
        note("wait", *refused.kind() == FailureKind::WouldDeadlock);
    };
    rig.run(producer.send_with(ProducerRecord::to("a").value("v"), callback)).expect("accepted");
    rig.run(producer.flush()).expect("it may wait here");
    let expected = [
        ("try_send", false),
        ("send", true),
        ("flush", true),
        ("close", true),
        ("partitions", true),
        ("wait", true),
    ];
    let expected: Vec<_> = expected.map(|(what, would)| (what.to_owned(), would)).into();
    assert_eq!(*seen.lock(), expected);
    rig.run(producer.flush()).expect("it may wait here");
    assert_eq!(producer.acknowledged_records(), 3);
}

// KP3
#[test]
fn in_a_forked_process_every_call_is_refused_and_nothing_is_touched() {
    let mut rig = Rig::new(QUICK, &[]);
    let producer = rig.producer.clone();
    let topic = producer.topic("a");
    drop(rig.run(producer.send(ProducerRecord::to("a").partition(0).value("v"))).expect("accepted"));
    rig.producer.shared().pretend_to_be_forked();
    let free = producer.buffer_available_bytes();
    let record = || ProducerRecord::to("a").partition(1).value("v");
    let refused = [
        now(producer.send(record())).expect("no waiting"),
        now(topic.send(record())).expect("no waiting"),
        producer.try_send(record()).map_err(|refused| refused.error),
        now(producer.send(ProducerRecord::to("unknown").value("v"))).expect("no waiting"),
        now(producer.connect())
            .map(|result| result.map(|()| unreachable!()))
            .unwrap_or_else(|| panic!("it waits")),
    ];
    for refused in refused {
        let error = refused.expect_err("a fork has no network thread");
        assert!(matches!(error.kind(), SendErrorKind::Forked) && error.is_fatal(), "{error}");
    }
    assert_eq!(now(producer.flush()), Some(Err(WaitError::Forked)));
    assert_eq!(now(producer.close(Duration::ZERO)), Some(Err(WaitError::Forked)));
    assert_eq!(producer.buffer_available_bytes(), free);
    drop((producer, topic));
}

// FA9
#[test]
fn a_panic_in_a_callback_harms_only_its_own_record() {
    let mut rig = Rig::new(QUICK, &[]);
    let (producer, told) = (rig.producer.clone(), Arc::new(Mutex::new(Vec::new())));
    for number in 0..3 {
        let told = Arc::clone(&told);
        let callback = move |result: Result<_, _>| {
            assert!(number != 1, "one of them panics");
            told.lock().push((number, result.is_ok()));
        };
        rig.run(producer.send_with(ProducerRecord::to("a").partition(0).value("v"), callback))
            .expect("accepted");
    }
    rig.run(producer.flush()).expect("it may wait here");
    assert_eq!(*told.lock(), [(0, true), (2, true)]);
    assert_eq!(producer.acknowledged_records(), 3);
}
