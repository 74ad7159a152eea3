//! A scripted host for a sender core: a clock that is moved, a network that answers what the test says.

use bytes::Bytes;
use kp_accumulator::{Accumulator, AccumulatorSettings, Append, Appended, Completion, Outcome, Target};
use kp_client::{
    ClientRequest, ConnectionNumber, DisconnectReason, Event, Nodes, Readiness, Refused, WaitReason, Written,
};
use kp_memory::BufferPool;
use kp_metadata::{Cluster, Metadata, MetadataSettings};
use kp_protocol::api::{
    MetadataRequest, MetadataResponse, MetadataResponseBroker, MetadataResponsePartition,
    MetadataResponseTopic, NodeEndpoint, PartitionProduceResponse, ProduceRequest, ProduceResponse,
    TopicProduceResponse,
};
use kp_protocol::records::{MessageFormat, RecordRef};
use kp_protocol::{
    ApiKey, BrokerAddress, BrokerId, BrokerVersions, ErrorCode, KafkaString, LeaderEpoch, Message,
    PartitionId, Timestamp, TopicId, TopicName, TopicPartition, VersionRange, encode_body,
};
use kp_sender::{Input, Output, SenderCore, SenderSettings, TransactionOutput};
use kp_time::{Clock, Deadline, ManualClock};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(crate) const MS: fn(u64) -> Duration = Duration::from_millis;

/// What the network says about a broker.
#[derive(Clone)]
pub(crate) enum Mood {
    Ready,
    Wait(Option<Instant>),
    Failed(&'static str),
}

/// A topic as the cluster answers about it.
#[derive(Clone)]
pub(crate) struct FakeTopic {
    pub(crate) id: TopicId,
    pub(crate) error: ErrorCode,
    /// Leader and epoch of each partition.
    pub(crate) leaders: Vec<(i32, i32)>,
}

/// How a harness is made.
pub(crate) struct Plan {
    pub(crate) sender: SenderSettings,
    pub(crate) accumulator: AccumulatorSettings,
    pub(crate) metadata: MetadataSettings,
    pub(crate) brokers: i32,
    pub(crate) bootstrap: i32,
    pub(crate) seed: u64,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            sender: SenderSettings::default(),
            // Nothing lingers and each record fills a batch, so that tests say which batches there are.
            accumulator: AccumulatorSettings { batch_size: 1, linger: Duration::ZERO, ..Default::default() },
            metadata: MetadataSettings::default(),
            brokers: 2,
            bootstrap: 1,
            seed: 1,
        }
    }
}

pub(crate) struct Harness {
    pub(crate) clock: ManualClock,
    pub(crate) accumulator: Arc<Accumulator>,
    pub(crate) core: SenderCore,
    pool: Arc<BufferPool>,
    // The network's side.
    pub(crate) moods: BTreeMap<BrokerId, Mood>,
    pub(crate) versions: Arc<BrokerVersions>,
    pub(crate) connection: u64,
    pub(crate) listed: Vec<BrokerAddress>,
    pub(crate) least_loaded: Option<Option<BrokerId>>,
    pub(crate) refuses: bool,
    pub(crate) answers_metadata: bool,
    // The cluster's side.
    pub(crate) topics: BTreeMap<String, FakeTopic>,
    pub(crate) brokers: i32,
    // What came out.
    pub(crate) requests: Vec<ClientRequest>,
    pub(crate) asked: Vec<BrokerId>,
    pub(crate) settled: Vec<(TopicPartition, Outcome)>,
    pub(crate) clusters: Vec<Arc<Cluster>>,
    pub(crate) metadata_failures: Vec<Arc<str>>,
    pub(crate) security_failures: Vec<Arc<str>>,
    pub(crate) fatal: Vec<Arc<str>>,
    pub(crate) formats: Vec<(Option<MessageFormat>, Arc<str>)>,
    pub(crate) without_idempotence: Vec<Arc<str>>,
    pub(crate) unavailable: Vec<Arc<str>>,
    pub(crate) throttled: Vec<(BrokerId, Instant)>,
    pub(crate) disconnected: Vec<BrokerId>,
    pub(crate) transactions: Vec<TransactionOutput>,
    pub(crate) is_closed: bool,
}

