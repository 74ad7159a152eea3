//! As whom a client authenticates, and how: plain data. By typed calls, or out of the keys (`mechanism.rs`).

use std::{fmt, sync::Arc};

use super::kerberos::Kerberos;
use super::msk_iam::MskIam;
use kp_sasl::{
    Credentials, CredentialsProvider, Plain, SaslFailure, Scram, ScramHash, ScramNonce, Secret,
    TokenProvider, UnsecuredJwt,
};

/// How a client proves who it is, and with what. No secret is in its `Debug`.
///
/// ```
/// use kp_config::{ProducerConfig, Sasl, Secret, Security};
/// let config = ProducerConfig::default()
///     .bootstrap_servers("localhost:9092")
///     .security(Security::plaintext())
///     .sasl(Sasl::scram_sha512("alice", Secret::from("alice-secret")));
/// assert!(!format!("{config:?}").contains("alice-secret"));
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Sasl {
    /// `PLAIN`: the password goes to the broker as it is.
    Plain(Login),
    /// `SCRAM-SHA-256` or `SCRAM-SHA-512`: both ends prove that they know the password, and neither sends it.
    Scram {
        /// Which of the two.
        hash: ScramHash,
        /// User and password, or the id and the HMAC of a delegation token.
        login: Login,
        /// Whether it is a delegation token (KIP-48, `tokenauth=true`).
        delegation_token: bool,
    },
    /// `OAUTHBEARER` with tokens that prove nothing: for tests and for development.
    UnsecuredTokens(UnsecuredJwt),
    /// `OAUTHBEARER` with tokens of a provider.
    Tokens(TokenSource),
    /// `AWS_MSK_IAM`, or `OAUTHBEARER` with tokens that are signed likewise: credentials of AWS, for brokers of Amazon MSK.
    MskIam(MskIam),
    /// `GSSAPI`: Kerberos.
    Kerberos(Kerberos),
}

/// User and password: these, or whatever a provider gives at the time.
#[derive(Clone)]
#[non_exhaustive]
pub enum Login {
    /// These.
    Fixed(Credentials),
    /// Asked for by each connection.
    Provided(Arc<dyn CredentialsProvider>),
}

/// Two providers are equal if they are one.
impl PartialEq for Login {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Fixed(one), Self::Fixed(other)) => one == other,
            (Self::Provided(one), Self::Provided(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(credentials) => credentials.fmt(f),
            Self::Provided(_) => f.write_str("Provided(..)"),
        }
    }
}

/// Where tokens come from.
#[derive(Clone)]
pub struct TokenSource(Arc<dyn TokenProvider>);

impl TokenSource {
    /// Who gives them.
    #[must_use]
    pub fn provider(&self) -> &Arc<dyn TokenProvider> {
        &self.0
    }
}

/// Two sources are equal if they are one.
impl PartialEq for TokenSource {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenSource(..)")
    }
}

impl Sasl {
    /// `PLAIN`.
    #[must_use]
    pub fn plain(user: impl Into<String>, password: impl Into<Secret>) -> Self {
        Self::Plain(Login::Fixed(Credentials::new(user, password)))
    }

    /// `SCRAM-SHA-256`.
    #[must_use]
    pub fn scram_sha256(user: impl Into<String>, password: impl Into<Secret>) -> Self {
        Self::scram(ScramHash::Sha256, Login::Fixed(Credentials::new(user, password)))
    }

    /// `SCRAM-SHA-512`.
    #[must_use]
    pub fn scram_sha512(user: impl Into<String>, password: impl Into<Secret>) -> Self {
        Self::scram(ScramHash::Sha512, Login::Fixed(Credentials::new(user, password)))
    }

    /// `PLAIN`, with credentials that can change.
    #[must_use]
    pub fn plain_from(provider: impl CredentialsProvider + 'static) -> Self {
        Self::Plain(Login::Provided(Arc::new(provider)))
    }

    /// `SCRAM-SHA-256` or `SCRAM-SHA-512`, with credentials that can change.
    #[must_use]
    pub fn scram_from(hash: ScramHash, provider: impl CredentialsProvider + 'static) -> Self {
        Self::scram(hash, Login::Provided(Arc::new(provider)))
    }

    /// `OAUTHBEARER`, with tokens of `provider`.
    #[must_use]
    pub fn oauth(provider: impl TokenProvider + 'static) -> Self {
        Self::Tokens(TokenSource(Arc::new(provider)))
    }

    /// `AWS_MSK_IAM` for a cluster of Amazon MSK in `region`, with the first key of AWS that there is. For another key, or for
    /// `OAUTHBEARER`, see [`MskIam`].
    #[must_use]
    pub fn msk_iam(region: impl Into<String>) -> Self {
        Self::MskIam(MskIam::new().region(region))
    }

    fn scram(hash: ScramHash, login: Login) -> Self {
        Self::Scram { hash, login, delegation_token: false }
    }

    /// `GSSAPI`: Kerberos.
    #[must_use]
    pub fn kerberos(kerberos: Kerberos) -> Self {
        Self::Kerberos(kerberos)
    }

    /// Kafka's name of the mechanism.
    #[must_use]
    pub fn mechanism(&self) -> &'static str {
        match self {
            Self::Plain(_) => "PLAIN",
            Self::Kerberos(_) => "GSSAPI",
            Self::Scram { hash, .. } => hash.mechanism(),
            Self::MskIam(iam) if !iam.is_token() => "AWS_MSK_IAM",
            Self::UnsecuredTokens(_) | Self::Tokens(_) | Self::MskIam(_) => "OAUTHBEARER",
        }
    }

    pub(crate) fn has_tokens(&self) -> bool {
        matches!(self, Self::UnsecuredTokens(_) | Self::Tokens(_))
    }

    /// Whether a broker could take it at all, found out now and not at the first connection.
    pub(super) fn check(&self) -> Result<(), SaslFailure> {
        match self {
            Self::Plain(Login::Fixed(who)) => Plain::new(who.user(), who.password()).map(drop),
            Self::Scram { hash, login: Login::Fixed(who), .. } => {
                Scram::new(*hash, who.user(), who.password(), ScramNonce::fixed("checked")?).map(drop)
            }
            Self::MskIam(iam) => iam.check(),
            // What a provider gives is looked at when it gives it.
            Self::Plain(Login::Provided(_))
            | Self::Scram { .. }
            | Self::UnsecuredTokens(_)
            | Self::Tokens(_) => Ok(()),
            Self::Kerberos(kerberos) => kerberos.check(),
        }
    }
}
