//! One question to a broker and its answer, besides Produce: where it stands, and which token answers it.
//!
//! ```text
//! Idle ──due, a broker is ready──▶ Sent ──answered, failed or refused──▶ Idle
//!   ▲  └──the chosen one is not──▶ Waiting
//!   └──an event, or its moment────────┘
//! ```
//! One request of each kind is in flight at most. What moves it is in `question.rs`; what is asked, in `exchanges`.
//! Owner: the part that wants the answer.

use kp_client::ConnectionNumber;
use kp_protocol::{BrokerId, BrokerVersions};
use std::sync::Arc;
use std::time::Instant;

/// Where the exchange stands.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum Exchange<Q> {
    #[default]
    Idle,
    /// The chosen broker is not ready; an event or this moment brings a new choice.
    Waiting { until: Option<Instant> },
    /// The request is under way.
    Sent(Asked<Q>),
}

/// A request that an answer or a failure consumes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Asked<Q> {
    pub(crate) token: u64,
    pub(crate) broker: BrokerId,
    pub(crate) version: i16,
    pub(crate) question: Q,
}

/// A broker that takes a request now.
pub(crate) struct ReadyNode {
    pub(crate) broker: BrokerId,
    pub(crate) connection: ConnectionNumber,
    pub(crate) versions: Arc<BrokerVersions>,
}

impl<Q> Exchange<Q> {
    pub(crate) fn is_idle(&self) -> bool {
        matches!(self, Self::Idle)
    }

    pub(crate) fn is_sent(&self) -> bool {
        matches!(self, Self::Sent(_))
    }

    /// What is under way.
    pub(crate) fn question(&self) -> Option<&Q> {
        match self {
            Self::Sent(asked) => Some(&asked.question),
            Self::Idle | Self::Waiting { .. } => None,
        }
    }

    /// The host has done network work: perhaps a broker is ready now.
    pub(crate) fn begin_cycle(&mut self, now: Instant) {
        if matches!(self, Self::Waiting { until } if until.is_none_or(|at| at <= now)) {
            *self = Self::Idle;
        }
    }

    /// A connection came or went: perhaps another broker is the better choice now.
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
        self.give_up()
    }

    /// Takes the request under way, whose answer is of no use any more, or stops waiting for a broker.
    pub(crate) fn give_up(&mut self) -> Option<Asked<Q>> {
        match std::mem::replace(self, Self::Idle) {
            Self::Sent(asked) => Some(asked),
            Self::Idle | Self::Waiting { .. } => None,
        }
    }

    /// When a step is worth it without an event, for a question that is due then.
    pub(crate) fn next(&self, due: Instant) -> Option<Instant> {
        match self {
            Self::Idle => Some(due),
            Self::Waiting { until } => *until,
            Self::Sent(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kp_time::{Clock, ManualClock};
    use std::time::Duration;

    fn sent() -> Exchange<&'static str> {
        Exchange::Sent(Asked { token: 7, broker: BrokerId(1), version: 0, question: "?" })
    }

    #[test]
    fn only_its_own_token_ends_a_request() {
        let mut exchange = sent();
        assert_eq!(exchange.take(8), None);
        assert!(exchange.is_sent());
        assert_eq!(exchange.take(7).map(|asked| asked.question), Some("?"));
        assert!(exchange.is_idle());
        assert_eq!(exchange.take(7), None, "an answer ends it once");
    }

    #[test]
    fn a_wait_for_a_broker_ends_at_its_moment_or_with_an_event_and_a_request_with_neither() {
        let now = ManualClock::new().now();
        let (soon, due) = (now + Duration::from_secs(1), now);
        let mut exchange = Exchange::<()>::Waiting { until: Some(soon) };
        assert_eq!(exchange.next(due), Some(soon));
        exchange.begin_cycle(now);
        assert!(!exchange.is_idle());
        exchange.begin_cycle(soon);
        assert!(exchange.is_idle());
        assert_eq!(exchange.next(due), Some(due));
        let mut exchange = Exchange::<()>::Waiting { until: None };
        assert_eq!(exchange.next(due), None, "an event will tell");
        exchange.connection_event();
        assert!(exchange.is_idle());
        let mut exchange = sent();
        exchange.begin_cycle(soon);
        exchange.connection_event();
        assert!(exchange.is_sent());
        assert_eq!(exchange.next(due), None);
    }
}
