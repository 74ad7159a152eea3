//! Settings as files have them now: the one place where what is configured turns into what `rustls` needs.

use crate::current::{Current, Facts};
use crate::identity::Identity;
use crate::settings::TlsSettings;
use crate::shown_identity::ShownIdentity;
use crate::{
    CertificateFacts, TlsConfigError, store, suites,
    verifier::{Credulous, Verifier},
};
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, client::WantsClientCert};
use std::sync::Arc;

/// Reads what `settings` name, and checks it.
pub(crate) fn read(settings: &TlsSettings, provider: &CryptoProvider) -> Result<Current, TlsConfigError> {
    let mut warnings = Vec::new();
    let provider = Arc::new(restricted(settings, provider, &mut warnings)?);
    let (verifier, words) = verifier(settings, &provider, &mut warnings)?;
    let no_combination = |error: rustls::Error| TlsConfigError::NoCombination { cause: error.to_string() };
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&settings.versions.supported())
        .map_err(no_combination)?;
    if !settings.names_are_checked {
        warnings.push(
            "ssl.endpoint.identification.algorithm is empty: any certificate of the trusted authorities is taken \
             for the broker's"
                .into(),
        );
    }
    let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
    let (mut config, own) = match &settings.identity {
        None => (builder.with_no_client_auth(), None),
        Some(identity) => identified(builder, identity)?,
    };
    config.client_auth_cert_resolver = Arc::new(ShownIdentity::new(config.client_auth_cert_resolver));
    // Records are in order, and a request that arrives twice is written twice.
    config.enable_early_data = false;
    #[cfg(feature = "keylog")]
    log_keys(&mut config, &mut warnings);
    let facts = Facts {
        authorities: words,
        versions: settings.versions.shown(),
        server_name: settings.server_name.as_deref().map(Into::into),
        has_identity: settings.identity.is_some(),
        own,
        warnings,
    };
    Ok(Current { config: Arc::new(config), facts: Arc::new(facts) })
}

/// Writes the keys of every connection to the file that `SSLKEYLOGFILE` names, if it is set.
#[cfg(feature = "keylog")]
fn log_keys(config: &mut ClientConfig, warnings: &mut Vec<String>) {
    if std::env::var_os("SSLKEYLOGFILE").is_some() {
        config.key_log = Arc::new(rustls::KeyLogFile::new());
        warnings.push("SSLKEYLOGFILE is set: whoever reads that file can read all that is sent".into());
    }
}

/// Who believes a broker's certificate or not, and words for what is believed, such as "the 2 authorities of
/// ssl.truststore.location=/etc/ca.pem".
fn verifier(
    settings: &TlsSettings,
    provider: &Arc<CryptoProvider>,
    warnings: &mut Vec<String>,
) -> Result<(Arc<dyn ServerCertVerifier>, String), TlsConfigError> {
    let algorithms = provider.signature_verification_algorithms;
    if !settings.certificates_are_checked {
        return Ok((Arc::new(Credulous::new(algorithms)), "no authorities".to_owned()));
    }
    let has_list = settings.trusted.is_some() || settings.built_in;
    // That of the system checks names as well, always.
    if !has_list
        && settings.names_are_checked
        && let Some(of_system) = of_system(provider)?
    {
        return Ok((of_system, "the authorities of the system".to_owned()));
    }
    // Ours does what that of `rustls` does, and takes what is trusted itself.
    let Trusted { roots, direct, words } = trusted(settings, warnings)?;
    Ok((Arc::new(Verifier::new(roots, direct, algorithms, settings.names_are_checked)), words))
}

/// The verifier of the system, where it has one and that was asked for.
#[cfg(all(feature = "platform-verifier", any(target_os = "macos", target_os = "ios", windows)))]
fn of_system(provider: &Arc<CryptoProvider>) -> Result<Option<Arc<dyn ServerCertVerifier>>, TlsConfigError> {
    Ok(Some(Arc::new(crate::verifier::Platform::new(Arc::clone(provider))?)))
}

#[cfg(not(all(feature = "platform-verifier", any(target_os = "macos", target_os = "ios", windows))))]
#[expect(clippy::unnecessary_wraps, reason = "where the system has a verifier it may fail")]
fn of_system(_: &Arc<CryptoProvider>) -> Result<Option<Arc<dyn ServerCertVerifier>>, TlsConfigError> {
    Ok(None)
}

