//! Which things about security the caller was told: each kind once.
//! Owned by [`KnownCluster`](super::KnownCluster).

use crate::{SecurityNotice, sasl};
use kp_sasl::{SaslDialect, SaslExchange};
use std::mem;
use std::time::Duration;

/// Brokers let a client renew its session once in this time (SE21).
const SHORTEST_SESSION: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct SecurityNotices {
    bare_tokens: bool,
    short_sessions: bool,
}

impl SecurityNotices {
    /// What to tell of an exchange over a connection that is not encrypted. Kafka 0.9 was named by the configuration.
    pub(crate) fn of_exchange(&mut self, exchange: &SaslExchange) -> Option<SecurityNotice> {
        let mechanism = exchange.mechanism();
        let is_worth_it = exchange.dialect() == SaslDialect::Bare && sasl::shows_secret(mechanism);
        let is_news = is_worth_it && !mem::replace(&mut self.bare_tokens, true);
        is_news.then(|| SecurityNotice::BareTokens { mechanism: mechanism.to_owned() })
    }

    /// What to tell of a session that lasts so long.
    pub(crate) fn of_session(&mut self, lifetime: Duration) -> Option<SecurityNotice> {
        let is_news = lifetime < SHORTEST_SESSION && !mem::replace(&mut self.short_sessions, true);
        is_news.then_some(SecurityNotice::ShortSessions { lifetime })
    }
}
