//! One HTTP request and its answer, for what issues tokens: one deadline, no redirects, a bounded body.
//!
//! | Looking for | Go to |
//! |---|---|
//! | who sends, and within which limits | [`HttpClient`], [`MAX_BODY`] |
//! | where to | [`HttpUrl`] |
//! | what is sent, what comes back | [`HttpRequest`], [`HttpAnswer`] |
//! | proxies | [`Proxies`] |
//! | what can go wrong | [`HttpError`] |
//!
//! The other end is never trusted: it decides neither how long a call takes, nor how much memory, nor where a request
//! with its credentials goes. Nothing here prints a header's value, a body or the query of a URL.

#![forbid(unsafe_code)]

mod answer;
mod client;
mod error;
mod proxies;
mod request;
mod tls;
mod url;

pub use answer::HttpAnswer;
pub use client::{HttpClient, MAX_BODY};
pub use error::HttpError;
pub use proxies::Proxies;
pub use request::HttpRequest;
pub use url::HttpUrl;

/// The example of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
