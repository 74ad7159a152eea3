//! Typed producers and topic handles.

use crate::scripted::{Pace, Rig};
use crate::{
    BoxError, LongSerializer, OptionSerializer, ProducerRecord, RecordHeaders, SendErrorKind, Serialized,
    Serializer, StringSerializer, TypedProducer, TypedRecord,
};
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
