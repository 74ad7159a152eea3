//! The whole facade over TCP against the broker double: what a user is promised, with faults injected.

#![allow(
    clippy::disallowed_methods,
    reason = "the facade runs on real threads here; waits are for events, not for time"
)]

use kp_producer::blocking::Producer;
use kp_producer::{Certainty, FailureKind, ProducerConfig, ProducerRecord, SendErrorKind};
use kp_protocol::{ApiKey, BrokerId, ErrorCode, TopicPartition};
use kp_sim::tcp::{EmbeddedBroker, EmbeddedOptions};
use kp_sim::{Fault, TopicSettings};
use std::net::TcpListener;
use std::sync::mpsc;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);

fn broker() -> EmbeddedBroker {
    EmbeddedBroker::start(EmbeddedOptions::new().with_default_partitions(3)).expect("a free port")
}

fn three_brokers() -> EmbeddedBroker {
    let options = EmbeddedOptions::new().with_brokers(3).with_default_partitions(3);
    EmbeddedBroker::start(options).expect("free ports")
}

fn config(bootstrap: &str, more: &[(&str, &str)]) -> ProducerConfig {
    let mut config = ProducerConfig::default().bootstrap_servers(bootstrap);
    for (key, value) in more {
        config.set(key, *value).expect("the test's configuration is good");
    }
    config
}

fn producer(bootstrap: &str, more: &[(&str, &str)]) -> Producer {
    Producer::new(config(bootstrap, more)).expect("the producer is built")
}

/// All values of a topic's partition as the double's log has them.
fn values(broker: &EmbeddedBroker, topic: &str, partition: i32) -> Vec<String> {
    let cluster = broker.cluster().lock();
    let mut values = Vec::new();
    for stored in cluster.log(topic, partition) {
        let batch = stored.record_batch().expect("the double stores valid batches");
        let records = batch.records(1 << 24).expect("records decode");
        for record in records.iter() {
            let value = record.expect("a record decodes").value.unwrap_or_default();
            values.push(String::from_utf8(value.to_vec()).expect("the test sends text"));
        }
    }
    values
}

fn numbered(from: usize, to: usize) -> Vec<String> {
    (from..to).map(|number| format!("value-{number}")).collect()
}

fn send_numbered(producer: &Producer, from: usize, to: usize) -> Vec<kp_producer::Delivery> {
    let send =
        |value: &String| producer.send(ProducerRecord::to("t").partition(0).value(value)).expect("accepted");
    numbered(from, to).iter().map(send).collect()
}

#[test]
fn a_delivery_tells_topic_partition_offset_and_timestamp() {
    let broker = broker();
    let producer = producer(&broker.bootstrap(), &[("linger.ms", "0")]);
    for expected in 0..3 {
        let record = ProducerRecord::to("orders").partition(1).key("k").value("v").timestamp_ms(1_234_567);
        let written = producer.send(record).expect("accepted").wait().expect("written");
        assert_eq!((written.topic(), written.partition().0, written.offset()), ("orders", 1, Some(expected)));
        assert_eq!(written.timestamp_ms(), 1_234_567);
    }
    assert_eq!(producer.close(LONG).expect("not the network thread").undelivered, 0);
}

#[test]
fn headers_null_values_and_empty_keys_arrive_as_they_were_sent() {
    let broker = broker();
    let producer = producer(&broker.bootstrap(), &[]);
    let record =
        ProducerRecord::to("t").partition(0).key("").header("a", "1").header("a", "2").null_header("n");
    producer.send(record).expect("accepted").wait().expect("written");
    let cluster = broker.cluster().lock();
    let batch = cluster.log("t", 0)[0].record_batch().expect("valid");
    let records = batch.records(1 << 20).expect("decodes");
    let record = records.iter().next().expect("one record").expect("decodes");
    assert_eq!((record.key, record.value), (Some(&b""[..]), None));
    let headers: Vec<_> = record.headers.iter().map(|h| (h.name, h.value)).collect();
    assert_eq!(headers, [("a", Some(&b"1"[..])), ("a", Some(&b"2"[..])), ("n", None)]);
}

