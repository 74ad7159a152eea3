//! What a sender asks about brokers before it sends: the two questions of [`KafkaClient`] that change nothing it sends.

use crate::{KafkaClient, Readiness};
use kp_protocol::BrokerId;
use std::time::Instant;

/// Answers a sender core while it decides what to send. The answers hold for one request: a broker that took one has to be
/// asked again.
pub trait Nodes {
    /// Whether `broker` takes a request now; see [`KafkaClient::readiness`].
    fn readiness(&mut self, now: Instant, broker: BrokerId) -> Readiness;

    /// The broker to ask for things that any broker knows; see [`KafkaClient::least_loaded`].
    fn least_loaded(&mut self, now: Instant) -> Option<BrokerId>;
}

/// A client as [`Nodes`].
pub struct ClientNodes<'a>(&'a mut dyn KafkaClient);

impl<'a> ClientNodes<'a> {
    /// Lets `client` answer.
    pub fn new(client: &'a mut dyn KafkaClient) -> Self {
        Self(client)
    }
}

impl Nodes for ClientNodes<'_> {
    fn readiness(&mut self, now: Instant, broker: BrokerId) -> Readiness {
        self.0.readiness(now, broker)
    }

    fn least_loaded(&mut self, now: Instant) -> Option<BrokerId> {
        self.0.least_loaded(now)
    }
}

impl std::fmt::Debug for ClientNodes<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ClientNodes")
    }
}
