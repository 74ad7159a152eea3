//! The default [`KafkaClient`]: connections, correlation, requests in flight, timeouts, backoff.
//!
//! Pure: it is told the time by a [`Clock`] and bytes by a [`Selectable`], and knows no socket and no runtime. Owned
//! by the driver and called from its thread only.

mod least_loaded;
mod life;
mod naming;
mod notices;
mod numbers;
mod questions;
mod renewal;
mod replacement;
mod replacing;
mod secured;
mod turn;
mod turns;

#[cfg(test)]
mod scripted;
#[cfg(test)]
mod tests;

use crate::broker::Broker;
use crate::connection::Link;
use crate::correlation_ids::CorrelationIds;
use crate::counters::Counters;
use crate::known_cluster::KnownCluster;
use crate::{
    ClientRequest, DisconnectReason, Event, KafkaClient, NetworkCounters, NetworkSecurity, NetworkSettings,
    NetworkSnapshot, Readiness, Reconnect, Refused, Selectable, Wait, WaitReason,
};
use kp_protocol::{BrokerAddress, BrokerId};
use kp_time::{Clock, Deadline, Jitter, TimerTable};
use numbers::Numbers;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};
use turns::Turns;

/// The longest single wait; a later moment takes several. Timers of runtimes end before a century does, and "never"
/// comes in as a century.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// What a moment in the timer table is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// The attempt must be ready by then.
    Setup,
    /// A request may have to be given up then. Never late, perhaps early: looked at again when it comes.
    Request,
    /// The connection may have been idle too long then. Perhaps early, likewise.
    Idle,
}

/// A network client over any [`Selectable`]. With the feature `tokio`, `TokioClient` is this over sockets.
pub struct NetworkClient<S> {
    settings: NetworkSettings,
    clock: Arc<dyn Clock>,
    selectable: S,
    brokers: BTreeMap<BrokerId, Broker>,
    numbers: Numbers,
    timers: TimerTable<(BrokerId, Timer)>,
    turns: Turns,
    /// Events since the last `poll`.
    pending: Vec<Event>,
    jitter: Jitter,
    correlation_ids: CorrelationIds,
    counters: Counters,
    known: KnownCluster,
    /// Version and cipher of encrypted connections that there were.
    ciphers: BTreeSet<(&'static str, Arc<str>)>,
}

impl<S: Selectable> NetworkClient<S> {
    /// A client over `selectable`, which must live in the time that `clock` shows.
    pub fn over(selectable: S, settings: NetworkSettings, clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            selectable,
            brokers: BTreeMap::new(),
            numbers: Numbers::default(),
            timers: TimerTable::default(),
            turns: Turns::default(),
            pending: Vec::new(),
            jitter: Jitter::seeded(settings.seed),
            correlation_ids: CorrelationIds::default(),
            counters: Counters::default(),
            known: KnownCluster::default(),
            ciphers: BTreeSet::new(),
            settings,
        }
    }

    /// What it has done so far.
    pub fn counters(&self) -> NetworkCounters {
        self.counters.totals
    }

    /// What moves its bytes.
    #[cfg(all(test, feature = "tokio"))]
    pub(crate) fn selectable(&self) -> &S {
        &self.selectable
    }

    /// A broker that has left the list: closed now, or when its last request is answered.
    fn unlist(&mut self, now: Instant, id: BrokerId) {
        let Some(broker) = self.brokers.get_mut(&id) else { return };
        broker.listed = false;
        self.close_if_left(now, id);
    }

    /// Closes a broker that has left the list, once nothing of it is in flight.
    fn close_if_left(&mut self, now: Instant, id: BrokerId) {
        let Some(broker) = self.brokers.get(&id) else { return };
        if broker.listed || broker.link.unanswered() > 0 {
            return;
        }
        self.end(now, id, DisconnectReason::Asked("the broker left the list".into()));
        self.brokers.remove(&id);
    }

    /// The longest a turn may block.
    fn wait(&self, now: Instant, until: Option<Instant>) -> Wait {
        if !self.pending.is_empty() || self.turns.leaves_bytes() {
            return Wait::Turn;
        }
        match until.into_iter().chain(self.timers.next()).min() {
            Some(at) if at <= now => Wait::Turn,
            Some(at) => Wait::Until(now.checked_add(LONGEST_WAIT).map_or(at, |longest| at.min(longest))),
            None => Wait::Forever,
        }
    }
}

impl<S> fmt::Debug for NetworkClient<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetworkClient")
            .field("brokers", &self.brokers)
            .field("known", &self.known)
            .field("counters", &self.counters.totals)
            .finish_non_exhaustive()
    }
}

impl<S: Selectable> KafkaClient for NetworkClient<S> {
    fn set_brokers(&mut self, now: Instant, brokers: &[BrokerAddress]) {
        if !brokers.is_empty() && brokers.iter().all(|address| address.id.is_bootstrap()) {
            self.known.forget_age();
        }
        let listed: BTreeMap<BrokerId, &BrokerAddress> =
            brokers.iter().map(|address| (address.id, address)).collect();
        let known: Vec<BrokerId> = self.brokers.keys().copied().collect();
        for id in known.into_iter().filter(|id| !listed.contains_key(id)) {
            self.unlist(now, id);
        }
        for (id, address) in listed {
            let moved = self.brokers.get(&id).is_some_and(|broker| broker.is_elsewhere(address));
            if moved {
                self.end(now, id, DisconnectReason::Asked(format!("the broker moved to {address}").into()));
                self.brokers.remove(&id);
            }
            let broker = self.brokers.entry(id).or_insert_with(|| Broker::new(address.clone()));
            broker.address = address.clone();
            broker.listed = true;
        }
    }

