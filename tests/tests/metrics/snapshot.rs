//! `Producer::metrics`: Java's names, and true values.

use crate::stage::Stage;
use kp_producer::{MetricValue, ProducerMetrics, ProducerRecord, SendErrorKind};
use kp_protocol::{ApiKey, BrokerId, ErrorCode};
use kp_sim::Fault;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

const MS: fn(u64) -> Duration = Duration::from_millis;

/// What Java's producer has of totals and gauges, and the distributions behind its `-avg` and `-max`.
const JAVA: &[&str] = &[
    "batch-size",
    "batch-split-total",
    "buffer-available-bytes",
    "buffer-exhausted-total",
    "buffer-total-bytes",
    "bufferpool-wait-time-ns-total",
    "compression-rate",
    "connection-close-total",
    "connection-count",
    "connection-creation-total",
    "failed-authentication-total",
    "failed-reauthentication-total",
    "flush-time-ns-total",
    "incoming-byte-total",
    "io-time-ns-total",
    "io-wait-time-ns-total",
    "metadata-age",
    "metadata-wait-time-ns-total",
    "network-io-total",
    "outgoing-byte-total",
    "produce-throttle-time",
    "reauthentication-latency-max",
    "record-error-total",
    "record-queue-time",
    "record-retry-total",
    "record-send-total",
    "record-size",
    "records-per-request",
    "request-latency",
    "request-size-max",
    "request-total",
    "requests-in-flight",
    "response-total",
    "select-total",
    "start-time-ms",
    "successful-authentication-total",
    "successful-reauthentication-total",
    "txn-abort-time-ns-total",
    "txn-begin-time-ns-total",
    "txn-commit-time-ns-total",
    "txn-init-time-ns-total",
    "txn-send-offsets-time-ns-total",
    "waiting-threads",
];
const JAVA_TOPIC: &[&str] =
    &["byte-total", "compression-rate", "record-error-total", "record-retry-total", "record-send-total"];
const JAVA_NODE: &[&str] = &[
    "incoming-byte-total",
    "outgoing-byte-total",
    "request-latency",
    "request-size-max",
    "request-total",
    "response-total",
];

fn counter(metrics: &ProducerMetrics, name: &str) -> u64 {
    metrics.counter(name).unwrap_or_else(|| panic!("{name} is a counter"))
}

fn gauge(metrics: &ProducerMetrics, name: &str) -> f64 {
    metrics.gauge(name).unwrap_or_else(|| panic!("{name} is a gauge"))
}

fn nanos(time: Duration) -> u64 {
    time.as_nanos() as u64
}

// ME1
#[test]
fn the_snapshot_has_every_name_of_java_with_its_value() {
    let mut stage = Stage::new(&[]);
    for _ in 0..3 {
        drop(stage.send("t"));
    }
    stage.flush();
    stage.pass(MS(150));
    let metrics = stage.metrics();
    for name in JAVA {
        assert!(metrics.get(name).is_some(), "{name}");
    }
    for name in JAVA_TOPIC {
        assert!(metrics.of_topic("t", name).is_some(), "{name}");
    }
    let leader = stage.network.with_cluster(|cluster| cluster.leader("t", 0));
    for name in JAVA_NODE {
        assert!(metrics.of_node(leader, name).is_some(), "{name} of broker {leader}");
    }
    assert_eq!(counter(&metrics, "record-send-total"), 3);
    assert_eq!(counter(&metrics, "record-acknowledged-total"), 3);
    assert_eq!((counter(&metrics, "record-error-total"), counter(&metrics, "record-retry-total")), (0, 0));
    assert_eq!(metrics.of_topic("t", "record-send-total"), Some(MetricValue::Counter(3)));
    assert_eq!(gauge(&metrics, "buffer-total-bytes"), 33_554_432.0);
    assert_eq!(gauge(&metrics, "buffer-available-bytes"), 33_554_432.0, "everything is settled");
    assert_eq!(gauge(&metrics, "requests-in-flight"), 0.0);
    let requests = metrics.histogram("records-per-request").expect("a distribution");
    assert_eq!((requests.count, requests.sum, requests.max), (1, 3.0, 3.0));
    let latency = metrics.histogram("request-latency").expect("a distribution");
    assert!(latency.count == 1 && (0.2..10.0).contains(&latency.mean()), "in milliseconds: {latency:?}");
    assert_eq!(metrics.of_node(leader, "request-latency"), Some(MetricValue::Histogram(latency)));
    assert_eq!(counter(&metrics, "request-total"), counter(&metrics, "response-total"));
    let open = counter(&metrics, "connection-creation-total") - counter(&metrics, "connection-close-total");
    assert!(open > 0 && gauge(&metrics, "connection-count") == open as f64, "{open}");
    let line = metrics.iter().find(|metric| metric.topic().is_some()).expect("there is one").to_string();
    assert_eq!(line, "record-send-total{client_id=c,topic=t} 3");
}

