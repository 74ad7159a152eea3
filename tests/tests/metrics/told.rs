//! What the recorder of the `metrics` crate is told: the same values, seldom, and whatever the recorder does.

use crate::ledger::{Ledger, Value};
use crate::stage::Stage;
use kp_producer::metrics::{MetricKind, metric_infos};
use kp_producer::{MetricValue, ProducerConfig, ProducerRecord};
use kp_sim::tcp::{EmbeddedBroker, EmbeddedOptions};
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

fn stage(ledger: &Arc<Ledger>, more: &[(&str, &str)]) -> Stage {
    Stage::told_to(Arc::clone(ledger) as Arc<dyn Recorder>, more)
}

const C: &[(&str, &str)] = &[("client_id", "c")];

fn close_to(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-6 * b.abs().max(1.0)
}

// ME1
#[test]
fn a_recorder_is_told_what_the_snapshot_says_name_by_name() {
    let ledger = Arc::new(Ledger::default());
    let mut stage = stage(&ledger, &[("metrics.recording.level", "DEBUG"), ("linger.ms", "20")]);
    for round in 0..40 {
        drop(stage.send(if round % 3 == 0 { "other" } else { "t" }));
        stage.pass(Duration::from_millis(90));
    }
    stage.flush();
    stage.close();
    let (metrics, mut told) = (stage.metrics(), ledger.all());
    assert!(told.len() > 50, "{}", told.len());
    for metric in &metrics {
        let labels = metric.labels().map(|(name, value)| (name.to_owned(), value)).collect();
        let value = told.remove(&(metric.info().published.to_owned(), labels));
        let value = value.unwrap_or_else(|| panic!("{metric} was not told"));
        match (metric.value(), value) {
            (MetricValue::Counter(expected), Value::Counter(value)) => {
                assert_eq!(value, expected, "{metric}")
            }
            (MetricValue::Gauge(expected), Value::Gauge(value)) => assert_eq!(value, expected, "{metric}"),
            (MetricValue::Histogram(expected), Value::Histogram(count, sum)) => {
                assert!(count == expected.count && close_to(sum, expected.sum), "{metric}: {count}, {sum}");
            }
            (_, other) => panic!("{metric} was told as {other:?}"),
        }
    }
    // What has nothing to tell yet has its series all the same.
    told.retain(|(name, _), value| !(name.ends_with("latency_ms") && *value == Value::Histogram(0, 0.0)));
    assert_eq!(told, BTreeMap::new(), "nothing else");
    assert_eq!(ledger.get("kafka_producer_connection_count", C), Some(Value::Gauge(0.0)), "it is closed");
    let described = ledger.descriptions.lock().unwrap();
    for info in metric_infos() {
        assert_eq!(described[info.published].1, info.doc);
        let has_unit = described[info.published].0.is_some();
        assert_eq!(
            has_unit,
            info.published != "kafka_producer_compression_rate"
                && !info.published.ends_with("topic_compression_rate")
        );
    }
}

// ME1
#[test]
fn handles_are_asked_for_once_and_told_once_a_second_at_most_whatever_is_sent() {
    let ledger = Arc::new(Ledger::default());
    let mut stage = stage(&ledger, &[("linger.ms", "0")]);
    let begun = stage.now();
    for _ in 0..500 {
        drop(stage.send("t"));
        stage.pass(Duration::from_millis(10));
    }
    let seconds = (stage.now() - begun).as_secs_f64();
    assert!((5.0..20.0).contains(&seconds), "{seconds}");
    let most = seconds.ceil() as usize + 1;
    let infos: BTreeMap<&str, MetricKind> = metric_infos().map(|info| (info.published, info.kind)).collect();
    let tellings = ledger.tellings();
    for ((name, _), times) in &tellings {
        // A distribution is told bucket by bucket.
        let each = if infos[name.as_str()] == MetricKind::Histogram { 30 } else { 1 };
        assert!(*times <= most * each, "{name} was told {times} times in {seconds} s");
    }
    let sent =
        &tellings[&("kafka_producer_record_send_total".to_owned(), vec![("client_id".into(), "c".into())])];
    assert!(*sent + 2 >= seconds as usize, "it is told again and again: {sent} times in {seconds} s");
    assert_eq!(ledger.registrations.load(SeqCst), tellings.len(), "each once");

    stage.flush();
    stage.pass(Duration::from_secs(2));
    assert_eq!(
        ledger.get("kafka_producer_record_send_total", C),
        Some(Value::Counter(500)),
        "the last of a burst are told too"
    );
    let quiet = ledger.tellings();
    stage.pass(Duration::from_secs(20));
    assert_eq!(ledger.tellings(), quiet, "who has nothing to do tells nothing");
}

