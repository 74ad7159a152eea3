//! A provider of tokens that asks an endpoint, or reads a file.
//! Owns: what is asked, and whether it is asked again. Never: a token that is kept; when the next one is due is the caller's.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use kp_config::{Login, Oidc, OidcGrant};
use kp_http::{HttpClient, HttpUrl};
use kp_protocol::text::shown;
use kp_sasl::{Credentials, Provided, SaslFailure, Token, TokenProvider, TokenRequest};
use kp_time::ParkedThread;
use rustls::crypto::CryptoProvider;

use crate::answer::Came;
use crate::request::Asking;
use crate::{OidcError, Time, assertion, small_file};

const URL: &str = "sasl.oauthbearer.token.endpoint.url";

/// The tokens of one login. Each question is a request, or several until one is answered.
pub struct OidcTokens {
    oidc: Oidc,
    endpoint: Option<HttpUrl>,
    http: HttpClient,
    provider: Option<Arc<CryptoProvider>>,
    time: Time,
}

impl OidcTokens {
    /// Tokens as `oidc` says. `http` knows whom to believe and through which proxy to go; the limits and whether plain `http`
    /// is allowed are those of `oidc`. `provider` signs assertions.
    ///
    /// # Errors
    /// The URL cannot be used. Nothing is sent and no file is read yet.
    pub fn new(
        oidc: Oidc,
        http: HttpClient,
        provider: Option<Arc<CryptoProvider>>,
        time: Time,
    ) -> Result<Self, OidcError> {
        let limits = oidc.time_limits();
        let http = http
            .deadline(limits.exchange)
            .connect_limit(limits.connect)
            .http_to_others(oidc.is_http_allowed());
        let endpoint = match oidc.grant() {
            OidcGrant::File(_) => None,
            _ => {
                let url = HttpUrl::parse(oidc.endpoint())?;
                http.check(&url)?;
                Some(url)
            }
        };
        Ok(Self { oidc, endpoint, http, provider, time })
    }

    /// Whether each question is cheap: a file is read, and nothing is sent.
    #[must_use]
    pub fn is_file(&self) -> bool {
        self.endpoint.is_none()
    }

    /// A token. Blocks until there is one, or until no further request is begun.
    ///
    /// # Errors
    /// Of the last request.
    pub fn ask(&self) -> Result<Token, OidcError> {
        let limits = self.oidc.time_limits();
        let begun = self.time.clock().now();
        let mut backoff = limits.retry_backoff;
        loop {
            let error = match self.ask_once() {
                Err(error) if error.is_retriable() => error,
                settled => return settled,
            };
            let gone = self.time.clock().now().saturating_duration_since(begun);
            let wait = backoff.min(limits.retry_total.saturating_sub(gone));
            if wait.is_zero() {
                return Err(error);
            }
            self.time.pause(wait);
            backoff = backoff.saturating_mul(2).min(Duration::from_secs(3600));
        }
    }

    fn ask_once(&self) -> Result<Token, OidcError> {
        let now = self.time.clock().timestamp_ms();
        let Some(url) = &self.endpoint else { return self.read(now) };
        let place = url.to_string();
        let asking = self.asking(url, now)?;
        let answer = self.http.send(&asking.request)?;
        let came = Came { oidc: &self.oidc, place: &place, now: self.time.clock().timestamp_ms() };
        came.in_answer(&answer, |text| asking.is_secret_in(text))
    }

    fn asking(&self, url: &HttpUrl, now: i64) -> Result<Asking, OidcError> {
        let scope = self.oidc.asked_scope();
        let assertion = |assertion| assertion::made(assertion, self.provider.as_ref(), now);
        Ok(match self.oidc.grant() {
            OidcGrant::ClientSecret { client, is_encoded } => {
                Asking::with_secret(url, &credentials(client, url)?, *is_encoded, scope)
            }
            OidcGrant::ClientAssertion { id, assertion: from } => {
                Asking::with_assertion(url, id.as_deref(), assertion(from)?, scope)
            }
            OidcGrant::JwtBearer(from) => Asking::for_assertion(url, assertion(from)?, scope),
            _ => return Err(OidcError::Assertion("this version knows no such grant".into())),
        })
    }

    /// The file that holds a token.
    fn read(&self, now: i64) -> Result<Token, OidcError> {
        let OidcGrant::File(path) = self.oidc.grant() else {
            return Err(OidcError::Assertion("this version knows no such grant".into()));
        };
        let token = small_file::trimmed(URL, path)?;
        let place = shown(&path.display().to_string()).to_string();
        Came { oidc: &self.oidc, place: &place, now }.checked(token, None, String::new())
    }
}

/// The id and the secret, those of now.
fn credentials(login: &Login, url: &HttpUrl) -> Result<Credentials, OidcError> {
    let failed = |cause: String| OidcError::Credentials { place: url.to_string(), cause };
    match login {
        Login::Fixed(credentials) => Ok(credentials.clone()),
        Login::Provided(provider) => {
            let given = blocked_on(provider.credentials());
            given.map_err(|error| failed(shown(&error.to_string()).to_string()))
        }
        _ => Err(failed("this version knows no such login".into())),
    }
}

/// Drives a future to its end on this thread.
fn blocked_on<T>(mut future: Provided<'_, T>) -> Result<T, kp_sasl::ProviderError> {
    let sleeper = ParkedThread::current();
    let waker = Waker::from(Arc::clone(&sleeper));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(given) => return given,
            Poll::Pending => sleeper.park(),
        }
    }
}

impl TokenProvider for OidcTokens {
    /// Blocks inside of the first poll.
    fn token<'a>(&'a self, _: TokenRequest<'a>) -> Provided<'a, Token> {
        Box::pin(async { Ok(self.ask().map_err(SaslFailure::from)?) })
    }
}

impl fmt::Debug for OidcTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OidcTokens")
            .field("oidc", &self.oidc)
            .field("http", &self.http)
            .finish_non_exhaustive()
    }
}
