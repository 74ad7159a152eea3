//! Passwords and tokens.
//! Owns: the bytes of a secret, overwritten when the last owner lets go. Never: a text in which they could be read.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::SaslFailure;

/// A broker's text is compared with secrets of at least so many bytes: a shorter one is in every second sentence, and
/// to hide the sentence would tell which.
const LONG_ENOUGH_TO_FIND: usize = 4;

/// A password, a token, or a message that has one in it.
///
/// Clones share the bytes, which are overwritten when the last one is dropped. `Debug` prints `***`; there is no
/// `Display` and no serialization. Two secrets are compared in a time that depends on their lengths alone.
///
/// ```
/// use kp_sasl::Secret;
/// let password = Secret::from("alice-secret");
/// assert_eq!(format!("{password:?}"), "***");
/// assert_eq!(password.expose(), b"alice-secret");
/// ```
#[derive(Clone)]
pub struct Secret(Arc<Zeroizing<Vec<u8>>>);

impl Secret {
    /// The value of an environment variable.
    ///
    /// # Errors
    /// [`SaslFailure::NoVariable`] if it is not set, is empty, or is not UTF-8.
    pub fn from_env(variable: &str) -> Result<Self, SaslFailure> {
        let problem = match std::env::var(variable) {
            Ok(value) if value.is_empty() => "is empty",
            Ok(value) => return Ok(Self::from(value)),
            Err(std::env::VarError::NotPresent) => "is not set",
            Err(std::env::VarError::NotUnicode(value)) => {
                drop(Zeroizing::new(value.into_encoded_bytes()));
                "is not UTF-8"
            }
        };
        Err(SaslFailure::NoVariable { variable: variable.to_owned(), problem })
    }

    /// The secret itself. Do not log it.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The secret as text, if it is UTF-8. Do not log it.
    #[must_use]
    pub fn expose_text(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// The secret as the bytes of a message, without a copy; they are overwritten when the last owner of them lets go.
    /// `Bytes` print what is in them; the request that they are for (`SaslAuthenticateRequest`) does not.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        Bytes::from_owner(Exposed(self))
    }

    /// Whether `text` has this secret in it as it stands. Secrets of less than four bytes are never found.
    #[must_use]
    pub fn is_in(&self, text: &str) -> bool {
        self.0.len() >= LONG_ENOUGH_TO_FIND && self.expose_text().is_some_and(|secret| text.contains(secret))
    }
}

impl From<String> for Secret {
    /// Takes the text over; it is not copied.
    fn from(text: String) -> Self {
        Self::from(text.into_bytes())
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::from(text.as_bytes().to_vec())
    }
}

impl From<Vec<u8>> for Secret {
    /// Takes the bytes over; they are not copied.
    fn from(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Zeroizing::new(bytes)))
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_slice().ct_eq(other.0.as_slice()).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What `Bytes` keeps alive: only there a secret turns into a plain slice by itself.
struct Exposed(Secret);

impl AsRef<[u8]> for Exposed {
    fn as_ref(&self) -> &[u8] {
        self.0.expose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_in_its_debug_text() {
        let secret = Secret::from("correct horse");
        for text in [format!("{secret:?}"), format!("{secret:#?}"), format!("{:?}", Some(&secret))] {
            assert!(!text.contains("horse"), "{text}");
            assert!(text.contains("***"), "{text}");
        }
    }

    #[test]
    fn secrets_are_equal_if_their_bytes_are() {
        assert_eq!(Secret::from("a-secret"), Secret::from(b"a-secret".to_vec()));
        assert_ne!(Secret::from("a-secret"), Secret::from("b-secret"));
        assert_ne!(Secret::from("a-secret"), Secret::from("a-secret2"));
    }

    #[test]
    fn bytes_of_a_secret_outlive_the_secret() {
        let secret = Secret::from("alice-secret");
        let bytes = secret.clone().into_bytes();
        drop(secret);
        assert_eq!(&bytes[..], b"alice-secret");
    }

    #[test]
    fn a_text_that_repeats_a_secret_is_found_but_not_one_that_repeats_three_letters() {
        assert!(Secret::from("hunter2").is_in("no user has password hunter2 here"));
        assert!(!Secret::from("hunter2").is_in("no such user"));
        assert!(!Secret::from("a").is_in("a"));
        assert!(!Secret::from("").is_in("a"));
        assert!(!Secret::from(vec![0xff, 0xfe, 0xfd, 0xfc]).is_in("a"));
    }

    #[test]
    fn a_variable_that_is_not_there_is_named() {
        let failure = Secret::from_env("KP_SASL_TEST_NOT_SET").expect_err("it is not set");
        assert_eq!(failure.to_string(), "the environment variable KP_SASL_TEST_NOT_SET is not set");
        // Set for every test by cargo.
        assert_eq!(Secret::from_env("CARGO_PKG_NAME"), Ok(Secret::from("kp-sasl")));
    }
}
