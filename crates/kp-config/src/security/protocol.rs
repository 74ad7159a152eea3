//! `security.protocol`, by its key and by typed calls.

use std::fmt;

use crate::{ConfigError, ProducerConfig};

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

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|protocol| protocol.name().eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for SecurityProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What connections run over, as a typed call says it: with [`ProducerConfig::sasl`] it makes `security.protocol`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Security(());

impl Security {
    /// Connections are not encrypted. With [`ProducerConfig::sasl`] this is `SASL_PLAINTEXT`.
    #[must_use]
    pub fn plaintext() -> Self {
        Self(())
    }
}

impl ProducerConfig {
    /// The protocol in force.
    pub(super) fn security_protocol(&self) -> Result<SecurityProtocol, ConfigError> {
        let named = self.text("security.protocol").and_then(|name| SecurityProtocol::named(&name));
        let named = named.unwrap_or_default();
        let is_named = self.is_set("security.protocol");
        let typed = match (self.typed_security(), self.typed_sasl()) {
            (None, None) => return Ok(named),
            (Some(_), None) => SecurityProtocol::Plaintext,
            (Some(_), Some(_)) => SecurityProtocol::SaslPlaintext,
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
