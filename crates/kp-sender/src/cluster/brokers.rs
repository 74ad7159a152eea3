//! How each broker is: whether it is worth asking for a request, what it last said when it could not be used, how it throttles,
//! and which record format it takes.
//! Owner: [`KnownCluster`](super::KnownCluster). Bounded: a broker that leaves the list is forgotten.

use kp_protocol::records::MessageFormat;
use kp_protocol::{ApiKey, BrokerId, BrokerVersions};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Instant;

/// All brokers that something is known of.
#[derive(Debug, Default)]
pub(crate) struct Brokers {
    states: BTreeMap<BrokerId, BrokerState>,
    /// The newest record format that all of them take; `None` = batches.
    common: Option<MessageFormat>,
}

#[derive(Debug, Default)]
struct BrokerState {
    /// It takes no request before this moment, unless an event of its connection comes first.
    waits_until: Option<Instant>,
    /// Asked in this cycle, and not worth asking again in it.
    is_asked: bool,
    /// The last time that it asked to be left alone (KIP-219).
    throttle: Option<Throttle>,
    /// Its connection broke or failed, and has not come back.
    is_down: bool,
    /// Its connection is there.
    is_connected: bool,
    /// What it said when it could not be used, until it is connected.
    failure: Option<Failure>,
    /// The newest version of Produce that both speak, once it was ready.
    produce: Option<i16>,
}

/// For how long a broker asked to be left alone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Throttle {
    pub(crate) from: Instant,
    pub(crate) until: Instant,
}

#[derive(Debug)]
struct Failure {
    address: Arc<str>,
    reason: Arc<str>,
}

impl Brokers {
    /// The host has done network work: whatever was asked before may have another answer now.
    pub(crate) fn begin_cycle(&mut self, now: Instant) {
        for state in self.states.values_mut() {
            state.is_asked = false;
            state.waits_until = state.waits_until.filter(|until| *until > now);
        }
    }

    /// Whether to ask; if so, not again in this cycle unless [`may_take_more`](Self::may_take_more).
    pub(crate) fn ask(&mut self, broker: BrokerId) -> bool {
        let state = self.state(broker);
        let is_new = state.waits_until.is_none() && !state.is_asked;
        state.is_asked |= is_new;
        is_new
    }

    /// It took a request and may take another.
    pub(crate) fn may_take_more(&mut self, broker: BrokerId) {
        self.state(broker).is_asked = false;
    }

    /// It takes none before `until`, or before an event if that is `None`.
    pub(crate) fn waits(&mut self, broker: BrokerId, until: Option<Instant>) {
        if until.is_some() {
            self.state(broker).waits_until = until;
        }
    }

    /// Something happened on its connection: it is worth asking. Says whether it was wanted.
    pub(crate) fn event(&mut self, broker: BrokerId) -> bool {
        let Some(state) = self.states.get_mut(&broker) else { return false };
        let has_waited = state.waits_until.take().is_some();
        std::mem::take(&mut state.is_asked) || has_waited
    }

    /// When the first of those that wait is worth asking.
    pub(crate) fn next_ask(&self) -> Option<Instant> {
        self.states.values().filter_map(|state| state.waits_until).min()
    }

    /// Its connection broke, or none could be made.
    pub(crate) fn is_gone(&mut self, broker: BrokerId) {
        let state = self.state(broker);
        (state.is_down, state.is_connected) = (true, false);
    }

    /// Its connection is there.
    pub(crate) fn is_back(&mut self, broker: BrokerId) {
        let state = self.state(broker);
        (state.is_down, state.is_connected) = (false, true);
    }

    /// Whether one of all has a connection.
    pub(crate) fn any_connected(&self) -> bool {
        self.states.values().any(|state| state.is_connected)
    }

    /// Whether one of them cannot be reached.
    pub(crate) fn any_down(&self, brokers: &[BrokerId]) -> bool {
        brokers.iter().any(|broker| self.states.get(broker).is_some_and(|state| state.is_down))
    }

    /// It asked to be left alone.
    pub(crate) fn throttled(&mut self, broker: BrokerId, from: Instant, until: Instant) {
        self.state(broker).throttle = Some(Throttle { from, until });
    }

    /// The last time that it asked for that.
    pub(crate) fn last_throttle(&self, broker: BrokerId) -> Option<Throttle> {
        self.states.get(&broker)?.throttle
    }

    /// It could not be used, or gave no usable answer.
    pub(crate) fn failed(&mut self, broker: BrokerId, address: Arc<str>, reason: Arc<str>) {
        self.state(broker).failure = Some(Failure { address, reason });
    }

    /// A new connection to it is ready.
    pub(crate) fn connected(&mut self, broker: BrokerId) {
        self.is_back(broker);
        self.state(broker).failure = None;
    }

    /// `host:port: what it said`, if it failed last.
    pub(crate) fn failure_of(&self, broker: BrokerId) -> Option<Arc<str>> {
        let Failure { address, reason } = self.states.get(&broker)?.failure.as_ref()?;
        Some(Arc::from(format!("{address}: {reason}")))
    }

