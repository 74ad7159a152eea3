//! The caller over the simulated network, in virtual time.

use std::task::Waker;

use kp_network::{NetworkClient, NetworkSnapshot, NodeCounters, Refused};
use kp_protocol::ApiKey;
use kp_protocol::api::{MetadataRequest, MetadataResponse};
use kp_sim::{ClusterSettings, Fault, KafkaVersion, SimClock, SimCluster, SimNetwork, Weather};

use super::*;
use crate::reader::metadata;

const PORT: u16 = 9092;

fn simulated(network: &SimNetwork, clock: &SimClock, fallback: Option<OldKafka>) -> BlockingCaller {
    let shared: Arc<dyn Clock> = Arc::new(clock.clone());
    let client = NetworkClient::over(network.selectable(), settings(fallback), Arc::clone(&shared));
    BlockingCaller::over(Box::new(client), shared)
}

impl BlockingCaller {
    /// A caller over a simulated network.
    pub(in crate::reader) fn simulated(network: &SimNetwork, clock: &SimClock) -> Self {
        simulated(network, clock, None)
    }
}

struct Stage {
    caller: BlockingCaller,
    network: SimNetwork,
    clock: SimClock,
}

impl Stage {
    fn new() -> Self {
        Self::with(KafkaVersion::default(), None)
    }

    fn with(kafka_version: KafkaVersion, fallback: Option<OldKafka>) -> Self {
        let clock = SimClock::new();
        let cluster = SimCluster::new(ClusterSettings { kafka_version, ..ClusterSettings::default() });
        let network = SimNetwork::new(clock.clone(), cluster, Weather::FINE, 1);
        Self { caller: simulated(&network, &clock, fallback), network, clock }
    }

    fn inject(&self, fault: Fault) {
        self.network.with_cluster(|cluster| cluster.inject(fault, 1));
    }

    fn connect(&mut self) -> Result<Connection, ReaderError> {
        self.caller.connect("broker-1", PORT)
    }

    fn refusal(&mut self) -> ReaderError {
        self.connect().expect_err("there is nothing to connect to")
    }

    fn metadata(&mut self, connection: &Connection) -> Result<MetadataResponse, ReaderError> {
        metadata(&mut self.caller, connection, None)
    }

    fn tried(&self) -> u64 {
        self.caller.client.snapshot().totals.connections_tried
    }

    fn asked(&self, api: ApiKey) -> u64 {
        self.network.with_cluster(|cluster| cluster.requests(api))
    }
}

fn stall(api: ApiKey) -> Fault {
    Fault::Stall { api, carried_out: false }
}

fn close(api: ApiKey) -> Fault {
    Fault::Close { api, carried_out: false }
}

#[test]
fn a_listener_that_says_nothing_is_told_with_its_address_and_the_time() {
    let mut stage = Stage::new();
    stage.inject(stall(ApiKey::ApiVersions));
    let error = stage.refusal();
    assert_eq!(error.to_string(), "broker-1:9092: ApiVersions: no answer within 10 s");
    assert!(error.is_passing());
    assert_eq!(stage.clock.elapsed().as_secs(), 10);
}

#[test]
fn all_addresses_of_a_name_are_tried_without_a_wait_and_then_no_more() {
    let mut stage = Stage::new();
    stage.network.set_weather(Weather { dead_address: 1.0, ..Weather::FINE });
    let connection = stage.connect().unwrap();
    assert_eq!((connection.address(), stage.tried()), ("broker-1:9092", 2));
    assert!(stage.clock.elapsed() < Duration::from_millis(20), "{:?}", stage.clock.elapsed());

    let mut stage = Stage::new();
    stage.network.crash(BrokerId(1));
    assert_eq!(stage.refusal().to_string(), "broker-1:9092: connection refused");
    assert_eq!(stage.tried(), 2);
}

#[test]
fn a_name_without_an_address_and_addresses_that_swallow_are_told_apart() {
    let mut stage = Stage::new();
    let error = stage.caller.connect("nowhere", PORT).unwrap_err();
    assert_eq!(error.to_string(), "nowhere:9092: no such host (simulated)");
    stage.network.set_weather(Weather { swallowed: 1.0, ..Weather::FINE });
    let error = stage.refusal();
    assert_eq!(error.to_string(), "broker-1:9092: connection timed out");
    assert_eq!(stage.clock.elapsed().as_secs(), 20, "each of two addresses has its ten seconds");
}

#[test]
fn a_listener_that_closes_is_told_with_what_it_may_be() {
    let mut stage = Stage::new();
    stage.inject(close(ApiKey::ApiVersions));
    let expected = "broker-1:9092: ApiVersions: closed without an answer: a TLS or SASL listener?";
    assert_eq!(stage.refusal().to_string(), expected);
}

#[test]
fn a_listener_that_closes_on_all_but_api_versions_tells_its_versions_all_the_same() {
    let mut stage = Stage::new();
    // The probe behind the first ApiVersions.
    stage.inject(close(ApiKey::Metadata));
    let connection = stage.connect().unwrap();
    assert_eq!(stage.asked(ApiKey::ApiVersions), 2);
    stage.inject(close(ApiKey::Metadata));
    let expected = "broker-1:9092: Metadata: closed without an answer: a TLS or SASL listener?";
    assert_eq!(stage.metadata(&connection).unwrap_err().to_string(), expected);
}

