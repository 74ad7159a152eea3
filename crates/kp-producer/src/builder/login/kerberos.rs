//! The login with Kerberos: its settings out of the configuration, and its mechanisms.

use super::Mechanism;
use crate::config::{ConfigError, Kerberos, KerberosSource};
use kp_gssapi::{KerberosLogin, KerberosSettings, TicketSource};
use kp_sasl::SaslFailure;
use kp_time::Clock;
use std::sync::Arc;

/// The login of one producer. Reads the keytab and `krb5.conf`; no KDC is asked yet.
pub(super) fn log_in(kerberos: &Kerberos, clock: &Arc<dyn Clock>) -> Result<KerberosLogin, ConfigError> {
    let bad = |problem: String| ConfigError::Credential { key: "sasl.jaas.config", problem };
    let source = match kerberos.source().clone() {
        KerberosSource::Keytab { path, principal } => TicketSource::Keytab { path, principal },
        KerberosSource::TicketCache { path } => TicketSource::Cache { path },
        _ => return Err(bad("this version knows no such source of tickets".to_owned())),
    };
    let (window, jitter) = kerberos.renewal_window();
    let settings = KerberosSettings::new(source)
        .service(kerberos.service_name())
        .renewal(window, jitter)
        .at_least_between_logins(kerberos.time_between_logins());
    let settings = match kerberos.named_config() {
        Some(path) => settings.config(path),
        None => settings,
    };
    KerberosLogin::new(settings, Arc::clone(clock)).map_err(|failure| bad(failure.to_string()))
}

/// The mechanism for the broker named `host`.
pub(super) fn begin(login: Option<&KerberosLogin>, host: &str) -> Mechanism {
    login.map(|login| login.mechanism(host)).ok_or_else(|| SaslFailure::LoginFailed {
        mechanism: "GSSAPI",
        problem: "the login was not made".to_owned(),
        is_retriable: false,
    })
}
