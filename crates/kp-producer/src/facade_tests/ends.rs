//! Calls that may not wait: on the network thread, in a forked process, after the end.

use crate::drive::forked;
use crate::facade_tests::scripted::{Pace, Rig};
use crate::{Certainty, FailureKind, ProduceError, ProducerRecord, SendErrorKind, WaitError, blocking};
use kp_network::Readiness;
use kp_protocol::ErrorCode;
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

/// A broker that cannot be reached any more.
fn gone() -> Readiness {
    Readiness::Failed { reason: Arc::from("it is gone"), retry_at: None }
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
    let mut rig = Rig::new(QUICK, &[("linger.ms", "1000")]);
    let producer = rig.producer.clone();
    let topic = producer.topic("a");
    let record = |partition| ProducerRecord::to("a").partition(partition).value("v");
    let open = rig.run(producer.send(record(0))).expect("accepted by the parent");
    let mut all = rig.run(producer.send_all([record(0)])).expect("accepted by the parent");
    drop(rig.run(topic.send(record(0))).expect("accepted by the parent"));
    let child = forked::pretend();
    let free = producer.buffer_available_bytes();
    for partition in [0, 1] {
        let refused = [
            now(producer.send(record(partition))),
            now(topic.send(record(partition))),
            Some(producer.try_send(record(partition))),
            Some(topic.send_blocking(record(partition))),
            Some(producer.try_send_all([record(partition)]).map(|_| open.clone()).map_err(|it| it.error)),
            now(producer.send(ProducerRecord::to("unknown").value("v"))),
            now(producer.partitions_for("a")).map(|result| result.map(|_| open.clone())),
        ];
        for refused in refused {
            let error = refused.expect("no waiting").expect_err("a fork has no network thread");
            assert!(matches!(error.kind(), SendErrorKind::Forked) && error.is_fatal(), "{error}");
        }
    }
    assert!(now(producer.connect()).expect("no waiting").expect_err("as the others").is_fatal());
    assert_eq!(now(producer.flush()), Some(Err(WaitError::Forked)));
    assert_eq!(now(producer.close(Duration::ZERO)), Some(Err(WaitError::Forked)));
    assert_eq!(producer.buffer_available_bytes(), free);
    let error = now(open.clone()).expect("no waiting").expect_err("it is the parent's");
    assert_eq!((*error.kind(), error.certainty()), (FailureKind::Forked, Certainty::Unknown));
    assert_eq!(*open.wait().expect_err("it is the parent's").kind(), FailureKind::Forked);
    let outcomes = all.wait_timeout(Duration::MAX).expect("no waiting");
    assert!(outcomes.errors().all(|(_, error)| *error.kind() == FailureKind::Forked), "{outcomes:?}");
    assert!(producer.explain().to_string().contains("forked"), "{}", producer.explain());
    drop((producer, topic, child));
    let producer = rig.producer.clone();
    rig.run(producer.flush()).expect("the parent goes on");
    assert_eq!(producer.acknowledged_records(), 3);
}

// CL5, CL8
#[test]
fn after_a_close_every_call_says_so_and_another_close_tells_the_same() {
    let mut rig = Rig::new(Pace::SILENT, &[("linger.ms", "0")]);
    let producer = rig.producer.clone();
    let delivery = rig.run(producer.send(ProducerRecord::to("a").partition(0).value("v"))).expect("accepted");
    let first = rig.run(producer.close(MS(500))).expect("it may wait here");
    assert_eq!((first.undelivered, rig.clock.elapsed() >= MS(500)), (1, true));
    let ended = rig.clock.elapsed();
    let again = now(producer.close(Duration::MAX)).expect("no waiting").expect("closing twice is fine");
    assert_eq!((again, rig.clock.elapsed()), (first, ended), "the same, at once");
    assert_eq!(*delivery.wait().expect_err("it was failed").kind(), FailureKind::Closed);

    assert_eq!(now(producer.flush()), Some(Err(WaitError::Closed)));
    assert!(now(producer.connect()).expect("no waiting").expect_err("it is closed").is_fatal());
    for topic in ["a", "unknown"] {
        let error = now(producer.partitions_for(topic)).expect("no waiting").expect_err("it is closed");
        assert_eq!(*error.kind(), SendErrorKind::Closed);
        let error = producer.try_send(ProducerRecord::to(topic).value("v")).expect_err("it is closed");
        assert_eq!(*error.kind(), SendErrorKind::Closed);
    }
    assert!(producer.explain().to_string().contains("the producer is closed"), "{}", producer.explain());
}

#[test]
fn a_closed_producer_holds_nothing_of_the_network_while_a_handle_lives() {
    let mut rig = Rig::new(QUICK, &[]);
    let producer = rig.producer.clone();
    drop(rig.run(producer.send(ProducerRecord::to("a").value("v"))).expect("accepted"));
    let _ = rig.run(producer.close(MS(1000))).expect("it may wait here");
    assert!(!rig.stepper.turn() && !rig.holds_network());
    assert_eq!(rig.producer.acknowledged_records(), 1, "it can be asked all the same");
}

