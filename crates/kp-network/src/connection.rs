//! One broker's connection, as states that consume themselves. What each may be asked, only its type has.
//!
//! ```text
//!   Down ──► Setup ──► Ready
//!     ▲        │         │
//!     └────────┴─────────┘
//! ```
//! The stages of a set-up, and where another one goes, stand in [`setup`].

mod api_versions;
mod authenticating;
mod channel;
mod connecting;
mod in_flight;
mod login;
mod probe;
mod question;
mod ready;
mod sasl_messages;
mod session;
mod setup;
mod spoken;
mod stage;

pub(crate) use channel::Channel;
pub(crate) use login::Login;
pub(crate) use question::Doubt;
pub(crate) use ready::{Answer, Own, Ready, Taken};
pub(crate) use sasl_messages::{Broken, token_body};
pub(crate) use session::Session;
pub(crate) use setup::{Setup, Step};
pub(crate) use stage::SetupContext;

use crate::{ConnectionNumber, OtherProtocol, Reached};
use api_versions::{Behind, Checked, CheckingVersions};
use authenticating::{Authenticated, Authenticating};
use connecting::{Connecting, Resolving};
use in_flight::{Answered, InFlight, Request};
use kp_protocol::BrokerVersions;
use kp_sasl::SaslExchange;
use question::Asking;
use spoken::Spoken;
use stage::Progress;
use std::net::SocketAddr;

/// Where a broker's connection stands.
#[derive(Debug)]
pub(crate) enum Link {
    /// Not connected and not connecting.
    Down,
    /// On its way to ready.
    Setup(Setup),
    /// Takes requests. Boxed: the largest, and the only one that stays.
    Ready(Box<Ready>),
}

impl Link {
    /// The number of the attempt or connection, if there is one.
    pub(crate) fn number(&self) -> Option<ConnectionNumber> {
        match self {
            Self::Down => None,
            Self::Setup(setup) => Some(setup.number()),
            Self::Ready(ready) => Some(ready.channel.number()),
        }
    }

    /// The bytes in and out, once there are some.
    pub(crate) fn channel_mut(&mut self) -> Option<&mut Channel> {
        match self {
            Self::Down => None,
            Self::Setup(setup) => setup.channel_mut(),
            Self::Ready(ready) => Some(&mut ready.channel),
        }
    }

    /// The address in use, once there is one.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Down => None,
            Self::Setup(setup) => setup.address(),
            Self::Ready(ready) => Some(ready.channel.address()),
        }
    }

    /// The protocol that the other side speaks, if it is none of Kafka's and was recognised. Bytes that come after
    /// a broker's answer are never taken for another protocol.
    pub(crate) fn other_protocol(&self) -> Option<OtherProtocol> {
        let channel = match self {
            Self::Setup(setup) if !setup.has_answered() => setup.channel()?,
            Self::Ready(ready) if !ready.has_answered() => &ready.channel,
            Self::Down | Self::Setup(_) | Self::Ready(_) => return None,
        };
        OtherProtocol::recognise(channel.unread())
    }

    /// Whether the socket was connected, and with TLS if it is to be.
    pub(crate) fn was_connected(&self) -> bool {
        match self {
            Self::Down => false,
            Self::Setup(setup) => setup.channel().is_some() && !setup.is_asking(),
            Self::Ready(_) => true,
        }
    }

    /// How far it has come, or `None` if it has not begun. The broker's name has so many addresses that are `untried`.
    pub(crate) fn reached(&self, untried: usize) -> Option<Reached> {
        match self {
            Self::Down => None,
            Self::Setup(setup) => Some(setup.reached(untried)),
            Self::Ready(_) => Some(Reached::Ready),
        }
    }

    /// The set-up, if it is one.
    pub(crate) fn setup(&self) -> Option<&Setup> {
        match self {
            Self::Setup(setup) => Some(setup),
            Self::Down | Self::Ready(_) => None,
        }
    }

    /// As [`setup`](Self::setup), to go on with it.
    pub(crate) fn setup_mut(&mut self) -> Option<&mut Setup> {
        match self {
            Self::Setup(setup) => Some(setup),
            Self::Down | Self::Ready(_) => None,
        }
    }

    /// The ready connection, if it is one.
    pub(crate) fn ready_mut(&mut self) -> Option<&mut Ready> {
        match self {
            Self::Ready(ready) => Some(ready),
            Self::Down | Self::Setup(_) => None,
        }
    }

    /// What the broker speaks, if it has said that and nothing else, and owes an answer.
    pub(crate) fn unserved(&self) -> Option<&BrokerVersions> {
        match self {
            Self::Down => None,
            Self::Setup(setup) => setup.unserved(),
            Self::Ready(ready) => ready.unserved(),
        }
    }

    /// The exchange that it is in, if it is in one.
    pub(crate) fn exchange(&self) -> Option<&SaslExchange> {
        match self {
            Self::Down => None,
            Self::Setup(setup) => setup.exchange(),
            Self::Ready(ready) => ready.exchange(),
        }
    }

    /// As whom it is authenticated, or is being for the first time.
    pub(crate) fn login(&self) -> Option<Login> {
        match self {
            Self::Down => None,
            Self::Setup(setup) => setup.exchange().map(Login::of),
            Self::Ready(ready) => ready.login().cloned(),
        }
    }

    /// Whether a request of the caller is not completely written.
    pub(crate) fn is_writing(&self) -> bool {
        match self {
            Self::Ready(ready) => ready.channel.is_writing(),
            Self::Down | Self::Setup(_) => false,
        }
    }

    /// How many requests of the caller are unanswered.
    pub(crate) fn unanswered(&self) -> usize {
        match self {
            Self::Ready(ready) => ready.unanswered(),
            Self::Down | Self::Setup(_) => 0,
        }
    }
}
