//! `send_all`: what goes in together is told together, in order, also when a record in the middle is refused.

use crate::facade_tests::scripted::{Pace, Rig};
use crate::{BulkDelivery, FailureKind, Producer, ProducerRecord, SendErrorKind, blocking};
use parking_lot::Mutex;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

const QUICK: Pace = Pace::QUICK;

fn to(partition: i32) -> ProducerRecord<'static> {
    ProducerRecord::to("a").partition(partition).value("v")
}

/// A producer that knows the topic.
fn warm(rig: &mut Rig) -> Producer {
    let producer = rig.producer.clone();
    rig.run(producer.partitions_for("a")).expect("it is there");
    producer
}

#[test]
fn each_record_of_many_has_its_outcome_in_the_order_of_the_records() {
    let mut rig = Rig::new(QUICK, &[]);
    let producer = rig.producer.clone();
    let records = [to(1), to(0), to(1), to(1), to(0)];
    let stamped = records.into_iter().zip(100..).map(|(record, time)| record.timestamp_ms(time / 2));
    let mut all = rig.run(producer.send_all(stamped)).expect("accepted");
    assert_eq!((all.len(), all.is_empty()), (5, false));
    assert!(all.try_outcomes().is_none() && all.wait_timeout(Duration::ZERO).is_none(), "linger.ms");
    let outcomes = rig.run(&mut all);
    let told: Vec<_> = outcomes.iter().map(|outcome| outcome.expect("written")).collect();
    let told: Vec<_> = told.iter().map(|it| (it.partition().0, it.offset(), it.timestamp_ms())).collect();
    let expected = [(1, Some(0), 50), (0, Some(0), 50), (1, Some(1), 51), (1, Some(2), 51), (0, Some(1), 52)];
    assert_eq!(told, expected);
    assert_eq!((outcomes.len(), outcomes.written(), outcomes.runs().len()), (5, 5, 4));
    assert_eq!(outcomes.errors().count(), 0);
    assert_eq!(outcomes.into_result().expect("all are written").len(), 5);
    assert!(all.is_empty() && rig.run(all).is_empty(), "what was told is gone");
}

#[test]
fn what_was_accepted_before_a_refusal_stays_accepted_and_what_is_behind_it_stays_in_the_iterator() {
    let mut rig = Rig::new(QUICK, &[]);
    let producer = warm(&mut rig);
    let large = vec![0; 2_000_000];
    let taken = AtomicU32::new(0);
    let behind = || {
        taken.fetch_add(1, Ordering::Relaxed);
        to(3)
    };
    let endless = || [to(0), to(1), to(2).value(&large)].into_iter().chain(std::iter::repeat_with(behind));
    let blocking = blocking::Producer::from(producer.clone());
    let mut rests = [endless(), endless(), endless(), endless()];
    let [first, second, third, fourth] = &mut rests;
    let refusals = [
        rig.run(producer.send_all(first.by_ref())).expect_err("one is too large"),
        producer.try_send_all(second.by_ref()).expect_err("one is too large"),
        blocking.send_all(third.by_ref()).expect_err("one is too large"),
        blocking.try_send_all(fourth.by_ref()).expect_err("one is too large"),
    ];
    assert_eq!(taken.load(Ordering::Relaxed), 0, "no record is taken behind a refused one");
    for (refused, rest) in refusals.into_iter().zip(rests) {
        assert!(matches!(refused.error.kind(), SendErrorKind::RecordTooLarge { .. }), "{refused}");
        let words = refused.to_string();
        assert!(words.starts_with("2 records were accepted, the next was not: a: "), "{words}");
        let record = refused.refused.as_record();
        assert_eq!((record.partition_number(), record.value_bytes()), (Some(2), Some(&large[..])));
        let outcomes = rig.run(refused.accepted).into_result().expect("both are written");
        assert_eq!(outcomes.len(), 2);
        let rest = rig.run(producer.send_all(rest.take(2))).expect("they are small");
        assert_eq!(rig.run(rest).written(), 2);
    }
    assert_eq!(producer.acknowledged_records(), 16);
}