#[test]
fn callbacks_run_once_each_in_order_of_acceptance() {
    // FA9
    let broker = broker();
    let producer = producer(&broker.bootstrap(), &[]);
    let (tell, told) = mpsc::channel();
    for number in 0..2_000i64 {
        let tell = tell.clone();
        let value = format!("value-{number}");
        let record = ProducerRecord::to("t").partition(2).value(&value);
        let callback = move |result: Result<kp_producer::RecordMetadata, _>| {
            let _ = tell.send((number, result.expect("written").offset()));
        };
        producer.send_with(record, callback).expect("accepted");
    }
    drop(tell);
    producer.flush().expect("not the network thread");
    let outcomes: Vec<_> = told.iter().collect();
    let expected: Vec<_> = (0..2_000).map(|number| (number, Some(number))).collect();
    assert_eq!(outcomes, expected);
}

#[test]
fn every_acks_setting_delivers_and_none_gives_no_offset() {
    for (acks, offset) in [("0", None), ("1", Some(0)), ("all", Some(0))] {
        let broker = broker();
        let producer = producer(&broker.bootstrap(), &[("acks", acks)]);
        let delivery = producer.send(ProducerRecord::to("t").partition(0).value("v")).expect("accepted");
        assert_eq!(delivery.wait().expect("written").offset(), offset, "acks={acks}");
        assert_eq!(producer.close(LONG).expect("closes").undelivered, 0);
        let waiting_for_the_double = std::time::Instant::now();
        while values(&broker, "t", 0).is_empty() && waiting_for_the_double.elapsed() < LONG {
            std::thread::yield_now();
        }
        assert_eq!(values(&broker, "t", 0), ["v"], "acks={acks}");
    }
}

#[test]
fn every_codec_of_the_default_build_arrives_whole_and_smaller() {
    for codec in ["gzip", "snappy", "lz4"] {
        let broker = broker();
        let producer = producer(&broker.bootstrap(), &[("compression.type", codec), ("linger.ms", "50")]);
        let deliveries = send_numbered(&producer, 0, 20_000);
        deliveries.into_iter().for_each(|delivery| drop(delivery.wait().expect("written")));
        assert_eq!(values(&broker, "t", 0), numbered(0, 20_000), "{codec}");
        let cluster = broker.cluster().lock();
        let bytes: usize = cluster.log("t", 0).iter().map(|batch| batch.size()).sum();
        assert!(bytes < 20_000 * 12, "{codec}: {bytes} bytes");
    }
}

#[test]
fn threads_that_share_a_producer_each_keep_their_order() {
    let broker = broker();
    let producer = producer(&broker.bootstrap(), &[("batch.size", "1000")]);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let producer = &producer;
            scope.spawn(move || {
                for number in 0..2_000 {
                    let (key, value) = (format!("{thread}"), format!("{thread}:{number}"));
                    producer
                        .send(ProducerRecord::to("t").key(&key).value(&value))
                        .map(drop)
                        .expect("accepted");
                }
            });
        }
    });
    producer.flush().expect("flushes");
    let mut seen = [0; 4];
    for partition in 0..3 {
        for value in values(&broker, "t", partition) {
            let (thread, number) = value.split_once(':').expect("thread:number");
            let next = &mut seen[thread.parse::<usize>().expect("a digit")];
            assert_eq!(number.parse::<i32>().expect("a number"), *next);
            *next += 1;
        }
    }
    assert_eq!(seen, [2_000; 4]);
    assert_eq!(producer.acknowledged_records(), 8_000);
}

#[test]
fn an_unreachable_bootstrap_address_is_skipped() {
    let broker = broker();
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port");
    let bootstrap = format!("{closed},{}", broker.bootstrap());
    let producer = producer(&bootstrap, &[]);
    producer.send(ProducerRecord::to("t").value("v")).expect("accepted").wait().expect("written");
}

