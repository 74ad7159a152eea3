//! Credentials that a program holds itself, and can change while connections live.

use super::SaslProvider;
use kp_sasl::{
    DEFAULT_MAX_ITERATIONS, OAuthBearer, Plain, SaslExtensions, SaslFailure, SaslMechanism, Scram, ScramHash,
    ScramKeyCache, ScramKeys, ScramNonce, Secret, Worked,
};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What a client authenticates with. Secrets are not in its `Debug`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SaslCredentials {
    /// PLAIN.
    Plain {
        /// The user.
        user: String,
        /// Goes to the broker as it is.
        password: Secret,
    },
    /// SCRAM.
    Scram {
        /// SCRAM-SHA-256 or SCRAM-SHA-512.
        hash: ScramHash,
        /// The user, or the id of a delegation token.
        user: String,
        /// The password, or the HMAC of the token.
        password: Secret,
        /// Whether it is a delegation token (`tokenauth=true`).
        is_token: bool,
        /// The most iterations that a broker may ask for (`kp.scram.max.iterations`).
        max_iterations: u32,
    },
    /// OAUTHBEARER with a token that the program brings.
    OAuthBearer {
        /// The token.
        token: Secret,
        /// Extensions for the broker (KIP-342).
        extensions: SaslExtensions,
    },
}

impl SaslCredentials {
    /// PLAIN.
    #[must_use]
    pub fn plain(user: impl Into<String>, password: Secret) -> Self {
        Self::Plain { user: user.into(), password }
    }

    /// SCRAM with a password, and the default limit of iterations.
    #[must_use]
    pub fn scram(hash: ScramHash, user: impl Into<String>, password: Secret) -> Self {
        let max_iterations = DEFAULT_MAX_ITERATIONS;
        Self::Scram { hash, user: user.into(), password, is_token: false, max_iterations }
    }

    /// OAUTHBEARER with a token, and no extensions.
    #[must_use]
    pub fn oauth_bearer(token: Secret) -> Self {
        Self::OAuthBearer { token, extensions: SaslExtensions::default() }
    }

    /// A mechanism for one exchange; SCRAM finds its keys in `known` if they are there.
    fn mechanism(&self, known: &ScramKeyCache) -> Result<Box<dyn SaslMechanism>, SaslFailure> {
        Ok(match self {
            Self::Plain { user, password } => Box::new(Plain::new(user, password)?),
            Self::Scram { hash, user, password, is_token, max_iterations } => {
                let scram = Scram::new(*hash, user, password, ScramNonce::random()?)?;
                let scram = scram.max_iterations(*max_iterations).known_keys(known);
                Box::new(if *is_token { scram.with_delegation_token() } else { scram })
            }
            Self::OAuthBearer { token, extensions } => {
                Box::new(OAuthBearer::new(token)?.extensions(extensions.clone()))
            }
        })
    }
}

/// Credentials for all connections of a client. Keys of SCRAM are derived once for a cluster, not once for a
/// connection.
///
/// ```
/// use kp_network::{NetworkSettings, SaslCredentials, SaslLogin, ScramHash, Secret};
/// use std::sync::Arc;
/// let alice = SaslCredentials::scram(ScramHash::Sha512, "alice", Secret::from("alice-secret"));
/// let login = Arc::new(SaslLogin::new(alice)?);
/// let mut settings = NetworkSettings::default();
/// settings.sasl = Some(login.clone());
/// // Later connections take these; open ones live on.
/// login.replace(SaslCredentials::plain("alice", Secret::from("another")))?;
/// # Ok::<(), kp_network::SaslFailure>(())
/// ```
#[derive(Debug)]
pub struct SaslLogin(Mutex<Known>);

#[derive(Debug)]
struct Known {
    credentials: SaslCredentials,
    keys: ScramKeyCache,
}

impl SaslLogin {
    /// A login with these credentials.
    ///
    /// # Errors
    /// [`SaslFailure::BadCredential`] for credentials that no broker can take; no random bytes for a nonce.
    pub fn new(credentials: SaslCredentials) -> Result<Self, SaslFailure> {
        let keys = ScramKeyCache::default();
        credentials.mechanism(&keys)?;
        Ok(Self(Mutex::new(Known { credentials, keys })))
    }

    /// Exchanges that begin from now on show these credentials.
    ///
    /// # Errors
    /// As [`new`](Self::new); then the earlier credentials stay.
    pub fn replace(&self, credentials: SaslCredentials) -> Result<(), SaslFailure> {
        let mut known = self.lock();
        credentials.mechanism(&known.keys)?;
        known.credentials = credentials;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SaslProvider for SaslLogin {
    fn begin(&self, _host: &str) -> Result<Box<dyn SaslMechanism>, SaslFailure> {
        let known = self.lock();
        known.credentials.mechanism(&known.keys)
    }

    fn worked(&self, worked: &Worked) {
        if let Some(keys) = worked.result::<ScramKeys>() {
            self.lock().keys.keep(keys.clone());
        }
    }
}
