//! What can be wrong with a configuration, and what is only worth a word.
//! Owns: the wording. Every error names the key, the value and what is allowed; no password is ever in one.

use std::{fmt, io, path::PathBuf};

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The value does not fit the type or the range of its key.
    #[error("{key}={value}: not allowed; it takes {allowed}")]
    InvalidValue {
        /// The key.
        key: &'static str,
        /// The text that was given.
        value: String,
        /// What may stand there.
        allowed: String,
    },
    /// A key that has no default is not set.
    #[error("{key} is not set: {needed}")]
    Missing {
        /// The key.
        key: &'static str,
        /// What it is needed for.
        needed: &'static str,
    },
    /// Two or more keys contradict each other. `rule` is the number of the cross check (V1 … V10).
    #[error("{message} ({rule})")]
    Conflict {
        /// Number of the rule.
        rule: &'static str,
        /// The key to change first.
        key: &'static str,
        /// What contradicts what, and the way out.
        message: String,
    },
    /// kp knows the key, does not implement it, and ignoring it would weaken security, delivery or order.
    #[error("{key}={value}: this version of kp cannot do it, and will not ignore it: {note}")]
    NotImplemented {
        /// The key.
        key: &'static str,
        /// The value asked for; `[hidden]` for a password.
        value: String,
        /// When it comes, or what to do instead.
        note: &'static str,
    },
    /// The value needs a Cargo feature that is off in this build.
    #[error("{key}={value}: this build of kp lacks the Cargo feature `{feature}`")]
    FeatureOff {
        /// The key.
        key: &'static str,
        /// The value asked for.
        value: &'static str,
        /// The feature to turn on.
        feature: &'static str,
    },
    /// A text is not in the syntax of `.properties` files.
    #[error("not a .properties file: {problem}")]
    Syntax {
        /// What is wrong.
        problem: String,
    },
    /// Something in a text with lines: an error, and the line (counted from 1) where it stands.
    #[error("line {line}: {source}")]
    AtLine {
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        source: Box<ConfigError>,
    },
    /// Something in a file: an error, and the file.
    #[error("{}: {source}", path.display())]
    InFile {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        source: Box<ConfigError>,
    },
    /// A file cannot be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl ConfigError {
    /// The key that is wrong, if the error is about one.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::InvalidValue { key, .. }
            | Self::Missing { key, .. }
            | Self::Conflict { key, .. }
            | Self::NotImplemented { key, .. }
            | Self::FeatureOff { key, .. } => Some(key),
            Self::AtLine { source, .. } | Self::InFile { source, .. } => source.key(),
            Self::Syntax { .. } | Self::Unreadable { .. } => None,
        }
    }
}

/// Something in a configuration that takes effect otherwise than its author may think. `Display` says it in one
/// line; [`Producer`](crate) keeps them, and logs each once when it is built.
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
                write!(f, "{key}: no such key, ignored; did you mean {nearest}?")
            }
            Self::UnknownKey { key, nearest: None } => write!(f, "{key}: no such key, ignored"),
            Self::NotImplemented { key, note } => write!(f, "{key}: known, without effect here: {note}"),
            Self::JvmOnly { key, offers } => write!(f, "{key}: only a JVM can use it, ignored: {offers}"),
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
