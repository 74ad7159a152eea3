//! Stores as Java users have them, and keys with a password. Behind the feature `java-stores`; without it, their errors
//! say so.

use crate::chain::{Chain, Entry};
use crate::form::Form;
use crate::{StoreSource, TlsConfigError};
#[cfg(feature = "java-stores")]
use opened::Opened;
use rustls::pki_types::PrivateKeyDer;

#[cfg(feature = "java-stores")]
mod cost;
#[cfg(feature = "java-stores")]
mod encrypted_key;
#[cfg(feature = "java-stores")]
mod jks;
#[cfg(feature = "java-stores")]
mod opened;
#[cfg(feature = "java-stores")]
mod pkcs12;
#[cfg(feature = "java-stores")]
mod sun_key;

/// What OpenSSL wrote before PKCS#8: its key comes from one round of MD5.
pub(crate) const TRADITIONAL: &str = "the private key is encrypted in OpenSSL's old way (Proc-Type: 4,ENCRYPTED), which is \
                                      weak and not read; write it anew: openssl pkcs8 -topk8 -in old.pem -out key.pem";

/// How to write a store anew in a form that is read.
const CONVERT: &str = "keytool -importkeystore -srckeystore old -destkeystore new.p12 -deststoretype PKCS12";

/// The authorities in a store that is no PEM.
pub(crate) fn authorities(source: &StoreSource, form: Form, content: &[u8]) -> Result<Chain, TlsConfigError> {
    #[cfg(feature = "java-stores")]
    return open(source, form, content)?.authorities(source);
    #[cfg(not(feature = "java-stores"))]
    let _ = content;
    #[cfg(not(feature = "java-stores"))]
    Err(unread(source, form))
}

/// What stands in a store that is no PEM; no key is opened that has a password of its own.
pub(crate) fn entries(
    source: &StoreSource,
    form: Form,
    content: &[u8],
) -> Result<Vec<Entry>, TlsConfigError> {
    #[cfg(feature = "java-stores")]
    return Ok(open(source, form, content)?.entries());
    #[cfg(not(feature = "java-stores"))]
    let _ = content;
    #[cfg(not(feature = "java-stores"))]
    Err(unread(source, form))
}

/// The certificates and the key of this client in a store that is no PEM.
pub(crate) fn identity(
    source: &StoreSource,
    form: Form,
    content: &[u8],
) -> Result<(Chain, PrivateKeyDer<'static>), TlsConfigError> {
    #[cfg(feature = "java-stores")]
    return open(source, form, content)?.identity(source);
    #[cfg(not(feature = "java-stores"))]
    let _ = content;
    #[cfg(not(feature = "java-stores"))]
    Err(unread(source, form))
}

/// A key of PKCS#8 with a password, opened.
pub(crate) fn encrypted_key(
    source: &StoreSource,
    der: &[u8],
) -> Result<PrivateKeyDer<'static>, TlsConfigError> {
    #[cfg(feature = "java-stores")]
    return encrypted_key::open(source, der);
    #[cfg(not(feature = "java-stores"))]
    let _ = der;
    #[cfg(not(feature = "java-stores"))]
    Err(left_out(source, "an encrypted private key", "openssl pkey -in encrypted.pem -out key.pem"))
}

#[cfg(feature = "java-stores")]
fn open(source: &StoreSource, form: Form, content: &[u8]) -> Result<Opened, TlsConfigError> {
    match form {
        Form::Jks => jks::open(source, content),
        Form::Pkcs12 => pkcs12::open(source, content),
        other => Err(unknown(source, other)),
    }
}

#[cfg(not(feature = "java-stores"))]
fn unread(source: &StoreSource, form: Form) -> TlsConfigError {
    match form {
        Form::Jks => {
            let convert = format!("{CONVERT}, then openssl pkcs12 -in new.p12 -nodes -out store.pem");
            left_out(source, "a JKS store", &convert)
        }
        Form::Pkcs12 => {
            left_out(source, "a PKCS#12 store", "openssl pkcs12 -in store.p12 -nodes -out store.pem")
        }
        other => unknown(source, other),
    }
}

/// A store of a form that no feature reads.
fn unknown(source: &StoreSource, form: Form) -> TlsConfigError {
    match form {
        Form::Jceks => source.wrong(format!(
            "this is a JCEKS store, which is for secret keys and not read; convert it: {CONVERT} -srcstoretype JCEKS"
        )),
        Form::Bks => source.wrong(format!(
            "this is a store of Bouncy Castle (BKS), which is not read; convert it: {CONVERT} -srcstoretype BKS"
        )),
        _ => source.wrong("this is no store: PEM, JKS and PKCS#12 are read"),
    }
}

#[cfg(not(feature = "java-stores"))]
fn left_out(source: &StoreSource, what: &str, convert: &str) -> TlsConfigError {
    source.wrong(format!(
        "this is {what}, and this program was built without the feature `java-stores` of kp-tls, which reads it; build \
         it in, or convert to PEM: {convert}"
    ))
}
