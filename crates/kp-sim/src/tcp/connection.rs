//! One connection: frames in, requests carried out one after the other, answers out in the same order.

use std::io::{self, BufReader, BufWriter, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;

use bytes::Bytes;
use kp_protocol::{BrokerId, DEFAULT_MAX_FRAME};

use super::handle::{Cluster, now};
use super::options::Served;
use super::stream::Stream;
use crate::Reply;

/// Small frames come in by the dozen with one read; a large one is read straight into its own memory.
const READ_BUFFER: usize = 16 * 1024;
const WRITE_BUFFER: usize = 64 * 1024;

/// What to do with a connection after a request.
#[derive(PartialEq, Eq)]
enum Next {
    Read,
    Close,
}

pub(super) struct Connection {
    stream: Arc<TcpStream>,
    broker: BrokerId,
    number: u64,
    cluster: Cluster,
    served: Served,
}

impl Connection {
    pub(super) fn new(stream: Arc<TcpStream>, broker: BrokerId, cluster: Cluster, served: Served) -> Self {
        Self { stream, broker, number: cluster.new_connection(), cluster, served }
    }

    /// Serves the connection until either side closes it. An error is not reported: the client sees the connection end.
    pub(super) fn serve(self, is_stopped: &dyn Fn() -> bool) {
        drop(self.serve_stream(is_stopped));
        drop(self.stream.shutdown(Shutdown::Both));
        self.cluster.lock().connection_closed(self.number);
    }

    fn serve_stream(&self, is_stopped: &dyn Fn() -> bool) -> io::Result<()> {
        self.stream.set_nodelay(true)?;
        let stream = self.stream()?;
        let served = self.serve_requests(&stream, is_stopped);
        stream.say_farewell();
        served
    }

    #[cfg(feature = "tls")]
    fn stream(&self) -> io::Result<Stream<'_>> {
        match &self.served.tls {
            Some(tls) => Stream::tls(&self.stream, tls),
            None => Ok(Stream::plain(&self.stream)),
        }
    }

    #[cfg(not(feature = "tls"))]
    fn stream(&self) -> io::Result<Stream<'_>> {
        let Served {} = self.served;
        Ok(Stream::plain(&self.stream))
    }

    fn serve_requests(&self, stream: &Stream<'_>, is_stopped: &dyn Fn() -> bool) -> io::Result<()> {
        let mut reader = BufReader::with_capacity(READ_BUFFER, stream);
        let mut writer = BufWriter::with_capacity(WRITE_BUFFER, stream);
        while let Some(frame) = read_frame(&mut reader)? {
            let request = self.cluster.reader.read(&frame);
            let (now, timestamp_ms) = now();
            let reply = self.cluster.lock().handle(now, timestamp_ms, self.broker, self.number, request);
            if self.carry_out(reply, &mut writer, is_stopped)? == Next::Close {
                break;
            }
            // Answers to pipelined requests leave together, once no further request is in.
            if !starts_with_frame(reader.buffer()) {
                writer.flush()?;
            }
        }
        writer.flush()
    }

    fn carry_out(
        &self,
        reply: Reply,
        writer: &mut impl Write,
        is_stopped: &dyn Fn() -> bool,
    ) -> io::Result<Next> {
        let reply = match reply {
            Reply::Later(fetch) => {
                writer.flush()?;
                self.cluster.wait(fetch, is_stopped).unwrap_or(Reply::Close)
            }
            reply => reply,
        };
        match reply {
            Reply::Answer(segments) => {
                segments.iter().try_for_each(|segment| writer.write_all(segment))?;
                Ok(Next::Read)
            }
            Reply::LastAnswer(segments) => {
                segments.iter().try_for_each(|segment| writer.write_all(segment))?;
                Ok(Next::Close)
            }
            Reply::Silence => Ok(Next::Read),
            Reply::Stall => {
                writer.flush()?;
                self.cluster.wait_until(is_stopped);
                Ok(Next::Close)
            }
            // `wait` answers `Later` never: it waits on.
            Reply::Close | Reply::Later(_) => Ok(Next::Close),
        }
    }
}

/// Whether a whole frame is in already, so that going on will not wait.
fn starts_with_frame(buffered: &[u8]) -> bool {
    let Some((size, rest)) = buffered.split_first_chunk() else { return false };
    usize::try_from(i32::from_be_bytes(*size)).is_ok_and(|size| size <= rest.len())
}

/// The next frame without its size; `None` at the end of the stream, or if what comes is no frame.
fn read_frame(reader: &mut impl Read) -> io::Result<Option<Bytes>> {
    let mut size = [0; 4];
    match reader.read_exact(&mut size) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    match usize::try_from(i32::from_be_bytes(size)) {
        Ok(size) if size <= DEFAULT_MAX_FRAME => {
            // Zeroed pages are mapped when they are written to, so an announced size alone costs nothing.
            let mut frame = vec![0; size];
            reader.read_exact(&mut frame)?;
            Ok(Some(Bytes::from(frame)))
        }
        _ => Ok(None),
    }
}
