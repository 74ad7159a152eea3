//! The bytes of one connection: frames in, one request at a time out. Knows sizes, not what is in a frame.
//! Owned by the connection's state; the bytes themselves come and go through [`Selectable`].

use crate::counters::Counted;
use crate::{ConnectionNumber, Selectable};
use bytes::Bytes;
use kp_protocol::{FrameReader, ProtocolError};
use std::fmt;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::task::{Poll, ready};

/// Room made for a read when no frame announces more.
const READ_SIZE: usize = 16 * 1024;
/// The most room made for a read, whatever a frame announces: memory follows what came, not what was promised.
const READ_SIZE_MAX: usize = 1024 * 1024;
/// Pieces given to one write; the array lives on the stack (16 bytes each).
const SLICES: usize = 256;

/// One connected socket's reader and writer.
#[derive(Debug)]
pub(crate) struct Channel {
    number: ConnectionNumber,
    address: SocketAddr,
    reader: FrameReader,
    outgoing: Outgoing,
    /// The sizes of requests that were begun and are not counted yet.
    begun: Vec<usize>,
}

/// The request that is being written: its pieces, and how far it got.
#[derive(Default)]
struct Outgoing {
    pieces: Vec<Bytes>,
    /// Pieces before this one are written.
    next: usize,
    /// Bytes of the next piece that are written.
    offset: usize,
}

impl Channel {
    pub(crate) fn new(number: ConnectionNumber, address: SocketAddr, max_frame: usize) -> Self {
        let (reader, outgoing) = (FrameReader::with_limit(max_frame), Outgoing::default());
        Self { number, address, reader, outgoing, begun: Vec::new() }
    }

    pub(crate) fn number(&self) -> ConnectionNumber {
        self.number
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on a frame of the broker may have so many bytes.
    pub(crate) fn set_max_frame(&mut self, max_frame: usize) {
        self.reader.set_limit(max_frame);
    }

    /// Whether a request is not completely written yet.
    pub(crate) fn is_writing(&self) -> bool {
        self.outgoing.next < self.outgoing.pieces.len()
    }

    /// Whether some of the request being written has left.
    pub(crate) fn has_begun_writing(&self) -> bool {
        self.outgoing.next > 0 || self.outgoing.offset > 0
    }

    /// Takes a request: its head, then the pieces of its body. The previous one must be written (NC6).
    pub(crate) fn begin(&mut self, head: Bytes, body: impl IntoIterator<Item = Bytes>) {
        debug_assert!(!self.is_writing(), "a request only when the previous one is completely written");
        self.outgoing.clear();
        self.follow(head, body);
    }

    /// Puts a request behind whatever is being written: while versions are asked for, nothing else is in flight.
    pub(crate) fn follow(&mut self, head: Bytes, body: impl IntoIterator<Item = Bytes>) {
        let mut size = head.len();
        self.outgoing.pieces.push(head);
        // An empty piece would look like a write that takes nothing.
        let body = body.into_iter().filter(|piece| !piece.is_empty());
        self.outgoing.pieces.extend(body.inspect(|piece| size += piece.len()));
        self.begun.push(size);
    }

    /// Writes until the request is out or the socket takes no more (NC29). Ready: nothing is left to write.
    pub(crate) fn write<S: Selectable>(
        &mut self,
        socket: &mut S,
        counters: &mut Counted<'_>,
    ) -> Poll<io::Result<()>> {
        self.begun.drain(..).for_each(|size| counters.requested(size));
        while self.is_writing() {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let count = self.outgoing.fill(&mut slices);
            let written = ready!(socket.write(self.number, &slices[..count]))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            counters.wrote(written);
            self.outgoing.advance(written);
        }
        // The payload's memory goes back as soon as it has no other holder.
        self.outgoing.clear();
        Poll::Ready(Ok(()))
    }

    /// Reads once. Ready with 0: the other side has closed.
    pub(crate) fn read<S: Selectable>(
        &mut self,
        socket: &mut S,
        counters: &mut Counted<'_>,
    ) -> Poll<io::Result<usize>> {
        let room = self.reader.missing().clamp(READ_SIZE, READ_SIZE_MAX);
        let buffer = self.reader.buffer_mut();
        if buffer.capacity() - buffer.len() < READ_SIZE / 2 {
            buffer.reserve(room);
        }
        let read = ready!(socket.read(self.number, buffer))?;
        if read > 0 {
            counters.read(read);
        }
        Poll::Ready(Ok(read))
    }

    /// What came and is no frame, or none yet.
    pub(crate) fn unread(&self) -> &[u8] {
        self.reader.unread()
    }

    /// The next whole frame, a slice of what was read.
    pub(crate) fn next_frame(&mut self) -> Result<Option<Bytes>, ProtocolError> {
        self.reader.next_frame()
    }
}

/// Without the bytes: a password may be among them.
impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pieces, next, offset } = self;
        write!(f, "Outgoing({} pieces, {next} written and {offset} bytes)", pieces.len())
    }
}

impl Outgoing {
    /// Keeps the list's memory.
    fn clear(&mut self) {
        self.pieces.clear();
        (self.next, self.offset) = (0, 0);
    }

    /// Puts what is left into `slices`, as much as fits; answers how many were used.
    fn fill<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let left = &self.pieces[self.next..];
        let mut offset = self.offset;
        for (slice, piece) in slices.iter_mut().zip(left) {
            *slice = IoSlice::new(&piece[offset..]);
            offset = 0;
        }
        left.len().min(slices.len())
    }

    /// So many more bytes are written.
    fn advance(&mut self, mut written: usize) {
        while let Some(piece) = self.pieces.get(self.next) {
            let left = piece.len() - self.offset;
            if written < left {
                self.offset += written;
                return;
            }
            written -= left;
            (self.next, self.offset) = (self.next + 1, 0);
        }
        debug_assert_eq!(written, 0, "a socket cannot take more than it was given");
    }
}
