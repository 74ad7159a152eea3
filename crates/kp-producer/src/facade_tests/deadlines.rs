//! `max.block.ms` (FA2), and what a send that is given up leaves behind.

#![allow(clippy::disallowed_methods, reason = "a caller that blocks needs a thread of its own")]

use crate::facade_tests::scripted::{Pace, Rig};
use crate::{ProducerRecord, SendErrorKind, blocking};
use std::future::Future;
use std::pin::pin;
use std::sync::mpsc;
use std::task::{Context, Waker};
use std::time::Duration;

const MS: fn(u64) -> Duration = Duration::from_millis;
const SLOW: Pace = Pace { metadata: Duration::from_millis(600), ..Pace::SILENT };
/// One page, and the second call waits for it.
const ONE_PAGE: [(&str, &str); 4] = [
    ("buffer.memory", "1000"),
    ("batch.size", "1000"),
    ("max.block.ms", "1000"),
    ("max.request.size", "1000"),
];

// FA2
#[test]
fn the_time_for_metadata_and_the_time_for_memory_are_one() {
    let mut rig = Rig::new(SLOW, &ONE_PAGE);
    let producer = rig.producer.clone();
    drop(rig.run(producer.send(ProducerRecord::to("a").value("takes the page"))).expect("accepted"));
    let before = rig.clock.elapsed();
    let error = rig.run(producer.send(ProducerRecord::to("b").value("v"))).expect_err("no memory");
    assert_eq!(rig.clock.elapsed() - before, MS(1000), "both waits together");
    assert_eq!((error.spent().metadata, error.spent().memory), (MS(600), MS(400)));
    assert!(
        matches!(error.kind(), SendErrorKind::BufferExhausted { waited } if *waited == MS(400)),
        "{error}"
    );
}

// KP1
#[test]
fn a_send_that_is_dropped_while_it_waits_loses_no_byte_and_no_turn() {
    let mut rig = Rig::new(Pace { metadata: MS(600), produce: Some(MS(5000)), ..Pace::SILENT }, &ONE_PAGE);
    let producer = rig.producer.clone();
    let mut context = Context::from_waker(Waker::noop());
    {
        let mut first = pin!(producer.send(ProducerRecord::to("a").value("never sent")));
        assert!(first.as_mut().poll(&mut context).is_pending(), "it waits for metadata");
        rig.stepper.turn();
    }
    let delivery = rig.run(producer.send(ProducerRecord::to("a").value("v"))).expect("accepted");
    {
        let mut second = pin!(producer.send(ProducerRecord::to("a").partition(2).value("never sent")));
        assert!(second.as_mut().poll(&mut context).is_pending(), "it waits for memory");
    }
    rig.run(delivery).expect("written");
    assert_eq!(rig.producer.buffer_available_bytes(), 1000, "every byte is back");
    assert_eq!(rig.producer.acknowledged_records(), 1);
}

// KP2
#[test]
fn a_delivery_that_is_dropped_cancels_nothing() {
    let mut rig = Rig::new(Pace::QUICK, &[]);
    let producer = rig.producer.clone();
    drop(rig.run(producer.send(ProducerRecord::to("a").value("v"))).expect("accepted"));
    rig.run(producer.flush()).expect("it may wait here");
    assert_eq!(rig.producer.acknowledged_records(), 1);
}

// FA2
#[test]
fn a_caller_that_blocks_keeps_its_own_time_while_the_network_thread_is_busy() {
    let more = [ONE_PAGE[0], ONE_PAGE[1], ("max.block.ms", "20"), ONE_PAGE[3]];
    let mut rig = Rig::new(Pace::SILENT, &more);
    let producer = rig.producer.clone();
    drop(rig.run(producer.send(ProducerRecord::to("a").value("takes the page"))).expect("accepted"));
    // From here on the driver does not turn, as while a callback runs.
    for (topic, memory) in [("a", true), ("unknown", false)] {
        let (tell, told) = mpsc::channel();
        let blocking = blocking::Producer::from(producer.clone());
        let call = move || tell.send(blocking.send(ProducerRecord::to(topic).partition(3).value("v")));
        let caller = std::thread::spawn(call);
        while !caller.is_finished() && !rig.is_awaited() {
            std::thread::yield_now();
        }
        rig.clock.advance(MS(20));
        let error = told.recv_timeout(Duration::from_secs(20)).expect("it ends by itself").expect_err("late");
        let expected = match error.kind() {
            SendErrorKind::BufferExhausted { waited } => memory && *waited == MS(20),
            SendErrorKind::MetadataTimeout { waited, .. } => !memory && *waited == MS(20),
            _ => false,
        };
        assert!(expected, "{error}");
        caller.join().expect("it does not panic").expect("the test listens");
    }
}

// FA6, MD20
#[test]
fn a_partition_that_never_comes_is_told_with_the_whole_time_of_the_call() {
    let mut rig = Rig::new(SLOW, &[("max.block.ms", "1000")]);
    let producer = rig.producer.clone();
    let error = rig.run(producer.send(ProducerRecord::to("a").partition(7).value("v"))).expect_err("no such");
    let SendErrorKind::NoSuchPartition { partition: 7, partitions: 4, waited } = *error.kind() else {
        panic!("{error}");
    };
    assert_eq!((waited, error.spent().metadata), (MS(1000), MS(1000)), "the wait for the topic included");
}
