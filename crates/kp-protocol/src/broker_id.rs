//! Which broker, where it is reached, and how new a claim to lead a partition is.

use crate::text::shown;
use std::fmt;
use std::sync::Arc;

/// A broker's number. Negative numbers (−1, −2, …) are entries of the bootstrap list, whose real ids are not known yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BrokerId(pub i32);

impl BrokerId {
    /// Whether this stands for an entry of the bootstrap list.
    #[must_use]
    pub fn is_bootstrap(self) -> bool {
        self.0 < 0
    }
}

impl fmt::Display for BrokerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where a broker is reached. Cloning is cheap. Shown as `host:port`, with what is not harmless in it escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerAddress {
    /// Its number.
    pub id: BrokerId,
    /// Host name or literal address, without brackets.
    pub host: Arc<str>,
    /// TCP port.
    pub port: u16,
    /// Its rack (`broker.rack`), if it says one.
    pub rack: Option<Arc<str>>,
}

impl fmt::Display for BrokerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (host, port) = (shown(&self.host), self.port);
        if self.host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

/// How often a partition has changed its leader; newer wins (KIP-320).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaderEpoch(pub i32);

impl fmt::Display for LeaderEpoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
