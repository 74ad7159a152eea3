//! Settings, read and checked: what each connection of a client begins with. Reads files once, and never again.

use crate::settings::{Identity, TlsSettings};
use crate::{TlsConfigError, store, suites, verifier::Verifier};
use kp_protocol::text::shown;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, client::WantsClientCert};
use std::fmt;
use std::sync::Arc;

/// What the connections of one client share. Sessions are resumed within it.
#[derive(Clone)]
pub struct TlsClient {
    config: Arc<ClientConfig>,
    facts: Arc<Facts>,
}

/// What messages say of a client.
#[derive(Debug)]
pub(crate) struct Facts {
    /// Such as "the 2 authorities of ssl.truststore.location=/etc/ca.pem".
    pub(crate) authorities: String,
    /// Such as "TLS 1.2 and 1.3".
    pub(crate) versions: &'static str,
    /// Whether it has a certificate to show.
    pub(crate) has_identity: bool,
    warnings: Vec<String>,
}

impl fmt::Debug for TlsClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsClient").field("facts", &self.facts).finish_non_exhaustive()
    }
}

impl TlsClient {
    /// Reads what `settings` name, and checks it.
    ///
    /// # Errors
    /// A file, a certificate or a key cannot be used, or nothing is left to speak.
    pub fn new(settings: &TlsSettings, provider: &CryptoProvider) -> Result<Self, TlsConfigError> {
        let mut warnings = Vec::new();
        let provider = Arc::new(restricted(settings, provider, &mut warnings)?);
        let Trusted { roots, direct, words } = trusted(settings, &mut warnings)?;
        let no_combination =
            |error: rustls::Error| TlsConfigError::NoCombination { cause: error.to_string() };
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
        let algorithms = provider.signature_verification_algorithms;
        let verifier = Verifier::new(roots, direct, algorithms, settings.names_are_checked);
        // Ours does what that of `rustls` does, and takes what is trusted itself.
        let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match &settings.identity {
            None => builder.with_no_client_auth(),
            Some(identity) => identified(builder, identity)?,
        };
        // Records are in order, and a request that arrives twice is written twice.
        config.enable_early_data = false;
        let facts = Facts {
            authorities: words,
            versions: settings.versions.shown(),
            has_identity: settings.identity.is_some(),
            warnings,
        };
        Ok(Self { config: Arc::new(config), facts: Arc::new(facts) })
    }

    /// What is unusual about the settings, to be logged once.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.facts.warnings
    }

    /// A client over a configuration of `rustls` that the application made: what it trusts, shows and speaks is its own.
    ///
    /// ```
    /// # fn with(config: rustls::ClientConfig) {
    /// let client = kp_tls::TlsClient::from_rustls(std::sync::Arc::new(config));
    /// # }
    /// ```
    #[must_use]
    pub fn from_rustls(config: Arc<ClientConfig>) -> Self {
        let facts = Facts {
            authorities: "the authorities of the application's rustls::ClientConfig".into(),
            versions: "what the application's rustls::ClientConfig allows",
            has_identity: config.client_auth_cert_resolver.has_certs(),
            warnings: Vec::new(),
        };
        Self { config, facts: Arc::new(facts) }
    }

    /// The configuration of `rustls` that new connections begin with, such as for a client of HTTPS that is to trust
    /// and show the same.
    #[must_use]
    pub fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.config)
    }

    pub(crate) fn facts(&self) -> Arc<Facts> {
        Arc::clone(&self.facts)
    }
}

/// The broker's name as a certificate has it; or why it cannot be in one.
pub(crate) fn server_name(host: &str) -> Result<ServerName<'static>, String> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    ServerName::try_from(bare.to_owned()).map_err(|_| {
        let why = if bare.is_ascii() {
            "no certificate can be for it"
        } else {
            "a certificate has such a name in its ASCII form, which begins with xn--; use that"
        };
        format!("the host name {:?} cannot be checked: {why}", shown(bare))
    })
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
    let Some(source) = &settings.trusted else { return trusted_by_system(warnings) };
    let mut roots = RootCertStore::empty();
    let certificates = store::authorities(source)?;
    for (at, certificate) in certificates.iter().enumerate() {
        roots
            .add(certificate.clone())
            .map_err(|error| source.wrong(format!("certificate {} of it cannot be used: {error}", at + 1)))?;
    }
    let words = format!("the {} authorities of {}", roots.len(), source.shown());
    let direct = if settings.trusted_directly { certificates } else { Vec::new() };
    Ok(Trusted { roots, direct, words })
}

fn trusted_by_system(warnings: &mut Vec<String>) -> Result<Trusted, TlsConfigError> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    let (_, ignored) = roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let cause = found.errors.first().map_or_else(|| "none are there".into(), ToString::to_string);
        return Err(TlsConfigError::NoSystemRoots { cause });
    }
    if ignored > 0 {
        warnings.push(format!("{ignored} certificate authorities of the system cannot be used"));
    }
    let words = format!("the {} authorities of the system", roots.len());
    Ok(Trusted { roots, direct: Vec::new(), words })
}

fn identified(
    builder: ConfigBuilder<ClientConfig, WantsClientCert>,
    identity: &Identity,
) -> Result<ClientConfig, TlsConfigError> {
    let (key, (certificates, private_key)) = match identity {
        Identity::Parts { chain, key } => (key, (store::chain(chain)?, store::private_key(key)?)),
        Identity::Store(store) => (store, store::identity(store)?),
    };
    builder.with_client_auth_cert(certificates, private_key).map_err(|error| TlsConfigError::Identity {
        key: key.key(),
        cause: match error {
            rustls::Error::InconsistentKeys(_) => "the key is not that of the first certificate".into(),
            other => other.to_string(),
        },
    })
}
