//! An authority that signs certificates for the tests.

use kp_network::Secret;
use kp_tls::{CryptoProvider, StoreSource, TlsClient, TlsSettings};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key.
pub(crate) struct Issued {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: KeyPair,
    pub(crate) pem: String,
}

pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

impl Authority {
    /// With a name of its own.
    pub(crate) fn new() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self::named(&format!("authority {}", LAST.fetch_add(1, Ordering::Relaxed)))
    }

    pub(crate) fn named(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Its certificate.
    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    pub(crate) fn source(&self) -> StoreSource {
        StoreSource::inline("ssl.truststore.certificates", Secret::from(self.pem()))
    }

    /// Settings that trust it.
    pub(crate) fn trusted(&self) -> TlsSettings {
        TlsSettings::new().trusting(self.source())
    }

    pub(crate) fn issue(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Issued {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Issued { chain: vec![certificate.der().clone()], key, pem: certificate.pem() }
    }

    /// A broker with a certificate for these names.
    pub(crate) fn broker(&self, names: &[&str]) -> Arc<ServerConfig> {
        serving(&self.issue(names, |_| ()), rustls::DEFAULT_VERSIONS, None)
    }

    /// A broker of one version.
    pub(crate) fn broker_of(&self, version: &'static SupportedProtocolVersion) -> Arc<ServerConfig> {
        serving(&self.issue(&["broker"], |_| ()), &[version], None)
    }

    /// A broker that wants certificates of this authority.
    pub(crate) fn asking_broker(&self, versions: &[&'static SupportedProtocolVersion]) -> Arc<ServerConfig> {
        serving(&self.issue(&["broker"], |_| ()), versions, Some(self))
    }
}

pub(crate) fn serving(
    issued: &Issued,
    versions: &[&'static SupportedProtocolVersion],
    clients_of: Option<&Authority>,
) -> Arc<ServerConfig> {
    let builder = ServerConfig::builder_with_provider(provider()).with_protocol_versions(versions).unwrap();
    let builder = match clients_of {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority.0.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let key = PrivateKeyDer::try_from(issued.key.serialize_der()).unwrap();
    Arc::new(builder.with_single_cert(issued.chain.clone(), key).unwrap())
}

/// A broker with this chain and its key.
pub(crate) fn serving_with(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    versions: &[&'static SupportedProtocolVersion],
) -> Arc<ServerConfig> {
    // A chain that rustls would not take is taken from a resolver.
    let key = provider().key_provider.load_private_key(key).unwrap();
    let resolver = rustls::sign::SingleCertAndKey::from(rustls::sign::CertifiedKey::new(chain, key));
    let builder = ServerConfig::builder_with_provider(provider()).with_protocol_versions(versions).unwrap();
    Arc::new(builder.with_no_client_auth().with_cert_resolver(Arc::new(resolver)))
}

pub(crate) fn client(settings: &TlsSettings) -> TlsClient {
    TlsClient::new(settings, &provider()).unwrap()
}

/// These settings with this certificate to show.
pub(crate) fn showing(settings: TlsSettings, issued: &Issued) -> TlsSettings {
    let inline = |key, text: &str| StoreSource::inline(key, Secret::from(text));
    settings.identified_by(
        inline("ssl.keystore.certificate.chain", &issued.pem),
        inline("ssl.keystore.key", &issued.key.serialize_pem()),
    )
}
