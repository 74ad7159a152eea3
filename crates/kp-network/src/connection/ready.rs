//! A connection that takes requests: the queue in flight, the one being written, throttling and idleness.
//! Owned by one broker's state; told `now`, asks no clock.

use super::api_versions::NEWEST;
use super::{Answered, Broken, Channel, InFlight, Login, Request, Session};
use crate::{ClientRequest, ConnectionNumber, Readiness, WaitReason, Written};
use bytes::{Bytes, BytesMut};
use kp_protocol::{ApiKey, BrokerVersions, ProtocolError, Segments, request_head_in};
use kp_sasl::{SaslDialect, SaslExchange, SaslMechanism, SaslOutput, SaslSession, Worked};
use kp_time::Deadline;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Connected, versions known.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) channel: Channel,
    versions: Arc<BrokerVersions>,
    /// Written and unanswered, oldest first.
    in_flight: InFlight<Owner>,
    /// The request whose bytes are in the channel.
    writing: Option<Request<Owner>>,
    /// A caller got the answer "writing" or "authenticating" and waits for the end of it.
    awaited: bool,
    /// The broker has answered anything on this connection, the questions of the set-up included.
    has_answered: bool,
    /// A request of the caller was answered on this connection.
    has_served: bool,
    throttled_until: Option<Instant>,
    last_used: Instant,
    /// Memory for the heads of requests.
    heads: BytesMut,
    /// With SASL: when and how it is renewed.
    session: Option<Box<Session>>,
    /// What the caller gave its last request; the connection's own get no more.
    request_timeout: Duration,
}

/// Bytes of heads before memory is needed again: some two hundred requests.
const HEADS: usize = 8 << 10;

/// `request.timeout.ms` before a caller has said anything.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Whose request is in flight.
#[derive(Clone, Copy, Debug)]
struct Owner {
    /// `None`: the connection's own, which authenticates again (KIP-368).
    caller: Option<Caller>,
    deadline: Instant,
}

/// A request of the caller.
#[derive(Clone, Copy, Debug)]
struct Caller {
    token: u64,
    taken: Instant,
    expects_response: bool,
}

/// Whom an answer is for.
#[derive(Clone, Debug)]
pub(crate) enum Taken {
    /// The caller.
    Answer(Answer),
    /// The connection.
    Own(Own),
}

/// The answer to a request of the connection itself.
#[derive(Clone, Debug)]
pub(crate) struct Own {
    pub(crate) api_key: ApiKey,
    pub(crate) version: i16,
    pub(crate) body: Bytes,
}

/// The answer to a request of the caller.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) token: u64,
    pub(crate) body: Bytes,
    /// Since the request was taken.
    pub(crate) latency: Duration,
}

/// What the end of a write means for the caller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct WriteEnd {
    /// A request that expects no response is done (NC8).
    pub(crate) done: Option<u64>,
    /// A caller that got the answer "writing" may ask again.
    pub(crate) awaited: bool,
}

impl Ready {
    pub(crate) fn new(
        channel: Channel,
        versions: Arc<BrokerVersions>,
        now: Instant,
        throttle: Duration,
        has_answered: bool,
        session: Option<Session>,
    ) -> Self {
        let throttled_until = (!throttle.is_zero()).then(|| Deadline::after(now, throttle, "quota").at());
        Self {
            channel,
            versions,
            in_flight: InFlight::default(),
            writing: None,
            awaited: false,
            has_answered,
            has_served: false,
            throttled_until,
            last_used: now,
            heads: BytesMut::with_capacity(HEADS),
            session: session.map(Box::new),
            request_timeout: REQUEST_TIMEOUT,
        }
    }

    pub(crate) fn versions(&self) -> &Arc<BrokerVersions> {
        &self.versions
    }

    pub(crate) fn has_answered(&self) -> bool {
        self.has_answered
    }

    pub(crate) fn number(&self) -> ConnectionNumber {
        self.channel.number()
    }

    /// How many requests of the caller are unanswered, the one being written included.
    pub(crate) fn unanswered(&self) -> usize {
        if self.is_renewing() {
            let writing = self.writing.as_ref().map(|request| &request.owner);
            return self.in_flight.owners().chain(writing).filter(|owner| owner.caller.is_some()).count();
        }
        self.in_flight.len() + usize::from(self.writing.is_some())
    }

