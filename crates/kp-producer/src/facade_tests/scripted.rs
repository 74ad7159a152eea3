//! For tests: a network of one broker on a clock that it moves itself, for a producer that is turned by hand. Each answer
//! takes the time that the test says; a poll sleeps by moving the clock.

use crate::{Producer, ProducerBuilder, ProducerConfig, Stepper};
use bytes::Bytes;
use kp_network::{
    ClientRequest, ConnectionNumber, DisconnectReason, Event, KafkaClient, Reached, Readiness, Refused,
    WaitReason,
};
use kp_protocol::api::{
    InitProducerIdResponse, MetadataRequest, MetadataResponse, MetadataResponseBroker,
    MetadataResponsePartition, MetadataResponseTopic, PartitionProduceResponse, ProduceRequest,
    ProduceResponse, TopicProduceResponse,
};
use kp_protocol::{
    ApiKey, BrokerAddress, BrokerId, BrokerVersions, ErrorCode, Message, VersionRange, encode_body,
};
use kp_time::{Clock, ManualClock};
use parking_lot::Mutex;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

/// How long the broker takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) metadata: Duration,
    /// `None` = it never answers.
    pub(crate) produce: Option<Duration>,
    /// Its producer ids, if it gives some: how long that takes.
    pub(crate) producer_id: Option<Duration>,
    /// What it asks for with each answer to Produce (KIP-219).
    pub(crate) throttle_ms: i32,
    /// What it says to each batch.
    pub(crate) produce_error: ErrorCode,
    /// What it changes in each metadata answer.
    pub(crate) twist: Twist,
}

/// What a hostile broker does to a metadata answer.
pub(crate) type Twist = fn(&mut MetadataResponse);

/// What every attempt to connect ends with; `None` = it does not.
pub(crate) type Refusal = Arc<Mutex<Option<DisconnectReason>>>;

/// How long an attempt takes that is refused.
const REFUSED_AFTER: Duration = Duration::from_millis(300);

/// What the network says of the broker, for a test to change.
pub(crate) type Mood = Arc<Mutex<Option<Readiness>>>;

impl Pace {
    pub(crate) const QUICK: Self = Self { produce: Some(Duration::from_millis(10)), ..Self::SILENT };
    /// It describes the cluster and answers nothing else.
    pub(crate) const SILENT: Self = Self {
        metadata: Duration::from_millis(1),
        produce: None,
        producer_id: None,
        throttle_ms: 0,
        produce_error: ErrorCode::NONE,
        twist: |_| {},
    };
}

pub(crate) struct Scripted {
    clock: ManualClock,
    pace: Pace,
    events: Arc<Mutex<Vec<(Instant, Event)>>>,
    woken: Arc<Woken>,
    mood: Mood,
    refusal: Refusal,
    network: Arc<Woken>,
    metadata_requests: Arc<AtomicUsize>,
}

/// The application was woken and was not looked at since.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// A producer that is turned by hand, and the clock it lives by.
pub(crate) struct Rig {
    pub(crate) clock: ManualClock,
    pub(crate) producer: Producer,
    pub(crate) stepper: Stepper,
    /// What the network says of the broker; `None` = ready.
    pub(crate) mood: Mood,
    pub(crate) refusal: Refusal,
    woken: Arc<Woken>,
    network: Weak<Woken>,
    metadata_requests: Arc<AtomicUsize>,
}

impl Rig {
    pub(crate) fn new(pace: Pace, more: &[(&str, &str)]) -> Self {
        Self::with(pace, more, |builder| builder)
    }

    pub(crate) fn with(
        pace: Pace,
        more: &[(&str, &str)],
        change: impl FnOnce(ProducerBuilder) -> ProducerBuilder,
    ) -> Self {
        let clock = ManualClock::new();
        let mut config = ProducerConfig::default().bootstrap_servers("nowhere:1");
        if pace.producer_id.is_none() {
            config.set("enable.idempotence", "false").expect("a good value");
        }
        for (key, value) in more {
            config.set(key, *value).expect("a good value");
        }
        let woken = Arc::<Woken>::default();
        let client = Scripted {
            clock: clock.clone(),
            pace,
            events: Arc::default(),
            woken: Arc::clone(&woken),
            mood: Mood::default(),
            refusal: Refusal::default(),
            network: Arc::default(),
            metadata_requests: Arc::default(),
        };
        let metadata_requests = Arc::clone(&client.metadata_requests);
        let network = Arc::downgrade(&client.network);
        let (mood, refusal) = (Arc::clone(&client.mood), Arc::clone(&client.refusal));
        let builder = Producer::builder(config).client(client).clock(clock.clone()).seed(1);
        let (producer, stepper) = change(builder).build_stepped().expect("it is built");
        Self { clock, producer, stepper, mood, refusal, woken, network, metadata_requests }
    }

    /// The next poll lets no time pass.
    pub(crate) fn wake(&self) {
        Arc::clone(&self.woken).wake();
    }

    /// How often the broker was asked for metadata.
    pub(crate) fn metadata_requests(&self) -> usize {
        self.metadata_requests.load(Ordering::SeqCst)
    }

    /// Whether anything still holds the network, as a socket is held.
    pub(crate) fn holds_network(&self) -> bool {
        self.network.strong_count() > 0
    }

    /// Whether a call waits for memory or for metadata.
    pub(crate) fn is_awaited(&self) -> bool {
        let shared = self.producer.shared();
        shared.waits.pool().has_waiters() || shared.waits.metadata().next_deadline().is_some()
    }

