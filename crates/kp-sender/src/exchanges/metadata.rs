//! Asking for metadata: when, and what to tell about the answer. One request is in flight at most (NC26). The choice of the
//! broker is the network's; one that does not answer costs the rest nothing but its turn.

use crate::exchange::{Asked, Chosen, Exchange, Question, ReadyNode, Unsayable};
use crate::{Output, SenderCore};
use bytes::Bytes;
use kp_client::Nodes;
use kp_metadata::{Answer, Cluster, Pending};
use kp_protocol::{ApiKey, BrokerId, ProtocolError, Segments, TopicName, encode_body};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// From here on a broker answers first and throttles then, so that the client holds back (KIP-219, NC20).
const CLIENT_THROTTLES_FROM: i16 = 6;

impl Question for Pending {
    const API: ApiKey = ApiKey::Metadata;

    fn encode(&self, version: i16) -> Result<Segments, ProtocolError> {
        encode_body(version, &self.body(version))
    }
}

impl SenderCore {
    /// Starts an update if one is due, and goes back to the bootstrap list if no broker has answered for too long (MD24).
    pub(crate) fn step_metadata(&mut self, now: Instant, nodes: &mut dyn Nodes) {
        if self.metadata.rebootstrap_at().is_some_and(|at| at <= now) {
            self.close_connections("back to the bootstrap list");
            return self.rebootstrap(now);
        }
        if !self.exchange.is_idle() || self.metadata.next_update_at(now).is_none_or(|at| at > now) {
            return;
        }
        self.metadata.begin_attempt(now);
        match self.choose(now, nodes) {
            Chosen::Ready(node) => self.send_metadata_request(now, &node),
            Chosen::NotReady(until) => self.exchange = Exchange::Waiting { until },
            // MD23: none is connected or connectable.
            Chosen::NoBroker if self.metadata.can_rebootstrap() => self.rebootstrap(now),
            Chosen::NoBroker | Chosen::Failed => self.metadata_failed(now, None),
        }
    }

    /// When [`step_metadata`](Self::step_metadata) has something to do without anything happening.
    pub(crate) fn next_metadata(&self, now: Instant) -> Option<Instant> {
        match self.exchange {
            Exchange::Idle => self.metadata.next_update_at(now),
            Exchange::Waiting { .. } | Exchange::Sent(_) => self.exchange.waits_until(),
        }
    }

    pub(crate) fn on_metadata_answer(&mut self, now: Instant, asked: Asked<Pending>, body: &Bytes) {
        let Asked { broker, version, question: pending, .. } = asked;
        let answer = match Answer::parse(body, version) {
            Ok(answer) => answer,
            Err(error) => {
                let reason: Arc<str> = Arc::from(format!("undecodable answer: {error}"));
                self.note_unreachable(broker, Arc::clone(&reason));
                self.put(Output::Disconnect { broker, reason });
                return self.metadata_failed(now, Some(pending));
            }
        };
        if version >= CLIENT_THROTTLES_FROM && answer.throttle() > Duration::ZERO {
            self.throttle(now, broker, answer.throttle());
        }
        let updated = self.metadata.answered(now, pending, answer);
        if updated.rebootstrapped {
            self.close_connections("the broker asked to start over (REBOOTSTRAP_REQUIRED)");
        }
        match updated.failure {
            Some(_) if updated.rebootstrapped => self.publish_cluster(),
            Some(code) => {
                self.note_unreachable(broker, Arc::from(format!("metadata: {code}")));
                self.report_metadata_failure();
            }
            // Also when nothing has changed: somebody may wait for an answer about a topic that still has none.
            None => self.publish_cluster(),
        }
    }

    /// The request in flight is lost, or there was no broker to send it to.
    pub(crate) fn metadata_failed(&mut self, now: Instant, pending: Option<Pending>) {
        match pending {
            Some(pending) => self.metadata.failed(now, pending),
            None => self.metadata.found_no_broker(now),
        }
        self.report_metadata_failure();
    }

