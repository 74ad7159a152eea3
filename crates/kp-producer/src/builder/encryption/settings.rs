//! The plain data of the configuration as settings of TLS. Owns: nothing. Never: a file.

use crate::builder::provided::answer_of;
use crate::config::{ConfigWarning, Identity, IdentityProvider, Store, StoreContent, Tls, TlsVersion, Trust};
use crate::error::BuildError;
use kp_tls::{ClientIdentity, StoreSource, TlsSettings, TlsVersions};
use std::sync::Arc;

/// As the room of TLS takes them.
pub(super) fn of(tls: &Tls) -> Result<TlsSettings, BuildError> {
    let names: Vec<&str> = tls.versions().map(TlsVersion::name).collect();
    let mut settings = TlsSettings::new()
        .versions(TlsVersions::from_names(&names, None)?)
        .suites(tls.suites().iter().map(String::as_str));
    settings = match tls.trusted() {
        Trust::Store(store) => settings.trusting(source(store)),
        Trust::Webpki => built_in(settings)?,
        _ => settings,
    };
    settings = match tls.shown() {
        Some(Identity::Parts { chain, key }) => settings.identified_by(source(chain), source(key)),
        Some(Identity::Store(store)) => settings.identified_by_store(source(store)),
        Some(Identity::Provided(from)) => {
            let provider = Arc::clone(from.provider());
            settings.identified_by_asking(move || given(&*provider))
        }
        _ => settings,
    };
    settings = settings.trusting_directly(tls.trusts_directly());
    if let Some(name) = tls.name_of_servers() {
        settings = settings.server_name(name);
    }
    if !tls.checks_certificates() {
        settings = settings.certificates_unchecked();
    }
    Ok(if tls.checks_names() { settings } else { settings.names_unchecked() })
}

#[cfg(feature = "tls-webpki-roots")]
#[expect(clippy::unnecessary_wraps, reason = "without the feature it fails")]
fn built_in(settings: TlsSettings) -> Result<TlsSettings, BuildError> {
    Ok(settings.trusting_built_in())
}

#[cfg(not(feature = "tls-webpki-roots"))]
fn built_in(_: TlsSettings) -> Result<TlsSettings, BuildError> {
    let (key, value) = ("Trust", "webpki");
    Err(crate::config::ConfigError::FeatureOff { key, value, feature: "tls-webpki-roots" }.into())
}

/// What a provider gives. Blocks for as long as it takes.
fn given(provider: &dyn IdentityProvider) -> Result<ClientIdentity, String> {
    match answer_of(provider.identity()).map_err(|error| error.to_string())? {
        Identity::Parts { chain, key } => Ok(ClientIdentity::parts(source(&chain), source(&key))),
        Identity::Store(store) => Ok(ClientIdentity::store(source(&store))),
        _ => Err("the provider names another provider".to_owned()),
    }
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
