//! The settings of the choice of a partition. Plain values.

use std::sync::Arc;
use std::time::Duration;

/// How records are spread that no key places.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spread {
    /// A batch's worth to one partition, then to the next one (KIP-480, KIP-794): the built-in rule of today.
    #[default]
    Sticky,
    /// One record to each partition with a leader in turn, by a counter of the topic (PA13): with `ignore_keys` the
    /// `RoundRobinPartitioner`, without it the default of Kafka 0.9 (PA15).
    RoundRobin,
}

/// How records are spread over partitions. The defaults are those of Kafka today.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partitioning {
    /// Keyed records are spread like unkeyed ones (`partitioner.ignore.keys`).
    pub ignore_keys: bool,
    /// How records are spread that no key places (`partitioner.class`; see
    /// [`Accumulator::target`](crate::Accumulator::target)).
    pub spread: Spread,
    /// Partitions whose queues are long get fewer unkeyed records (`partitioner.adaptive.partitioning.enable`, PA8).
    pub adaptive: bool,
    /// A broker that had something to take for so long and took nothing gets no unkeyed records
    /// (`partitioner.availability.timeout.ms`, PA11); zero switches it off. Only if `adaptive`.
    pub availability_timeout: Duration,
    /// The client's rack: partitions led there get unkeyed records, others only if there is none (`client.rack`, and
    /// `None` unless `partitioner.rack.aware` is set; PA14).
    pub rack: Option<Arc<str>>,
}

impl Default for Partitioning {
    fn default() -> Self {
        Self {
            ignore_keys: false,
            spread: Spread::Sticky,
            adaptive: true,
            availability_timeout: Duration::ZERO,
            rack: None,
        }
    }
}

impl Partitioning {
    /// Whether partitions are weighed by what waits in their queues.
    pub(crate) fn weighs(&self) -> bool {
        self.adaptive && self.spread == Spread::Sticky
    }
}
