//! Kerberos version 5 as a client needs it, over the codec and the cryptography of `kerbcore`, which nothing outside of this
//! module touches.
//!
//! What `kerbcore` 0.3 does wrong, or not, is done here: wrapped messages without secrecy (their checksum and its key), requests with
//! keys of RFC 8009, names of realms in small letters, files.

mod authenticator;
pub(crate) mod ccache;
pub(crate) mod chance;
pub(crate) mod context;
pub(crate) mod credential;
mod cursor;
pub(crate) mod error_code;
pub(crate) mod etype;
pub(crate) mod file;
mod kdc;
mod kdc_answer;
pub(crate) mod kdc_sockets;
pub(crate) mod keytab;
pub(crate) mod krb5_conf;
pub(crate) mod login;
pub(crate) mod moment;
mod principal;
pub(crate) mod service_ticket;

#[cfg(test)]
pub(crate) mod scripted_kdc;
#[cfg(test)]
mod tests;

pub use kdc::Kdc;
pub use principal::Principal;
