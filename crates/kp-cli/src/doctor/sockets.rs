//! What can be learnt below Kafka: the addresses of a name, which of them take a connection, and what a listener answers
//! to the first words of another protocol.
//!
//! Owns: the sockets of the network client, used without the client, which speaks nothing but Kafka. Never: Kafka.

use std::{
    io::{self, IoSlice},
    net::SocketAddr,
    sync::Arc,
    task::Poll,
    time::{Duration, Instant},
};

use bytes::BytesMut;
use kp_network::{ConnectError, ConnectionNumber, Dial, Selectable, SelectorEvent, TokioSelector, Wait};

/// How long a name server may take.
const RESOLVE_WITHIN: Duration = Duration::from_secs(30);
/// How long a connection may take to be made.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// How long a listener that is no broker may take for its first bytes.
const FIRST_BYTES_WITHIN: Duration = Duration::from_secs(2);
/// How many bytes of an answer are enough.
const FIRST_BYTES: usize = 16;

/// One thing at a time, each with a connection of its own.
pub(super) struct Sockets {
    selector: Box<dyn Selectable>,
    last: u64,
    found: Vec<SelectorEvent>,
}

impl Sockets {
    /// Sockets of the system.
    pub(super) fn new() -> Self {
        Self { selector: Box::new(TokioSelector::new(None, None)), last: 0, found: Vec::new() }
    }

    /// Every address of a name, each once.
    ///
    /// # Errors
    /// The resolver's words.
    pub(super) fn resolve(&mut self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Arc<str>> {
        let number = self.next();
        self.selector.resolve(number, host, port);
        let answer = self.wait(number, Instant::now() + RESOLVE_WITHIN);
        self.selector.close(number);
        let mut addresses = match answer {
            Some(SelectorEvent::Resolved { result, .. }) => result?,
            _ => {
                return Err(format!("no answer within {} s", RESOLVE_WITHIN.as_secs()).into());
            }
        };
        addresses.dedup();
        if addresses.is_empty() { Err("the name has no address".into()) } else { Ok(addresses) }
    }

    /// How long an address takes to take a connection, which is closed at once.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn reach(&mut self, host: &str, address: SocketAddr) -> io::Result<Duration> {
        let begun = Instant::now();
        let number = self.connect(host, address)?;
        let took = begun.elapsed();
        self.selector.close(number);
        Ok(took)
    }

    /// What a listener says first to these bytes, at the first address that takes a connection; nothing if it says nothing.
    pub(super) fn first_bytes(&mut self, host: &str, addresses: &[SocketAddr], hello: &[u8]) -> BytesMut {
        let mut answer = BytesMut::with_capacity(FIRST_BYTES);
        let connected = addresses.iter().find_map(|address| self.connect(host, *address).ok());
        let Some(number) = connected else { return answer };
        let until = Instant::now() + FIRST_BYTES_WITHIN;
        if self.write_all(number, hello, until) {
            // Whatever ends it, what came until then is the answer.
            while self.selector.read(number, &mut answer).is_pending() && self.wait(number, until).is_some() {
            }
        }
        self.selector.close(number);
        answer
    }

    fn connect(&mut self, host: &str, address: SocketAddr) -> io::Result<ConnectionNumber> {
        let number = self.next();
        self.selector.connect(Dial::new(number, address, host));
        match self.wait(number, Instant::now() + CONNECT_WITHIN) {
            Some(SelectorEvent::Connected { .. }) => Ok(number),
            Some(SelectorEvent::ConnectFailed { error: ConnectError::Io(error), .. }) => Err(error),
            Some(SelectorEvent::ConnectFailed { error, .. }) => Err(io::Error::other(error.to_string())),
            _ => {
                self.selector.close(number);
                Err(io::Error::new(io::ErrorKind::TimedOut, "connection timed out"))
            }
        }
    }

    /// Whether all of it was written in time.
    fn write_all(&mut self, number: ConnectionNumber, mut left: &[u8], until: Instant) -> bool {
        while !left.is_empty() {
            match self.selector.write(number, &[IoSlice::new(left)]) {
                Poll::Ready(Ok(written @ 1..)) => left = &left[written..],
                Poll::Ready(_) => return false,
                Poll::Pending if self.wait(number, until).is_none() => return false,
                Poll::Pending => {}
            }
        }
        true
    }

    /// What happens next to a connection; `None` if that is nothing until then.
    fn wait(&mut self, number: ConnectionNumber, until: Instant) -> Option<SelectorEvent> {
        loop {
            self.found.clear();
            self.selector.poll(Wait::Until(until), &mut self.found);
            let found = self.found.drain(..).find(|event| event.number() == number);
            if found.is_some() || Instant::now() >= until {
                return found;
            }
        }
    }

    fn next(&mut self) -> ConnectionNumber {
        self.last += 1;
        ConnectionNumber(self.last)
    }
}
