//! Where certificates and keys stand, and what opens them.

use std::path::{Path, PathBuf};

use kp_sasl::Secret;

/// Certificates or keys in a file, or in the configuration itself. What they are written in (PEM, JKS, PKCS#12) is found by
/// what is in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    key: &'static str,
    content: StoreContent,
    password: Option<(&'static str, Secret)>,
    key_password: Option<(&'static str, Secret)>,
    alias: Option<String>,
}

/// What a store is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreContent {
    /// A file.
    File(PathBuf),
    /// The bytes themselves.
    Inline(Secret),
}

impl Store {
    pub(crate) fn file(key: &'static str, path: impl AsRef<Path>) -> Self {
        Self::new(key, StoreContent::File(path.as_ref().to_owned()))
    }

    pub(crate) fn inline(key: &'static str, content: Secret) -> Self {
        Self::new(key, StoreContent::Inline(content))
    }

    fn new(key: &'static str, content: StoreContent) -> Self {
        Self { key, content, password: None, key_password: None, alias: None }
    }

    pub(crate) fn opened_by(mut self, key: &'static str, password: Option<Secret>) -> Self {
        self.password = password.map(|password| (key, password));
        self
    }

    pub(crate) fn key_opened_by(mut self, key: &'static str, password: Option<Secret>) -> Self {
        self.key_password = password.map(|password| (key, password));
        self
    }

    pub(crate) fn with_alias(mut self, alias: Option<String>) -> Self {
        self.alias = alias;
        self
    }

    /// The key of the configuration that names it, for messages.
    #[must_use]
    pub fn key(&self) -> &'static str {
        self.key
    }

    /// What it is.
    #[must_use]
    pub fn content(&self) -> &StoreContent {
        &self.content
    }

    /// What opens it, and the key of the configuration that says so.
    #[must_use]
    pub fn password(&self) -> Option<(&'static str, &Secret)> {
        self.password.as_ref().map(|(key, secret)| (*key, secret))
    }

    /// What opens the private key in it, and the key of the configuration that says so.
    #[must_use]
    pub fn key_password(&self) -> Option<(&'static str, &Secret)> {
        self.key_password.as_ref().map(|(key, secret)| (*key, secret))
    }

    /// The entry that is meant, of several.
    #[must_use]
    pub fn alias(&self) -> Option<&str> {
        self.alias.as_deref()
    }
}
