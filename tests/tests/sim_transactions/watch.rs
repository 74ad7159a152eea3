//! A look at what goes over the seam between each producer and its network: every frame that concerns transactions, and every
//! answer. Judged by `rules.rs`; the ends are noted for the laws.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

use bytes::Bytes;
use kp_network::{ClientRequest, Event, KafkaClient, Readiness, Refused, Written};
use kp_protocol::{ApiKey, BrokerAddress, BrokerId};
use kp_tests::transaction_history::{EndFrame, Instance, LateFrame, Pair};

use crate::frames::{Answered, Frame};
use crate::rules::{Flight, Rules};
use crate::written::Frames;

/// What was seen of all producers. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sight(Arc<Mutex<Seen>>);

#[derive(Debug, Default)]
struct Seen {
    producers: Vec<(Instance, Rules)>,
    /// By transaction.
    ends: BTreeMap<usize, Vec<EndFrame>>,
    frames: Frames,
}

impl Sight {
    fn with<T>(&self, look: impl FnOnce(&mut Seen) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// One more producer.
    pub(crate) fn add(&self, transactional_id: &str, second: bool) {
        let instance = Instance { transactional_id: transactional_id.to_owned(), ..Instance::default() };
        self.with(|seen| seen.producers.push((instance, Rules::new(second))));
    }

    pub(crate) fn begun(&self, producer: usize, transaction: usize) {
        self.with(|seen| seen.producers[producer].1.begun(transaction));
    }

    pub(crate) fn closed(&self, producer: usize) {
        self.with(|seen| seen.producers[producer].0.closed = true);
    }

    pub(crate) fn killed(&self, producer: usize) {
        self.with(|seen| seen.producers[producer].0.killed = true);
    }

    /// Brokers say from now on that the second protocol may be spoken.
    pub(crate) fn upgraded(&self) {
        self.with(|seen| seen.producers.iter_mut().for_each(|(_, rules)| rules.upgraded()));
    }

    /// A producer that is not looked at has taken an id.
    pub(crate) fn fenced_from_outside(&self, transactional_id: &str, pair: Pair, since: Duration) {
        self.with(|seen| seen.fence_others(None, transactional_id, pair, since));
    }

    pub(crate) fn instances(&self) -> Vec<Instance> {
        self.with(|seen| seen.producers.iter().map(|(instance, _)| instance.clone()).collect())
    }

    pub(crate) fn ends_of(&self, transaction: usize) -> Vec<EndFrame> {
        self.with(|seen| seen.ends.get(&transaction).cloned().unwrap_or_default())
    }

    /// What is known of frames that came late.
    pub(crate) fn late(&self, late: &[kp_sim::LateFrame], start: Instant) -> Vec<LateFrame> {
        self.with(|seen| {
            let id_of = |producer: usize| seen.producers[producer].0.transactional_id.as_str();
            late.iter().filter_map(|late| seen.frames.late(late, start, id_of)).collect()
        })
    }

    /// The rules that were broken.
    pub(crate) fn broken(&self) -> Vec<(&'static str, String)> {
        self.with(|seen| {
            let of = |(number, (_, rules)): (usize, &(Instance, Rules))| {
                let broken = rules.broken().iter();
                broken
                    .map(move |(rule, how)| (*rule, format!("producer {number}: {how}")))
                    .collect::<Vec<_>>()
            };
            seen.producers.iter().enumerate().flat_map(of).collect()
        })
    }
}

impl Seen {
    fn note(&mut self, producer: usize, since: Duration, api: ApiKey, body: &Bytes) {
        if let Some(transaction) = self.producers[producer].1.transaction() {
            self.frames.note((producer, transaction), since, api, body);
        }
    }

    fn sent(&mut self, producer: usize, since: Duration, token: u64, frame: Frame, version: i16) {
        let rules = &mut self.producers[producer].1;
        let noted = match (&frame, rules.transaction()) {
            (Frame::End { pair, commit }, Some(transaction)) => {
                let ends = self.ends.entry(transaction).or_default();
                ends.push(EndFrame { written: since, pair: *pair, commit: *commit, answer: None });
                Some((transaction, ends.len() - 1))
            }
            _ => None,
        };
        rules.sent(token, Flight { frame, version, noted });
    }

    fn answered(&mut self, producer: usize, since: Duration, token: u64, body: &bytes::Bytes) {
        let Some((flight, answered)) = self.producers[producer].1.answered(token, body) else { return };
        let Answered::Code(code, pair) = answered else { return };
        if let Some((transaction, place)) = flight.noted {
            self.ends.entry(transaction).or_default()[place].answer = Some(code);
        }
        if let (Frame::Init { pair: (-1, _) }, 0, Some(pair)) = (flight.frame, code, pair) {
            let id = self.producers[producer].0.transactional_id.clone();
            self.fence_others(Some(producer), &id, pair, since);
        }
    }

    /// Older instances of the same id are shut out from now on. Where epochs are used up a higher producer id follows.
    fn fence_others(&mut self, by: Option<usize>, id: &str, pair: Pair, since: Duration) {
        for (number, (instance, rules)) in self.producers.iter_mut().enumerate() {
            let is_older = rules.pair().is_some_and(|own| own < pair);
            let is_another = by != Some(number) && instance.transactional_id == id;
            if is_another && is_older && instance.fenced.is_none() {
                instance.fenced = Some(since);
            }
        }
    }
}

/// A producer's client, looked at.
pub(crate) struct Watched<C> {
    inner: C,
    producer: usize,
    start: Instant,
    now: Arc<dyn kp_time::Clock>,
    sight: Sight,
}

impl<C> Watched<C> {
    pub(crate) fn new(
        inner: C,
        producer: usize,
        start: Instant,
        now: Arc<dyn kp_time::Clock>,
        sight: Sight,
    ) -> Self {
        Self { inner, producer, start, now, sight }
    }
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
        let body = Bytes::from(request.body.concat());
        let frame = Frame::of(&request, &body);
        let (token, version, api) = (request.token, request.version, request.api_key);
        self.inner.send(now, request)?;
        if let Some(frame) = frame {
            let since = now.saturating_duration_since(self.start);
            self.sight.with(|seen| {
                seen.note(self.producer, since, api, &body);
                seen.sent(self.producer, since, token, frame, version);
            });
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
        let since = self.now.now().saturating_duration_since(self.start);
        self.sight.with(|seen| {
            for event in &events[before..] {
                match event {
                    Event::Answered { token, body } => seen.answered(self.producer, since, *token, body),
                    Event::Failed { token, written, .. } => {
                        let written = *written == Written::Perhaps;
                        let flight = seen.producers[self.producer].1.unanswered(*token, written);
                        // What was never written is no attempt.
                        if let Some((transaction, place)) = flight.and_then(|flight| flight.noted)
                            && !written
                        {
                            seen.ends.entry(transaction).or_default().truncate(place);
                        }
                    }
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
