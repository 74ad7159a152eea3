//! What the keys of TLS and SASL come to: the protocol, and the credentials.
//! Owns: which protocol is in force, and the order of the checks; `security/` has each. What is wrong there is said before it is
//! said what kp does not have yet. Never: a connection, and a secret in a text.

mod aws_options;
mod encryption;
mod kerberos;
mod kerberos_options;
mod login;
mod mechanism;
mod msk_iam;
mod oidc;
mod oidc_keys;
mod placeholder;
mod protocol;
mod refresh;
mod rules;
mod sasl;
mod tls;
mod user_login;

pub use kerberos::{Kerberos, KerberosSource};
pub use msk_iam::{AwsRole, AwsSource, MskIam};
pub use oidc::{Assertion, AssertionAlgorithm, Oidc, OidcEndpoint, OidcGrant, OidcLimits, SignedAssertion};
pub use protocol::{Security, SecurityProtocol};
pub use refresh::TokenRefresh;
pub use sasl::{Sasl, TokenSource};
pub use tls::{
    DangerousTls, Identity, IdentityProvider, IdentitySource, Store, StoreContent, Tls, TlsVersion, Trust,
};
pub use user_login::Login;

use crate::{ConfigError, ConfigWarning, ProducerConfig};

/// How a producer connects: encrypted or not, and as whom.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SecurityConfig {
    /// `security.protocol`.
    pub protocol: SecurityProtocol,
    /// What the client authenticates with; there if, and only if, the protocol has SASL.
    pub sasl: Option<Sasl>,
    /// When tokens of OAUTHBEARER are replaced.
    pub refresh: TokenRefresh,
    /// What connections are encrypted with; there if, and only if, the protocol has TLS.
    pub tls: Option<Tls>,
}

impl ProducerConfig {
    /// The protocol and the credentials, checked: V2, V8, V9, V11.
    pub(crate) fn check_security(&self) -> Result<SecurityConfig, ConfigError> {
        let protocol = self.security_protocol()?;
        let sasl = if protocol.has_sasl() { Some(self.check_sasl(protocol)?) } else { None };
        let tls = if protocol.has_tls() { Some(self.check_tls()?) } else { None };
        Ok(SecurityConfig { protocol, sasl, refresh: TokenRefresh::of(self)?, tls })
    }

    /// Whether `key` names a class of a JVM whose work kp does: the login is of AWS or of a token endpoint, out of
    /// the keys.
    pub(crate) fn is_handler_in_force(&self, security: &SecurityConfig, key: &str) -> bool {
        let is_of_keys = self.typed_sasl().is_none();
        is_of_keys
            && matches!(security.sasl, Some(Sasl::MskIam(_) | Sasl::Oidc(_)))
            && key.starts_with("sasl.")
            && key.ends_with(".callback.handler.class")
    }

    /// The protocol in force.
    fn security_protocol(&self) -> Result<SecurityProtocol, ConfigError> {
        let named = self.text("security.protocol").and_then(|name| SecurityProtocol::named(&name));
        let named = named.unwrap_or_default();
        let is_named = self.is_set("security.protocol");
        let typed = match (self.typed_security(), self.typed_sasl()) {
            (None, None) => return Ok(named),
            (Some(security), None) => security.protocol(false),
            (Some(security), Some(_)) => security.protocol(true),
            (None, Some(_)) if named.has_sasl() => return Ok(named),
            (None, Some(_)) => {
                return Err(ConfigError::conflict(
                    "V2",
                    "security.protocol",
                    format!(
                        "there are credentials (ProducerConfig::sasl), and security.protocol={named} authenticates no \
                         client: say SASL_PLAINTEXT or SASL_SSL"
                    ),
                ));
            }
        };
        if is_named && named != typed {
            return Err(ConfigError::conflict(
                "V11",
                "security.protocol",
                format!("security.protocol={named}, and typed calls make it {typed}"),
            ));
        }
        Ok(typed)
    }
}

impl SecurityConfig {
    /// What is legal, and weaker than it may seem.
    pub(crate) fn warn(&self, warnings: &mut Vec<ConfigWarning>) {
        let bare = match &self.sasl {
            Some(Sasl::Plain(_)) => "the password",
            Some(Sasl::UnsecuredTokens(_) | Sasl::Tokens(_) | Sasl::Oidc(_)) => "the token",
            // What is signed is good for 15 minutes, and for its broker or cluster alone; a listener of it has TLS.
            Some(Sasl::MskIam(_)) => "the signature",
            Some(Sasl::Scram { .. } | Sasl::Kerberos(_)) | None => return,
        };
        if !self.protocol.has_tls() {
            warnings.push(ConfigWarning::Odd {
                key: "security.protocol",
                message: format!(
                    "{}: {bare} goes to the broker as it is, for every host on the way to read",
                    self.protocol
                ),
            });
        }
    }

    /// Why a key of TLS or SASL has no effect; `None` if what it belongs to is in force.
    pub(crate) fn why_without_effect(&self, key: &str) -> Option<&'static str> {
        if self.protocol == SecurityProtocol::Plaintext {
            return Some("security.protocol is PLAINTEXT: nothing is encrypted, no client is authenticated");
        }
        let of_tokens =
            ["sasl.oauthbearer.", "sasl.login.", "kp.oauth."].iter().any(|prefix| key.starts_with(prefix));
        if (key.starts_with("ssl.") || key.starts_with("kp.ssl.")) && !self.protocol.has_tls() {
            Some("security.protocol is SASL_PLAINTEXT: nothing is encrypted")
        } else if key.starts_with("sasl.") && !self.protocol.has_sasl() {
            Some("security.protocol is SSL: no user is authenticated")
        } else if of_tokens && !self.sasl.as_ref().is_some_and(Sasl::has_tokens) {
            Some("sasl.mechanism is not OAUTHBEARER")
        } else if key == "kp.scram.max.iterations" && !matches!(self.sasl, Some(Sasl::Scram { .. })) {
            Some("sasl.mechanism is not SCRAM")
        } else if key.contains(".kerberos.") && !matches!(self.sasl, Some(Sasl::Kerberos(_))) {
            Some("sasl.mechanism is not GSSAPI")
        } else {
            None
        }
    }
}
