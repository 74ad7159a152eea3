//! Signatures of assertions (RFC 7518: RS256, ES256), with the cryptography that TLS has.

use std::sync::Arc;

use kp_config::{AssertionAlgorithm, SignedAssertion};
use kp_tls::StoreSource;
use rustls::SignatureScheme;
use rustls::crypto::CryptoProvider;

use crate::OidcError;

const KEY: &str = "sasl.oauthbearer.assertion.private.key.file";
const PASSPHRASE: &str = "sasl.oauthbearer.assertion.private.key.passphrase";
/// Bytes of each of the two numbers of a signature over P-256.
const HALF: usize = 32;

/// The signature of `message`. The key is read anew each time, so that it can be replaced.
pub(crate) fn of(
    message: &str,
    assertion: &SignedAssertion,
    provider: &Arc<CryptoProvider>,
) -> Result<Vec<u8>, OidcError> {
    let (algorithm, path, passphrase) = assertion.signer();
    let failed = |cause: String| OidcError::File { key: KEY, path: path.clone(), cause };
    let mut source = StoreSource::file(KEY, path);
    if let Some(passphrase) = passphrase {
        source = source.key_password(PASSPHRASE, passphrase.clone());
    }
    let key = kp_tls::private_key(&source).map_err(|error| OidcError::Assertion(error.to_string()))?;
    let key = provider.key_provider.load_private_key(key).map_err(|error| failed(error.to_string()))?;
    let (scheme, kind) = match algorithm {
        AssertionAlgorithm::Rs256 => (SignatureScheme::RSA_PKCS1_SHA256, "RS256 wants a key of RSA"),
        AssertionAlgorithm::Es256 => (SignatureScheme::ECDSA_NISTP256_SHA256, "ES256 wants a key of P-256"),
    };
    let signer = key.choose_scheme(&[scheme]).ok_or_else(|| failed(kind.into()))?;
    let signature = signer.sign(message.as_bytes()).map_err(|error| failed(error.to_string()))?;
    match algorithm {
        AssertionAlgorithm::Rs256 => Ok(signature),
        AssertionAlgorithm::Es256 => {
            bare(&signature).ok_or_else(|| failed("its signature is none of P-256".into()))
        }
    }
}

/// The two numbers of a signature one after the other, each of 32 bytes, out of `SEQUENCE { INTEGER r, INTEGER s }`.
fn bare(der: &[u8]) -> Option<Vec<u8>> {
    let [0x30, length, rest @ ..] = der else { return None };
    if usize::from(*length) != rest.len() {
        return None;
    }
    let (first, rest) = integer(rest)?;
    let (second, rest) = integer(rest)?;
    if !rest.is_empty() {
        return None;
    }
    let mut bare = vec![0; 2 * HALF];
    for (number, end) in [(first, HALF), (second, 2 * HALF)] {
        bare[end - number.len()..end].copy_from_slice(number);
    }
    Some(bare)
}

/// A number of at most 32 bytes without leading zeros, and what stands behind it.
fn integer(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let [0x02, length, rest @ ..] = der else { return None };
    let (number, rest) = rest.split_at_checked(usize::from(*length))?;
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let number = &number[zeros..];
    (number.len() <= HALF).then_some((number, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    // SE45
    #[test]
    fn the_numbers_of_a_signature_stand_at_the_end_of_their_halves() {
        let bare = bare(&[0x30, 9, 2, 3, 0, 0x81, 7, 2, 2, 1, 2]).expect("two numbers");
        assert_eq!((&bare[..30], &bare[30..32]), (&[0; 30][..], &[0x81, 7][..]));
        assert_eq!((&bare[32..62], &bare[62..]), (&[0; 30][..], &[1, 2][..]));
    }

    #[test]
    fn what_is_no_signature_of_p_256_is_none() {
        let long = [&[0x30, 37, 2, 33][..], &[1; 33]].concat();
        for der in
            [&[][..], &[0x30], &[0x30, 1, 2], &[0x30, 4, 2, 1, 1, 2], &[0x31, 6, 2, 1, 1, 2, 1, 1], &long]
        {
            assert_eq!(bare(der), None, "{der:?}");
        }
        assert_eq!(bare(&[0x30, 7, 2, 1, 1, 2, 1, 1, 0]), None, "something behind");
    }
}
