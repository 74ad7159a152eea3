//! The numbers of connections: each is given once, and leads to its broker until the connection has ended.

use crate::ConnectionNumber;
use kp_protocol::BrokerId;
use std::collections::BTreeMap;

/// See the module. Owned by the client.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    /// Only attempts and connections that have not ended.
    brokers: BTreeMap<ConnectionNumber, BrokerId>,
    last: u64,
}

impl Numbers {
    /// A new number, for an attempt to reach this broker.
    pub(super) fn begin(&mut self, broker: BrokerId) -> ConnectionNumber {
        self.last += 1;
        let number = ConnectionNumber(self.last);
        self.brokers.insert(number, broker);
        number
    }

    /// The attempt or connection has ended: events that still come with its number lead nowhere.
    pub(super) fn end(&mut self, number: ConnectionNumber) {
        self.brokers.remove(&number);
    }

    /// Whose connection it is, unless it has ended.
    pub(super) fn broker_of(&self, number: ConnectionNumber) -> Option<BrokerId> {
        self.brokers.get(&number).copied()
    }
}