#[test]
fn a_cluster_that_cannot_be_reached_is_an_error_that_names_each_address() {
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port");
    let producer = producer(&closed.to_string(), &[("max.block.ms", "300")]);
    let error = producer.send(ProducerRecord::to("t").value("v")).expect_err("no broker is there");
    assert!(matches!(error.kind(), SendErrorKind::MetadataTimeout { .. }), "{error}");
    assert_eq!(error.certainty(), Certainty::NotWritten);
    let text = error.to_string();
    assert!(text.contains(&closed.to_string()) && text.contains("max.block.ms"), "{text}");
    assert!(error.spent().metadata >= Duration::from_millis(300), "{:?}", error.spent());
}

#[test]
fn addresses_that_say_nothing_are_named_too() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let silent = listener.local_addr().expect("bound");
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port");
    let producer = producer(&format!("{silent},{closed}"), &[("max.block.ms", "400")]);
    let text = producer.send(ProducerRecord::to("t").value("v")).expect_err("no broker answers").to_string();
    assert!(text.contains(&silent.to_string()) && text.contains(&closed.to_string()), "{text}");
}

#[test]
fn an_unknown_topic_without_auto_creation_is_an_error_that_says_so() {
    // MD21
    let options = EmbeddedOptions::new().with_auto_create_topics(false);
    let broker = EmbeddedBroker::start(options).expect("a free port");
    let producer = producer(&broker.bootstrap(), &[("max.block.ms", "300"), ("retry.backoff.max.ms", "100")]);
    let error = producer.send(ProducerRecord::to("nowhere").value("v")).expect_err("no such topic");
    assert!(error.to_string().contains("UNKNOWN_TOPIC_OR_PARTITION"), "{error}");
    broker.cluster().lock().create_topic("nowhere", TopicSettings::of(&Default::default())).expect("created");
    producer.send(ProducerRecord::to("nowhere").value("v")).expect("accepted now").wait().expect("written");
}

#[test]
fn a_partition_that_the_topic_lacks_is_waited_for_and_then_an_error() {
    // MD20, FA6
    let broker = broker();
    let producer = producer(&broker.bootstrap(), &[("max.block.ms", "300")]);
    let error = producer.send(ProducerRecord::to("t").partition(9).value("v")).expect_err("three partitions");
    assert!(
        matches!(error.kind(), SendErrorKind::NoSuchPartition { partition: 9, partitions: 3, .. }),
        "{error}"
    );
}

#[test]
fn a_record_above_max_request_size_is_refused_by_send() {
    // FA3
    let broker = broker();
    let producer = producer(&broker.bootstrap(), &[("max.request.size", "1000")]);
    let large = vec![b'x'; 1_000];
    let error = producer.send(ProducerRecord::to("t").value(&large)).expect_err("too large");
    assert!(matches!(error.kind(), SendErrorKind::RecordTooLarge { key: "max.request.size", .. }), "{error}");
    assert!(!error.is_retriable() && !error.is_fatal());
}

#[test]
fn a_record_that_the_broker_finds_too_large_fails_as_not_written() {
    // BB29
    let options = EmbeddedOptions::new().with_max_message_bytes(10_000);
    let broker = EmbeddedBroker::start(options).expect("a free port");
    let producer = producer(&broker.bootstrap(), &[]);
    let large = vec![b'x'; 20_000];
    let delivery = producer.send(ProducerRecord::to("t").value(&large)).expect("accepted");
    let error = delivery.wait().expect_err("the broker refuses it");
    assert_eq!(error.certainty(), Certainty::NotWritten);
    assert!(!error.is_retriable(), "{error}");
    producer
        .send(ProducerRecord::to("t").value("small"))
        .expect("accepted")
        .wait()
        .expect("the next one goes");
}

#[test]
fn a_batch_that_the_broker_finds_too_large_is_split_and_every_record_arrives_in_order() {
    // BB25
    let options = EmbeddedOptions::new().with_max_message_bytes(2_000);
    let broker = EmbeddedBroker::start(options).expect("a free port");
    let producer = producer(&broker.bootstrap(), &[("batch.size", "16384"), ("linger.ms", "50")]);
    let deliveries = send_numbered(&producer, 0, 1_000);
    for (expected, delivery) in (0..).zip(deliveries) {
        assert_eq!(delivery.wait().expect("written").offset(), Some(expected));
    }
    assert_eq!(values(&broker, "t", 0), numbered(0, 1_000));
    assert_eq!((producer.acknowledged_records(), producer.failed_records()), (1_000, 0));
}

