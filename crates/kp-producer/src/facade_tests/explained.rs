//! Why nothing goes out: each reason, brought about.

use crate::facade_tests::scripted::{Pace, Rig};
use crate::observe::explain::{answered, ask};
use crate::{Explanation, NetworkThread, ProducerRecord, WhyWaiting};
use kp_network::{Readiness, WaitReason};
use kp_protocol::BrokerId;
use kp_time::Clock;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

const MS: fn(u64) -> Duration = Duration::from_millis;
const BROKER: BrokerId = BrokerId(1);

/// A rig that knows topic "a" and has sent nothing.
fn rig(pace: Pace, more: &[(&str, &str)]) -> Rig {
    let mut rig = Rig::new(pace, more);
    let producer = rig.producer.clone();
    rig.run(producer.partitions_for("a")).expect("it is there");
    rig
}

fn send(rig: &mut Rig, partition: i32) {
    let producer = rig.producer.clone();
    drop(rig.run(producer.send(ProducerRecord::to("a").partition(partition).value("v"))).expect("accepted"));
}

/// Turns once without letting time pass, and asks.
fn explained(rig: &mut Rig) -> Explanation {
    rig.wake();
    rig.stepper.turn();
    let question = ask(rig.producer.shared());
    rig.wake();
    rig.stepper.turn();
    answered(rig.producer.shared(), &question)
}

fn why(rig: &mut Rig) -> WhyWaiting {
    let explanation = explained(rig);
    assert_eq!(explanation.network_thread, NetworkThread::Answered);
    let waiting = explanation.partitions.iter().find(|it| it.batches > 0);
    let Some(waiting) = waiting else { panic!("nothing waits: {explanation}") };
    waiting.why.clone().expect("a reason")
}

fn waits(rig: &Rig, why: WaitReason, ms: Option<u64>) {
    let until = ms.map(|ms| rig.clock.now() + MS(ms));
    *rig.mood.lock() = Some(Readiness::Wait { until, why });
}

#[test]
fn nothing_to_explain_is_said() {
    let mut rig = rig(Pace::SILENT, &[]);
    assert_eq!(explained(&mut rig).to_string(), "nothing waits and nothing is in flight");
}

#[test]
fn lingering_tells_for_how_long() {
    let mut rig = rig(Pace::SILENT, &[("linger.ms", "70")]);
    send(&mut rig, 0);
    rig.clock.advance(MS(20));
    assert_eq!(why(&mut rig), WhyWaiting::Lingering { for_: MS(50) });
    let explanation = explained(&mut rig);
    let it = &explanation.partitions[0];
    assert_eq!((it.batches, it.records, it.in_flight, it.oldest), (1, 1, 0, Some(MS(20))));
    assert!(
        explanation.to_string().contains("a-0")
            && explanation.to_string().contains("lingers for 50.0ms more")
    );
}

#[test]
fn a_partition_without_a_leader_is_named() {
    let mut rig = rig(Pace::SILENT, &[("linger.ms", "0")]);
    let producer = rig.producer.clone();
    let record = ProducerRecord::to("half").partition(3).value("v");
    drop(rig.run(producer.send(record)).expect("accepted"));
    assert_eq!(why(&mut rig), WhyWaiting::NoLeader);
}

#[test]
fn a_broker_that_takes_nothing_is_named_with_what_it_waits_for() {
    let mut rig = rig(Pace::SILENT, &[("linger.ms", "0")]);
    waits(&rig, WaitReason::BackingOff, Some(900));
    send(&mut rig, 0);
    let down = WhyWaiting::BrokerDown { broker: BROKER, reason: None, retry_in: Some(MS(900)) };
    assert_eq!(why(&mut rig), down);
    assert_eq!(down.to_string(), "broker 1 cannot be reached; tried again in 900.0ms");
    waits(&rig, WaitReason::Connecting, None);
    assert_eq!(why(&mut rig), WhyWaiting::Connecting { broker: BROKER });
    waits(&rig, WaitReason::InFlightFull, None);
    assert_eq!(why(&mut rig), WhyWaiting::InFlightFull { broker: BROKER });
}

#[test]
fn a_broker_that_throttles_is_named_with_the_time_that_is_left() {
    let mut rig = rig(Pace { throttle_ms: 4_000, ..Pace::QUICK }, &[("linger.ms", "0")]);
    send(&mut rig, 0);
    let producer = rig.producer.clone();
    rig.run(producer.flush()).expect("answered");
    waits(&rig, WaitReason::Throttled, Some(4_000));
    send(&mut rig, 0);
    rig.clock.advance(MS(1_000));
    assert_eq!(why(&mut rig), WhyWaiting::Throttled { broker: BROKER, for_: MS(3_000) });
}

#[test]
fn one_at_a_time_is_told_with_what_is_in_flight() {
    let more = [("linger.ms", "0"), ("max.in.flight.requests.per.connection", "1")];
    let mut rig = rig(Pace::SILENT, &more);
    send(&mut rig, 0);
    let explanation = explained(&mut rig);
    assert_eq!((explanation.partitions[0].in_flight, explanation.partitions[0].batches), (1, 0));
    assert_eq!(explanation.partitions[0].why, None, "nothing waits");
    send(&mut rig, 0);
    assert_eq!(why(&mut rig), WhyWaiting::AwaitingAnswer);
}

#[test]
fn a_producer_id_that_is_not_there_yet_is_told() {
    let mut rig = rig(Pace { producer_id: Some(MS(60_000)), ..Pace::SILENT }, &[("linger.ms", "0")]);
    send(&mut rig, 0);
    assert_eq!(why(&mut rig), WhyWaiting::AwaitingProducerId);
}

#[test]
fn calls_that_wait_are_counted_and_a_network_thread_that_does_not_answer_is_told() {
    let more = [("buffer.memory", "1000"), ("batch.size", "1000"), ("max.request.size", "1000")];
    let mut rig = rig(Pace::SILENT, &more);
    send(&mut rig, 0);
    let producer = rig.producer.clone();
    let mut context = Context::from_waker(Waker::noop());
    let mut for_memory = pin!(producer.send(ProducerRecord::to("a").partition(1).value("v")));
    let mut for_metadata = pin!(producer.send(ProducerRecord::to("unknown").value("v")));
    assert!(for_memory.as_mut().poll(&mut context).is_pending());
    assert!(for_metadata.as_mut().poll(&mut context).is_pending());
    let explanation = answered(producer.shared(), &ask(producer.shared()));
    assert_eq!(explanation.waiting_for_memory, 1);
    assert_eq!(explanation.waiting_for_metadata, ["unknown"]);
    assert_eq!(explanation.network_thread, NetworkThread::Silent, "it has not turned since");
    let text = explanation.to_string();
    assert!(text.contains("1 calls wait for memory") && text.contains("metadata of: unknown"), "{text}");
    assert!(text.contains("the network thread has not answered"), "{text}");
}
