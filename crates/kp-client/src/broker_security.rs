//! How connections are secured, as plain values for reports. Owns: what a report may say. Never: a secret, a key, a clock.

use crate::{SecurityFailure, SetupStage};
use kp_protocol::BrokerId;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// What a certificate says of itself. Texts are those of its issuer, made fit for one line; times are of UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CertificateSummary {
    /// Whose it is, such as `CN=kafka, O=example`.
    pub subject: String,
    /// The hosts that it is for (subjectAltName), such as `DNS:broker.example` and `IP:10.0.0.1`.
    pub names: Vec<String>,
    /// When it begins to be valid.
    pub not_before: SystemTime,
    /// Until when it is valid.
    pub not_after: SystemTime,
}

impl CertificateSummary {
    /// A certificate of this subject, for no host, that is valid in between.
    #[must_use]
    pub fn new(subject: impl Into<String>, not_before: SystemTime, not_after: SystemTime) -> Self {
        Self { subject: subject.into(), names: Vec::new(), not_before, not_after }
    }
}

/// How one connection is encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionEncryption {
    /// The version, as Java names it: `TLSv1.2` or `TLSv1.3`.
    pub protocol: &'static str,
    /// The cipher suite in its registered name, such as `TLS_AES_256_GCM_SHA384`.
    pub cipher: Arc<str>,
    /// Whether an earlier connection was taken up again; then no certificate was asked for anew.
    pub is_resumed: bool,
    /// The broker's own certificate.
    pub certificate: Option<CertificateSummary>,
    /// Whether the broker asked for a certificate of this client, and was shown one.
    pub shows_certificate: bool,
}

impl ConnectionEncryption {
    /// A connection of this version and suite. The rest is not known.
    #[must_use]
    pub fn new(protocol: &'static str, cipher: impl Into<Arc<str>>) -> Self {
        let cipher = cipher.into();
        Self { protocol, cipher, is_resumed: false, certificate: None, shows_certificate: false }
    }
}

/// Where the connection to a broker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectionState {
    /// There is none. After a failed attempt it is not tried again before this is over.
    Down {
        /// How long until the next attempt is allowed, if it is not allowed now.
        retry_in: Option<Duration>,
    },
    /// It is being made; the step that is not done.
    SettingUp(SetupStage),
    /// It takes requests.
    Ready,
    /// It is being authenticated again, and takes requests after that (KIP-368).
    Renewing,
}

impl fmt::Display for ConnectionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Down { retry_in: None } => f.write_str("not connected"),
            Self::Down { retry_in: Some(retry_in) } => {
                write!(f, "not connected, tried again in {retry_in:.1?}")
            }
            Self::SettingUp(stage) => f.write_str(match stage {
                SetupStage::Resolving => "its name is being looked up",
                SetupStage::ClientCertificate => {
                    "waits for the certificate of this client (Identity::provider)"
                }
                SetupStage::Connecting => "the socket is being connected",
                SetupStage::TlsHandshake => "in the TLS handshake",
                SetupStage::Versions => "waits for the answer to ApiVersions",
                SetupStage::SaslHandshake => "waits for the answer to SaslHandshake",
                SetupStage::SaslToken { .. } => "waits for the answer to SaslAuthenticate",
                SetupStage::SaslWork => "waits for credentials",
            }),
            Self::Ready => f.write_str("ready"),
            Self::Renewing => f.write_str("is being authenticated again"),
        }
    }
}

/// A failure of security that is over, or goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PastFailure {
    /// What, where and why.
    pub failure: Arc<SecurityFailure>,
    /// How long ago.
    pub ago: Duration,
}

impl PastFailure {
    /// This, so long ago.
    #[must_use]
    pub fn new(failure: Arc<SecurityFailure>, ago: Duration) -> Self {
        Self { failure, ago }
    }
}

