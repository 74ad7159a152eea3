//! What a ready connection knows of its authentication: when it is to be renewed, and the exchange that renews it
//! (KIP-368).
//!
//! ```text
//!   resting ──── a caller wants to send, and the moment has come ────► renewing
//!      ▲                                                                  │
//!      └──────────────── the broker has agreed again ─────────────────────┘
//! ```
//! Nothing is sent but the exchange while it renews; answers to earlier requests come in between. Lazily: a connection
//! that nothing is sent on is not renewed, and being late is harmless, since a broker takes an exchange also after the
//! end of a session. Owned by [`Ready`](super::Ready); told `now`, asks no clock.

use super::{Authenticated, Broken, Login, sasl_messages};
use bytes::Bytes;
use kp_protocol::ApiKey;
use kp_sasl::{SaslDialect, SaslExchange, SaslMechanism, SaslOutput, SaslSession, Worked};
use std::time::{Duration, Instant};

/// See the module.
#[derive(Debug)]
pub(crate) struct Session {
    dialect: SaslDialect,
    login: Login,
    /// When to renew; `None` = never.
    renew_at: Option<Instant>,
    /// When the last renewal began, if there was one.
    began: Option<Instant>,
    renewing: Option<SaslExchange>,
    /// By when work for it must be done, while it waits for some.
    work_until: Option<Instant>,
    lifetime: Option<Duration>,
    /// When the broker wants to be shown the credentials again.
    ends: Option<Instant>,
}

impl Session {
    /// Of a connection that has just been authenticated. `chance` (0 to 1) spreads the renewals of many clients.
    pub(super) fn new(authenticated: Authenticated, now: Instant, chance: f64) -> Self {
        let Authenticated { dialect, session, login, .. } = authenticated;
        let (renew_at, lifetime) = (session.renew_at(now, None, chance), session.lifetime());
        let ends = lifetime.and_then(|lifetime| now.checked_add(lifetime));
        Self { dialect, login, renew_at, began: None, renewing: None, work_until: None, lifetime, ends }
    }

    /// Whether it is to be renewed before the next request.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.renewing.is_none() && self.renew_at.is_some_and(|at| at <= now)
    }

    /// How tokens travel.
    pub(super) fn dialect(&self) -> SaslDialect {
        self.dialect
    }

    /// How long it lasts; `None`: as long as its connection.
    pub(super) fn lifetime(&self) -> Option<Duration> {
        self.lifetime
    }

    /// When that is over; `None`: never.
    pub(super) fn ends(&self) -> Option<Instant> {
        self.ends
    }

    /// As whom it was authenticated.
    pub(super) fn login(&self) -> &Login {
        &self.login
    }

    pub(super) fn is_renewing(&self) -> bool {
        self.renewing.is_some()
    }

    pub(super) fn renewing(&self) -> Option<&SaslExchange> {
        self.renewing.as_ref()
    }

    pub(super) fn begin(
        &mut self,
        now: Instant,
        mechanism: Box<dyn SaslMechanism>,
    ) -> Result<SaslOutput, Broken> {
        self.began = Some(now);
        let exchange = self.renewing.insert(SaslExchange::new(mechanism, self.dialect));
        exchange.begin().map_err(Broken::Refused)
    }

    /// The broker answered a request of the renewal.
    pub(super) fn answered(&mut self, api: ApiKey, version: i16, body: &Bytes) -> Result<SaslOutput, Broken> {
        sasl_messages::answered(self.exchange()?, api, version, body)
    }

    /// Work is handed out, and must be done by then: it may hang, and holds up the work of other connections.
    pub(super) fn waits_for_work(&mut self, until: Instant) {
        self.work_until = Some(until);
    }

    pub(super) fn work_until(&self) -> Option<Instant> {
        self.work_until
    }

    pub(super) fn worked(&mut self, worked: Worked) -> Result<SaslOutput, Broken> {
        self.work_until = None;
        self.exchange()?.on_worked(worked).map_err(Broken::Refused)
    }

    /// The broker has agreed. Answers when the renewal began.
    pub(super) fn renewed(&mut self, now: Instant, session: SaslSession, chance: f64) -> Instant {
        if let Some(exchange) = self.renewing.take() {
            self.login = Login::of(&exchange);
        }
        self.lifetime = session.lifetime();
        self.ends = self.lifetime.and_then(|lifetime| now.checked_add(lifetime));
        self.renew_at = session.renew_at(now, self.began, chance);
        self.began.unwrap_or(now)
    }

    fn exchange(&mut self) -> Result<&mut SaslExchange, Broken> {
        self.renewing.as_mut().ok_or_else(|| Broken::Protocol("SASL that was not asked for".into()))
    }
}
