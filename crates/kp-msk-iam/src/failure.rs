//! Why there are no credentials of AWS. Owns: the words. No secret, and no raw text of an endpoint, is ever in them.

use std::path::PathBuf;

/// Why there are none, or none that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AwsFailure {
    /// No source has any.
    #[error("no credentials of AWS: {}", looked_at.join("; "))]
    NothingFound {
        /// What each source said.
        looked_at: Vec<String>,
    },
    /// A part is missing.
    #[error("{place} has no {missing}")]
    Incomplete {
        /// Where the rest is.
        place: String,
        /// The part.
        missing: &'static str,
    },
    /// A file cannot be read.
    #[error("{}: {problem}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// A profile has its credentials from where kp does not fetch them.
    #[error(
        "the profile {profile} has its credentials by {by}, which kp does not do: hand an AwsCredentialsProvider in \
         (MskIam::credentials), or name another profile"
    )]
    OtherWay {
        /// The profile.
        profile: String,
        /// The option that says so.
        by: &'static str,
    },
    /// An endpoint gave none.
    #[error("{what}: {problem}")]
    Endpoint {
        /// Which endpoint, in a few words.
        what: &'static str,
        /// Why.
        problem: String,
    },
    /// No region was said, and none is in the broker's name.
    #[error(
        "no region: {host} is no broker of Amazon MSK by its name, and neither AWS_REGION nor AWS_DEFAULT_REGION is set \
         (Sasl::msk_iam says one)"
    )]
    NoRegion {
        /// The broker's name.
        host: String,
    },
}
