//! Without the feature `tracing`: the same calls, and nothing in them.

use kp_client::ClientRequest;
use kp_network::{DisconnectReason, Event};
use kp_sender::Settlement;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(crate) struct Tracer;

impl Tracer {
    pub(crate) fn new(_client_id: &Arc<str>) -> Self {
        Self
    }

    pub(crate) fn request(&mut self, _request: &ClientRequest) {}

    pub(crate) fn event(&mut self, _event: &Event) {}

    pub(crate) fn refused(&mut self, _token: u64) {}

    pub(crate) fn batch(&self, _now: Instant, _settlement: &Settlement) {}
}

pub(crate) fn notice(_client_id: &str, _words: &str) {}

#[cfg(feature = "tokio")]
pub(crate) fn over(_client_id: &str, _words: &str) {}

pub(crate) fn unreachable(_client_id: &str, _address: &str, _reason: &DisconnectReason) {}

pub(crate) fn reached(_client_id: &str, _address: &str, _after: Duration) {}