/// The network's answers to a core that asks.
struct Script<'a> {
    moods: &'a BTreeMap<BrokerId, Mood>,
    versions: &'a Arc<BrokerVersions>,
    connection: u64,
    listed: &'a [BrokerAddress],
    least_loaded: Option<Option<BrokerId>>,
    asked: &'a mut Vec<BrokerId>,
}

impl Script<'_> {
    fn mood(&self, broker: BrokerId) -> Mood {
        self.moods.get(&broker).cloned().unwrap_or(Mood::Ready)
    }
}

impl Nodes for Script<'_> {
    fn readiness(&mut self, now: Instant, broker: BrokerId) -> Readiness {
        self.asked.push(broker);
        let wait = |until| Readiness::Wait { until, why: WaitReason::Connecting };
        match self.mood(broker) {
            Mood::Wait(Some(until)) if until > now => wait(Some(until)),
            Mood::Wait(None) => wait(None),
            Mood::Ready | Mood::Wait(Some(_)) => Readiness::Ready {
                connection: ConnectionNumber(self.connection),
                versions: Arc::clone(self.versions),
            },
            Mood::Failed(reason) => Readiness::Failed { reason: reason.into(), retry_at: None },
        }
    }

    fn least_loaded(&mut self, _now: Instant) -> Option<BrokerId> {
        let any = || self.listed.iter().find(|b| matches!(self.mood(b.id), Mood::Ready)).map(|b| b.id);
        self.least_loaded.unwrap_or_else(any)
    }
}

pub(crate) fn newest() -> BrokerVersions {
    BrokerVersions::fixed([
        (ApiKey::Produce, VersionRange::new(0, 13)),
        (ApiKey::Metadata, VersionRange::new(0, 13)),
        (ApiKey::InitProducerId, VersionRange::new(0, 5)),
    ])
}

pub(crate) fn up_to(produce: i16) -> BrokerVersions {
    BrokerVersions::fixed([
        (ApiKey::Produce, VersionRange::new(0, produce)),
        (ApiKey::Metadata, VersionRange::new(0, 13)),
    ])
}

impl Harness {
    pub(crate) fn new() -> Self {
        Self::with(Plan::default())
    }

    /// A running producer that knows topic "t" with these leaders, each in epoch 5, ids and all.
    pub(crate) fn knowing(plan: Plan, leaders: &[i32]) -> Self {
        let mut harness = Self::with(plan);
        harness.add_topic("t", leaders);
        harness.want("t");
        harness.run();
        harness.asked.clear();
        harness
    }

    pub(crate) fn with(plan: Plan) -> Self {
        let clock = ManualClock::new();
        let pool = BufferPool::new(1 << 22, 1024);
        let accumulator = Accumulator::new(plan.accumulator, Arc::clone(&pool));
        let bootstrap = (0..plan.bootstrap).map(|n| address(BrokerId(-n - 1))).collect();
        let metadata = Metadata::new(plan.metadata, bootstrap, clock.now(), plan.seed);
        let core = SenderCore::new(plan.sender, Arc::clone(&accumulator), metadata, clock.now(), plan.seed);
        Self {
            clock,
            accumulator,
            core,
            pool,
            moods: BTreeMap::new(),
            versions: Arc::new(newest()),
            connection: 1,
            listed: Vec::new(),
            least_loaded: None,
            refuses: false,
            answers_metadata: true,
            topics: BTreeMap::new(),
            brokers: plan.brokers,
            requests: Vec::new(),
            asked: Vec::new(),
            settled: Vec::new(),
            clusters: Vec::new(),
            metadata_failures: Vec::new(),
            security_failures: Vec::new(),
            fatal: Vec::new(),
            formats: Vec::new(),
            without_idempotence: Vec::new(),
            unavailable: Vec::new(),
            throttled: Vec::new(),
            disconnected: Vec::new(),
            transactions: Vec::new(),
            is_closed: false,
        }
    }

