//! The login of one client: where its key or its ticket comes from, and the tickets that its connections share.
//! Owns: when the client logs in again (SE48), and which tickets are kept. Never: a thread; it is asked on the one that does slow
//! work, and blocks there.

mod files;
mod tickets;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kp_config::{Kerberos, KerberosSource};
use kp_sasl::{Deferred, SaslMechanism};
use kp_time::Clock;

pub(crate) use tickets::Proven;
use tickets::{Granting, Tickets};

use crate::failure::GSSAPI;
use crate::kerberos::Kdc;
use crate::kerberos::ccache::TicketCache;
use crate::kerberos::chance::{self, Chance};
use crate::kerberos::credential::Credential;
use crate::kerberos::kdc_sockets::KdcSockets;
use crate::kerberos::keytab::Keytab;
use crate::kerberos::krb5_conf::Krb5Conf;
use crate::kerberos::login::log_in;
use crate::kerberos::moment::Moment;
use crate::kerberos::service_ticket::Asking;
use crate::mechanism::Gssapi;
use crate::{KerberosFailure, Principal};

const ASKING_FOR_A_TICKET: &str = "asking for a Kerberos ticket";

/// The login of a client, for all of its connections. Cheap to clone; clones are one login.
///
/// ```no_run
/// use kp_config::Kerberos;
/// use kp_gssapi::KerberosLogin;
/// # fn main() -> Result<(), kp_gssapi::KerberosFailure> {
/// # let clock = std::sync::Arc::new(kp_time::ManualClock::new());
/// let kerberos = Kerberos::keytab("/etc/kp.keytab", "kp@EXAMPLE.COM").service("kafka");
/// let login = KerberosLogin::new(kerberos, clock)?;
/// let mechanism = login.mechanism("broker-1.example.com");
/// # let _ = mechanism; Ok(()) }
/// ```
#[derive(Clone)]
pub struct KerberosLogin(Arc<Shared>);

struct Shared {
    settings: Kerberos,
    conf: Arc<Krb5Conf>,
    kdc: Box<dyn Kdc>,
    clock: Arc<dyn Clock>,
    chance: Chance,
    tickets: Arc<Mutex<Tickets>>,
    /// Held while a KDC is asked: connections that begin together share one login.
    logging_in: Mutex<()>,
}

impl KerberosLogin {
    /// A login with these settings, over the KDCs of `krb5.conf`. Reads that file, and the keytab to see that it is one.
    ///
    /// # Errors
    /// A file that cannot be used, a client that the keytab has no key of, no realm.
    pub fn new(settings: Kerberos, clock: Arc<dyn Clock>) -> Result<Self, KerberosFailure> {
        let conf = Arc::new(files::read_conf(settings.named_config())?);
        let kdc = Box::new(KdcSockets(Arc::clone(&conf)));
        Self::over(settings, conf, kdc, clock, chance::of_the_system)
    }

    /// The same over KDCs that `kdc` reaches in its own way.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn over_kdc(
        settings: Kerberos,
        kdc: Box<dyn Kdc>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, KerberosFailure> {
        let conf = Arc::new(files::read_conf(settings.named_config())?);
        Self::over(settings, conf, kdc, clock, chance::of_the_system)
    }

    pub(crate) fn over(
        settings: Kerberos,
        conf: Arc<Krb5Conf>,
        kdc: Box<dyn Kdc>,
        clock: Arc<dyn Clock>,
        chance: Chance,
    ) -> Result<Self, KerberosFailure> {
        let (tickets, logging_in) = (Arc::default(), Mutex::new(()));
        let shared = Shared { settings, conf, kdc, clock, chance, tickets, logging_in };
        // What is wrong with the configuration is told when the client is built, and not by its first connection. A cache may be
        // filled later.
        if !matches!(shared.settings.source(), KerberosSource::TicketCache { .. }) {
            let (keytab, client) = shared.keytab()?;
            keytab.etypes(&client)?;
        }
        Ok(Self(Arc::new(shared)))
    }

    /// The mechanism for one exchange with the broker of this name. Its first step is work that may wait for a KDC.
    #[must_use]
    pub fn mechanism(&self, host: &str) -> Box<dyn SaslMechanism> {
        let (shared, host) = (Arc::clone(&self.0), host.to_owned());
        Box::new(Deferred::new(GSSAPI, ASKING_FOR_A_TICKET, move || {
            let credential = shared.ticket_for(&host)?;
            let now = shared.now()?;
            let proven = Proven::new(&shared.tickets);
            Ok(Box::new(Gssapi::new(credential, now, shared.chance, proven)))
        }))
    }
}

impl Shared {
    /// A ticket for the broker: one that a broker took before, or a new one.
    fn ticket_for(&self, host: &str) -> Result<Credential, KerberosFailure> {
        let client = self.client()?;
        let own_realm = client.realm().unwrap_or_default();
        let realm = self.conf.realm_of_host(host).unwrap_or(own_realm);
        let service = Principal::service(self.settings.service_name(), host, realm);
        let now = self.now()?;
        if let Some(kept) = self.tickets().take(&service, &client, now.seconds) {
            return Ok(kept);
        }
        let _one_at_a_time = self.logging_in.lock().unwrap_or_else(PoisonError::into_inner);
        let granting = self.granting(&client)?;
        let asking = Asking { kdc: &*self.kdc, now: self.now()?, chance: self.chance };
        let mut ticket = asking.ticket_for(&service, &granting)?;
        // Under the name that was asked for: across realms the KDC gives it another one.
        ticket.service = service;
        Ok(ticket)
    }

