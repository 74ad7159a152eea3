//! What is sent. Never prints the value of a header, nor the body: both have credentials in them.

use std::fmt;

use crate::HttpUrl;

/// One request.
///
/// ```
/// use kp_http::{HttpRequest, HttpUrl};
/// let url = HttpUrl::parse("https://issuer.example/token")?;
/// let request = HttpRequest::post(url).header("Authorization", "Basic a3A6c2VjcmV0").body("grant_type=client_credentials");
/// assert!(!format!("{request:?}").contains("a3A6c2VjcmV0"));
/// # Ok::<(), kp_http::HttpError>(())
/// ```
#[derive(Clone)]
pub struct HttpRequest {
    method: Method,
    url: HttpUrl,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Post,
    Put,
}

impl HttpRequest {
    /// `GET`: it has no body.
    #[must_use]
    pub fn get(url: HttpUrl) -> Self {
        Self::new(Method::Get, url)
    }

    /// `POST`.
    #[must_use]
    pub fn post(url: HttpUrl) -> Self {
        Self::new(Method::Post, url)
    }

    /// `PUT`.
    #[must_use]
    pub fn put(url: HttpUrl) -> Self {
        Self::new(Method::Put, url)
    }

    fn new(method: Method, url: HttpUrl) -> Self {
        Self { method, url, headers: Vec::new(), body: Vec::new() }
    }

    /// One header more. A value that has a line break or another control character in it is an error of
    /// [`HttpClient::send`](crate::HttpClient::send).
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The body of a `POST` or `PUT`; empty without this call.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Where it goes.
    #[must_use]
    pub fn url(&self) -> &HttpUrl {
        &self.url
    }

    pub(crate) fn method(&self) -> Method {
        self.method
    }

    pub(crate) fn headers(&self) -> &[(&'static str, String)] {
        &self.headers
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.body
    }
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("HttpRequest")
            .field("method", &self.method)
            .field("url", &self.url)
            .field("headers", &names)
            .field("body_bytes", &self.body.len())
            .finish()
    }
}