    pub(crate) fn now(&self) -> Instant {
        self.clock.now()
    }

    pub(crate) fn add_topic(&mut self, name: &str, leaders: &[i32]) {
        let id = TopicId([self.topics.len() as u8 + 1; 16]);
        let leaders = leaders.iter().map(|leader| (*leader, 5)).collect();
        self.topics.insert(name.into(), FakeTopic { id, error: ErrorCode::NONE, leaders });
    }

    pub(crate) fn want(&mut self, topic: &str) {
        self.input(Input::WantTopic(topic.into()));
    }

    /// Appends one record to a partition of "t".
    pub(crate) fn send(&mut self, partition: i32) -> Arc<Completion> {
        self.send_to("t", partition)
    }

    pub(crate) fn send_to(&mut self, topic: &str, partition: i32) -> Arc<Completion> {
        self.append(topic, partition, b"value").completion
    }

    pub(crate) fn append(&mut self, topic: &str, partition: i32, value: &[u8]) -> Appended {
        let name = TopicName::from(topic);
        let metadata = Arc::clone(self.cluster().topic(topic).expect("the topic is known"));
        let queues = self.accumulator.topic(&name, metadata.partitions().len());
        let record = RecordRef { timestamp: Timestamp(7), key: None, value: Some(value), headers: &[] };
        let (target, mut spare) = (Target::Partition(PartitionId(partition)), None);
        loop {
            let appended = self.accumulator.append(
                &queues,
                &metadata,
                target,
                &record,
                &mut None,
                &mut spare,
                &self.clock,
            );
            match appended.unwrap() {
                Append::Accepted(accepted) => return accepted,
                Append::NeedsBuffer(bytes) => spare = self.pool.try_allocate(bytes).unwrap(),
            }
        }
    }

    pub(crate) fn cluster(&self) -> &Arc<Cluster> {
        self.clusters.last().expect("metadata was had")
    }

    pub(crate) fn input(&mut self, input: Input) {
        self.core.handle_input(self.clock.now(), input);
    }

    /// The host's cycle: everything that comes out is carried out. Metadata is answered at once, if so set.
    pub(crate) fn run(&mut self) {
        for _ in 0..100 {
            self.run_once();
            let metadata = self.requests.iter().position(|request| request.api_key == ApiKey::Metadata);
            let Some(index) = metadata.filter(|_| self.answers_metadata) else { return };
            let request = self.requests.remove(index);
            let body = self.metadata_response(&request);
            self.input(Input::Network(Event::Answered { token: request.token, body }));
        }
        panic!("metadata is asked for again and again");
    }

    fn run_once(&mut self) {
        for _ in 0..10_000 {
            let now = self.clock.now();
            let mut script = Script {
                moods: &self.moods,
                versions: &self.versions,
                connection: self.connection,
                listed: &self.listed,
                least_loaded: self.least_loaded,
                asked: &mut self.asked,
            };
            let Some(output) = self.core.poll_output(now, &mut script) else { return };
            self.carry_out(output);
        }
        panic!("the core never comes to rest");
    }

