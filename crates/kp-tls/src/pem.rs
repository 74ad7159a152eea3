//! Certificates and keys in PEM. Reads no file; shows no key.

use crate::{StoreSource, TlsConfigError};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::borrow::Cow;

/// Every certificate, at least one.
pub(crate) fn certificates(source: &StoreSource) -> Result<Vec<CertificateDer<'static>>, TlsConfigError> {
    let text = text(source)?;
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let certificates = read.map_err(|error| malformed(source, &error))?;
    if certificates.is_empty() {
        return Err(source.wrong("there is no certificate in it (-----BEGIN CERTIFICATE-----)"));
    }
    Ok(certificates)
}

/// The first private key.
pub(crate) fn private_key(source: &StoreSource) -> Result<PrivateKeyDer<'static>, TlsConfigError> {
    let text = text(source)?;
    let has = |part: &str| text.windows(part.len()).any(|window| window == part.as_bytes());
    if has("-----BEGIN ENCRYPTED PRIVATE KEY") || has("Proc-Type: 4,ENCRYPTED") {
        return Err(source.wrong(
            "the private key is encrypted, which kp does not open yet; write it without a password: \
             openssl pkey -in encrypted.pem -out key.pem",
        ));
    }
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| match error {
        pem::Error::NoItemsFound => {
            source.wrong("there is no private key in it (PKCS#8, PKCS#1 or SEC1 in PEM)")
        }
        other => malformed(source, &other),
    })
}

/// The bytes, of which the beginning looks like PEM.
fn text(source: &StoreSource) -> Result<Cow<'_, [u8]>, TlsConfigError> {
    let text = source.content()?;
    match &*text {
        [0xfe, 0xed, 0xfe, 0xed, ..] => Err(java(source, "a JKS store")),
        [0xce, 0xce, 0xce, 0xce, ..] => Err(java(source, "a JCEKS store")),
        [0x30, 0x80..=0x84, ..] => Err(java(source, "a PKCS#12 store or another binary form")),
        _ => Ok(text),
    }
}

fn java(source: &StoreSource, found: &str) -> TlsConfigError {
    source.wrong(format!(
        "this is {found}, and kp reads PEM; convert it: keytool -importkeystore … -deststoretype PKCS12, then \
         openssl pkcs12 -in store.p12 -out store.pem"
    ))
}

fn malformed(source: &StoreSource, error: &pem::Error) -> TlsConfigError {
    // Without the bytes that the error may carry: they may be of a key.
    source.wrong(match error {
        pem::Error::MissingSectionEnd { .. } => "the PEM ends before its -----END line",
        pem::Error::IllegalSectionStart { .. } => "a -----BEGIN line of the PEM is none",
        pem::Error::Base64Decode(_) => "the PEM is no base64",
        pem::Error::SectionTooLarge => "a section of the PEM is too large",
        _ => "the PEM cannot be read",
    })
}