#[test]
fn a_broker_that_does_not_answer_is_given_up_and_connected_anew() {
    let mut stage = Stage::new();
    let connection = stage.connect().unwrap();
    stage.inject(stall(ApiKey::Metadata));
    let error = stage.metadata(&connection).unwrap_err();
    assert_eq!(error.to_string(), "broker-1:9092: Metadata: no answer within 10 s");
    assert_eq!(stage.clock.elapsed().as_secs(), 10);
    let error = stage.metadata(&connection).unwrap_err();
    assert_eq!(error.to_string(), "broker-1:9092: Metadata: the connection has ended");
    assert!(error.is_passing());
    let connection = stage.connect().unwrap();
    assert_eq!(stage.metadata(&connection).unwrap().brokers.len(), 1);
}

#[test]
fn a_connection_is_used_again_and_made_anew_after_the_broker_has_closed_it() {
    let mut stage = Stage::new();
    let first = stage.connect().unwrap();
    assert_eq!((stage.connect().unwrap().number, stage.tried()), (first.number, 1));
    stage.network.cut(BrokerId(1));
    stage.network.settle_down();
    let second = stage.connect().unwrap();
    assert!(second.number != first.number);
    assert_eq!(stage.metadata(&second).unwrap().brokers.len(), 1);
}

#[test]
fn ctrl_c_ends_each_wait_at_its_next_look() {
    let mut stage = Stage::new();
    let connection = stage.connect().unwrap();
    stage.caller.is_interrupted = || true;
    let begun = stage.clock.elapsed();
    stage.inject(stall(ApiKey::Metadata));
    assert!(matches!(stage.metadata(&connection), Err(ReaderError::Interrupted)));
    stage.network.set_weather(Weather { swallowed: 1.0, ..Weather::FINE });
    assert!(matches!(stage.caller.connect("broker-1", PORT + 1), Err(ReaderError::Interrupted)));
    assert!(matches!(stage.caller.rest(Duration::from_secs(60)), Err(ReaderError::Interrupted)));
    assert!(stage.clock.elapsed() - begun <= LOOK_EVERY * 3);
}

#[test]
fn an_old_cluster_is_found_out_or_taken_at_its_word() {
    let mut stage = Stage::with(KafkaVersion::V0_9, None);
    let connection = stage.connect().unwrap();
    assert_eq!(stage.caller.taken_for(), Some(OldKafka::V0_9_0));
    assert_eq!(stage.metadata(&connection).unwrap().brokers.len(), 1);

    let mut stage = Stage::with(KafkaVersion::V0_9, Some(OldKafka::V0_9_0));
    let connection = stage.connect().unwrap();
    assert_eq!((stage.caller.taken_for(), stage.asked(ApiKey::ApiVersions)), (None, 0));
    assert_eq!(stage.metadata(&connection).unwrap().brokers.len(), 1);
}

/// A network on which an answer takes a minute, a byte with each turn.
struct Dripping {
    clock: SimClock,
    sent: Option<u64>,
    bytes_read: u64,
}

impl KafkaClient for Dripping {
    fn set_brokers(&mut self, _now: Instant, _brokers: &[BrokerAddress]) {}

    fn readiness(&mut self, _now: Instant, _broker: BrokerId) -> Readiness {
        Readiness::Ready { connection: ConnectionNumber(1), versions: Arc::default() }
    }

    fn least_loaded(&mut self, _now: Instant) -> Option<BrokerId> {
        None
    }

    fn send(&mut self, _now: Instant, request: ClientRequest) -> Result<(), Refused> {
        self.sent = Some(request.token);
        Ok(())
    }

    fn throttle(&mut self, _broker: BrokerId, _until: Instant) {}

    fn disconnect(&mut self, _now: Instant, _broker: BrokerId, reason: &str) {
        panic!("disconnected: {reason}");
    }

    fn poll(&mut self, until: Option<Instant>, events: &mut Vec<Event>) {
        self.clock.advance_to(until.expect("every wait has an end"));
        self.bytes_read += 1;
        if self.clock.elapsed() >= Duration::from_secs(60)
            && let Some(token) = self.sent.take()
        {
            events.push(Event::Answered { token, body: Bytes::from_static(&[0; 12]) });
        }
    }

    fn waker(&self) -> Waker {
        Waker::noop().clone()
    }

    fn snapshot(&self) -> NetworkSnapshot {
        let node = NodeCounters { bytes_read: self.bytes_read, ..NodeCounters::default() };
        NetworkSnapshot { nodes: vec![(BrokerId(0), node)], ..NetworkSnapshot::default() }
    }

    fn close(&mut self, _within: Duration) {}
}

#[test]
fn a_slow_answer_is_awaited_as_long_as_bytes_come() {
    let clock = SimClock::new();
    let client = Dripping { clock: clock.clone(), sent: None, bytes_read: 0 };
    let mut caller = BlockingCaller::over(Box::new(client), Arc::new(clock.clone()));
    let connection = caller.connect("h", 1).unwrap();
    let answer = caller.call(&connection, 1, &MetadataRequest::default());
    assert!(answer.is_ok(), "{answer:?}");
    assert_eq!(clock.elapsed().as_secs(), 60);
}
