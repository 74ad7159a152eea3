//! Transactions from the application to the log, over TCP to brokers as Kafka 3.9 and as Kafka 4.3: what a reader of committed
//! records sees, and what the end of each transaction said.

#![allow(
    clippy::disallowed_methods,
    reason = "the facade runs on real threads here; waits are for events, not for time"
)]

use kp_producer::blocking::TransactionalProducer;
use kp_producer::{
    BeginError, CommittedOffset, EndError, GroupMetadata, Producer, ProducerConfig, ProducerRecord,
    SendErrorKind, TopicPartition, TransactionFailureKind, TransactionOutcome,
};
use kp_protocol::ApiKey;
use kp_sim::tcp::{EmbeddedBroker, EmbeddedOptions};
use kp_sim::{Fault, KafkaVersion, MockBroker, TopicSettings};
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

// TC15, TC21
#[test]
fn a_transaction_that_the_coordinator_timed_out_is_aborted_and_says_so() {
    let broker = brokers(KafkaVersion::V4_3);
    let mut producer = producer(&broker, &[]);
    let transaction = producer.begin().expect("it begins");
    send_everywhere(&transaction, "a");
    transaction.flush().expect("it may wait here");
    assert!(broker.cluster().lock().time_out_now("inv-1"));
    let error = transaction.commit().expect_err("it was aborted");
    assert!(matches!(error, EndError::Aborted(_)), "{error:?}");
    let transaction = producer.begin().expect("it goes on");
    send_everywhere(&transaction, "b");
    transaction.commit().expect("it is committed");
    assert_eq!(sorted(visible(&broker, "orders")), everywhere("b"));
}