#[test]
fn an_answer_that_is_lost_before_the_append_is_retried_and_nothing_is_doubled() {
    let broker = broker();
    let producer = producer(&broker.bootstrap(), &[("linger.ms", "0")]);
    producer.partitions_for("t").expect("metadata");
    broker.cluster().lock().inject(Fault::Close { api: ApiKey::Produce, carried_out: false }, 2);
    send_numbered(&producer, 0, 100).into_iter().for_each(|delivery| drop(delivery.wait().expect("written")));
    assert_eq!(values(&broker, "t", 0), numbered(0, 100));
}

// ID4, ID5
#[test]
fn an_answer_that_is_lost_after_the_append_doubles_nothing() {
    let broker = broker();
    let producer = producer(&broker.bootstrap(), &[("linger.ms", "0")]);
    producer.partitions_for("t").expect("metadata");
    broker.cluster().lock().inject(Fault::Close { api: ApiKey::Produce, carried_out: true }, 2);
    send_numbered(&producer, 0, 200).into_iter().for_each(|delivery| drop(delivery.wait().expect("written")));
    assert_eq!(values(&broker, "t", 0), numbered(0, 200));
}

#[test]
fn without_idempotence_the_same_loss_doubles_but_never_reorders() {
    let broker = broker();
    let producer = producer(&broker.bootstrap(), &[("linger.ms", "0"), ("enable.idempotence", "false")]);
    producer.partitions_for("t").expect("metadata");
    broker.cluster().lock().inject(Fault::Close { api: ApiKey::Produce, carried_out: true }, 1);
    send_numbered(&producer, 0, 200).into_iter().for_each(|delivery| drop(delivery.wait().expect("written")));
    let read = values(&broker, "t", 0);
    let mut seen = std::collections::HashSet::new();
    let first_of_each: Vec<_> = read.iter().filter(|value| seen.insert(value.as_str())).cloned().collect();
    assert_eq!(first_of_each, numbered(0, 200));
    assert!(read.len() > 200, "the fault struck: the first batch is there twice");
}

#[test]
fn retriable_refusals_are_retried_until_the_broker_takes_the_batch() {
    let broker = broker();
    let producer = producer(&broker.bootstrap(), &[("retry.backoff.ms", "5")]);
    for code in
        [ErrorCode::NOT_LEADER_OR_FOLLOWER, ErrorCode::NOT_ENOUGH_REPLICAS, ErrorCode::KAFKA_STORAGE_ERROR]
    {
        broker.cluster().lock().inject(Fault::RefuseBatch { partition: None, code }, 3);
    }
    send_numbered(&producer, 0, 50).into_iter().for_each(|delivery| drop(delivery.wait().expect("written")));
    assert_eq!(values(&broker, "t", 0), numbered(0, 50));
    assert_eq!(broker.cluster().lock().faults_left(), 0);
}

#[test]
fn a_refusal_for_good_fails_the_batch_at_once_and_the_next_one_goes() {
    let broker = broker();
    let producer = producer(&broker.bootstrap(), &[("linger.ms", "0")]);
    producer.partitions_for("t").expect("metadata");
    let code = ErrorCode::TOPIC_AUTHORIZATION_FAILED;
    broker.cluster().lock().inject(Fault::RefuseBatch { partition: None, code }, 1);
    let record = ProducerRecord::to("t").partition(0).value("refused");
    let error = producer.send(record).expect("accepted").wait().expect_err("refused");
    assert_eq!((error.certainty(), error.attempts()), (Certainty::NotWritten, 1));
    assert!(error.to_string().contains("TOPIC_AUTHORIZATION_FAILED"), "{error}");
    producer
        .send(ProducerRecord::to("t").partition(0).value("next"))
        .expect("accepted")
        .wait()
        .expect("written");
    assert_eq!(values(&broker, "t", 0), ["next"]);
}

