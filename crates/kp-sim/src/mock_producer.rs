//! A stand-in for the brokers behind a real producer, for an application's own tests: what Java's `MockProducer` is for.
//! Owns: one broker of a [`SimCluster`], and the Produce requests that wait for the test's word. No thread, no socket;
//! the producer's network thread waits here, on a condition.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use kp_network::{
    ClientRequest, ConnectionNumber, DisconnectReason, Event, KafkaClient, Reached, Readiness, Refused,
    WaitReason, Written,
};
use kp_protocol::api::ProduceRequest;
use kp_protocol::{
    ApiKey, BrokerAddress, BrokerId, BrokerVersions, ErrorCode, Message, decode_response_header, request_head,
};

use crate::mock_script::{MockCommit, Script};
use crate::{ClusterSettings, Fault, Reply, SimCluster, SimError, TopicSettings};

/// The one broker there is.
const BROKER: BrokerId = BrokerId(1);
const CONNECTION: ConnectionNumber = ConnectionNumber(1);
/// `max.in.flight.requests.per.connection`, as far as idempotence allows.
const MOST_HELD: usize = 5;
const SIZE_PREFIX: usize = 4;
/// A broker refuses records from its future. This one's clock is so far ahead that it takes whatever time a test writes;
/// topics keep the producer's timestamps, so no test sees it.
const WALL_CLOCK_MS: i64 = 1 << 52;
/// The most bytes that one batch may decompress to.
const LARGEST_BATCH: usize = 1 << 28;

/// Brokers for a producer under test: they acknowledge by themselves, or hold each request until the test says how it
/// ends. The producer in front of them is the real one, so partitions, batches, callbacks and errors are the real ones.
///
/// ```
/// use kp_sim::MockBroker;
///
/// let broker = MockBroker::automatic();
/// broker.create_topic("orders", 3)?;
/// let client = broker.client(); // for kp_producer's `Producer::builder(config).client(client)`
/// # drop(client);
/// assert!(broker.history("orders").is_empty());
/// # Ok::<(), kp_sim::SimError>(())
/// ```
///
/// Cloning gives another handle to the same broker. Source: Java's `MockProducer`.
#[derive(Clone, Debug)]
pub struct MockBroker {
    shared: Arc<Shared>,
}

/// A record as the broker took it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MockRecord {
    /// Its partition.
    pub partition: i32,
    /// Its place in the partition.
    pub offset: i64,
    /// Milliseconds since the Unix epoch.
    pub timestamp_ms: i64,
    /// The key; `None` is null, not empty.
    pub key: Option<Vec<u8>>,
    /// The value; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// The headers in their order.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    cluster: SimCluster,
    brokers: Vec<BrokerId>,
    versions: Arc<BrokerVersions>,
    holds: bool,
    held: VecDeque<ClientRequest>,
    events: Vec<Event>,
    rung: bool,
    now: Option<Instant>,
    script: Script,
}

impl MockBroker {
    /// A broker that acknowledges every record at once.
    #[must_use]
    pub fn automatic() -> Self {
        Self::new(false)
    }

    /// A broker that holds every Produce request until [`complete_next`](Self::complete_next) or
    /// [`fail_next`](Self::fail_next). Everything else (metadata, producer ids) is answered at once.
    #[must_use]
    pub fn manual() -> Self {
        Self::new(true)
    }

