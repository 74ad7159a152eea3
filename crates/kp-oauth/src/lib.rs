//! Tokens of OAUTHBEARER from an OAuth 2.0 endpoint, as Kafka's Java client gets them.
//!
//! | Looking for | Go to |
//! |---|---|
//! | the provider of tokens | [`OidcTokens`]; what it is told: `kp_config::Oidc` |
//! | its clock, and how it waits | [`Time`] |
//! | what can go wrong | [`OidcError`] |
//!
//! Nothing here keeps a token or decides when the next one is due. No secret is in a text.

#![forbid(unsafe_code)]

mod answer;
mod assertion;
mod error;
mod form;
mod moment;
mod request;
mod signature;
mod small_file;
mod time;
mod tokens;

pub use error::OidcError;
pub use time::Time;
pub use tokens::OidcTokens;

/// The example of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