#[test]
fn a_leader_that_moves_in_the_middle_loses_nothing_and_keeps_the_order() {
    let broker = three_brokers();
    let producer = producer(&broker.bootstrap(), &[("batch.size", "500")]);
    let at = TopicPartition::new("t", 0);
    let mut deliveries = Vec::new();
    for round in 0..6 {
        deliveries.extend(send_numbered(&producer, round * 500, (round + 1) * 500));
        let to = BrokerId((round % 3) as i32 + 1);
        broker.cluster().lock().move_leader(&at, to).expect("the broker is a replica");
    }
    deliveries.into_iter().for_each(|delivery| drop(delivery.wait().expect("written")));
    assert_eq!(values(&broker, "t", 0), numbered(0, 3_000));
}

#[test]
fn a_broker_that_goes_away_and_comes_back_is_found_again() {
    let mut broker = broker();
    let producer = producer(&broker.bootstrap(), &[("linger.ms", "0"), ("reconnect.backoff.ms", "10")]);
    let mut deliveries = send_numbered(&producer, 0, 100);
    producer.flush().expect("flushes");
    broker.stop_broker(BrokerId(1)).expect("it runs");
    deliveries.extend(send_numbered(&producer, 100, 200));
    broker.start_broker(BrokerId(1)).expect("the port is free");
    deliveries.extend(send_numbered(&producer, 200, 300));
    deliveries.into_iter().for_each(|delivery| drop(delivery.wait().expect("written")));
    assert_eq!(values(&broker, "t", 0), numbered(0, 300));
}

#[test]
fn a_broker_that_is_gone_for_good_fails_every_record_and_says_where_the_time_went() {
    let mut broker = broker();
    let timeouts = [("delivery.timeout.ms", "600"), ("request.timeout.ms", "300"), ("linger.ms", "0")];
    let producer = producer(&broker.bootstrap(), &timeouts);
    producer.partitions_for("t").expect("metadata");
    broker.stop_broker(BrokerId(1)).expect("it runs");
    for delivery in send_numbered(&producer, 0, 50) {
        let error = delivery.wait().expect_err("no broker is there");
        assert!(matches!(error.kind(), FailureKind::Expired), "{error}");
        let spent = error.spent().total();
        assert!(spent >= Duration::from_millis(600), "{error}: {spent:?}");
        assert!(error.to_string().contains("delivery.timeout.ms"), "{error}");
    }
    assert_eq!(producer.close(LONG).expect("closes").undelivered, 0, "expired, not cut off by the close");
}

#[test]
fn a_silent_broker_makes_the_outcome_unknown() {
    let broker = broker();
    let timeouts = [("delivery.timeout.ms", "700"), ("request.timeout.ms", "300"), ("linger.ms", "0")];
    let producer = producer(&broker.bootstrap(), &timeouts);
    producer.partitions_for("t").expect("metadata");
    broker.cluster().lock().inject(Fault::Stall { api: ApiKey::Produce, carried_out: true }, 100);
    let record = ProducerRecord::to("t").partition(0).value("v");
    let error = producer.send(record).expect("accepted").wait().expect_err("no answer");
    assert_eq!(error.certainty(), Certainty::Unknown, "{error}");
    assert!(error.attempts() >= 1);
    assert!(!values(&broker, "t", 0).is_empty(), "it is in the log, and no broker said so");
}

#[test]
fn a_full_pool_makes_send_wait_and_then_fail_with_the_reason() {
    // BP9
    let broker = broker();
    let more = [
        ("buffer.memory", "40000"),
        ("batch.size", "10000"),
        ("max.block.ms", "200"),
        ("linger.ms", "60000"),
        ("delivery.timeout.ms", "120000"),
    ];
    let producer = producer(&broker.bootstrap(), &more);
    producer.partitions_for("t").expect("metadata");
    broker.cluster().lock().inject(Fault::Stall { api: ApiKey::Produce, carried_out: false }, 100);
    let large = vec![b'x'; 9_000];
    let send = || producer.send(ProducerRecord::to("t").partition(0).value(&large));
    for _ in 0..4 {
        drop(send().expect("there is room for four"));
    }
    let error = send().expect_err("the pool is full");
    assert!(matches!(error.kind(), SendErrorKind::BufferExhausted { .. }), "{error}");
    assert!(error.to_string().contains("buffer.memory"), "{error}");
    assert!(error.spent().memory >= Duration::from_millis(200), "{:?}", error.spent());
    assert_eq!(producer.close(Duration::ZERO).expect("closes").undelivered, 4);
}

