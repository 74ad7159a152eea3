//! Extensions of OAUTHBEARER (KIP-342, RFC 7628, 3.1): what a client tells the broker beside its token.

use std::collections::BTreeMap;
use std::fmt;

use super::MAX_TOKEN;
use crate::SaslFailure;

/// Names and values that go to the broker with a token, such as `logicalCluster`. `Debug` shows the names alone.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct SaslExtensions(BTreeMap<String, String>);

impl SaslExtensions {
    /// Checks names and values as Java's client does.
    ///
    /// # Errors
    /// [`SaslFailure::BadOption`]: a name is `auth` or has a character other than ASCII letters; a value is empty or
    /// has a character other than printable ASCII, tab, carriage return and line feed; or all together are longer
    /// than 64 KiB.
    pub fn new<K, V>(extensions: impl IntoIterator<Item = (K, V)>) -> Result<Self, SaslFailure>
    where
        K: Into<String>,
        V: Into<String>,
    {
        let mut checked = BTreeMap::new();
        for (name, value) in extensions {
            let (name, value) = (name.into(), value.into());
            match problem_of(&name, &value) {
                Some(problem) => return Err(SaslFailure::bad_option(name, problem)),
                None => checked.insert(name, value),
            };
        }
        let extensions = Self(checked);
        if extensions.wire_length() > MAX_TOKEN {
            return Err(SaslFailure::bad_option("the extensions of OAUTHBEARER", "are longer than 64 KiB"));
        }
        Ok(extensions)
    }

    /// Names and values, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Bytes in the message, with `=` and the separator.
    pub(super) fn wire_length(&self) -> usize {
        self.0.iter().map(|(name, value)| name.len() + value.len() + 2).sum()
    }
}

fn problem_of(name: &str, value: &str) -> Option<&'static str> {
    let is_legal = |byte: u8| matches!(byte, 0x21..=0x7e | b' ' | b'\t' | b'\r' | b'\n');
    if name == "auth" {
        return Some("is the name of the token itself");
    }
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return Some("is no name of an extension: those have ASCII letters alone");
    }
    (value.is_empty() || !value.bytes().all(is_legal))
        .then_some("has a value that is empty or not printable ASCII")
}

impl fmt::Debug for SaslExtensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