    /// Turns the producer until the future is done; time passes where nothing else happens.
    pub(crate) fn run<F: Future>(&mut self, future: F) -> F::Output {
        let mut future = pin!(future);
        let waker = Waker::from(Arc::clone(&self.woken));
        let mut context = Context::from_waker(&waker);
        for _ in 0..10_000 {
            if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                return output;
            }
            self.stepper.turn();
        }
        panic!("it never ends");
    }
}

impl Scripted {
    /// An attempt is under way, and will end with this.
    fn will_refuse(&self, now: Instant, broker: BrokerId, reason: DisconnectReason) {
        let mut planned = self.events.lock();
        if !planned.iter().any(|(_, event)| matches!(event, Event::Disconnected { .. })) {
            let address = "nowhere:1".into();
            let end = Event::Disconnected { broker, address, reason, reached: Reached::Answer };
            planned.push((now + REFUSED_AFTER, end));
        }
    }

    fn answer(&self, request: &ClientRequest) -> Option<(Duration, Bytes)> {
        let body = Bytes::from(request.body.concat());
        let (after, answer) = match request.api_key {
            ApiKey::Metadata => {
                let asked = MetadataRequest::parse(&body, request.version).expect("kp wrote it");
                let topics = asked.topics.unwrap_or_default().into_iter().map(|topic| {
                    // Of the topic "half", two partitions have no leader.
                    let led =
                        if topic.name.as_ref().is_some_and(|name| name.as_str() == "half") { 2 } else { 4 };
                    let partition = |partition_index| MetadataResponsePartition {
                        partition_index,
                        leader_id: if partition_index < led { 1 } else { -1 },
                        ..Default::default()
                    };
                    if topic.name.as_ref().is_some_and(|name| name.as_str() == "forbidden") {
                        let error_code = ErrorCode::TOPIC_AUTHORIZATION_FAILED;
                        return MetadataResponseTopic { error_code, name: topic.name, ..Default::default() };
                    }
                    MetadataResponseTopic {
                        name: topic.name,
                        partitions: (0..4).map(partition).collect(),
                        ..Default::default()
                    }
                });
                let broker =
                    MetadataResponseBroker { node_id: 1, host: "here".into(), port: 1, ..Default::default() };
                let mut answer = MetadataResponse {
                    brokers: vec![broker],
                    topics: topics.collect(),
                    ..Default::default()
                };
                (self.pace.twist)(&mut answer);
                self.metadata_requests.fetch_add(1, Ordering::SeqCst);
                (self.pace.metadata, encode_body(request.version, &answer))
            }
            ApiKey::InitProducerId => {
                let answer =
                    InitProducerIdResponse { producer_id: 9, producer_epoch: 0, ..Default::default() };
                (self.pace.producer_id?, encode_body(request.version, &answer))
            }
            _ => {
                let asked = ProduceRequest::parse(&body, request.version).expect("kp wrote it");
                let responses = asked.topic_data.into_iter().map(|topic| TopicProduceResponse {
                    name: topic.name,
                    partition_responses: topic
                        .partition_data
                        .iter()
                        .map(|partition| PartitionProduceResponse {
                            index: partition.index,
                            error_code: self.pace.produce_error,
                            ..Default::default()
                        })
                        .collect(),
                    ..Default::default()
                });
                let answer = ProduceResponse {
                    responses: responses.collect(),
                    throttle_time_ms: self.pace.throttle_ms,
                    ..Default::default()
                };
                (self.pace.produce?, encode_body(request.version, &answer))
            }
        };
        Some((after, Bytes::from(answer.expect("it fits").concat())))
    }
}

impl KafkaClient for Scripted {
    fn set_brokers(&mut self, _now: Instant, _brokers: &[BrokerAddress]) {}

    fn readiness(&mut self, now: Instant, broker: BrokerId) -> Readiness {
        if let Some(mood) = &*self.mood.lock() {
            return mood.clone();
        }
        if let Some(reason) = self.refusal.lock().clone() {
            self.will_refuse(now, broker, reason);
            return Readiness::Wait { until: None, why: WaitReason::Authenticating };
        }
        let mut versions =
            vec![(ApiKey::Metadata, VersionRange::new(8, 8)), (ApiKey::Produce, VersionRange::new(8, 8))];
        if self.pace.producer_id.is_some() {
            versions.push((ApiKey::InitProducerId, VersionRange::new(0, 1)));
        }
        Readiness::Ready {
            connection: ConnectionNumber(1),
            versions: Arc::new(BrokerVersions::fixed(versions)),
        }
    }

    fn least_loaded(&mut self, _now: Instant) -> Option<BrokerId> {
        Some(BrokerId(-1))
    }

    fn send(&mut self, now: Instant, request: ClientRequest) -> Result<(), Refused> {
        if let Some((after, body)) = self.answer(&request) {
            self.events.lock().push((now + after, Event::Answered { token: request.token, body }));
        }
        Ok(())
    }

    fn throttle(&mut self, _broker: BrokerId, _until: Instant) {}

    fn disconnect(&mut self, _now: Instant, _broker: BrokerId, _reason: &str) {}

    fn poll(&mut self, until: Option<Instant>, events: &mut Vec<Event>) {
        let mut planned = self.events.lock();
        let first = planned.iter().map(|(at, _)| *at).min();
        // The network does not sleep while the application has something to do.
        let is_woken = self.woken.0.swap(false, Ordering::SeqCst);
        if let Some(at) = until.into_iter().chain(first).min().filter(|_| !is_woken) {
            self.clock.advance_to(at);
        }
        let now = self.clock.now();
        events.extend(planned.extract_if(.., |(at, _)| *at <= now).map(|(_, event)| event));
    }

    fn waker(&self) -> Waker {
        Waker::from(Arc::clone(&self.network))
    }

    fn close(&mut self, _within: Duration) {}
}
