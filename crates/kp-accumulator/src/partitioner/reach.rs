//! Which brokers a choice passes over: those that take nothing (`partitioner.availability.timeout.ms`), and with rack
//! awareness those in other racks. Written by the driver when it changes, read when a shard moves: never per record.

use kp_metadata::Cluster;
use kp_protocol::BrokerId;
use parking_lot::RwLock;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// What the driver knows about brokers that matters to a choice.
#[derive(Debug, Default)]
pub(crate) struct Reach {
    /// Whether there is anything to look up.
    any: AtomicBool,
    brokers: RwLock<Brokers>,
}

#[derive(Debug, Default)]
struct Brokers {
    slow: Vec<BrokerId>,
    /// Brokers in the rack of the client; `None` where racks do not matter.
    near: Option<BTreeSet<BrokerId>>,
}

/// A look at the brokers that lasts for one choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Takes batches, and is in the client's rack if racks matter.
    AvailableAndNear,
    /// Takes batches, in whichever rack.
    Available,
}

impl Reach {
    pub(crate) fn is_limited(&self) -> bool {
        self.any.load(Relaxed)
    }

    /// Whether racks matter to a choice.
    pub(crate) fn has_racks(&self) -> bool {
        self.is_limited() && self.brokers.read().near.is_some()
    }

    /// Calls `f` with the answer to "is this broker wanted?".
    pub(crate) fn with<T>(&self, wanted: Wanted, f: impl FnOnce(&dyn Fn(BrokerId) -> bool) -> T) -> T {
        if !self.is_limited() {
            return f(&|_| true);
        }
        let brokers = self.brokers.read();
        f(&|broker| {
            !brokers.slow.contains(&broker)
                && (wanted == Wanted::Available
                    || brokers.near.as_ref().is_none_or(|near| near.contains(&broker)))
        })
    }

    /// These brokers have taken nothing for too long (PA11).
    pub(crate) fn set_slow(&self, slow: Vec<BrokerId>) {
        self.change(|brokers| brokers.slow = slow);
    }

    /// The brokers of `cluster` that are in `rack` (PA14).
    pub(crate) fn follow_racks(&self, cluster: &Cluster, rack: &Arc<str>) {
        let near =
            cluster.brokers().filter(|broker| broker.rack.as_ref() == Some(rack)).map(|broker| broker.id);
        let near = Some(near.collect());
        if self.brokers.read().near != near {
            self.change(|brokers| brokers.near = near);
        }
    }

    fn change(&self, change: impl FnOnce(&mut Brokers)) {
        let mut brokers = self.brokers.write();
        change(&mut brokers);
        self.any.store(!brokers.slow.is_empty() || brokers.near.is_some(), Relaxed);
    }
}

#[cfg(test)]
impl Reach {
    /// Makes every choice that looks at the brokers wait until the guard is dropped.
    pub(crate) fn hold(&self) -> impl Drop + '_ {
        self.brokers.write()
    }
}
