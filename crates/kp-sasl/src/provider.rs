//! Credentials and tokens that come from elsewhere: a vault, a file, an issuer of tokens.
//! Owns: what a provider is and what it gives. Never: when one is asked; that is the caller's.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;

use crate::{SaslExtensions, Secret};

/// Why a provider has nothing to give. Its words are shown to the user; they must not hold a secret. Whatever it is, another try
/// is made later; but a [`SaslFailure`](crate::SaslFailure) with which none is of use
/// ([`is_retriable`](crate::SaslFailure::is_retriable)) is told to waiting calls at once, as a broker's refusal is.
pub type ProviderError = Box<dyn Error + Send + Sync>;

/// What a provider answers, when it is there.
pub type Provided<'a, T> = Pin<Box<dyn Future<Output = Result<T, ProviderError>> + Send + 'a>>;

/// A user and a password; or the id and the HMAC of a delegation token.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    user: String,
    password: Secret,
}

impl Credentials {
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
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Gives user and password whenever a connection needs them, so that they can change while a producer runs.
///
/// It is asked on a thread for such work, one question after another; it may block there, and holds up nothing but
/// connections that wait for credentials. A future that has no answer after a minute is dropped, and asked for anew. No runtime
/// is entered there: a future that needs one spawns on its handle. A call that blocks for ever holds its thread for ever; a
/// producer has five of them.
pub trait CredentialsProvider: Send + Sync {
    /// The newest credentials.
    fn credentials(&self) -> Provided<'_, Credentials>;
}

/// Gives the tokens of OAUTHBEARER.
///
/// It is asked on a thread for such work, one question after another; it may block there, and holds up nothing but
/// connections that wait for a token. When the connection that it is asked for is given up (its set-up took too long), that
/// call goes on, and what it gives serves later connections. A future that has no answer after a minute is dropped, and asked
/// for anew. A panic is an error. No runtime is entered there: a future that needs one spawns on its handle.
pub trait TokenProvider: Send + Sync {
    /// A token that is good now.
    fn token<'a>(&'a self, request: TokenRequest<'a>) -> Provided<'a, Token>;
}

/// One provider for many producers.
impl<P: CredentialsProvider + ?Sized> CredentialsProvider for Arc<P> {
    fn credentials(&self) -> Provided<'_, Credentials> {
        (**self).credentials()
    }
}

/// One provider for many producers.
impl<P: TokenProvider + ?Sized> TokenProvider for Arc<P> {
    fn token<'a>(&'a self, request: TokenRequest<'a>) -> Provided<'a, Token> {
        (**self).token(request)
    }
}

/// What a token is for.
#[derive(Clone, Copy, Debug)]
pub struct TokenRequest<'a> {
    host: &'a str,
    refused: Option<&'a Secret>,
}

impl<'a> TokenRequest<'a> {
    /// A token for the broker of this name.
    #[must_use]
    pub fn new(host: &'a str) -> Self {
        Self { host, refused: None }
    }

    /// The same, after a broker refused `token`.
    #[must_use]
    pub fn after_refusal_of(mut self, token: &'a Secret) -> Self {
        self.refused = Some(token);
        self
    }

    /// The token that a broker refused since a token was asked for the last time, if one did. A provider that keeps tokens
    /// should not give this one again.
    #[must_use]
    pub fn refused(&self) -> Option<&'a Secret> {
        self.refused
    }

    /// The broker's name.
    #[must_use]
    pub fn host(&self) -> &'a str {
        self.host
    }
}

/// A token of OAUTHBEARER.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    value: Secret,
    expires_at: Option<SystemTime>,
    principal: Option<String>,
    extensions: SaslExtensions,
}

impl Token {
    /// A token as its issuer gave it.
    #[must_use]
    pub fn new(value: impl Into<Secret>) -> Self {
        Self { value: value.into(), expires_at: None, principal: None, extensions: SaslExtensions::default() }
    }

    /// When it ends. Until four fifths of its rest have gone by, later connections take it too; without, each asks for
    /// a token of its own.
    #[must_use]
    pub fn expires_at(mut self, end: SystemTime) -> Self {
        self.expires_at = Some(end);
        self
    }

    /// As whom it authenticates, for what is shown to people; brokers find that out themselves.
    #[must_use]
    pub fn principal(mut self, name: impl Into<String>) -> Self {
        self.principal = Some(name.into());
        self
    }

    /// Extensions for the broker (KIP-342).
    #[must_use]
    pub fn extensions(mut self, extensions: SaslExtensions) -> Self {
        self.extensions = extensions;
        self
    }

    /// The token itself.
    #[must_use]
    pub fn value(&self) -> &Secret {
        &self.value
    }

    /// When it ends, if its provider said.
    #[must_use]
    pub fn end(&self) -> Option<SystemTime> {
        self.expires_at
    }

    /// As whom it authenticates, if its provider said.
    #[must_use]
    pub fn of_principal(&self) -> Option<&str> {
        self.principal.as_deref()
    }

    /// What goes to the broker beside it.
    #[must_use]
    pub fn sent_beside(&self) -> &SaslExtensions {
        &self.extensions
    }
}
