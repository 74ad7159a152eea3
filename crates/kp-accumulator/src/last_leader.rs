//! The leader of a partition as the driver saw it last, for appends that ask whether a batch could leave now.

use kp_protocol::BrokerId;
use std::sync::atomic::{AtomicI32, Ordering::Relaxed};

/// The leader of a queue's partition, as the driver saw it when the queue was ready last.
#[derive(Debug, Default)]
pub(crate) struct LastLeader(AtomicI32);

impl LastLeader {
    /// No broker has this number; leaders are not negative.
    const NONE: i32 = -1;

    pub(crate) fn unknown() -> Self {
        Self(AtomicI32::new(Self::NONE))
    }

    pub(crate) fn set(&self, broker: Option<BrokerId>) {
        self.0.store(broker.map_or(Self::NONE, |broker| broker.0), Relaxed);
    }

    pub(crate) fn get(&self) -> Option<BrokerId> {
        Some(BrokerId(self.0.load(Relaxed))).filter(|broker| broker.0 >= 0)
    }
}
