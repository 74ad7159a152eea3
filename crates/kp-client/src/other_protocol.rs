//! What listens on a port in place of the listener that was expected, as its first bytes give away.
//! Owns: the marks of these protocols, and what to change for each. Never: a socket.

use crate::{SecurityFailure, SecurityStage};
use std::fmt;
use std::sync::Arc;

/// Another protocol that speaks on a port than the one that `security.protocol` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OtherProtocol {
    /// TLS; behind it may be Kafka.
    Tls,
    /// An HTTP server.
    Http,
    /// An SSH server.
    Ssh,
    /// Kafka without TLS, where TLS was expected.
    Plaintext,
}

impl OtherProtocol {
    /// The protocol that begins an answer with these bytes; `None` = perhaps Kafka, or too few to tell (8 are enough).
    ///
    /// ```
    /// use kp_client::OtherProtocol;
    /// assert_eq!(OtherProtocol::recognise(b"HTTP/1.1 400 Bad Request"), Some(OtherProtocol::Http));
    /// assert_eq!(OtherProtocol::recognise(&[0, 0, 0, 20, 0, 0, 0, 0]), None);
    /// ```
    #[must_use]
    pub fn recognise(first: &[u8]) -> Option<Self> {
        // A TLS record: an alert or a handshake, of whatever version.
        if matches!(first, [0x15 | 0x16, 0x03, ..]) {
            return Some(Self::Tls);
        }
        // Some servers answer a request line that they do not understand as HTTP/0.9 does: with the page alone.
        let pages = [&b"HTTP/"[..], b"<!DOCTYPE", b"<!doctype", b"<html", b"<HTML", b"<?xml"];
        if pages.iter().any(|page| first.starts_with(page)) {
            return Some(Self::Http);
        }
        first.starts_with(b"SSH-").then_some(Self::Ssh)
    }

    /// The same as a failure of security, of the stage [`SecurityStage::Connection`], which says what to change. The bytes
    /// prove it, and no wait helps against it.
    ///
    /// ```
    /// use kp_client::OtherProtocol;
    /// let words = "connection failed: a TLS listener, and this connection is not encrypted \
    ///              (set security.protocol=SSL or SASL_SSL)";
    /// assert_eq!(OtherProtocol::Tls.failure().to_string(), words);
    /// ```
    #[must_use]
    pub fn failure(self) -> Arc<SecurityFailure> {
        let failure = SecurityFailure::new(SecurityStage::Connection, self.words());
        Arc::new(failure.with_advice(Some(self.advice())))
    }

    /// What is wrong.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Tls => "a TLS listener, and this connection is not encrypted",
            Self::Plaintext => "a listener without TLS, which answers in plaintext",
            Self::Http => "an HTTP server listens there, not a Kafka broker",
            Self::Ssh => "an SSH server listens there, not a Kafka broker",
        }
    }

    /// What to change.
    pub(crate) fn advice(self) -> &'static str {
        match self {
            Self::Tls => "set security.protocol=SSL or SASL_SSL",
            Self::Plaintext => {
                "give the port of the TLS listener, or set security.protocol=PLAINTEXT or SASL_PLAINTEXT"
            }
            Self::Http | Self::Ssh => {
                "check the port: bootstrap.servers, or the broker's advertised.listeners"
            }
        }
    }
}

impl fmt::Display for OtherProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tls => "a TLS listener",
            Self::Http => "an HTTP server",
            Self::Ssh => "an SSH server",
            Self::Plaintext => "a listener without TLS",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_give_a_listener_away() {
        let alert = [0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x28];
        assert_eq!(OtherProtocol::recognise(&alert), Some(OtherProtocol::Tls));
        for page in [&b"HTTP/1.1 400 Bad"[..], b"<!DOCTYPE HTML>", b"<html><head>"] {
            assert_eq!(OtherProtocol::recognise(page), Some(OtherProtocol::Http));
        }
        assert_eq!(OtherProtocol::recognise(b"SSH-2.0-OpenSSH"), Some(OtherProtocol::Ssh));
        assert_eq!(OtherProtocol::recognise(&[0, 0, 0, 20, 0, 0, 0, 0]), None);
        assert_eq!(OtherProtocol::recognise(&[]), None);
    }
}