/// The provider with the suites that are wanted.
fn restricted(
    settings: &TlsSettings,
    provider: &CryptoProvider,
    warnings: &mut Vec<String>,
) -> Result<CryptoProvider, TlsConfigError> {
    let mut provider = provider.clone();
    if !settings.suites.is_empty() {
        let (suites, unknown) = suites::chosen(&settings.suites, &provider)?;
        provider.cipher_suites = suites;
        let left_out = |name| format!("ssl.cipher.suites: {name} is left out: it is unknown or not safe");
        warnings.extend(unknown.into_iter().map(left_out));
    }
    Ok(provider)
}

/// What a broker's certificate is compared with.
struct Trusted {
    roots: RootCertStore,
    /// Certificates that are trusted themselves.
    direct: Vec<CertificateDer<'static>>,
    /// Such as "the 2 authorities of ssl.truststore.location=/etc/ca.pem".
    words: String,
}

fn trusted(settings: &TlsSettings, warnings: &mut Vec<String>) -> Result<Trusted, TlsConfigError> {
    let Some(source) = &settings.trusted else {
        let (roots, words) = roots_without_store(settings, warnings)?;
        return Ok(Trusted { roots, direct: Vec::new(), words });
    };
    let mut roots = RootCertStore::empty();
    let certificates = store::authorities(source)?;
    for (at, certificate) in certificates.iter().enumerate() {
        roots
            .add(certificate.clone())
            .map_err(|error| source.wrong(format!("certificate {} of it cannot be used: {error}", at + 1)))?;
    }
    let words = counted(roots.len(), &format!("of {}", source.shown()));
    let direct = if settings.trusted_directly { certificates } else { Vec::new() };
    Ok(Trusted { roots, direct, words })
}

/// The authorities of the system; those that are built in, if that is wished, or if the system has none. With words for them.
pub(crate) fn roots_without_store(
    settings: &TlsSettings,
    warnings: &mut Vec<String>,
) -> Result<(RootCertStore, String), TlsConfigError> {
    let mut roots = RootCertStore::empty();
    if settings.built_in && add_built_in(&mut roots) {
        return Ok(worded(roots, "that are built in (webpki-roots)"));
    }
    let found = rustls_native_certs::load_native_certs();
    let (_, ignored) = roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let cause = found.errors.first().map_or_else(|| "none are there".into(), ToString::to_string);
        if !add_built_in(&mut roots) {
            return Err(TlsConfigError::NoSystemRoots { cause });
        }
        warnings.push(format!(
            "no certificate authorities of the system were found ({cause}): those that are built in are trusted, which \
             are as old as this program"
        ));
        return Ok(worded(roots, "that are built in (webpki-roots)"));
    }
    if ignored > 0 {
        warnings.push(format!("{ignored} certificate authorities of the system cannot be used"));
    }
    Ok(worded(roots, "of the system"))
}

/// Whether some are built in.
fn add_built_in(roots: &mut RootCertStore) -> bool {
    #[cfg(feature = "webpki-roots")]
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    !roots.is_empty()
}

fn worded(roots: RootCertStore, whose: &str) -> (RootCertStore, String) {
    let words = counted(roots.len(), whose);
    (roots, words)
}

/// Such as "the 145 authorities of the system".
fn counted(authorities: usize, whose: &str) -> String {
    match authorities {
        1 => format!("the one authority {whose}"),
        more => format!("the {more} authorities {whose}"),
    }
}

fn identified(
    builder: ConfigBuilder<ClientConfig, WantsClientCert>,
    identity: &Identity,
) -> Result<(ClientConfig, Option<CertificateFacts>), TlsConfigError> {
    let (key, (certificates, private_key)) = match identity {
        Identity::Parts { chain, key } => (key, (store::chain(chain)?, store::private_key(key)?)),
        Identity::Store(store) => (store, store::identity(store)?),
        // It is read when the program has given it.
        Identity::Asked(_) => return Ok((builder.with_no_client_auth(), None)),
    };
    let own = certificates.first().and_then(|own| CertificateFacts::read(own));
    let config = builder.with_client_auth_cert(certificates, private_key);
    let config = config.map_err(|error| TlsConfigError::Identity {
        key: key.key(),
        cause: match error {
            rustls::Error::InconsistentKeys(_) => "the key is not that of the first certificate".into(),
            other => other.to_string(),
        },
    })?;
    Ok((config, own))
}
