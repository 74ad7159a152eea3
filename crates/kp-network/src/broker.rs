//! One broker of the list: where it is, how its connection stands, how often it was tried.
//! Owned by [`NetworkClient`](crate::NetworkClient).

use crate::addresses::Addresses;
use crate::attempts::Attempts;
use crate::caution::Caution;
use crate::connection::Link;
use crate::secured::Secured;
use kp_protocol::BrokerAddress;
use std::sync::Arc;

/// What the client knows of one broker.
#[derive(Debug)]
pub(crate) struct Broker {
    pub(crate) address: BrokerAddress,
    /// Whether it is in the list; one that is not stays until its last request is answered.
    pub(crate) listed: bool,
    pub(crate) addresses: Addresses,
    pub(crate) attempts: Attempts,
    /// What its host is called by its address, if that is what counts.
    pub(crate) canonical: Option<Arc<str>>,
    pub(crate) caution: Caution,
    /// It wanted a login when it was tried last, and the client has none: the version of SaslHandshake in which it said so.
    pub(crate) wants_login: Option<i16>,
    pub(crate) link: Link,
    pub(crate) secured: Secured,
}

impl Broker {
    pub(crate) fn new(address: BrokerAddress) -> Self {
        Self {
            address,
            listed: true,
            addresses: Addresses::default(),
            attempts: Attempts::default(),
            canonical: None,
            caution: Caution::default(),
            wants_login: None,
            link: Link::Down,
            secured: Secured::default(),
        }
    }

    /// What a certificate and a ticket are for: its name, or its literal address.
    pub(crate) fn host(&self) -> Arc<str> {
        Arc::clone(self.canonical.as_ref().unwrap_or(&self.address.host))
    }

    /// Whether `address` leads elsewhere than the one known (NC17).
    pub(crate) fn is_elsewhere(&self, address: &BrokerAddress) -> bool {
        self.address.host != address.host || self.address.port != address.port
    }

    /// Where `link` was tried, for events: `host:port`, or `host:port (1.2.3.4)` if the host is a name.
    pub(crate) fn describe(&self, link: &Link) -> Arc<str> {
        let place = &self.address;
        match link.address().map(|address| address.ip()) {
            Some(ip) if place.host.parse() != Ok(ip) => format!("{place} ({ip})").into(),
            _ => place.to_string().into(),
        }
    }
}
