//! An endpoint that gives the answers of a list, one to each connection, and keeps what it was asked.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kp_config::{Oidc, OidcLimits};
use kp_http::HttpClient;
use kp_oauth::{OidcError, OidcTokens, Time};
use kp_sasl::Token;
use kp_time::{Clock, ManualClock};
use rustls::crypto::CryptoProvider;
use scripted_http::{Server, is_whole};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Where the clocks of these tests stand: 2026-11-30T00:00:00Z.
pub(crate) const NOW_MS: i64 = 1_795_996_800_000;
pub(crate) const SECRET: &str = "planted-hunter2/+ =";

pub(crate) struct Endpoint {
    pub(crate) url: String,
    server: Server,
}

impl Endpoint {
    pub(crate) fn giving(answers: Vec<String>) -> Self {
        let server = Server::answering(answers);
        Self { url: server.url("/token"), server }
    }

    /// The requests that came, each of them whole.
    pub(crate) fn asked(self) -> Vec<String> {
        let requests = self.server.requests();
        assert!(requests.iter().all(|request| is_whole(request)), "half a request: {requests:?}");
        requests
    }
}

/// An answer with this status and this body.
pub(crate) fn answer(status: u16, body: &str) -> String {
    let date = "Date: Mon, 30 Nov 2026 00:00:05 GMT";
    let length = body.len();
    format!(
        "HTTP/1.1 {status} X\r\nContent-Type: text/html\r\n{date}\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

/// An answer with a token that has these claims.
pub(crate) fn token_answer(claims: &str, beside: &str) -> String {
    answer(200, &format!(r#"{{"access_token":"{}"{beside}}}"#, jwt(claims)))
}

pub(crate) fn good_answer() -> String {
    let exp = NOW_MS / 1000 + 300;
    token_answer(&format!(r#"{{"sub":"alice","exp":{exp}}}"#), "")
}

pub(crate) fn jwt(claims: &str) -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.{}", part(r#"{"alg":"RS256"}"#), part(claims), part("a signature"))
}

/// Its time of day stands still.
struct Standing(ManualClock);

impl Clock for Standing {
    fn now(&self) -> Instant {
        self.0.now()
    }

    fn timestamp_ms(&self) -> i64 {
        NOW_MS
    }
}

/// A provider whose clock stands still, and moves by what it pauses.
pub(crate) struct Asker {
    tokens: OidcTokens,
    pauses: Arc<Mutex<Vec<Duration>>>,
}

impl Asker {
    pub(crate) fn new(login: Oidc) -> Self {
        Self::signing(login, None)
    }

    pub(crate) fn signing(login: Oidc, provider: Option<Arc<CryptoProvider>>) -> Self {
        let clock = Arc::new(Standing(ManualClock::new()));
        let pauses = Arc::<Mutex<Vec<Duration>>>::default();
        let (moved, noted) = (Arc::clone(&clock), Arc::clone(&pauses));
        let time = Time::new(clock as Arc<dyn Clock>, move |pause| {
            moved.0.advance(pause);
            noted.lock().expect("no test panics with it").push(pause);
        });
        let tokens = OidcTokens::new(login, HttpClient::new(), provider, time).expect("a good login");
        Self { tokens, pauses }
    }

    pub(crate) fn ask(&self) -> Result<Token, OidcError> {
        self.tokens.ask()
    }

    /// The error of a question; no text of it has a secret in it, and it is one line.
    pub(crate) fn refused(&self) -> OidcError {
        let error = self.ask().expect_err("there is no token");
        let texts = format!("{error} {error:?} {:?}", self.tokens);
        assert!(!texts.contains("hunter2"), "{texts}");
        assert!(error.to_string().chars().all(|letter| !letter.is_control()), "{error}");
        error
    }

    pub(crate) fn pauses_ms(&self) -> Vec<u128> {
        self.pauses.lock().expect("no test panics with it").iter().map(Duration::as_millis).collect()
    }
}

/// The login of these tests: one attempt.
pub(crate) fn login(url: &str) -> Oidc {
    Oidc::new(url).client("kp", SECRET).limits(once())
}

/// Limits by which nothing is tried twice.
pub(crate) fn once() -> OidcLimits {
    OidcLimits { retry_total: Duration::ZERO, ..OidcLimits::default() }
}
