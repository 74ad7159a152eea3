//! Asking for metadata: which broker, when, and what to tell whom about the answer.
//!
//! ```text
//! Idle ──due──▶ Choosing ──broker──▶ Checking ──ready──▶ Sent ──answered or failed──▶ Idle
//!   ▲               │ none: failed      │ not ready
//!   └───────────────┴────────────── Waiting (an event, or its moment)
//! ```
//! One request is in flight at most (NC26). The choice is the network's; a broker that does not answer costs the rest
//! nothing but its turn.

use crate::idempotence::identity::Identity;
use crate::{BrokerReadiness, OutgoingRequest, Output, SenderCore};
use bytes::Bytes;
use kp_metadata::{Answer, Cluster, Metadata, Pending};
use kp_protocol::{ApiKey, BrokerId, BrokerVersions, TopicName, encode_body};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// From here on a broker answers first and throttles then, so that the client holds back (KIP-219, NC20).
const CLIENT_THROTTLES_FROM: i16 = 6;

/// Where the exchange stands.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Exchange {
    Idle,
    /// The network was asked for a broker.
    Choosing,
    /// It named this one, and was asked whether it is ready.
    Checking {
        broker: BrokerId,
    },
    /// It is not ready; an event or this moment brings a new choice.
    Waiting {
        until: Option<Instant>,
    },
    /// The request is under way.
    Sent {
        token: u64,
        broker: BrokerId,
        version: i16,
        pending: Pending,
    },
}

impl Exchange {
    /// The host has done network work; perhaps somebody is ready now.
    pub(crate) fn begin_cycle(&mut self, now: Instant) {
        if matches!(self, Self::Waiting { until } if until.is_none_or(|at| at <= now)) {
            *self = Self::Idle;
        }
    }

    /// A connection came or went.
    pub(crate) fn connection_event(&mut self) {
        if matches!(self, Self::Waiting { .. }) {
            *self = Self::Idle;
        }
    }

    /// Whether this broker was chosen and its readiness is asked for.
    pub(crate) fn is_checking(&self, broker: BrokerId) -> bool {
        *self == Self::Checking { broker }
    }

    /// A question to the network is open; nobody else asks one meanwhile.
    pub(crate) fn is_asking_network(&self) -> bool {
        matches!(self, Self::Choosing | Self::Checking { .. })
    }

    /// To whom the request with this token went, if it is the one under way.
    pub(crate) fn broker_of(&self, token: u64) -> Option<BrokerId> {
        match self {
            Self::Sent { token: sent, broker, .. } if *sent == token => Some(*broker),
            Self::Idle
            | Self::Choosing
            | Self::Checking { .. }
            | Self::Waiting { .. }
            | Self::Sent { .. } => None,
        }
    }

    /// Whether this is the token of the request under way.
    pub(crate) fn has_sent(&self, token: u64) -> bool {
        self.broker_of(token).is_some()
    }

    /// When [`SenderCore::step_metadata`] has something to do without anything happening.
    pub(crate) fn next(&self, now: Instant, metadata: &Metadata) -> Option<Instant> {
        match self {
            Self::Idle => metadata.next_update_at(now),
            Self::Waiting { until } => *until,
            Self::Choosing | Self::Checking { .. } | Self::Sent { .. } => None,
        }
    }
}

impl SenderCore {
    /// Starts an update if one is due, and goes back to the bootstrap list if nobody has answered for too long (MD24).
    pub(crate) fn step_metadata(&mut self, now: Instant) {
        if self.metadata.rebootstrap_at().is_some_and(|at| at <= now) {
            self.close_connections("back to the bootstrap list");
            self.rebootstrap(now);
        }
        let is_free = self.exchange == Exchange::Idle && !self.idempotence.identity.is_asking_network();
        if is_free && self.metadata.next_update_at(now).is_some_and(|at| at <= now) {
            self.metadata.begin_attempt(now);
            self.exchange = Exchange::Choosing;
            self.put(Output::AskLeastLoaded);
        }
    }

