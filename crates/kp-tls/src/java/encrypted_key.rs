//! A private key of PKCS#8 under a password (PBES2, RFC 8018). Looks at what its derivation costs before it begins.

use super::cost::Cost;
use crate::der::{Der, OBJECT_IDENTIFIER};
use crate::{StoreSource, TlsConfigError};
use pkcs8::EncryptedPrivateKeyInfoRef;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// 1.2.840.113549.1.5.13
const PBES2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 0x0d];

/// The key in `der`.
pub(super) fn open(source: &StoreSource, der: &[u8]) -> Result<PrivateKeyDer<'static>, TlsConfigError> {
    if Cost::of(der).is_too_high() {
        return Err(source.wrong(Cost::TOO_HIGH));
    }
    let mut info = Der::new(der).sequence();
    let algorithm = info.as_mut().and_then(Der::sequence).and_then(|mut id| id.expect(OBJECT_IDENTIFIER));
    match algorithm {
        Some(PBES2) => {}
        Some(_) => {
            return Err(source.wrong(
                "the private key is encrypted in an old way (PBES1, such as DES or RC2), which is weak and not read; \
                 write it anew: openssl pkcs8 -topk8 -in old.pem -out key.pem",
            ));
        }
        None => return Err(source.wrong("the encrypted private key is cut off or damaged")),
    }
    let Some(password) = source.password_of_key()? else {
        return Err(source.wrong("the private key is encrypted and wants a password: ssl.key.password"));
    };
    let info = EncryptedPrivateKeyInfoRef::try_from(der).map_err(|_| {
        source.wrong("the private key is encrypted with a cipher or a hash that is not known")
    })?;
    let key = info.decrypt(password).map_err(|_| {
        source.wrong(format!(
            "the private key does not open with the password of {}",
            source.key_password_advised()
        ))
    })?;
    Ok(PrivatePkcs8KeyDer::from(key.as_bytes().to_vec()).into())
}
