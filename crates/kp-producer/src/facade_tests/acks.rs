//! One consumer of all outcomes: nothing is lost, nothing is kept without a bound, and it ends when the producer does.

use crate::facade_tests::scripted::{Pace, Rig};
use crate::{
    AckStream, Certainty, Producer, ProducerConfig, ProducerRecord, SendErrorKind, WaitError, blocking,
};
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

const MS: fn(u64) -> Duration = Duration::from_millis;
const QUICK: Pace = Pace::QUICK;

fn rig_with(pace: Pace, capacity: usize, more: &[(&str, &str)]) -> (Rig, AckStream) {
    let mut acks = None;
    let mut rig = Rig::with(pace, more, |builder| {
        let (builder, made) = builder.acks(capacity);
        acks = Some(made);
        builder
    });
    let producer = rig.producer.clone();
    rig.run(producer.partitions_for("a")).expect("it is there");
    (rig, acks.expect("made above"))
}

fn to(partition: i32) -> ProducerRecord<'static> {
    ProducerRecord::to("a").partition(partition).value("v")
}

fn look<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

#[test]
fn every_outcome_comes_out_once_with_its_token_and_the_end_comes_behind_the_last() {
    let (mut rig, mut acks) = rig_with(QUICK, 100, &[]);
    let producer = rig.producer.clone();
    for (partition, token) in [(0, 7), (1, 8), (0, 9)] {
        rig.run(producer.send_tagged(to(partition), token)).expect("accepted");
    }
    assert!(acks.try_recv().is_none() && look(acks.recv()).is_none(), "nothing has ended yet");
    let first = rig.run(acks.recv()).expect("the first");
    let blocking = blocking::Producer::from(producer.clone());
    blocking.send_tagged(to(2), 10).expect("accepted");
    let closed = rig.run(producer.close(MS(1000))).expect("it may wait here");
    assert_eq!(closed.undelivered, 0);
    let rest: Vec<_> = std::iter::from_fn(|| acks.recv_blocking().expect("it may wait here")).collect();
    let mut told: Vec<_> = std::iter::once(&first)
        .chain(&rest)
        .map(|ack| (ack.partition().0, ack.token(), ack.offset()))
        .collect();
    told.sort_by_key(|(partition, ..)| *partition);
    assert_eq!(told, [(0, 7, Some(0)), (0, 9, Some(1)), (1, 8, Some(0)), (2, 10, Some(0))]);
    assert!(rest.iter().all(|ack| ack.is_written() && ack.error().is_none() && ack.topic() == "a"));
    assert_eq!(first.into_result(50).expect("written").timestamp_ms(), 50);
    assert!(look(acks.recv()).expect("it is over").is_none());
}

// FA2
#[test]
fn who_sends_waits_for_who_takes_and_no_longer_than_a_send_may_wait() {
    let (mut rig, mut acks) = rig_with(QUICK, 2, &[("max.block.ms", "1000")]);
    let (producer, blocking) = (rig.producer.clone(), blocking::Producer::from(rig.producer.clone()));
    rig.run(producer.send_tagged(to(0), 1)).expect("accepted");
    blocking.send_tagged(to(0), 2).expect("accepted");
    let before = rig.clock.elapsed();
    let error = rig.run(producer.send_tagged(to(0), 3)).expect_err("no outcome is taken");
    assert_eq!(*error.kind(), SendErrorKind::OutcomesNotTaken { capacity: 2, waited: MS(1000) });
    assert_eq!((rig.clock.elapsed() - before, error.spent().memory), (MS(1000), MS(1000)));
    assert!(error.is_retriable() && !error.is_fatal());
    {
        let mut fourth = pin!(producer.send_tagged(to(0), 4));
        let mut context = Context::from_waker(Waker::noop());
        assert!(fourth.as_mut().poll(&mut context).is_pending());
        assert_eq!(acks.try_recv().map(|ack| ack.token()), Some(1));
        assert!(matches!(fourth.as_mut().poll(&mut context), Poll::Ready(Ok(()))));
    }
    assert!(look(producer.send_tagged(to(0), 5)).is_none(), "the place was the fourth's");
    rig.run(producer.flush()).expect("it may wait here");
    assert_eq!([acks.try_recv(), acks.try_recv()].map(|ack| ack.map(|ack| ack.token())), [Some(2), Some(4)]);
    assert_eq!(producer.acknowledged_records(), 3);
}

#[test]
fn a_record_that_is_refused_or_given_up_holds_no_place() {
    let (mut rig, mut acks) = rig_with(QUICK, 1, &[("max.block.ms", "1000")]);
    let producer = rig.producer.clone();
    rig.run(producer.send_tagged(to(-1), 1)).expect_err("no such partition");
    blocking::Producer::from(producer.clone()).send_tagged(to(-1), 2).expect_err("no such partition");
    assert!(look(producer.send_tagged(ProducerRecord::to("b").value("v"), 3)).is_none(), "no metadata yet");
    rig.run(producer.send_tagged(to(0), 4)).expect("the place is free");
    assert_eq!(rig.run(acks.recv()).map(|ack| ack.token()), Some(4));
}

