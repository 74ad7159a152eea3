//! The bytes of a connection, plain or within TLS. One thread reads and writes.

use std::io::{self, Read, Write};
use std::net::TcpStream;

#[cfg(feature = "tls")]
use super::tls::EmbeddedTls;
#[cfg(feature = "tls")]
use rustls::{ServerConnection, StreamOwned};
#[cfg(feature = "tls")]
use std::cell::RefCell;

/// A socket as its owner reads and writes it; borrowed twice, for a buffer on each way.
pub(super) enum Stream<'a> {
    Plain(&'a TcpStream),
    #[cfg(feature = "tls")]
    Tls(Box<RefCell<StreamOwned<ServerConnection, &'a TcpStream>>>),
}

impl<'a> Stream<'a> {
    pub(super) fn plain(socket: &'a TcpStream) -> Self {
        Self::Plain(socket)
    }

    /// The handshake is part of the first read.
    #[cfg(feature = "tls")]
    pub(super) fn tls(socket: &'a TcpStream, tls: &EmbeddedTls) -> io::Result<Self> {
        let session = ServerConnection::new(tls.config()).map_err(io::Error::other)?;
        Ok(Self::Tls(Box::new(RefCell::new(StreamOwned::new(session, socket)))))
    }

    /// Says farewell, where that is a custom.
    pub(super) fn say_farewell(&self) {
        #[cfg(feature = "tls")]
        if let Self::Tls(stream) = self {
            let StreamOwned { conn, sock } = &mut *stream.borrow_mut();
            conn.send_close_notify();
            // Written by hand: a stream would first wait for the end of a handshake. The other side may be gone already.
            while conn.wants_write() && conn.write_tls(sock).is_ok() {}
        }
    }
}

impl Read for &Stream<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(socket) => (&mut &**socket).read(into),
            #[cfg(feature = "tls")]
            Stream::Tls(stream) => stream.borrow_mut().read(into),
        }
    }
}

impl Write for &Stream<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(socket) => (&mut &**socket).write(bytes),
            #[cfg(feature = "tls")]
            Stream::Tls(stream) => stream.borrow_mut().write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Stream::Plain(socket) => (&mut &**socket).flush(),
            #[cfg(feature = "tls")]
            Stream::Tls(stream) => stream.borrow_mut().flush(),
        }
    }
}
