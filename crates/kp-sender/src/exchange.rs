//! One question to a broker and its answer, besides Produce: whom to ask, when, and which token answers it.
//!
//! ```text
//! Idle ──due, a broker is ready──▶ Sent ──answered, failed or refused──▶ Idle
//!   ▲  └──the chosen one is not──▶ Waiting
//!   └──an event, or its moment────────┘
//! ```
//! One request of each kind is in flight at most. What is asked, and what its answer means, is in `exchanges`.

use crate::{Output, SenderCore};
use kp_client::{ClientRequest, ConnectionNumber, Nodes, Readiness};
use kp_protocol::{ApiKey, BrokerId, BrokerVersions, ProtocolError, Segments};
use std::sync::Arc;
use std::time::Instant;

/// What is asked. Its value is kept until the answer, which it helps to read.
pub(crate) trait Question {
    const API: ApiKey;

    /// The body in `version`.
    ///
    /// # Errors
    /// It cannot be said in that version.
    fn encode(&self, version: i16) -> Result<Segments, ProtocolError>;
}

/// Where the exchange stands.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Exchange<Q> {
    Idle,
    /// The chosen broker is not ready; an event or this moment brings a new choice.
    Waiting {
        until: Option<Instant>,
    },
    /// The request is under way.
    Sent(Asked<Q>),
}

/// A request that an answer or a failure consumes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Asked<Q> {
    token: u64,
    pub(crate) broker: BrokerId,
    pub(crate) version: i16,
    pub(crate) question: Q,
}

impl<Q> Exchange<Q> {
    pub(crate) fn is_idle(&self) -> bool {
        matches!(self, Self::Idle)
    }

    /// The host has done network work: perhaps a broker is ready now.
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

    /// Takes the request under way, if this token is its own.
    pub(crate) fn take(&mut self, token: u64) -> Option<Asked<Q>> {
        if !matches!(self, Self::Sent(asked) if asked.token == token) {
            return None;
        }
        match std::mem::replace(self, Self::Idle) {
            Self::Sent(asked) => Some(asked),
            Self::Idle | Self::Waiting { .. } => None,
        }
    }

    /// When a new choice is worth it without an event.
    pub(crate) fn waits_until(&self) -> Option<Instant> {
        match self {
            Self::Waiting { until } => *until,
            Self::Idle | Self::Sent(_) => None,
        }
    }
}

/// A question that has no form in the broker's version, given back.
pub(crate) struct Unsayable<Q> {
    pub(crate) question: Q,
    pub(crate) error: ProtocolError,
}

/// A broker that takes a request now.
pub(crate) struct ReadyNode {
    pub(crate) broker: BrokerId,
    pub(crate) connection: ConnectionNumber,
    pub(crate) versions: Arc<BrokerVersions>,
}

/// The network's choice for what any broker answers.
pub(crate) enum Chosen {
    Ready(ReadyNode),
    /// One that is not ready, and when asking again is worth it without an event.
    NotReady(Option<Instant>),
    /// One that cannot be used; the reason is noted.
    Failed,
    /// No broker is connected or may be connected to now.
    NoBroker,
}

impl SenderCore {
    /// Lets the network choose the broker for a question that any of them answers.
    pub(crate) fn choose(&mut self, now: Instant, nodes: &mut dyn Nodes) -> Chosen {
        self.is_dirty = true;
        let Some(broker) = nodes.least_loaded(now) else { return Chosen::NoBroker };
        match self.ask(now, broker, nodes) {
            Readiness::Ready { connection, versions } => {
                Chosen::Ready(ReadyNode { broker, connection, versions })
            }
            Readiness::Wait { until, .. } => Chosen::NotReady(until),
            Readiness::Failed { reason, .. } => {
                self.note_unreachable(broker, reason);
                Chosen::Failed
            }
        }
    }

    /// Asks a broker that is ready.
    ///
    /// # Errors
    /// The question cannot be said in this version.
    pub(crate) fn send_question<Q: Question>(
        &mut self,
        node: &ReadyNode,
        version: i16,
        question: Q,
    ) -> Result<Exchange<Q>, Unsayable<Q>> {
        let (broker, connection) = (node.broker, node.connection);
        let body = match question.encode(version) {
            Ok(body) => body,
            Err(error) => return Err(Unsayable { question, error }),
        };
        let token = self.take_token();
        self.brokers.may_take_more(broker);
        self.put(Output::Send(ClientRequest {
            token,
            broker,
            connection,
            api_key: Q::API,
            version,
            body,
            timeout: self.settings.request_timeout,
            expects_response: true,
        }));
        Ok(Exchange::Sent(Asked { token, broker, version, question }))
    }
}
