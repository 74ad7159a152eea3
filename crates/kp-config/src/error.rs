//! What can be wrong with a configuration.
//! Owns: the wording. Every error names the key, the value and what is allowed; no password is ever in one.

use kp_protocol::text::shown;
use std::{io, path::PathBuf};

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The value does not fit the type or the range of its key.
    #[error("{key}={}: not allowed; it takes {allowed}", shown(value))]
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
    /// Two or more keys contradict each other. `rule` is the number of the cross check (V1 … V11).
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
    #[error("{key}={}: this version of kp cannot do it, and will not ignore it: {note}", shown(value))]
    NotImplemented {
        /// The key.
        key: &'static str,
        /// The value asked for; `[hidden]` for a password.
        value: String,
        /// When it comes, or what to do instead.
        note: &'static str,
    },
    /// Credentials that cannot be read, or that no broker can take. No part of a secret is in the text.
    #[error("{key}: {problem}")]
    Credential {
        /// The key that has them.
        key: &'static str,
        /// What is wrong with them.
        problem: String,
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
    /// Several lines of a text are wrong, each for itself; in the order of the text.
    #[error("{} lines are refused: {}", errors.len(), joined(errors))]
    Several {
        /// What is wrong, line by line.
        errors: Vec<ConfigError>,
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
    pub(crate) fn conflict(rule: &'static str, key: &'static str, message: String) -> Self {
        Self::Conflict { rule, key, message }
    }

    pub(crate) fn credential(key: &'static str, problem: String) -> Self {
        Self::Credential { key, problem }
    }

    /// The key that is wrong, if the error is about one; of several the first.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::InvalidValue { key, .. }
            | Self::Missing { key, .. }
            | Self::Conflict { key, .. }
            | Self::NotImplemented { key, .. }
            | Self::Credential { key, .. }
            | Self::FeatureOff { key, .. } => Some(key),
            Self::AtLine { source, .. } | Self::InFile { source, .. } => source.key(),
            Self::Several { errors } => errors.first().and_then(Self::key),
            Self::Syntax { .. } | Self::Unreadable { .. } => None,
        }
    }
}

fn joined(errors: &[ConfigError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
