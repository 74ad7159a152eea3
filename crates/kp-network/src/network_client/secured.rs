//! What there is to report of the security of all connections. Asked now and then; changes nothing.

use super::NetworkClient;
use crate::broker::Broker;
use crate::connection::{Link, Setup};
use crate::{Selectable, TokenFacts};
use kp_client::{BrokerSecurity, CipherUse, ConnectionState, NetworkSecurity, SetupStage};
use kp_protocol::BrokerId;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

/// Ciphers that were in use and are still told of. There are fewer than that; a selector may make some up.
const MOST_CIPHERS: usize = 64;

impl<S: Selectable> NetworkClient<S> {
    /// A connection was made: how is it encrypted?
    pub(super) fn note_encryption(&mut self, id: BrokerId) {
        let Some(broker) = self.brokers.get_mut(&id) else { return };
        let encryption =
            broker.link.number().and_then(|number| self.selectable.connection_encryption(number));
        let Some(encryption) = broker.secured.ready(encryption) else { return };
        let seen = (encryption.protocol, Arc::clone(&encryption.cipher));
        if self.ciphers.len() < MOST_CIPHERS {
            self.ciphers.insert(seen);
        }
    }

    /// Until when the certificate is valid that a broker showed on the connection that it has now.
    pub(super) fn certificate_ends(&self, id: BrokerId) -> Option<SystemTime> {
        let encryption = self.brokers.get(&id)?.secured.encryption()?;
        encryption.certificate.as_ref().map(|certificate| certificate.not_after)
    }

    /// How all connections are secured.
    pub(super) fn secured(&self, now: Instant) -> NetworkSecurity {
        let mut security = NetworkSecurity::default();
        security.brokers = self.brokers.values().map(|broker| self.broker_secured(now, broker)).collect();
        security.own_certificate = self.selectable.own_certificate();
        security.tokens = self.tokens();
        security
    }

    pub(super) fn tokens(&self) -> Option<TokenFacts> {
        self.settings.sasl.as_ref()?.tokens()
    }

    /// How many ready connections have each cipher that there was.
    pub(super) fn cipher_uses(&self) -> Vec<CipherUse> {
        let used = |protocol: &str, cipher: &str| {
            let encryptions = self.brokers.values().filter_map(|broker| broker.secured.encryption());
            encryptions.filter(|it| it.protocol == protocol && &*it.cipher == cipher).count()
        };
        let all = self.ciphers.iter();
        all.map(|(protocol, cipher)| CipherUse::new(protocol, Arc::clone(cipher), used(protocol, cipher)))
            .collect()
    }

    fn broker_secured(&self, now: Instant, broker: &Broker) -> BrokerSecurity {
        let place = &broker.address;
        let mut told = BrokerSecurity::new(place.id, place.to_string(), self.protocol());
        told.state = match &broker.link {
            Link::Down => {
                let until = broker.attempts.backing_off_until(now);
                ConnectionState::Down { retry_in: until.map(|at| at.saturating_duration_since(now)) }
            }
            Link::Setup(setup) => ConnectionState::SettingUp(self.stage_of(setup)),
            Link::Ready(ready) if ready.exchange().is_some() => ConnectionState::Renewing,
            Link::Ready(_) => ConnectionState::Ready,
        };
        told.encryption = match &broker.link {
            Link::Ready(_) => broker.secured.encryption().cloned(),
            Link::Setup(setup) => self.selectable.connection_encryption(setup.number()).map(Arc::new),
            Link::Down => None,
        };
        if let Some(login) = broker.link.login() {
            told.mechanism = Some(login.mechanism);
            told.principal = login.principal;
        } else if told.encryption.as_ref().is_some_and(|encryption| encryption.shows_certificate) {
            told.principal = self.selectable.own_certificate().map(|own| own.subject.into());
        }
        if let Link::Ready(ready) = &broker.link {
            told.session_ends_in = ready.session_ends().map(|at| at.saturating_duration_since(now));
        }
        told.last_failure = broker.secured.last_failure(now);
        told
    }

    /// Which step an attempt is in. Before there is a socket, the selector alone knows what it waits for.
    pub(super) fn stage_of(&self, setup: &Setup) -> SetupStage {
        match setup.stage() {
            SetupStage::Connecting if self.selectable.awaits_own_certificate(setup.number()) => {
                SetupStage::ClientCertificate
            }
            stage => stage,
        }
    }

    /// `security.protocol`.
    fn protocol(&self) -> &'static str {
        match (self.selectable.is_encrypted(), self.settings.sasl.is_some()) {
            (false, false) => "PLAINTEXT",
            (false, true) => "SASL_PLAINTEXT",
            (true, false) => "SSL",
            (true, true) => "SASL_SSL",
        }
    }
}
