//! What is in a store, whatever it is written in: the authorities of one, the identity of another. Reads the file once.

use crate::chain::{Chain, Entry};
use crate::form::Form;
use crate::{StoreSource, TlsConfigError, java, pem};
use rustls::pki_types::PrivateKeyDer;
use std::borrow::Cow;

/// Every certificate that `source` trusts, at least one.
pub(crate) fn authorities(source: &StoreSource) -> Result<Chain, TlsConfigError> {
    let content = source.content()?;
    match Form::of(&content) {
        Form::Pem => pem::certificates(source, &content),
        Form::Certificate => Ok(vec![content.into_owned().into()]),
        form => java::authorities(source, form, &content),
    }
}

/// The certificates and the key of this client, both in `source`.
pub(crate) fn identity(source: &StoreSource) -> Result<(Chain, PrivateKeyDer<'static>), TlsConfigError> {
    let content = source.content()?;
    match Form::of(&content) {
        Form::Pem | Form::Certificate => {
            Ok((pem::certificates(source, &content)?, pem::private_key(source, &content)?))
        }
        form => java::identity(source, form, &content),
    }
}

/// What a trust store holds; the first certificate of each is believed.
pub(crate) fn trusted_entries(source: &StoreSource) -> Result<Vec<Entry>, TlsConfigError> {
    let content = source.content()?;
    match Form::of(&content) {
        Form::Pem | Form::Certificate => {
            let of_one = |certificate| Entry { alias: None, has_key: false, chain: vec![certificate] };
            Ok(authorities(source)?.into_iter().map(of_one).collect())
        }
        form => java::entries(source, form, &content),
    }
}

/// What a key store holds. A text in PEM is one entry.
pub(crate) fn own_entries(source: &StoreSource) -> Result<Vec<Entry>, TlsConfigError> {
    let content = source.content()?;
    match Form::of(&content) {
        Form::Pem | Form::Certificate => Ok(vec![Entry {
            alias: None,
            has_key: pem::has_private_key(source, &content)?,
            chain: pem::certificates(source, &content)?,
        }]),
        form => java::entries(source, form, &content),
    }
}

/// Every certificate of a PEM text.
pub(crate) fn chain(source: &StoreSource) -> Result<Chain, TlsConfigError> {
    pem::certificates(source, &text(source)?)
}

/// The private key of a PEM text; one with a password is opened with that of `source`.
///
/// ```no_run
/// use kp_tls::StoreSource;
/// let source = StoreSource::file("sasl.oauthbearer.assertion.private.key.file", "/etc/kp/key.pem");
/// let key = kp_tls::private_key(&source)?;
/// # Ok::<(), kp_tls::TlsConfigError>(())
/// ```
///
/// # Errors
/// It cannot be read, or has no key that can be opened.
pub fn private_key(source: &StoreSource) -> Result<PrivateKeyDer<'static>, TlsConfigError> {
    pem::private_key(source, &text(source)?)
}

fn text(source: &StoreSource) -> Result<Cow<'_, [u8]>, TlsConfigError> {
    let content = source.content()?;
    match Form::of(&content) {
        Form::Pem => Ok(content),
        _ => Err(source.wrong("this is no PEM; a store (JKS, PKCS#12) belongs to ssl.keystore.location")),
    }
}
