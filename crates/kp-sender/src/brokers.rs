//! Which broker is worth asking whether it takes a request, so that one that does not is not asked all the time.
//! Owner: the sender core.

use kp_protocol::BrokerId;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// What the brokers last answered to "ready?".
#[derive(Debug, Default)]
pub(crate) struct Brokers {
    /// Not before this moment, unless an event of the broker comes first.
    waits: BTreeMap<BrokerId, Instant>,
    /// Asked in this cycle, and not worth asking again in it.
    asked: Vec<BrokerId>,
    /// The last time that each asked to be left alone: from when, until when (KIP-219).
    throttles: BTreeMap<BrokerId, (Instant, Instant)>,
    /// Those whose connection broke or failed, and has not come back.
    down: BTreeSet<BrokerId>,
}

impl Brokers {
    /// The host has done network work: whatever was asked before may have another answer now.
    pub(crate) fn begin_cycle(&mut self, now: Instant) {
        self.asked.clear();
        self.waits.retain(|_, until| *until > now);
    }

    /// Whether to ask; if so, not again in this cycle unless [`may_take_more`](Self::may_take_more).
    pub(crate) fn ask(&mut self, broker: BrokerId) -> bool {
        let is_new = !self.waits.contains_key(&broker) && !self.asked.contains(&broker);
        if is_new {
            self.asked.push(broker);
        }
        is_new
    }

    /// It took a request and may take another.
    pub(crate) fn may_take_more(&mut self, broker: BrokerId) {
        self.forget_asked(broker);
    }

    /// It takes none before `until`, or before an event if that is `None`.
    pub(crate) fn waits(&mut self, broker: BrokerId, until: Option<Instant>) {
        if let Some(until) = until {
            self.waits.insert(broker, until);
        }
    }

    /// Something happened on its connection: it is worth asking. Says whether somebody wanted it.
    pub(crate) fn event(&mut self, broker: BrokerId) -> bool {
        let waited = self.waits.remove(&broker).is_some();
        self.forget_asked(broker) || waited
    }

    fn forget_asked(&mut self, broker: BrokerId) -> bool {
        let before = self.asked.len();
        self.asked.retain(|asked| *asked != broker);
        self.asked.len() < before
    }

    /// Its connection broke, or none could be made.
    pub(crate) fn is_gone(&mut self, broker: BrokerId) {
        self.down.insert(broker);
    }

    /// Its connection is there.
    pub(crate) fn is_back(&mut self, broker: BrokerId) {
        self.down.remove(&broker);
    }

    /// Whether one of them cannot be reached.
    pub(crate) fn any_down(&self, brokers: &[BrokerId]) -> bool {
        !self.down.is_empty() && brokers.iter().any(|broker| self.down.contains(broker))
    }

    /// It asked to be left alone.
    pub(crate) fn throttled(&mut self, broker: BrokerId, from: Instant, until: Instant) {
        self.throttles.insert(broker, (from, until));
    }

    /// The last time that it asked for that.
    pub(crate) fn last_throttle(&self, broker: BrokerId) -> Option<(Instant, Instant)> {
        self.throttles.get(&broker).copied()
    }

    /// Forgets whoever left the list.
    pub(crate) fn retain(&mut self, is_known: impl Fn(BrokerId) -> bool) {
        self.waits.retain(|broker, _| is_known(*broker));
        self.throttles.retain(|broker, _| is_known(*broker));
        self.down.retain(|broker| is_known(*broker));
    }

    /// When the first of those that wait is worth asking.
    pub(crate) fn next_ask(&self) -> Option<Instant> {
        self.waits.values().min().copied()
    }
}
