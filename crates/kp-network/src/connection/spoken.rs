//! What the stage of versions leaves to those behind it: what the broker speaks.

use crate::OldKafka;
use crate::known_cluster::Found;
use kp_protocol::BrokerVersions;
use std::sync::Arc;
use std::time::Duration;

/// What the broker speaks, and what the asking cost.
#[derive(Clone, Debug)]
pub(super) struct Spoken {
    pub(super) versions: Arc<BrokerVersions>,
    /// How long the broker wants to be left alone (KIP-219).
    pub(super) throttle: Duration,
    pub(super) found: Found,
}

impl Spoken {
    /// Nothing yet.
    pub(super) fn nothing() -> Self {
        Self { versions: Arc::default(), throttle: Duration::ZERO, found: Found::Nothing }
    }

    /// What is taken for granted of a broker of that version.
    pub(super) fn by(old: OldKafka, found: Found) -> Self {
        Self { versions: Arc::new(old.versions()), throttle: Duration::ZERO, found }
    }
}
