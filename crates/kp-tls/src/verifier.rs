//! Whether a broker's certificate is believed: who signed it, when it is valid, and for which host; or whether it is itself
//! in the trust store. What is refused says what the certificate was.

mod credulous;
mod direct;
#[cfg(any(
    all(feature = "platform-verifier", any(target_os = "macos", target_os = "ios", windows)),
    all(test, target_os = "linux")
))]
mod platform;
mod refused;

pub(crate) use credulous::Credulous;
#[cfg(all(feature = "platform-verifier", any(target_os = "macos", target_os = "ios", windows)))]
pub(crate) use platform::Platform;
pub(crate) use refused::Refused;

use direct::Direct;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

/// See the module.
#[derive(Debug)]
pub(crate) struct Verifier {
    roots: RootCertStore,
    direct: Direct,
    algorithms: WebPkiSupportedAlgorithms,
    names_are_checked: bool,
}

impl Verifier {
    /// Believes what `roots` signed, and the certificates in `direct` themselves.
    pub(crate) fn new(
        roots: RootCertStore,
        direct: Vec<CertificateDer<'static>>,
        algorithms: WebPkiSupportedAlgorithms,
        names_are_checked: bool,
    ) -> Self {
        Self { roots, direct: Direct::new(direct), algorithms, names_are_checked }
    }

    /// The chain, the dates and the purpose; then the name.
    fn signed(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Error> {
        let certificate = ParsedCertificate::try_from(end_entity)?;
        let algorithms = self.algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&certificate, &self.roots, intermediates, now, algorithms)?;
        if self.names_are_checked { verify_server_name(&certificate, server_name) } else { Ok(()) }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = if self.direct.has(end_entity) {
            direct::verify(end_entity, self.names_are_checked.then_some(server_name), now)
        } else {
            self.signed(end_entity, intermediates, server_name, now)
        };
        verified
            .map(|()| ServerCertVerified::assertion())
            .map_err(|error| Refused::wrap(error, end_entity, intermediates))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if self.direct.has(certificate) {
            return direct::verify_signature(message, certificate, signature, &self.algorithms);
        }
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if self.direct.has(certificate) && direct::is_of_tls13(signature.scheme) {
            return direct::verify_signature(message, certificate, signature, &self.algorithms);
        }
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