// ME2
#[test]
fn topics_appear_with_the_first_record_sent_and_brokers_when_they_are_connected() {
    let mut stage = Stage::new(&[("linger.ms", "1000")]);
    let about = |stage: &Stage| {
        let metrics = stage.metrics();
        let topics: Vec<String> = metrics.iter().filter_map(|m| m.topic().map(str::to_owned)).collect();
        let nodes: Vec<i32> = metrics.iter().filter_map(|metric| metric.node()).collect();
        (topics.contains(&"t".to_owned()), topics.contains(&"other".to_owned()), nodes)
    };
    assert_eq!(about(&stage), (false, false, vec![]), "nothing is connected yet");
    let producer = stage.producer.clone();
    stage.drive(producer.partitions_for("t")).expect("metadata");
    stage.pass(MS(150));
    let (t, other, nodes) = about(&stage);
    assert!(!t && !other && nodes.iter().all(|id| *id < 0) && !nodes.is_empty(), "{nodes:?}");
    drop(stage.send("t"));
    assert!(!about(&stage).0, "it lingers: nothing is sent yet");
    stage.flush();
    stage.pass(MS(150));
    let leader = stage.network.with_cluster(|cluster| cluster.leader("t", 0));
    let (t, other, nodes) = about(&stage);
    assert!(t && !other && nodes.contains(&leader), "{nodes:?}");
    let label = stage.metrics().iter().find(|m| m.node() == Some(leader)).map(|m| m.labels().collect());
    let expected: Vec<(&str, String)> =
        vec![("client_id", "c".into()), ("node_id", format!("node-{leader}"))];
    assert_eq!(label, Some(expected));
}

// ME3
#[test]
fn the_compression_rate_is_one_without_a_codec_and_less_with_one() {
    for (codec, is_one) in [("none", true), ("lz4", false)] {
        let mut stage = Stage::new(&[("compression.type", codec), ("linger.ms", "100")]);
        for _ in 0..100 {
            drop(stage.send("t"));
        }
        stage.flush();
        let metrics = stage.metrics();
        let batches = metrics.histogram("compression-rate").expect("a distribution");
        let topic =
            metrics.of_topic("t", "compression-rate").and_then(MetricValue::as_gauge).expect("a gauge");
        assert_eq!((batches.mean() == 1.0, topic == 1.0), (is_one, is_one), "{codec}: {batches:?}, {topic}");
        assert!(topic > 0.0 && topic <= 1.0 && batches.max <= 1.0, "{codec}: {batches:?}, {topic}");
    }
}