    /// Whether nothing but the exchange is sent, until the broker has agreed again (SE20).
    fn is_renewing(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.is_renewing())
    }

    /// The exchange that renews its session, while there is one.
    pub(crate) fn exchange(&self) -> Option<&SaslExchange> {
        self.session.as_ref()?.renewing()
    }

    /// Whether nothing is written, answered or renewed.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.unanswered() == 0 && !self.is_renewing() && !self.channel.is_writing()
    }

    /// How the tokens of its login travelled, if that of the next connection may begin behind a first ApiVersions: brokers
    /// like this one take it, and are not asked twice (SE3).
    pub(crate) fn dialect_ahead(&self) -> Option<SaslDialect> {
        let dialect = self.session.as_ref()?.dialect();
        let takes_newest = self.versions.range(ApiKey::ApiVersions).is_some_and(|range| range.max >= NEWEST);
        (takes_newest && !dialect.is_bare()).then_some(dialect)
    }

    /// When its session is over (KIP-368); `None`: never.
    pub(crate) fn session_ends(&self) -> Option<Instant> {
        self.session.as_ref()?.ends()
    }

    /// As whom it was authenticated; `None` without SASL.
    pub(crate) fn login(&self) -> Option<&Login> {
        Some(self.session.as_ref()?.login())
    }

    /// How long its session lasts; `None`: as long as the connection.
    pub(crate) fn session_lifetime(&self) -> Option<Duration> {
        self.session.as_ref()?.lifetime()
    }

    /// Whether it would take a request, and is to authenticate again before (SE19).
    pub(crate) fn is_to_be_renewed(&self, now: Instant, max_in_flight: usize) -> bool {
        self.session.as_ref().is_some_and(|session| session.is_due(now))
            && self.busy(now, max_in_flight).is_none()
    }

    /// Why it takes no request now, if it does not, and until when (NC6, NC21).
    pub(crate) fn busy(&self, now: Instant, max_in_flight: usize) -> Option<(WaitReason, Option<Instant>)> {
        if let Some(until) = self.throttled_until.filter(|until| *until > now) {
            return Some((WaitReason::Throttled, Some(until)));
        }
        self.full(max_in_flight).map(|why| (why, None))
    }

    /// Why it cannot hold another request, if it cannot (NC6).
    pub(crate) fn full(&self, max_in_flight: usize) -> Option<WaitReason> {
        if self.is_renewing() {
            return Some(WaitReason::Authenticating);
        }
        if self.unanswered() >= max_in_flight.max(1) {
            return Some(WaitReason::InFlightFull);
        }
        self.writing.is_some().then_some(WaitReason::Writing)
    }

    /// As [`KafkaClient::readiness`](crate::KafkaClient::readiness) answers.
    pub(crate) fn readiness(&mut self, now: Instant, max_in_flight: usize) -> Readiness {
        match self.busy(now, max_in_flight) {
            None => Readiness::Ready { connection: self.number(), versions: Arc::clone(&self.versions) },
            Some((why, until)) => {
                self.awaited |= self.writing.is_some() || self.is_renewing();
                Readiness::Wait { until, why }
            }
        }
    }

    /// Takes a request into the channel; answers the moment by which it must be answered.
    /// `Err`: given back, with the reason.
    pub(crate) fn begin(
        &mut self,
        now: Instant,
        request: ClientRequest,
        correlation_id: i32,
        client_id: Option<&str>,
    ) -> Result<Instant, (Box<ClientRequest>, Arc<str>)> {
        let ClientRequest { token, api_key, version, timeout, expects_response, .. } = request;
        let size = request.body.iter().map(Bytes::len).sum();
        let head = match request_head_in(&mut self.heads, api_key, version, correlation_id, client_id, size) {
            Ok(head) => head,
            Err(error) => return Err((Box::new(request), error.to_string().into())),
        };
        self.channel.begin(head, request.body);
        let deadline = Deadline::after(now, timeout, "request.timeout.ms").at();
        let owner = Owner { caller: Some(Caller { token, taken: now, expects_response }), deadline };
        self.request_timeout = timeout;
        self.writing = Some(Request { correlation_id, api_key, version, owner });
        self.last_used = now;
        Ok(deadline)
    }

    /// The channel is empty: the request that was in it, if any, is completely written.
    pub(crate) fn written(&mut self, now: Instant) -> WriteEnd {
        let Some(request) = self.writing.take() else { return WriteEnd::default() };
        self.last_used = now;
        let done = match request.owner.caller {
            Some(Caller { token, expects_response: false, .. }) => Some(token),
            Some(_) => {
                self.in_flight.push(request);
                None
            }
            // Who waits, waits for the end of the exchange.
            None => {
                self.in_flight.push(request);
                return WriteEnd::default();
            }
        };
        WriteEnd { done, awaited: std::mem::take(&mut self.awaited) }
    }

    /// Matches a frame with the oldest unanswered request (NC7).
    pub(crate) fn answered(&mut self, now: Instant, frame: &Bytes) -> Result<Taken, Arc<str>> {
        let Answered { request, body } = self.in_flight.answered(frame)?;
        self.last_used = now;
        self.has_answered = true;
        let Some(Caller { token, taken, .. }) = request.owner.caller else {
            return Ok(Taken::Own(Own { api_key: request.api_key, version: request.version, body }));
        };
        self.has_served = true;
        Ok(Taken::Answer(Answer { token, body, latency: now.saturating_duration_since(taken) }))
    }

    /// Begins to authenticate again.
    pub(crate) fn renew(
        &mut self,
        now: Instant,
        mechanism: Box<dyn SaslMechanism>,
    ) -> Result<SaslOutput, Broken> {
        self.last_used = now;
        self.session()?.begin(now, mechanism)
    }

    /// The broker answered a request of the connection itself.
    pub(crate) fn renewal_answered(&mut self, answer: &Own) -> Result<SaslOutput, Broken> {
        self.session()?.answered(answer.api_key, answer.version, &answer.body)
    }

    /// Work for the exchange is done.
    pub(crate) fn renewal_worked(&mut self, worked: Worked) -> Result<SaslOutput, Broken> {
        self.session()?.worked(worked)
    }

    /// Work for the exchange is handed out; answers the moment by which it must be done, as an answer must have come.
    pub(crate) fn waits_for_work(&mut self, now: Instant) -> Result<Instant, Broken> {
        let until = Deadline::after(now, self.request_timeout, "request.timeout.ms").at();
        self.session()?.waits_for_work(until);
        Ok(until)
    }

    /// The broker has agreed again. Answers when that began, and whether a caller waits for it.
    pub(crate) fn renewed(&mut self, now: Instant, session: SaslSession, chance: f64) -> (Instant, bool) {
        let began = self.session.as_mut().map_or(now, |known| known.renewed(now, session, chance));
        (began, std::mem::take(&mut self.awaited))
    }

    fn session(&mut self) -> Result<&mut Session, Broken> {
        self.session.as_deref_mut().ok_or_else(|| Broken::Protocol("SASL that was not asked for".into()))
    }

    /// Puts a request of the connection itself into the channel, which is empty; answers the moment by which it must be
    /// answered.
    pub(crate) fn ask_itself(
        &mut self,
        now: Instant,
        api_key: ApiKey,
        version: i16,
        body: Segments,
        (correlation_id, client_id): (i32, Option<&str>),
    ) -> Result<Instant, ProtocolError> {
        let size = body.iter().map(Bytes::len).sum();
        let head = request_head_in(&mut self.heads, api_key, version, correlation_id, client_id, size)?;
        self.channel.begin(head, body);
        let deadline = Deadline::after(now, self.request_timeout, "request.timeout.ms").at();
        let owner = Owner { caller: None, deadline };
        self.writing = Some(Request { correlation_id, api_key, version, owner });
        self.last_used = now;
        Ok(deadline)
    }

    /// Holds requests back until then. Time spent throttled does not count against those in flight (NC10).
    pub(crate) fn throttle(&mut self, now: Instant, until: Instant) {
        let from = self.throttled_until.map_or(now, |earlier| earlier.max(now));
        if until <= from {
            return;
        }
        self.throttled_until = Some(until);
        let writing = self.writing.as_mut().map(|request| &mut request.owner);
        for owner in self.in_flight.owners_mut().chain(writing) {
            owner.deadline = owner.deadline.checked_add(until - from).unwrap_or(owner.deadline);
        }
    }

    /// The earliest moment by which a request must be answered, or work for a renewal be done.
    pub(crate) fn earliest_deadline(&self) -> Option<Instant> {
        let writing = self.writing.as_ref().map(|request| &request.owner);
        let work = self.session.as_ref().and_then(|session| session.work_until());
        self.in_flight.owners().chain(writing).map(|owner| owner.deadline).chain(work).min()
    }

    /// Since when nothing is going on; `None` while a request is unanswered.
    pub(crate) fn idle_since(&self) -> Option<Instant> {
        (self.unanswered() == 0).then_some(self.last_used)
    }

    /// What the broker speaks, if a request waits for an answer, and none ever came to the caller's.
    pub(crate) fn unserved(&self) -> Option<&BrokerVersions> {
        (!self.has_served && self.in_flight.len() > 0).then_some(&self.versions)
    }

    /// The end: what was unanswered, in the order of sending.
    pub(crate) fn into_unanswered(self) -> impl Iterator<Item = (u64, Written)> {
        let last = if self.channel.has_begun_writing() { Written::Perhaps } else { Written::No };
        let in_flight = self.in_flight.into_owners().map(|owner| (owner, Written::Perhaps));
        let all = in_flight.chain(self.writing.map(|request| (request.owner, last)));
        all.filter_map(|(owner, written)| Some((owner.caller?.token, written)))
    }
}
