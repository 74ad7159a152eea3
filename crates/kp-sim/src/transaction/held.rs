//! Frames that are held back until their connection is long gone. Plain values; `late.rs` carries them out.

use std::collections::BTreeMap;
use std::time::Instant;

use bytes::Bytes;
use kp_protocol::BrokerId;

use crate::waiting::Waiting;

/// What is carried out late.
#[derive(Clone, Debug)]
pub(super) enum Held {
    /// A frame, at the broker that it reached, and when it did.
    Frame(BrokerId, Bytes, Instant),
    /// A request that waits for something else now.
    Waiting(Box<Waiting>),
}

/// The frames that are held back, by the moment at which they arrive.
#[derive(Clone, Debug, Default)]
pub(crate) struct HeldBack {
    held: BTreeMap<(Instant, u64), Held>,
    next: u64,
}

impl HeldBack {
    /// When the next one arrives.
    pub(super) fn next_moment(&self) -> Option<Instant> {
        self.held.first_key_value().map(|((at, _), _)| *at)
    }

    pub(super) fn hold(&mut self, until: Instant, held: Held) {
        self.next += 1;
        self.held.insert((until, self.next), held);
    }

    /// The one that arrives next.
    pub(super) fn take(&mut self) -> Option<Held> {
        self.held.pop_first().map(|(_, held)| held)
    }
}
