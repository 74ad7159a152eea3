//! The plain data of the configuration as settings of TLS. Owns: nothing. Never: a file.

use crate::config::{ConfigWarning, Identity, Store, StoreContent, Tls, TlsVersion, Trust};
use kp_tls::{StoreSource, TlsConfigError, TlsSettings, TlsVersions};

/// As the room of TLS takes them.
pub(super) fn of(tls: &Tls) -> Result<TlsSettings, TlsConfigError> {
    let names: Vec<&str> = tls.versions().map(TlsVersion::name).collect();
    let mut settings = TlsSettings::new()
        .versions(TlsVersions::from_names(&names, None)?)
        .suites(tls.suites().iter().map(String::as_str));
    if let Trust::Store(store) = tls.trusted() {
        settings = settings.trusting(source(store));
    }
    settings = match tls.shown() {
        Some(Identity::Parts { chain, key }) => settings.identified_by(source(chain), source(key)),
        Some(Identity::Store(store)) => settings.identified_by_store(source(store)),
        _ => settings,
    };
    Ok(if tls.checks_names() { settings } else { settings.names_unchecked() })
}

fn source(store: &Store) -> StoreSource {
    let mut source = match store.content() {
        StoreContent::File(path) => StoreSource::file(store.key(), path),
        StoreContent::Inline(content) => StoreSource::inline(store.key(), content.clone()),
        // A place that the configuration gets later is one here, too.
        _ => StoreSource::file(store.key(), ""),
    };
    if let Some((key, password)) = store.password() {
        source = source.password(key, password.clone());
    }
    if let Some((key, password)) = store.key_password() {
        source = source.key_password(key, password.clone());
    }
    match store.alias() {
        Some(alias) => source.alias(alias),
        None => source,
    }
}

/// What the room of TLS noticed; the check of names is told of by the configuration.
pub(super) fn warning(words: &str) -> Option<ConfigWarning> {
    const ABOUT: [&str; 2] = ["ssl.cipher.suites", "ssl.truststore.location"];
    if words.starts_with("ssl.endpoint.identification.algorithm") {
        return None;
    }
    let key = ABOUT.into_iter().find(|key| words.starts_with(*key)).unwrap_or("security.protocol");
    let message = words.strip_prefix(key).map_or(words, |rest| rest.trim_start_matches([':', ' ']));
    Some(ConfigWarning::Odd { key, message: message.to_owned() })
}
