//! What is remembered of one broker's security, for reports: how its connection is encrypted, and what was refused last.
//! Owned by [`Broker`](crate::broker::Broker); told `now`. Never: a secret.

use crate::DisconnectReason;
use kp_client::{ConnectionEncryption, PastFailure, SecurityFailure};
use std::sync::Arc;
use std::time::Instant;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Secured {
    /// Of the connection that is ready.
    encryption: Option<Arc<ConnectionEncryption>>,
    failure: Option<(Instant, Arc<SecurityFailure>)>,
}

impl Secured {
    /// A connection became ready.
    pub(crate) fn ready(
        &mut self,
        encryption: Option<ConnectionEncryption>,
    ) -> Option<&ConnectionEncryption> {
        self.encryption = encryption.map(Arc::new);
        self.encryption.as_deref()
    }

    /// A connection, or an attempt, ended.
    pub(crate) fn ended(&mut self, now: Instant, reason: &DisconnectReason) {
        self.encryption = None;
        if let Some(failure) = reason.verdict() {
            self.failure = Some((now, failure));
        }
    }

    pub(crate) fn encryption(&self) -> Option<&Arc<ConnectionEncryption>> {
        self.encryption.as_ref()
    }

    pub(crate) fn last_failure(&self, now: Instant) -> Option<PastFailure> {
        let (at, failure) = self.failure.as_ref()?;
        Some(PastFailure::new(Arc::clone(failure), now.saturating_duration_since(*at)))
    }
}
