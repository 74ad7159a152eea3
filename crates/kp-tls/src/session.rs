//! One connection: bytes of the client on one side, records of TLS on the other. Moves them through the selector
//! below; decides nothing but when it must end. Memory: ciphertext to be sent up to [`SEND_LIMIT`], what came up to two
//! records.

use crate::askers::Askers;
use crate::client::TlsClient;
use crate::current::Facts;
use crate::failure::{self, Seen};
use crate::server_name::server_name;
use crate::shown_identity::watched;
use crate::{CertificateFacts, Encryption};
use bytes::{Buf, BytesMut};
use kp_network::{ConnectError, ConnectionNumber, Selectable, TlsFailure, TlsFailureKind};
use rustls::{ClientConnection, HandshakeKind, ProtocolVersion};
use std::io::{self, IoSlice, Read, Write};
use std::sync::Arc;
use std::task::{Poll, ready};

/// Plaintext that is encrypted at once, and waits for the socket as ciphertext: seven whole records. With them a connection
/// holds less than 128 KiB, and what is freed when they are written is less than what glibc gives back to the system at
/// once (128 KiB), only to fault it in again for the next ones.
const SEND_LIMIT: usize = 7 * 16 * 1024;
/// How much is read from the socket at once.
pub(crate) const READ_SIZE: usize = 16 * 1024;
/// `rustls` takes no more ciphertext while more plaintext than this waits.
const PLAINTEXT_LIMIT: usize = 16 * 1024;
/// Reads that may give nothing to the client before others have their turn: records without content are free to send.
const EMPTY_READS: usize = 16;

/// See the module.
#[derive(Debug)]
pub(crate) struct Session {
    number: ConnectionNumber,
    host: Box<str>,
    facts: Arc<Facts>,
    connection: ClientConnection,
    /// Read from the socket, while there was no room for its plaintext.
    unfed: BytesMut,
    first: First,
    /// The other side has closed, with or without a farewell.
    closed: bool,
    /// What is told once the plaintext before it is read.
    failure: Option<TlsFailure>,
    /// Whether the client has seen the connection.
    made: bool,
    /// The client's last write answered that it must wait.
    writer_waits: bool,
    /// The broker asked for a certificate of this client.
    was_asked: bool,
}

/// The first bytes that came.
#[derive(Debug, Default)]
struct First {
    bytes: [u8; 5],
    count: usize,
}

impl First {
    fn see(&mut self, bytes: &[u8]) {
        let count = bytes.len().min(self.bytes.len() - self.count);
        self.bytes[self.count..self.count + count].copy_from_slice(&bytes[..count]);
        self.count += count;
    }
}

impl Session {
    pub(crate) fn new(client: &TlsClient, number: ConnectionNumber, host: &str) -> Result<Self, TlsFailure> {
        let current = client.current();
        let host = current.facts.server_name.as_deref().unwrap_or(host);
        let name = server_name(host).map_err(|text| TlsFailure::new(TlsFailureKind::Certificate, text))?;
        let mut connection = ClientConnection::new(Arc::clone(&current.config), name)
            .map_err(|error| TlsFailure::new(TlsFailureKind::Protocol, error.to_string()))?;
        connection.set_buffer_limit(Some(SEND_LIMIT));
        Ok(Self {
            number,
            host: host.into(),
            facts: Arc::clone(&current.facts),
            connection,
            unfed: BytesMut::new(),
            first: First::default(),
            closed: false,
            failure: None,
            made: false,
            writer_waits: false,
            was_asked: false,
        })
    }

    /// Whether the handshake is over and the client has been told.
    pub(crate) fn is_made(&self) -> bool {
        self.made
    }