// ME5
#[test]
fn a_recorder_is_told_what_the_recording_level_shows() {
    let told_at = |level: &str| {
        let ledger = Arc::new(Ledger::default());
        let mut stage = stage(&ledger, &[("metrics.recording.level", level)]);
        drop(stage.send("t"));
        stage.close();
        let told = ledger.all();
        told.into_keys().map(|(name, _)| name).collect::<Vec<_>>()
    };
    let (info, debug) = (told_at("INFO"), told_at("DEBUG"));
    let attempts = "kafka_producer_connection_attempt_total".to_owned();
    assert!(!info.contains(&attempts) && debug.contains(&attempts));
    assert!(info.len() < debug.len() && info.iter().all(|name| debug.contains(name)));
}

#[test]
fn a_recorder_that_comes_later_gets_the_counters_in_full() {
    let mut stage = Stage::new(&[("linger.ms", "0")]);
    for _ in 0..3 {
        drop(stage.send("t"));
    }
    stage.flush();
    stage.pass(Duration::from_secs(3));
    let ledger = Arc::new(Ledger::default());
    stage.recorder = Some(Arc::clone(&ledger) as Arc<dyn Recorder>);
    drop(stage.send("t"));
    stage.flush();
    stage.pass(Duration::from_secs(2));
    assert_eq!(ledger.get("kafka_producer_record_send_total", C), Some(Value::Counter(4)));
    let batches = ledger.get("kafka_producer_batch_size_bytes", C);
    assert!(matches!(batches, Some(Value::Histogram(1, _))), "distributions begin with it: {batches:?}");
}

#[test]
fn the_network_thread_wakes_up_to_tell_the_last_of_a_burst() {
    let ledger = Arc::new(Ledger::default());
    let mut stage = stage(&ledger, &[("linger.ms", "0")]);
    drop(stage.send("t"));
    stage.flush();
    let flushed = stage.now();
    let is_laid_out = |stage: &Stage| {
        let metrics = stage.metrics();
        metrics.gauge("requests-in-flight") == Some(0.0) && metrics.counter("response-total") > Some(3)
    };
    let is_told = |ledger: &Ledger| {
        ledger.get("kafka_producer_record_acknowledged_total", C) == Some(Value::Counter(1))
    };
    // What a turn writes before it sleeps is seen behind a short one.
    let sleep = |stage: &mut Stage| {
        stage.turn_within(Duration::from_secs(60));
        stage.turn();
    };
    while !is_laid_out(&stage) {
        assert!(!is_told(&ledger), "that comes later");
        sleep(&mut stage);
    }
    assert!(stage.now() - flushed <= Duration::from_millis(110), "{:?}", stage.now() - flushed);
    while !is_told(&ledger) {
        sleep(&mut stage);
    }
    assert!(stage.now() - flushed <= Duration::from_millis(1010), "{:?}", stage.now() - flushed);
}

#[test]
fn two_producers_of_one_name_add_up() {
    let ledger = Arc::new(Ledger::default());
    for sent in 1..=2 {
        let mut stage = stage(&ledger, &[]);
        for _ in 0..sent {
            drop(stage.send("t"));
        }
        stage.close();
    }
    assert_eq!(ledger.get("kafka_producer_record_send_total", C), Some(Value::Counter(3)));
}

// ME1
#[test]
fn the_last_values_of_a_closed_producer_are_with_the_global_recorder() {
    let ledger = Arc::new(Ledger::default());
    metrics::set_global_recorder(Arc::clone(&ledger)).expect("the only one in this program");
    let broker = EmbeddedBroker::start(EmbeddedOptions::default()).expect("a free port");
    let mut config = ProducerConfig::default().bootstrap_servers(broker.bootstrap());
    config.set("client.id", "over-tcp").expect("a name");
    let producer = kp_producer::blocking::Producer::new(config).expect("it is built");
    for _ in 0..10 {
        drop(producer.send(ProducerRecord::to("t").value("v")).expect("accepted"));
    }
    assert_eq!(producer.close(Duration::from_secs(30)).expect("not in a callback").undelivered, 0);
    let told = |name: &str| ledger.get(name, &[("client_id", "over-tcp")]);
    assert_eq!(told("kafka_producer_record_acknowledged_total"), Some(Value::Counter(10)));
    assert_eq!(told("kafka_producer_connection_count"), Some(Value::Gauge(0.0)));
    let incoming = producer.metrics().counter("incoming-byte-total").expect("a counter");
    assert!(incoming > 100, "{incoming}");
    assert_eq!(told("kafka_producer_incoming_byte_total"), Some(Value::Counter(incoming)));
}

struct Panicking;

impl Recorder for Panicking {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        panic!("no more room")
    }
    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }
    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

#[test]
fn a_recorder_that_panics_harms_no_record() {
    let mut stage = Stage::told_to(Arc::new(Panicking), &[]);
    let delivery = stage.send("t");
    stage.flush();
    assert!(delivery.try_result().expect("ended").is_ok());
    let notices = stage.producer.notices();
    assert!(notices.iter().any(|notice| notice.contains("recorder of metrics panicked")), "{notices:?}");
    assert_eq!(stage.metrics().counter("record-send-total"), Some(1), "the snapshot does without");
}
