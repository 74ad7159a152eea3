//! What a key of whichever dialect stands for: plain data.

use crate::Secret;

/// What a key stands for.
pub(super) enum Meaning {
    /// This key of Java's, with this value. Values may be passwords.
    Key { key: String, value: Secret },
    /// Nothing that a producer of kp's has, and nothing is lost by that.
    Without(&'static str),
    /// Something that kp cannot do, or that has to be written otherwise; to ignore it would weaken security, delivery or order.
    Refused(String),
}

impl Meaning {
    pub(super) fn key(key: &str, value: &str) -> Self {
        Self::Key { key: key.to_owned(), value: Secret::from(value) }
    }
}
