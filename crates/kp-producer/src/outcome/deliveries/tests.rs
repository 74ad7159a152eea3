//! Runs of outcomes: merged, in order, through splits.

use super::*;
use kp_accumulator::{Certainty, FailureKind, Spent, SplitPart};
use kp_protocol::{Offset, Timestamp};
use std::future::Future;
use std::pin::pin;
use std::task::Context;

fn completion(partition: i32) -> Arc<Completion> {
    Arc::new(Completion::new(TopicPartition::new("t", partition)))
}

fn push(deliveries: &mut Deliveries, completion: &Arc<Completion>, indexes: Range<u32>) {
    indexes.for_each(|index| {
        deliveries.push(Delivery::new(Arc::clone(completion), index, std::process::id(), 7))
    });
}

fn written(base: i64) -> Outcome {
    Outcome::Written { base_offset: Some(Offset(base)), log_append_time: None }
}

fn failed() -> Outcome {
    Outcome::Failed(Arc::new(BatchFailure {
        kind: FailureKind::InvalidRecord,
        certainty: Certainty::NotWritten,
        attempts: 1,
        waited: Spent::default().total(),
        spent: Spent::default(),
        is_fatal: false,
        last: None,
        record_errors: vec![(3, Some("no key".into()))],
    }))
}

fn offsets(delivered: Delivered) -> Option<Range<i64>> {
    delivered.into_result().expect("it is written").offsets()
}

#[test]
fn neighbours_of_one_batch_are_one_run_and_come_out_in_the_order_of_the_pushes() {
    let (first, second) = (completion(0), completion(1));
    let mut deliveries: Deliveries =
        (0..3).map(|index| Delivery::new(Arc::clone(&first), index, std::process::id(), 7)).collect();
    deliveries.extend((0..2).map(|index| Delivery::new(Arc::clone(&second), index, std::process::id(), 7)));
    push(&mut deliveries, &first, 3..5);
    assert_eq!((deliveries.len(), deliveries.runs.len()), (7, 3), "one entry for each run");
    second.publish(written(90));
    assert!(deliveries.try_next().is_none(), "the oldest has no outcome yet");
    first.publish(written(10));
    assert_eq!(offsets(deliveries.try_next().unwrap()), Some(10..13));
    assert_eq!(offsets(deliveries.try_next().unwrap()), Some(90..92));
    assert_eq!(offsets(deliveries.try_next().unwrap()), Some(13..15));
    assert!(deliveries.is_empty() && deliveries.try_next().is_none());
}

#[test]
fn waiting_registers_one_waker_and_a_dropped_wait_loses_nothing() {
    let first = completion(0);
    let mut deliveries = Deliveries::new();
    push(&mut deliveries, &first, 0..100);
    let mut context = Context::from_waker(Waker::noop());
    {
        let mut next = pin!(deliveries.next());
        assert!(next.as_mut().poll(&mut context).is_pending());
    }
    first.publish(written(0));
    let mut next = pin!(deliveries.next());
    let Poll::Ready(Some(done)) = next.as_mut().poll(&mut context) else { panic!("it has an outcome") };
    assert_eq!(done.records(), 100);
}

#[test]
fn an_empty_queue_waits_for_nothing() {
    assert!(matches!(Deliveries::new().wait_next(), Ok(None)));
}

#[test]
fn a_run_across_a_split_comes_out_part_by_part() {
    // BB25, FA10
    let (whole, left, right) = (completion(0), completion(0), completion(0));
    let mut deliveries = Deliveries::new();
    push(&mut deliveries, &whole, 2..9);
    let part = |first_index, completion: &Arc<Completion>| SplitPart {
        first_index,
        completion: Arc::clone(completion),
    };
    whole.publish(Outcome::Split(vec![part(0, &left), part(5, &right)]));
    assert!(deliveries.try_next().is_none());
    assert_eq!(deliveries.len(), 7);
    left.publish(written(20));
    assert_eq!(offsets(deliveries.try_next().unwrap()), Some(22..25));
    right.publish(Outcome::Written { base_offset: None, log_append_time: Some(Timestamp(5)) });
    let rest = deliveries.wait_next().unwrap().unwrap().into_result().unwrap();
    assert_eq!((rest.len(), rest.offsets(), rest.log_append_time_ms()), (4, None, Some(5)));
    assert!(deliveries.is_empty());
}

#[test]
fn a_failed_run_tells_what_the_broker_said_of_each_record() {
    // BB24
    let first = completion(0);
    let mut deliveries = Deliveries::new();
    push(&mut deliveries, &first, 2..5);
    first.publish(failed());
    let done = deliveries.try_next().unwrap();
    assert!(!done.is_written());
    assert_eq!(done.error_of(1).unwrap().record_error(), Some("no key"), "the record with index 3");
    assert_eq!(done.error_of(0).unwrap().record_error(), None);
    assert!(done.error_of(3).is_none(), "there are three");
    assert_eq!(done.into_result().unwrap_err().certainty(), Certainty::NotWritten);
}
