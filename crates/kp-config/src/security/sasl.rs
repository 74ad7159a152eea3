//! As whom a client authenticates, and how: plain data. By typed calls, or out of the keys (`mechanism.rs`).

use std::fmt;

use kp_sasl::{Plain, SaslFailure, Scram, ScramHash, ScramNonce, Secret, UnsecuredJwt};

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
}

/// A user and a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    user: String,
    password: Secret,
}

impl Login {
    /// These.
    #[must_use]
    pub fn new(user: impl Into<String>, password: impl Into<Secret>) -> Self {
        Self { user: user.into(), password: password.into() }
    }

    /// The user.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The password.
    #[must_use]
    pub fn password(&self) -> &Secret {
        &self.password
    }
}

/// The user alone.
impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
}

impl Sasl {
    /// `PLAIN`.
    #[must_use]
    pub fn plain(user: impl Into<String>, password: impl Into<Secret>) -> Self {
        Self::Plain(Login::new(user, password))
    }

    /// `SCRAM-SHA-256`.
    #[must_use]
    pub fn scram_sha256(user: impl Into<String>, password: impl Into<Secret>) -> Self {
        Self::scram(ScramHash::Sha256, Login::new(user, password))
    }

    /// `SCRAM-SHA-512`.
    #[must_use]
    pub fn scram_sha512(user: impl Into<String>, password: impl Into<Secret>) -> Self {
        Self::scram(ScramHash::Sha512, Login::new(user, password))
    }

    fn scram(hash: ScramHash, login: Login) -> Self {
        Self::Scram { hash, login, delegation_token: false }
    }

    /// Kafka's name of the mechanism.
    #[must_use]
    pub fn mechanism(&self) -> &'static str {
        match self {
            Self::Plain(_) => "PLAIN",
            Self::Scram { hash, .. } => hash.mechanism(),
            Self::UnsecuredTokens(_) => "OAUTHBEARER",
        }
    }

    pub(crate) fn has_tokens(&self) -> bool {
        matches!(self, Self::UnsecuredTokens(_))
    }

    /// Whether a broker could take it at all, found out now and not at the first connection.
    pub(super) fn check(&self) -> Result<(), SaslFailure> {
        match self {
            Self::Plain(login) => Plain::new(&login.user, &login.password).map(drop),
            Self::Scram { hash, login, .. } => {
                Scram::new(*hash, &login.user, &login.password, ScramNonce::fixed("checked")?).map(drop)
            }
            Self::UnsecuredTokens(_) => Ok(()),
        }
    }
}