    pub(crate) fn on_least_loaded(&mut self, now: Instant, broker: Option<BrokerId>) {
        if self.idempotence.identity == Identity::Choosing {
            return self.on_least_loaded_for_identity(now, broker);
        }
        if self.exchange != Exchange::Choosing {
            return;
        }
        match broker {
            Some(broker) => {
                self.exchange = Exchange::Checking { broker };
                self.put(Output::AskReadiness(broker));
            }
            // MD23: nobody is connected or connectable.
            None if self.metadata.can_rebootstrap() => self.rebootstrap(now),
            None => self.metadata_failed(now),
        }
    }

    /// The readiness of the broker that was chosen.
    pub(crate) fn on_metadata_readiness(
        &mut self,
        now: Instant,
        broker: BrokerId,
        readiness: BrokerReadiness,
    ) {
        match readiness {
            BrokerReadiness::Ready { connection, versions } => {
                self.send_metadata_request(now, broker, connection, &versions);
            }
            BrokerReadiness::Wait { until } => self.exchange = Exchange::Waiting { until },
            BrokerReadiness::Failed { reason, .. } => {
                self.note_unreachable(broker, reason);
                self.metadata_failed(now);
            }
        }
    }

    pub(crate) fn on_metadata_answer(&mut self, now: Instant, body: &Bytes) {
        let Exchange::Sent { broker, version, pending, .. } =
            std::mem::replace(&mut self.exchange, Exchange::Idle)
        else {
            return;
        };
        let answer = match Answer::parse(body, version) {
            Ok(answer) => answer,
            Err(error) => {
                let reason: Arc<str> = Arc::from(format!("undecodable answer: {error}"));
                self.note_unreachable(broker, Arc::clone(&reason));
                self.put(Output::Disconnect { broker, reason });
                self.metadata.failed(now, pending);
                return self.report_metadata_failure();
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

    /// The request in flight is lost, or there was nobody to send it to.
    pub(crate) fn metadata_failed(&mut self, now: Instant) {
        match std::mem::replace(&mut self.exchange, Exchange::Idle) {
            Exchange::Sent { pending, .. } => self.metadata.failed(now, pending),
            Exchange::Idle | Exchange::Choosing | Exchange::Checking { .. } | Exchange::Waiting { .. } => {
                self.metadata.found_no_broker(now);
            }
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
        self.idempotence.identity.connection_event();
        self.exchange.connection_event();
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
        let is_wanted = self.metadata.snapshot().is_bootstrap() || self.exchange != Exchange::Idle;
        self.exchange.connection_event();
        self.idempotence.identity.connection_event();
        if is_wanted {
            self.report_metadata_failure();
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

    fn send_metadata_request(
        &mut self,
        now: Instant,
        broker: BrokerId,
        connection: u64,
        versions: &BrokerVersions,
    ) {
        let Some(version) = versions.negotiate(ApiKey::Metadata) else {
            self.note_unreachable(broker, Arc::from("speaks no version of Metadata that this client speaks"));
            return self.metadata_failed(now);
        };
        let pending = self.metadata.begin_request(now);
        let body = match encode_body(version, &pending.body(version)) {
            Ok(body) => body,
            Err(error) => {
                self.note_unreachable(broker, Arc::from(format!("metadata request: {error}")));
                self.metadata.failed(now, pending);
                self.exchange = Exchange::Idle;
                return self.report_metadata_failure();
            }
        };
        // Before its answer: nobody has a record accepted without one.
        self.find_out_about_producer_ids(broker, versions);
        let token = self.take_token();
        self.exchange = Exchange::Sent { token, broker, version, pending };
        self.brokers.may_take_more(broker);
        self.put_first(Output::Send(OutgoingRequest {
            token,
            broker,
            connection,
            api_key: ApiKey::Metadata,
            version,
            body,
            timeout: self.settings.request_timeout,
            expects_response: true,
        }));
    }

    fn rebootstrap(&mut self, now: Instant) {
        let pending = match std::mem::replace(&mut self.exchange, Exchange::Idle) {
            Exchange::Sent { pending, .. } => Some(pending),
            Exchange::Idle | Exchange::Choosing | Exchange::Checking { .. } | Exchange::Waiting { .. } => {
                None
            }
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
