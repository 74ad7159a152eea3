//! The tickets of a login: the one to ask for others with, and those that brokers have taken.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::kerberos::credential::Credential;
use crate::kerberos::moment;
use crate::{KerberosFailure, Principal};

/// Brokers whose tickets are kept. A cluster with more asks its KDC more often.
const MOST_SERVICES: usize = 1024;
/// The part of its life after which a ticket for a broker is fetched anew: sessions end with it.
const FRESH: f64 = 0.8;

#[derive(Debug, Default)]
pub(crate) struct Tickets {
    granting: Option<Granting>,
    services: BTreeMap<Principal, Credential>,
}

/// The ticket to ask for others with.
#[derive(Debug, Clone)]
pub(super) struct Granting {
    ticket: Credential,
    /// From when on a new one is to be had.
    due: i64,
    /// When a new one was last tried for.
    tried: i64,
}

impl Tickets {
    pub(super) fn granting(&self) -> Option<&Granting> {
        self.granting.as_ref()
    }

    pub(super) fn replace(&mut self, granting: Granting) {
        self.granting = Some(granting);
    }

    pub(super) fn tried(&mut self, now: i64) {
        if let Some(granting) = &mut self.granting {
            granting.tried = now;
        }
    }

    /// A ticket that the broker took before. It comes back when the broker takes it again: one that it does not take any more, since
    /// its key is another, is used no second time.
    pub(super) fn take(&mut self, service: &Principal, client: &Principal, now: i64) -> Option<Credential> {
        let kept = self.services.remove(service)?;
        (kept.client == *client && now < kept.life.moment_of(FRESH)).then_some(kept)
    }

    fn keep(&mut self, credential: &Credential) {
        if self.services.len() < MOST_SERVICES || self.services.contains_key(&credential.service) {
            self.services.insert(credential.service.clone(), credential.clone());
        }
    }
}

impl Granting {
    pub(super) fn new(ticket: Credential, window: f64, now: i64) -> Self {
        let due = ticket.life.moment_of(window);
        Self { ticket, due, tried: now }
    }

    pub(super) fn ticket(&self) -> &Credential {
        &self.ticket
    }

    pub(super) fn is_due(&self, now: i64) -> bool {
        now >= self.due || self.ticket.life.is_over(now)
    }

    /// Whether the last try is long enough ago. For a ticket that is over it does not matter: without one nothing works.
    pub(super) fn may_try(&self, now: i64, least: i64) -> bool {
        self.ticket.life.is_over(now) || now.saturating_sub(self.tried) >= least
    }

    /// The ticket, as long as it is good.
    pub(super) fn usable(&self, now: i64) -> Result<Credential, KerberosFailure> {
        if self.ticket.life.is_over(now) {
            let (client, end) = (&self.ticket.client, moment::readable(self.ticket.life.end));
            return Err(KerberosFailure::Incomplete {
                problem: format!("the ticket of {client} ended at {end}: run kinit"),
            });
        }
        Ok(self.ticket.clone())
    }
}

/// Where a ticket goes that a broker has taken.
#[derive(Debug, Clone)]
pub(crate) struct Proven(Weak<Mutex<Tickets>>);

impl Proven {
    pub(super) fn new(tickets: &Arc<Mutex<Tickets>>) -> Self {
        Self(Arc::downgrade(tickets))
    }

    pub(crate) fn keep(&self, credential: &Credential) {
        if let Some(tickets) = self.0.upgrade() {
            tickets.lock().unwrap_or_else(PoisonError::into_inner).keep(credential);
        }
    }
}
