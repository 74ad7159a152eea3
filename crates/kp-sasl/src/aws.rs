//! Credentials of AWS, for the mechanisms that sign with them instead of sending them.
//! Owns: what they are, and who gives them. Never: a signature, and where they are looked for; both are `kp-msk-iam`'s.

use std::fmt;
use std::future::ready;
use std::time::SystemTime;

use crate::{Provided, Secret};

/// A key of AWS: of a user, or of a role for a while.
///
/// ```
/// use kp_sasl::{AwsCredentials, Secret};
/// let key = AwsCredentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI").session_token(Secret::from("of the role"));
/// assert_eq!(key.access_key_id(), "AKIDEXAMPLE");
/// assert!(!format!("{key:?}").contains("wJalr"));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct AwsCredentials {
    access_key_id: String,
    secret_access_key: Secret,
    session_token: Option<Secret>,
    expires_at: Option<SystemTime>,
    place: Option<String>,
}

impl AwsCredentials {
    /// A key as AWS gave it. That of a role has a [session token](Self::session_token), too.
    #[must_use]
    pub fn new(access_key_id: impl Into<String>, secret_access_key: impl Into<Secret>) -> Self {
        Self {
            access_key_id: access_key_id.into(),
            secret_access_key: secret_access_key.into(),
            session_token: None,
            expires_at: None,
            place: None,
        }
    }

    /// The token that goes with the key of a role.
    #[must_use]
    pub fn session_token(self, token: impl Into<Secret>) -> Self {
        Self { session_token: Some(token.into()), ..self }
    }

    /// When the key ends. Until about half of its time is over, later connections may sign with it too; without, each
    /// asks its provider again.
    #[must_use]
    pub fn expires_at(self, end: SystemTime) -> Self {
        Self { expires_at: Some(end), ..self }
    }

    /// Where it was found, in words and without a secret, such as `the profile default`: for who looks into a login.
    #[must_use]
    pub fn found_in(self, place: impl Into<String>) -> Self {
        Self { place: Some(place.into()), ..self }
    }

    /// Where it was found, if who found it said.
    #[must_use]
    pub fn place(&self) -> Option<&str> {
        self.place.as_deref()
    }

    /// The name of the key, which is no secret.
    #[must_use]
    pub fn access_key_id(&self) -> &str {
        &self.access_key_id
    }

    /// What is signed with.
    #[must_use]
    pub fn secret_access_key(&self) -> &Secret {
        &self.secret_access_key
    }

    /// The session token, if there is one.
    #[must_use]
    pub fn token(&self) -> Option<&Secret> {
        self.session_token.as_ref()
    }

    /// When the key ends, if its provider said.
    #[must_use]
    pub fn end(&self) -> Option<SystemTime> {
        self.expires_at
    }
}

/// The name of the key, and when it ends.
impl fmt::Debug for AwsCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsCredentials")
            .field("access_key_id", &self.access_key_id)
            .field("is_of_a_role", &self.session_token.is_some())
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// Gives credentials of AWS whenever a connection authenticates, so that they can change while a producer runs.
///
/// Over the SDK of AWS it is one method: ask the SDK's provider, and hand on the four parts of what it gives.
///
/// It is asked on a thread for such work, one question after another; it may block there, and holds up nothing but
/// connections that wait for credentials. A future that has no answer after a minute is dropped, and asked for anew. No runtime
/// is entered there: a future that needs one spawns on its handle.
pub trait AwsCredentialsProvider: Send + Sync {
    /// Credentials that are good now.
    fn aws_credentials(&self) -> Provided<'_, AwsCredentials>;
}

/// Always these.
impl AwsCredentialsProvider for AwsCredentials {
    fn aws_credentials(&self) -> Provided<'_, AwsCredentials> {
        Box::pin(ready(Ok(self.clone())))
    }
}
