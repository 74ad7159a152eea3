//! What each address said when it could not be used, for the error of those who wait for metadata in vain.
//! Owner: the sender core. Bounded by the number of brokers: one entry each, dropped when it connects or leaves.

use kp_protocol::BrokerId;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

/// The last failure of each address.
#[derive(Debug, Default)]
pub(crate) struct Unreachable {
    failures: BTreeMap<BrokerId, Failure>,
}

#[derive(Debug)]
struct Failure {
    address: Arc<str>,
    reason: Arc<str>,
}

impl Unreachable {
    pub(crate) fn failed(&mut self, broker: BrokerId, address: Arc<str>, reason: Arc<str>) {
        self.failures.insert(broker, Failure { address, reason });
    }

    pub(crate) fn connected(&mut self, broker: BrokerId) {
        self.failures.remove(&broker);
    }

    pub(crate) fn retain(&mut self, is_known: impl Fn(BrokerId) -> bool) {
        self.failures.retain(|broker, _| is_known(*broker));
    }

    /// The same for one broker, if it failed last.
    pub(crate) fn reason_of(&self, broker: BrokerId) -> Option<Arc<str>> {
        let failure = self.failures.get(&broker)?;
        Some(Arc::from(format!("{}: {}", failure.address, failure.reason)))
    }

    /// `host:port: what it said; host:port: …`, bootstrap entries in the order of the list. `None` if nobody failed.
    pub(crate) fn reason(&self) -> Option<Arc<str>> {
        let mut text = String::new();
        // Bootstrap ids count down from −1: backwards is the order in which the user wrote them.
        for (_, failure) in self.failures.iter().rev() {
            let separator = if text.is_empty() { "" } else { "; " };
            let _ = write!(text, "{separator}{}: {}", failure.address, failure.reason);
        }
        (!text.is_empty()).then(|| Arc::from(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_names_every_address_with_its_last_words() {
        let mut unreachable = Unreachable::default();
        assert_eq!(unreachable.reason(), None);
        unreachable.failed(BrokerId(-1), "a:1".into(), "no such host".into());
        unreachable.failed(BrokerId(-2), "b:2".into(), "timed out".into());
        unreachable.failed(BrokerId(-2), "b:2".into(), "connection refused".into());
        assert_eq!(unreachable.reason().as_deref(), Some("a:1: no such host; b:2: connection refused"));
        assert_eq!(unreachable.reason_of(BrokerId(-1)).as_deref(), Some("a:1: no such host"));
        unreachable.connected(BrokerId(-1));
        assert_eq!(unreachable.reason().as_deref(), Some("b:2: connection refused"));
    }
}