/// How the connection to one broker is secured.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BrokerSecurity {
    /// Which; the addresses of `bootstrap.servers` are -1, -2, …
    pub broker: BrokerId,
    /// Its `host:port`.
    pub address: Arc<str>,
    /// What connections to it are: `PLAINTEXT`, `SASL_PLAINTEXT`, `SSL` or `SASL_SSL` (`security.protocol`).
    pub protocol: &'static str,
    /// Where its connection stands.
    pub state: ConnectionState,
    /// How that is encrypted, from the end of the handshake on.
    pub encryption: Option<Arc<ConnectionEncryption>>,
    /// The mechanism with which the client authenticates (`sasl.mechanism`), from the first message on.
    pub mechanism: Option<Arc<str>>,
    /// As whom, where that is known here: the user, the token's principal, the subject of the certificate that was shown.
    pub principal: Option<Arc<str>>,
    /// How long until the broker wants to be shown the credentials again (KIP-368); `None`: as long as the connection lasts.
    /// Zero when it is over; the connection is then authenticated again before its next request.
    pub session_ends_in: Option<Duration>,
    /// The last failure of security of an attempt or a connection to it. One that is older than a ready connection is over.
    pub last_failure: Option<PastFailure>,
}

impl BrokerSecurity {
    /// A broker without a connection.
    #[must_use]
    pub fn new(broker: BrokerId, address: impl Into<Arc<str>>, protocol: &'static str) -> Self {
        Self {
            broker,
            address: address.into(),
            protocol,
            state: ConnectionState::Down { retry_in: None },
            encryption: None,
            mechanism: None,
            principal: None,
            session_ends_in: None,
            last_failure: None,
        }
    }

    /// The failure that keeps it from being ready; `None` if it is, or if nothing was refused.
    #[must_use]
    pub fn refusal(&self) -> Option<&SecurityFailure> {
        match self.state {
            ConnectionState::Ready | ConnectionState::Renewing => None,
            ConnectionState::Down { .. } | ConnectionState::SettingUp(_) => {
                self.last_failure.as_ref().map(|past| &*past.failure)
            }
        }
    }
}

/// What is known of the tokens that a client shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenFacts {
    /// How often a provider has given one.
    pub refreshes: u64,
    /// How often it was asked and gave none.
    pub refreshes_failed: u64,
    /// When the one that later connections are shown ends. `None` if there is none that they share.
    pub ends: Option<SystemTime>,
}

/// How all connections of a client are secured. Made when asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NetworkSecurity {
    /// Broker by broker, lowest id first: those of `bootstrap.servers`, until the cluster has told its own.
    pub brokers: Vec<BrokerSecurity>,
    /// The certificate that is shown to brokers that ask for one.
    pub own_certificate: Option<CertificateSummary>,
    /// Its tokens, if it has a provider of such.
    pub tokens: Option<TokenFacts>,
}

/// So many connections are encrypted alike.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct CipherUse {
    /// As [`ConnectionEncryption::protocol`].
    pub protocol: &'static str,
    /// As [`ConnectionEncryption::cipher`].
    pub cipher: Arc<str>,
    /// Connections that are ready now; 0 for what was in use earlier.
    pub connections: usize,
}

impl CipherUse {
    /// So many.
    #[must_use]
    pub fn new(protocol: &'static str, cipher: impl Into<Arc<str>>, connections: usize) -> Self {
        Self { protocol, cipher: cipher.into(), connections }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SecurityStage;

    #[test]
    fn a_failure_before_a_ready_connection_is_no_refusal() {
        let failure = Arc::new(SecurityFailure::new(SecurityStage::SaslToken, "PLAIN: refused"));
        let mut broker = BrokerSecurity::new(BrokerId(1), "h:1", "SASL_PLAINTEXT");
        assert_eq!(broker.refusal(), None);
        broker.last_failure = Some(PastFailure { failure: Arc::clone(&failure), ago: Duration::ZERO });
        assert_eq!(broker.refusal(), Some(&*failure));
        broker.state = ConnectionState::SettingUp(SetupStage::SaslHandshake);
        assert_eq!(broker.refusal(), Some(&*failure));
        broker.state = ConnectionState::Ready;
        assert_eq!(broker.refusal(), None);
    }
}
