//! The login with Kerberos, and its mechanisms.

use super::Mechanism;
use crate::config::{ConfigError, Kerberos};
use kp_gssapi::KerberosLogin;
use kp_sasl::SaslFailure;
use kp_time::Clock;
use std::sync::Arc;

/// The login of one producer. Reads the keytab and `krb5.conf`; no KDC is asked yet.
pub(super) fn log_in(kerberos: &Kerberos, clock: &Arc<dyn Clock>) -> Result<KerberosLogin, ConfigError> {
    KerberosLogin::new(kerberos.clone(), Arc::clone(clock))
        .map_err(|failure| ConfigError::Credential { key: "sasl.jaas.config", problem: failure.to_string() })
}

/// The mechanism for the broker named `host`.
pub(super) fn begin(login: Option<&KerberosLogin>, host: &str) -> Mechanism {
    login.map(|login| login.mechanism(host)).ok_or_else(|| SaslFailure::LoginFailed {
        mechanism: "GSSAPI",
        problem: "the login was not made".to_owned(),
        is_retriable: false,
    })
}