// ME4
#[test]
fn the_time_of_a_flush_is_counted_however_it_ends() {
    let mut stage =
        Stage::new(&[("delivery.timeout.ms", "3000"), ("request.timeout.ms", "1000"), ("linger.ms", "0")]);
    let total = |stage: &Stage| counter(&stage.metrics(), "flush-time-ns-total");
    drop(stage.send("t"));
    let begun = stage.now();
    stage.flush();
    let mut expected = stage.now() - begun;
    assert!(expected > Duration::ZERO);
    assert_eq!(total(&stage), nanos(expected), "one that succeeds");

    // No broker answers: the record fails, and the flush takes until then.
    stage.inject(Fault::Stall { api: ApiKey::Produce, carried_out: false }, u32::MAX);
    let delivery = stage.send("t");
    let begun = stage.now();
    stage.flush();
    assert!(delivery.try_result().expect("ended").is_err());
    assert!(stage.now() - begun > MS(2500), "{:?}", stage.now() - begun);
    expected += stage.now() - begun;
    assert_eq!(total(&stage), nanos(expected), "one whose records fail");

    drop(stage.send("t"));
    let (begun, producer) = (stage.now(), stage.producer.clone());
    {
        let mut flush = pin!(producer.flush());
        assert!(flush.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        stage.pass(MS(200));
    }
    expected += stage.now() - begun;
    assert_eq!(total(&stage), nanos(expected), "one that is dropped on the way");

    let (begun, producer) = (stage.now(), stage.producer.clone());
    let mut flush = Box::pin(producer.flush());
    assert!(flush.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    stage.pass(MS(300));
    stage.stepper = None;
    assert!(
        flush.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready(),
        "no host turns it any more"
    );
    drop(flush);
    expected += stage.now() - begun;
    assert_eq!(total(&stage), nanos(expected), "one that the end of the producer ends");
}

// ME4
#[test]
fn the_time_that_calls_wait_for_metadata_is_counted_also_in_vain() {
    let mut stage = Stage::new(&[("max.block.ms", "700")]);
    let total = |stage: &Stage| counter(&stage.metrics(), "metadata-wait-time-ns-total");
    let begun = stage.now();
    drop(stage.send("t"));
    let first = stage.now() - begun;
    assert!(first > Duration::ZERO);
    assert_eq!(total(&stage), nanos(first));
    drop(stage.send("t"));
    assert_eq!(total(&stage), nanos(first), "what is known costs no time");

    let producer = stage.producer.clone();
    let refused =
        stage.drive(producer.send(ProducerRecord::to("missing").value("v"))).expect_err("no such topic");
    assert!(matches!(refused.kind(), SendErrorKind::MetadataTimeout { .. }), "{refused}");
    assert!(total(&stage) >= nanos(first + MS(700)), "{}", total(&stage));
    assert_eq!(
        counter(&stage.metrics(), "record-error-total"),
        1,
        "what `send` refuses is an error of a record"
    );
}

#[test]
fn waits_for_memory_are_counted_and_so_are_those_in_vain() {
    let memory = [("buffer.memory", "32768"), ("max.block.ms", "500"), ("linger.ms", "0")];
    let mut stage = Stage::new(&memory);
    drop(stage.send("t"));
    stage.flush();
    stage.inject(Fault::Stall { api: ApiKey::Produce, carried_out: false }, u32::MAX);
    let large = vec![0u8; 15_000];
    let record = || ProducerRecord::to("t").partition(0).value(&large);
    let producer = stage.producer.clone();
    for _ in 0..2 {
        drop(stage.drive(producer.send(record())).expect("accepted"));
    }
    let begun = stage.now();
    let refused = {
        let mut send = pin!(producer.send(record()));
        assert!(send.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert_eq!(gauge(&stage.metrics(), "waiting-threads"), 1.0);
        stage.drive(send).expect_err("no memory")
    };
    assert!(matches!(refused.kind(), SendErrorKind::BufferExhausted { .. }), "{refused}");
    let metrics = stage.metrics();
    assert_eq!(gauge(&metrics, "waiting-threads"), 0.0);
    assert_eq!(counter(&metrics, "buffer-exhausted-total"), 1);
    assert_eq!(counter(&metrics, "bufferpool-wait-time-ns-total"), nanos(stage.now() - begun));
    assert_eq!(counter(&metrics, "record-error-total"), 1);
    assert!(producer.try_send(record()).is_err(), "it would have to wait");
    assert_eq!(
        counter(&stage.metrics(), "record-error-total"),
        1,
        "a record that would have to wait is no error"
    );
}

// ME5
#[test]
fn the_recording_level_filters_what_is_shown() {
    let shown = |level: Option<&str>| {
        let more: Vec<_> = level.map(|level| ("metrics.recording.level", level)).into_iter().collect();
        let mut stage = Stage::new(&more);
        drop(stage.send("t"));
        stage.flush();
        stage.metrics()
    };
    let (usual, info, debug, trace) =
        (shown(None), shown(Some("INFO")), shown(Some("DEBUG")), shown(Some("TRACE")));
    assert_eq!(usual.len(), info.len(), "INFO is the default");
    assert!(debug.len() > info.len() && trace.len() == debug.len());
    for (name, topic) in [("connection-attempt-total", None), ("uncompressed-byte-total", Some("t"))] {
        let find = |metrics: &ProducerMetrics| match topic {
            None => metrics.get(name),
            Some(topic) => metrics.of_topic(topic, name),
        };
        assert_eq!(find(&info), None, "{name}");
        assert!(find(&debug).is_some(), "{name}");
    }
    assert!(info.iter().all(|metric| debug.iter().any(|other| other.name() == metric.name())));
}

// SN20
#[test]
fn retries_and_errors_of_the_whole_producer_and_of_its_topics_are_in_records() {
    let mut stage = Stage::new(&[("linger.ms", "50"), ("retries", "1"), ("enable.idempotence", "false")]);
    stage.inject(Fault::RefuseBatch { partition: None, code: ErrorCode::NOT_ENOUGH_REPLICAS }, 2);
    let deliveries: Vec<_> = (0..4).map(|_| stage.send("t")).collect();
    stage.flush();
    assert!(deliveries.iter().all(|delivery| delivery.try_result().is_some_and(|result| result.is_err())));
    let metrics = stage.metrics();
    for (name, expected) in [("record-send-total", 8), ("record-retry-total", 4), ("record-error-total", 4)] {
        assert_eq!(counter(&metrics, name), expected, "{name}");
        assert_eq!(metrics.of_topic("t", name), Some(MetricValue::Counter(expected)), "{name}");
    }
    assert_eq!(counter(&metrics, "batch-split-total"), 0);
}

// SN18
#[test]
fn how_long_a_broker_throttles_is_in_the_snapshot_in_milliseconds() {
    let mut stage = Stage::new(&[("linger.ms", "0")]);
    drop(stage.send("t"));
    stage.flush();
    stage.inject(Fault::Throttle { api: ApiKey::Produce, throttle_time_ms: 250 }, 1);
    drop(stage.send("t"));
    stage.flush();
    let throttled = stage.metrics().histogram("produce-throttle-time").expect("a distribution");
    assert_eq!((throttled.count, throttled.sum, throttled.max), (2, 250.0, 250.0));
}

// MD27
#[test]
fn the_metadata_age_grows_until_metadata_is_had_again() {
    let mut stage = Stage::new(&[("metadata.max.age.ms", "20000")]);
    assert_eq!(stage.metrics().gauge("metadata-age"), None, "there was none yet");
    drop(stage.send("t"));
    stage.flush();
    stage.pass(Duration::from_secs(15));
    let age = gauge(&stage.metrics(), "metadata-age");
    assert!((14.0..16.0).contains(&age), "{age}");
    stage.pass(Duration::from_secs(10));
    let age = gauge(&stage.metrics(), "metadata-age");
    assert!((1.0..9.0).contains(&age), "{age}");
}

/// Reads the leader of a partition.
trait LeaderOf {
    fn leader(&self, topic: &str, partition: i32) -> i32;
}

impl LeaderOf for kp_sim::SimCluster {
    fn leader(&self, topic: &str, partition: i32) -> i32 {
        let at = kp_protocol::TopicPartition::new(topic, partition);
        let BrokerId(id) = self.partition(&at).expect("there").leader().expect("led");
        id
    }
}
