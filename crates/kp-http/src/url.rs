//! Where a request goes: a URL that was checked once.
//! Owns: what kp takes as an endpoint. Never prints a password or a query.

use std::fmt;
use std::net::IpAddr;

use ureq::http::Uri;

use crate::HttpError;

/// An `http` or `https` URL with a host, and without a user or a password.
///
/// `Display` and `Debug` print scheme, host, port and path; a query may be a secret.
///
/// ```
/// use kp_http::HttpUrl;
/// let url = HttpUrl::parse("https://issuer.example/oauth2/token?tenant=7")?;
/// assert_eq!(url.to_string(), "https://issuer.example/oauth2/token");
/// assert!(HttpUrl::parse("https://alice:secret@issuer.example/token").is_err());
/// # Ok::<(), kp_http::HttpError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct HttpUrl {
    uri: Uri,
    is_https: bool,
}

impl HttpUrl {
    /// Reads `text`.
    ///
    /// # Errors
    /// [`HttpError::BadUrl`] says what is wrong, and does not repeat the text.
    pub fn parse(text: &str) -> Result<Self, HttpError> {
        let bad = |problem| HttpError::BadUrl { problem };
        let uri: Uri = text.trim().parse().map_err(|_| bad("it cannot be read"))?;
        let is_https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            Some(_) => return Err(bad("its scheme is neither https nor http")),
            None => return Err(bad("it has no scheme: it begins with https://")),
        };
        let authority = uri.authority().ok_or_else(|| bad("it has no host"))?;
        if authority.as_str().contains('@') {
            return Err(bad("it has a user or a password in it, which would be in logs"));
        }
        if authority.host().is_empty() {
            return Err(bad("it has no host"));
        }
        let has_port = authority.as_str().len() > authority.host().len();
        if has_port && authority.port_u16().is_none_or(|port| port == 0) {
            return Err(bad("its port is none"));
        }
        Ok(Self { uri, is_https })
    }

    /// The host as it stands in the URL; IPv6 addresses without their brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        let host = self.uri.host().unwrap_or_default();
        host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
    }

    /// The port, that of the scheme if the URL has none.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.uri.port_u16().unwrap_or(if self.is_https { 443 } else { 80 })
    }

    /// Whether it begins with `https`.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.is_https
    }

    /// Whether the host is this machine: `localhost`, or a loopback address.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let host = self.host();
        host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// Host and port, as errors name an endpoint.
    pub(crate) fn place(&self) -> String {
        match self.uri.host() {
            Some(host) => format!("{host}:{}", self.port()),
            None => String::new(),
        }
    }

    pub(crate) fn uri(&self) -> &Uri {
        &self.uri
    }
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_https { "https" } else { "http" };
        let authority = self.uri.authority().map_or("", |authority| authority.as_str());
        write!(f, "{scheme}://{authority}{}", self.uri.path())
    }
}

impl fmt::Debug for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // H58
    #[test]
    fn a_url_with_a_user_or_a_password_is_refused_and_not_repeated() {
        for text in [
            "https://alice:hunter2@issuer.example/t",
            "https://alice@issuer.example/",
            "http://:hunter2@[::1]/",
        ] {
            let error = HttpUrl::parse(text).expect_err(text);
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
            assert!(error.to_string().contains("password"), "{error}");
        }
    }

    // H58
    #[test]
    fn what_is_no_http_url_is_refused_with_the_reason() {
        for (text, problem) in [
            ("", "cannot be read"),
            ("file:///etc/passwd", "cannot be read"),
            ("ftp://issuer.example/", "neither https nor http"),
            ("issuer.example/token", "cannot be read"),
            ("/token", "no scheme"),
            ("https://", "cannot be read"),
            ("https://issuer.example:0/", "port"),
            ("https://issuer.example:99999/", "port"),
            ("https://issuer.example/a b", "cannot be read"),
            ("https://issuer.example/\r\nX: y", "cannot be read"),
        ] {
            let error = HttpUrl::parse(text).expect_err(text).to_string();
            assert!(error.contains(problem), "{text}: {error}");
        }
    }

    // H57
    #[test]
    fn this_machine_is_known_by_its_names_and_no_other_is_taken_for_it() {
        for text in [
            "http://localhost/",
            "http://LOCALHOST:8080/",
            "http://127.0.0.1/",
            "http://127.9.9.9/t",
            "http://[::1]:1/",
        ] {
            assert!(HttpUrl::parse(text).expect(text).is_loopback(), "{text}");
        }
        for text in [
            "http://localhost.example/",
            "http://10.0.0.1/",
            "http://127.0.0.1.example/",
            "http://[::2]/",
            "http://2130706433/",
        ] {
            assert!(!HttpUrl::parse(text).expect(text).is_loopback(), "{text}");
        }
    }

    #[test]
    fn a_query_is_sent_but_not_printed() {
        let url = HttpUrl::parse("https://sts.example:8443/?X-Amz-Signature=hunter2").expect("a URL");
        assert_eq!(format!("{url} {url:?}"), "https://sts.example:8443/ HttpUrl(https://sts.example:8443/)");
        assert_eq!(url.uri().query(), Some("X-Amz-Signature=hunter2"));
        assert_eq!((url.host(), url.port()), ("sts.example", 8443));
    }
}
