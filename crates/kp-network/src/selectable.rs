//! The seam under the default network: names and bytes in, bytes out. Below it lie sockets (feature `tokio`), or a
//! script in tests. It decides nothing: no backoff, no frames, no requests.
//!
//! Owned by one [`NetworkClient`](crate::NetworkClient) and called from its thread only.

use crate::{CertificateSummary, ConnectionEncryption, ConnectionNumber, TlsFailure};
use bytes::BytesMut;
use kp_sasl::{Work, Worked};
use std::fmt;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Instant;

/// How long [`Selectable::poll`] may block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Not at all; but what is ready is looked for.
    Turn,
    /// Until something is ready, the waker is woken, or this moment.
    Until(Instant),
    /// Until something is ready or the waker is woken.
    Forever,
}

/// A connection to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dial<'a> {
    /// Names the connection from now on.
    pub number: ConnectionNumber,
    /// Where the socket leads.
    pub address: SocketAddr,
    /// The broker's name as the cluster or the configuration has it, or its literal address: what a certificate must
    /// show. For messages, see [`kp_protocol::text::shown`].
    pub host: &'a str,
}

impl<'a> Dial<'a> {
    /// A connection with this number to `address`, the broker that is named `host`.
    #[must_use]
    pub fn new(number: ConnectionNumber, address: SocketAddr, host: &'a str) -> Self {
        Self { number, address, host }
    }
}

/// Why a connection could not be made.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectError {
    /// The system's words.
    Io(io::Error),
    /// It could not be encrypted.
    Tls(TlsFailure),
}

impl From<io::Error> for ConnectError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<TlsFailure> for ConnectError {
    fn from(failure: TlsFailure) -> Self {
        Self::Tls(failure)
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Tls(failure) => failure.fmt(f),
        }
    }
}

impl std::error::Error for ConnectError {}

/// What a turn found.
#[derive(Debug)]
pub enum SelectorEvent {
    /// A name was looked up.
    Resolved {
        /// The attempt that asked ([`Selectable::resolve`]).
        number: ConnectionNumber,
        /// Its addresses in the resolver's order, or the resolver's words.
        result: Result<Vec<SocketAddr>, Arc<str>>,
    },
    /// The socket is connected, and the connection is being encrypted. Only from selectors that encrypt.
    Encrypting {
        /// The number it was dialled with.
        number: ConnectionNumber,
    },
    /// A connection is made: it can be read and written.
    Connected {
        /// The number it was dialled with.
        number: ConnectionNumber,
    },
    /// A connection could not be made; it is closed already.
    ConnectFailed {
        /// The number it was dialled with, which is not used again.
        number: ConnectionNumber,
        /// Why.
        error: ConnectError,
    },
    /// [`Selectable::read`] may give bytes again.
    Readable {
        /// The connection whose last read answered [`Poll::Pending`].
        number: ConnectionNumber,
    },
    /// [`Selectable::write`] may take bytes again.
    Writable {
        /// The connection whose last write answered [`Poll::Pending`].
        number: ConnectionNumber,
    },
    /// Work was done.
    Worked {
        /// The connection that it was done for ([`Selectable::work`]).
        number: ConnectionNumber,
        /// What came out of it.
        worked: Worked,
    },
}

impl SelectorEvent {
    /// Which connection it is about.
    #[must_use]
    pub fn number(&self) -> ConnectionNumber {
        match self {
            Self::Resolved { number, .. }
            | Self::Encrypting { number }
            | Self::Connected { number }
            | Self::ConnectFailed { number, .. }
            | Self::Readable { number }
            | Self::Writable { number }
            | Self::Worked { number, .. } => *number,
        }
    }
}

/// Sockets, named by the number of the connection. A number is used once.
///
/// Readiness is edge-triggered: a socket is told of ([`SelectorEvent::Readable`], [`SelectorEvent::Writable`]) only
/// after a read or write of it answered [`Poll::Pending`]. A client that stops earlier must come back by itself. Right
/// after [`SelectorEvent::Connected`] no read or write was tried yet: try.
///
/// [`resolve`](Self::resolve), [`connect`](Self::connect), [`connect_plainly`](Self::connect_plainly) and [`poll`](Self::poll) are called inside the client's
/// `poll` only, so an implementation may make its runtime there; the rest at any time.
pub trait Selectable: Send {
    /// Looks up a name, without blocking; [`SelectorEvent::Resolved`] answers.
    fn resolve(&mut self, number: ConnectionNumber, host: &str, port: u16);

    /// Begins to connect; [`SelectorEvent::Connected`] or [`SelectorEvent::ConnectFailed`] answers.
    fn connect(&mut self, dial: Dial<'_>);

    /// As [`connect`](Self::connect), but without encryption where connections are encrypted: to ask what listens there, when
    /// a connection could not be encrypted. Nothing else is sent on it. Called only where
    /// [`can_connect_plainly`](Self::can_connect_plainly).
    fn connect_plainly(&mut self, dial: Dial<'_>) {
        let _ = dial;
    }

    /// Whether it has such a way. One that encrypts nevertheless must not say so: the answer would be taken for proof that the
    /// listener has no TLS.
    fn can_connect_plainly(&self) -> bool {
        false
    }

    /// Writes as much of `slices` as fits now, in one go; never blocks. `Ready(Ok(n))` says how many bytes went,
    /// perhaps fewer than given.
    fn write(&mut self, number: ConnectionNumber, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>>;

    /// Appends what is there to `into`, within its spare capacity; never blocks. `Ready(Ok(0))` = the other side
    /// has closed. A selector that encrypts puts a [`TlsFailure`] into the error if it comes to one.
    fn read(&mut self, number: ConnectionNumber, into: &mut BytesMut) -> Poll<io::Result<usize>>;

    /// Does work of a connection's mechanism, on a thread where it may take long or block, and never here;
    /// [`SelectorEvent::Worked`] answers. Work of several connections is done in the order in which it came.
    fn work(&mut self, number: ConnectionNumber, work: Work);

    /// Closes the socket, ends the attempt or forgets the look-up. Its events do not come any more, or are ignored.
    fn close(&mut self, number: ConnectionNumber);

    /// Waits, and says what is ready. Answers whether the waker was woken since the last time.
    /// May return early with nothing; may be late by 2 ms.
    fn poll(&mut self, wait: Wait, events: &mut Vec<SelectorEvent>) -> bool;

    /// What connections are made with, certificates and keys, is read again; without blocking, and for later connections.
    fn reload(&mut self) {}

    /// Whether that is still under way.
    fn is_reloading(&self) -> bool {
        false
    }

    /// Whether its connections are encrypted.
    fn is_encrypted(&self) -> bool {
        false
    }

    /// Whether this connection, of which nothing was told yet, waits until the program gives the certificate of this client:
    /// there is no socket then. For reports.
    fn awaits_own_certificate(&self, number: ConnectionNumber) -> bool {
        let _ = number;
        false
    }

    /// How this connection is encrypted, once it is made; for reports.
    fn connection_encryption(&self, number: ConnectionNumber) -> Option<ConnectionEncryption> {
        let _ = number;
        None
    }

    /// The certificate that it shows to brokers that ask for one; for reports.
    fn own_certificate(&self) -> Option<CertificateSummary> {
        None
    }

    /// Ends a waiting [`poll`](Self::poll), or the next one, from any thread.
    fn waker(&self) -> Waker;

    /// Closes everything and gives back what belongs to the polling thread. Nothing is called afterwards.
    fn shutdown(&mut self);
}
