//! What is known about a Kafka cluster, and when to ask again: [`Cluster`] snapshots and the [`Metadata`] machine.
//!
//! A snapshot is a value that any thread may hold; the machine belongs to the sender core. Pure: the caller
//! says what time it is.

#![forbid(unsafe_code)]

mod answer;
mod cluster;
mod interest;
mod leader_epoch;
mod metadata;
mod pending;

pub use answer::Answer;
pub use cluster::{Cluster, Partition, Topic};
pub use metadata::{Metadata, MetadataSettings, Updated};
pub use pending::Pending;
