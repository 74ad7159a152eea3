//! As whom a connection is authenticated, for reports. Owns: nothing that is secret.

use kp_protocol::text::shown;
use kp_sasl::SaslExchange;
use std::sync::Arc;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Login {
    pub(crate) mechanism: Arc<str>,
    /// Where the mechanism knows it; a token's is what its issuer wrote, made fit for one line.
    pub(crate) principal: Option<Arc<str>>,
}

impl Login {
    pub(crate) fn of(exchange: &SaslExchange) -> Self {
        let principal = exchange.principal().map(|name| shown(name).to_string().into());
        Self { mechanism: exchange.mechanism().into(), principal }
    }
}
