//! What can go wrong with an exchange. Owns: its words. Never: a URL's query, a header's value or a body.

use std::time::Duration;

use ureq::Timeout;

/// Longest text of the other end that is shown, in characters.
const SHOWN: usize = 200;

/// Why there is no answer. `place` is the host and port of the endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// The URL cannot be used; it is not repeated, since it may have a password in it.
    #[error("the URL cannot be used: {problem}")]
    BadUrl {
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A header cannot be sent.
    #[error(
        "the header {name} cannot be sent: its name or its value has a character that HTTP does not allow"
    )]
    BadHeader {
        /// Its name.
        name: &'static str,
    },
    /// Plain `http` to another machine: credentials would cross the network as they are.
    #[error("http to {place} is refused: credentials would be sent in the clear; use https")]
    PlainHttp {
        /// The endpoint.
        place: String,
    },
    /// `https`, but the client was given no configuration of TLS.
    #[error(
        "https to {place} needs TLS, and there is none: build kp-producer with `tls`, `tls-graviola` or `tls-aws-lc`"
    )]
    NoTls {
        /// The endpoint.
        place: String,
    },
    /// The endpoint sends the client elsewhere, where its credentials do not belong.
    #[error("{place} answered {status} and sends the client {}; redirects are not followed", whereto(to.as_deref()))]
    Redirected {
        /// The endpoint.
        place: String,
        /// 301, 302, 303, 307 or 308.
        status: u16,
        /// The host of the `Location`, if it names another one.
        to: Option<String>,
    },
    /// The answer is larger than the client takes.
    #[error("the answer of {place} is larger than {limit} bytes")]
    TooLarge {
        /// The endpoint.
        place: String,
        /// What is taken, in bytes.
        limit: u64,
    },
    /// The deadline came first.
    #[error("{place}: no whole answer within {} ms ({stage})", limit.as_millis())]
    TimedOut {
        /// The endpoint.
        place: String,
        /// What ran out: "looking the host up", "connecting", "the whole exchange".
        stage: &'static str,
        /// The limit that ran out: of the whole exchange, or of connecting.
        limit: Duration,
    },
    /// TLS could not be set up, or broke.
    #[error("TLS with {place}: {cause}")]
    Tls {
        /// The endpoint.
        place: String,
        /// Why.
        cause: String,
    },
    /// No connection, or one that was lost before the answer was whole.
    #[error("no connection to {place}: {cause}")]
    Connection {
        /// The endpoint.
        place: String,
        /// Why.
        cause: String,
    },
    /// The proxy did not connect the client.
    #[error("the proxy on the way to {place}: {cause}")]
    Proxy {
        /// The endpoint, not the proxy.
        place: String,
        /// Why.
        cause: String,
    },
    /// What came back is no HTTP.
    #[error("{place} does not answer in HTTP: {cause}")]
    Protocol {
        /// The endpoint.
        place: String,
        /// Why.
        cause: String,
    },
}

fn whereto(host: Option<&str>) -> String {
    host.map_or_else(|| "to another path".into(), |host| format!("to {host}"))
}

impl HttpError {
    /// Whether the same request may have an answer a little later.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::TimedOut { .. } | Self::Connection { .. } | Self::Proxy { .. } => true,
            Self::BadUrl { .. }
            | Self::BadHeader { .. }
            | Self::PlainHttp { .. }
            | Self::NoTls { .. }
            | Self::Redirected { .. }
            | Self::TooLarge { .. }
            | Self::Tls { .. }
            | Self::Protocol { .. } => false,
        }
    }

    /// What `ureq` says, in words of ours.
    pub(crate) fn from_ureq(error: ureq::Error, place: String, limits: &Limits) -> Self {
        match error {
            ureq::Error::Timeout(timeout) => {
                let (stage, limit) = limits.of(timeout);
                Self::TimedOut { place, stage, limit }
            }
            ureq::Error::Io(error) => Self::from_io(&error, place),
            ureq::Error::HostNotFound => Self::Connection { place, cause: "the host is not known".into() },
            ureq::Error::BodyExceedsLimit(limit) => Self::TooLarge { place, limit },
            ureq::Error::LargeResponseHeader(_, limit) => {
                Self::TooLarge { place, limit: u64::try_from(limit).unwrap_or(u64::MAX) }
            }
            ureq::Error::Tls(cause) => Self::Tls { place, cause: cause.into() },
            ureq::Error::ConnectProxyFailed(cause) => Self::Proxy { place, cause: harmless(&cause) },
            ureq::Error::InvalidProxyUrl => Self::Proxy { place, cause: "its URL cannot be read".into() },
            ureq::Error::ConnectionFailed => Self::Connection { place, cause: "it failed".into() },
            other => Self::Protocol { place, cause: harmless(&other.to_string()) },
        }
    }

    fn from_io(error: &std::io::Error, place: String) -> Self {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match inner {
            Some(error) => Self::Tls { place, cause: tls_words(error) },
            None => Self::Connection { place, cause: harmless(&error.to_string()) },
        }
    }
}

fn tls_words(error: &rustls::Error) -> String {
    use rustls::{CertificateError, Error};
    match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "no trusted authority signed its certificate".into()
        }
        other => harmless(&other.to_string()),
    }
}

/// Cut, and without control characters.
pub(crate) fn harmless(text: &str) -> String {
    text.chars().take(SHOWN).flat_map(char::escape_debug).collect()
}

/// The limits of one exchange.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) deadline: Duration,
    pub(crate) connect: Duration,
}

impl Limits {
    /// What was being done when the limit ran out, and how long the limit was.
    fn of(&self, timeout: Timeout) -> (&'static str, Duration) {
        match timeout {
            Timeout::Resolve => ("looking the host up", self.connect),
            Timeout::Connect => ("connecting", self.connect),
            _ => ("the whole exchange", self.deadline),
        }
    }
}
