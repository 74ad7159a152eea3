//! A login to Amazon MSK with IAM: the form, the region, and whose key signs. Out of the keys it comes by `aws_options.rs`.
//! Never: the environment, a file, a signature; those are the producer's, at each login.

use std::{fmt, sync::Arc};

use kp_sasl::{AwsCredentialsProvider, SaslFailure};

/// A login to Amazon MSK with IAM: plain data.
///
/// ```
/// use kp_config::{MskIam, Sasl};
/// let here = Sasl::msk_iam("eu-central-1");
/// let of_profile = Sasl::MskIam(MskIam::new().profile("streams").as_token());
/// assert_eq!((here.mechanism(), of_profile.mechanism()), ("AWS_MSK_IAM", "OAUTHBEARER"));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct MskIam {
    is_token: bool,
    region: Option<String>,
    source: AwsSource,
    role: Option<AwsRole>,
}

/// Whose key signs.
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum AwsSource {
    /// The first that there is, as AWS's own libraries look: the environment, a web identity, the shared files, the endpoint
    /// of a container, that of an instance.
    #[default]
    Chain,
    /// That of a profile in the shared files, and no other.
    Profile(String),
    /// What this gives.
    Provided(Arc<dyn AwsCredentialsProvider>),
}

/// A role that is taken on with the key, at AWS's Security Token Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsRole {
    arn: String,
    session_name: String,
    external_id: Option<String>,
    sts_region: Option<String>,
}

impl MskIam {
    /// The mechanism `AWS_MSK_IAM`, with the region in the names of the brokers, and with the first key that there is.
    #[must_use]
    pub fn new() -> Self {
        Self { is_token: false, region: None, source: AwsSource::Chain, role: None }
    }

    /// The region of the cluster. Without, it is the one in the broker's name, else `AWS_REGION` or `AWS_DEFAULT_REGION`,
    /// else that of the profile.
    #[must_use]
    pub fn region(self, region: impl Into<String>) -> Self {
        Self { region: Some(region.into()), ..self }
    }

    /// The key of a profile in the files that AWS's programs share, `~/.aws/credentials` and `~/.aws/config`.
    #[must_use]
    pub fn profile(self, name: impl Into<String>) -> Self {
        Self { source: AwsSource::Profile(name.into()), ..self }
    }

    /// Keys of `provider`, which may be the SDK of AWS.
    #[must_use]
    pub fn credentials(self, provider: impl AwsCredentialsProvider + 'static) -> Self {
        Self { source: AwsSource::Provided(Arc::new(provider)), ..self }
    }

    /// A role to take on with the key.
    #[must_use]
    pub fn role(self, role: AwsRole) -> Self {
        Self { role: Some(role), ..self }
    }

    /// The same as a token of `OAUTHBEARER`.
    #[must_use]
    pub fn as_token(self) -> Self {
        Self { is_token: true, ..self }
    }

    /// # Errors
    /// The region is none: it is part of what is signed.
    pub(super) fn check(&self) -> Result<(), SaslFailure> {
        let is_legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let of_role = self.role.as_ref().and_then(AwsRole::named_sts_region);
        let is_region = |name: &str| (1..=64).contains(&name.len()) && name.bytes().all(is_legal);
        if self.region.as_deref().into_iter().chain(of_role).all(is_region) {
            return Ok(());
        }
        let problem = "is none: it has a name such as eu-central-1";
        Err(SaslFailure::BadCredential { mechanism: "AWS_MSK_IAM", what: "the region", problem })
    }

    /// Whether it is a token of `OAUTHBEARER`.
    #[must_use]
    pub fn is_token(&self) -> bool {
        self.is_token
    }

    /// The region, if it was said.
    #[must_use]
    pub fn named_region(&self) -> Option<&str> {
        self.region.as_deref()
    }

    /// Whose key signs.
    #[must_use]
    pub fn source(&self) -> &AwsSource {
        &self.source
    }

    /// The role that is taken on, if there is one.
    #[must_use]
    pub fn assumed_role(&self) -> Option<&AwsRole> {
        self.role.as_ref()
    }
}

impl Default for MskIam {
    fn default() -> Self {
        Self::new()
    }
}

/// Two providers are equal if they are one.
impl PartialEq for AwsSource {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Chain, Self::Chain) => true,
            (Self::Profile(one), Self::Profile(other)) => one == other,
            (Self::Provided(one), Self::Provided(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }
}

impl fmt::Debug for AwsSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chain => f.write_str("Chain"),
            Self::Profile(name) => f.debug_tuple("Profile").field(name).finish(),
            Self::Provided(_) => f.write_str("Provided(..)"),
        }
    }
}

impl AwsRole {
    /// The role of this name (`arn:aws:iam::<account>:role/<name>`).
    #[must_use]
    pub fn new(arn: impl Into<String>) -> Self {
        Self { arn: arn.into(), session_name: "kp".to_owned(), external_id: None, sts_region: None }
    }

    /// What the session is called in AWS's logs; `kp` unless it is said.
    #[must_use]
    pub fn session_name(self, name: impl Into<String>) -> Self {
        Self { session_name: name.into(), ..self }
    }

    /// What the owner of the role wants to be told (`sts:ExternalId`).
    #[must_use]
    pub fn external_id(self, id: impl Into<String>) -> Self {
        Self { external_id: Some(id.into()), ..self }
    }

    /// The region of the Security Token Service; that of the cluster unless it is said.
    #[must_use]
    pub fn sts_region(self, region: impl Into<String>) -> Self {
        Self { sts_region: Some(region.into()), ..self }
    }

    /// Its name.
    #[must_use]
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// What the session is called.
    #[must_use]
    pub fn session(&self) -> &str {
        &self.session_name
    }

    /// What the owner of the role is told.
    #[must_use]
    pub fn external(&self) -> Option<&str> {
        self.external_id.as_deref()
    }

    /// The region of the Security Token Service, if it was said.
    #[must_use]
    pub fn named_sts_region(&self) -> Option<&str> {
        self.sts_region.as_deref()
    }
}
