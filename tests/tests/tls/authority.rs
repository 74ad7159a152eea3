//! An authority that signs certificates for the tests.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use std::sync::Arc;

pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, in PEM.
pub(crate) struct Issued {
    pub(crate) chain: String,
    pub(crate) key: String,
    certificate: rcgen::Certificate,
    pair: KeyPair,
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    pub(crate) fn issue(&self, name: &str) -> Issued {
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let pair = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&pair, &self.0).unwrap();
        Issued { chain: certificate.pem(), key: pair.serialize_pem(), certificate, pair }
    }

    /// What a broker whose certificate is for `name` speaks. With `asking`, it wants certificates of this authority.
    pub(crate) fn broker(
        &self,
        name: &str,
        versions: &[&'static SupportedProtocolVersion],
        asking: bool,
    ) -> Arc<ServerConfig> {
        let issued = self.issue(name);
        let builder =
            ServerConfig::builder_with_provider(provider()).with_protocol_versions(versions).unwrap();
        let builder = if asking {
            let mut roots = RootCertStore::empty();
            roots.add(self.0.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
            builder.with_client_cert_verifier(verifier.build().unwrap())
        } else {
            builder.with_no_client_auth()
        };
        let key = PrivateKeyDer::try_from(issued.pair.serialize_der()).unwrap();
        Arc::new(builder.with_single_cert(vec![issued.certificate.der().clone()], key).unwrap())
    }
}