    /// The ticket to ask for others with, made new when four fifths of its life have gone by.
    fn granting(&self, client: &Principal) -> Result<Credential, KerberosFailure> {
        let now = self.now()?;
        let kept = self.tickets().granting().cloned();
        let kept = match self.settings.source() {
            KerberosSource::TicketCache { path } => Some(self.newest_of_cache(path.as_deref(), kept)?),
            _ => kept.filter(|kept| kept.ticket().client == *client),
        };
        let due = kept.as_ref().is_none_or(|kept| kept.is_due(now.seconds));
        match kept {
            Some(kept) if !due => Ok(kept.ticket().clone()),
            // Not too often: what failed a moment ago, fails again.
            Some(kept) if !kept.may_try(now.seconds, self.seconds_between_logins()) => {
                kept.usable(now.seconds)
            }
            kept => match self.new_granting(client, kept.as_ref(), now) {
                Ok(ticket) => {
                    let granting = Granting::new(ticket.clone(), self.window()?, now.seconds);
                    self.tickets().replace(granting);
                    Ok(ticket)
                }
                Err(failure) => {
                    self.tickets().tried(now.seconds);
                    // The old one is good until its end.
                    kept.and_then(|kept| kept.usable(now.seconds).ok()).ok_or(failure)
                }
            },
        }
    }

    /// From the keytab by logging in; from a cache by asking for a longer life.
    fn new_granting(
        &self,
        client: &Principal,
        kept: Option<&Granting>,
        now: Moment,
    ) -> Result<Credential, KerberosFailure> {
        match (self.settings.source(), kept) {
            (KerberosSource::TicketCache { .. }, Some(kept))
                if kept.ticket().life.is_renewable(now.seconds) =>
            {
                Asking { kdc: &*self.kdc, now, chance: self.chance }.renewed(kept.ticket())
            }
            (KerberosSource::TicketCache { .. }, Some(kept)) => kept.usable(now.seconds),
            _ => {
                let (keytab, _) = self.keytab()?;
                log_in(&*self.kdc, &keytab, client, self.conf.ticket_lifetime(), now, self.chance)
            }
        }
    }

    /// What is in the file now, unless the client itself has it for longer.
    fn newest_of_cache(
        &self,
        path: Option<&std::path::Path>,
        kept: Option<Granting>,
    ) -> Result<Granting, KerberosFailure> {
        let path = path.map_or_else(|| files::default_cache(&self.conf), |path| Ok(path.to_owned()))?;
        let cache = TicketCache::read(&path)?;
        let of_file = cache.ticket_granting()?;
        let kept = kept.filter(|kept| {
            kept.ticket().client == of_file.client && kept.ticket().life.end >= of_file.life.end
        });
        match kept {
            Some(kept) => Ok(kept),
            None => {
                let granting = Granting::new(of_file.clone(), self.window()?, self.now()?.seconds);
                self.tickets().replace(granting.clone());
                Ok(granting)
            }
        }
    }

    /// Who the client is.
    fn client(&self) -> Result<Principal, KerberosFailure> {
        match self.settings.source() {
            KerberosSource::TicketCache { path } => {
                let path = path.clone().map_or_else(|| files::default_cache(&self.conf), Ok)?;
                Ok(TicketCache::read(&path)?.owner().clone())
            }
            _ => Ok(self.keytab()?.1),
        }
    }

    /// The keytab as it is now, and whose key of it is used.
    fn keytab(&self) -> Result<(Keytab, Principal), KerberosFailure> {
        let KerberosSource::Keytab { path, principal } = self.settings.source() else {
            return Err(KerberosFailure::Incomplete { problem: "there is no keytab".to_owned() });
        };
        let path = path.clone().map_or_else(|| files::default_keytab(&self.conf), Ok)?;
        let keytab = Keytab::read(&path)?;
        let client = match principal {
            Some(name) => name.parse::<Principal>()?,
            None => keytab.first().cloned().ok_or_else(|| KerberosFailure::Incomplete {
                problem: format!("the keytab {} is empty", path.display()),
            })?,
        };
        if client.realm().is_some() {
            return Ok((keytab, client));
        }
        let realm = self.conf.default_realm().ok_or_else(|| KerberosFailure::Incomplete {
            problem: format!("no realm: write {client}@REALM (principal), or default_realm in krb5.conf"),
        })?;
        Ok((keytab, client.or_in_realm(realm)))
    }

    fn seconds_between_logins(&self) -> i64 {
        i64::try_from(self.settings.time_between_logins().as_secs()).unwrap_or(i64::MAX)
    }

    fn now(&self) -> Result<Moment, KerberosFailure> {
        // Two exchanges of a millisecond differ in their microseconds: a broker takes no moment twice.
        let micros = chance::number(self.chance)?;
        Ok(Moment::of_millis(self.clock.timestamp_ms(), micros))
    }

    /// The part of a ticket's life after which it is renewed, with some chance in it: not all clients at once.
    fn window(&self) -> Result<f64, KerberosFailure> {
        let part = f64::from(chance::number(self.chance)?) / f64::from(1_u32 << 30);
        let (window, jitter) = self.settings.renewal_window();
        Ok(window + jitter * part)
    }

    fn tickets(&self) -> MutexGuard<'_, Tickets> {
        self.tickets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// No key and no ticket is in it.
impl fmt::Debug for KerberosLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KerberosLogin").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