    fn new(holds: bool) -> Self {
        let settings = ClusterSettings::default();
        let versions = Arc::new(BrokerVersions::fixed(settings.listed()));
        let state = State {
            cluster: SimCluster::new(settings),
            brokers: Vec::new(),
            versions,
            holds,
            held: VecDeque::new(),
            events: Vec::new(),
            rung: false,
            now: None,
            script: Script::default(),
        };
        Self { shared: Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() }) }
    }

    /// Makes a topic. One that is not made has a single partition once it is asked for.
    ///
    /// # Errors
    /// [`SimError`]: the name is taken or illegal, or there are no partitions.
    pub fn create_topic(&self, name: &str, partitions: i32) -> Result<(), SimError> {
        let mut state = self.shared.lock();
        let settings = TopicSettings { partitions, ..TopicSettings::of(state.cluster.settings()) };
        state.cluster.create_topic(name, settings).map(drop)
    }

    /// The producer's side, to be handed to its builder. One producer for one broker: two would share its connection.
    #[must_use]
    pub fn client(&self) -> MockClient {
        MockClient { shared: Arc::clone(&self.shared) }
    }

    /// Lets the oldest held request succeed; waits for one for at most `within`. A request holds at most one batch of each
    /// partition, so with several records in it they all succeed. `false`: none came.
    pub fn complete_next(&self, within: Duration) -> bool {
        self.end_next(within, None)
    }

    /// Refuses every batch of the oldest held request with `code`, and keeps nothing of it; waits for one for at most
    /// `within`. The producer does what it does with that error: it tries again, or fails the records. `false`: none came.
    pub fn fail_next(&self, code: ErrorCode, within: Duration) -> bool {
        self.end_next(within, Some(code))
    }

    /// How the next commits end, one after the other; those behind the last are committed. An abort is none.
    ///
    /// ```
    /// use kp_sim::{MockBroker, MockCommit};
    /// let broker = MockBroker::automatic();
    /// broker.script_commits([MockCommit::Aborted, MockCommit::Committed]);
    /// ```
    pub fn script_commits(&self, commits: impl IntoIterator<Item = MockCommit>) {
        self.shared.lock().script.commits.extend(commits);
    }

    /// Ends a commit that is [`MockCommit::Unresolved`], when the producer asks for it again: it was committed, or it was aborted.
    pub fn resolve_commit(&self, committed: bool) {
        self.shared.lock().script.resolve(committed);
    }

    /// How the next questions for a producer id (InitProducerId) are answered, one after the other;
    /// [`ErrorCode::NONE`] gives one, as those behind the last do. `begin` then says what each code means to it.
    pub fn script_inits(&self, codes: impl IntoIterator<Item = ErrorCode>) {
        self.shared.lock().script.inits.extend(codes);
    }

    /// How many Produce requests are held now.
    #[must_use]
    pub fn held(&self) -> usize {
        self.shared.lock().held.len()
    }

    /// Every record of a topic that was taken, partition by partition in order of offsets.
    #[must_use]
    pub fn history(&self, topic: &str) -> Vec<MockRecord> {
        let state = self.shared.lock();
        let partitions = state.cluster.topic(topic).map_or(0, |topic| topic.partitions().len());
        (0..partitions as i32).flat_map(|number| records_of(&state.cluster, topic, number)).collect()
    }

    fn end_next(&self, within: Duration, code: Option<ErrorCode>) -> bool {
        let state = self.shared.lock();
        let waited = self.shared.changed.wait_timeout_while(state, within, |state| state.held.is_empty());
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let Some(request) = state.held.pop_front() else { return false };
        state.carry_out(&request, code);
        drop(state);
        self.shared.changed.notify_all();
        true
    }
}

impl Shared {
    /// A test that panicked while it held the lock has failed already; what is left can still be looked at.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn carry_out(&mut self, request: &ClientRequest, refused: Option<ErrorCode>) {
        if let Some(code) = refused {
            let body = Bytes::from(request.body.concat());
            let batches = ProduceRequest::parse(&body, request.version)
                .map_or(0, |request| request.topic_data.iter().map(|topic| topic.partition_data.len()).sum());
            self.cluster.inject(Fault::RefuseBatch { partition: None, code }, batches as u32);
        }
        let step = self.script.before(&mut self.cluster, request.api_key, &request.body, request.version);
        let answer = self.ask(request);
        let event = self.script.after(&mut self.cluster, step, answer).unwrap_or_else(|| Event::Failed {
            token: request.token,
            written: Written::Perhaps,
            reason: DisconnectReason::ProtocolError(Arc::from("the double does not answer this")),
        });
        self.cluster.clear_faults();
        self.events.push(event);
    }

    /// The cluster's answer; `None` if it has none.
    fn ask(&mut self, request: &ClientRequest) -> Option<Event> {
        let length = request.body.iter().map(Bytes::len).sum();
        let head = request_head(request.api_key, request.version, 0, Some("mock"), length).ok()?;
        let mut frame = head[SIZE_PREFIX..].to_vec();
        request.body.iter().for_each(|piece| frame.extend_from_slice(piece));
        match self.cluster.handle_request(self.now?, WALL_CLOCK_MS, BROKER, CONNECTION.0, frame.into()) {
            Reply::Answer(pieces) => {
                let frame = Bytes::from(pieces.concat()).slice(SIZE_PREFIX..);
                let (_, body) = decode_response_header(request.api_key, request.version, &frame).ok()?;
                Some(Event::Answered { token: request.token, body })
            }
            Reply::Silence => Some(Event::Written { token: request.token }),
            Reply::LastAnswer(_) | Reply::Close | Reply::Stall | Reply::Later(_) => None,
        }
    }
}