// TC15, TC21
#[test]
fn a_record_that_fails_behind_the_coordinators_timeout_is_not_told_as_the_cause_of_the_abort() {
    for version in BOTH {
        let broker = brokers(version);
        let mut producer = producer(&broker, &[]);
        let transaction = producer.begin().expect("it begins");
        send_everywhere(&transaction, "a");
        transaction.flush().expect("it may wait here");
        assert!(broker.cluster().lock().time_out_now("inv-1"));
        let record = ProducerRecord::to("orders").partition(0).value("late");
        let delivery = transaction.send(record).expect("nothing is known yet");
        drop(delivery.wait().expect_err("the partition has another epoch"));
        assert!(transaction.doomed().is_some(), "the record has said so");
        let error = transaction.commit().expect_err("it was aborted");
        let is_told = matches!(
            &error,
            EndError::Aborted(why) if matches!(why.kind, TransactionFailureKind::TimedOut { .. })
        );
        assert!(is_told, "{version:?}: {error:?}");
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

fn group(generation: i32) -> GroupMetadata {
    GroupMetadata { group_id: "billing".into(), generation, member_id: "m-1".into(), instance_id: None }
}

fn next_of(partition: &TopicPartition, offset: i64) -> [(TopicPartition, CommittedOffset); 1] {
    [(partition.clone(), CommittedOffset { offset, leader_epoch: None, metadata: None })]
}

// TC1, L1, L6, PB3
#[test]
fn a_commit_whose_answer_is_lost_is_asked_for_again_and_told_as_it_was() {
    for version in BOTH {
        for carried_out in [true, false] {
            let broker = brokers(version);
            let mut producer = producer(&broker, &[]);
            let transaction = producer.begin().expect("it begins");
            send_everywhere(&transaction, "a");
            broker.cluster().lock().inject(Fault::Close { api: ApiKey::EndTxn, carried_out }, 1);
            transaction.commit().expect("it is committed");
            assert_eq!(broker.cluster().lock().faults_left(), 0);
            let transaction = producer.begin().expect("it begins");
            send_everywhere(&transaction, "b");
            transaction.commit().expect("it is committed");
            let expected = sorted([everywhere("a"), everywhere("b")].concat());
            assert_eq!(sorted(visible(&broker, "orders")), expected, "{version:?}, {carried_out}");
        }
    }
}

// TX21, L13
#[test]
fn a_group_moves_on_if_and_only_if_the_records_of_the_same_transaction_become_visible() {
    for version in BOTH {
        let broker = brokers(version);
        let mut producer = producer(&broker, &[]);
        let read = TopicPartition::new("in", 0);
        {
            let mut cluster = broker.cluster().lock();
            let settings = TopicSettings::of(cluster.settings());
            cluster.create_topic("in", settings).expect("a good name");
            cluster.add_group_member("billing", "m-1", 7, None);
        }
        let moved = || broker.cluster().lock().committed_offset("billing", &read);

        let transaction = producer.begin().expect("it begins");
        send_everywhere(&transaction, "a");
        transaction.send_offsets(next_of(&read, 5), &group(7)).expect("they are in");
        assert_eq!(moved(), None, "{version:?}: not before the end");
        assert_eq!(transaction.commit().expect("it is committed").groups, 1);
        assert_eq!(sorted(visible(&broker, "orders")), everywhere("a"));
        settle_group(&broker, &read);
        assert_eq!(moved(), Some(5), "{version:?}");

        let transaction = producer.begin().expect("it begins");
        send_everywhere(&transaction, "b");
        transaction.send_offsets(next_of(&read, 9), &group(7)).expect("they are in");
        transaction.abort().expect("it is aborted");
        settle_group(&broker, &read);
        assert_eq!(moved(), Some(5), "{version:?}");

        // The group has given the partition to another member.
        let transaction = producer.begin().expect("it begins");
        send_everywhere(&transaction, "c");
        let error = transaction.send_offsets(next_of(&read, 9), &group(6)).expect_err("an older generation");
        assert!(error.is_rebalanced() && error.needs_abort(), "{version:?}: {error}");
        assert!(transaction.doomed().is_some());
        let error = transaction.commit().expect_err("its offsets are missing");
        assert!(error.is_retriable(), "{version:?}: {error}");
        settle_group(&broker, &read);
        assert_eq!((moved(), sorted(visible(&broker, "orders"))), (Some(5), everywhere("a")));
    }
}

/// Waits for the marker in the group's log.
fn settle_group(broker: &EmbeddedBroker, read: &TopicPartition) {
    for _ in 0..5_000_000 {
        if !broker.cluster().lock().has_pending_offset("billing", read) {
            return;
        }
        std::thread::yield_now();
    }
    panic!("offsets of billing stay pending");
}

// L1, L4, L15
#[test]
fn records_of_many_threads_are_in_the_transaction_that_accepted_them_or_in_none() {
    for version in BOTH {
        let broker = brokers(version);
        let mut producer = producer(&broker, &[]);
        let mut expected = Vec::new();
        for round in 0..20 {
            let transaction = producer.begin().expect("it begins");
            let threads: Vec<_> = (0..3)
                .map(|thread| {
                    let handle = transaction.handle();
                    std::thread::spawn(move || sent_until_the_end(&handle, &format!("{round}-{thread}")))
                })
                .collect();
            // Each is at it; the end comes in between.
            drop(transaction.send(ProducerRecord::to("orders").value("own")).expect("accepted"));
            let is_kept = round % 2 == 0;
            let records = match is_kept {
                true => transaction.commit().expect("it is committed").records,
                false => transaction.abort().expect("it is aborted").discarded,
            };
            let accepted: Vec<String> =
                threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect();
            assert_eq!(records, accepted.len() as u64 + 1, "{version:?}, {round}");
            if is_kept {
                expected.extend(accepted);
                expected.push("own".to_owned());
            }
        }
        assert_eq!(sorted(visible(&broker, "orders")), sorted(expected), "{version:?}");
    }
}

/// Sends until the transaction has ended; what was accepted.
fn sent_until_the_end(handle: &kp_producer::blocking::TransactionHandle, name: &str) -> Vec<String> {
    let mut accepted = Vec::new();
    for number in 0..200 {
        let value = format!("{name}-{number}");
        match handle.send(ProducerRecord::to("orders").value(&value)) {
            Ok(delivery) => drop(delivery),
            Err(error) => {
                assert_eq!(*error.kind(), SendErrorKind::TransactionEnded, "{error}");
                break;
            }
        }
        accepted.push(value);
    }
    accepted
}

// TX36
#[test]
fn the_mock_broker_takes_transactions_as_brokers_do() {
    let broker = MockBroker::automatic();
    broker.create_topic("orders", PARTITIONS).expect("a good name");
    let config = ProducerConfig::default().bootstrap_servers("mock:1").transactional_id("inv-1");
    let builder = Producer::builder(config).client(broker.client());
    let mut producer = TransactionalProducer::from(builder.build_transactional().expect("it is built"));
    let transaction = producer.begin().expect("it begins");
    drop(transaction.send(ProducerRecord::to("orders").value("kept")).expect("accepted"));
    assert_eq!(transaction.commit().expect("it is committed").records, 1);
    let transaction = producer.begin().expect("it begins");
    drop(transaction.send(ProducerRecord::to("orders").value("discarded")).expect("accepted"));
    transaction.abort().expect("it is aborted");
    assert_eq!(producer.last_outcome(), Some(TransactionOutcome::Aborted));
}
