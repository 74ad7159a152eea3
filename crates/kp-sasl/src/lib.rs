//! SASL as Kafka speaks it, without I/O: the mechanisms, and the exchange with a broker above them.
//!
//! | Looking for | Go to |
//! |---|---|
//! | the exchange: handshake, tokens, session | [`SaslExchange`], [`SaslDialect`], [`SaslOutput`], [`SaslSession`] |
//! | a mechanism | [`Plain`], [`Scram`], [`OAuthBearer`]; one of your own: [`SaslMechanism`] |
//! | passwords and tokens | [`Secret`]; from elsewhere: [`CredentialsProvider`], [`TokenProvider`], [`AwsCredentialsProvider`], [`Deferred`] |
//! | work that is too heavy for a network thread | [`Work`], [`Worked`]; keys to keep: [`ScramKeys`], [`ScramKeyCache`] |
//! | tokens of OAUTHBEARER | [`SaslExtensions`], [`JwtClaims`], [`UnsecuredJwt`] |
//! | what can go wrong | [`SaslFailure`] |
//!
//! Nothing here opens a socket, reads a clock or starts a thread. Bytes of a broker are never trusted: they are
//! bounded before they are kept, and its texts are made harmless before they are shown.

#![forbid(unsafe_code)]

mod aws;
mod broker_text;
mod deferred;
mod exchange;
mod failure;
mod mechanism;
mod oauth;
mod plain;
mod provider;
mod scram;
mod secret;
mod work;

pub use aws::{AwsCredentials, AwsCredentialsProvider};
pub use broker_text::BrokerText;
pub use deferred::Deferred;
pub use exchange::{MAX_FRAME, SaslDialect, SaslExchange, SaslOutput, SaslSession, SaslStage};
pub use failure::{OfferedMechanisms, SaslFailure};
pub use mechanism::{SaslMechanism, SaslStep};
pub use oauth::{JwtClaims, MAX_TOKEN, OAuthBearer, SaslExtensions, UnsecuredJwt};
pub use plain::Plain;
pub use provider::{
    Credentials, CredentialsProvider, Provided, ProviderError, Token, TokenProvider, TokenRequest,
};
pub use scram::{
    DEFAULT_MAX_ITERATIONS, MIN_ITERATIONS, Scram, ScramHash, ScramKeyCache, ScramKeys, ScramNonce,
};
pub use secret::Secret;
pub use work::{Work, Worked};

/// The example of the README, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
