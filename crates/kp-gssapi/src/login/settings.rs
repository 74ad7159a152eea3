//! What a login needs to know: plain data, and the places where files are by default.

use std::env;
use std::path::PathBuf;
use std::time::Duration;

use crate::KerberosFailure;
use crate::kerberos::krb5_conf::Krb5Conf;

/// Where `krb5.conf` is if nothing says otherwise.
const CONF: &str = "/etc/krb5.conf";
/// As Java has them: `sasl.kerberos.ticket.renew.window.factor`, `….jitter`, `sasl.kerberos.min.time.before.relogin`.
const WINDOW: f64 = 0.8;
const JITTER: f64 = 0.05;
const BETWEEN_LOGINS: Duration = Duration::from_secs(60);

/// How a client logs in to Kerberos, and to which service.
#[derive(Debug, Clone, PartialEq)]
pub struct KerberosSettings {
    source: TicketSource,
    service: String,
    conf: Option<PathBuf>,
    window: f64,
    jitter: f64,
    between_logins: Duration,
}

/// Where the client's right to tickets comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TicketSource {
    /// Its own key.
    Keytab {
        /// The file; `None`: that of `KRB5_CLIENT_KTNAME`, `KRB5_KTNAME` or `krb5.conf`.
        path: Option<PathBuf>,
        /// The client, with or without a realm; `None`: that of the first key.
        principal: Option<String>,
    },
    /// A ticket that another program keeps: `kinit`, `k5start`, a sidecar.
    Cache {
        /// The file; `None`: that of `KRB5CCNAME` or `krb5.conf`, or `/tmp/krb5cc_UID`.
        path: Option<PathBuf>,
    },
}

impl KerberosSettings {
    /// A client with a key of its own, and the service `kafka`.
    #[must_use]
    pub fn keytab(path: impl Into<PathBuf>, principal: impl Into<String>) -> Self {
        Self::new(TicketSource::Keytab { path: Some(path.into()), principal: Some(principal.into()) })
    }

    /// A client with a ticket in a file, and the service `kafka`.
    #[must_use]
    pub fn cache(path: impl Into<PathBuf>) -> Self {
        Self::new(TicketSource::Cache { path: Some(path.into()) })
    }

    /// A client of this source, and the service `kafka`.
    #[must_use]
    pub fn new(source: TicketSource) -> Self {
        let service = "kafka".to_owned();
        Self { source, service, conf: None, window: WINDOW, jitter: JITTER, between_logins: BETWEEN_LOGINS }
    }

    /// The name that brokers run under, before the `/` of their principals (`sasl.kerberos.service.name`).
    #[must_use]
    pub fn service(mut self, name: impl Into<String>) -> Self {
        self.service = name.into();
        self
    }

    /// The file to read in place of those of `KRB5_CONFIG`, or of `/etc/krb5.conf` (`kp.kerberos.config`).
    #[must_use]
    pub fn config(mut self, path: impl Into<PathBuf>) -> Self {
        self.conf = Some(path.into());
        self
    }

    /// After which part of its life a ticket is renewed, and how much chance comes on top (`sasl.kerberos.ticket.renew.*`).
    #[must_use]
    pub fn renewal(mut self, window: f64, jitter: f64) -> Self {
        (self.window, self.jitter) = (window, jitter);
        self
    }

    /// The least time between two logins (`sasl.kerberos.min.time.before.relogin`).
    #[must_use]
    pub fn at_least_between_logins(mut self, time: Duration) -> Self {
        self.between_logins = time;
        self
    }

    pub(crate) fn source(&self) -> &TicketSource {
        &self.source
    }

    pub(crate) fn service_name(&self) -> &str {
        &self.service
    }

    pub(crate) fn renewal_window(&self) -> f64 {
        self.window
    }

    pub(crate) fn renewal_jitter(&self) -> f64 {
        self.jitter
    }

    /// In seconds.
    pub(crate) fn least_between_logins(&self) -> i64 {
        i64::try_from(self.between_logins.as_secs()).unwrap_or(i64::MAX)
    }

    pub(crate) fn read_conf(&self) -> Result<Krb5Conf, KerberosFailure> {
        let paths = match (&self.conf, env::var_os("KRB5_CONFIG")) {
            (Some(path), _) => vec![path.clone()],
            (None, Some(list)) => env::split_paths(&list).collect(),
            (None, None) => vec![PathBuf::from(CONF)],
        };
        Krb5Conf::read(&paths)
    }

    /// The cache that MIT's programs would take.
    pub(crate) fn default_cache(&self, conf: &Krb5Conf) -> Result<PathBuf, KerberosFailure> {
        let named = env::var("KRB5CCNAME").ok().or_else(|| conf.default_cache().map(str::to_owned));
        match named {
            Some(name) => file_of(&name, "ticket cache", "KRB5CCNAME"),
            None => Err(KerberosFailure::Incomplete {
                problem: "which ticket cache? say it in ticketCache of the login line, or in KRB5CCNAME"
                    .to_owned(),
            }),
        }
    }
}

/// The keytab that MIT's clients would take.
pub(crate) fn default_keytab(conf: &Krb5Conf) -> Result<PathBuf, KerberosFailure> {
    let of_env = env::var("KRB5_CLIENT_KTNAME").or_else(|_| env::var("KRB5_KTNAME")).ok();
    match of_env.or_else(|| conf.default_keytab().map(str::to_owned)) {
        Some(name) => file_of(&name, "keytab", "KRB5_CLIENT_KTNAME"),
        None => Err(KerberosFailure::Incomplete {
            problem: "which keytab? say it in keyTab of the login line, or in kp.kerberos.keytab".to_owned(),
        }),
    }
}

/// `FILE:/path`, `WRFILE:/path` or `/path`; with `%{uid}` in it, where the system has a number for users.
fn file_of(name: &str, what: &str, variable: &str) -> Result<PathBuf, KerberosFailure> {
    let path = name.strip_prefix("FILE:").or_else(|| name.strip_prefix("WRFILE:")).unwrap_or(name);
    let is_kind = |kind: &str| kind.len() > 1 && kind.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if path.split_once(':').is_some_and(|(kind, _)| is_kind(kind)) || path.contains("%{") {
        return Err(KerberosFailure::Incomplete {
            problem: format!("kp reads a {what} from a file alone, and not {path}: {variable}=FILE:/path"),
        });
    }
    Ok(PathBuf::from(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_that_is_no_file_is_refused_by_name() {
        assert_eq!(file_of("FILE:/tmp/cc", "x", "Y"), Ok(PathBuf::from("/tmp/cc")));
        assert_eq!(file_of("/tmp/cc", "x", "Y"), Ok(PathBuf::from("/tmp/cc")));
        for name in ["KCM:", "KEYRING:persistent:0", "DIR:/tmp/cc", "MEMORY:x", "FILE:/tmp/%{uid}"] {
            let failure = file_of(name, "ticket cache", "KRB5CCNAME").expect_err("no file");
            assert!(failure.to_string().contains("KRB5CCNAME=FILE:/path"), "{failure}");
        }
    }
}
