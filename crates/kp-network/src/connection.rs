//! One broker's connection, as states that consume themselves. What each may be asked, only its type has.
//!
//! ```text
//!   Down ──► Resolving ──► Connecting ──► CheckingVersions ──► Ready
//!     ▲          │              │            │  ▲    │            │
//!     └──────────┴──────────────┴────────────┼──┘────┴────────────┘
//!                                            └ a lower version is offered
//! ```
//! A broker that is taken to be old without asking goes from `Connecting` to `Ready`. A later step puts its SASL rooms
//! between `CheckingVersions` and `Ready`.

mod api_versions;
mod channel;
mod connecting;
mod probe;
mod ready;

pub(crate) use api_versions::{Checked, CheckingVersions};
pub(crate) use channel::Channel;
pub(crate) use connecting::{Connecting, Resolving};
pub(crate) use ready::{Answer, Ready};

use crate::ConnectionNumber;
use std::net::SocketAddr;

/// Where a broker's connection stands.
#[derive(Debug)]
pub(crate) enum Link {
    /// Not connected and not connecting.
    Down,
    /// An attempt has begun; its address is being found.
    Resolving(Resolving),
    /// The socket is being connected.
    Connecting(Connecting),
    /// Connected; what the broker speaks is being asked.
    CheckingVersions(CheckingVersions),
    /// Takes requests. Boxed: the largest, and the only one that stays.
    Ready(Box<Ready>),
}

impl Link {
    /// The number of the attempt or connection, if there is one.
    pub(crate) fn number(&self) -> Option<ConnectionNumber> {
        match self {
            Self::Down => None,
            Self::Resolving(resolving) => Some(resolving.number),
            Self::Connecting(connecting) => Some(connecting.number),
            Self::CheckingVersions(checking) => Some(checking.channel.number()),
            Self::Ready(ready) => Some(ready.channel.number()),
        }
    }

    /// The bytes in and out, once there are some.
    pub(crate) fn channel_mut(&mut self) -> Option<&mut Channel> {
        match self {
            Self::Down | Self::Resolving(_) | Self::Connecting(_) => None,
            Self::CheckingVersions(checking) => Some(&mut checking.channel),
            Self::Ready(ready) => Some(&mut ready.channel),
        }
    }

    /// The address in use, once there is one.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Down | Self::Resolving(_) => None,
            Self::Connecting(connecting) => Some(connecting.address),
            Self::CheckingVersions(checking) => Some(checking.channel.address()),
            Self::Ready(ready) => Some(ready.channel.address()),
        }
    }

    /// Whether the socket was connected.
    pub(crate) fn was_connected(&self) -> bool {
        match self {
            Self::Down | Self::Resolving(_) | Self::Connecting(_) => false,
            Self::CheckingVersions(_) | Self::Ready(_) => true,
        }
    }

    /// The ready connection, if it is one.
    pub(crate) fn ready_mut(&mut self) -> Option<&mut Ready> {
        match self {
            Self::Ready(ready) => Some(ready),
            Self::Down | Self::Resolving(_) | Self::Connecting(_) | Self::CheckingVersions(_) => None,
        }
    }

    /// Whether a request of the caller is not completely written.
    pub(crate) fn is_writing(&self) -> bool {
        match self {
            Self::Ready(ready) => ready.channel.is_writing(),
            Self::Down | Self::Resolving(_) | Self::Connecting(_) | Self::CheckingVersions(_) => false,
        }
    }

    /// How many requests of the caller are unanswered.
    pub(crate) fn unanswered(&self) -> usize {
        match self {
            Self::Ready(ready) => ready.unanswered(),
            Self::Down | Self::Resolving(_) | Self::Connecting(_) | Self::CheckingVersions(_) => 0,
        }
    }
}
