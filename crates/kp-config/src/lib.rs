//! The configuration of a Kafka producer: Java's keys, typed and checked.
//! Owns: which keys there are, what they may be, what they come to together. Never: a socket, a clock, a thread.
//!
//! One table (`table.rs`) holds every key with its type, both columns of defaults, its range and its state;
//! [`KEYS`], [`Settings`], the typed setters and `docs/configuration.md` all come from it.
//!
//! ```
//! use std::time::Duration;
//! use kp_config::ProducerConfig;
//!
//! let mut config = ProducerConfig::default()
//!     .bootstrap_servers("localhost:9092")
//!     .linger(Duration::from_millis(20));
//! config.set("max.request.size", "2000000")?;
//! let validated = config.validate()?;
//! assert_eq!(validated.settings.linger, Duration::from_millis(20));
//! # Ok::<(), kp_config::ConfigError>(())
//! ```

#![forbid(unsafe_code)]

mod adjust;
mod bootstrap;
mod docs;
mod error;
mod examine;
mod files;
mod idempotence;
mod jaas;
mod key;
mod partitioning;
mod producer_config;
mod properties;
mod recording_level;
mod security;
#[cfg(feature = "serde")]
mod serde;
mod settings;
mod suggest;
mod table;
#[cfg(test)]
mod tests;
mod validate;
mod value;
mod values;
mod warning;

/// Passwords and tokens, and where they come from if they are not in the configuration.
pub use kp_sasl::{
    AwsCredentials, AwsCredentialsProvider, Credentials, CredentialsProvider, Provided, ProviderError,
    SaslExtensions, Secret, Token, TokenProvider, TokenRequest,
};

pub use docs::render_markdown;
pub use error::ConfigError;
pub use examine::{Dialect, Examined, ExaminedKey, Verdict};
pub use idempotence::Idempotence;
pub use key::{Classic, DefaultValue, KeyInfo, KeyType, State, Valid};
pub use partitioning::PartitionerClass;
pub use producer_config::ProducerConfig;
pub use recording_level::RecordingLevel;
pub use security::{
    Assertion, AssertionAlgorithm, AwsRole, AwsSource, DangerousTls, Identity, IdentityProvider,
    IdentitySource, Kerberos, KerberosSource, Login, MskIam, Oidc, OidcEndpoint, OidcGrant, OidcLimits, Sasl,
    Security, SecurityConfig, SecurityProtocol, SignedAssertion, Store, StoreContent, Tls, TlsVersion,
    TokenRefresh, TokenSource, Trust,
};
pub use suggest::nearest_keys;
pub use table::{KEYS, Settings};
pub use validate::Validated;
pub use value::Value;
pub use warning::ConfigWarning;
