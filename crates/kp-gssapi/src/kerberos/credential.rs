//! A ticket with what a client needs to use it.

use std::fmt;

use kerbcore::KerberosKey;
use kerbcore::messages::Ticket;

use crate::Principal;

/// A ticket, for whom it is, and the key that its owner shares with the service. Neither ticket nor key is in its `Debug`.
#[derive(Clone)]
pub(crate) struct Credential {
    pub(crate) client: Principal,
    /// As its issuer named it, with the realm of the issuer.
    pub(crate) service: Principal,
    pub(crate) ticket: Ticket,
    pub(crate) key: KerberosKey,
    pub(crate) life: Life,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (client, service) = (self.client.to_string(), self.service.to_string());
        f.debug_struct("Credential")
            .field("client", &client)
            .field("service", &service)
            .finish_non_exhaustive()
    }
}

/// From when to when a ticket is good, in seconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Life {
    pub(crate) start: i64,
    pub(crate) end: i64,
    /// Until when it may be renewed, if it may.
    pub(crate) renewable_until: Option<i64>,
}

impl Life {
    pub(crate) fn is_over(self, now: i64) -> bool {
        now >= self.end
    }

    /// Whether it can be made longer at the moment: a ticket that is over cannot be.
    pub(crate) fn is_renewable(self, now: i64) -> bool {
        !self.is_over(now) && self.renewable_until.is_some_and(|until| until > self.end)
    }

    /// The moment at which `part` of it has gone by.
    pub(crate) fn moment_of(self, part: f64) -> i64 {
        let length = self.end.saturating_sub(self.start).max(0);
        #[expect(
            clippy::cast_precision_loss,
            reason = "a ticket lives for days; a second more or less is no matter"
        )]
        let gone = length as f64 * part.clamp(0.0, 1.0);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "it is not longer than the length, which is an i64"
        )]
        let gone = gone as i64;
        self.start.saturating_add(gone)
    }
}