#[test]
fn without_waiting_nothing_is_taken_that_would_have_to_wait() {
    let rig = Rig::new(QUICK, &[]);
    let refused = rig.producer.try_send_all([to(0), to(1)]).expect_err("no metadata yet");
    assert_eq!(*refused.error.kind(), SendErrorKind::WouldBlock);
    assert_eq!((refused.accepted.len(), refused.refused.as_record().partition_number()), (0, Some(0)));
}

#[test]
fn errors_of_a_send_can_be_boxed_and_go_to_another_thread() {
    fn boxed(producer: &Producer) -> Result<(), Box<dyn std::error::Error + Send + Sync + 'static>> {
        let text = String::from("borrowed");
        drop(producer.try_send(ProducerRecord::to("a").value(&text))?);
        drop(producer.try_send_all([ProducerRecord::to("a").value(&text)])?);
        Ok(())
    }
    let rig = Rig::new(QUICK, &[]);
    assert!(boxed(&rig.producer).is_err(), "no metadata yet");
}

// KP1
#[test]
fn dropped_in_the_middle_it_leaves_accepted_what_was_accepted_and_holds_nothing() {
    let one_page = [("buffer.memory", "1000"), ("batch.size", "1000"), ("max.request.size", "1000")];
    let mut rig = Rig::new(QUICK, &one_page);
    let producer = warm(&mut rig);
    let free = producer.buffer_available_bytes();
    {
        let mut sending = pin!(producer.send_all([to(0), to(0), to(1), to(1)]));
        let mut context = Context::from_waker(Waker::noop());
        assert!(sending.as_mut().poll(&mut context).is_pending(), "the third waits for the page");
    }
    rig.run(producer.flush()).expect("it may wait here");
    assert_eq!(producer.acknowledged_records(), 2);
    assert_eq!(producer.buffer_available_bytes(), free);
}

#[test]
fn other_tasks_have_a_turn_while_many_records_go_in() {
    let mut rig = Rig::new(QUICK, &[]);
    let producer = warm(&mut rig);
    let mut sending = pin!(producer.send_all((0..3000).map(|_| to(0))));
    let mut turns = 0;
    let all = loop {
        if let Poll::Ready(all) = sending.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            break all.expect("accepted");
        }
        turns += 1;
    };
    assert_eq!(turns, 2, "after each 1024");
    assert_eq!(rig.run(all).written(), 3000);
}

// CL2
#[test]
fn on_the_network_thread_a_wait_tells_what_is_known_and_fails_the_rest() {
    let mut rig = Rig::new(QUICK, &[]);
    let producer = warm(&mut rig);
    let known: BulkDelivery = producer.try_send_all([to(0), to(0)]).expect("accepted");
    let (inside, told) = (producer.clone(), Arc::new(Mutex::new(Vec::new())));
    let notes = Arc::clone(&told);
    let callback = move |_| {
        let open = inside.try_send_all([to(3)]).expect("accepted");
        for all in [known, open] {
            let outcomes = all.wait();
            let kinds = outcomes.errors().map(|(place, error)| (place, *error.kind()));
            notes.lock().push((outcomes.written(), kinds.collect::<Vec<_>>()));
        }
    };
    rig.run(producer.send_with(to(0), callback)).expect("accepted");
    rig.run(producer.flush()).expect("it may wait here");
    let refused = |places: std::ops::Range<usize>| {
        places.map(|place| (place, FailureKind::WouldDeadlock)).collect::<Vec<_>>()
    };
    let told = told.lock();
    assert_eq!(told[0], (2, vec![]), "the batch has ended");
    assert_eq!(told[1], (0, refused(0..1)));
}

#[test]
fn whatever_is_awaited_may_go_to_another_thread() {
    fn goes(_: &impl Send) {}
    let rig = Rig::new(QUICK, &[]);
    let producer = &rig.producer;
    goes(&producer.send(to(0)));
    goes(&producer.send_all([to(0)]));
    goes(&producer.send_wait(to(0)));
    goes(&producer.send_with(to(0), |_| {}));
    goes(&producer.send_tagged(to(0), 1));
    goes(&(producer.flush(), producer.close(Duration::ZERO), producer.partitions_for("a")));
    goes(&BulkDelivery::default());
}
