//! What stands in a store, for who looks into it: names and certificates. Never a key, nor what opens one.

use crate::CertificateFacts;
use crate::chain::Entry;

/// An entry of a store that a client trusts or shows, as `kp config check` lists it.
///
/// ```no_run
/// # fn of(client: &kp_tls::TlsClient) -> Result<(), kp_tls::TlsConfigError> {
/// for entry in client.store_entries()? {
///     let subject = entry.certificates().first().map_or("no certificate", |own| own.subject());
///     println!("{}: {}: {subject}", entry.key(), entry.alias().unwrap_or("no name"));
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreEntry {
    key: &'static str,
    alias: Option<String>,
    has_key: bool,
    use_of_it: EntryUse,
    certificates: Vec<CertificateFacts>,
}

/// What a client does with an entry of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EntryUse {
    /// Believes what its first certificate signed (`ssl.truststore.*`).
    Trusted,
    /// Shows it to brokers that ask for a certificate (`ssl.keystore.*`).
    Shown,
    /// Nothing: another entry of the key store is meant.
    None,
}

impl StoreEntry {
    pub(crate) fn new(key: &'static str, entry: &Entry, use_of_it: EntryUse) -> Self {
        Self {
            key,
            alias: entry.alias.clone(),
            has_key: entry.has_key,
            use_of_it,
            certificates: entry.chain.iter().filter_map(|der| CertificateFacts::read(der)).collect(),
        }
    }

    pub(crate) fn used_as(mut self, use_of_it: EntryUse) -> Self {
        self.use_of_it = use_of_it;
        self
    }

    /// The key of the configuration that names the store, such as `ssl.truststore.location`.
    #[must_use]
    pub fn key(&self) -> &'static str {
        self.key
    }

    /// Its name in a store of Java or PKCS#12, as it stands there; PEM has none.
    #[must_use]
    pub fn alias(&self) -> Option<&str> {
        self.alias.as_deref()
    }

    /// Whether a private key stands with the certificates.
    #[must_use]
    pub fn has_key(&self) -> bool {
        self.has_key
    }

    /// What the client does with it.
    #[must_use]
    pub fn use_of_it(&self) -> EntryUse {
        self.use_of_it
    }

    /// Its certificate, behind it those of who signed it.
    #[must_use]
    pub fn certificates(&self) -> &[CertificateFacts] {
        &self.certificates
    }
}
