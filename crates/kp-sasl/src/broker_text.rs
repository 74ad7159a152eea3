//! Texts that a broker chose.
//! Owns: that they are short, on one line, and repeat no secret. Every text of a broker in a failure went through
//! here.

use std::fmt;

use kp_protocol::text::shown;

/// What stands in place of a text that repeats a secret.
const WITHHELD: &str = "(withheld: the broker's text repeats a secret)";

/// Sentences of Kafka's brokers, shown even if the password is a word of them: to withhold them would tell that it
/// is.
const KAFKAS_OWN: [&str; 2] = [
    "Authentication failed: Invalid username or password",
    "Authentication failed during authentication due to invalid credentials with SASL mechanism ",
];

/// A text that a broker sent, fit to be shown: at most 500 characters on one line, control characters escaped, and
/// without the secret that was sent to that broker.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct BrokerText(String);

impl BrokerText {
    /// `text` as it may be shown; `is_secret_in` tells whether a text repeats a secret.
    pub(crate) fn new(text: &str, is_secret_in: impl Fn(&str) -> bool) -> Self {
        if is_secret_in(text) { Self(WITHHELD.to_owned()) } else { Self(shown(text).to_string()) }
    }

    /// The broker's words about the mechanism of this name, which was refused.
    pub(crate) fn about(mechanism: &str, text: &str, is_secret_in: impl Fn(&str) -> bool) -> Self {
        let [sentence, beginning] = KAFKAS_OWN;
        if text == sentence || text.strip_prefix(beginning) == Some(mechanism) {
            return Self(text.to_owned());
        }
        Self::new(text, is_secret_in)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BrokerText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for BrokerText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
