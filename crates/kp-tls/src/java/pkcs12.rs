//! Stores of PKCS#12 (RFC 7292), which Java writes since version 9, and OpenSSL. Links keys with their certificates, which
//! the format leaves to who reads it.

use super::cost::Cost;
use super::opened::{KeyEntry, Opened, StoredKey, TrustedEntry};
use crate::chain::Chain;
use crate::{StoreSource, TlsConfigError};
use p12_keystore::error::Error;
use p12_keystore::{CertificateBag, Pkcs12Archive, PrivateKeyBag};
use rustls::pki_types::PrivatePkcs8KeyDer;

/// Opens `content`.
pub(super) fn open(source: &StoreSource, content: &[u8]) -> Result<Opened, TlsConfigError> {
    if Cost::of(content).is_too_high() {
        return Err(source.wrong(Cost::TOO_HIGH));
    }
    let password = source.store_password()?;
    let archive = Pkcs12Archive::from_pkcs12(content, password.unwrap_or_default())
        .map_err(|error| source.wrong(cause(source, password.is_some(), &error)))?;
    let keys = archive.keys.iter().map(|key| entry(key, &archive.certs)).collect();
    Ok(Opened { keys, trusted: trusted(&archive) })
}

fn entry(key: &PrivateKeyBag, certificates: &[CertificateBag]) -> KeyEntry {
    let own = certificates.iter().find(|certificate| belongs(certificate, key));
    let alias = key.friendly_name.clone().or_else(|| own.map(|own| own.cert.subject().to_owned()));
    KeyEntry {
        alias: alias.unwrap_or_default(),
        chain: own.map(|own| chain(own, certificates)).unwrap_or_default(),
        key: StoredKey::Open(PrivatePkcs8KeyDer::from(key.key.as_der().to_vec()).into()),
    }
}

/// By the number that both have; without one, by their name.
fn belongs(certificate: &CertificateBag, key: &PrivateKeyBag) -> bool {
    match &key.local_key_id {
        Some(id) => certificate.local_key_id.as_deref() == Some(id.as_ref()),
        None => certificate.friendly_name.is_some() && certificate.friendly_name == key.friendly_name,
    }
}

/// The certificate, that of who signed it, and so on, as far as they are there; a root signs itself.
fn chain(own: &CertificateBag, certificates: &[CertificateBag]) -> Chain {
    let mut chain = vec![own];
    let mut last = own;
    while last.cert.issuer() != last.cert.subject() {
        let signer = certificates.iter().find(|certificate| certificate.cert.subject() == last.cert.issuer());
        // A circle of names ends where it began.
        let Some(signer) = signer.filter(|signer| !chain.iter().any(|known| known.cert == signer.cert))
        else {
            break;
        };
        chain.push(signer);
        last = signer;
    }
    chain.into_iter().map(|certificate| certificate.cert.as_der().to_vec().into()).collect()
}

/// Those that Java marked as trusted. OpenSSL marks none: in a store without a key they are there to be trusted.
fn trusted(archive: &Pkcs12Archive) -> Vec<TrustedEntry> {
    let marked = |certificate: &CertificateBag| certificate.trusted;
    let all = archive.keys.is_empty() && !archive.certs.iter().any(marked);
    archive
        .certs
        .iter()
        .filter(|certificate| all || marked(certificate))
        .map(|certificate| TrustedEntry {
            alias: certificate.friendly_name.clone().unwrap_or_else(|| certificate.cert.subject().to_owned()),
            certificate: certificate.cert.as_der().to_vec().into(),
        })
        .collect()
}

fn cause(source: &StoreSource, has_password: bool, error: &Error) -> String {
    match error {
        Error::MacError(_) | Error::Pkcs5Error(_) | Error::UnpadError if has_password => format!(
            "the password does not open the PKCS#12 store, or the store was changed ({})",
            source.password_key()
        ),
        Error::MacError(_) | Error::Pkcs5Error(_) | Error::UnpadError => {
            format!("the PKCS#12 store wants a password: {}", source.password_key())
        }
        Error::UnsupportedEncryptionScheme | Error::UnsupportedMacAlgorithm => {
            "the PKCS#12 store is encrypted in a way that is not read; write it anew: openssl pkcs12 -in old.p12 -out \
             all.pem, then openssl pkcs12 -export -in all.pem -out new.p12"
                .into()
        }
        Error::InvalidParameters => "the PKCS#12 store hashes its password too often: more than 1,000,000 times".into(),
        _ => "the PKCS#12 store is cut off, damaged, or not written in DER: copy it anew".into(),
    }
}
