//! Typed producers and topic handles.

use crate::facade_tests::scripted::{Pace, Rig};
use crate::{
    BoxError, LongSerializer, OptionSerializer, ProducerRecord, RecordHeaders, SendErrorKind, Serialized,
    Serializer, StringSerializer, TypedProducer, TypedRecord,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const MS: fn(u64) -> Duration = Duration::from_millis;
const QUICK: Pace = Pace::QUICK;

/// Fails at odd numbers, panics at 4.
struct Moody;

impl Serializer<i32> for Moody {
    fn serialize(
        &self,
        _topic: &str,
        _headers: &mut RecordHeaders,
        value: &i32,
        out: &mut Vec<u8>,
    ) -> Result<Serialized, BoxError> {
        out.push(*value as u8);
        match value {
            4 => std::panic::resume_unwind(Box::new("four")),
            odd if odd % 2 == 1 => Err("it is odd".into()),
            _ => Ok(Serialized::Bytes),
        }
    }
}

/// Sets its buffer anew, or checks that it is empty.
struct Replaces;

impl Serializer<str> for Replaces {
    fn serialize(
        &self,
        _topic: &str,
        _headers: &mut RecordHeaders,
        value: &str,
        out: &mut Vec<u8>,
    ) -> Result<Serialized, BoxError> {
        assert!(out.is_empty(), "a serializer gets an empty buffer");
        *out = value.as_bytes().to_vec();
        Ok(Serialized::Bytes)
    }
}

#[test]
fn a_serializer_that_replaces_its_buffer_touches_no_other_part_of_the_record() {
    let mut rig = Rig::new(QUICK, &[]);
    let typed: TypedProducer<str, str> = TypedProducer::new(&rig.producer, Replaces, Replaces).expect("good");
    let producer = rig.producer.clone();
    for value in ["a long value", "", "v"] {
        let by_bytes = rig.run(producer.send(ProducerRecord::to("a").key("the key").value(value)));
        let expected = rig.run(by_bytes.expect("accepted")).expect("written").partition();
        let delivery =
            rig.run(typed.send(TypedRecord::to("a").key("the key").value(value))).expect("accepted");
        assert_eq!(rig.run(delivery).expect("written").partition(), expected, "the same key");
    }
}

// CL11
#[test]
fn serializers_are_closed_with_the_last_handle_of_their_producer_and_nothing_of_them_is_kept() {
    struct Counts(Arc<AtomicUsize>);
    impl Serializer<str> for Counts {
        fn serialize(
            &self,
            _: &str,
            _: &mut RecordHeaders,
            _: &str,
            _: &mut Vec<u8>,
        ) -> Result<Serialized, BoxError> {
            Ok(Serialized::Null)
        }
        fn close(&self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let rig = Rig::new(QUICK, &[]);
    let closed = Arc::<AtomicUsize>::default();
    let typed = || {
        let (key, value) = (Counts(Arc::clone(&closed)), Counts(Arc::clone(&closed)));
        TypedProducer::<str, str>::new(&rig.producer, key, value).expect("good")
    };
    let (first, second) = (typed(), typed());
    drop(first.clone());
    assert_eq!(closed.load(Ordering::SeqCst), 0);
    drop(first);
    assert_eq!((closed.load(Ordering::SeqCst), Arc::strong_count(&closed)), (2, 3), "closed and gone");
    for _ in 0..1000 {
        drop(typed());
    }
    assert!(rig.producer.shared().extensions.closers() < 100, "they are forgotten");
    drop(rig);
    assert_eq!(closed.load(Ordering::SeqCst), 2004, "each once, those in use too");
    drop(second);
    assert_eq!(closed.load(Ordering::SeqCst), 2004, "once");
}

#[test]
fn values_of_a_type_are_sent_as_their_bytes() {
    let mut rig = Rig::new(QUICK, &[]);
    let typed: TypedProducer<i64, Option<String>> =
        TypedProducer::new(&rig.producer, LongSerializer, OptionSerializer(StringSerializer)).expect("good");
    let producer = rig.producer.clone();
    let text = Some("v".to_owned());
    let by_bytes = rig.run(producer.send(ProducerRecord::to("a").key(&7i64.to_be_bytes()).value("v")));
    let expected = rig.run(by_bytes.expect("accepted")).expect("written").partition();
    for value in [&text, &None] {
        let delivery = rig.run(typed.send(TypedRecord::to("a").key(&7).value(value))).expect("accepted");
        assert_eq!(rig.run(delivery).expect("written").partition(), expected, "the same key");
    }
    let delivery = typed.clone().try_send(&TypedRecord::to("a").key(&7).value(&text)).expect("accepted");
    rig.run(delivery).expect("written");
    assert_eq!(typed.producer().acknowledged_records(), 4);
}

#[test]
fn a_serializer_that_fails_or_panics_harms_only_its_own_record_and_is_named() {
    let mut rig = Rig::new(QUICK, &[]);
    let typed: TypedProducer<i32, i32> = TypedProducer::new(&rig.producer, Moody, Moody).expect("good");
    for (key, value, part, reason) in [
        (1, 0, "key", "it is odd"),
        (0, 1, "value", "it is odd"),
        (4, 0, "key", "it panicked: four"),
        (2, 4, "value", "it panicked: four"),
    ] {
        let error = rig.run(typed.send(TypedRecord::to("a").key(&key).value(&value))).expect_err("refused");
        let SendErrorKind::Serializer { part: named, type_name, reason: told } = error.kind() else {
            panic!("{error}");
        };
        assert_eq!((*named, *type_name, &**told), (part, "i32", reason));
        assert_eq!(error.to_string(), format!("a: the {part} (i32) cannot be serialized: {reason}"));
    }
    let delivery = rig.run(typed.send(TypedRecord::to("a").key(&2).value(&0))).expect("accepted");
    rig.run(delivery).expect("written");
}

#[test]
fn a_topic_handle_goes_by_the_newest_metadata_and_takes_records_of_other_topics_too() {
    let mut rig = Rig::new(QUICK, &[("metadata.max.age.ms", "50")]);
    let producer = rig.producer.clone();
    let topic = producer.topic("a");
    for number in 0..3 {
        let delivery = rig.run(topic.send(topic.record().value("v"))).expect("accepted");
        assert_eq!(rig.run(delivery).expect("written").topic(), "a", "{number}");
        rig.clock.advance(MS(100));
        rig.stepper.turn();
    }
    let other = rig.run(topic.send(ProducerRecord::to("b").value("v"))).expect("accepted");
    assert_eq!(rig.run(other).expect("written").topic(), "b");
    assert!(topic.try_send(topic.record().value("v")).is_ok());
}
