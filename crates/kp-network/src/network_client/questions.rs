//! When a listener is asked, on a connection of its own, what it is. What is asked, and what an answer means, stands in
//! `connection/question.rs`.

use super::{NetworkClient, Timer};
use crate::connection::{Doubt, Link, Setup};
use crate::{
    ConnectError, ConnectionNumber, Dial, DisconnectReason, OldKafka, Selectable, SetupStage, TlsFailureKind,
};
use kp_protocol::{ApiKey, BrokerId};
use std::io;
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a broker may take to answer: what it is asked costs it nothing, and the next attempt has to wait for it.
const WITHIN: Duration = Duration::from_secs(1);

/// Whether the other side has ended the connection, with or without a farewell.
pub(super) fn is_cut_off(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe
    )
}

impl<S: Selectable> NetworkClient<S> {
    /// Whether a listener without TLS may have ended this attempt: it closes in the handshake, without a word. A broker of
    /// Kafka 0.9 is not asked: it does not know the question, and may lose requests of others over it.
    pub(super) fn may_be_plaintext(&self, id: BrokerId, error: &ConnectError) -> bool {
        let was_closed = match error {
            ConnectError::Tls(failure) => failure.kind() == TlsFailureKind::Lost,
            ConnectError::Io(error) => is_cut_off(error),
        };
        let setup = self.brokers.get(&id).and_then(|broker| broker.link.setup());
        was_closed
            && self.selectable.is_encrypted()
            && self.settings.version_fallback != Some(OldKafka::V0_9_0)
            && setup.is_some_and(|setup| setup.stage() == SetupStage::TlsHandshake && !setup.is_asking())
    }

    /// Goes on with the attempt: asks at the same address without TLS. `lost` is told if that shows nothing.
    pub(super) fn ask_plainly(&mut self, now: Instant, id: BrokerId, lost: Arc<str>) {
        let Some((number, _)) = self.ask(now, id, Doubt::of_tls(lost)) else { return };
        let Some(broker) = self.brokers.get(&id) else { return };
        if let Some(address) = broker.link.address() {
            self.selectable.connect_plainly(Dial::new(number, address, &broker.host()));
        }
    }

    /// What a connection that was cut off for this reason leaves open, if a listener that wants a login may be why: it closes
    /// on a client without one in place of the first answer, without a word.
    pub(super) fn doubt_of_login(&self, id: BrokerId, reason: &DisconnectReason) -> Option<Doubt> {
        let broker = self.brokers.get(&id).filter(|broker| broker.listed)?;
        let was_cut_off = matches!(
            reason,
            DisconnectReason::ClosedUnserved | DisconnectReason::ClosedByBroker | DisconnectReason::Lost(_)
        );
        let is_open = was_cut_off && self.settings.asks_about_logins && self.settings.sasl.is_none();
        let version = broker.link.unserved().filter(|_| is_open)?.negotiate(ApiKey::SaslHandshake)?;
        let lost = (reason.clone(), broker.link.reached(broker.addresses.untried())?);
        Some(Doubt::of_login(version, self.selectable.is_encrypted(), lost))
    }

    /// Asks at the same address whether a login is wanted, in place of a connection that was lost for this reason. Its requests
    /// fail now; that it is lost is told when the question is settled.
    pub(super) fn ask_for_login(&mut self, now: Instant, id: BrokerId, doubt: Doubt, why: &DisconnectReason) {
        let Some((number, lost)) = self.ask(now, id, doubt) else { return };
        for timer in [Timer::Request, Timer::Idle] {
            self.timers.cancel(&(id, timer));
        }
        if let Some(before) = lost.number() {
            self.selectable.close(before);
        }
        self.counters.totals.connections_closed += 1;
        if let Some(broker) = self.brokers.get_mut(&id) {
            broker.secured.ended(now, why);
        }
        self.fail_unanswered(lost, why);
        // Sockets belong to `poll`, and this may be a write of `send`.
        self.turns.start(id, number);
    }

    /// Puts a question in the place of a connection or an attempt; answers its number, and what was there.
    fn ask(&mut self, now: Instant, id: BrokerId, doubt: Doubt) -> Option<(ConnectionNumber, Link)> {
        let broker = self.brokers.get_mut(&id)?;
        let (before, address) = (broker.link.number()?, broker.link.address()?);
        let number = self.numbers.begin(id);
        self.numbers.end(before);
        self.turns.replacement.goes_on(before, number);
        let link = mem::replace(&mut broker.link, Link::Setup(Setup::ask(number, address, doubt)));
        let within = WITHIN.min(self.settings.setup_timeout.delay(0, &mut self.jitter));
        let timer = (id, Timer::Setup);
        if let Some(until) = now.checked_add(within).into_iter().chain(self.timers.get(&timer)).min() {
            self.timers.set(timer, until);
        }
        Some((number, link))
    }
}