    pub(crate) fn on_want_topic(&mut self, now: Instant, topic: TopicName) {
        self.metadata.want_topic(now, topic.clone());
        // Whoever asks may have looked at an older snapshot. A topic that is refused is asked about again, but nobody waits
        // for that (MD9).
        let is_answered = |cluster: &Cluster| {
            cluster.topic(&topic).is_some_and(|t| t.error().is_none_or(|e| !e.is_retriable()))
        };
        if is_answered(self.metadata.snapshot()) {
            self.publish_cluster();
        }
        self.look_again_for_producer_ids();
    }

    pub(crate) fn on_want_metadata(&mut self) {
        self.look_again_for_producer_ids();
        if !self.metadata.snapshot().is_bootstrap() {
            self.publish_cluster();
        }
    }

    pub(crate) fn on_connected(&mut self, broker: BrokerId) {
        self.unreachable.connected(broker);
        self.brokers.is_back(broker);
        self.brokers.event(broker);
        self.connection_event();
    }

    pub(crate) fn on_disconnected(&mut self, broker: BrokerId, address: Arc<str>, reason: Arc<str>) {
        // One that left the list is closed for that; it is nobody's failure.
        if self.metadata.snapshot().broker(broker).is_some() {
            self.unreachable.failed(broker, address, reason);
        }
        self.brokers.is_gone(broker);
        // NC11: whoever was waited for may have lost its partitions. One that nobody wanted (idle) tells nothing.
        if self.brokers.event(broker) {
            self.metadata.request_update();
        }
        let is_wanted = self.metadata.snapshot().is_bootstrap() || !self.exchange.is_idle();
        self.connection_event();
        if is_wanted {
            self.report_metadata_failure();
        }
    }

    /// Perhaps another broker is the better choice now.
    fn connection_event(&mut self) {
        self.exchange.connection_event();
        if let Some(exchange) = self.idempotence.identity.exchange() {
            exchange.connection_event();
        }
    }

    /// Remembers what a broker said, under the address it has in the snapshot.
    pub(crate) fn note_unreachable(&mut self, broker: BrokerId, reason: Arc<str>) {
        let address = self.address_of(broker);
        self.unreachable.failed(broker, address, reason);
    }

    pub(crate) fn address_of(&self, broker: BrokerId) -> Arc<str> {
        match self.metadata.snapshot().broker(broker) {
            Some(address) => Arc::from(address.to_string()),
            None => Arc::from(format!("broker {broker}")),
        }
    }

    fn send_metadata_request(&mut self, now: Instant, node: &ReadyNode) {
        let broker = node.broker;
        let Some(version) = node.versions.negotiate(ApiKey::Metadata) else {
            self.note_unreachable(broker, Arc::from("speaks no version of Metadata that this client speaks"));
            return self.metadata_failed(now, None);
        };
        let pending = self.metadata.begin_request(now);
        // Before its answer: no record is accepted without one.
        self.find_out_about_producer_ids(broker, &node.versions);
        match self.send_question(node, version, pending) {
            Ok(sent) => self.exchange = sent,
            Err(Unsayable { question, error }) => {
                self.note_unreachable(broker, Arc::from(format!("metadata request: {error}")));
                self.metadata_failed(now, Some(question));
            }
        }
    }

    fn rebootstrap(&mut self, now: Instant) {
        let pending = match std::mem::replace(&mut self.exchange, Exchange::Idle) {
            Exchange::Sent(Asked { question, .. }) => Some(question),
            Exchange::Idle | Exchange::Waiting { .. } => None,
        };
        self.metadata.rebootstrap(now, pending);
        self.publish_cluster();
    }

    /// MD24: open connections are closed first; their requests fail as disconnected.
    fn close_connections(&mut self, why: &str) {
        let why: Arc<str> = Arc::from(why);
        for broker in std::mem::take(&mut self.announced) {
            self.put(Output::Disconnect { broker: broker.id, reason: Arc::clone(&why) });
        }
    }

    fn report_metadata_failure(&mut self) {
        if let Some(reason) = self.unreachable.reason() {
            self.put(Output::MetadataFailed { reason });
        }
    }
}
