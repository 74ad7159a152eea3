//! `security.protocol`: its values, and how a typed call says it.

use std::fmt;

use super::Tls;

/// `security.protocol`: whether connections are encrypted, and whether the client says who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum SecurityProtocol {
    /// `PLAINTEXT`: neither.
    #[default]
    Plaintext,
    /// `SSL`: encrypted.
    Ssl,
    /// `SASL_PLAINTEXT`: the client is authenticated, nothing is encrypted.
    SaslPlaintext,
    /// `SASL_SSL`: both.
    SaslSsl,
}

impl SecurityProtocol {
    const ALL: [Self; 4] = [Self::Plaintext, Self::Ssl, Self::SaslPlaintext, Self::SaslSsl];

    /// Kafka's name of it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plaintext => "PLAINTEXT",
            Self::Ssl => "SSL",
            Self::SaslPlaintext => "SASL_PLAINTEXT",
            Self::SaslSsl => "SASL_SSL",
        }
    }

    /// Whether the client is authenticated by SASL.
    #[must_use]
    pub const fn has_sasl(self) -> bool {
        matches!(self, Self::SaslPlaintext | Self::SaslSsl)
    }

    /// Whether connections are encrypted.
    #[must_use]
    pub const fn has_tls(self) -> bool {
        matches!(self, Self::Ssl | Self::SaslSsl)
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|protocol| protocol.name().eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for SecurityProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What connections run over, as a typed call says it: with [`ProducerConfig::sasl`](crate::ProducerConfig::sasl) it makes `security.protocol`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Security(Option<Tls>);

impl Security {
    /// Connections are not encrypted. With [`ProducerConfig::sasl`](crate::ProducerConfig::sasl) this is `SASL_PLAINTEXT`.
    #[must_use]
    pub fn plaintext() -> Self {
        Self(None)
    }

    /// Connections are encrypted. This is `SSL`; with [`ProducerConfig::sasl`](crate::ProducerConfig::sasl) it is `SASL_SSL`.
    #[must_use]
    pub fn tls(tls: Tls) -> Self {
        Self(Some(tls))
    }

    pub(super) fn encryption(&self) -> Option<&Tls> {
        self.0.as_ref()
    }

    pub(super) fn protocol(&self, has_sasl: bool) -> SecurityProtocol {
        match (has_sasl, &self.0) {
            (false, None) => SecurityProtocol::Plaintext,
            (false, Some(_)) => SecurityProtocol::Ssl,
            (true, None) => SecurityProtocol::SaslPlaintext,
            (true, Some(_)) => SecurityProtocol::SaslSsl,
        }
    }
}
