//! Certificates for the tests.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use kp_sim::tcp::EmbeddedTls;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use rustls::crypto::CryptoProvider;

pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "the tests' authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// Chain and key, in PEM.
    fn issue(&self, name: &str, days: u64) -> (String, String) {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "a broker of the tests");
        let end = SystemTime::UNIX_EPOCH.elapsed().unwrap() + Duration::from_secs(days * 86_400 + 3600);
        params.not_after = date_time_ymd(1970, 1, 1) + end;
        let pair = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&pair, &self.0).unwrap();
        (certificate.pem(), pair.serialize_pem())
    }

    /// What a broker whose certificate is for `name`, and good for so many days, speaks.
    pub(crate) fn broker(&self, name: &str, days: u64) -> EmbeddedTls {
        let (chain, key) = self.issue(name, days);
        EmbeddedTls::new(provider(), chain.as_bytes(), key.as_bytes()).unwrap()
    }
}
