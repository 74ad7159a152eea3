//! Which partition a record goes to: the caller's choice, the user's own partitioner, the key's hash, round robin, or
//! the sticky choice. Decisions over a topic's metadata; what they remember is shared by many threads in atomics, and
//! nothing here runs a user's code under a lock.

mod choosing;
mod counter;
mod custom;
mod keyed;
mod reach;
mod sticky;
mod weighted;

pub(crate) use choosing::Choosing;
pub(crate) use counter::Counter;
pub use custom::{BoxError, PartitionRequest, Partitioner, PartitionerError, choose_partition};
pub use keyed::{murmur2, partition_for_key};
pub(crate) use reach::Reach;
pub(crate) use sticky::{Shard, Sticky};

#[cfg(test)]
mod tests;
