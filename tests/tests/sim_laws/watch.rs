//! A look at what goes over the seam between producer and network: every Produce request, every outcome.
//! Checks what no log shows: how many batches are unanswered, and that a batch of unknown outcome is never rebuilt.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

use bytes::Bytes;
use kp_network::{ClientRequest, Event, KafkaClient, Readiness, Refused, Written};
use kp_protocol::api::{PartitionProduceResponse, ProduceRequest, ProduceResponse};
use kp_protocol::records::{BatchHeader, MessageFormat};
use kp_protocol::{ApiKey, BrokerAddress, BrokerId, ErrorCode, Message};

/// What is allowed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Unanswered batches of a partition, over all brokers.
    pub(crate) unanswered: usize,
    /// The bound is one of each broker: nothing numbers batches, and the configuration does not ask for one at a time.
    pub(crate) each_broker: bool,
    /// Attempts of one batch.
    pub(crate) attempts: u64,
    pub(crate) acks_all: bool,
}

/// A topic's name or id, and the partition.
type Where = (String, i32);
/// Producer id, epoch, sequence.
type Identity = (i64, i16, i32);

#[derive(Clone, Debug)]
struct Batch {
    at: Where,
    broker: BrokerId,
    identity: Identity,
    fingerprint: u64,
}

/// What is known of one numbered batch.
#[derive(Clone, Debug)]
struct Numbered {
    fingerprint: u64,
    /// An attempt of it may have been carried out.
    unknown: bool,
}

#[derive(Debug, Default)]
struct Seen {
    requests: BTreeMap<u64, Vec<Batch>>,
    versions: BTreeMap<u64, i16>,
    numbered: BTreeMap<(Where, Identity), Numbered>,
    succeeded: BTreeSet<(Where, i64, i16, BrokerId)>,
    attempts: BTreeMap<(Where, u64), u64>,
    broken: Vec<(&'static str, String)>,
    most_unanswered: usize,
    idempotent: bool,
}

/// What was seen, for the end of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sight(Arc<Mutex<Seen>>);

impl Sight {
    /// The rules that were broken, first first.
    pub(crate) fn broken(&self) -> Vec<(&'static str, String)> {
        self.with(|seen| seen.broken.clone())
    }

    /// The most unanswered batches that a partition ever had.
    pub(crate) fn most_unanswered(&self) -> usize {
        self.with(|seen| seen.most_unanswered)
    }

    /// Whether batches are to be numbered.
    pub(crate) fn expect_numbers(&self, are_numbered: bool) {
        self.with(|seen| seen.idempotent = are_numbered);
    }

    /// How many epochs were in use.
    pub(crate) fn epochs(&self) -> usize {
        self.with(|seen| {
            let all = seen.numbered.keys().map(|(_, (id, epoch, _))| (*id, *epoch));
            all.collect::<BTreeSet<_>>().len()
        })
    }

