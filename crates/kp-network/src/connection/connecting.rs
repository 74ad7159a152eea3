//! An attempt before there are bytes: the address is looked for, then the socket is connected.

use super::{Channel, Doubt};
use crate::ConnectionNumber;
use std::net::SocketAddr;

/// The attempt has begun; an address is being looked for, or will be with the next `poll`.
#[derive(Debug)]
pub(crate) struct Resolving {
    pub(crate) number: ConnectionNumber,
    /// The address, while its name is being looked for.
    pub(crate) named: Option<SocketAddr>,
}

impl Resolving {
    /// There is an address: on to the socket.
    pub(crate) fn found(self, address: SocketAddr, doubt: Option<Doubt>) -> Connecting {
        Connecting { number: self.number, address, is_encrypting: false, doubt }
    }
}

/// The socket is being connected, then perhaps encrypted.
#[derive(Debug)]
pub(crate) struct Connecting {
    pub(crate) number: ConnectionNumber,
    pub(crate) address: SocketAddr,
    /// There is a socket, on which the client cannot speak yet.
    pub(crate) is_encrypting: bool,
    /// What another one has left open: this one asks first what listens there.
    pub(crate) doubt: Option<Doubt>,
}

impl Connecting {
    /// The socket is connected: bytes may go. Responses above `max_response_size` bytes will be refused.
    pub(crate) fn connected(self, max_response_size: usize) -> Channel {
        Channel::new(self.number, self.address, max_response_size)
    }
}
