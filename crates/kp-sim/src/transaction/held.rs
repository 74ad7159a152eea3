//! Frames that are held back until their connection is long gone, and what came of them. Plain values; `late.rs` carries them out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use bytes::Bytes;
use kp_protocol::{ApiKey, BrokerId};

use crate::waiting::Waiting;

/// What is carried out late.
#[derive(Clone, Debug)]
pub(super) enum Held {
    /// A frame, at the broker that it reached, and when it did.
    Frame(BrokerId, Bytes, Instant),
    /// A request that waits for something else now.
    Waiting(Box<Waiting>),
}

/// A frame that was carried out when its connection was gone ([`Fault::Late`](crate::Fault::Late)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LateFrame {
    /// Its API.
    pub api: ApiKey,
    /// Its body.
    pub body: Bytes,
    /// When it reached its broker.
    pub arrived: Instant,
    /// When it was carried out.
    pub carried_out: Instant,
    /// The transactional ids whose markers were being written then: a frame of such a transaction still falls before its marker.
    pub ending: BTreeSet<String>,
    /// What it changed, in words: a transactional id, a log, or the offsets of a group. `None`: nothing.
    pub changed: Option<String>,
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
