//! Interceptors, serializers and partitioners: in which order they are asked, and what becomes of those that fail.

use crate::facade_tests::scripted::{Pace, Rig};
use crate::{
    BoxError, BuildError, DeliveryError, InterceptedRecord, PartitionId, PartitionRequest, Partitioner,
    Producer, ProducerConfig, ProducerInterceptor, ProducerRecord, RecordHeaders, RecordMetadata, SendError,
    SendErrorKind, SentRecord, Serialized, Serializer, TypedProducer, TypedRecord,
};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const MS: fn(u64) -> Duration = Duration::from_millis;
const QUICK: Pace = Pace::QUICK;

type Log = Arc<Mutex<Vec<String>>>;

fn noted(log: &Log) -> Vec<String> {
    std::mem::take(&mut *log.lock())
}

/// Writes down whatever happens to it.
#[derive(Clone, Debug)]
struct Noted {
    name: &'static str,
    log: Log,
    /// What it does when it is asked: nothing, `fail`, or `panic`.
    does: &'static str,
}

impl Noted {
    fn new(name: &'static str, log: &Log, does: &'static str) -> Self {
        Self { name, log: Arc::clone(log), does }
    }

    fn note(&self, what: impl AsRef<str>) {
        self.log.lock().push(format!("{} {}", self.name, what.as_ref()));
    }

    fn act(&self) -> Result<(), BoxError> {
        match self.does {
            "fail" => Err("it fails".into()),
            "panic" => std::panic::resume_unwind(Box::new("it panics")),
            _ => Ok(()),
        }
    }

    fn note_configuration(&self, config: &BTreeMap<String, String>) -> Result<(), BoxError> {
        self.note(format!("configured for {} with {:?}", config["client.id"], config.get("my.key")));
        if self.does == "refuse" { Err("it does not like it".into()) } else { Ok(()) }
    }
}

impl ProducerInterceptor for Noted {
    fn configure(&mut self, config: &BTreeMap<String, String>) -> Result<(), BoxError> {
        self.note_configuration(config)
    }

    fn on_send(&self, record: &mut InterceptedRecord<'_>) -> Result<(), BoxError> {
        self.note(format!("sees {:?}", record.value().map(String::from_utf8_lossy)));
        let value = [record.value().unwrap_or_default(), self.name.as_bytes()].concat();
        record.set_value(Some(value.into()));
        record.add_header(self.name, b"was here");
        record.set_context(self.name.len());
        self.act()
    }

    fn on_acknowledgement(&self, record: &SentRecord<'_>, outcome: Result<&RecordMetadata, &DeliveryError>) {
        let headers: Vec<_> = record.headers().map(|(name, _)| name).collect();
        let context = record.context::<usize>().copied();
        self.note(format!("acknowledged {} {headers:?} {context:?}", outcome.is_ok()));
        let _ = self.act();
    }

    fn on_refusal(&self, record: &SentRecord<'_>, error: &SendError) {
        self.note(format!("refused {} {:?}", record.topic(), error.is_retriable()));
    }

    fn close(&self) {
        self.note("closed");
        let _ = self.act();
    }
}

impl Partitioner for Noted {
    fn configure(&mut self, config: &BTreeMap<String, String>) -> Result<(), BoxError> {
        self.note_configuration(config)
    }

    fn partition(&self, request: &PartitionRequest<'_>) -> Result<PartitionId, BoxError> {
        self.note(format!("partitions {:?}", request.key_bytes.map(String::from_utf8_lossy)));
        self.act()?;
        Ok(PartitionId(2))
    }

    fn close(&self) {
        self.note("closed");
    }
}

impl Serializer<str> for Noted {
    fn configure(&mut self, config: &BTreeMap<String, String>, is_key: bool) -> Result<(), BoxError> {
        self.note(format!("configured for {}, key: {is_key}", config["client.id"]));
        Ok(())
    }

