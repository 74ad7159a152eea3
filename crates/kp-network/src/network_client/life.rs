//! How connections begin and end: attempts, set-up, time running out.

use super::questions::is_cut_off;
use super::{NetworkClient, Timer};
use crate::connection::{Doubt, Link, Setup, SetupContext, Step};
use crate::known_cluster::Found;
use crate::{
    ConnectError, ConnectionNumber, Dial, DisconnectReason, Event, Selectable, TlsFailure, TlsFailureKind,
    addresses, sasl,
};
use kp_protocol::{BrokerAddress, BrokerId, ProtocolError};
use kp_sasl::{SaslExchange, Worked};
use std::io;
use std::mem;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The shortest `connections.max.idle.ms` in effect: a new connection must stay until its first request, whatever is set.
const LEAST_IDLE: Duration = Duration::from_millis(10);

/// The failure of TLS that an error carries.
fn tls_failure(error: &io::Error) -> Option<&TlsFailure> {
    error.get_ref()?.downcast_ref()
}

impl<S: Selectable> NetworkClient<S> {
    /// Begins an attempt to reach a broker that is down. Nothing happens on the network before the next turn.
    pub(super) fn begin_attempt(&mut self, now: Instant, id: BrokerId) {
        let Some(broker) = self.brokers.get_mut(&id) else { return };
        let number = self.numbers.begin(id);
        broker.link = Link::Setup(Setup::begin(number));
        broker.canonical = None;
        let deadline = broker.attempts.begin(now, &self.settings, &mut self.jitter);
        self.timers.set((id, Timer::Setup), deadline.at());
        self.turns.start(id, number);
        self.counters.totals.connections_tried += 1;
    }

    /// Starts the attempts begun since the last turn.
    pub(super) fn start_attempts(&mut self, now: Instant) {
        for (id, number) in self.turns.take_attempts() {
            // It may have been ended meanwhile, and another begun.
            if self.numbers.broker_of(number) == Some(id) {
                self.seek_address(now, id, number);
            }
        }
    }

    /// Connects to the next address of a name, or looks the name up when none is left (NC16). A question has its address.
    fn seek_address(&mut self, now: Instant, id: BrokerId, number: ConnectionNumber) {
        let Some(broker) = self.brokers.get_mut(&id) else { return };
        if let Some(address) = broker.link.address() {
            return self.connect(id, address);
        }
        match broker.addresses.next_untried() {
            Some(address) => self.reach(id, address),
            None => match addresses::literal(&broker.address.host, broker.address.port) {
                Some(address) => self.resolved(now, id, Ok(vec![address])),
                None => self.selectable.resolve(number, &broker.address.host, broker.address.port),
            },
        }
    }

    /// The resolver has answered. A name without an address is a failed attempt like any other (NC18).
    pub(super) fn resolved(&mut self, now: Instant, id: BrokerId, result: Result<Vec<SocketAddr>, Arc<str>>) {
        let Some(broker) = self.brokers.get_mut(&id) else { return };
        let found = result.and_then(|found| {
            broker.addresses.resolved(found);
            broker.addresses.next_untried().ok_or_else(|| "the name has no address".into())
        });
        match found {
            Ok(address) => self.reach(id, address),
            Err(reason) => self.end(now, id, DisconnectReason::Unresolved(reason)),
        }
    }

    pub(super) fn connect(&mut self, id: BrokerId, address: SocketAddr) {
        let Some(broker) = self.brokers.get_mut(&id) else { return };
        broker.link = match mem::replace(&mut broker.link, Link::Down) {
            Link::Setup(setup) => {
                let host = broker.canonical.as_ref().unwrap_or(&broker.address.host);
                let is_encrypted = self.selectable.is_encrypted();
                self.selectable.connect(Dial::new(setup.number(), address, host));
                let doubt = broker.wants_login.map(|version| Doubt::of_login_again(version, is_encrypted));
                Link::Setup(setup.found(address, doubt))
            }
            other => other,
        };
    }

    /// The socket is connected, and nothing can be said on it yet.
    pub(super) fn encrypting(&mut self, id: BrokerId) {
        if let Some(setup) = self.brokers.get_mut(&id).and_then(|broker| broker.link.setup_mut()) {
            setup.encrypting();
        }
    }

    /// There is no connection. One that was lost while it was being encrypted is like any other (SE29).
    pub(super) fn not_connected(&mut self, now: Instant, id: BrokerId, error: ConnectError) {
        let reason = match error {
            ConnectError::Tls(failure) if failure.kind() != TlsFailureKind::Lost => {
                DisconnectReason::Tls(failure)
            }
            other => {
                let words = Arc::from(other.to_string());
                if self.selectable.can_connect_plainly() && self.may_be_plaintext(id, &other) {
                    return self.ask_plainly(now, id, words);
                }
                DisconnectReason::ConnectFailed(words)
            }
        };
        self.end(now, id, reason);
    }

