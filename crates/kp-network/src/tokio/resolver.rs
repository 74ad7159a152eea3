//! Names to addresses, on threads of their own: `getaddrinfo` blocks. Started by the polling thread when there is something to
//! look up; each ends when nothing is left to do.

use super::bell::Bell;
use super::desk::{Desk, Threads};
use crate::ConnectionNumber;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;

/// Look-ups at a time: a name server that hangs for one name must not keep the others waiting.
const THREADS: Threads = Threads { most: 8, most_lost: 0 };

/// What the system said about a name.
pub(super) type Answer = Result<Vec<SocketAddr>, Arc<str>>;

/// A name with its port.
type Question = (String, u16);

/// Looks names up without blocking its owner.
#[derive(Debug)]
pub(super) struct Resolver(Desk<Question, Answer>);

impl Resolver {
    /// A resolver that nudges `bell` when it has an answer. Starts no thread yet.
    pub(super) fn new(bell: Arc<Bell>) -> Self {
        Self(Desk::new(bell, THREADS, "kafka-producer-resolver", look_up))
    }

    /// Looks up `host`; the answer comes out of [`take_answers`](Self::take_answers), after a nudge.
    pub(super) fn ask(&self, number: ConnectionNumber, host: &str, port: u16) {
        self.0.ask(number, (host.to_owned(), port), |_, error| {
            Err(format!("no thread to look the name up: {error}").into())
        });
    }

    /// The answer is not wanted any more.
    pub(super) fn forget(&self, number: ConnectionNumber) {
        self.0.forget(number);
    }

    /// The answers since the last time.
    pub(super) fn take_answers(&self) -> Vec<(ConnectionNumber, Answer)> {
        self.0.take_done()
    }
}

fn look_up((host, port): Question) -> Answer {
    let found = (host.as_str(), port).to_socket_addrs();
    found.map(Iterator::collect).map_err(|error| error.to_string().into())
}
