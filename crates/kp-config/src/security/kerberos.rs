//! A login with Kerberos: whose key or ticket, and which service. Out of the keys it comes by `kerberos_options.rs`.
//! Never: a file; keytabs and caches are read by the producer.

use std::path::{Path, PathBuf};
use std::time::Duration;

use kp_sasl::SaslFailure;

/// A login with Kerberos (`GSSAPI`): plain data.
///
/// ```
/// use kp_config::{Kerberos, Sasl};
/// let robot = Sasl::kerberos(Kerberos::keytab("/etc/kp.keytab", "kp@EXAMPLE.COM"));
/// let person = Sasl::kerberos(Kerberos::ticket_cache("/tmp/krb5cc_1000").service("kafka-eu"));
/// assert_eq!((robot.mechanism(), person.mechanism()), ("GSSAPI", "GSSAPI"));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Kerberos {
    source: KerberosSource,
    service: String,
    config: Option<PathBuf>,
    window: f64,
    jitter: f64,
    between_logins: Duration,
}

/// What a client has to show to a KDC.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum KerberosSource {
    /// A key of its own.
    Keytab {
        /// The file; `None`: that of `KRB5_CLIENT_KTNAME`, `KRB5_KTNAME` or `krb5.conf`.
        path: Option<PathBuf>,
        /// Whose key of it; `None`: that of the first.
        principal: Option<String>,
    },
    /// A ticket that another program keeps, as `kinit` does.
    TicketCache {
        /// The file; `None`: that of `KRB5CCNAME` or `krb5.conf`.
        path: Option<PathBuf>,
    },
}

impl Kerberos {
    /// A client with a key of its own (`useKeyTab`), and brokers that run as `kafka/…`.
    #[must_use]
    pub fn keytab(path: impl Into<PathBuf>, principal: impl Into<String>) -> Self {
        Self::of(KerberosSource::Keytab { path: Some(path.into()), principal: Some(principal.into()) })
    }

    /// A client with a ticket in a file (`useTicketCache`), and brokers that run as `kafka/…`.
    #[must_use]
    pub fn ticket_cache(path: impl Into<PathBuf>) -> Self {
        Self::of(KerberosSource::TicketCache { path: Some(path.into()) })
    }

    /// A client of this source, and brokers that run as `kafka/…`.
    #[must_use]
    pub fn of(source: KerberosSource) -> Self {
        let between_logins = Duration::from_secs(60);
        Self { source, service: "kafka".to_owned(), config: None, window: 0.8, jitter: 0.05, between_logins }
    }

    /// The name before the `/` in the principals of brokers (`sasl.kerberos.service.name`).
    #[must_use]
    pub fn service(self, name: impl Into<String>) -> Self {
        Self { service: name.into(), ..self }
    }

    /// The `krb5.conf` to read (`kp.kerberos.config`). Without: those of `KRB5_CONFIG`, else `/etc/krb5.conf`.
    #[must_use]
    pub fn config(self, path: impl Into<PathBuf>) -> Self {
        Self { config: Some(path.into()), ..self }
    }

    /// After which part of its life a ticket is renewed, and how much chance comes on top (`sasl.kerberos.ticket.renew.window.factor`,
    /// `sasl.kerberos.ticket.renew.jitter`).
    #[must_use]
    pub fn renewal(self, window: f64, jitter: f64) -> Self {
        Self { window, jitter, ..self }
    }

    /// The least time between two logins (`sasl.kerberos.min.time.before.relogin`).
    #[must_use]
    pub fn least_between_logins(self, between_logins: Duration) -> Self {
        Self { between_logins, ..self }
    }

    /// What the client has to show.
    #[must_use]
    pub fn source(&self) -> &KerberosSource {
        &self.source
    }

    /// The name of the service.
    #[must_use]
    pub fn service_name(&self) -> &str {
        &self.service
    }

    /// The `krb5.conf` that was named.
    #[must_use]
    pub fn named_config(&self) -> Option<&Path> {
        self.config.as_deref()
    }

    /// The part of a ticket's life, and the chance on top.
    #[must_use]
    pub fn renewal_window(&self) -> (f64, f64) {
        (self.window, self.jitter)
    }

    /// The least time between two logins.
    #[must_use]
    pub fn time_between_logins(&self) -> Duration {
        self.between_logins
    }

    pub(super) fn check(&self) -> Result<(), SaslFailure> {
        let bad = |option: &str, problem| Err(SaslFailure::BadOption { option: option.to_owned(), problem });
        if self.service.is_empty() || self.service.contains(['/', '@', '\0']) {
            return bad(
                "sasl.kerberos.service.name",
                "is the name before the / of the brokers' principals, as kafka",
            );
        }
        match &self.source {
            KerberosSource::Keytab { principal: Some(name), .. } if name.is_empty() => {
                bad("principal", "is empty")
            }
            _ => Ok(()),
        }
    }
}