    fn carry_out(&mut self, output: Output) {
        assert!(!self.is_closed, "nothing comes after Closed: {output:?}");
        match output {
            Output::SetBrokers(brokers) => self.listed = brokers,
            Output::Send(request) if self.refuses || request.connection.0 != self.connection => {
                let request = Box::new(request);
                self.input(Input::Refused(Refused { request, reason: "another connection".into() }));
            }
            Output::Send(request) => self.requests.push(request),
            Output::Throttle { broker, until } => self.throttled.push((broker, until)),
            Output::Disconnect { broker, .. } => self.disconnected.push(broker),
            Output::Settle(settlement) => {
                self.settled.push((settlement.topic_partition().clone(), settlement.outcome().clone()));
                settlement.run();
            }
            Output::ClusterChanged(cluster) => self.clusters.push(cluster),
            Output::RecordFormat { format, reason } => self.formats.push((format, reason)),
            Output::WithoutIdempotence { reason } => self.without_idempotence.push(reason),
            Output::IdempotenceUnavailable { reason } => self.unavailable.push(reason),
            Output::Fatal { reason } => {
                self.accumulator.close();
                self.fatal.push(reason);
            }
            Output::MetadataFailed { reason } => self.metadata_failures.push(reason),
            Output::SecurityFailed { address, .. } => self.security_failures.push(address),
            Output::Transaction(told) => self.transactions.push(told),
            Output::Closed => self.is_closed = true,
        }
    }

    fn metadata_response(&self, request: &ClientRequest) -> Bytes {
        let asked = MetadataRequest::parse(&Bytes::from(request.body.concat()), request.version).unwrap();
        let names = asked.topics.unwrap_or_default().into_iter().filter_map(|topic| topic.name);
        let unknown = FakeTopic {
            id: TopicId::ZERO,
            error: ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            leaders: Vec::new(),
        };
        let topics = names.map(|name| {
            let topic = self.topics.get(name.as_str()).unwrap_or(&unknown);
            let partitions =
                (0..).zip(&topic.leaders).map(|(index, (leader, epoch))| MetadataResponsePartition {
                    partition_index: index,
                    leader_id: *leader,
                    leader_epoch: *epoch,
                    ..Default::default()
                });
            MetadataResponseTopic {
                error_code: topic.error,
                topic_id: topic.id,
                partitions: partitions.collect(),
                name: Some(name),
                ..Default::default()
            }
        });
        let brokers = (1..=self.brokers).map(|id| {
            let BrokerAddress { host, port, .. } = address(BrokerId(id));
            MetadataResponseBroker {
                node_id: id,
                host: (&*host).into(),
                port: port.into(),
                rack: None,
                ..Default::default()
            }
        });
        let response =
            MetadataResponse { brokers: brokers.collect(), topics: topics.collect(), ..Default::default() };
        Bytes::from(encode_body(request.version, &response).unwrap().concat())
    }

    /// Moves time to `to`, waking the core whenever it wants to be woken.
    pub(crate) fn advance(&mut self, by: Duration) {
        let end = self.clock.now() + by;
        for _ in 0..10_000 {
            self.run();
            match self.core.poll_timeout() {
                Some(at) if at < end => {
                    assert!(at > self.clock.now(), "a wake in the past would spin");
                    self.clock.advance_to(at);
                }
                _ => {
                    self.clock.advance_to(end);
                    return self.run();
                }
            }
        }
        panic!("the core wakes up too often");
    }

    /// The Produce requests that are not answered.
    pub(crate) fn produces(&self) -> Vec<&ClientRequest> {
        self.requests.iter().filter(|request| request.api_key == ApiKey::Produce).collect()
    }

    /// Takes the oldest unanswered Produce request and what is in it.
    pub(crate) fn take_produce(&mut self) -> Taken {
        let index = self.requests.iter().position(|request| request.api_key == ApiKey::Produce);
        let request = self.requests.remove(index.expect("a Produce request is under way"));
        let parsed = ProduceRequest::parse(&Bytes::from(request.body.concat()), request.version).unwrap();
        Taken { request, parsed }
    }

    /// Answers a Produce request, partition by partition.
    pub(crate) fn answer(&mut self, taken: &Taken, answer: impl Fn(i32) -> PartitionProduceResponse) {
        self.answer_with(taken, Vec::new(), 0, answer);
    }

