//! TLS under the connections of kp: settings that are read from PEM, JKS and PKCS#12, and a selector that encrypts over any other.
//!
//! | Looking for | Go to |
//! |---|---|
//! | what a client trusts, shows and speaks | [`TlsSettings`], [`StoreSource`], [`TlsVersions`] |
//! | those, read and checked | [`TlsClient`]; what can be wrong with them: [`TlsConfigError`] |
//! | files that change while the client runs | [`TlsClient::look`], [`TlsSelector::looking`], [`FileLooks`], [`Reload`] |
//! | the connections | [`TlsSelector`]; how one is encrypted: [`Encryption`], [`CertificateFacts`] |
//! | what stands in stores, what a listener shows | [`StoreEntry`], [`ListenerView`] |
//! | why a connection was given up | [`TlsFailure`], [`TlsFailureKind`] |
//! | cryptography | [`default_provider`], or one of your own |
//!
//! Nothing here opens a socket or starts a thread: bytes move through a [`Selectable`](kp_network::Selectable) below.
//! No provider of cryptography is installed for the whole process; each client has its own.

#![forbid(unsafe_code)]

mod asked_identity;
mod askers;
mod certificate;
mod chain;
mod client;
mod config_error;
mod current;
mod der;
mod encryption;
mod failure;
mod file_looks;
mod form;
mod identity;
mod java;
mod listener_view;
mod moment;
mod pem;
mod provider;
mod reading;
mod selector;
mod server_name;
mod session;
mod settings;
mod shown_identity;
mod source;
mod stamps;
mod store;
mod store_entry;
mod suites;
mod trust_match;
mod verifier;
mod versions;

pub use certificate::CertificateFacts;
pub use client::{Reload, TlsClient};
pub use config_error::TlsConfigError;
pub use encryption::Encryption;
pub use file_looks::FileLooks;
pub use identity::ClientIdentity;
/// Why a connection was given up.
pub use kp_network::{TlsFailure, TlsFailureKind};
pub use listener_view::ListenerView;
#[cfg(feature = "aws-lc")]
pub use provider::aws_lc;
pub use provider::default_provider;
#[cfg(feature = "graviola")]
pub use provider::graviola;
#[cfg(feature = "ring")]
pub use provider::ring;
/// The version of `rustls` in the signatures here.
pub use rustls;
/// What a provider of one's own is made of.
pub use rustls::crypto::CryptoProvider;
pub use selector::TlsSelector;
pub use settings::TlsSettings;
pub use source::StoreSource;
pub use store::private_key;
pub use store_entry::{EntryUse, StoreEntry};
pub use versions::TlsVersions;

/// The example of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
