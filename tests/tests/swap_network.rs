//! The whole facade on another network: on a client that a test scripts itself, and on kp-sim's mock broker; and that the
//! tree without default features has no runtime and no socket in it.

use std::collections::VecDeque;
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use kp_network::{ClientRequest, ConnectionNumber, Event, KafkaClient, Readiness, Refused};
use kp_producer::blocking::Producer as BlockingProducer;
use kp_producer::{FailureKind, Producer, ProducerConfig, ProducerRecord};
use kp_protocol::api::{
    MetadataRequest, MetadataResponse, MetadataResponseBroker, MetadataResponsePartition,
    MetadataResponseTopic, PartitionProduceResponse, ProduceRequest, ProduceResponse, TopicProduceResponse,
};
use kp_protocol::{
    ApiKey, BrokerAddress, BrokerId, BrokerVersions, ErrorCode, Message, VersionRange, encode_body,
};
use kp_sim::{MockBroker, MockClient};

const LONG: Duration = Duration::from_secs(30);

/// A network of one broker in thirty lines: it speaks one version of two APIs, and acknowledges everything.
#[derive(Default)]
struct Script {
    waiting: VecDeque<Event>,
    next_offset: i64,
    bell: Arc<Bell>,
}

#[derive(Default)]
struct Bell {
    rung: Mutex<bool>,
    changed: Condvar,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        *self.rung.lock().expect("no thread panics with it") = true;
        self.changed.notify_all();
    }
}

impl Script {
    fn metadata(request: &MetadataRequest) -> MetadataResponse {
        let broker =
            MetadataResponseBroker { node_id: 7, host: "nowhere".into(), port: 1, ..Default::default() };
        let topics = request.topics.iter().flatten().map(|topic| MetadataResponseTopic {
            name: topic.name.clone(),
            partitions: vec![MetadataResponsePartition { leader_id: 7, ..Default::default() }],
            ..Default::default()
        });
        MetadataResponse { brokers: vec![broker], topics: topics.collect(), ..Default::default() }
    }

    fn produce(&mut self, request: &ProduceRequest) -> ProduceResponse {
        let topics = request.topic_data.iter().map(|topic| TopicProduceResponse {
            name: topic.name.clone(),
            partition_responses: vec![PartitionProduceResponse {
                base_offset: self.next_offset,
                ..Default::default()
            }],
            ..Default::default()
        });
        let response = ProduceResponse { responses: topics.collect(), ..Default::default() };
        self.next_offset += 100;
        response
    }
}

impl KafkaClient for Script {
    fn set_brokers(&mut self, _now: Instant, _brokers: &[BrokerAddress]) {}

    fn readiness(&mut self, _now: Instant, _broker: BrokerId) -> Readiness {
        let versions =
            [(ApiKey::Metadata, VersionRange::new(8, 8)), (ApiKey::Produce, VersionRange::new(8, 8))];
        Readiness::Ready {
            connection: ConnectionNumber(1),
            versions: Arc::new(BrokerVersions::fixed(versions)),
        }
    }

    fn least_loaded(&mut self, _now: Instant) -> Option<BrokerId> {
        Some(BrokerId(-1))
    }

    fn send(&mut self, _now: Instant, request: ClientRequest) -> Result<(), Refused> {
        let (body, version) = (Bytes::from(request.body.concat()), request.version);
        let answer = match request.api_key {
            ApiKey::Metadata => {
                let request = MetadataRequest::parse(&body, version).expect("kp wrote it");
                encode_body(version, &Self::metadata(&request))
            }
            _ => {
                let request = ProduceRequest::parse(&body, version).expect("kp wrote it");
                encode_body(version, &self.produce(&request))
            }
        };
        let body = answer.expect("it fits").concat().into();
        self.waiting.push_back(Event::Answered { token: request.token, body });
        Ok(())
    }

    fn throttle(&mut self, _broker: BrokerId, _until: Instant) {}

    fn disconnect(&mut self, _now: Instant, _broker: BrokerId, _reason: &str) {}

    #[expect(clippy::disallowed_methods, reason = "a network that waits for the system's clock")]
    fn poll(&mut self, until: Option<Instant>, events: &mut Vec<Event>) {
        let left = until.map_or(LONG, |until| until.saturating_duration_since(Instant::now()));
        let mut rung = self.bell.rung.lock().expect("no thread panics with it");
        if self.waiting.is_empty() {
            rung = self.bell.changed.wait_timeout_while(rung, left, |rung| !*rung).expect("as above").0;
        }
        *rung = false;
        events.extend(self.waiting.drain(..));
    }

    fn waker(&self) -> Waker {
        Waker::from(Arc::clone(&self.bell))
    }

    fn close(&mut self, _within: Duration) {}
}

fn config(more: &[(&str, &str)]) -> ProducerConfig {
    let mut config = ProducerConfig::default().bootstrap_servers("nowhere.invalid:1");
    for (key, value) in [("linger.ms", "0")].iter().chain(more) {
        config.set(key, *value).expect("the test's configuration is good");
    }
    config
}

fn on(client: impl KafkaClient + 'static, more: &[(&str, &str)]) -> BlockingProducer {
    BlockingProducer::from(Producer::builder(config(more)).client(client).build().expect("it is built"))
}

fn mock(client: MockClient) -> BlockingProducer {
    on(client, &[])
}

