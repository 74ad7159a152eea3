//! A connection that takes requests: the queue in flight, the one being written, throttling and idleness.
//! Owned by one broker's state; told `now`, asks no clock.

use super::Channel;
use crate::{ClientRequest, ConnectionNumber, Readiness, WaitReason, Written};
use bytes::{Bytes, BytesMut};
use kp_protocol::{ApiKey, BrokerVersions, decode_response_header, request_head_in};
use kp_time::Deadline;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Connected, versions known.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) channel: Channel,
    versions: Arc<BrokerVersions>,
    /// Written and unanswered, oldest first.
    in_flight: VecDeque<InFlight>,
    /// The request whose bytes are in the channel.
    writing: Option<InFlight>,
    /// A caller got the answer "writing" and waits for the end of it.
    awaited: bool,
    throttled_until: Option<Instant>,
    last_used: Instant,
    /// Memory for the heads of requests.
    heads: BytesMut,
}

/// Bytes of heads before memory is needed again: some two hundred requests.
const HEADS: usize = 8 << 10;

#[derive(Debug)]
struct InFlight {
    token: u64,
    correlation_id: i32,
    api_key: ApiKey,
    version: i16,
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
    ) -> Self {
        let throttled_until = (!throttle.is_zero()).then(|| Deadline::after(now, throttle, "quota").at());
        Self {
            channel,
            versions,
            in_flight: VecDeque::new(),
            writing: None,
            awaited: false,
            throttled_until,
            last_used: now,
            heads: BytesMut::with_capacity(HEADS),
        }
    }

    pub(crate) fn versions(&self) -> &Arc<BrokerVersions> {
        &self.versions
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
        let taken = now;
        self.writing =
            Some(InFlight { token, correlation_id, api_key, version, taken, deadline, expects_response });
        self.last_used = now;
        Ok(deadline)
    }

    /// The channel is empty: the request that was in it, if any, is completely written.
    pub(crate) fn written(&mut self, now: Instant) -> WriteEnd {
        let Some(request) = self.writing.take() else { return WriteEnd::default() };
        self.last_used = now;
        let awaited = std::mem::take(&mut self.awaited);
        let done = if request.expects_response {
            self.in_flight.push_back(request);
            None
        } else {
            Some(request.token)
        };
        WriteEnd { done, awaited }
    }

    /// Matches a frame with the oldest unanswered request (NC7).
    pub(crate) fn answered(&mut self, now: Instant, frame: &Bytes) -> Result<Answer, Arc<str>> {
        // Compared before anything else of the header is read: its form depends on the request it answers.
        let Some(correlation_id) = frame.first_chunk::<4>().map(|id| i32::from_be_bytes(*id)) else {
            return Err("a response without a correlation id".into());
        };
        let oldest = match self.in_flight.front() {
            Some(oldest) if oldest.correlation_id == correlation_id => oldest,
            other => {
                return Err(wrong_correlation_id(other.map(|oldest| oldest.correlation_id), correlation_id));
            }
        };
        let (_, body) = decode_response_header(oldest.api_key, oldest.version, frame)
            .map_err(|error| Arc::from(error.to_string()))?;
        let answer =
            Answer { token: oldest.token, body, latency: now.saturating_duration_since(oldest.taken) };
        self.in_flight.pop_front();
        self.last_used = now;
        Ok(answer)
    }

    /// Holds requests back until then. Time spent throttled does not count against those in flight (NC10).
    pub(crate) fn throttle(&mut self, now: Instant, until: Instant) {
        let from = self.throttled_until.map_or(now, |earlier| earlier.max(now));
        if until <= from {
            return;
        }
        self.throttled_until = Some(until);
        for request in self.in_flight.iter_mut().chain(&mut self.writing) {
            request.deadline = request.deadline.checked_add(until - from).unwrap_or(request.deadline);
        }
    }

    /// The earliest moment by which a request must be answered.
    pub(crate) fn earliest_deadline(&self) -> Option<Instant> {
        self.in_flight.iter().chain(&self.writing).map(|request| request.deadline).min()
    }

    /// Since when nothing is going on; `None` while a request is unanswered.
    pub(crate) fn idle_since(&self) -> Option<Instant> {
        (self.unanswered() == 0).then_some(self.last_used)
    }

    /// The end: what was unanswered, in the order of sending.
    pub(crate) fn into_unanswered(self) -> impl Iterator<Item = (u64, Written)> {
        let last = if self.channel.has_begun_writing() { Written::Perhaps } else { Written::No };
        let in_flight = self.in_flight.into_iter().map(|request| (request.token, Written::Perhaps));
        in_flight.chain(self.writing.map(|request| (request.token, last)))
    }
}

/// The reason for closing when a response is not the one expected.
pub(super) fn wrong_correlation_id(expected: Option<i32>, found: i32) -> Arc<str> {
    match expected {
        Some(expected) => format!("correlation id {found} instead of {expected}").into(),
        None => format!("a response with correlation id {found} that answers no request").into(),
    }
}