    /// The socket is connected: the next stage of the set-up begins.
    pub(super) fn connected(&mut self, now: Instant, id: BrokerId) {
        if !self.brokers.get(&id).and_then(|broker| broker.link.setup()).is_some_and(Setup::is_connecting) {
            return;
        }
        let Some(setup) = self.take_setup(id) else { return };
        let Some(broker) = self.brokers.get_mut(&id) else { return };
        if !setup.is_asking() {
            broker.attempts.connected();
            self.counters.totals.connections_opened += 1;
        }
        let is_encrypted = (!broker.caution.is_careful()).then(|| self.selectable.is_encrypted());
        let greeting = self.known.greeting(now, &self.settings, is_encrypted);
        let host = broker.host();
        let step = setup.connected(&mut self.setup_context(now, &host), greeting);
        self.take_step(now, id, step);
        self.read(now, id);
    }

    /// Work of a mechanism is done: what handed it out goes on.
    pub(super) fn worked(&mut self, now: Instant, id: BrokerId, worked: Worked) {
        let setup = self.brokers.get(&id).and_then(|broker| broker.link.setup());
        if let Some(address) = setup.and_then(Setup::address_to_name) {
            return self.named(id, address, &worked);
        }
        match self.brokers.get(&id).map(|broker| &broker.link) {
            Some(Link::Setup(_)) => self.go_on(now, id, |setup, context| setup.worked(context, worked)),
            Some(Link::Ready(_)) => self.renewal_worked(now, id, worked),
            Some(Link::Down) | None => {}
        }
    }

    /// All bytes of a set-up are written, and no answer comes.
    pub(super) fn set_up_written(&mut self, now: Instant, id: BrokerId) {
        self.go_on(now, id, Setup::written);
    }