    /// The same of all that failed: `host:port: what it said; host:port: …`, bootstrap entries in the order of the list.
    pub(crate) fn why_unreachable(&self) -> Option<Arc<str>> {
        let mut text = String::new();
        // Bootstrap ids count down from −1: backwards is the order in which the user wrote them.
        for Failure { address, reason } in
            self.states.values().rev().filter_map(|state| state.failure.as_ref())
        {
            let separator = if text.is_empty() { "" } else { "; " };
            let _ = write!(text, "{separator}{address}: {reason}");
        }
        (!text.is_empty()).then(|| Arc::from(text))
    }

    /// Takes in what a broker speaks. Says whether the record format that all have in common is another one by that.
    pub(crate) fn heard(&mut self, broker: BrokerId, versions: &BrokerVersions) -> bool {
        let produce = versions.negotiate(ApiKey::Produce);
        // Asked before each request: the same answer as ever changes nothing.
        if produce.is_none() || self.state(broker).produce == produce {
            return false;
        }
        self.state(broker).produce = produce;
        self.find_common()
    }

    /// The record format that all have in common; `None` = batches.
    pub(crate) fn common_format(&self) -> Option<MessageFormat> {
        self.common
    }

    /// One that takes no newer format than the common one, and the version of Produce that it speaks.
    pub(crate) fn oldest(&self) -> Option<(BrokerId, i16)> {
        let mut heard = self.states.iter().filter_map(|(broker, state)| Some((*broker, state.produce?)));
        heard.find(|(_, produce)| MessageFormat::of_produce(*produce) == self.common)
    }

    /// Forgets each broker that left the list. Says whether the common format is another one by that; if no broker that was heard
    /// is left, it stays until one is heard again.
    pub(crate) fn retain(&mut self, is_known: impl Fn(BrokerId) -> bool) -> bool {
        self.states.retain(|broker, _| is_known(*broker));
        self.states.values().any(|state| state.produce.is_some()) && self.find_common()
    }

    fn find_common(&mut self) -> bool {
        let formats = self.states.values().filter_map(|state| MessageFormat::of_produce(state.produce?));
        let common = formats.min();
        std::mem::replace(&mut self.common, common) != common
    }

    fn state(&mut self, broker: BrokerId) -> &mut BrokerState {
        self.states.entry(broker).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kp_protocol::VersionRange;
    use kp_time::{Clock, ManualClock};

    fn up_to(produce: i16) -> BrokerVersions {
        BrokerVersions::fixed([(ApiKey::Produce, VersionRange::new(0, produce))])
    }

    #[test]
    fn the_reason_names_every_address_with_its_last_words() {
        let mut brokers = Brokers::default();
        assert_eq!(brokers.why_unreachable(), None);
        brokers.failed(BrokerId(-1), "a:1".into(), "no such host".into());
        brokers.failed(BrokerId(-2), "b:2".into(), "timed out".into());
        brokers.failed(BrokerId(-2), "b:2".into(), "connection refused".into());
        assert_eq!(brokers.why_unreachable().as_deref(), Some("a:1: no such host; b:2: connection refused"));
        assert_eq!(brokers.failure_of(BrokerId(-1)).as_deref(), Some("a:1: no such host"));
        brokers.connected(BrokerId(-1));
        assert_eq!(brokers.why_unreachable().as_deref(), Some("b:2: connection refused"));
    }

    #[test]
    fn the_oldest_broker_decides_which_format_all_have_in_common() {
        let (one, two, bootstrap) = (BrokerId(1), BrokerId(2), BrokerId(-1));
        let mut brokers = Brokers::default();
        assert!(brokers.heard(bootstrap, &up_to(1)));
        assert_eq!(brokers.common_format(), Some(MessageFormat::V0));
        assert!(!brokers.heard(bootstrap, &up_to(1)), "told once");
        assert!(!brokers.retain(|broker| !broker.is_bootstrap()), "no broker is left to ask");
        assert!(brokers.heard(one, &up_to(2)));
        assert_eq!(brokers.common_format(), Some(MessageFormat::V1));
        assert!(!brokers.heard(two, &up_to(13)), "a newer one changes nothing");
        assert_eq!(brokers.oldest(), Some((one, 2)));
        assert!(brokers.heard(one, &up_to(9)), "it was upgraded");
        assert_eq!(brokers.common_format(), None);
        assert!(brokers.heard(two, &up_to(1)));
        assert_eq!(brokers.common_format(), Some(MessageFormat::V0));
        assert!(brokers.retain(|broker| broker == one));
        assert_eq!(brokers.common_format(), None);
    }

    #[test]
    fn a_broker_without_produce_decides_no_format() {
        assert!(!Brokers::default().heard(BrokerId(1), &BrokerVersions::default()));
    }

    #[test]
    fn an_event_of_a_broker_says_whether_it_was_asked_or_waited_for() {
        let (mut brokers, now, broker) = (Brokers::default(), ManualClock::new().now(), BrokerId(1));
        assert!(!brokers.event(broker), "it was not wanted");
        assert!(brokers.ask(broker) && !brokers.ask(broker), "once in a cycle");
        assert!(brokers.event(broker) && brokers.ask(broker));
        brokers.waits(broker, Some(now));
        assert_eq!(brokers.next_ask(), Some(now));
        brokers.begin_cycle(now);
        assert!(!brokers.event(broker), "its moment has come");
    }
}