#[test]
fn try_send_never_waits() {
    let broker = broker();
    let producer = producer(&broker.bootstrap(), &[]);
    let record = ProducerRecord::to("t").value("v");
    let refused = producer.try_send(record.clone()).expect_err("no metadata yet");
    assert_eq!(refused.kind(), &SendErrorKind::WouldBlock);
    producer.partitions_for("t").expect("metadata");
    producer.try_send(record).expect("accepted now").wait().expect("written");
}

#[test]
fn a_callback_may_try_send_but_what_would_wait_there_says_so() {
    let broker = broker();
    let producer = producer(&broker.bootstrap(), &[("linger.ms", "0")]);
    producer.partitions_for("t").expect("metadata");
    let (tell, told) = mpsc::channel();
    let inner = producer.clone();
    let callback = move |_| {
        let next = inner.try_send(ProducerRecord::to("t").partition(0).value("from the callback"));
        let other = inner.send(ProducerRecord::to("never seen").value("v")).map(drop);
        let closed = inner.close(LONG).map(drop);
        let _ = tell.send((next, other, inner.flush(), closed));
    };
    producer.send_with(ProducerRecord::to("t").partition(0).value("first"), callback).expect("accepted");
    let (next, other, flushed, closed) = told.recv_timeout(LONG).expect("the callback ran");
    next.expect("accepted").wait().expect("written");
    assert_eq!(other.expect_err("it would wait").kind(), &SendErrorKind::WouldDeadlock);
    assert!(flushed.is_err() && closed.is_err());
    assert_eq!(values(&broker, "t", 0), ["first", "from the callback"]);
}

#[test]
fn a_panicking_callback_harms_only_itself() {
    let broker = broker();
    let producer = producer(&broker.bootstrap(), &[]);
    let (tell, told) = mpsc::channel();
    for number in 0..3 {
        let tell = tell.clone();
        let callback = move |_| {
            assert_ne!(number, 1, "this one panics on purpose");
            let _ = tell.send(number);
        };
        producer.send_with(ProducerRecord::to("t").partition(0).value("v"), callback).expect("accepted");
    }
    drop(tell);
    producer.flush().expect("flushes");
    assert_eq!(told.iter().collect::<Vec<_>>(), [0, 2]);
    producer.send(ProducerRecord::to("t").value("v")).expect("still good").wait().expect("written");
}

#[test]
fn flush_sends_what_lingers_and_returns_when_it_is_settled() {
    // CL1
    let broker = broker();
    let producer =
        producer(&broker.bootstrap(), &[("linger.ms", "60000"), ("delivery.timeout.ms", "120000")]);
    let deliveries = send_numbered(&producer, 0, 10);
    assert!(deliveries[9].try_result().is_none());
    producer.flush().expect("flushes");
    assert!(deliveries.iter().all(|delivery| delivery.try_result().is_some_and(|result| result.is_ok())));
}

#[test]
fn close_finishes_what_was_accepted_and_refuses_what_comes_later() {
    // CL3, CL8
    let broker = broker();
    let producer =
        producer(&broker.bootstrap(), &[("linger.ms", "60000"), ("delivery.timeout.ms", "120000")]);
    let deliveries = send_numbered(&producer, 0, 1_000);
    assert_eq!(producer.close(LONG).expect("closes").undelivered, 0);
    assert!(deliveries.into_iter().all(|delivery| delivery.wait().is_ok()));
    let error = producer.send(ProducerRecord::to("t").value("late")).expect_err("closed");
    assert_eq!(error.kind(), &SendErrorKind::Closed);
    assert_eq!(producer.close(LONG).expect("twice is fine").undelivered, 0);
}

