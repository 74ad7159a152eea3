//! How tokens travel: it changed twice between Kafka 0.9 and 1.0.

use kp_protocol::{ApiKey, BrokerVersions};

use crate::SaslFailure;

/// How a broker wants the tokens of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaslDialect {
    /// Kafka 1.0 and newer (KIP-152): SaslHandshake 1, then each token in a SaslAuthenticate, and a refusal has a
    /// reason.
    Authenticate {
        /// The version of SaslAuthenticate.
        version: i16,
    },
    /// Kafka 0.10 and 0.11 (KIP-43): SaslHandshake 0, then bare tokens; a refusal is a close.
    Bare,
    /// Kafka 0.9: bare tokens from the first byte on, and Kerberos alone.
    BareWithoutHandshake,
}

impl SaslDialect {
    /// What a broker wants by the versions that it says it speaks. A broker that does not list SaslAuthenticate gets
    /// bare tokens, as from Java's client; see [`is_bare`](Self::is_bare).
    ///
    /// # Errors
    /// [`SaslFailure::NoHandshake`] if it has no SaslHandshake that this crate speaks.
    pub fn of(versions: &BrokerVersions) -> Result<Self, SaslFailure> {
        let handshake = versions.negotiate(ApiKey::SaslHandshake).ok_or(SaslFailure::NoHandshake)?;
        Ok(match versions.negotiate(ApiKey::SaslAuthenticate) {
            Some(version) if handshake >= 1 => Self::Authenticate { version },
            _ => Self::Bare,
        })
    }

    /// Whether tokens go without a header. On a connection that others can change, such a broker may be a newer one
    /// whose list was shortened on the way.
    #[must_use]
    pub const fn is_bare(self) -> bool {
        match self {
            Self::Authenticate { .. } => false,
            Self::Bare | Self::BareWithoutHandshake => true,
        }
    }

    /// The version of SaslHandshake that announces this; `None`: there is none.
    #[must_use]
    pub const fn handshake_version(self) -> Option<i16> {
        match self {
            Self::Authenticate { .. } => Some(1),
            Self::Bare => Some(0),
            Self::BareWithoutHandshake => None,
        }
    }
}
