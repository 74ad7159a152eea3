//! Transactions from the application to the log, over TCP to brokers as Kafka 3.9 and as Kafka 4.3: what a reader of committed
//! records sees, and what the end of each transaction said.

use kp_producer::blocking::TransactionalProducer;
use kp_producer::{
    BeginError, EndError, ProducerConfig, ProducerRecord, SendErrorKind, TransactionFailureKind,
    TransactionOutcome,
};
use kp_protocol::ApiKey;
use kp_sim::KafkaVersion;
use kp_sim::tcp::{EmbeddedBroker, EmbeddedOptions};
use std::collections::BTreeMap;
use std::time::Duration;

/// Partitions announced by a request of their own, and added by Produce (KIP-890).
const BOTH: [KafkaVersion; 2] = [KafkaVersion::V3_9, KafkaVersion::V4_3];
const PARTITIONS: i32 = 3;

fn brokers(version: KafkaVersion) -> EmbeddedBroker {
    let options = EmbeddedOptions::new().with_kafka_version(version).with_brokers(3);
    EmbeddedBroker::start(options.with_default_partitions(PARTITIONS).with_retain(true)).expect("free ports")
}

fn producer(broker: &EmbeddedBroker, more: &[(&str, &str)]) -> TransactionalProducer {
    let config = ProducerConfig::default().bootstrap_servers(broker.bootstrap()).transactional_id("inv-1");
    let mut config = config.linger(Duration::from_millis(1));
    for (key, value) in more {
        config.set(key, *value).expect("the test's configuration is good");
    }
    TransactionalProducer::new(config).expect("the producer is built")
}

/// Waits until no transaction is open in a topic: markers follow the answer to EndTxn (L9).
fn settle(broker: &EmbeddedBroker, topic: &str) {
    for _ in 0..5_000_000 {
        let cluster = broker.cluster().lock();
        let partitions = cluster.topic(topic).map(kp_sim::Topic::partitions).unwrap_or_default();
        if partitions.iter().all(|partition| partition.last_stable_offset() == partition.log().end_offset()) {
            return;
        }
        drop(cluster);
        std::thread::yield_now();
    }
    panic!("a transaction hangs in {topic}");
}

/// What a reader of committed records sees of a topic, by partition and in order.
fn visible(broker: &EmbeddedBroker, topic: &str) -> Vec<String> {
    settle(broker, topic);
    let cluster = broker.cluster().lock();
    let mut seen = Vec::new();
    for partition in 0..PARTITIONS {
        let mut open: BTreeMap<i64, Vec<String>> = BTreeMap::new();
        for stored in cluster.log(topic, partition) {
            let producer = stored.header().producer_id;
            match stored.ends_transaction() {
                Some(true) => seen.extend(open.remove(&producer).unwrap_or_default()),
                Some(false) => drop(open.remove(&producer)),
                None => open.entry(producer).or_default().extend(values(stored)),
            }
        }
    }
    seen
}

fn values(stored: &kp_sim::StoredBatch) -> Vec<String> {
    let records = stored.record_batch().expect("it was checked").records(1 << 20).expect("it is whole");
    let value = |record: kp_protocol::records::Record<'_>| {
        String::from_utf8(record.value.expect("it has one").to_vec()).expect("it is text")
    };
    records.iter().map(|record| value(record.expect("it is whole"))).collect()
}

fn sorted(mut values: Vec<String>) -> Vec<String> {
    values.sort();
    values
}

/// One for each partition of two topics.
fn send_everywhere(transaction: &kp_producer::blocking::Transaction<'_>, name: &str) {
    for topic in ["orders", "payments"] {
        for partition in 0..PARTITIONS {
            let value = format!("{name}-{partition}");
            drop(
                transaction
                    .send(ProducerRecord::to(topic).partition(partition).value(&value))
                    .expect("accepted"),
            );
        }
    }
}

fn everywhere(name: &str) -> Vec<String> {
    (0..PARTITIONS).map(|partition| format!("{name}-{partition}")).collect()
}

// TX36, L1, L2
#[test]
fn what_was_committed_is_visible_whole_and_what_was_aborted_or_dropped_is_not() {
    for version in BOTH {
        let broker = brokers(version);
        let mut producer = producer(&broker, &[]);
        for name in ["a", "b", "c", "d"] {
            let transaction = producer.begin().expect("it begins");
            send_everywhere(&transaction, name);
            match name {
                "a" | "d" => assert_eq!(transaction.commit().expect("it is committed").records, 6),
                "b" => assert_eq!(transaction.abort().expect("it is aborted").discarded, 6),
                _ => drop(transaction),
            }
        }
        for topic in ["orders", "payments"] {
            let expected = sorted([everywhere("a"), everywhere("d")].concat());
            assert_eq!(sorted(visible(&broker, topic)), expected, "{version:?}");
        }
        let closed = producer.close(Duration::from_secs(10)).expect("it ends");
        assert_eq!((closed.undelivered, closed.transaction), (0, Some(TransactionOutcome::Committed)));
    }
}

