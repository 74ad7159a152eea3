//! Takes any certificate for the broker's. The broker has to have its key all the same.

use crate::chain::Chain;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};
use std::sync::{Arc, OnceLock};

/// See the module.
#[derive(Debug)]
pub(crate) struct Credulous {
    algorithms: WebPkiSupportedAlgorithms,
    /// What it took, for who wants to know.
    seen: Option<Arc<OnceLock<Chain>>>,
}

impl Credulous {
    pub(crate) fn new(algorithms: WebPkiSupportedAlgorithms) -> Self {
        Self { algorithms, seen: None }
    }

    /// One for a single connection, and where the certificates stand that came with it: also if the broker turns out not to have
    /// their key.
    pub(crate) fn watching(algorithms: WebPkiSupportedAlgorithms) -> (Self, Arc<OnceLock<Chain>>) {
        let seen = Arc::new(OnceLock::new());
        (Self { algorithms, seen: Some(Arc::clone(&seen)) }, seen)
    }
}

impl ServerCertVerifier for Credulous {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(seen) = &self.seen {
            let all = std::iter::once(end_entity).chain(intermediates);
            seen.get_or_init(|| all.map(|certificate| certificate.clone().into_owned()).collect());
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