    fn serialize(
        &self,
        _topic: &str,
        headers: &mut RecordHeaders,
        value: &str,
        out: &mut Vec<u8>,
    ) -> Result<Serialized, BoxError> {
        self.note(format!("serializes {value}"));
        headers.add(self.name, *b"was here");
        out.extend_from_slice(value.as_bytes());
        self.act()?;
        Ok(Serialized::Bytes)
    }

    fn close(&self) {
        self.note("closed");
    }
}

// FA1, FA8, FA14, IN2, CL11
#[test]
fn all_are_asked_in_one_order_configured_with_the_client_id_in_use_and_closed_in_order() {
    let log = Log::default();
    let (interceptor, partitioner) =
        (Noted::new("interceptor", &log, ""), Noted::new("partitioner", &log, ""));
    let mut rig = Rig::with(QUICK, &[("my.key", "x")], |builder| {
        builder.partitioner(partitioner).interceptor(interceptor)
    });
    let producer = rig.producer.clone();
    let (key, value) = (Noted::new("key", &log, ""), Noted::new("value", &log, ""));
    let typed = TypedProducer::new(&producer, key, value).expect("they like it");
    let id = producer.client_id().to_owned();
    let configured = [
        format!("interceptor configured for {id} with Some(\"x\")"),
        format!("partitioner configured for {id} with Some(\"x\")"),
        format!("key configured for {id}, key: true"),
        format!("value configured for {id}, key: false"),
    ];
    assert_eq!(noted(&log), configured);
    assert!(id.starts_with("producer-"), "it was made up");

    let inside = Arc::clone(&log);
    let record = TypedRecord::to("a").key("k").value("v");
    let callback = move |outcome: Result<RecordMetadata, _>| {
        inside.lock().push(format!("callback {}", outcome.expect("written").partition()));
    };
    rig.run(typed.send_with(record, callback)).expect("accepted");
    rig.run(producer.flush()).expect("it may wait here");
    let steps = [
        "key serializes k",
        "value serializes v",
        "interceptor sees Some(\"v\")",
        "partitioner partitions Some(\"k\")",
        "interceptor acknowledged true [\"key\", \"value\", \"interceptor\"] Some(11)",
        "callback 2",
    ];
    assert_eq!(noted(&log), steps, "headers were added until it was accepted");

    let _ = rig.run(producer.close(MS(1000))).expect("it may wait here");
    assert_eq!(noted(&log), ["interceptor closed", "key closed", "value closed", "partitioner closed"]);
    let _ = rig.run(producer.close(MS(1000))).expect("again");
    assert_eq!(noted(&log), [""; 0], "once");
}

// FA1
#[test]
fn what_is_wrong_with_a_record_is_looked_for_in_one_order() {
    let log = Log::default();
    let (interceptor, partitioner) =
        (Noted::new("interceptor", &log, ""), Noted::new("partitioner", &log, ""));
    let mut rig = Rig::with(QUICK, &[("max.block.ms", "100")], |builder| {
        builder.partitioner(partitioner).interceptor(interceptor)
    });
    let producer = rig.producer.clone();
    rig.run(producer.partitions_for("a")).expect("it is there");
    noted(&log);
    let large = vec![0; 2_000_000];
    let large = |topic| ProducerRecord::to(topic).key("k").value(&large);
    let kind = |sent: Result<_, crate::SendError>| sent.map(drop).expect_err("refused").kind().clone();
    // The size before the metadata, which nothing is asked for then, and before the partition.
    for topic in ["a", "unknown"] {
        let refused = kind(rig.run(producer.send(large(topic))));
        assert!(matches!(refused, SendErrorKind::RecordTooLarge { .. }), "{refused:?}");
        assert!(noted(&log).iter().all(|note| note.starts_with("interceptor")), "it alone was asked");
    }
    // The metadata before the partition.
    let refused = kind(producer.try_send(ProducerRecord::to("other").value("v")));
    assert_eq!(refused, SendErrorKind::WouldBlock);
    assert!(noted(&log).iter().all(|note| note.starts_with("interceptor")), "it alone was asked");
    // The end before all of them, but behind the interceptors.
    let _ = rig.run(producer.close(MS(0))).expect("it may wait here");
    noted(&log);
    for topic in ["a", "unknown"] {
        assert_eq!(kind(rig.run(producer.send(large(topic)))), SendErrorKind::Closed);
        assert!(noted(&log).iter().all(|note| note.starts_with("interceptor")), "it alone was asked");
    }
}

