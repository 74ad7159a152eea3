//! The ends and the edges of the facade over TCP: drop, forced close, panics, metadata that changes. Each test was red once.

#![allow(
    clippy::disallowed_methods,
    reason = "the facade runs on real threads here; waits are for events, not for time"
)]

use kp_producer::blocking::Producer;
use kp_producer::{Certainty, FailureKind, ProducerConfig, ProducerRecord, SendErrorKind};
use kp_protocol::{ApiKey, BrokerId, ErrorCode, TopicName, TopicPartition};
use kp_sim::tcp::{EmbeddedBroker, EmbeddedOptions};
use kp_sim::{Fault, TopicSettings};
use std::future::Future;
use std::net::TcpListener;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(60);

fn brokers(count: i32) -> EmbeddedBroker {
    let options = EmbeddedOptions::new().with_brokers(count as _).with_default_partitions(3);
    EmbeddedBroker::start(options).expect("free ports")
}

fn producer(bootstrap: &str, more: &[(&str, &str)]) -> Producer {
    let mut config = ProducerConfig::default().bootstrap_servers(bootstrap);
    for (key, value) in more {
        config.set(key, *value).expect("the test's configuration is good");
    }
    Producer::new(config).expect("the producer is built")
}

/// CL12: the compressing threads end with the driver, not with the last handle.
#[test]
fn dropping_the_last_handle_still_delivers_what_is_not_compressed_yet() {
    let broker = brokers(1);
    let more = [
        ("compression.type", "lz4"),
        ("linger.ms", "1000"),
        ("request.timeout.ms", "1000"),
        ("delivery.timeout.ms", "4000"),
    ];
    let producer = producer(&broker.bootstrap(), &more);
    let delivery = producer.send(ProducerRecord::to("t").partition(0).value("v")).expect("accepted");
    drop(producer);
    delivery.wait().expect("written");
}

/// AC25: a queue that expiry emptied stands in no list any more, so that what is appended next is announced again.
#[test]
fn a_record_behind_one_that_expired_expires_too_while_its_leader_is_away() {
    let broker = brokers(2);
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port");
    {
        let mut cluster = broker.cluster().lock();
        let settings =
            TopicSettings { partitions: 1, replication_factor: 2, ..TopicSettings::of(cluster.settings()) };
        cluster.create_topic("t", settings).expect("new");
        let at = TopicPartition::new("t", 0);
        if cluster.partition(&at).expect("there").leader() != Some(BrokerId(2)) {
            cluster.move_leader(&at, BrokerId(2)).expect("a replica");
        }
        cluster.advertise(BrokerId(2), "127.0.0.1", closed.port()).expect("known");
    }
    let bootstrap = broker.addresses().find(|(id, _)| *id == BrokerId(1)).expect("it runs").1.to_string();
    let timeouts = [("delivery.timeout.ms", "600"), ("request.timeout.ms", "300"), ("linger.ms", "0")];
    let producer = producer(&bootstrap, &timeouts);
    for round in 0..3 {
        let mut delivery = producer.send(ProducerRecord::to("t").partition(0).value("v")).expect("accepted");
        let outcome = delivery.wait_timeout(Duration::from_secs(6));
        let error =
            outcome.unwrap_or_else(|| panic!("round {round}: no outcome")).expect_err("no broker is there");
        assert!(matches!(error.kind(), FailureKind::Expired), "{error}");
    }
}

/// CL4: a core that forces its end waits for batches that workers have; each that comes back wakes it, muted or not.
#[test]
fn a_forced_close_ends_when_the_compressing_thread_is_done() {
    let broker = brokers(1);
    let more = [
        ("compression.type", "gzip"),
        ("compression.gzip.level", "9"),
        ("batch.size", "900000"),
        ("linger.ms", "0"),
    ];
    let producer = producer(&broker.bootstrap(), &more);
    producer.partitions_for("t").expect("metadata");
    broker.cluster().lock().inject(Fault::Stall { api: ApiKey::Produce, carried_out: false }, 100);
    drop(producer.send(ProducerRecord::to("t").partition(0).value("v")).expect("accepted"));
    while broker.cluster().lock().faults_left() == 100 {
        std::thread::yield_now();
    }
    let mut seed = 1u64;
    let mut large = vec![0u8; 800_000];
    large.fill_with(|| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        b"0123456789abcdef"[(seed >> 60) as usize]
    });
    for _ in 0..3 {
        drop(producer.send(ProducerRecord::to("t").partition(0).value(&large)).expect("accepted"));
    }
    let begun = Instant::now();
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || tell.send(producer.close(Duration::ZERO)));
    let closed = told.recv_timeout(Duration::from_secs(10));
    assert!(closed.is_ok(), "not closed after {:?}", begun.elapsed());
}