#[test]
fn a_forced_close_fails_what_is_left_and_counts_it() {
    // CL4
    let broker = broker();
    let producer =
        producer(&broker.bootstrap(), &[("linger.ms", "60000"), ("delivery.timeout.ms", "120000")]);
    producer.partitions_for("t").expect("metadata");
    let deliveries = send_numbered(&producer, 0, 10);
    assert_eq!(producer.close(Duration::ZERO).expect("closes").undelivered, 10);
    for delivery in deliveries {
        let error = delivery.wait().expect_err("cut off");
        assert!(matches!(error.kind(), FailureKind::Closed), "{error}");
        assert_eq!(error.certainty(), Certainty::NotWritten);
    }
}

#[test]
fn close_releases_a_send_that_waits() {
    // CL7
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port");
    let producer = producer(&closed.to_string(), &[]);
    let waiting = producer.clone();
    let sender = std::thread::spawn(move || waiting.send(ProducerRecord::to("t").value("v")).map(drop));
    while producer.close(Duration::ZERO).is_err() {}
    let error = sender.join().expect("no panic").expect_err("closed");
    assert_eq!(error.kind(), &SendErrorKind::Closed);
}

#[test]
fn dropping_the_last_handle_still_delivers_what_was_accepted() {
    // CL12
    let broker = broker();
    let producer =
        producer(&broker.bootstrap(), &[("linger.ms", "60000"), ("delivery.timeout.ms", "120000")]);
    let deliveries = send_numbered(&producer, 0, 1_000);
    drop(producer);
    deliveries.into_iter().for_each(|delivery| drop(delivery.wait().expect("written")));
    assert_eq!(values(&broker, "t", 0), numbered(0, 1_000));
}

#[test]
fn the_pool_is_whole_again_when_everything_is_settled() {
    let broker = broker();
    for codec in ["none", "lz4"] {
        let built =
            kp_producer::Producer::builder(config(&broker.bootstrap(), &[("compression.type", codec)]));
        let producer = built.build().expect("built");
        let before = producer.buffer_available_bytes();
        let blocking = Producer::from(producer.clone());
        drop(send_numbered(&blocking, 0, 20_000));
        blocking.flush().expect("flushes");
        // The network lets go of the last bytes right after it has read the answer.
        let start = std::time::Instant::now();
        while producer.buffer_available_bytes() != before && start.elapsed() < LONG {
            std::thread::yield_now();
        }
        assert_eq!(producer.buffer_available_bytes(), before, "{codec}");
        blocking.close(LONG).map(drop).expect("closes");
    }
}

#[test]
fn a_throttled_producer_goes_on_after_the_pause() {
    // NC20
    let broker = broker();
    let producer = producer(&broker.bootstrap(), &[("linger.ms", "0")]);
    producer.partitions_for("t").expect("metadata");
    broker.cluster().lock().inject(Fault::Throttle { api: ApiKey::Produce, throttle_time_ms: 50 }, 2);
    send_numbered(&producer, 0, 20).into_iter().for_each(|delivery| drop(delivery.wait().expect("written")));
    let start = std::time::Instant::now();
    send_numbered(&producer, 20, 40).into_iter().for_each(|delivery| drop(delivery.wait().expect("written")));
    assert_eq!(values(&broker, "t", 0), numbered(0, 40), "after {:?}", start.elapsed());
}

#[test]
fn an_older_kafka_is_spoken_to_in_its_own_versions() {
    for version in ["3.9", "4.3"] {
        let kafka_version = version.parse().expect("a version the double knows");
        let broker =
            EmbeddedBroker::start(EmbeddedOptions::new().with_kafka_version(kafka_version)).expect("a port");
        let producer = producer(&broker.bootstrap(), &[]);
        send_numbered(&producer, 0, 100)
            .into_iter()
            .for_each(|delivery| drop(delivery.wait().expect("written")));
        assert_eq!(values(&broker, "t", 0), numbered(0, 100), "{version}");
    }
}
