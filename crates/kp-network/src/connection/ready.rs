//! A connection that takes requests: the queue in flight, the one being written, throttling and idleness.
//! Owned by one broker's state; told `now`, asks no clock.

use super::{Answered, Channel, InFlight, Request};
use crate::{ClientRequest, ConnectionNumber, Readiness, WaitReason, Written};
use bytes::{Bytes, BytesMut};
use kp_protocol::{BrokerVersions, request_head_in};
use kp_time::Deadline;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Connected, versions known.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) channel: Channel,
    versions: Arc<BrokerVersions>,
    /// Written and unanswered, oldest first.
    in_flight: InFlight<Caller>,
    /// The request whose bytes are in the channel.
    writing: Option<Request<Caller>>,
    /// A caller got the answer "writing" and waits for the end of it.
    awaited: bool,
    /// The broker has answered anything on this connection, the questions of the set-up included.
    has_answered: bool,
    throttled_until: Option<Instant>,
    last_used: Instant,
    /// Memory for the heads of requests.
    heads: BytesMut,
}

/// Bytes of heads before memory is needed again: some two hundred requests.
const HEADS: usize = 8 << 10;

/// A request of the caller, as the owner of what is in flight. Re-authentication (KIP-368) will make this an enum, whose
/// other row is the connection itself.
#[derive(Clone, Copy, Debug)]
struct Caller {
    token: u64,
    taken: Instant,
    deadline: Instant,
    expects_response: bool,
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
    ) -> Self {
        let throttled_until = (!throttle.is_zero()).then(|| Deadline::after(now, throttle, "quota").at());
        Self {
            channel,
            versions,
            in_flight: InFlight::default(),
            writing: None,
            awaited: false,
            has_answered,
            throttled_until,
            last_used: now,
            heads: BytesMut::with_capacity(HEADS),
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

    /// How many requests are unanswered, the one being written included.
    pub(crate) fn unanswered(&self) -> usize {
        self.in_flight.len() + usize::from(self.writing.is_some())
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
                self.awaited |= self.writing.is_some();
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
        let owner = Caller { token, taken: now, deadline, expects_response };
        self.writing = Some(Request { correlation_id, api_key, version, owner });
        self.last_used = now;
        Ok(deadline)
    }

    /// The channel is empty: the request that was in it, if any, is completely written.
    pub(crate) fn written(&mut self, now: Instant) -> WriteEnd {
        let Some(request) = self.writing.take() else { return WriteEnd::default() };
        self.last_used = now;
        let awaited = std::mem::take(&mut self.awaited);
        let done = if request.owner.expects_response {
            self.in_flight.push(request);
            None
        } else {
            Some(request.owner.token)
        };
        WriteEnd { done, awaited }
    }

    /// Matches a frame with the oldest unanswered request (NC7).
    pub(crate) fn answered(&mut self, now: Instant, frame: &Bytes) -> Result<Answer, Arc<str>> {
        let Answered { request, body } = self.in_flight.answered(frame)?;
        self.last_used = now;
        self.has_answered = true;
        let Caller { token, taken, .. } = request.owner;
        Ok(Answer { token, body, latency: now.saturating_duration_since(taken) })
    }

    /// Holds requests back until then. Time spent throttled does not count against those in flight (NC10).
    pub(crate) fn throttle(&mut self, now: Instant, until: Instant) {
        let from = self.throttled_until.map_or(now, |earlier| earlier.max(now));
        if until <= from {
            return;
        }
        self.throttled_until = Some(until);
        let writing = self.writing.as_mut().map(|request| &mut request.owner);
        for caller in self.in_flight.owners_mut().chain(writing) {
            caller.deadline = caller.deadline.checked_add(until - from).unwrap_or(caller.deadline);
        }
    }

    /// The earliest moment by which a request must be answered.
    pub(crate) fn earliest_deadline(&self) -> Option<Instant> {
        let writing = self.writing.as_ref().map(|request| &request.owner);
        self.in_flight.owners().chain(writing).map(|caller| caller.deadline).min()
    }

    /// Since when nothing is going on; `None` while a request is unanswered.
    pub(crate) fn idle_since(&self) -> Option<Instant> {
        (self.unanswered() == 0).then_some(self.last_used)
    }

    /// The end: what was unanswered, in the order of sending.
    pub(crate) fn into_unanswered(self) -> impl Iterator<Item = (u64, Written)> {
        let last = if self.channel.has_begun_writing() { Written::Perhaps } else { Written::No };
        let in_flight = self.in_flight.into_owners().map(|caller| (caller.token, Written::Perhaps));
        in_flight.chain(self.writing.map(|request| (request.owner.token, last)))
    }
}