#[test]
fn the_facade_runs_on_a_client_that_is_a_script() {
    let producer = on(Script::default(), &[("enable.idempotence", "false")]);
    for sent in 0..3 {
        let delivery = producer.send(ProducerRecord::to("t").value("v")).expect("accepted");
        let metadata = delivery.wait().expect("the script acknowledges");
        assert_eq!((metadata.partition().0, metadata.offset()), (0, Some(sent * 100)));
    }
    assert_eq!(producer.close(LONG).expect("not in a callback").undelivered, 0);
}

#[test]
fn what_the_network_advises_is_kept_once_for_all_who_ask() {
    let mut script = Script::default();
    let found = Event::OldCluster {
        broker: BrokerId(-1),
        address: "nowhere:1".into(),
        taken_for: kp_network::OldKafka::V0_9_0,
    };
    script.waiting.extend([found.clone(), found]);
    let producer = on(script, &[("enable.idempotence", "false")]);
    producer.send(ProducerRecord::to("t").value("v")).expect("accepted").wait().expect("acknowledged");
    let notices = producer.notices();
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert!(notices[0].contains("nowhere:1"), "{notices:?}");
    assert!(notices[0].contains("broker.version.fallback=0.9.0"), "{notices:?}");
}

// FA15
#[test]
fn a_mock_broker_that_is_automatic_acknowledges_and_remembers_every_record() {
    let broker = MockBroker::automatic();
    broker.create_topic("orders", 3).expect("new");
    let producer = mock(broker.client());
    let record =
        ProducerRecord::to("orders").partition(2).key("k").value("v").header("h", b"1").timestamp_ms(5);
    let metadata = producer.send(record).expect("accepted").wait().expect("acknowledged");
    assert_eq!((metadata.partition().0, metadata.offset(), metadata.timestamp_ms()), (2, Some(0), 5));
    producer.send(ProducerRecord::to("orders").partition(2)).expect("accepted").wait().expect("acknowledged");
    let history = broker.history("orders");
    assert_eq!(history.len(), 2);
    assert_eq!((history[0].partition, history[0].offset, history[0].timestamp_ms), (2, 0, 5));
    assert_eq!((history[0].key.as_deref(), history[0].value.as_deref()), (Some(&b"k"[..]), Some(&b"v"[..])));
    assert_eq!(history[0].headers, [("h".to_owned(), Some(b"1".to_vec()))]);
    assert_eq!((history[1].offset, &history[1].key, &history[1].value), (1, &None, &None), "a tombstone");
}

// FA15
#[test]
fn a_mock_broker_that_is_manual_ends_each_request_as_the_test_says() {
    let broker = MockBroker::manual();
    let producer = mock(broker.client());
    let first = producer.send(ProducerRecord::to("t").value("1")).expect("accepted");
    assert!(broker.complete_next(LONG), "the request came");
    assert_eq!(first.wait().expect("acknowledged").offset(), Some(0));
    let second = producer.send(ProducerRecord::to("t").value("2")).expect("accepted");
    assert!(broker.fail_next(ErrorCode::TOPIC_AUTHORIZATION_FAILED, LONG));
    let error = second.wait().expect_err("refused");
    assert!(matches!(error.kind(), FailureKind::Refused(ErrorCode::TOPIC_AUTHORIZATION_FAILED)), "{error}");
    assert_eq!(broker.history("t").len(), 1, "nothing of it is kept");
    assert!(!broker.complete_next(Duration::ZERO), "nothing is held");
}

// MD26
#[test]
fn the_cluster_id_is_known_once_metadata_is() {
    let broker = MockBroker::automatic();
    let producer = Producer::builder(config(&[])).client(broker.client()).build().expect("it is built");
    let blocking = BlockingProducer::from(producer.clone());
    blocking.partitions_for("t").expect("metadata");
    assert_eq!(producer.cluster_id().as_deref(), Some(kp_sim::CLUSTER_ID));
}

// FA15
#[test]
fn a_retriable_error_of_a_mock_broker_is_tried_again() {
    let broker = MockBroker::manual();
    let producer = mock(broker.client());
    let delivery = producer.send(ProducerRecord::to("t").value("v")).expect("accepted");
    assert!(broker.fail_next(ErrorCode::NOT_ENOUGH_REPLICAS, LONG));
    assert!(delivery.try_result().is_none(), "not the end");
    assert!(broker.complete_next(LONG), "it came again");
    assert_eq!(delivery.wait().expect("acknowledged").offset(), Some(0));
}

#[test]
fn without_default_features_there_is_neither_runtime_nor_socket_in_the_tree() {
    for (package, others) in
        [("kp-producer", ["kp-network", "kp-sender"]), ("kp-sim", ["kp-network", "kp-protocol"])]
    {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["tree", "--offline", "--package", package, "--no-default-features", "-e", "normal"]);
        let output = cargo.args(["--prefix", "none", "--format", "{p}"]).output().expect("cargo runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let tree = String::from_utf8_lossy(&output.stdout);
        let names: Vec<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
        assert!(others.iter().all(|other| names.contains(other)), "a whole tree: {names:?}");
        for runtime in ["tokio", "mio", "socket2", "rustls", "async-std", "smol"] {
            assert!(!names.contains(&runtime), "{package} has {runtime} in its tree");
        }
    }
}
