//! Why there is no token. Owns: its words, each on one line. Never: a secret, a token, an assertion.

use std::path::PathBuf;

use kp_http::HttpError;
use kp_protocol::text::shown;
use kp_sasl::SaslFailure;

use crate::moment;

/// Why an endpoint or a file gave no token. `place` is the endpoint, as `https://host/path`.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum OidcError {
    /// There was no answer, or the URL cannot be used.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The endpoint answered with a status that is no success.
    #[error("{place} refused to give a token: {status}{}", reason(error, description))]
    Refused {
        /// The endpoint.
        place: String,
        /// The status of HTTP.
        status: u16,
        /// Its `error`, cut and made harmless; empty if there is none.
        error: String,
        /// Its `error_description`, cut and made harmless; empty if there is none.
        description: String,
    },
    /// The endpoint's answer has no token in it that could be used.
    #[error("the answer of {place} has no token to use: {problem}")]
    BadAnswer {
        /// The endpoint, or the file.
        place: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The token is none, or none for Kafka.
    #[error("{place}: {failure}")]
    BadToken {
        /// The endpoint, or the file.
        place: String,
        /// What is wrong with it.
        failure: SaslFailure,
    },
    /// The token has ended already.
    #[error(
        "the token of {place} ended at {}, and this machine's clock says {}{}",
        moment::shown(*ended), moment::shown(*now), other_clock(date)
    )]
    Expired {
        /// The endpoint, or the file.
        place: String,
        /// When it ended, in milliseconds since the epoch.
        ended: i64,
        /// The clock of this machine.
        now: i64,
        /// The endpoint's clock, as it says it itself; empty if it does not.
        date: String,
    },
    /// A file cannot be used.
    #[error("{key}: {}: {cause}", shown(&path.display().to_string()))]
    File {
        /// The key that names it.
        key: &'static str,
        /// Its path.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// An assertion cannot be made.
    #[error("sasl.oauthbearer.assertion: {0}")]
    Assertion(String),
    /// The provider of the id and the secret gave none.
    #[error("there are no credentials to ask {place} with: {cause}")]
    Credentials {
        /// The endpoint.
        place: String,
        /// Why.
        cause: String,
    },
}

fn reason(error: &str, description: &str) -> String {
    match (error, description) {
        ("", "") => String::new(),
        (one, "") | ("", one) => format!(", {one}"),
        (error, description) => format!(", {error}: {description}"),
    }
}

fn other_clock(date: &str) -> String {
    if date.is_empty() { String::new() } else { format!(" (the endpoint's says {date})") }
}

impl OidcError {
    /// Whether the same request may have a token for an answer a little later.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::Http(error) => error.is_retriable(),
            // Java's list: what it is not retried for.
            Self::Refused { status, .. } => !matches!(status, 400..=407 | 409..=415 | 501 | 505),
            Self::BadAnswer { .. }
            | Self::BadToken { .. }
            | Self::Expired { .. }
            | Self::File { .. }
            | Self::Assertion(_)
            | Self::Credentials { .. } => false,
        }
    }
}

/// For the connection that wants the token: whether another try is of use stays known.
impl From<OidcError> for SaslFailure {
    fn from(error: OidcError) -> Self {
        let is_retriable = error.is_retriable();
        Self::LoginFailed { mechanism: "OAUTHBEARER", problem: error.to_string(), is_retriable }
    }
}
