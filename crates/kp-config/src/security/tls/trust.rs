//! Whose certificates are believed.

use std::path::Path;

use kp_sasl::Secret;

use super::Store;

/// Whose certificates are believed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Trust {
    /// The authorities of the system.
    #[default]
    System,
    /// These, and no others.
    Store(Store),
}

impl Trust {
    /// The authorities of the system: what is trusted if nothing is said.
    #[must_use]
    pub fn system() -> Self {
        Self::System
    }

    /// The certificates in a PEM file.
    #[must_use]
    pub fn pem_file(path: impl AsRef<Path>) -> Self {
        Self::Store(Store::file("ssl.truststore.location", path))
    }

    /// These certificates in PEM.
    #[must_use]
    pub fn pem(text: impl Into<Secret>) -> Self {
        Self::Store(Store::inline("ssl.truststore.certificates", text.into()))
    }

    /// The certificates in a store of Java's or in one of PKCS#12.
    #[must_use]
    pub fn java_store(path: impl AsRef<Path>, password: impl Into<Secret>) -> Self {
        let store = Store::file("ssl.truststore.location", path);
        Self::Store(store.opened_by("ssl.truststore.password", Some(password.into())))
    }
}
