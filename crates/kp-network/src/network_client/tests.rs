//! The client over a script: no socket, no clock but the test's. One file per question; this one has the stage.

mod counting;
mod in_flight;
mod life;
mod login_question;
mod naming;
mod old_brokers;
mod other_listeners;
mod plain_question;
mod reached;
mod sasl;
mod timeouts;
mod tls;
mod versions;
mod whom_to_ask;

use super::NetworkClient;
use super::scripted::{Net, Scripted};
use crate::known_cluster::{ClusterAge, KnownCluster};
use crate::{
    ClientRequest, ConnectionNumber, DisconnectReason, Event, KafkaClient, NetworkSettings, Reached,
    Readiness, SecurityNotice, WaitReason, Written,
};
use bytes::Bytes;
use kp_protocol::api::{ApiVersion, ApiVersionsResponse};
use kp_protocol::{
    ApiKey, BrokerAddress, BrokerId, ErrorCode, FrameReader, ReceivedHeader, decode_request_header,
    encode_response,
};
use kp_time::{Backoff, Clock, ManualClock};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

const A: BrokerId = BrokerId(1);
const B: BrokerId = BrokerId(2);
const MS: fn(u64) -> Duration = Duration::from_millis;

/// A client over a script, its clock, and what it wrote and said.
struct Stage {
    client: NetworkClient<Scripted>,
    net: Net,
    clock: ManualClock,
    /// What it said to people; the events of a poll are without it.
    notices: Vec<SecurityNotice>,
}

fn settings() -> NetworkSettings {
    NetworkSettings {
        client_id: Some("test".to_owned()),
        // Constant waits; the tests of growth and jitter bring their own.
        reconnect_backoff: Backoff::new(MS(100), MS(100)),
        setup_timeout: Backoff::new(MS(10_000), MS(10_000)),
        seed: 7,
        ..NetworkSettings::default()
    }
}

fn broker(id: BrokerId, host: &str) -> BrokerAddress {
    BrokerAddress { id, host: host.into(), port: 9092, rack: None }
}

/// Brokers 1 and 2 under addresses that need no look-up.
fn two_brokers() -> Vec<BrokerAddress> {
    vec![broker(A, "10.0.0.1"), broker(B, "10.0.0.2")]
}

impl Stage {
    fn new() -> Self {
        Self::with(settings())
    }

    /// In a cluster that is known to answer ApiVersions. Tests of finding that out use [`Stage::unknown`].
    fn with(settings: NetworkSettings) -> Self {
        let mut stage = Self::unknown(settings);
        stage.client.known = KnownCluster::of(ClusterAge::AnswersApiVersions);
        stage
    }

    /// Before anything is known of the cluster.
    fn unknown(settings: NetworkSettings) -> Self {
        let (clock, net) = (ManualClock::new(), Net::default());
        let scripted = Scripted::new(clock.clone(), net.clone());
        let mut client = NetworkClient::over(scripted, settings, Arc::new(clock.clone()));
        client.set_brokers(clock.now(), &two_brokers());
        Self { client, net, clock, notices: Vec::new() }
    }

    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn readiness(&mut self, id: BrokerId) -> Readiness {
        self.client.readiness(self.clock.now(), id)
    }

    fn why(&mut self, id: BrokerId) -> Option<WaitReason> {
        match self.readiness(id) {
            Readiness::Ready { .. } => None,
            Readiness::Wait { why, .. } => Some(why),
            other => panic!("{other:?}"),
        }
    }

    /// One turn without waiting.
    fn turn(&mut self) -> Vec<Event> {
        let now = self.now();
        self.poll(Some(now))
    }

    fn poll(&mut self, until: Option<Instant>) -> Vec<Event> {
        let mut events = Vec::new();
        self.client.poll(until, &mut events);
        for event in events.extract_if(.., |event| matches!(event, Event::SecurityNoticed { .. })) {
            assert!(event.advice().is_some_and(|words| words.starts_with("broker 1 at 10.0.0.1:9092 ")));
            self.notices.extend(match event {
                Event::SecurityNoticed { notice, .. } => Some(notice),
                _ => None,
            });
        }
        events
    }