// CL4
#[test]
fn a_close_that_is_out_of_time_tells_what_may_be_in_the_log_and_what_cannot() {
    let mut rig = Rig::new(Pace::SILENT, &[("linger.ms", "0")]);
    let producer = rig.producer.clone();
    let under_way = [0, 0].map(|partition| ProducerRecord::to("a").partition(partition).value("v"));
    let under_way = rig.run(producer.send_all(under_way)).expect("accepted");
    rig.stepper.turn();
    rig.stepper.turn();
    *rig.mood.lock() = Some(gone());
    let kept_back = ProducerRecord::to("a").partition(1).value("v");
    let kept_back = rig.run(producer.send(kept_back)).expect("accepted");
    let closed = rig.run(producer.close(MS(1000))).expect("it may wait here");
    assert_eq!((closed.undelivered, closed.perhaps_written, closed.panicked), (3, 2, false));
    let told = under_way.wait().errors().map(|(_, error)| error.certainty()).collect::<Vec<_>>();
    assert_eq!(told, [Certainty::Unknown; 2]);
    assert_eq!(kept_back.wait().expect_err("it was not sent").certainty(), Certainty::NotWritten);
}

#[test]
fn after_the_stepper_was_dropped_close_says_that_the_network_thread_is_gone() {
    let Rig { producer, stepper, .. } = Rig::new(Pace::SILENT, &[]);
    drop(stepper);
    let closed = now(producer.close(MS(1000))).expect("it is over").expect("it may wait here");
    assert!(closed.panicked);
    assert_eq!((closed.undelivered, closed.perhaps_written), (0, 0));
    assert_eq!(now(producer.flush()), Some(Err(WaitError::NetworkThreadGone)));
}

// CL9
#[test]
fn a_producer_that_is_refused_as_a_whole_closes_at_once() {
    let refused = Pace { produce_error: ErrorCode::CLUSTER_AUTHORIZATION_FAILED, ..QUICK };
    let mut rig = Rig::new(refused, &[("linger.ms", "0")]);
    let producer = rig.producer.clone();
    let delivery = rig.run(producer.send(ProducerRecord::to("a").partition(0).value("v"))).expect("accepted");
    let error = rig.run(delivery).expect_err("the broker refuses the producer");
    assert!(error.is_fatal(), "{error}");
    let error = producer.try_send(ProducerRecord::to("a").value("v")).expect_err("refused");
    assert!(matches!(error.kind(), SendErrorKind::Fatal { .. }), "{error}");
    let before = rig.clock.elapsed();
    let closed = rig.run(producer.close(MS(60_000))).expect("it may wait here");
    assert_eq!((closed.undelivered, closed.panicked), (0, false));
    assert_eq!(rig.clock.elapsed(), before, "nothing is left to wait for");
}

// FA4, FA5
#[test]
fn a_record_that_is_waited_for_tells_where_on_its_way_it_failed() {
    let mut rig = Rig::new(QUICK, &[("delivery.timeout.ms", "40000")]);
    let producer = rig.producer.clone();
    let record = || ProducerRecord::to("a").partition(2).value("v");
    assert_eq!(rig.run(producer.send_wait(record())).expect("written").partition(), 2);
    let refused = rig.run(producer.send_wait(record().partition(-1))).expect_err("no such partition");
    assert!(matches!(&refused, ProduceError::Refused(error) if error.topic() == "a"), "{refused}");
    assert_eq!((refused.certainty(), refused.is_retriable()), (Certainty::NotWritten, false));
    *rig.mood.lock() = Some(gone());
    let failed = rig.run(producer.send_wait(record())).expect_err("no broker answers");
    let ProduceError::Failed(error) = &failed else { panic!("it was accepted: {failed}") };
    assert_eq!((*error.kind(), failed.certainty()), (FailureKind::Expired, error.certainty()));
    assert_eq!((failed.is_retriable(), failed.is_fatal(), failed.needs_abort()), (true, false, false));
    assert_eq!(failed.spent().total(), MS(40_000));
    assert_eq!(failed.to_string(), error.to_string());
}

// CL2
#[test]
fn a_callback_that_would_wait_for_its_record_has_sent_none() {
    let mut rig = Rig::new(QUICK, &[]);
    let (producer, told) = (rig.producer.clone(), Arc::new(Mutex::new(None)));
    let (inside, note) = (blocking::Producer::from(producer.clone()), Arc::clone(&told));
    let callback = move |_| *note.lock() = inside.send_wait(ProducerRecord::to("a").value("v")).err();
    rig.run(producer.send_with(ProducerRecord::to("a").value("v"), callback)).expect("accepted");
    rig.run(producer.flush()).expect("it may wait here");
    let Some(ProduceError::Refused(error)) = told.lock().take() else { panic!("it is refused") };
    assert_eq!(*error.kind(), SendErrorKind::WouldDeadlock);
    assert_eq!(producer.acknowledged_records(), 1);
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
