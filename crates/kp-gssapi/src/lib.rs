//! Kerberos for Kafka, in Rust alone: SASL's mechanism GSSAPI, and all that it needs of Kerberos.
//!
//! | Looking for | Go to |
//! |---|---|
//! | a login, and mechanisms for its connections | [`KerberosLogin`] |
//! | names | [`Principal`] |
//! | KDCs that are reached in another way | [`Kdc`] |
//! | what can go wrong | [`KerberosFailure`] |
//!
//! Experimental: the codec and the cryptography are those of `kerbcore`, which is young. No program is run, no file is written, and
//! DNS is not asked for KDCs. Encryption types are those of AES (17 to 20).

#![forbid(unsafe_code)]

mod failure;
#[cfg(fuzzing)]
mod fuzzing;
mod kerberos;
mod login;
mod mechanism;

pub use failure::KerberosFailure;
#[cfg(fuzzing)]
#[doc(hidden)]
pub use fuzzing::READ;
pub use kerberos::{Kdc, Principal};
pub use login::KerberosLogin;

/// The example of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