    fn readiness(&mut self, now: Instant, broker: BrokerId) -> Readiness {
        let id = broker;
        let Some(broker) = self.brokers.get_mut(&id).filter(|broker| broker.listed) else {
            return Readiness::Failed {
                reason: format!("broker {id} is not in the list").into(),
                retry_at: None,
            };
        };
        match &mut broker.link {
            Link::Ready(ready) if self.turns.replacement.is_draining(ready.number()) => {
                Readiness::Wait { until: None, why: WaitReason::Replacing }
            }
            Link::Ready(ready) if ready.is_to_be_renewed(now, self.settings.max_in_flight) => {
                self.renew(now, id)
            }
            Link::Ready(ready) => ready.readiness(now, self.settings.max_in_flight),
            Link::Setup(setup) if setup.is_authenticating() => {
                Readiness::Wait { until: None, why: WaitReason::Authenticating }
            }
            Link::Setup(_) => Readiness::Wait { until: None, why: WaitReason::Connecting },
            Link::Down => match broker.attempts.backing_off_until(now) {
                Some(until) => Readiness::Wait { until: Some(until), why: WaitReason::BackingOff },
                None => {
                    self.begin_attempt(now, id);
                    Readiness::Wait { until: None, why: WaitReason::Connecting }
                }
            },
        }
    }

    fn least_loaded(&mut self, now: Instant) -> Option<BrokerId> {
        self.find_least_loaded(now)
    }

    fn send(&mut self, now: Instant, request: ClientRequest) -> Result<(), Refused> {
        let id = request.broker;
        let refuse =
            |request, reason: String| Err(Refused { request: Box::new(request), reason: reason.into() });
        let link = self.brokers.get_mut(&id).map(|broker| &mut broker.link);
        let ready = match link.and_then(Link::ready_mut) {
            Some(ready) if ready.number() == request.connection => ready,
            Some(_) => return refuse(request, format!("broker {id} has another connection now")),
            None => return refuse(request, format!("broker {id} is not ready")),
        };
        // Throttled since it was asked is no reason: the broker takes it, and only answers later (KIP-219).
        if let Some(why) = ready.full(self.settings.max_in_flight) {
            return refuse(request, format!("broker {id} is busy: {why:?}"));
        }
        let (correlation_id, client_id) = (self.correlation_ids.next(), self.settings.client_id.as_deref());
        let deadline = ready
            .begin(now, request, correlation_id, client_id)
            .map_err(|(request, reason)| Refused { request, reason })?;
        let timer = (id, Timer::Request);
        if self.timers.get(&timer).is_none_or(|at| at > deadline) {
            self.timers.set(timer, deadline);
        }
        self.write(now, id);
        Ok(())
    }

    fn throttle(&mut self, broker: BrokerId, until: Instant) {
        let now = self.clock.now();
        if let Some(ready) = self.brokers.get_mut(&broker).and_then(|broker| broker.link.ready_mut()) {
            ready.throttle(now, until);
        }
    }

    fn disconnect(&mut self, now: Instant, broker: BrokerId, reason: &str) {
        self.end(now, broker, DisconnectReason::Asked(reason.into()));
    }

    fn reload_credentials(&mut self, _now: Instant, reconnect: Reconnect) {
        if let Some(provider) = &self.settings.sasl {
            provider.reload();
        }
        self.selectable.reload();
        if reconnect == Reconnect::Yes {
            self.replace_connections();
        }
    }

    fn poll(&mut self, until: Option<Instant>, events: &mut Vec<Event>) {
        let before = events.len();
        loop {
            let now = self.clock.now();
            self.go_on_replacing(now);
            self.start_attempts(now);
            let wait = self.wait(now, until);
            let (now, woken) = self.turn(now, wait);
            // Only after what was there has been read: an answer that is in is no timeout (NC22).
            self.expire(now);
            self.counters.totals.io_time += self.clock.now().saturating_duration_since(now);
            events.append(&mut self.pending);
            if woken || events.len() > before || until.is_some_and(|until| until <= now) {
                return;
            }
        }
    }

    fn waker(&self) -> Waker {
        self.selectable.waker()
    }

    fn snapshot(&self) -> NetworkSnapshot {
        let links = self.brokers.values().map(|broker| &broker.link);
        NetworkSnapshot {
            totals: self.counters.totals,
            nodes: self.counters.nodes(|id| self.certificate_ends(id)),
            connections: links.clone().filter(|link| link.was_connected()).count(),
            in_flight: links.map(Link::unanswered).sum(),
            ciphers: self.cipher_uses(),
            own_certificate_ends: self.selectable.own_certificate().map(|own| own.not_after),
            tokens: self.tokens(),
        }
    }

    fn security(&self, now: Instant) -> NetworkSecurity {
        self.secured(now)
    }

    fn close(&mut self, within: Duration) {
        let deadline = Deadline::after(self.clock.now(), within, "close");
        loop {
            let now = self.clock.now();
            if deadline.is_past(now) || !self.brokers.values().any(|broker| broker.link.is_writing()) {
                break;
            }
            let (now, _) = self.turn(now, Wait::Until(deadline.at()));
            self.expire(now);
        }
        let now = self.clock.now();
        let ids: Vec<BrokerId> = self.brokers.keys().copied().collect();
        for id in ids {
            self.end(now, id, DisconnectReason::Asked("the client was closed".into()));
        }
        self.brokers.clear();
        self.pending.clear();
        self.selectable.shutdown();
    }
}