// TX10
#[test]
fn a_transaction_without_records_asks_the_coordinator_nothing() {
    for version in BOTH {
        let broker = brokers(version);
        let mut producer = producer(&broker, &[]);
        for _ in 0..3 {
            assert_eq!(producer.begin().expect("it begins").commit().expect("it is committed").records, 0);
            producer.begin().expect("it begins").abort().expect("it is aborted");
        }
        let cluster = broker.cluster().lock();
        assert_eq!((cluster.requests(ApiKey::EndTxn), cluster.requests(ApiKey::InitProducerId)), (0, 1));
    }
}

// TX13, L1
#[test]
fn a_record_that_was_refused_keeps_the_others_from_being_visible_and_the_next_transaction_is_good() {
    for version in BOTH {
        let broker = brokers(version);
        let mut producer = producer(&broker, &[]);
        let transaction = producer.begin().expect("it begins");
        send_everywhere(&transaction, "a");
        let large = vec![0; 2 << 20];
        let error = transaction.send(ProducerRecord::to("orders").value(&large)).expect_err("too large");
        assert!(error.needs_abort());
        let error = transaction.send(ProducerRecord::to("orders").value("late")).expect_err("it is doomed");
        assert!(matches!(error.kind(), SendErrorKind::TransactionDoomed { .. }), "{error}");
        let error = transaction.commit().expect_err("a record is missing");
        assert!(error.is_retriable(), "{error}");
        assert!(
            matches!(error, EndError::Aborted(why) if matches!(why.kind, TransactionFailureKind::SendRefused { .. }))
        );
        let transaction = producer.begin().expect("it goes on");
        send_everywhere(&transaction, "b");
        transaction.commit().expect("it is committed");
        assert_eq!(sorted(visible(&broker, "orders")), everywhere("b"), "{version:?}");
    }
}

// TX15, L11
#[test]
fn a_second_producer_with_the_same_name_fences_the_first_whose_records_are_never_visible() {
    for version in BOTH {
        let broker = brokers(version);
        let mut first = producer(&broker, &[]);
        let transaction = first.begin().expect("it begins");
        send_everywhere(&transaction, "a");
        transaction.flush().expect("it may wait here");
        let mut second = producer(&broker, &[]);
        let other = second.begin().expect("it begins");
        send_everywhere(&other, "b");
        other.commit().expect("it is committed");
        let error = transaction.commit().expect_err("it is fenced");
        assert!(
            matches!(&error, EndError::Fatal(why) if why.kind == TransactionFailureKind::Fenced),
            "{error:?}"
        );
        let error = first.begin().expect_err("it is finished");
        assert!(matches!(&error, BeginError::Fatal(_)) && error.is_fatal(), "{error}");
        assert_eq!(sorted(visible(&broker, "orders")), everywhere("b"), "{version:?}");
        let closed = first.close(Duration::from_secs(5)).expect("it closes all the same");
        assert_eq!(closed.transaction, Some(TransactionOutcome::Aborted));
    }
}

// TX5, L3
#[test]
fn closing_over_a_dropped_transaction_aborts_it_within_the_time() {
    for version in BOTH {
        let broker = brokers(version);
        let mut producer = producer(&broker, &[]);
        let transaction = producer.begin().expect("it begins");
        send_everywhere(&transaction, "a");
        drop(transaction);
        let closed = producer.close(Duration::from_secs(10)).expect("it ends");
        assert_eq!(closed.transaction, Some(TransactionOutcome::Aborted), "{version:?}");
        assert_eq!(visible(&broker, "orders"), Vec::<String>::new());
    }
}

// TX3
#[test]
fn a_timeout_above_the_brokers_limit_is_named_with_its_key() {
    let broker = brokers(KafkaVersion::V4_3);
    let mut producer = producer(&broker, &[("transaction.timeout.ms", "2000000000")]);
    let error = producer.begin().expect_err("the broker does not take it");
    assert!(matches!(error, BeginError::InvalidTransactionTimeout { .. }), "{error}");
    assert!(error.to_string().contains("transaction.timeout.ms = 2000000000"), "{error}");
}
