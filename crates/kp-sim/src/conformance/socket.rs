//! The cases over a socket: against the embedded broker, and against Apache Kafka.

#![allow(clippy::disallowed_methods, reason = "a real broker has real time, and is waited for in it")]

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::RangeInclusive;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use kp_protocol::FrameReader;
use kp_sasl::Secret;

use crate::KafkaVersion;

use super::{
    CaseResult, Door, Needs, SaslCaseResult, TransactionCaseResult, Wire, run_delegation_on, run_on,
    run_sasl_on, run_transactions_on,
};

/// Asks the broker at `address`, which is of `kafka`, every case in each of these Produce versions. It must be the only
/// one of its cluster, and take plain text. Topics that begin with `prefix` are created and stay there.
///
/// # Errors
/// The broker cannot be reached.
pub fn run(
    address: SocketAddr,
    kafka: KafkaVersion,
    versions: RangeInclusive<i16>,
    prefix: &str,
) -> io::Result<Vec<CaseResult>> {
    let mut wire = SocketWire { address, stream: connect(address)?, frames: FrameReader::default() };
    run_on(&mut wire, kafka, versions, prefix)
}

/// Asks the listener at `address` every case about logins that is for `door`; see [`Door`] for what it must be like.
///
/// # Errors
/// The broker cannot be reached.
pub fn run_sasl(address: SocketAddr, door: Door) -> io::Result<Vec<SaslCaseResult>> {
    let mut wire = SocketWire { address, stream: connect(address)?, frames: FrameReader::default() };
    run_sasl_on(&mut wire, door)
}

/// Asks the listener at `address`, one of [`Door::Login`], every case about the delegation token of this id and HMAC, which its
/// broker has given out.
///
/// # Errors
/// The broker cannot be reached.
pub fn run_delegation(address: SocketAddr, id: &str, hmac: &Secret) -> io::Result<Vec<SaslCaseResult>> {
    let mut wire = SocketWire { address, stream: connect(address)?, frames: FrameReader::default() };
    run_delegation_on(&mut wire, id, hmac)
}

/// Asks the broker at `address`, which is of `kafka`, every case about transactions that needs nothing but what is in `has`. It
/// must be the only one of its cluster, and take plain text. Topics, groups and transactional ids that begin with `prefix` are
/// created and stay there.
///
/// # Errors
/// The broker cannot be reached.
pub fn run_transactions(
    address: SocketAddr,
    kafka: KafkaVersion,
    has: &[Needs],
    prefix: &str,
) -> io::Result<Vec<TransactionCaseResult>> {
    let mut wire = SocketWire { address, stream: connect(address)?, frames: FrameReader::default() };
    run_transactions_on(&mut wire, kafka, has, prefix)
}

/// How long to wait for an answer, or for the connection to be closed.
const PATIENCE: Duration = Duration::from_secs(10);

struct SocketWire {
    address: SocketAddr,
    stream: TcpStream,
    frames: FrameReader,
}

fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

impl Wire for SocketWire {
    fn send(&mut self, bytes: Bytes) -> io::Result<()> {
        self.stream.write_all(&bytes)
    }

    fn receive(&mut self) -> io::Result<Option<Bytes>> {
        let mut chunk = [0; 4096];
        loop {
            if let Some(frame) = self.frames.next_frame().map_err(io::Error::other)? {
                return Ok(Some(frame));
            }
            match self.stream.read(&mut chunk) {
                Ok(0) => return Ok(None),
                Ok(read) => self.frames.extend(&chunk[..read]),
                // A broker that closes with unread bytes in its buffer resets the connection.
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }

    fn reconnect(&mut self) -> io::Result<()> {
        self.stream = connect(self.address)?;
        self.frames = FrameReader::default();
        Ok(())
    }

    fn pause(&mut self) {
        std::thread::sleep(Duration::from_millis(10));
    }

    fn timestamp_ms(&self) -> i64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
    }
}
