//! IAM of Amazon MSK, out of typed calls or out of keys: the form, the region, and whose key signs.
//! Owns: the options of AWS's login module. Never: the environment, a file, a signature; those are the producer's, at each login.

use std::{fmt, sync::Arc};

use kp_protocol::text::shown;
use kp_sasl::{AwsCredentials, AwsCredentialsProvider, SaslFailure, Secret};

use super::login::Module;
use crate::{ConfigError, ProducerConfig, jaas::JaasEntry};

const JAAS: &str = "sasl.jaas.config";
/// Options that count for a role alone.
const OF_A_ROLE: [&str; 6] = [
    "awsRoleSessionName",
    "awsRoleExternalId",
    "awsRoleAccessKeyId",
    "awsRoleSecretAccessKey",
    "awsRoleSessionToken",
    "awsStsRegion",
];
/// Options that change nothing about who logs in: how often Java asks again, what it logs; and where it looks on when what was
/// named is not there, which kp does not.
const WITHOUT_MEANING: [&str; 4] =
    ["awsMaxRetries", "awsMaxBackOffTimeMs", "awsDebugCreds", "awsAddDefaultProviders"];

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

impl ProducerConfig {
    /// `AWS_MSK_IAM` with the login module of AWS. As in Java it may have options, and needs none.
    pub(super) fn msk_iam(&self) -> Result<MskIam, ConfigError> {
        self.only_handlers_of_aws()?;
        match self.jaas(&[Module::MskIam], "AWS_MSK_IAM")? {
            Some((_, line)) => of_options(&line),
            None => Ok(MskIam::new()),
        }
    }

    /// `OAUTHBEARER` with AWS's handler: the options stand in Kafka's login module.
    pub(super) fn msk_iam_token(&self) -> Result<MskIam, ConfigError> {
        self.only_handlers_of_aws()?;
        let iam = match self.jaas(&[Module::OAuthBearer], "OAUTHBEARER")? {
            Some((_, line)) => of_options(&line)?,
            None => MskIam::new(),
        };
        Ok(iam.as_token())
    }

    /// Whether tokens of `OAUTHBEARER` come from AWS's handler.
    pub(super) fn has_handler_of_aws(&self) -> bool {
        let handler = self.text("sasl.login.callback.handler.class").unwrap_or_default();
        handler.rsplit('.').next() == Some("IAMOAuthBearerLoginCallbackHandler")
    }

    /// AWS names its own classes in both keys.
    fn only_handlers_of_aws(&self) -> Result<(), ConfigError> {
        const OF_AWS: [&str; 2] = ["IAMClientCallbackHandler", "IAMOAuthBearerLoginCallbackHandler"];
        let keys =
            ["sasl.client.callback.handler.class", "sasl.login.callback.handler.class", "sasl.login.class"];
        for key in keys {
            let class = self.text(key).unwrap_or_default();
            let name = class.rsplit('.').next().unwrap_or_default();
            if !name.is_empty() && !OF_AWS.contains(&name) {
                let note = "hand an AwsCredentialsProvider to ProducerConfig::sasl (MskIam::credentials)";
                return Err(ConfigError::NotImplemented { key, value: class, note });
            }
        }
        Ok(())
    }
}

fn of_options(line: &JaasEntry) -> Result<MskIam, ConfigError> {
    let is_off = |value: &Secret| value.expose() != b"true";
    let is_known = |name: &str, value: &Secret| match name {
        "awsProfileName" | "awsRoleArn" => true,
        "awsShouldUseFips" => is_off(value),
        _ => OF_A_ROLE.contains(&name) || WITHOUT_MEANING.contains(&name),
    };
    // Others are not AWS's, whose handler looks at its own options alone.
    if let Some((name, _)) =
        line.options().find(|(name, value)| name.starts_with("aws") && !is_known(name, value))
    {
        return Err(bad(format!("has the option {}, which kp cannot heed", shown(name))));
    }
    let iam = MskIam::new();
    match (text(line, "awsProfileName")?, role_of(line)?) {
        (None, None) => Ok(iam),
        (Some(profile), None) => Ok(iam.profile(profile)),
        (None, Some(role)) => Ok(match key_of_role(line)? {
            Some(key) => iam.credentials(key).role(role),
            None => iam.role(role),
        }),
        (Some(_), Some(_)) => Err(bad(
            "has awsProfileName and awsRoleArn, of which Java would take the profile's own key: leave one out".to_owned(),
        )),
    }
}

fn role_of(line: &JaasEntry) -> Result<Option<AwsRole>, ConfigError> {
    let Some(arn) = text(line, "awsRoleArn")? else {
        // The region of the role's service says nothing about who logs in.
        let lonely = OF_A_ROLE.iter().find(|name| **name != "awsStsRegion" && line.option(name).is_some());
        return match lonely {
            Some(name) => Err(bad(format!("has the option {name}, and no awsRoleArn"))),
            None => Ok(None),
        };
    };
    let mut role = AwsRole::new(arn);
    if let Some(name) = text(line, "awsRoleSessionName")? {
        role = role.session_name(name);
    }
    if let Some(id) = text(line, "awsRoleExternalId")? {
        role = role.external_id(id);
    }
    if let Some(region) = text(line, "awsStsRegion")? {
        role = role.sts_region(region);
    }
    Ok(Some(role))
}

/// The key to take the role on with, if the line has it.
fn key_of_role(line: &JaasEntry) -> Result<Option<AwsCredentials>, ConfigError> {
    match (text(line, "awsRoleAccessKeyId")?, line.option("awsRoleSecretAccessKey")) {
        (None, None) => Ok(None),
        (Some(id), Some(secret)) => {
            let key = AwsCredentials::new(id, secret.clone());
            Ok(Some(match line.option("awsRoleSessionToken") {
                Some(token) => key.session_token(token.clone()),
                None => key,
            }))
        }
        _ => {
            Err(bad("has one of awsRoleAccessKeyId and awsRoleSecretAccessKey without the other".to_owned()))
        }
    }
}

fn text(line: &JaasEntry, name: &str) -> Result<Option<String>, ConfigError> {
    match line.option(name).map(Secret::expose_text) {
        None => Ok(None),
        Some(Some(text)) if !text.is_empty() => Ok(Some(text.to_owned())),
        Some(_) => Err(bad(format!("has an option {name} without a value"))),
    }
}

fn bad(problem: String) -> ConfigError {
    ConfigError::credential(JAAS, problem)
}
