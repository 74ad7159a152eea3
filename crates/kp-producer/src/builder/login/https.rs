//! With whose cryptography endpoints of HTTPS are asked: with that of the connections to brokers.
//! Owns: which provider that is. Never: a request.

#[cfg(any(feature = "sasl-oidc", feature = "tls-no-provider"))]
use kp_tls::CryptoProvider;
#[cfg(any(feature = "sasl-oidc", feature = "tls-no-provider"))]
use std::sync::Arc;

/// What the builder was handed (`ProducerBuilder::crypto_provider`), if it was handed one.
#[derive(Clone, Debug, Default)]
pub(crate) struct HandedCryptography(
    #[cfg(any(feature = "sasl-oidc", feature = "tls-no-provider"))]
    #[cfg_attr(
        not(any(feature = "sasl-oidc", feature = "sasl-msk-iam")),
        expect(dead_code, reason = "no login asks an endpoint")
    )]
    Option<Arc<CryptoProvider>>,
);

impl HandedCryptography {
    #[cfg(feature = "tls-no-provider")]
    pub(crate) fn new(provider: Option<&Arc<CryptoProvider>>) -> Self {
        Self(provider.cloned())
    }

    /// That, else the one that was built in; `None` if there is neither.
    #[cfg(any(feature = "sasl-oidc", all(feature = "sasl-msk-iam", feature = "tls-no-provider")))]
    pub(super) fn provider(&self) -> Option<Arc<CryptoProvider>> {
        self.0.clone().or_else(|| kp_tls::default_provider().ok())
    }
}
