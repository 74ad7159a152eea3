//! Who this producer is to the brokers, and how far it is with finding out.

use crate::exchange::Exchange;
use crate::exchanges::producer_id::InitProducerId;
use kp_protocol::ProducerIdentity;
use std::time::Instant;

/// ```text
/// Missing ──InitProducerId is answered──▶ Known ──every epoch is used up──▶ Missing
///    └──the cluster gives none──▶ Without
/// ```
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    /// Batches carry none: not wanted, or the cluster cannot.
    Without,
    /// None yet; asked for when records wait, but not before this moment.
    Missing { not_before: Option<Instant>, exchange: Exchange<InitProducerId> },
    /// The id, and the newest epoch that some partition uses.
    Known(ProducerIdentity),
}

impl Identity {
    /// None, and it may be asked for from then on.
    pub(crate) fn missing(not_before: Option<Instant>) -> Self {
        Self::Missing { not_before, exchange: Exchange::Idle }
    }

    /// The exchange that brings one, while there is none.
    pub(crate) fn exchange(&mut self) -> Option<&mut Exchange<InitProducerId>> {
        match self {
            Self::Missing { exchange, .. } => Some(exchange),
            Self::Without | Self::Known(_) => None,
        }
    }

    /// When there is something to do without anything happening.
    pub(crate) fn next(&self) -> Option<Instant> {
        match self {
            Self::Missing { not_before, exchange: Exchange::Idle } => *not_before,
            Self::Missing { exchange, .. } => exchange.waits_until(),
            Self::Without | Self::Known(_) => None,
        }
    }
}