#[test]
fn once_nobody_takes_outcomes_records_with_a_token_are_refused() {
    let (mut rig, acks) = rig_with(QUICK, 1, &[]);
    let producer = rig.producer.clone();
    rig.run(producer.send_tagged(to(0), 1)).expect("accepted");
    let mut waits = pin!(producer.send_tagged(to(0), 2));
    let mut context = Context::from_waker(Waker::noop());
    assert!(waits.as_mut().poll(&mut context).is_pending());
    drop(acks);
    let Poll::Ready(Err(error)) = waits.as_mut().poll(&mut context) else { panic!("it waits in vain") };
    assert_eq!(*error.kind(), SendErrorKind::NoListener);
    let error =
        look(producer.send_tagged(to(0), 3)).expect("no waiting").expect_err("the stream was dropped");
    assert_eq!(*error.kind(), SendErrorKind::NoListener);
    let delivery = rig.run(producer.send(to(0))).expect("this one has a delivery");
    rig.run(delivery).expect("written");
    assert_eq!(producer.acknowledged_records(), 2);
}

// CL7
#[test]
fn a_send_that_waits_for_the_consumer_is_released_by_close() {
    let (mut rig, mut acks) = rig_with(Pace::SILENT, 1, &[]);
    let producer = rig.producer.clone();
    rig.run(producer.send_tagged(to(0), 1)).expect("accepted");
    let mut waits = pin!(producer.send_tagged(to(0), 2));
    let mut context = Context::from_waker(Waker::noop());
    assert!(waits.as_mut().poll(&mut context).is_pending());
    let mut closing = pin!(producer.close(MS(100)));
    assert!(closing.as_mut().poll(&mut context).is_pending());
    let Poll::Ready(Err(error)) = waits.as_mut().poll(&mut context) else { panic!("it is released") };
    assert_eq!(*error.kind(), SendErrorKind::Closed);
    let closed = rig.run(closing).expect("it may wait here");
    assert_eq!(closed.undelivered, 1);
    let failed = acks
        .recv_blocking()
        .expect("it may wait here")
        .and_then(|ack| ack.error())
        .expect("it was not acknowledged");
    assert_eq!(failed.certainty(), Certainty::Unknown);
    assert!(matches!(acks.recv_blocking(), Ok(None)));
}

#[test]
fn the_end_comes_also_when_the_stepper_is_dropped() {
    let (mut rig, mut acks) = rig_with(Pace::SILENT, 10, &[]);
    let producer = rig.producer.clone();
    rig.run(producer.send_tagged(to(0), 1)).expect("accepted");
    drop(rig.stepper);
    assert!(matches!(acks.recv_blocking(), Ok(Some(ack)) if !ack.is_written() && ack.token() == 1));
    assert!(matches!(acks.recv_blocking(), Ok(None)));
}

// FA13
#[test]
fn without_a_producer_there_is_nothing_to_wait_for() {
    let (builder, mut acks) = Producer::builder(ProducerConfig::default()).acks(10);
    builder.build().expect_err("no addresses");
    assert!(look(acks.recv()).expect("it is over").is_none());
    let (builder, mut acks) = Producer::builder(ProducerConfig::default()).acks(10);
    let builder = builder.on_delivery(|_, _| {});
    assert!(look(acks.recv()).expect("the later call counts").is_none());
    drop(builder);
}

#[test]
fn in_a_callback_nothing_is_waited_for() {
    let (mut rig, acks) = rig_with(QUICK, 1, &[]);
    let producer = rig.producer.clone();
    rig.run(producer.send_tagged(to(0), 1)).expect("accepted");
    let (tell, told) = std::sync::mpsc::channel();
    let (inside, mut inner) = (blocking::Producer::from(producer.clone()), acks);
    let callback = move |_| {
        // The only place is this batch's first record's, whose outcome was not taken.
        let refused = inside.send_tagged(to(0), 2).expect_err("it would wait for this thread");
        let first = inner.recv_blocking().map(|ack| ack.map(|ack| ack.token()));
        let _ = tell.send((refused.kind().clone(), first, inner.recv_blocking().map(drop)));
    };
    rig.run(producer.send_with(to(0), callback)).expect("accepted");
    rig.run(producer.flush()).expect("it may wait here");
    assert_eq!(told.recv(), Ok((SendErrorKind::WouldDeadlock, Ok(Some(1)), Err(WaitError::WouldDeadlock))));
}