// FA1, FA7
#[test]
fn the_record_itself_is_looked_at_before_its_size_and_the_partition_is_chosen_before_memory_is_taken() {
    let log = Log::default();
    let partitioner = Noted::new("partitioner", &log, "");
    let memory = [("buffer.memory", "65536"), ("batch.size", "16384")];
    let mut rig = Rig::with(Pace::SILENT, &memory, |builder| builder.partitioner(partitioner));
    let producer = rig.producer.clone();
    let large = vec![0; 2_000_000];
    let wrong = [
        (ProducerRecord::to(""), "the topic's name is empty"),
        (ProducerRecord::to("unknown").partition(-1), "the partition is negative"),
        (ProducerRecord::to("unknown").timestamp_ms(-1), "the timestamp is negative"),
    ];
    noted(&log);
    for (record, words) in wrong {
        let refused = rig.run(producer.send(record.value(&large))).expect_err("wrong in two ways");
        assert_eq!(*refused.kind(), SendErrorKind::InvalidRecord(words));
    }
    rig.run(producer.partitions_for("a")).expect("it is there");
    assert_eq!(noted(&log), [""; 0], "no partition is chosen for a record that cannot be sent");
    let value = vec![0; 12_000];
    let mut sends = (1..20).map(|sent| (sent, producer.try_send(ProducerRecord::to("a").value(&value))));
    let (sent, refused) = sends.find_map(|(sent, result)| Some((sent, result.err()?))).expect("memory ends");
    assert_eq!(*refused.kind(), SendErrorKind::WouldBlock);
    assert_eq!(noted(&log).len(), sent, "asked for each record, the last one included");
}

// IN1
#[test]
fn an_interceptor_sees_what_the_one_before_made_and_one_that_fails_is_skipped_and_told_once() {
    let log = Log::default();
    let chain = [("first", ""), ("failing", "fail"), ("panicking", "panic"), ("last", "")];
    let mut rig = Rig::with(QUICK, &[], |builder| {
        chain.iter().fold(builder, |builder, (name, does)| builder.interceptor(Noted::new(name, &log, does)))
    });
    let producer = rig.producer.clone();
    noted(&log);
    for _ in 0..2 {
        let delivery = rig.run(producer.send(ProducerRecord::to("a").value("v."))).expect("accepted");
        rig.run(delivery).expect("written");
        let told = noted(&log);
        assert_eq!(
            told[..4],
            [
                "first sees Some(\"v.\")",
                "failing sees Some(\"v.first\")",
                "panicking sees Some(\"v.first\")",
                "last sees Some(\"v.first\")"
            ]
        );
        let headers = "[\"first\", \"last\"]";
        assert_eq!(
            told[4..],
            [
                format!("first acknowledged true {headers} Some(5)"),
                format!("failing acknowledged true {headers} None"),
                format!("panicking acknowledged true {headers} None"),
                format!("last acknowledged true {headers} Some(4)"),
            ]
        );
    }
    let notices = producer.notices();
    assert_eq!(notices.len(), 2, "each once: {notices:?}");
    assert!(notices[0].contains("interceptor 2 failed and was skipped: it fails"), "{notices:?}");
    assert!(notices[1].contains("interceptor 3 panicked and was skipped: it panics"), "{notices:?}");
}

