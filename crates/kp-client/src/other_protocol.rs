//! What listens on a port that is no Kafka listener, as its first bytes give away.
//! Owns: the marks of these protocols. Never: a socket.

use std::fmt;

/// Another protocol that speaks on a port where a broker was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OtherProtocol {
    /// TLS; behind it may be Kafka.
    Tls,
    /// An HTTP server.
    Http,
    /// An SSH server.
    Ssh,
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
}

impl fmt::Display for OtherProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tls => "a TLS listener",
            Self::Http => "an HTTP server",
            Self::Ssh => "an SSH server",
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
