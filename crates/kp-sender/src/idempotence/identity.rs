//! Who this producer is to the brokers.

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
    Missing { not_before: Option<Instant> },
    /// The id, and the newest epoch that some partition uses.
    Known(ProducerIdentity),
}

impl Identity {
    pub(crate) fn known(&self) -> Option<ProducerIdentity> {
        match self {
            Self::Known(pair) => Some(*pair),
            Self::Without | Self::Missing { .. } => None,
        }
    }

    /// When one may be asked for, while there is none.
    pub(crate) fn due(&self, now: Instant) -> Option<Instant> {
        match self {
            Self::Missing { not_before } => Some(not_before.unwrap_or(now)),
            Self::Without | Self::Known(_) => None,
        }
    }
}
