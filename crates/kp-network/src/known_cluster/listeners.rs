//! Where Kafka was spoken: a listener that did so before is no TLS listener now, whatever number its broker has.
//! Owned by [`KnownCluster`](super::KnownCluster). Bounded by [`MOST`]; what does not fit is taken for never seen, which costs a hint only.

use kp_protocol::BrokerAddress;
use std::collections::BTreeSet;
use std::sync::Arc;

/// More addresses than any cluster has.
const MOST: usize = 10_000;

/// Hosts and ports at which a broker has answered.
#[derive(Debug, Default)]
pub(crate) struct KafkaListeners(BTreeSet<(Arc<str>, u16)>);

impl KafkaListeners {
    /// A broker has answered at this address.
    pub(crate) fn answered(&mut self, address: &BrokerAddress) {
        if self.0.len() < MOST {
            self.0.insert((Arc::clone(&address.host), address.port));
        }
    }

    /// Whether a broker ever answered there.
    pub(crate) fn has_answered(&self, address: &BrokerAddress) -> bool {
        self.0.contains(&(Arc::clone(&address.host), address.port))
    }
}
