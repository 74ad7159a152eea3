//! The two hash functions of SCRAM, and what is computed with them.
//! Owns: HMAC, H and Hi of RFC 5802, 2.2. Keys are overwritten when they are dropped.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256, Sha512};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

/// The hash function of SCRAM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScramHash {
    /// SCRAM-SHA-256.
    Sha256,
    /// SCRAM-SHA-512.
    Sha512,
}

/// A key, a signature or a proof.
pub(super) struct Key(Zeroizing<Vec<u8>>);

impl ScramHash {
    /// The name of the mechanism (`sasl.mechanism`).
    #[must_use]
    pub const fn mechanism(self) -> &'static str {
        match self {
            Self::Sha256 => "SCRAM-SHA-256",
            Self::Sha512 => "SCRAM-SHA-512",
        }
    }

    /// HMAC(key, text).
    pub(super) fn hmac(self, key: &[u8], text: &[u8]) -> Key {
        match self {
            Self::Sha256 => hmac_of::<Hmac<Sha256>>(key, text),
            Self::Sha512 => hmac_of::<Hmac<Sha512>>(key, text),
        }
    }

    /// H(text).
    pub(super) fn hash(self, text: &[u8]) -> Key {
        match self {
            Self::Sha256 => Key::of(&mut Sha256::digest(text)),
            Self::Sha512 => Key::of(&mut Sha512::digest(text)),
        }
    }

    /// Hi(password, salt, iterations): PBKDF2 (RFC 8018) with one block of output. This is what takes long.
    pub(super) fn salted_password(self, password: &[u8], salt: &[u8], iterations: u32) -> Key {
        match self {
            Self::Sha256 => hi::<Hmac<Sha256>>(password, salt, iterations),
            Self::Sha512 => hi::<Hmac<Sha512>>(password, salt, iterations),
        }
    }
}

impl Key {
    /// Takes the bytes and overwrites them where they were.
    fn of(bytes: &mut [u8]) -> Self {
        let key = Self(Zeroizing::new(bytes.to_vec()));
        bytes.zeroize();
        key
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        &self.0
    }

    /// Whether it is `other`, compared in a time that depends on the lengths alone.
    pub(super) fn is(&self, other: &[u8]) -> bool {
        self.0.as_slice().ct_eq(other).into()
    }

    pub(super) fn xor(mut self, other: &Self) -> Self {
        self.xor_in(&other.0);
        self
    }

    fn xor_in(&mut self, other: &[u8]) {
        for (byte, other) in self.0.iter_mut().zip(other) {
            *byte ^= other;
        }
    }
}

fn keyed<M: KeyInit>(key: &[u8]) -> M {
    M::new_from_slice(key).expect("HMAC takes a key of any length")
}

fn hmac_of<M: Mac + KeyInit>(key: &[u8], text: &[u8]) -> Key {
    Key::of(&mut keyed::<M>(key).chain_update(text).finalize().into_bytes())
}

fn hi<M: Mac + KeyInit + Clone>(password: &[u8], salt: &[u8], iterations: u32) -> Key {
    // The key's two blocks are hashed once and not in each iteration.
    let keyed = keyed::<M>(password);
    let mut last = keyed.clone().chain_update(salt).chain_update(1u32.to_be_bytes()).finalize().into_bytes();
    let mut sum = Key(Zeroizing::new(last.to_vec()));
    for _ in 1..iterations {
        last = keyed.clone().chain_update(&last).finalize().into_bytes();
        sum.xor_in(&last);
    }
    last.as_mut_slice().zeroize();
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(key: &Key) -> String {
        key.as_slice().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn hmac_is_that_of_rfc_4231() {
        let key = [0x0b; 20];
        assert_eq!(
            hex(&ScramHash::Sha256.hmac(&key, b"Hi There")),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        );
        assert!(
            hex(&ScramHash::Sha512.hmac(&key, b"Hi There")).starts_with("87aa7cdea5ef619d4ff0b4241a1d6cb0")
        );
        // A key longer than a block is hashed first.
        let text = b"Test Using Larger Than Block-Size Key - Hash Key First";
        assert_eq!(
            hex(&ScramHash::Sha256.hmac(&[0xaa; 131], text)),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }

    #[test]
    fn the_salted_password_is_pbkdf2_as_others_compute_it() {
        // The first block of RFC 7914, 11, and Python's hashlib.pbkdf2_hmac.
        for (hash, password, salt, iterations, expected) in [
            (
                ScramHash::Sha256,
                "passwd",
                "salt",
                1,
                "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc",
            ),
            (
                ScramHash::Sha256,
                "Password",
                "NaCl",
                80_000,
                "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56",
            ),
        ] {
            let key = hash.salted_password(password.as_bytes(), salt.as_bytes(), iterations);
            assert_eq!(hex(&key), expected);
        }
    }
}