// IN3, FA4
#[test]
fn interceptors_are_told_of_a_record_that_is_not_accepted() {
    let log = Log::default();
    let mut rig = Rig::with(QUICK, &[("max.block.ms", "0")], |builder| {
        builder.interceptor(Noted::new("interceptor", &log, ""))
    });
    let producer = rig.producer.clone();
    noted(&log);
    let large = vec![0; 2_000_000];
    rig.run(producer.send(ProducerRecord::to("a").value(&large))).expect_err("too large");
    producer.try_send(ProducerRecord::to("b").value("v")).expect_err("no metadata yet");
    let told: Vec<_> = noted(&log).into_iter().filter(|line| line.contains("refused")).collect();
    assert_eq!(told, ["interceptor refused a false", "interceptor refused b true"]);
}

// IN4, FA13
#[test]
fn a_producer_that_cannot_be_built_leaves_no_part_open() {
    let log = Log::default();
    let build = |refuses: &'static str| {
        let config = ProducerConfig::default().bootstrap_servers("nowhere:1").client_id("me");
        let interceptor = |name| {
            let does = if name == refuses { "refuse" } else { "" };
            Noted::new(name, &log, does)
        };
        let builder =
            Producer::builder(config).interceptor(interceptor("one")).interceptor(interceptor("two"));
        builder.partitioner(interceptor("three")).build().expect_err("one does not like it")
    };
    let error = build("two");
    assert!(matches!(error, BuildError::Extension(_)), "{error}");
    assert_eq!(error.to_string(), "interceptor 2 cannot be configured: it does not like it");
    assert_eq!(noted(&log)[2..], ["one closed", "two closed"]);
    assert!(build("three").to_string().starts_with("partitioner 1 cannot be configured"));
    assert_eq!(noted(&log)[3..], ["three closed", "one closed", "two closed"]);
}

// PA2
#[test]
fn a_partitioner_that_fails_or_panics_harms_only_its_own_record() {
    let log = Log::default();
    for (does, words) in [("fail", "refused the record: it fails"), ("panic", "panicked: it panics")] {
        let mut rig = Rig::with(QUICK, &[], |builder| builder.partitioner(Noted::new("p", &log, does)));
        let producer = rig.producer.clone();
        let error = rig.run(producer.send(ProducerRecord::to("a").value("v"))).expect_err("refused");
        assert!(matches!(error.kind(), SendErrorKind::Partitioner { .. }), "{error}");
        assert!(error.to_string().contains(words), "{error}");
        let named =
            rig.run(producer.send(ProducerRecord::to("a").partition(0).value("v"))).expect("accepted");
        rig.run(named).expect("the partitioner is not asked");
    }
}

// PA2
#[test]
fn a_partitioner_is_asked_once_for_a_record_however_long_that_waits() {
    let log = Log::default();
    let more = [("buffer.memory", "1000"), ("batch.size", "1000"), ("max.request.size", "1000")];
    let mut rig = Rig::with(QUICK, &more, |builder| builder.partitioner(Noted::new("p", &log, "")));
    let producer = rig.producer.clone();
    let first = ProducerRecord::to("a").partition(0).value("takes the page");
    drop(rig.run(producer.send(first)).expect("accepted"));
    noted(&log);
    let delivery = rig.run(producer.send(ProducerRecord::to("a").key("k").value("v"))).expect("accepted");
    assert_eq!(rig.run(delivery).expect("written").partition(), 2);
    assert_eq!(noted(&log), ["p partitions Some(\"k\")"]);
}

#[test]
fn a_class_that_only_a_jvm_has_needs_a_partitioner_in_its_place() {
    let config = || {
        let config = ProducerConfig::default().bootstrap_servers("nowhere:1");
        config.partitioner_class("com.example.Mine")
    };
    let error = Producer::builder(config()).build().expect_err("kp has no such class").to_string();
    assert!(error.contains("com.example.Mine") && error.contains("RoundRobinPartitioner"), "{error}");
    let log = Log::default();
    Producer::builder(config()).partitioner(Noted::new("mine", &log, "")).build().expect("in its place");
}
