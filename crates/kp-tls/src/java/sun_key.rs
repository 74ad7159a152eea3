//! How Java protects a private key in JKS: a keystream of SHA-1 over the password. One round a block: a password that can
//! be guessed protects nothing. Own code, as no crate that is kept reads it.

use crate::der::{Der, OBJECT_IDENTIFIER, OCTET_STRING};
use crate::{StoreSource, TlsConfigError};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use sha1::{Digest, Sha1};
use zeroize::Zeroizing;

/// 1.3.6.1.4.1.42.2.17.1.1
const SUN: &[u8] = &[0x2b, 6, 1, 4, 1, 0x2a, 2, 0x11, 1, 1];
const BLOCK: usize = 20;

/// The key in `protected`, an EncryptedPrivateKeyInfo of which the data are a salt, the key and a check, of which the
/// first and the last have 20 bytes.
pub(super) fn open(
    source: &StoreSource,
    alias: &str,
    protected: &[u8],
) -> Result<PrivateKeyDer<'static>, TlsConfigError> {
    let wrong = |cause: &str| source.wrong(format!("the private key {alias:?} {cause}"));
    let Some((algorithm, data)) = parts(protected) else { return Err(wrong("is cut off or damaged")) };
    if algorithm != SUN {
        return Err(wrong("is protected in a way that JKS does not have"));
    }
    let Some(password) = source.password_of_key()? else {
        return Err(wrong(&format!("wants a password: {} or ssl.key.password", source.password_key())));
    };
    let damaged = || wrong("is cut off or damaged");
    let (salt, data) = data.split_first_chunk::<BLOCK>().ok_or_else(damaged)?;
    let (data, check) = data.split_last_chunk::<BLOCK>().ok_or_else(damaged)?;
    let password = utf16(password);
    let key = unmasked(&password, *salt, data);
    if Sha1::new().chain_update(&*password).chain_update(&*key).finalize().as_slice() != check {
        return Err(wrong(&format!("does not open with the password of {}", source.key_password_advised())));
    }
    Ok(PrivatePkcs8KeyDer::from(key.to_vec()).into())
}

/// Its algorithm and its data.
fn parts(protected: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut info = Der::new(protected).sequence()?;
    let algorithm = info.sequence()?.expect(OBJECT_IDENTIFIER)?;
    Some((algorithm, info.expect(OCTET_STRING)?))
}

fn unmasked(password: &[u8], salt: [u8; BLOCK], data: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut block = salt;
    let mut key = Zeroizing::new(data.to_vec());
    for masked in key.chunks_mut(BLOCK) {
        block = Sha1::new().chain_update(password).chain_update(block).finalize().into();
        for (byte, mask) in masked.iter_mut().zip(block) {
            *byte ^= mask;
        }
    }
    key
}

/// A password as Java hashes it.
pub(super) fn utf16(password: &str) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(2 * password.len()));
    bytes.extend(password.encode_utf16().flat_map(u16::to_be_bytes));
    bytes
}
