//! Who this producer is to the brokers, and how far it is with finding out.

use kp_protocol::{BrokerId, ProducerIdentity};
use std::time::Instant;

/// ```text
/// Missing ──due, records wait──▶ Choosing ──broker──▶ Checking ──ready──▶ Asked ──answered──▶ Known
///    ▲                             │ none               │ not ready: Waiting   │ refused, lost
///    └─────────────────────────────┴────────────────────┴──────────────────────┘
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    /// Batches carry none: not wanted, or the cluster cannot.
    Without,
    /// None yet; asked for when records wait, but not before this moment.
    Missing { not_before: Option<Instant> },
    /// The network was asked for a broker.
    Choosing,
    /// It named this one, and was asked whether it is ready.
    Checking { broker: BrokerId },
    /// It is not ready; an event or this moment brings a new choice.
    Waiting { until: Option<Instant> },
    /// InitProducerId is under way.
    Asked { token: u64, broker: BrokerId, version: i16 },
    /// The id, and the newest epoch that some partition uses.
    Known(ProducerIdentity),
}

impl Identity {
    /// A question to the network is open; nobody else asks one meanwhile.
    pub(crate) fn is_asking_network(&self) -> bool {
        matches!(self, Self::Choosing | Self::Checking { .. })
    }

    /// To whom the request with this token went, if it is the one under way.
    pub(crate) fn broker_of(&self, token: u64) -> Option<BrokerId> {
        match self {
            Self::Asked { token: asked, broker, .. } if *asked == token => Some(*broker),
            _ => None,
        }
    }

    /// The host has done network work; perhaps somebody is ready now.
    pub(crate) fn begin_cycle(&mut self, now: Instant) {
        if matches!(self, Self::Waiting { until } if until.is_none_or(|at| at <= now)) {
            *self = Self::Missing { not_before: None };
        }
    }

    /// A connection came or went.
    pub(crate) fn connection_event(&mut self) {
        if matches!(self, Self::Waiting { .. }) {
            *self = Self::Missing { not_before: None };
        }
    }

    /// When there is something to do without anything happening.
    pub(crate) fn next(&self) -> Option<Instant> {
        match self {
            Self::Missing { not_before } => *not_before,
            Self::Waiting { until } => *until,
            _ => None,
        }
    }
}