    pub(crate) fn answer_with(
        &mut self,
        taken: &Taken,
        node_endpoints: Vec<NodeEndpoint>,
        throttle_time_ms: i32,
        answer: impl Fn(i32) -> PartitionProduceResponse,
    ) {
        let topics = taken.parsed.topic_data.iter().map(|topic| TopicProduceResponse {
            name: topic.name.clone(),
            topic_id: topic.topic_id,
            partition_responses: topic
                .partition_data
                .iter()
                .map(|partition| PartitionProduceResponse {
                    index: partition.index,
                    ..answer(partition.index)
                })
                .collect(),
            ..Default::default()
        });
        let response = ProduceResponse {
            responses: topics.collect(),
            throttle_time_ms,
            node_endpoints,
            ..Default::default()
        };
        let body = Bytes::from(encode_body(taken.request.version, &response).unwrap().concat());
        self.input(Input::Network(Event::Answered { token: taken.request.token, body }));
        self.run();
    }

    pub(crate) fn acknowledge(&mut self, taken: &Taken) {
        self.answer(taken, |_| PartitionProduceResponse { base_offset: 40, ..Default::default() });
    }

    pub(crate) fn lose(&mut self, taken: &Taken, written: bool) {
        let written = if written { Written::Perhaps } else { Written::No };
        self.fail(taken.request.token, written, DisconnectReason::Lost("connection reset".into()));
        self.run();
    }

    pub(crate) fn event(&mut self, event: Event) {
        self.input(Input::Network(event));
    }

    pub(crate) fn fail(&mut self, token: u64, written: Written, reason: DisconnectReason) {
        self.event(Event::Failed { token, written, reason });
    }

    pub(crate) fn connected(&mut self, broker: BrokerId) {
        let (connection, versions) = (ConnectionNumber(self.connection), Arc::clone(&self.versions));
        self.event(Event::Connected { broker, connection, versions });
    }

    pub(crate) fn close(&mut self, within: Duration) {
        self.input(Input::Close { deadline: Deadline::after(self.now(), within, "close") });
        self.run();
    }
}

/// A Produce request that the network has, and its content.
pub(crate) struct Taken {
    pub(crate) request: ClientRequest,
    pub(crate) parsed: ProduceRequest,
}

impl Taken {
    pub(crate) fn partitions(&self) -> Vec<i32> {
        self.parsed.topic_data.iter().flat_map(|t| t.partition_data.iter().map(|p| p.index)).collect()
    }
}

pub(crate) fn address(id: BrokerId) -> BrokerAddress {
    let host = if id.is_bootstrap() { format!("boot{}", -id.0) } else { format!("host{}", id.0) };
    BrokerAddress { id, host: Arc::from(host), port: 9092, rack: None }
}

pub(crate) fn refused(code: ErrorCode) -> PartitionProduceResponse {
    PartitionProduceResponse { error_code: code, base_offset: -1, ..Default::default() }
}

pub(crate) fn moved(leader: i32, epoch: i32) -> PartitionProduceResponse {
    let mut answer = refused(ErrorCode::NOT_LEADER_OR_FOLLOWER);
    answer.current_leader.leader_id = leader;
    answer.current_leader.leader_epoch = LeaderEpoch(epoch).0;
    answer
}

pub(crate) fn endpoint(id: i32) -> NodeEndpoint {
    let BrokerAddress { host, port, .. } = address(BrokerId(id));
    NodeEndpoint {
        node_id: id,
        host: KafkaString::from(&*host),
        port: port.into(),
        rack: None,
        ..Default::default()
    }
}

/// The failure of a batch that has failed.
pub(crate) fn failure(completion: &Completion) -> Arc<kp_accumulator::BatchFailure> {
    match completion.outcome() {
        Some(Outcome::Failed(failure)) => Arc::clone(failure),
        other => panic!("not failed: {other:?}"),
    }
}

/// The offset of a batch that was written.
pub(crate) fn offset(completion: &Completion) -> Option<i64> {
    match completion.outcome() {
        Some(Outcome::Written { base_offset, .. }) => base_offset.map(|offset| offset.0),
        other => panic!("not written: {other:?}"),
    }
}
