//! What is in a store, whatever it is written in: the authorities of one, the identity of another. Reads the file once.

use crate::chain::Chain;
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
