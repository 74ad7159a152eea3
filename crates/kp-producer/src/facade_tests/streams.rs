//! The feature `futures`: outcomes as a `Stream`, a producer as a `Sink`.

use crate::facade_tests::scripted::{Pace, Rig};
use crate::{OwnedRecord, ProduceError, RecordSink, SendErrorKind};
use futures_util::{Sink, SinkExt, StreamExt, stream};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

const MS: fn(u64) -> Duration = Duration::from_millis;

fn to(partition: i32) -> OwnedRecord {
    OwnedRecord::to("a").partition(partition).value("v")
}

fn ready(sink: &mut RecordSink) -> Poll<Result<(), ProduceError>> {
    Pin::new(sink).poll_ready(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn a_stream_of_records_goes_into_a_sink_and_is_written_when_it_ends() {
    let mut rig = Rig::new(Pace::QUICK, &[]);
    let producer = rig.producer.clone();
    let records = stream::iter((0..2000).map(|number| Ok(to(number % 4))));
    rig.run(records.forward(producer.sink())).expect("all are written");
    assert_eq!(producer.acknowledged_records(), 2000);
    let mut sink = producer.sink();
    rig.run(sink.send(to(0))).expect("the producer is not closed");
    assert_eq!(sink.pending(), 0);
}

#[test]
fn the_second_record_waits_while_the_first_has_no_metadata() {
    let mut rig = Rig::new(Pace::QUICK, &[]);
    let mut sink = rig.producer.sink();
    assert!(matches!(ready(&mut sink), Poll::Ready(Ok(()))));
    sink.start_send_unpin(to(0)).expect("it waits");
    assert!(ready(&mut sink).is_pending());
    assert_eq!(sink.pending(), 0, "it is not accepted yet");
    rig.run(sink.feed(to(1))).expect("accepted");
    assert_eq!(sink.pending(), 2);
    rig.run(sink.close()).expect("both are written");
}

#[test]
fn a_sink_says_once_what_it_has_to_say_of_a_record_and_goes_on() {
    let mut rig = Rig::new(Pace::QUICK, &[("delivery.timeout.ms", "40000"), ("linger.ms", "0")]);
    let producer = rig.producer.clone();
    let mut sink = producer.sink();
    rig.run(sink.send(to(0))).expect("written");
    let refused = rig.run(sink.send(to(0).value(vec![0; 2_000_000]))).expect_err("too large");
    let ProduceError::Refused(refused) = refused else { panic!("it was not accepted") };
    assert!(matches!(refused.kind(), SendErrorKind::RecordTooLarge { .. }));
    *rig.mood.lock() = Some(kp_network::Readiness::Failed { reason: "it is gone".into(), retry_at: None });
    rig.run(sink.feed(to(0))).expect("accepted");
    let failed = rig.run(sink.flush()).expect_err("it is not taken");
    assert!(matches!(failed, ProduceError::Failed(_)), "{failed}");
    rig.run(sink.flush()).expect("it was said");
    *rig.mood.lock() = None;
    rig.run(sink.send(to(1))).expect("the sink goes on");
    assert_eq!(producer.acknowledged_records(), 2);
}

#[test]
fn outcomes_are_a_stream_that_ends_with_the_producer() {
    let mut acks = None;
    let mut rig = Rig::with(Pace::QUICK, &[], |builder| {
        let (builder, made) = builder.acks(10);
        acks = Some(made);
        builder
    });
    let producer = rig.producer.clone();
    let acks = acks.expect("made above");
    for token in 0..5 {
        rig.run(producer.send_tagged(to(0).as_record(), token)).expect("accepted");
    }
    let close = producer.close(MS(1000));
    let (_, tokens) = rig.run(async {
        let mut acks = pin!(acks.map(|ack| ack.token()));
        let mut tokens = Vec::new();
        let closed = close.await;
        while let Some(token) = acks.next().await {
            tokens.push(token);
        }
        (closed, tokens)
    });
    assert_eq!(tokens, [0, 1, 2, 3, 4]);
}