    fn with<T>(&self, look: impl FnOnce(&mut Seen) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Any client, looked at.
pub(crate) struct Watched<C> {
    inner: C,
    rules: Rules,
    sight: Sight,
}

impl<C> Watched<C> {
    pub(crate) fn new(inner: C, rules: Rules, sight: Sight) -> Self {
        Self { inner, rules, sight }
    }
}

fn fingerprint(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

fn batches_of(broker: BrokerId, version: i16, body: &[Bytes]) -> Vec<Batch> {
    let body = Bytes::from(body.concat());
    let request = ProduceRequest::parse(&body, version).expect("kp writes what kp reads");
    let mut batches = Vec::new();
    for topic in request.topic_data {
        let name =
            if topic.topic_id.is_zero() { topic.name.to_string() } else { format!("{:?}", topic.topic_id) };
        for partition in topic.partition_data {
            let bytes = partition.records.map(|records| records.to_bytes()).unwrap_or_default();
            let is_message_set = MessageFormat::of_produce(version).is_some();
            let Ok((header, _, _)) = BatchHeader::parse(&bytes) else {
                assert!(is_message_set, "a batch of Produce {version} can be read");
                batches.push(Batch {
                    at: (name.clone(), partition.index),
                    broker,
                    identity: (-1, -1, -1),
                    fingerprint: fingerprint(&bytes),
                });
                continue;
            };
            batches.push(Batch {
                at: (name.clone(), partition.index),
                broker,
                identity: (header.producer_id, header.producer_epoch, header.base_sequence),
                fingerprint: fingerprint(&bytes[61..]),
            });
        }
    }
    batches
}

impl Seen {
    fn sent(&mut self, rules: Rules, token: u64, version: i16, batches: Vec<Batch>) {
        for batch in &batches {
            self.check_in_flight(rules, batch);
            let attempts = self.attempts.entry((batch.at.clone(), batch.fingerprint)).or_default();
            *attempts += 1;
            if *attempts > rules.attempts {
                let how = format!("{:?} of {:?} was sent {attempts} times", batch.identity, batch.at);
                self.broken.push(("retries only when allowed", how));
            }
            if self.idempotent {
                self.check_identity(batch);
            }
        }
        self.requests.insert(token, batches);
        self.versions.insert(token, version);
    }

    fn check_in_flight(&mut self, rules: Rules, batch: &Batch) {
        let unanswered: Vec<&Batch> =
            self.requests.values().flatten().filter(|other| other.at == batch.at).collect();
        let counted = |other: &&&Batch| !rules.each_broker || other.broker == batch.broker;
        let count = unanswered.iter().filter(counted).count() + 1;
        self.most_unanswered = self.most_unanswered.max(count);
        if count > rules.unanswered {
            self.broken.push(("in-flight bound", format!("{count} unanswered batches of {:?}", batch.at)));
        }
        if !self.idempotent || unanswered.is_empty() {
            return;
        }
        if let Some(other) = unanswered.iter().find(|other| other.broker != batch.broker) {
            let how = format!(
                "{:?}: {:?} at {}, {:?} to {}",
                batch.at, other.identity, other.broker, batch.identity, batch.broker
            );
            self.broken.push(("none to a new leader while one is unanswered at the old", how));
        }
        let (id, epoch, _) = batch.identity;
        if !self.succeeded.contains(&(batch.at.clone(), id, epoch, batch.broker)) {
            let how = format!("{:?}: {:?} beside {:?}", batch.at, batch.identity, unanswered[0].identity);
            self.broken.push(("one alone until the first success", how));
        }
    }

    fn check_identity(&mut self, batch: &Batch) {
        let (id, epoch, sequence) = batch.identity;
        if id < 0 || epoch < 0 || sequence < 0 {
            self.broken
                .push(("idempotent batches are numbered", format!("{:?} of {:?}", batch.identity, batch.at)));
            return;
        }
        let key = (batch.at.clone(), batch.identity);
        match self.numbered.get_mut(&key) {
            Some(known) if known.fingerprint != batch.fingerprint && known.unknown => {
                let how = format!(
                    "{:?} of {:?} has other content than an attempt of unknown outcome",
                    batch.identity, batch.at
                );
                self.broken.push(("a batch of unknown outcome keeps its number", how));
            }
            Some(known) => known.fingerprint = batch.fingerprint,
            None => {
                self.numbered.insert(key, Numbered { fingerprint: batch.fingerprint, unknown: false });
            }
        }
        // The same content under another number, while an attempt under the first may have been carried out.
        let same = |((at, identity), known): (&(Where, Identity), &Numbered)| {
            *at == batch.at
                && *identity != batch.identity
                && known.unknown
                && known.fingerprint == batch.fingerprint
        };
        if let Some(((_, other), _)) = self.numbered.iter().find(|(key, known)| same((key, known))) {
            let how = format!("{:?}: {other:?} again as {:?}", batch.at, batch.identity);
            self.broken.push(("a batch of unknown outcome keeps its number", how));
        }
    }

    fn ended(&mut self, token: u64, unknown: bool) {
        for batch in self.requests.remove(&token).unwrap_or_default() {
            if unknown {
                self.doubt(&batch);
            }
        }
    }

    fn doubt(&mut self, batch: &Batch) {
        if let Some(known) = self.numbered.get_mut(&(batch.at.clone(), batch.identity)) {
            known.unknown = true;
        }
    }

    fn answered(&mut self, rules: Rules, token: u64, body: &Bytes) {
        let Some(version) = self.versions.remove(&token) else { return };
        let batches = self.requests.remove(&token).unwrap_or_default();
        let response = ProduceResponse::parse(body, version).expect("the double writes what kp reads");
        let mut answers: BTreeMap<Where, PartitionProduceResponse> = BTreeMap::new();
        for topic in response.responses {
            let name = if topic.topic_id.is_zero() {
                topic.name.to_string()
            } else {
                format!("{:?}", topic.topic_id)
            };
            for answer in topic.partition_responses {
                answers.insert((name.clone(), answer.index), answer);
            }
        }
        for batch in batches {
            let (id, epoch, _) = batch.identity;
            match answers.get(&batch.at).map(|answer| answer.error_code) {
                Some(ErrorCode::NONE) => {
                    self.succeeded.insert((batch.at.clone(), id, epoch, batch.broker));
                    if let Some(known) = self.numbered.get_mut(&(batch.at.clone(), batch.identity)) {
                        known.unknown = false;
                    }
                }
                Some(code) if may_be_appended(code, rules.acks_all) => self.doubt(&batch),
                _ => {}
            }
        }
    }
}

/// Codes that a broker gives, too, for a batch that it has appended.
fn may_be_appended(code: ErrorCode, acks_all: bool) -> bool {
    matches!(
        code,
        ErrorCode::UNKNOWN_SERVER_ERROR
            | ErrorCode::REQUEST_TIMED_OUT
            | ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND
    ) || (acks_all
        && matches!(code, ErrorCode::NOT_LEADER_OR_FOLLOWER | ErrorCode::UNKNOWN_TOPIC_OR_PARTITION))
}

impl<C: KafkaClient> KafkaClient for Watched<C> {
    fn set_brokers(&mut self, now: Instant, brokers: &[BrokerAddress]) {
        self.inner.set_brokers(now, brokers);
    }

    fn readiness(&mut self, now: Instant, broker: BrokerId) -> Readiness {
        self.inner.readiness(now, broker)
    }

    fn least_loaded(&mut self, now: Instant) -> Option<BrokerId> {
        self.inner.least_loaded(now)
    }

    fn send(&mut self, now: Instant, request: ClientRequest) -> Result<(), Refused> {
        if request.api_key != ApiKey::Produce {
            return self.inner.send(now, request);
        }
        let (token, version, broker, awaited) =
            (request.token, request.version, request.broker, request.expects_response);
        let batches = batches_of(broker, version, &request.body);
        self.inner.send(now, request)?;
        if awaited {
            self.sight.with(|seen| seen.sent(self.rules, token, version, batches));
        }
        Ok(())
    }

    fn throttle(&mut self, broker: BrokerId, until: Instant) {
        self.inner.throttle(broker, until);
    }

    fn disconnect(&mut self, now: Instant, broker: BrokerId, reason: &str) {
        self.inner.disconnect(now, broker, reason);
    }

    fn poll(&mut self, until: Option<Instant>, events: &mut Vec<Event>) {
        let before = events.len();
        self.inner.poll(until, events);
        self.sight.with(|seen| {
            for event in &events[before..] {
                match event {
                    Event::Answered { token, body } => seen.answered(self.rules, *token, body),
                    Event::Written { token } => seen.ended(*token, true),
                    Event::Failed { token, written, .. } => seen.ended(*token, *written == Written::Perhaps),
                    _ => {}
                }
            }
        });
    }

    fn waker(&self) -> Waker {
        self.inner.waker()
    }

    fn close(&mut self, within: Duration) {
        self.inner.close(within);
    }
}
