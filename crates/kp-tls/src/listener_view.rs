//! What a TLS listener shows to who believes nothing and sends nothing: for `kp doctor`. Whether it is to be believed, the
//! client's own connection says.

use crate::server_name::server_name;
use crate::settings::TlsSettings;
use crate::verifier::Credulous;
use crate::{CertificateFacts, TlsConfigError, trust_match};
use rustls::client::{ResolvesClientCert, Resumption, verify_server_name};
use rustls::pki_types::{ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ClientConnection, SignatureScheme};
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a TLS listener shows; see [`TlsClient::view`](crate::TlsClient::view).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerView {
    version: Option<String>,
    suite: Option<String>,
    chain: Vec<CertificateFacts>,
    is_for_host: bool,
    trusted_by: Option<String>,
    asks_for_certificate: bool,
    shows_certificate: bool,
}

impl ListenerView {
    /// Such as `TLS 1.3`; `None` if the handshake ended before that was settled.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// The cipher suite, such as `TLS13_AES_256_GCM_SHA384`; `None` as above.
    #[must_use]
    pub fn suite(&self) -> Option<&str> {
        self.suite.as_deref()
    }

    /// Its certificates in the order in which they came, its own first.
    #[must_use]
    pub fn chain(&self) -> &[CertificateFacts] {
        &self.chain
    }

    /// Whether its own certificate is for the host that was asked for.
    #[must_use]
    pub fn is_for_host(&self) -> bool {
        self.is_for_host
    }

    /// Which entry of what the client trusts the certificates lead to, in words; `None` if they lead to none today, or if the
    /// application made the configuration of `rustls`.
    #[must_use]
    pub fn trusted_by(&self) -> Option<&str> {
        self.trusted_by.as_deref()
    }

    /// Whether it asked for a certificate of the client.
    #[must_use]
    pub fn asks_for_certificate(&self) -> bool {
        self.asks_for_certificate
    }

    /// Whether the client has one to show to who asks.
    #[must_use]
    pub fn shows_certificate(&self) -> bool {
        self.shows_certificate
    }
}

/// Shakes hands over `stream`, with any certificate and without one of its own.
pub(crate) fn look(
    config: &ClientConfig,
    settings: Option<&TlsSettings>,
    host: &str,
    now: UnixTime,
    stream: &mut (impl Read + Write),
) -> io::Result<ListenerView> {
    let algorithms = config.crypto_provider().signature_verification_algorithms;
    let (verifier, seen) = Credulous::watching(algorithms);
    let asked = Arc::new(Asked(AtomicBool::new(false)));
    let mut curious = config.clone();
    // A session of which nothing was believed is never one to take up again; and who takes one up sees no certificate.
    curious.resumption = Resumption::disabled();
    curious.client_auth_cert_resolver = Arc::clone(&asked) as Arc<dyn ResolvesClientCert>;
    curious.dangerous().set_certificate_verifier(Arc::new(verifier));
    let name = settings.and_then(|settings| settings.server_name.as_deref()).unwrap_or(host);
    let name = server_name(name).map_err(io::Error::other)?;
    let mut connection = ClientConnection::new(Arc::new(curious), name.clone()).map_err(io::Error::other)?;
    // A broker that wants a certificate may say so by ending the handshake: what was seen until then counts.
    let ended = connection.complete_io(stream);
    let Some(chain) = seen.get().filter(|chain| !chain.is_empty()) else {
        return Err(ended.err().unwrap_or_else(|| io::Error::other("no certificate")));
    };
    let sent = trust_match::Sent { chain, algorithms: &algorithms, now };
    let trusted_by = settings.map_or(Ok(None), |settings| trusted_by(settings, &sent));
    Ok(ListenerView {
        version: connection.protocol_version().map(|version| format!("{version:?}").replace("v1_", " 1.")),
        suite: connection.negotiated_cipher_suite().map(|suite| format!("{:?}", suite.suite())),
        is_for_host: is_for(chain.first(), &name),
        chain: chain.iter().filter_map(|der| CertificateFacts::read(der)).collect(),
        trusted_by: trusted_by.map_err(io::Error::other)?,
        asks_for_certificate: asked.0.load(Ordering::Relaxed),
        shows_certificate: config.client_auth_cert_resolver.has_certs(),
    })
}

fn trusted_by(
    settings: &TlsSettings,
    sent: &trust_match::Sent<'_>,
) -> Result<Option<String>, TlsConfigError> {
    if settings.certificates_are_checked { trust_match::of(settings, sent) } else { Ok(None) }
}

fn is_for(own: Option<&rustls::pki_types::CertificateDer<'_>>, name: &ServerName<'_>) -> bool {
    let parsed = own.and_then(|own| ParsedCertificate::try_from(own).ok());
    parsed.is_some_and(|own| verify_server_name(&own, name).is_ok())
}

/// Has no certificate, and remembers that one was asked for.
#[derive(Debug)]
struct Asked(AtomicBool);

impl ResolvesClientCert for Asked {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.store(true, Ordering::Relaxed);
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}
