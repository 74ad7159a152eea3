//! One exchange: out goes a request, back comes the whole answer, or an error by the deadline.
//! Owns: the limits. Never: a second request, be it a retry or a redirect; those who call decide on the first.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use ureq::Agent;
use ureq::http::{self, HeaderValue, Response, header::LOCATION};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{ConnectProxyConnector, Connector, TcpConnector};

use crate::error::Limits;
use crate::request::Method;
use crate::tls::TlsConnector;
use crate::{HttpAnswer, HttpError, HttpRequest, HttpUrl, Proxies};

/// The longest body that is taken, in bytes.
pub const MAX_BODY: u64 = 1024 * 1024;
/// The longest head of an answer, in bytes.
const MAX_HEAD: usize = 64 * 1024;
const DEFAULT_LIMIT: Duration = Duration::from_secs(10);
const USER_AGENT: &str = concat!("kp/", env!("CARGO_PKG_VERSION"));

/// Sends requests, each over a connection of its own.
///
/// Without a call: ten seconds for the whole exchange and for connecting, no TLS, no proxy, and `http` to this machine
/// alone.
///
/// ```
/// use kp_http::{HttpClient, HttpRequest, HttpUrl};
/// let far = HttpRequest::get(HttpUrl::parse("http://issuer.example/token")?);
/// let error = HttpClient::new().send(&far).expect_err("credentials do not travel in the clear");
/// assert!(error.to_string().contains("use https"));
/// # Ok::<(), kp_http::HttpError>(())
/// ```
#[derive(Clone)]
pub struct HttpClient {
    deadline: Duration,
    connect_limit: Duration,
    tls: Option<Arc<ClientConfig>>,
    http_to_others: bool,
    proxies: Proxies,
}

impl Default for HttpClient {
    fn default() -> Self {
        Self {
            deadline: DEFAULT_LIMIT,
            connect_limit: DEFAULT_LIMIT,
            tls: None,
            http_to_others: false,
            proxies: Proxies::none(),
        }
    }
}

impl HttpClient {
    /// See the type.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How long one exchange may take: looking the host up, connecting, sending and the whole answer, however slowly
    /// that comes (`sasl.login.read.timeout.ms`).
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// How much of that may go by until there is a connection, with TLS (`sasl.login.connect.timeout.ms`).
    #[must_use]
    pub fn connect_limit(mut self, limit: Duration) -> Self {
        self.connect_limit = limit;
        self
    }

    /// Makes `https` possible. Whom the client believes, and with whose cryptography, is in `config`.
    #[must_use]
    pub fn tls(mut self, config: Arc<ClientConfig>) -> Self {
        self.tls = Some(config);
        self
    }

    /// Takes `http` to other machines than this one, too (`kp.oauth.allow.http`).
    #[must_use]
    pub fn http_to_others(mut self, is_allowed: bool) -> Self {
        self.http_to_others = is_allowed;
        self
    }

    /// Which hosts are reached through a proxy.
    #[must_use]
    pub fn proxies(mut self, proxies: Proxies) -> Self {
        self.proxies = proxies;
        self
    }

    /// Whether a request to `url` would be sent at all: what is wrong can then be said before there is a request.
    ///
    /// # Errors
    /// [`HttpError::PlainHttp`], [`HttpError::NoTls`].
    pub fn check(&self, url: &HttpUrl) -> Result<(), HttpError> {
        if url.is_https() {
            return if self.tls.is_some() { Ok(()) } else { Err(HttpError::NoTls { place: url.place() }) };
        }
        if url.is_loopback() || self.http_to_others {
            return Ok(());
        }
        Err(HttpError::PlainHttp { place: url.place() })
    }

    /// Sends one request and waits for its whole answer. Any status but a redirect is an answer.
    ///
    /// # Errors
    /// See [`HttpError`]. Nothing is tried twice.
    pub fn send(&self, request: &HttpRequest) -> Result<HttpAnswer, HttpError> {
        self.check(request.url())?;
        let limits = Limits { deadline: self.deadline, connect: self.connect_limit.min(self.deadline) };
        let place = request.url().place();
        let failed = |error| HttpError::from_ureq(error, place.clone(), &limits);
        let agent = self.agent(request.url(), &limits);
        let response = match request.method() {
            Method::Get => agent.run(head(request)?.body(()).map_err(|error| failed(error.into()))?),
            Method::Post | Method::Put => {
                agent.run(head(request)?.body(request.bytes()).map_err(|error| failed(error.into()))?)
            }
        };
        whole(response.map_err(failed)?, request.url()).map_err(|end| match end {
            NoAnswer::Broken(error) => failed(error),
            NoAnswer::Redirected(error) => error,
        })
    }

    /// What one exchange runs on. A connection that was kept would be closed by the other end before the next token is
    /// due, minutes later.
    fn agent(&self, url: &HttpUrl, limits: &Limits) -> Agent {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_idle_connections(0)
            .max_response_header_size(MAX_HEAD)
            .user_agent(USER_AGENT)
            .timeout_global(Some(limits.deadline))
            .timeout_resolve(Some(limits.connect))
            .timeout_connect(Some(limits.connect))
            .proxy(self.proxies.on_the_way_to(url))
            .build();
        let connector =
            ().chain(ConnectProxyConnector::default())
                .chain(TcpConnector::default())
                .chain(TlsConnector { config: self.tls.clone() });
        Agent::with_parts(config, connector, DefaultResolver::default())
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient")
            .field("deadline", &self.deadline)
            .field("connect_limit", &self.connect_limit)
            .field("has_tls", &self.tls.is_some())
            .field("http_to_others", &self.http_to_others)
            .field("proxies", &self.proxies)
            .finish()
    }
}

fn head(request: &HttpRequest) -> Result<http::request::Builder, HttpError> {
    let method = match request.method() {
        Method::Get => http::Method::GET,
        Method::Post => http::Method::POST,
        Method::Put => http::Method::PUT,
    };
    let mut head = http::Request::builder().method(method).uri(request.url().uri().clone());
    for (name, value) in request.headers() {
        let bad = |_| HttpError::BadHeader { name };
        let mut value = HeaderValue::from_str(value).map_err(bad)?;
        value.set_sensitive(true);
        http::HeaderName::from_bytes(name.as_bytes()).map_err(|_| HttpError::BadHeader { name })?;
        head = head.header(*name, value);
    }
    Ok(head)
}

enum NoAnswer {
    Broken(ureq::Error),
    Redirected(HttpError),
}

/// Reads the body, unless the status sends the client elsewhere.
fn whole(response: Response<ureq::Body>, url: &HttpUrl) -> Result<HttpAnswer, NoAnswer> {
    let (head, mut body) = response.into_parts();
    let status = head.status.as_u16();
    if matches!(status, 301 | 302 | 303 | 307 | 308) {
        let location = head.headers.get(LOCATION).and_then(|location| location.to_str().ok());
        let to = location.and_then(|location| location.parse::<http::Uri>().ok());
        let to = to.and_then(|uri| uri.host().map(crate::error::harmless));
        return Err(NoAnswer::Redirected(HttpError::Redirected { place: url.place(), status, to }));
    }
    let text = |value: &HeaderValue| value.to_str().ok().map(str::to_owned);
    let headers = head.headers.iter();
    let headers = headers.filter_map(|(name, value)| Some((name.as_str().to_owned(), text(value)?)));
    let headers = headers.collect();
    let body = body.with_config().limit(MAX_BODY).read_to_vec().map_err(NoAnswer::Broken)?;
    Ok(HttpAnswer::new(status, headers, body))
}
