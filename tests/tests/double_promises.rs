//! What a producer says about its own promises, over TCP to brokers that cannot keep them. Each test was red once.

use kp_producer::blocking::Producer;
use kp_producer::{ProducerConfig, ProducerRecord, SendErrorKind};
use kp_sim::tcp::{EmbeddedBroker, EmbeddedOptions};

/// Brokers that give no producer ids.
fn old_brokers() -> EmbeddedBroker {
    let options = EmbeddedOptions::new().with_producer_ids(false);
    EmbeddedBroker::start(options).expect("free ports")
}

fn producer(broker: &EmbeddedBroker, more: &[(&str, &str)]) -> Producer {
    let mut config = ProducerConfig::default().bootstrap_servers(broker.bootstrap());
    for (key, value) in more {
        config.set(key, *value).expect("the test's configuration is good");
    }
    Producer::new(config).expect("the producer is built")
}

// ID1
#[test]
fn without_producer_ids_the_promise_is_taken_back_before_the_first_record_is_accepted() {
    let broker = old_brokers();
    let producer = producer(&broker, &[]);
    let delivery = producer.send(ProducerRecord::to("t").partition(0).value("v")).expect("accepted");
    let told = producer.guarantees();
    assert!(!told.no_duplicates && told.ordered, "{told:?}");
    delivery.wait().expect("written");
    let notices = producer.notices();
    let named = |notice: &&String| notice.contains("no producer ids") && notice.contains("InitProducerId");
    assert_eq!(notices.iter().filter(named).count(), 1, "{notices:?}");
    assert!(notices[0].contains("enable.idempotence=true makes it an error"), "{notices:?}");
}

// ID1
#[test]
fn with_producer_ids_nothing_is_taken_back() {
    let broker = EmbeddedBroker::start(EmbeddedOptions::default()).expect("free ports");
    let producer = producer(&broker, &[]);
    let delivery = producer.send(ProducerRecord::to("t").value("v")).expect("accepted");
    delivery.wait().expect("written");
    assert!(producer.guarantees().no_duplicates && producer.notices().is_empty());
}

// ID1
#[test]
fn asked_for_by_name_no_call_accepts_a_record_and_each_says_why() {
    let broker = old_brokers();
    let producer = producer(&broker, &[("enable.idempotence", "true")]);
    let record = || ProducerRecord::to("t").partition(0).value("v");
    let errors = [
        producer.send(record()).expect_err("refused"),
        producer.try_send(record()).expect_err("refused"),
        producer.partitions_for("t").expect_err("refused"),
        producer.send(record()).expect_err("still refused"),
    ];
    let connect = producer.connect().expect_err("refused");
    assert_eq!(connect.kind(), errors[0].kind());
    assert!(!connect.is_retriable() && !connect.is_fatal());
    for error in errors {
        assert!(matches!(error.kind(), SendErrorKind::UnsupportedVersion { .. }), "{error}");
        let words = error.to_string();
        assert!(words.contains(&broker.bootstrap()) && words.contains("no InitProducerId"), "{words}");
        assert!(words.contains("enable.idempotence=true") && words.contains("leave the key out"), "{words}");
        assert!(!error.is_retriable() && !error.is_fatal());
    }
    assert_eq!(broker.cluster().lock().record_count("t"), 0);
}