    /// Begins an attempt; answers its number and where it leads.
    fn attempt(&mut self, id: BrokerId) -> (ConnectionNumber, SocketAddr) {
        assert_eq!(self.why(id), Some(WaitReason::Connecting));
        assert!(self.turn().is_empty());
        self.net.attempts().pop().expect("an attempt was begun")
    }

    /// A socket that is connected and has the client's ApiVersions request.
    fn accepted(&mut self, id: BrokerId) -> ConnectionNumber {
        let (number, _) = self.attempt(id);
        self.net.accept(number);
        assert!(self.turn().is_empty());
        number
    }

    fn ready(&mut self, id: BrokerId) -> ConnectionNumber {
        let number = self.accepted(id);
        let (header, _) = self.request(number);
        self.net.give(number, versions_answer(&header));
        let events = self.turn();
        assert!(
            matches!(events[..], [Event::Connected { broker, connection, .. }] if broker == id && connection == number)
        );
        number
    }

    /// The requests written since the last time.
    fn requests(&self, number: ConnectionNumber) -> Vec<(ReceivedHeader, Bytes)> {
        let mut reader = FrameReader::default();
        reader.extend(&self.net.taken(number));
        let requests = std::iter::from_fn(|| reader.next_frame().unwrap());
        let requests = requests.map(|frame| decode_request_header(&frame).unwrap()).collect();
        assert_eq!(reader.buffered(), 0, "only whole requests");
        requests
    }

    fn request(&self, number: ConnectionNumber) -> (ReceivedHeader, Bytes) {
        let mut requests = self.requests(number);
        assert_eq!(requests.len(), 1);
        requests.remove(0)
    }

    fn send(&mut self, number: ConnectionNumber, id: BrokerId, token: u64) {
        self.client.send(self.clock.now(), request(token, id, number)).unwrap();
    }

    /// Answers request `header` with a body.
    fn answer(&self, number: ConnectionNumber, header: &ReceivedHeader, body: &[u8]) {
        self.net.give(number, response(header, body));
    }
}

/// A Metadata v1 request with an opaque body; the client does not look into it.
fn request(token: u64, broker: BrokerId, connection: ConnectionNumber) -> ClientRequest {
    ClientRequest {
        token,
        broker,
        connection,
        api_key: ApiKey::Metadata,
        version: 1,
        body: vec![Bytes::from_static(b"bo"), Bytes::new(), Bytes::from_static(b"dy")].into(),
        timeout: MS(30_000),
        expects_response: true,
    }
}

fn response(header: &ReceivedHeader, body: &[u8]) -> Vec<u8> {
    let mut frame = (4 + body.len() as i32).to_be_bytes().to_vec();
    frame.extend(header.correlation_id.to_be_bytes());
    frame.extend(body);
    frame
}

/// What a broker of today answers, more or less.
fn speaks() -> ApiVersionsResponse {
    let range = |key: ApiKey, min_version, max_version| ApiVersion {
        api_key: key.key(),
        min_version,
        max_version,
        ..Default::default()
    };
    ApiVersionsResponse {
        error_code: ErrorCode(0),
        api_keys: vec![
            range(ApiKey::Produce, 3, 13),
            range(ApiKey::Metadata, 0, 13),
            range(ApiKey::ApiVersions, 0, 4),
        ],
        ..ApiVersionsResponse::default()
    }
}

fn versions_answer(header: &ReceivedHeader) -> Vec<u8> {
    encode_response(header.version, header.correlation_id, &speaks()).unwrap().concat()
}

/// The only event, which must be a broken connection.
fn broken(events: &[Event]) -> (BrokerId, String, DisconnectReason) {
    match events {
        [Event::Disconnected { broker, address, reason, .. }] => {
            (*broker, address.to_string(), reason.clone())
        }
        other => panic!("{other:?}"),
    }
}

fn failed(events: &[Event]) -> Vec<(u64, Written)> {
    let failed = events.iter().filter_map(|event| match event {
        Event::Failed { token, written, .. } => Some((*token, *written)),
        _ => None,
    });
    failed.collect()
}

fn answered(events: &[Event]) -> Vec<(u64, Bytes)> {
    let answered = events.iter().filter_map(|event| match event {
        Event::Answered { token, body } => Some((*token, body.clone())),
        _ => None,
    });
    answered.collect()
}
