//! The trace context of the sender is in the record that a broker keeps.

use kp_producer::blocking::Producer as BlockingProducer;
use kp_producer::{Producer, ProducerConfig, ProducerRecord, TraceContext, TraceParent};
use kp_sim::MockBroker;
use std::sync::atomic::{AtomicBool, Ordering};

static IS_TRACED: AtomicBool = AtomicBool::new(true);

fn current() -> Option<TraceParent> {
    let parent = TraceParent::new(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736, 0x00f0_67aa_0ba9_02b7, true)?;
    IS_TRACED.load(Ordering::Relaxed).then(|| parent.with_state("vendor=1"))
}

#[test]
fn each_record_has_the_context_of_its_sender_unless_it_brings_one() {
    let broker = MockBroker::automatic();
    let config = ProducerConfig::default().bootstrap_servers("mock:9092");
    let builder = Producer::builder(config).client(broker.client()).interceptor(TraceContext::new(current));
    let producer = BlockingProducer::from(builder.build().expect("it is built"));
    let send =
        |record: ProducerRecord<'_>| producer.send(record).expect("accepted").wait().expect("acknowledged");
    send(ProducerRecord::to("t").value("traced"));
    send(ProducerRecord::to("t").header("traceparent", "its own").value("passed on"));
    IS_TRACED.store(false, Ordering::Relaxed);
    send(ProducerRecord::to("t").value("untraced"));
    let history = broker.history("t");
    let headers = |index: usize| -> Vec<(String, String)> {
        let text =
            |bytes: &Option<Vec<u8>>| String::from_utf8(bytes.clone().unwrap_or_default()).expect("text");
        history[index].headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect()
    };
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    assert_eq!(headers(0), [pair("traceparent", parent), pair("tracestate", "vendor=1")]);
    assert_eq!(headers(1), [pair("traceparent", "its own")]);
    assert!(headers(2).is_empty());
}