/// MD20: a send to a partition beyond the known count asks again until it is there.
#[test]
fn a_partition_that_was_added_is_found_by_a_send_that_names_it() {
    let broker = brokers(1);
    let usual = TopicSettings::of(broker.cluster().lock().settings());
    let topic = |count| TopicSettings { partitions: count, ..usual.clone() };
    broker.cluster().lock().create_topic("t", topic(1)).expect("new");
    let producer = producer(&broker.bootstrap(), &[("max.block.ms", "5000")]);
    assert_eq!(producer.partitions_for("t").expect("metadata").len(), 1);
    {
        let mut cluster = broker.cluster().lock();
        cluster.delete_topic("t").expect("there");
        cluster.create_topic("t", topic(3)).expect("new");
    }
    let delivery = producer.send(ProducerRecord::to("t").partition(2).value("v")).expect("found");
    delivery.wait().expect("written");
}

/// MD9: a refusal is answered at once from what is known, and asked about again for the next one.
#[test]
fn a_topic_that_was_forbidden_is_asked_about_again() {
    let broker = brokers(1);
    let name = TopicName::new("t");
    let fault = Fault::RefuseTopic { topic: name, code: ErrorCode::TOPIC_AUTHORIZATION_FAILED };
    broker.cluster().lock().inject(fault, 1);
    let producer = producer(&broker.bootstrap(), &[]);
    let send = || producer.send(ProducerRecord::to("t").partition(0).value("v"));
    let error = send().expect_err("forbidden");
    assert!(matches!(error.kind(), SendErrorKind::Topic(_)), "{error}");
    let begun = Instant::now();
    while let Err(error) = send() {
        assert!(begun.elapsed() < Duration::from_secs(5), "allowed for 5 s already: {error}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

struct Broken;

impl Wake for Broken {
    fn wake(self: Arc<Self>) {
        std::panic::resume_unwind(Box::new("a broken executor"));
    }
}

/// An application's executor may panic; a waiter for another record of the batch is woken all the same.
#[test]
fn a_waker_that_panics_leaves_the_others_woken() {
    let broker = brokers(1);
    let producer =
        producer(&broker.bootstrap(), &[("linger.ms", "60000"), ("delivery.timeout.ms", "120000")]);
    let send = || producer.send(ProducerRecord::to("t").partition(0).value("v")).expect("accepted");
    let (mut first, second) = (send(), send());
    let broken = Waker::from(Arc::new(Broken));
    assert!(Pin::new(&mut first).poll(&mut Context::from_waker(&broken)).is_pending());
    let (tell, told) = mpsc::channel();
    let waiting = std::thread::spawn(move || tell.send(second.wait().is_ok()));
    std::thread::sleep(Duration::from_millis(200));
    let flushing = producer.clone();
    std::thread::spawn(move || flushing.flush());
    assert_eq!(told.recv_timeout(Duration::from_secs(10)), Ok(true));
    let _ = waiting.join();
    let _ = producer.close(LONG);
}

/// CL1: what a flush waits for includes the callbacks, also when it begins while they run.
#[test]
fn flush_returns_after_the_callbacks_of_what_it_waits_for() {
    let broker = brokers(1);
    let producer = producer(&broker.bootstrap(), &[("linger.ms", "0")]);
    let (enter, entered) = mpsc::channel();
    let (finish, finished) = mpsc::channel();
    let callback = move |_| {
        let _ = enter.send(());
        std::thread::sleep(Duration::from_millis(500));
        let _ = finish.send(());
    };
    producer.send_with(ProducerRecord::to("t").partition(0).value("v"), callback).expect("accepted");
    entered.recv().expect("the callback runs");
    producer.flush().expect("not the network thread");
    assert_eq!(finished.try_recv(), Ok(()), "the callback is still running");
}

/// A clock that ends the network thread when told to.
struct Bomb(Arc<AtomicBool>);

impl kp_time::Clock for Bomb {
    fn now(&self) -> Instant {
        let is_network = std::thread::current().name().is_some_and(|name| name.contains("network-thread"));
        if is_network && self.0.load(Ordering::SeqCst) {
            std::panic::resume_unwind(Box::new("bomb"));
        }
        Instant::now()
    }

    fn timestamp_ms(&self) -> i64 {
        0
    }
}

/// After a panic of the network thread everything accepted has failed, and is counted so.
// CL9
#[test]
fn close_after_a_panic_of_the_network_thread_ends_and_does_not_call_it_a_success() {
    let broker = brokers(1);
    let armed = Arc::new(AtomicBool::new(false));
    let mut config = ProducerConfig::default().bootstrap_servers(broker.bootstrap());
    for (key, value) in [("linger.ms", "60000"), ("delivery.timeout.ms", "120000")] {
        config.set(key, value).expect("good");
    }
    let (builder, mut acks) = Producer::builder(config).clock(Bomb(Arc::clone(&armed))).acks(10);
    let producer: Producer = builder.build().expect("built");
    let record = || ProducerRecord::to("t").partition(0).value("v");
    let delivery = producer.send(record()).expect("accepted");
    producer.send_tagged(record(), 7).expect("accepted");
    armed.store(true, Ordering::SeqCst);
    let flushing = producer.clone();
    std::thread::spawn(move || flushing.flush());
    let error = delivery.wait().expect_err("the thread is gone");
    assert!(matches!(error.kind(), FailureKind::NetworkThreadGone), "{error}");
    let closed = producer.close(LONG).expect("not the network thread");
    assert_eq!((closed.undelivered, closed.perhaps_written, closed.panicked), (2, 2, true));
    assert_eq!(producer.failed_records(), 2);
    let again = producer.close(Duration::ZERO).expect("not the network thread");
    assert_eq!(again, closed, "the same, at once");
    let failed = acks.recv_blocking().expect("not the network thread").expect("its outcome");
    assert_eq!((failed.token(), failed.is_written()), (7, false));
    assert!(acks.recv_blocking().expect("not the network thread").is_none(), "no more will come");
}

/// MD24: brokers that never become ready take turns in being connected to; the time without an answer counts all the same.
#[test]
fn silent_brokers_are_given_up_for_the_bootstrap_list_after_the_trigger() {
    let broker = brokers(2);
    let silent: Vec<_> = (0..2).map(|_| TcpListener::bind("127.0.0.1:0").expect("a port")).collect();
    let bootstrap = broker.addresses().next().expect("it runs").1.to_string();
    for (id, socket) in (1..).zip(&silent) {
        let port = socket.local_addr().expect("bound").port();
        broker.cluster().lock().advertise(BrokerId(id), "127.0.0.1", port).expect("known");
    }
    let more = [
        ("metadata.max.age.ms", "300"),
        ("metadata.recovery.rebootstrap.trigger.ms", "1000"),
        ("socket.connection.setup.timeout.ms", "500"),
        ("socket.connection.setup.timeout.max.ms", "500"),
        // As by default, a failed attempt takes longer than the pause behind it (10 s and 1 s there).
        ("reconnect.backoff.max.ms", "50"),
    ];
    let producer = producer(&bootstrap, &more);
    producer.connect().expect("the bootstrap address answers");
    let asked = broker.cluster().lock().requests(ApiKey::Metadata);
    let begun = Instant::now();
    while broker.cluster().lock().requests(ApiKey::Metadata) == asked {
        assert!(begun.elapsed() < Duration::from_secs(8), "not asked again after {:?}", begun.elapsed());
        std::thread::sleep(Duration::from_millis(20));
    }
}

// CL9, ID2
#[test]
fn a_close_ends_although_the_cluster_forbids_producer_ids() {
    let broker = brokers(1);
    let refused = Fault::RefuseProducerId { code: ErrorCode::CLUSTER_AUTHORIZATION_FAILED };
    broker.cluster().lock().inject(refused, u32::MAX);
    let producer = producer(&broker.bootstrap(), &[("linger.ms", "0")]);
    let record = || ProducerRecord::to("t").partition(0).value("v");
    let error = producer.send(record()).expect("accepted").wait().expect_err("forbidden");
    assert_eq!(*error.kind(), FailureKind::Refused(ErrorCode::CLUSTER_AUTHORIZATION_FAILED), "{error}");
    let last = producer.send(record()).expect("accepted");
    let _ = producer.close(LONG).expect("not the network thread");
    assert!(last.try_result().expect("it has ended").is_err());
}

// SN14
#[test]
fn after_a_refusal_of_the_whole_producer_later_sends_fail_at_once_and_close_ends() {
    let broker = brokers(1);
    let producer = producer(&broker.bootstrap(), &[("linger.ms", "0")]);
    let record = || ProducerRecord::to("t").partition(0).value("v");
    producer.send(record()).expect("accepted").wait().expect("written");
    let refused = Fault::RefuseBatch { partition: None, code: ErrorCode::CLUSTER_AUTHORIZATION_FAILED };
    broker.cluster().lock().inject(refused, 1);
    let error = producer.send(record()).expect("accepted").wait().expect_err("forbidden");
    assert!(error.is_fatal() && error.certainty() == Certainty::NotWritten, "{error}");
    for error in [
        producer.send(record()).expect_err("it is over"),
        producer.try_send(record()).expect_err("it is over"),
        producer.partitions_for("other").expect_err("it is over"),
    ] {
        assert!(matches!(error.kind(), SendErrorKind::Fatal { .. }) && error.is_fatal(), "{error}");
        assert!(error.to_string().contains("CLUSTER_AUTHORIZATION_FAILED"), "{error}");
    }
    assert_eq!(producer.close(LONG).expect("not the network thread").undelivered, 0);
}
