//! What is in a store that is open, and which of its entries is meant.

use super::sun_key;
use crate::chain::{Chain, Entry};
use crate::{StoreSource, TlsConfigError};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A store that is open; its keys may want a password still.
#[derive(Debug, Default)]
pub(super) struct Opened {
    pub(super) keys: Vec<KeyEntry>,
    pub(super) trusted: Vec<TrustedEntry>,
}

/// A certificate that is there to be trusted.
#[derive(Debug)]
pub(super) struct TrustedEntry {
    pub(super) alias: String,
    pub(super) certificate: CertificateDer<'static>,
}

/// A private key with its certificates.
#[derive(Debug)]
pub(super) struct KeyEntry {
    pub(super) alias: String,
    pub(super) chain: Chain,
    pub(super) key: StoredKey,
}

/// A private key as it stands in a store.
pub(super) enum StoredKey {
    /// PKCS#8.
    Open(PrivateKeyDer<'static>),
    /// As Java protects it in JKS.
    Protected(Vec<u8>),
}

impl std::fmt::Debug for StoredKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

impl Opened {
    /// Every certificate that it trusts, at least one. As in Java: of a key, its certificate, not those of who signed it.
    pub(super) fn authorities(self, source: &StoreSource) -> Result<Chain, TlsConfigError> {
        let trusted: Chain =
            self.entries().into_iter().filter_map(|entry| entry.chain.into_iter().next()).collect();
        if trusted.is_empty() {
            return Err(source.wrong("there is no certificate in the store"));
        }
        Ok(trusted)
    }

    /// Those that are there to be trusted, then those with a key; no key is opened.
    pub(super) fn entries(self) -> Vec<Entry> {
        let trusted = self.trusted.into_iter().map(|entry| Entry {
            alias: Some(entry.alias),
            has_key: false,
            chain: vec![entry.certificate],
        });
        let of_keys = self.keys.into_iter().map(|entry| Entry {
            alias: Some(entry.alias),
            has_key: true,
            chain: entry.chain,
        });
        trusted.chain(of_keys).collect()
    }

    /// The entry that is meant, opened.
    pub(super) fn identity(
        self,
        source: &StoreSource,
    ) -> Result<(Chain, PrivateKeyDer<'static>), TlsConfigError> {
        let entry = chosen(source, self.keys)?;
        let key = match entry.key {
            StoredKey::Open(key) => key,
            StoredKey::Protected(protected) => sun_key::open(source, &entry.alias, &protected)?,
        };
        Ok((entry.chain, key))
    }
}

/// The entry that is meant: that of the alias, else the only one.
fn chosen(source: &StoreSource, keys: Vec<KeyEntry>) -> Result<KeyEntry, TlsConfigError> {
    let mut usable: Vec<KeyEntry> = keys.into_iter().filter(|entry| !entry.chain.is_empty()).collect();
    usable.sort_by(|one, other| one.alias.cmp(&other.alias));
    let aliases: Vec<String> = usable.iter().map(|entry| entry.alias.clone()).collect();
    let listed = || {
        /// An operator who looks for an entry reads no more.
        const ALIASES_SHOWN: usize = 10;
        let mut shown: Vec<String> =
            aliases.iter().take(ALIASES_SHOWN).map(|alias| format!("{alias:?}")).collect();
        if aliases.len() > ALIASES_SHOWN {
            shown.push(format!("{} more", aliases.len() - ALIASES_SHOWN));
        }
        shown.join(", ")
    };
    if usable.is_empty() {
        return Err(source.wrong("there is no private key with a certificate in the store: name the one that has this client's own"));
    }
    let at = match source.chosen_alias() {
        Some(alias) => aliases.iter().position(|known| known.eq_ignore_ascii_case(alias)),
        None if usable.len() == 1 => Some(0),
        None => {
            return Err(source.wrong(format!(
                "there are {} private keys in the store: name one with kp.ssl.keystore.alias ({})",
                usable.len(),
                listed()
            )));
        }
    };
    match at {
        Some(at) => Ok(usable.swap_remove(at)),
        None => Err(source.wrong(format!(
            "there is no private key {:?} in the store (kp.ssl.keystore.alias); there is {}",
            source.chosen_alias().unwrap_or_default(),
            listed()
        ))),
    }
}