fn records_of(cluster: &SimCluster, topic: &str, partition: i32) -> Vec<MockRecord> {
    let mut found = Vec::new();
    for batch in cluster.log(topic, partition) {
        // The double checked the batch before it took it.
        let Ok(batch) = batch.record_batch() else { continue };
        let Ok(records) = batch.records(LARGEST_BATCH) else { continue };
        found.extend(records.iter().flatten().map(|record| {
            MockRecord {
                partition,
                offset: record.offset.0,
                timestamp_ms: record.timestamp.0,
                key: record.key.map(<[u8]>::to_vec),
                value: record.value.map(<[u8]>::to_vec),
                headers: record
                    .headers
                    .iter()
                    .map(|header| (header.name.to_owned(), header.value.map(<[u8]>::to_vec)))
                    .collect(),
            }
        }));
    }
    found
}

/// The producer's side of a [`MockBroker`].
#[derive(Debug)]
pub struct MockClient {
    shared: Arc<Shared>,
}

impl KafkaClient for MockClient {
    fn set_brokers(&mut self, now: Instant, brokers: &[BrokerAddress]) {
        let mut state = self.shared.lock();
        state.now = Some(now);
        state.brokers = brokers.iter().map(|broker| broker.id).collect();
    }

    fn readiness(&mut self, _now: Instant, broker: BrokerId) -> Readiness {
        let state = self.shared.lock();
        if !state.brokers.contains(&broker) {
            return Readiness::Failed { reason: Arc::from("not in the list"), retry_at: None };
        }
        if state.held.len() >= MOST_HELD {
            return Readiness::Wait { until: None, why: WaitReason::InFlightFull };
        }
        Readiness::Ready { connection: CONNECTION, versions: Arc::clone(&state.versions) }
    }

    fn least_loaded(&mut self, _now: Instant) -> Option<BrokerId> {
        self.shared.lock().brokers.first().copied()
    }

    fn send(&mut self, now: Instant, request: ClientRequest) -> Result<(), Refused> {
        let mut state = self.shared.lock();
        state.now = Some(now);
        if state.holds && request.api_key == ApiKey::Produce {
            state.held.push_back(request);
            drop(state);
            self.shared.changed.notify_all();
        } else {
            state.carry_out(&request, None);
        }
        Ok(())
    }

    fn throttle(&mut self, _broker: BrokerId, _until: Instant) {}

    fn disconnect(&mut self, _now: Instant, broker: BrokerId, reason: &str) {
        let mut state = self.shared.lock();
        let reason: Arc<str> = Arc::from(reason);
        let (cut, kept) = std::mem::take(&mut state.held).into_iter().partition(|held| held.broker == broker);
        state.held = kept;
        let cut: VecDeque<ClientRequest> = cut;
        for request in cut {
            let reason = DisconnectReason::Asked(Arc::clone(&reason));
            state.events.push(Event::Failed { token: request.token, written: Written::Perhaps, reason });
        }
        let address = Arc::from("mock");
        let (reason, reached) = (DisconnectReason::Asked(reason), Reached::Ready);
        state.events.push(Event::Disconnected { broker, address, reason, reached });
    }

    fn poll(&mut self, until: Option<Instant>, events: &mut Vec<Event>) {
        #[expect(clippy::disallowed_methods, reason = "the end of a wait of the producer's own thread")]
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        let idle = |state: &mut State| state.events.is_empty() && !state.rung;
        let state = self.shared.lock();
        let mut state = match left {
            None => self.shared.changed.wait_while(state, idle).unwrap_or_else(PoisonError::into_inner),
            Some(left) => {
                self.shared
                    .changed
                    .wait_timeout_while(state, left, idle)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0
            }
        };
        state.rung = false;
        events.append(&mut state.events);
    }

    fn waker(&self) -> Waker {
        Waker::from(Arc::new(Bell(Arc::clone(&self.shared))))
    }

    fn close(&mut self, _within: Duration) {}
}

/// Ends the poll.
struct Bell(Arc<Shared>);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.lock().rung = true;
        self.0.changed.notify_all();
    }
}
