//! As whom a client shows itself to brokers that ask for a certificate.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use kp_sasl::{Provided, Secret};

use super::Store;

/// A client's certificate, with those of its authorities, and its private key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Identity {
    /// Certificates and the key, each on its own.
    Parts {
        /// First the client's own, then those of its authorities.
        chain: Store,
        /// Of the first certificate.
        key: Store,
    },
    /// Both in one.
    Store(Store),
    /// The program gives it, for each connection anew.
    Provided(IdentitySource),
}

/// Gives the certificate and the key that a client shows (mTLS), whenever a connection is made, so that they can change while a
/// producer runs: from an agent, a vault, a device.
///
/// It is asked on a thread for such work, one question after another; it may block there. That thread also asks for credentials and
/// tokens, renews sessions and looks at files: those wait until the connection for which it blocks is given up
/// (`socket.connection.setup.timeout.ms`). Later connections wait for a question that has not ended for 5 seconds each, as attempts that
/// fail; after a minute of that it is asked anew, while the earlier question goes on, at most three at a time. Connections that are made together share one question. Its error is an attempt that failed, and another
/// is made after `reconnect.backoff.ms`; its words are shown and must not hold a secret. An answer that cannot be used is a notice, and
/// the one of before is shown on; if there is none, it is an error as well. A panic is an error. A future that has no
/// answer after a minute is dropped, and asked for anew. No runtime is entered there: a future that needs one spawns on its handle.
///
/// ```
/// use kp_config::{Identity, IdentityProvider, Provided, Tls};
/// struct Agent;
/// impl IdentityProvider for Agent {
///     fn identity(&self) -> Provided<'_, Identity> {
///         Box::pin(async { Ok(Identity::pem_files("/run/agent/client.pem", "/run/agent/client.key")) })
///     }
/// }
/// let tls = Tls::new().identity(Identity::provider(Agent));
/// ```
pub trait IdentityProvider: Send + Sync {
    /// The newest certificate and key. One that is another provider is refused.
    fn identity(&self) -> Provided<'_, Identity>;
}

/// One provider for many producers.
impl<P: IdentityProvider + ?Sized> IdentityProvider for Arc<P> {
    fn identity(&self) -> Provided<'_, Identity> {
        (**self).identity()
    }
}

/// Where a certificate comes from that the program gives.
#[derive(Clone)]
pub struct IdentitySource(Arc<dyn IdentityProvider>);

impl IdentitySource {
    /// Who gives it.
    #[must_use]
    pub fn provider(&self) -> &Arc<dyn IdentityProvider> {
        &self.0
    }
}

/// Two sources are equal if they are one.
impl PartialEq for IdentitySource {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for IdentitySource {}

impl fmt::Debug for IdentitySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdentitySource(..)")
    }
}

impl Identity {
    /// A PEM file with the certificates (the client's own first), and one with the private key.
    #[must_use]
    pub fn pem_files(chain: impl AsRef<Path>, key: impl AsRef<Path>) -> Self {
        Self::Parts {
            chain: Store::file("ssl.certificate.location", chain),
            key: Store::file("ssl.key.location", key),
        }
    }

    /// Certificates and a private key in PEM.
    #[must_use]
    pub fn pem(chain: impl Into<Secret>, key: impl Into<Secret>) -> Self {
        Self::Parts {
            chain: Store::inline("ssl.keystore.certificate.chain", chain.into()),
            key: Store::inline("ssl.keystore.key", key.into()),
        }
    }

    /// A file of PKCS#12.
    #[must_use]
    pub fn pkcs12(path: impl AsRef<Path>, password: impl Into<Secret>) -> Self {
        Self::java_store(path, password)
    }

    /// A store of Java's, JKS or PKCS#12.
    #[must_use]
    pub fn java_store(path: impl AsRef<Path>, password: impl Into<Secret>) -> Self {
        let store = Store::file("ssl.keystore.location", path);
        Self::Store(store.opened_by("ssl.keystore.password", Some(password.into())))
    }

    /// What `provider` gives, asked for each connection anew.
    #[must_use]
    pub fn provider(provider: impl IdentityProvider + 'static) -> Self {
        Self::Provided(IdentitySource(Arc::new(provider)))
    }

    /// The password of the private key, if it is not that of the store.
    #[must_use]
    pub fn key_password(self, password: impl Into<Secret>) -> Self {
        let opened = |store: Store| store.key_opened_by("ssl.key.password", Some(password.into()));
        match self {
            Self::Parts { chain, key } => Self::Parts { chain, key: opened(key) },
            Self::Store(store) => Self::Store(opened(store)),
            provided @ Self::Provided(_) => provided,
        }
    }

    /// Which entry of a store with several keys.
    #[must_use]
    pub fn alias(self, alias: impl Into<String>) -> Self {
        match self {
            Self::Store(store) => Self::Store(store.with_alias(Some(alias.into()))),
            other @ (Self::Parts { .. } | Self::Provided(_)) => other,
        }
    }
}
