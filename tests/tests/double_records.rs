//! What a record is when it arrives, and which records are refused before anything is taken for them.

use kp_producer::blocking::Producer as BlockingProducer;
use kp_producer::{
    DeliveryError, FailureKind, Producer, ProducerConfig, ProducerInterceptor, ProducerRecord,
    RecordMetadata, SendErrorKind, SentRecord, SystemClock,
};
use kp_protocol::ErrorCode;
use kp_sim::MockBroker;
use kp_time::Clock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(30);

fn producer(broker: &MockBroker) -> BlockingProducer {
    let text = "bootstrap.servers=mock:9092\nlinger.ms=0\nmax.block.ms=30000";
    let config = ProducerConfig::from_properties_str(text).expect("the test's configuration is good");
    BlockingProducer::from(Producer::builder(config).client(broker.client()).build().expect("it is built"))
}

// FA16
#[test]
fn no_value_stays_null_and_an_empty_one_stays_empty() {
    let broker = MockBroker::automatic();
    let producer = producer(&broker);
    for record in [ProducerRecord::to("t"), ProducerRecord::to("t").key("").value("")] {
        producer.send(record).expect("accepted").wait().expect("acknowledged");
    }
    let history = broker.history("t");
    assert_eq!((&history[0].key, &history[0].value), (&None, &None));
    assert_eq!((&history[1].key, &history[1].value), (&Some(Vec::new()), &Some(Vec::new())));
}

// FA7
#[test]
fn a_record_without_a_time_gets_the_clocks_and_one_with_a_time_keeps_it() {
    let broker = MockBroker::automatic();
    let producer = producer(&broker);
    let before = SystemClock.timestamp_ms();
    for record in
        [ProducerRecord::to("t").value("now"), ProducerRecord::to("t").timestamp_ms(0).value("then")]
    {
        producer.send(record).expect("accepted").wait().expect("acknowledged");
    }
    let after = SystemClock.timestamp_ms();
    let history = broker.history("t");
    assert!((before..=after).contains(&history[0].timestamp_ms), "{}", history[0].timestamp_ms);
    assert_eq!(history[1].timestamp_ms, 0);
}

// FA7, PA1
#[test]
fn a_negative_time_a_negative_partition_and_an_empty_topic_are_refused_at_once() {
    let broker = MockBroker::automatic();
    let producer = producer(&broker);
    let wrong = [
        ProducerRecord::to("t").timestamp_ms(-1),
        ProducerRecord::to("t").partition(-1),
        ProducerRecord::to(""),
    ];
    for record in wrong {
        let error = producer.send(record.clone()).expect_err("it can never be sent");
        assert!(matches!(error.kind(), SendErrorKind::InvalidRecord(_)), "{record:?}: {error}");
        assert!(!error.is_retriable());
    }
    assert!(broker.history("t").is_empty());
}

// FA12
#[test]
fn the_partitions_of_a_topic_are_its_numbers_and_their_leaders() {
    let broker = MockBroker::automatic();
    broker.create_topic("t", 3).expect("new");
    let found = producer(&broker).partitions_for("t").expect("metadata");
    let found: Vec<_> = found.iter().map(|known| (known.partition.0, known.leader)).collect();
    assert_eq!(found, [(0, Some(1)), (1, Some(1)), (2, Some(1))]);
}

// FA5
#[test]
fn a_refused_record_names_its_topic_partition_and_the_brokers_code() {
    let broker = MockBroker::manual();
    broker.create_topic("secret", 2).expect("new");
    let producer = producer(&broker);
    let delivery = producer.send(ProducerRecord::to("secret").partition(1)).expect("accepted");
    assert!(broker.fail_next(ErrorCode::TOPIC_AUTHORIZATION_FAILED, LONG));
    let error = delivery.wait().expect_err("refused");
    assert_eq!(*error.kind(), FailureKind::Refused(ErrorCode::TOPIC_AUTHORIZATION_FAILED));
    assert_eq!((&*error.topic_partition().topic, error.topic_partition().partition.0), ("secret", 1));
    assert!(error.to_string().contains("secret"), "{error}");
}

// FA1, FA3, BB22, IN2
#[test]
fn the_listener_is_told_each_token_once_in_order_with_and_without_interceptors() {
    struct Looks(Arc<AtomicU64>);
    impl ProducerInterceptor for Looks {
        fn on_acknowledgement(&self, _: &SentRecord<'_>, result: Result<&RecordMetadata, &DeliveryError>) {
            assert!(result.is_ok());
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    for intercepted in [false, true] {
        let broker = MockBroker::automatic();
        let (told, seen) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicU64::new(0)));
        let log = Arc::clone(&told);
        let config = ProducerConfig::from_properties_str("bootstrap.servers=mock:9092").expect("it is good");
        let mut builder =
            BlockingProducer::builder(config).client(broker.client()).on_delivery(move |token, report| {
                log.lock().unwrap().push((
                    token,
                    report.topic().to_owned(),
                    report.partition().0,
                    report.offset(),
                    report.error(),
                ));
            });
        if intercepted {
            builder = builder.interceptor(Looks(Arc::clone(&seen)));
        }
        let producer = builder.build().expect("it is built");
        for token in 0..500 {
            producer
                .send_tagged(ProducerRecord::to("t").partition(0).value("v"), token * 3)
                .expect("accepted");
        }
        producer.flush().expect("it ends");
        let told = told.lock().unwrap();
        assert_eq!(told.len(), 500, "intercepted: {intercepted}");
        for (number, (token, topic, partition, offset, error)) in told.iter().enumerate() {
            assert_eq!((*token, topic.as_str(), *partition), (number as u64 * 3, "t", 0));
            assert_eq!((*offset, error.is_none()), (Some(number as i64), true));
        }
        assert_eq!(seen.load(Ordering::Relaxed), if intercepted { 500 } else { 0 });
    }
}

#[test]
fn a_token_without_a_listener_is_refused_and_a_failure_is_told_whole() {
    let broker = MockBroker::manual();
    let error = producer(&broker)
        .send_tagged(ProducerRecord::to("t").value("v"), 7)
        .expect_err("there is no listener");
    assert!(matches!(error.kind(), SendErrorKind::NoListener) && !error.is_retriable(), "{error}");
    let told = Arc::new(Mutex::new(None));
    let log = Arc::clone(&told);
    let config =
        ProducerConfig::from_properties_str("bootstrap.servers=mock:9092\nlinger.ms=0").expect("it is good");
    let producer = BlockingProducer::builder(config)
        .client(broker.client())
        .on_delivery(move |token, report| {
            *log.lock().unwrap() = Some((token, report.is_written(), report.offset(), report.error()));
        })
        .build()
        .expect("it is built");
    producer.send_tagged(ProducerRecord::to("t").value("v"), 7).expect("accepted");
    let closed = producer.close(Duration::ZERO).expect("it ends");
    assert_eq!(closed.undelivered, 1);
    let told = told.lock().unwrap().take();
    let Some((7, false, None, Some(error))) = told else { panic!("{told:?}") };
    assert_eq!(*error.kind(), FailureKind::Closed);
}