    /// How it is encrypted, once it is made.
    pub(crate) fn encryption(&self, askers: &Askers) -> Option<Encryption> {
        let version = match self.connection.protocol_version()? {
            ProtocolVersion::TLSv1_2 => "TLSv1.2",
            ProtocolVersion::TLSv1_3 => "TLSv1.3",
            _ => return None,
        };
        let suite = format!("{:?}", self.connection.negotiated_cipher_suite()?.suite());
        let certificates = self.connection.peer_certificates().unwrap_or_default();
        let is_resumed = self.connection.handshake_kind() == Some(HandshakeKind::Resumed);
        let was_asked = if is_resumed { askers.have(&self.host) } else { self.was_asked };
        self.made.then(|| Encryption {
            version,
            // `rustls` tells those of TLS 1.3 apart by a number that they do not have elsewhere.
            suite: suite.replacen("TLS13_", "TLS_", 1),
            is_resumed,
            certificates: certificates.iter().filter_map(|der| CertificateFacts::read(der)).collect(),
            wants_certificate: was_asked,
            shows_certificate: was_asked && self.facts.has_identity,
        })
    }

    /// Whether the broker asked for a certificate, for connections that take up this one.
    pub(crate) fn tell(&self, askers: &mut Askers) {
        if self.connection.handshake_kind() != Some(HandshakeKind::Resumed) {
            askers.note(&self.host, self.was_asked);
        }
    }

    /// Goes on with the handshake. Ready once it is over, and all of it is written.
    pub(crate) fn shake<S: Selectable>(
        &mut self,
        socket: &mut S,
        scratch: &mut BytesMut,
    ) -> Poll<Result<(), ConnectError>> {
        loop {
            let flushed = self.flush(socket)?;
            if !self.connection.is_handshaking() {
                ready!(flushed);
                self.made = true;
                return Poll::Ready(Ok(()));
            }
            ready!(self.take(socket, scratch))?;
            if let Some(failure) = self.failure.take() {
                return Poll::Ready(Err(failure.into()));
            }
            if self.closed && self.connection.is_handshaking() {
                return Poll::Ready(Err(failure::closed(self.seen()).into()));
            }
        }
    }

    /// Encrypts and writes, as [`Selectable::write`] does. What was taken may still wait for the socket.
    pub(crate) fn write<S: Selectable>(
        &mut self,
        socket: &mut S,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.flush(socket)?.is_pending() {
            self.writer_waits = true;
            return Poll::Pending;
        }
        let taken = self.connection.writer().write_vectored(fitting(slices))?;
        // A socket that takes no more says so again when there is more to take.
        let _ = self.flush(socket)?;
        Poll::Ready(Ok(taken))
    }

    /// The socket takes bytes again. Whether the client, which waits for that, can go on.
    pub(crate) fn on_writable<S: Selectable>(&mut self, socket: &mut S) -> bool {
        match self.flush(socket) {
            Ok(Poll::Pending) => false,
            // Of an error the client hears by its next write.
            Ok(Poll::Ready(())) | Err(_) => std::mem::take(&mut self.writer_waits),
        }
    }

    /// Reads and decrypts, as [`Selectable::read`] does. See [`ReadOutcome`].
    pub(crate) fn read<S: Selectable>(
        &mut self,
        socket: &mut S,
        scratch: &mut BytesMut,
        into: &mut BytesMut,
    ) -> Result<ReadOutcome, io::Error> {
        for _ in 0..EMPTY_READS {
            let read = self.drain(into)?;
            if read > 0 {
                return Ok(ReadOutcome::Read(read));
            }
            if let Some(failure) = &self.failure {
                return Err(broken(failure.clone()));
            }
            if self.closed {
                return Ok(ReadOutcome::Read(0));
            }
            if self.take(socket, scratch)?.is_pending() {
                return Ok(ReadOutcome::Pending);
            }
        }
        Ok(ReadOutcome::AskAgain)
    }

    /// Says farewell, if the socket takes it.
    pub(crate) fn farewell<S: Selectable>(&mut self, socket: &mut S) {
        if self.made && self.failure.is_none() {
            self.connection.send_close_notify();
            // The socket is closed whatever becomes of it.
            let _ = self.flush(socket);
        }
    }

