//! The verifier that the system itself has, in the place of the system's list of authorities: it knows what the owner of the machine
//! has distrusted, added or revoked. For macOS, iOS and Windows alone; elsewhere the list is all that the system has.
//!
//! **It may go online, on the thread that makes the handshake**: Windows fetches what it lacks of a chain, and whether the broker's
//! certificate was revoked (for that, up to 10 s); Apple's has no limit that kp sets. The network thread stands still meanwhile
//! (`docs/decisions/0037-the-systems-verifier-is-not-the-default.md`).

use super::Refused;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};
use rustls_platform_verifier::Verifier;

/// See the module. What is refused says what the certificate was.
#[derive(Debug)]
pub(crate) struct Platform(Verifier);

#[cfg(not(target_os = "linux"))]
impl Platform {
    pub(crate) fn new(
        provider: std::sync::Arc<rustls::crypto::CryptoProvider>,
    ) -> Result<Self, crate::TlsConfigError> {
        let verifier = Verifier::new(provider);
        verifier.map(Self).map_err(|error| crate::TlsConfigError::NoSystemRoots { cause: error.to_string() })
    }
}

impl ServerCertVerifier for Platform {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.0.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        verified.map_err(|error| Refused::wrap(error, end_entity, intermediates))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

// On Linux, where it is what `webpki` is, over a list of its own.
#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
    use rustls::CertificateError;
    use std::sync::Arc;
    use std::time::Duration;

    fn authority() -> CertifiedIssuer<'static, KeyPair> {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    }

    // C8, H1
    #[test]
    fn what_the_system_does_not_believe_is_told_with_what_the_certificate_says() {
        let (known, other) = (authority(), authority());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let platform = Platform(Verifier::new_with_extra_roots([known.der().clone()], provider).unwrap());
        let now = UnixTime::since_unix_epoch(Duration::from_secs(1_800_000_000));
        let verified = |by: &CertifiedIssuer<'static, KeyPair>, host: &'static str| {
            let params = CertificateParams::new(vec!["broker".to_owned()]).unwrap();
            let own = params.signed_by(&KeyPair::generate().unwrap(), by).unwrap();
            platform.verify_server_cert(own.der(), &[], &host.try_into().unwrap(), &[], now)
        };
        verified(&known, "broker").unwrap();
        let Err(Error::InvalidCertificate(cause)) = verified(&other, "broker") else {
            panic!("it is believed")
        };
        let refused = Refused::inside(&cause).unwrap();
        assert_eq!(refused.certificate.names(), ["DNS:broker"]);
        let Err(Error::InvalidCertificate(cause)) = verified(&known, "elsewhere") else {
            panic!("it is believed")
        };
        assert!(matches!(cause, CertificateError::NotValidForNameContext { .. }), "{cause:?}");
    }
}
