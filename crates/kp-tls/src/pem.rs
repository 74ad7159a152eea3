//! Certificates and keys in PEM. Reads no file; shows no key.
//!
//! Sections may stand on one line, as Java's client takes them: a `.properties` file often has them so.

use crate::{StoreSource, TlsConfigError, java};
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use rustls::pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer,
};

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
const DASHES: &[u8] = b"-----";
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What is between a `-----BEGIN` and its `-----END`.
struct Section<'a> {
    label: &'a [u8],
    body: &'a [u8],
}

/// Every certificate, at least one.
pub(crate) fn certificates(
    source: &StoreSource,
    text: &[u8],
) -> Result<Vec<CertificateDer<'static>>, TlsConfigError> {
    let mut certificates = Vec::new();
    let mut rest = text;
    while let Some(section) = next(source, &mut rest)? {
        if matches!(section.label, b"CERTIFICATE" | b"TRUSTED CERTIFICATE" | b"X509 CERTIFICATE") {
            certificates.push(decoded(source, section.body)?.into());
        }
    }
    if certificates.is_empty() {
        return Err(source.wrong("there is no certificate in it (-----BEGIN CERTIFICATE-----)"));
    }
    Ok(certificates)
}

/// The first private key.
pub(crate) fn private_key(
    source: &StoreSource,
    text: &[u8],
) -> Result<PrivateKeyDer<'static>, TlsConfigError> {
    let mut rest = text;
    while let Some(section) = next(source, &mut rest)? {
        if !section.label.ends_with(b"PRIVATE KEY") {
            continue;
        }
        if has(section.body, b"Proc-Type: 4,ENCRYPTED") {
            return Err(source.wrong(java::TRADITIONAL));
        }
        let der = decoded(source, section.body)?;
        return Ok(match section.label {
            b"PRIVATE KEY" => PrivatePkcs8KeyDer::from(der).into(),
            b"RSA PRIVATE KEY" => PrivatePkcs1KeyDer::from(der).into(),
            b"EC PRIVATE KEY" => PrivateSec1KeyDer::from(der).into(),
            b"ENCRYPTED PRIVATE KEY" => java::encrypted_key(source, &der)?,
            _ => {
                return Err(source.wrong(
                    "the private key is of a kind that TLS does not use; PKCS#8, PKCS#1 and SEC1 are read",
                ));
            }
        });
    }
    Err(source.wrong("there is no private key in it (PKCS#8, PKCS#1 or SEC1 in PEM)"))
}

/// Whether there is a private key; it is not looked at.
pub(crate) fn has_private_key(source: &StoreSource, text: &[u8]) -> Result<bool, TlsConfigError> {
    let mut rest = text;
    while let Some(section) = next(source, &mut rest)? {
        if section.label.ends_with(b"PRIVATE KEY") {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The next section; what stands before it is left out.
fn next<'a>(source: &StoreSource, rest: &mut &'a [u8]) -> Result<Option<Section<'a>>, TlsConfigError> {
    let Some(begin) = position(rest, BEGIN) else { return Ok(None) };
    let from_label = &rest[begin + BEGIN.len()..];
    let label_ends = position(from_label, DASHES).filter(|end| *end <= 64);
    let Some(label_ends) = label_ends else {
        return Err(source.wrong("a -----BEGIN line of the PEM is none"));
    };
    let (label, body) = (&from_label[..label_ends], &from_label[label_ends + DASHES.len()..]);
    let ends = position(body, END).filter(|end| {
        let after = &body[end + END.len()..];
        after.starts_with(label) && after[label.len()..].starts_with(DASHES)
    });
    let Some(ends) = ends else {
        return Err(source.wrong("the PEM ends before its -----END line"));
    };
    *rest = &body[ends + END.len() + label.len() + DASHES.len()..];
    Ok(Some(Section { label, body: &body[..ends] }))
}

fn decoded(source: &StoreSource, body: &[u8]) -> Result<Vec<u8>, TlsConfigError> {
    let digits: Vec<u8> = body.iter().copied().filter(|letter| !letter.is_ascii_whitespace()).collect();
    // The error is left out: it may have a piece of a key in it.
    BASE64.decode(digits).map_err(|_| source.wrong("the PEM is no base64"))
}

fn position(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

fn has(text: &[u8], part: &[u8]) -> bool {
    position(text, part).is_some()
}
