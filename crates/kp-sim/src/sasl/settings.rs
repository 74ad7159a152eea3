//! How the double authenticates its clients: plain values, filled in by the host of the double.

use std::collections::BTreeMap;
use std::time::Duration;

use kp_sasl::{MIN_ITERATIONS, ScramHash, Secret};

use super::delegation::DelegationToken;

/// A mechanism that the double speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SimMechanism {
    /// PLAIN.
    Plain,
    /// SCRAM-SHA-256.
    ScramSha256,
    /// SCRAM-SHA-512.
    ScramSha512,
    /// OAUTHBEARER with unsecured tokens, as Kafka takes them for development: the subject is the principal.
    OAuthBearer,
    /// AWS_MSK_IAM, as brokers of Amazon MSK take it. With a key of AWS, tokens of OAUTHBEARER may be signed likewise.
    AwsMskIam,
}

impl SimMechanism {
    /// All that Kafka itself has: not that of Amazon.
    pub const ALL: [Self; 4] = [Self::Plain, Self::ScramSha256, Self::ScramSha512, Self::OAuthBearer];

    /// The name on the wire (`sasl.mechanism`).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => ScramHash::Sha256.mechanism(),
            Self::ScramSha512 => ScramHash::Sha512.mechanism(),
            Self::OAuthBearer => "OAUTHBEARER",
            Self::AwsMskIam => "AWS_MSK_IAM",
        }
    }
}

/// Mechanisms and users of a cluster. Each setting names the broker key it stands for. Passwords are not in `Debug`.
///
/// ```
/// use kp_sim::{ClusterSettings, SaslSettings, SimMechanism};
/// let sasl = SaslSettings::new([SimMechanism::Plain, SimMechanism::ScramSha512]).with_user("alice", "alice-secret");
/// let settings = ClusterSettings { sasl: Some(sasl), ..ClusterSettings::default() };
/// assert!(!format!("{settings:?}").contains("alice-secret"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaslSettings {
    mechanisms: Vec<SimMechanism>,
    users: Vec<(String, Secret)>,
    /// Secret and principal of each key of AWS, by its id.
    aws_keys: BTreeMap<String, (Secret, String)>,
    /// By their ids.
    delegation_tokens: BTreeMap<String, DelegationToken>,
    max_reauth: Option<Duration>,
    failure_delay: Duration,
    iterations: u32,
}

impl SaslSettings {
    /// These mechanisms (`sasl.enabled.mechanisms`), and no user yet.
    #[must_use]
    pub fn new(mechanisms: impl IntoIterator<Item = SimMechanism>) -> Self {
        Self {
            mechanisms: mechanisms.into_iter().collect(),
            users: Vec::new(),
            aws_keys: BTreeMap::new(),
            delegation_tokens: BTreeMap::new(),
            max_reauth: None,
            failure_delay: Duration::from_millis(100),
            iterations: MIN_ITERATIONS,
        }
    }

    /// A user of PLAIN and SCRAM. Said twice, the second password counts.
    #[must_use]
    pub fn with_user(mut self, user: impl Into<String>, password: impl Into<Secret>) -> Self {
        self.set_password(&user.into(), Some(password.into()));
        self
    }

    /// A key of AWS, and whose it is. Two keys of one principal are a key that is exchanged.
    #[must_use]
    pub fn with_aws_key(
        mut self,
        id: impl Into<String>,
        secret: impl Into<Secret>,
        principal: impl Into<String>,
    ) -> Self {
        self.aws_keys.insert(id.into(), (secret.into(), principal.into()));
        self
    }

    /// A delegation token of SCRAM (KIP-48): its id, its HMAC in base64, whose it is, and when it ends, in milliseconds since
    /// the Unix epoch.
    #[must_use]
    pub fn with_delegation_token(
        mut self,
        id: &str,
        hmac: impl Into<Secret>,
        owner: impl Into<String>,
        ends_at_ms: i64,
    ) -> Self {
        self.set_delegation_token(id, Some((hmac.into(), owner.into(), ends_at_ms)));
        self
    }

    /// After how long a client must authenticate anew (`connections.max.reauth.ms`); unless it is said, never.
    #[must_use]
    pub fn with_max_reauth(self, max_reauth: Duration) -> Self {
        Self { max_reauth: Some(max_reauth), ..self }
    }

    /// How long a refusal takes (`connection.failed.authentication.delay.ms`); 100 ms unless it is said.
    #[must_use]
    pub fn with_failure_delay(self, failure_delay: Duration) -> Self {
        Self { failure_delay, ..self }
    }

    /// Iterations of SCRAM; 4096 unless it is said.
    #[must_use]
    pub fn with_iterations(self, iterations: u32) -> Self {
        Self { iterations, ..self }
    }

    pub(crate) fn set_password(&mut self, user: &str, password: Option<Secret>) {
        self.users.retain(|(known, _)| known != user);
        self.users.extend(password.map(|password| (user.to_owned(), password)));
    }

    pub(crate) fn set_aws_key(&mut self, id: &str, key: Option<(Secret, String)>) {
        self.aws_keys.remove(id);
        self.aws_keys.extend(key.map(|key| (id.to_owned(), key)));
    }

    pub(crate) fn set_delegation_token(&mut self, id: &str, token: Option<(Secret, String, i64)>) {
        self.delegation_tokens.remove(id);
        let token = token.map(|(hmac, owner, ends_at_ms)| DelegationToken { hmac, owner, ends_at_ms });
        self.delegation_tokens.extend(token.map(|token| (id.to_owned(), token)));
    }

    pub(super) fn delegation_token(&self, id: &str) -> Option<&DelegationToken> {
        self.delegation_tokens.get(id)
    }

    pub(super) fn aws_key(&self, id: &str) -> Option<(&Secret, &str)> {
        self.aws_keys.get(id).map(|(secret, principal)| (secret, principal.as_str()))
    }

    pub(super) fn password(&self, user: &str) -> Option<&Secret> {
        self.users.iter().find(|(known, _)| known == user).map(|(_, password)| password)
    }

    pub(super) fn mechanism(&self, name: &str) -> Option<SimMechanism> {
        self.mechanisms.iter().copied().find(|mechanism| mechanism.name() == name)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.mechanisms.iter().map(|mechanism| mechanism.name())
    }

    pub(super) fn max_reauth(&self) -> Option<Duration> {
        self.max_reauth
    }

    pub(super) fn failure_delay(&self) -> Duration {
        self.failure_delay
    }

    pub(super) fn iterations(&self) -> u32 {
        self.iterations
    }
}
