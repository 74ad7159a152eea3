//! What is legal in a configuration and deserves a warning.
//! Owns: the wording; no password is ever in it.

use kp_protocol::text::shown;
use std::fmt;

/// Something in a configuration that takes effect otherwise than its author may think. `Display` says it in one
/// line; a producer keeps them, and logs each once when it is built.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigWarning {
    /// No such key. Java hands it to plug-ins; kp ignores it.
    UnknownKey {
        /// The key as it was given.
        key: String,
        /// The known key that is nearest to it, if one is near.
        nearest: Option<&'static str>,
    },
    /// kp knows the key and does not act on the value that was given.
    NotImplemented {
        /// The key.
        key: &'static str,
        /// What kp does in its place, and when the key comes.
        note: &'static str,
    },
    /// The key names something that only a JVM has.
    JvmOnly {
        /// The key as it was given (it may carry an alias).
        key: String,
        /// What kp offers in its place.
        offers: &'static str,
    },
    /// The key is one that newer Java clients no longer have.
    Gone {
        /// The key.
        key: &'static str,
        /// What replaced it.
        replaced_by: &'static str,
    },
    /// The key is set, and nothing that is configured looks at it.
    NoEffect {
        /// The key.
        key: &'static str,
        /// Why.
        because: &'static str,
    },
    /// kp runs with another value than the one that is set or the default.
    Adjusted {
        /// The key.
        key: &'static str,
        /// The value that takes effect.
        to: String,
        /// Why.
        because: String,
    },
    /// A promise that the defaults give does not hold in this configuration: no duplicates, order, or knowledge
    /// of the outcome.
    PromiseGivenUp {
        /// The key that decides.
        key: &'static str,
        /// What is lost, because of what, and the way back.
        message: String,
    },
    /// Legal, and hardly meant.
    Odd {
        /// The key.
        key: &'static str,
        /// What follows from it.
        message: String,
    },
}

impl ConfigWarning {
    /// The key the warning is about.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::UnknownKey { key, .. } | Self::JvmOnly { key, .. } => key,
            Self::NotImplemented { key, .. }
            | Self::Gone { key, .. }
            | Self::NoEffect { key, .. }
            | Self::Adjusted { key, .. }
            | Self::PromiseGivenUp { key, .. }
            | Self::Odd { key, .. } => key,
        }
    }
}

impl fmt::Display for ConfigWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownKey { key, nearest: Some(nearest) } => {
                write!(f, "{}: no such key, ignored; did you mean {nearest}?", shown(key))
            }
            Self::UnknownKey { key, nearest: None } => write!(f, "{}: no such key, ignored", shown(key)),
            Self::NotImplemented { key, note } => write!(f, "{key}: known, without effect here: {note}"),
            Self::JvmOnly { key, offers } => {
                write!(f, "{}: only a JVM can use it, ignored: {offers}", shown(key))
            }
            Self::Gone { key, replaced_by } => {
                write!(f, "{key}: a key of older clients, ignored: {replaced_by}")
            }
            Self::NoEffect { key, because } => write!(f, "{key}: has no effect: {because}"),
            Self::Adjusted { key, to, because } => write!(f, "{key}: taken as {to}: {because}"),
            Self::PromiseGivenUp { message, .. } => f.write_str(message),
            Self::Odd { key, message } => write!(f, "{key}: {message}"),
        }
    }
}
