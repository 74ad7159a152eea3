//! Certificates that are trusted themselves: those of a named trust store, byte for byte. They need no authority that signed them,
//! so what `webpki` refuses for its form (an authority as a server, X.509 version 1) is taken, as Java takes it.

use crate::certificate::Parts;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::client::verify_server_name;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, PeerMisbehaved, SignatureScheme};
use std::collections::BTreeSet;
use std::time::Duration;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Direct(BTreeSet<Box<[u8]>>);

impl Direct {
    pub(super) fn new(certificates: Vec<CertificateDer<'static>>) -> Self {
        Self(certificates.iter().map(|certificate| Box::from(certificate.as_ref())).collect())
    }

    pub(super) fn has(&self, certificate: &CertificateDer<'_>) -> bool {
        self.0.contains(certificate.as_ref())
    }
}

/// Its dates, and its name if that is asked for.
pub(super) fn verify(
    certificate: &CertificateDer<'_>,
    server_name: Option<&ServerName<'_>>,
    now: UnixTime,
) -> Result<(), Error> {
    let parts = parts(certificate)?;
    let moment = |seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    if now.as_secs() < parts.not_before {
        let not_before = moment(parts.not_before);
        return Err(CertificateError::NotValidYetContext { time: now, not_before }.into());
    }
    if now.as_secs() > parts.not_after {
        let not_after = moment(parts.not_after);
        return Err(CertificateError::ExpiredContext { time: now, not_after }.into());
    }
    let Some(name) = server_name else { return Ok(()) };
    // Without names of hosts its common name is looked at, as Java does: the operator who put this very certificate into the store
    // knows what it is called.
    if !parts.has_names() && parts.is_commonly(&name.to_str()) {
        return Ok(());
    }
    if parts.version < 3 {
        let presented = Vec::new();
        return Err(CertificateError::NotValidForNameContext { expected: name.to_owned(), presented }.into());
    }
    verify_server_name(&ParsedCertificate::try_from(certificate)?, name)
}

/// Whether the broker has the key of its certificate. As `rustls` does it, but for the form of the certificate.
pub(super) fn verify_signature(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signature: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error> {
    let parts = parts(certificate)?;
    let (_, candidates) = algorithms
        .mapping
        .iter()
        .find(|(scheme, _)| *scheme == signature.scheme)
        .ok_or(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme)?;
    let fits = candidates
        .iter()
        .filter(|algorithm| algorithm.public_key_alg_id().as_ref() == parts.key_algorithm)
        .any(|algorithm| algorithm.verify_signature(parts.key, message, signature.signature()).is_ok());
    if fits { Ok(HandshakeSignatureValid::assertion()) } else { Err(CertificateError::BadSignature.into()) }
}

/// Whether TLS 1.3 signs a handshake so; it took RSA without PSS, and SHA-1, away.
pub(super) fn is_of_tls13(scheme: SignatureScheme) -> bool {
    use SignatureScheme as S;
    !matches!(
        scheme,
        S::RSA_PKCS1_SHA1
            | S::RSA_PKCS1_SHA256
            | S::RSA_PKCS1_SHA384
            | S::RSA_PKCS1_SHA512
            | S::ECDSA_SHA1_Legacy
    )
}

fn parts<'a>(certificate: &'a CertificateDer<'_>) -> Result<Parts<'a>, Error> {
    Parts::of(certificate).ok_or_else(|| CertificateError::BadEncoding.into())
}
