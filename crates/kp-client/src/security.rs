//! Why a connection was not made because one end did not trust the other, as plain values.
//! Owns: what a caller may ask of it. Never: a secret, or the raw text of a broker.

use kp_protocol::{ApiKey, ErrorCode};
use std::fmt;
use std::sync::Arc;

/// The step of a connection that failed for reasons of security.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SecurityStage {
    /// What answers there speaks another protocol than `security.protocol` says, or wants a login where that says none.
    Connection,
    /// The connection was being encrypted (TLS).
    TlsHandshake,
    /// There was nothing to authenticate with: the credentials cannot be used.
    Credentials,
    /// The mechanism was chosen (SaslHandshake).
    SaslHandshake,
    /// The credentials were shown (SaslAuthenticate, or bare tokens).
    SaslToken,
    /// They were shown again on a connection that was ready (KIP-368).
    Reauthentication,
}

impl fmt::Display for SecurityStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connection => "connection",
            Self::TlsHandshake => "TLS handshake",
            Self::Credentials => "credentials",
            Self::SaslHandshake => "SASL handshake",
            Self::SaslToken => "SASL authentication",
            Self::Reauthentication => "re-authentication",
        })
    }
}

/// A failure of security: what, where and why. `Display` is one line without a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct SecurityFailure {
    stage: SecurityStage,
    words: Arc<str>,
    code: Option<ErrorCode>,
    is_retriable: bool,
    advice: Option<&'static str>,
}

impl SecurityFailure {
    /// A failure that happens again unless credentials or settings change. `words` must be fit to be shown: one line,
    /// no secret, no control characters.
    #[must_use]
    pub fn new(stage: SecurityStage, words: impl Into<Arc<str>>) -> Self {
        Self { stage, words: words.into(), code: None, is_retriable: false, advice: None }
    }

    /// The code with which the broker refused.
    #[must_use]
    pub fn with_code(mut self, code: Option<ErrorCode>) -> Self {
        self.code = code;
        self
    }

    /// Whether the same may succeed the next time.
    #[must_use]
    pub fn retriable(mut self, is_retriable: bool) -> Self {
        self.is_retriable = is_retriable;
        self
    }

    /// What to change.
    #[must_use]
    pub fn with_advice(mut self, advice: Option<&'static str>) -> Self {
        self.advice = advice;
        self
    }

    /// What is wrong, without the step and the advice.
    #[must_use]
    pub fn words(&self) -> &str {
        &self.words
    }

    /// Which step failed.
    #[must_use]
    pub fn stage(&self) -> SecurityStage {
        self.stage
    }

    /// The code with which the broker refused, if it sent one.
    #[must_use]
    pub fn code(&self) -> Option<ErrorCode> {
        self.code
    }

    /// Whether the same may succeed the next time, with nothing changed.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        self.is_retriable
    }

    /// What to change, with the names of the keys; `None` if the words say all that is known.
    #[must_use]
    pub fn advice(&self) -> Option<&'static str> {
        self.advice
    }
}

impl fmt::Display for SecurityFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed: {}", self.stage, self.words)?;
        self.advice.map_or(Ok(()), |advice| write!(f, " ({advice})"))
    }
}

impl fmt::Debug for SecurityFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecurityFailure({self})")
    }
}

/// The step of an attempt that was not done in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SetupStage {
    /// The broker's name was being looked up.
    Resolving,
    /// The program was being asked for the certificate of this client; the socket comes after that.
    ClientCertificate,
    /// The socket was being connected.
    Connecting,
    /// The connection was being encrypted.
    TlsHandshake,
    /// ApiVersions was unanswered.
    Versions,
    /// SaslHandshake was unanswered.
    SaslHandshake,
    /// A token was unanswered.
    SaslToken {
        /// The first has the number 1.
        number: u32,
    },
    /// The client's own work for SASL, as the derivation of keys or the fetching of a token, was not done.
    SaslWork,
}

impl SetupStage {
    /// The request that was unanswered, if it was one. Tokens may go without the header of a request (Kafka before 1.0).
    #[must_use]
    pub fn unanswered(self) -> Option<ApiKey> {
        match self {
            Self::Resolving
            | Self::ClientCertificate
            | Self::Connecting
            | Self::TlsHandshake
            | Self::SaslWork => None,
            Self::Versions => Some(ApiKey::ApiVersions),
            Self::SaslHandshake => Some(ApiKey::SaslHandshake),
            Self::SaslToken { .. } => Some(ApiKey::SaslAuthenticate),
        }
    }
}

impl fmt::Display for SetupStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolving => f.write_str("the name was not looked up"),
            Self::ClientCertificate => {
                f.write_str("the program had not given the certificate of this client (Identity::provider)")
            }
            Self::Connecting => f.write_str("the socket was not connected"),
            Self::TlsHandshake => f.write_str("the TLS handshake was not over"),
            Self::Versions => f.write_str("no answer to ApiVersions"),
            Self::SaslHandshake => f.write_str("no answer to SaslHandshake"),
            Self::SaslToken { number } => write!(f, "no answer to SASL token {number}"),
            Self::SaslWork => f.write_str("the work for SASL was not done"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_in_one_line_what_happened_where_and_what_to_change() {
        let failure = SecurityFailure::new(SecurityStage::SaslToken, "PLAIN: refused by the broker")
            .with_code(Some(ErrorCode::SASL_AUTHENTICATION_FAILED))
            .with_advice(Some("check the password: sasl.jaas.config"));
        let line =
            "SASL authentication failed: PLAIN: refused by the broker (check the password: sasl.jaas.config)";
        assert_eq!(failure.to_string(), line);
        assert!(!failure.is_retriable() && failure.code().is_some());
    }
}
