//! The client's nonce: what makes each exchange of SCRAM another.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::SaslFailure;

/// Random bytes of a nonce, before base64.
const BYTES: usize = 24;

/// The client's part of the nonce of one exchange. It cannot be cloned: used twice, an answer that was recorded fits
/// again.
pub struct ScramNonce(String);

impl ScramNonce {
    /// A nonce of 24 random bytes of the operating system.
    ///
    /// # Errors
    /// [`SaslFailure::NoRandomness`] if it has none.
    #[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
    pub fn random() -> Result<Self, SaslFailure> {
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes)
            .map_err(|error| SaslFailure::NoRandomness { reason: error.to_string() })?;
        Ok(Self::from_random_bytes(bytes))
    }

    /// A nonce of bytes that were drawn elsewhere: on a machine without a source of randomness that this crate knows.
    #[must_use]
    pub fn from_random_bytes(bytes: [u8; BYTES]) -> Self {
        Self(STANDARD.encode(bytes))
    }

    /// A nonce that is known beforehand, for tests against published exchanges.
    ///
    /// # Errors
    /// [`SaslFailure::BadCredential`] if it is empty, or has a comma or a character in it that is not printable
    /// ASCII.
    pub fn fixed(text: &str) -> Result<Self, SaslFailure> {
        if is_nonce(text) {
            return Ok(Self(text.to_owned()));
        }
        Err(SaslFailure::bad_credential("SCRAM", "the nonce", "is not printable ASCII without commas"))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ScramNonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ScramNonce(..)")
    }
}

/// `printable` of RFC 5802, 7.
pub(super) fn is_nonce(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',')
}
