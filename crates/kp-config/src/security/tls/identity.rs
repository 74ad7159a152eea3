//! As whom a client shows itself to brokers that ask for a certificate.

use std::path::Path;

use kp_sasl::Secret;

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

    /// The password of the private key, if it is not that of the store.
    #[must_use]
    pub fn key_password(self, password: impl Into<Secret>) -> Self {
        let opened = |store: Store| store.key_opened_by("ssl.key.password", Some(password.into()));
        match self {
            Self::Parts { chain, key } => Self::Parts { chain, key: opened(key) },
            Self::Store(store) => Self::Store(opened(store)),
        }
    }

    /// Which entry of a store with several keys.
    #[must_use]
    pub fn alias(self, alias: impl Into<String>) -> Self {
        match self {
            Self::Store(store) => Self::Store(store.with_alias(Some(alias.into()))),
            parts @ Self::Parts { .. } => parts,
        }
    }
}