    fn go_on(&mut self, now: Instant, id: BrokerId, step: impl FnOnce(Setup, &mut SetupContext<'_>) -> Step) {
        let Some(setup) = self.take_setup(id) else { return };
        let Some(broker) = self.brokers.get(&id) else { return };
        let host = broker.host();
        let step = step(setup, &mut self.setup_context(now, &host));
        self.take_step(now, id, step);
    }

    /// Goes where a step of the set-up leads. The broker's link is out of its place.
    pub(super) fn take_step(&mut self, now: Instant, id: BrokerId, step: Step) {
        let Some(broker) = self.brokers.get_mut(&id) else { return };
        match step {
            Step::More(setup) => {
                // At once: the connection may end before the set-up does.
                if setup.has_answered() {
                    self.known.answers_api_versions(&broker.address);
                }
                broker.link = Link::Setup(setup);
                self.notice_bare_tokens(id);
                self.write(now, id);
            }
            Step::Work(setup, work) => {
                let number = setup.number();
                broker.link = Link::Setup(setup);
                let work = match &self.settings.sasl {
                    Some(provider) => sasl::kept(provider, work),
                    None => work,
                };
                self.selectable.work(number, work);
            }
            Step::Ready(ready, found) => {
                self.known.let_in(ready.dialect_ahead());
                broker.link = Link::Ready(ready);
                let is_authentic = self.settings.sasl.is_some() || self.selectable.is_encrypted();
                self.counters.totals.authentications += u64::from(is_authentic);
                self.learn(now, id, found);
                self.note_encryption(id);
                self.notice_short_session(id);
                self.became_ready(now, id);
            }
            Step::Broken(setup, reason) => {
                self.end_link(now, id, Link::Setup(setup), reason);
            }
        }
    }

    /// What a finished set-up found out holds for the cluster.
    fn learn(&mut self, now: Instant, id: BrokerId, found: Found) {
        let Some(broker) = self.brokers.get(&id) else { return };
        if let Some(taken_for) = self.known.learn(now, &broker.address, found) {
            let address = broker.describe(&broker.link);
            self.pending.push(Event::OldCluster { broker: id, address, taken_for });
        }
    }

    /// What a set-up needs to go on to the broker named `host`.
    pub(super) fn setup_context<'a>(&'a mut self, now: Instant, host: &'a str) -> SetupContext<'a> {
        let Self { settings, jitter, correlation_ids, .. } = self;
        SetupContext { now, settings, host, jitter, correlation_ids }
    }

    /// Takes a set-up out of its place.
    fn take_setup(&mut self, id: BrokerId) -> Option<Setup> {
        let link = &mut self.brokers.get_mut(&id)?.link;
        match mem::replace(link, Link::Down) {
            Link::Setup(setup) => Some(setup),
            other => {
                *link = other;
                None
            }
        }
    }

    /// The broker is ready for requests (NC1, NC12).
    pub(super) fn became_ready(&mut self, now: Instant, id: BrokerId) {
        let Some(broker) = self.brokers.get_mut(&id) else { return };
        broker.attempts.ready();
        broker.caution.ready();
        let Some(ready) = broker.link.ready_mut() else { return };
        let (connection, versions) = (ready.number(), Arc::clone(ready.versions()));
        self.timers.cancel(&(id, Timer::Setup));
        if let Some(at) = self.max_idle().and_then(|idle| now.checked_add(idle)) {
            self.timers.set((id, Timer::Idle), at);
        }
        self.counters.totals.connections_made += 1;
        self.pending.push(Event::Connected { broker: id, connection, versions });
    }

    /// Ends the connection to a broker, or the attempt at one, if there is any.
    pub(super) fn end(&mut self, now: Instant, id: BrokerId, reason: DisconnectReason) {
        let Some(broker) = self.brokers.get_mut(&id) else { return };
        let link = mem::replace(&mut broker.link, Link::Down);
        self.end_link(now, id, link, reason);
    }

    /// As [`end`](Self::end), for a state that was taken out of its broker.
    pub(super) fn end_link(&mut self, now: Instant, id: BrokerId, link: Link, reason: DisconnectReason) {
        let Some(broker) = self.brokers.get_mut(&id) else { return };
        let (Some(number), Some(reached)) = (link.number(), link.reached(broker.addresses.untried())) else {
            return;
        };
        let reason = match link.setup() {
            Some(setup) => setup.settled(reason),
            None => reason,
        };
        self.numbers.end(number);
        for timer in [Timer::Setup, Timer::Request, Timer::Idle] {
            self.timers.cancel(&(id, timer));
        }
        self.selectable.close(number);
        self.counters.totals.connections_ended += 1;
        self.counters.security_failed(&reason);
        broker.secured.ended(now, &reason);
        if reason.is_security() {
            self.turns.replacement.refused(number);
        }
        let refused = link.exchange().and_then(SaslExchange::refused);
        if let (Some(provider), Some(mechanism)) = (&self.settings.sasl, refused) {
            provider.refused(mechanism);
        }
        self.counters.totals.connections_closed += u64::from(link.was_connected());
        let was_there = link.was_connected() || link.setup().is_some_and(Setup::follows_a_connection);
        broker.attempts.ended(now, was_there, &self.settings, &mut self.jitter);
        if sasl::is_not_renewed(&reason) {
            broker.attempts.not_renewed(now);
        }
        if was_there {
            broker.wants_login = link.setup().and_then(|setup| setup.login_wanted(&reason));
            broker.addresses.forget();
        }
        if link.setup().is_some_and(Setup::went_ahead) {
            broker.caution.came_to_nothing(&reason);
        }
        let address = broker.describe(&link);
        if !broker.listed {
            self.brokers.remove(&id);
        }
        self.fail_unanswered(link, &reason);
        self.pending.push(Event::Disconnected { broker: id, address, reason, reached });
    }

    /// Nothing that is unanswered on a connection that has ended will be answered.
    pub(super) fn fail_unanswered(&mut self, link: Link, why: &DisconnectReason) {
        if let Link::Ready(ready) = link {
            let failed = |(token, written)| Event::Failed { token, written, reason: why.clone() };
            self.pending.extend(ready.into_unanswered().map(failed));
        }
    }

    /// The system said no, or the other side has closed (`error` is `None`).
    pub(super) fn lost(&mut self, now: Instant, id: BrokerId, error: Option<&io::Error>) {
        // SE31: in TLS 1.3 a broker looks at the client's certificate when the client takes the connection for made.
        if let Some(failure) = error.and_then(tls_failure) {
            return self.end(now, id, DisconnectReason::Tls(failure.clone()));
        }
        let Some(broker) = self.brokers.get_mut(&id) else { return };
        let cut_off = error.is_none_or(is_cut_off);
        // Before 1.0 a broker has no other way to refuse a token.
        if let Some(refused) = broker.link.setup_mut().filter(|_| cut_off).and_then(Setup::on_closed) {
            return self.end(now, id, refused);
        }
        let Some(broker) = self.brokers.get(&id) else { return };
        let other = broker.link.other_protocol().filter(|_| cut_off);
        let reason = match (other, &broker.link, error) {
            (Some(other), _, _) => DisconnectReason::OtherProtocol(other),
            (None, Link::Setup(setup), _) if cut_off && !setup.has_answered() => {
                self.cut_off_unanswered(&broker.address)
            }
            // Without a login such a listener says which versions it has, and no more.
            (None, Link::Ready(ready), None)
                if self.settings.sasl.is_none() && ready.unserved().is_some() =>
            {
                DisconnectReason::ClosedUnserved
            }
            (None, _, Some(error)) => DisconnectReason::Lost(error.to_string().into()),
            (None, _, None) => DisconnectReason::ClosedByBroker,
        };
        match self.doubt_of_login(id, &reason).filter(|_| cut_off) {
            Some(doubt) => self.ask_for_login(now, id, doubt, &reason),
            None => self.end(now, id, reason),
        }
    }

    /// Why a connection ended on which the broker never answered a question. One that has answered on an earlier
    /// connection speaks plaintext Kafka: it is being stopped, or a proxy before it has lost it.
    fn cut_off_unanswered(&self, address: &BrokerAddress) -> DisconnectReason {
        if self.known.has_answered(address) {
            DisconnectReason::ConnectFailed("closed before the broker was ready".into())
        } else if self.selectable.is_encrypted() {
            let why = if self.settings.sasl.is_some() {
                "closed before it answered ApiVersions: Kafka 0.9 (broker.version.fallback)?"
            } else {
                "closed before it answered ApiVersions: a listener with SASL (security.protocol=SASL_SSL)?"
            };
            DisconnectReason::ConnectFailed(why.into())
        } else if self.settings.sasl.is_some() {
            let why = "closed before it answered ApiVersions: a TLS listener (security.protocol), or Kafka 0.9 \
                       (broker.version.fallback)?";
            DisconnectReason::ConnectFailed(why.into())
        } else {
            DisconnectReason::ClosedWithoutAnswer
        }
    }

    /// The other side sent what is no frame: another protocol, if it has not answered anything before.
    pub(super) fn sent_no_frame(&mut self, now: Instant, id: BrokerId, error: &ProtocolError) {
        let Some(broker) = self.brokers.get(&id) else { return };
        let broken = || DisconnectReason::ProtocolError(error.to_string().into());
        let reason = broker.link.other_protocol().map_or_else(broken, DisconnectReason::OtherProtocol);
        self.end(now, id, reason);
    }

    /// Ends what has run out of time.
    pub(super) fn expire(&mut self, now: Instant) {
        let mut one_was_idle = false;
        while let Some((id, timer)) = self.pop_due(now, one_was_idle) {
            match timer {
                Timer::Setup => {
                    let setup = self.brokers.get(&id).and_then(|broker| broker.link.setup());
                    let Some(setup) = setup else { continue };
                    let stage = self.stage_of(setup);
                    if setup.only_asks() {
                        self.known.asked_in_vain();
                    }
                    self.end(now, id, DisconnectReason::SetupTimeout(stage));
                }
                // NC10: one late request ends the connection, and with it all the others in flight.
                Timer::Request => self.end(now, id, DisconnectReason::RequestTimeout),
                Timer::Idle => {
                    self.end(now, id, DisconnectReason::Idle);
                    one_was_idle = true;
                }
            }
        }
    }

    /// The next connection whose time is really up. Moments in the table that were only early are put right. After
    /// one idle connection the others wait for their own turn (NC22).
    fn pop_due(&mut self, now: Instant, one_was_idle: bool) -> Option<(BrokerId, Timer)> {
        let mut postponed = Vec::new();
        let due = loop {
            let Some(at) = self.timers.next() else { break None };
            let Some((id, timer)) = self.timers.pop_due(now) else { break None };
            if timer == Timer::Idle && one_was_idle {
                postponed.push(((id, timer), at));
                continue;
            }
            match self.moment_of(now, id, timer, at) {
                // Exactly this moment: whatever is due and older has been popped before.
                Some(real) if real <= at => break Some((id, timer)),
                Some(real) => self.timers.set((id, timer), real),
                None => {}
            }
        };
        for (key, at) in postponed {
            self.timers.set(key, at);
        }
        due
    }

    fn max_idle(&self) -> Option<Duration> {
        self.settings.connections_max_idle.map(|idle| idle.max(LEAST_IDLE))
    }

    /// The moment for which a timer set to `at` stands, as things are now.
    fn moment_of(&self, now: Instant, id: BrokerId, timer: Timer, at: Instant) -> Option<Instant> {
        let broker = self.brokers.get(&id)?;
        match (timer, &broker.link) {
            (Timer::Setup, Link::Setup(_)) => Some(at),
            (Timer::Request, Link::Ready(ready)) => ready.earliest_deadline(),
            (Timer::Idle, Link::Ready(ready)) => {
                let max_idle = self.max_idle()?;
                match ready.idle_since() {
                    Some(since) => since.checked_add(max_idle),
                    // Busy: looked at again when it could next be due.
                    None => now.checked_add(max_idle),
                }
            }
            (Timer::Setup | Timer::Request | Timer::Idle, _) => None,
        }
    }
}