    /// Plaintext that is there, within the spare capacity of `into`.
    fn drain(&mut self, into: &mut BytesMut) -> io::Result<usize> {
        let (length, room) = (into.len(), into.capacity() - into.len());
        into.resize(length + room, 0);
        let read = match self.connection.reader().read(&mut into[length..]) {
            Ok(read) => read,
            // Nothing there; or closed without a farewell, which `closed` says as well.
            Err(error)
                if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::UnexpectedEof) =>
            {
                0
            }
            Err(error) => {
                into.truncate(length);
                return Err(error);
            }
        };
        into.truncate(length + read);
        Ok(read)
    }

    /// Takes ciphertext: what had no room before, else what the socket has.
    fn take<S: Selectable>(&mut self, socket: &mut S, scratch: &mut BytesMut) -> Poll<io::Result<()>> {
        if !self.unfed.is_empty() {
            let mut unfed = std::mem::take(&mut self.unfed);
            self.feed(&mut unfed, socket);
            self.unfed = unfed;
            return Poll::Ready(Ok(()));
        }
        scratch.clear();
        scratch.reserve(READ_SIZE);
        let count = ready!(socket.read(self.number, scratch))?;
        if count == 0 {
            self.closed = true;
            return Poll::Ready(Ok(()));
        }
        self.first.see(scratch);
        self.feed(scratch, socket);
        if !scratch.is_empty() {
            self.unfed.extend_from_slice(scratch);
        }
        Poll::Ready(Ok(()))
    }

    /// Decrypts as much of `bytes` as there is room for. A failure ends them.
    fn feed<S: Selectable>(&mut self, bytes: &mut BytesMut, socket: &mut S) {
        while !bytes.is_empty() && !self.closed {
            let fed = self.connection.read_tls(&mut Fed(bytes));
            let processed = match fed {
                Ok(_) => {
                    let (processed, asked) = watched(|| self.connection.process_new_packets());
                    self.was_asked |= asked;
                    processed
                }
                Err(error) => Err(rustls::Error::General(error.to_string())),
            };
            match processed {
                Ok(state) => {
                    self.closed |= state.peer_has_closed();
                    if state.plaintext_bytes_to_read() >= PLAINTEXT_LIMIT {
                        return;
                    }
                }
                Err(error) => {
                    self.failure = Some(failure::of(&error, self.seen()));
                    break;
                }
            }
        }
        bytes.clear();
        // Alerts and renewed keys; an error is seen by the next read as well.
        let _ = self.flush(socket);
    }

    /// Writes ciphertext until there is none, or the socket takes no more.
    fn flush<S: Selectable>(&mut self, socket: &mut S) -> io::Result<Poll<()>> {
        while self.connection.wants_write() {
            match self.connection.write_tls(&mut Below { number: self.number, socket }) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Poll::Pending),
                Err(error) => return Err(error),
            }
        }
        Ok(Poll::Ready(()))
    }

    fn seen(&self) -> Seen<'_> {
        Seen { host: &self.host, facts: &self.facts, first: &self.first.bytes[..self.first.count] }
    }
}

/// What a read came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadOutcome {
    /// So many bytes; none: the other side has closed.
    Read(usize),
    /// The socket has no more, and will tell.
    Pending,
    /// The socket may have more: it will not tell.
    AskAgain,
}

/// The first of `slices`, as many as it takes to fill what is encrypted at once: `rustls` makes a list of all it is given,
/// and walks it for each record.
fn fitting<'a, 'b>(slices: &'a [IoSlice<'b>]) -> &'a [IoSlice<'b>] {
    let mut bytes = 0;
    let last = slices.iter().position(|slice| {
        bytes += slice.len();
        bytes >= SEND_LIMIT
    });
    last.map_or(slices, |last| &slices[..=last])
}

fn broken(failure: TlsFailure) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, failure)
}

/// Bytes that go into `rustls`.
struct Fed<'a>(&'a mut BytesMut);

impl Read for Fed<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.0.len().min(into.len());
        self.0.copy_to_slice(&mut into[..count]);
        Ok(count)
    }
}

/// The socket below, as `rustls` writes to it.
struct Below<'a, S> {
    number: ConnectionNumber,
    socket: &'a mut S,
}

impl<S: Selectable> Write for Below<'_, S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self.socket.write(self.number, slices) {
            Poll::Ready(written) => written,
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
