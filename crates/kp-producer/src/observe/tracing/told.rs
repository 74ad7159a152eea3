//! With the feature `tracing`: spans and events, all of target `kp`.
//!
//! Bounded: a span lives as long as its request is unanswered, and of those there are at most
//! `max.in.flight.requests.per.connection` for each broker.

use bytes::Bytes;
use kp_accumulator::Outcome;
use kp_client::ClientRequest;
use kp_network::{DisconnectReason, Event};
use kp_sender::Settlement;
use rustc_hash::FxBuildHasher;
use std::collections::HashMap;
use std::fmt::Display;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::{Span, debug, debug_span, field, field::display, info, warn};

pub(crate) struct Tracer {
    client_id: Arc<str>,
    /// Of what is unanswered, by token.
    requests: HashMap<u64, Span, FxBuildHasher>,
}

impl Tracer {
    pub(crate) fn new(client_id: &Arc<str>) -> Self {
        Self { client_id: Arc::clone(client_id), requests: HashMap::default() }
    }

    /// A request goes out. A root of its own: what it carries comes from many callers.
    pub(crate) fn request(&mut self, request: &ClientRequest) {
        let span = debug_span!(
            target: "kp",
            parent: None,
            "request",
            client_id = &*self.client_id,
            broker = request.broker.0,
            api = request.api_key.name(),
            version = request.version,
            bytes = request.body.iter().map(Bytes::len).sum::<usize>(),
            outcome = field::Empty,
        );
        if !span.is_disabled() {
            self.requests.insert(request.token, span);
        }
    }

    /// What happened on the network: it may end a request.
    pub(crate) fn event(&mut self, event: &Event) {
        match event {
            Event::Answered { token, .. } => self.end(*token, "answered"),
            Event::Written { token } => self.end(*token, "written"),
            Event::Failed { token, reason, .. } => self.end(*token, reason),
            Event::Connected { .. }
            | Event::Writable { .. }
            | Event::OldCluster { .. }
            | Event::SecurityNoticed { .. }
            | Event::Disconnected { .. } => {}
        }
    }

    /// The network did not take a request.
    pub(crate) fn refused(&mut self, token: u64) {
        self.end(token, "not sent");
    }

    fn end(&mut self, token: u64, outcome: impl Display) {
        if let Some(span) = self.requests.remove(&token) {
            span.record("outcome", display(outcome));
        }
    }

    /// A batch has ended.
    pub(crate) fn batch(&self, now: Instant, settlement: &Settlement) {
        let at = settlement.topic_partition();
        let (outcome, offset, error) = match settlement.outcome() {
            Outcome::Written { base_offset, .. } => ("written", base_offset.map(|offset| offset.0), None),
            Outcome::Failed(failure) => ("failed", None, Some(display(failure))),
            Outcome::Split(_) => ("split", None, None),
        };
        debug!(
            target: "kp",
            client_id = &*self.client_id,
            topic = at.topic.as_str(),
            partition = at.partition.0,
            records = settlement.record_count(),
            bytes = settlement.raw_size(),
            attempts = settlement.attempts(),
            age_ms = now.saturating_duration_since(settlement.created()).as_secs_f64() * 1000.0,
            outcome,
            offset,
            error,
            "batch"
        );
    }
}

/// Something that an operator should know; it is told once.
pub(crate) fn notice(client_id: &str, words: &str) {
    warn!(target: "kp", client_id, "{words}");
}

/// Something that a notice was about is over.
#[cfg(feature = "tokio")]
pub(crate) fn over(client_id: &str, words: &str) {
    info!(target: "kp", client_id, "{words}");
}

/// A broker cannot be reached; told once for each outage.
pub(crate) fn unreachable(client_id: &str, address: &str, reason: &DisconnectReason) {
    warn!(target: "kp", client_id, address, reason = %reason, "broker cannot be reached");
}

/// It can be, again.
pub(crate) fn reached(client_id: &str, address: &str, after: Duration) {
    info!(target: "kp", client_id, address, after_s = after.as_secs_f64(), "broker is back");
}
