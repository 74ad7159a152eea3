//! The login at a token endpoint, put together: whom the endpoint is believed to be, through which proxy, with whose cryptography.
//! Never: what is asked, which is `kp-oauth`'s; when, which is `kept_token.rs`'s.

use super::HandedCryptography;
use super::kept_token::{Aside, TokenKeeper};
use crate::config::{ConfigError, Oidc, Secret, TokenRefresh};
use crate::observe::notes::Notes;
use kp_http::{HttpClient, Proxies};
use kp_oauth::{OidcTokens, Time};
use kp_time::Clock;
use kp_tls::{CryptoProvider, StoreSource, TlsClient, TlsSettings};
use std::sync::Arc;

const URL: &str = "sasl.oauthbearer.token.endpoint.url";

/// The tokens of the endpoint that `oidc` names.
///
/// # Errors
/// The URL cannot be used, the environment's proxy cannot, or what secures the connection to the endpoint cannot.
pub(super) fn keeper(
    oidc: &Oidc,
    handed: &HandedCryptography,
    refresh: TokenRefresh,
    seed: u64,
    notes: &Arc<Notes>,
    clock: &Arc<dyn Clock>,
) -> Result<TokenKeeper, ConfigError> {
    let bad = |problem: String| ConfigError::Credential { key: URL, problem };
    let provider = handed.provider();
    let mut http = HttpClient::new();
    if oidc.endpoint().trim_start().get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https:")) {
        http = http.proxies(Proxies::from_env().map_err(|error| bad(error.to_string()))?);
        if let Some(provider) = &provider {
            http = http.tls(tls(oidc.trust(), provider)?.config());
        }
    }
    let tokens = OidcTokens::new(oidc.clone(), http, provider, Time::new(Arc::clone(clock), wait));
    let tokens = tokens.map_err(|error| bad(error.to_string()))?;
    let is_file = tokens.is_file();
    let keeper = TokenKeeper::new(Arc::new(tokens), Arc::clone(clock));
    if is_file {
        // A file is read by each connection: what keeps it fresh decides when it changes.
        let each_time = TokenRefresh { factor: 0.0, jitter: 0.0, min_period_ms: 0, buffer_ms: 0 };
        return Ok(keeper.refreshed(each_time, seed, notes));
    }
    Ok(keeper.refreshed(refresh, seed, notes).aside(on_a_thread(notes.client_id())))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the thread that asks for tokens has nothing else to do meanwhile"
)]
fn wait(duration: std::time::Duration) {
    std::thread::sleep(duration);
}

/// One thread for each token that is replaced, minutes apart.
fn on_a_thread(client_id: &str) -> Aside {
    let name = format!("kafka-producer-credentials | {client_id}");
    Box::new(move |work| std::thread::Builder::new().name(name.clone()).spawn(work).is_ok())
}

/// Whom the endpoint has to be: the options `ssl.…` of the login module, else an authority of the system.
fn tls(options: &[(String, Secret)], provider: &CryptoProvider) -> Result<TlsClient, ConfigError> {
    const LINE: &str = "sasl.jaas.config";
    let of = |name: &str| options.iter().find(|(key, _)| key == name).map(|(_, value)| value);
    let text = |name| of(name).and_then(Secret::expose_text);
    let known = [
        "ssl.truststore.location",
        "ssl.truststore.password",
        "ssl.truststore.certificates",
        "ssl.truststore.type",
        "ssl.keystore.location",
        "ssl.keystore.password",
        "ssl.keystore.type",
        "ssl.key.password",
    ];
    if let Some((key, _)) = options.iter().find(|(key, _)| !known.contains(&key.as_str())) {
        let note = "of TLS to the token endpoint, the stores ssl.truststore.* and ssl.keystore.* can be set";
        return Err(ConfigError::NotImplemented { key: LINE, value: key.clone(), note });
    }
    let mut settings = TlsSettings::new();
    if let Some(path) = text("ssl.truststore.location") {
        let mut store = StoreSource::file("ssl.truststore.location", path);
        if let Some(password) = of("ssl.truststore.password") {
            store = store.password("ssl.truststore.password", password.clone());
        }
        settings = settings.trusting(store);
    } else if let Some(pem) = of("ssl.truststore.certificates") {
        settings = settings.trusting(StoreSource::inline("ssl.truststore.certificates", pem.clone()));
    }
    if let Some(path) = text("ssl.keystore.location") {
        let mut store = StoreSource::file("ssl.keystore.location", path);
        if let Some(password) = of("ssl.keystore.password") {
            store = store.password("ssl.keystore.password", password.clone());
        }
        if let Some(password) = of("ssl.key.password") {
            store = store.key_password("ssl.key.password", password.clone());
        }
        settings = settings.identified_by_store(store);
    }
    TlsClient::new(&settings, provider)
        .map_err(|error| ConfigError::Credential { key: LINE, problem: error.to_string() })
}
