//! Transactions of the double, as Kafka 4.3.0 and 3.9.1 were measured to do them. Numbers are those of the table of measurements.

mod adding;
mod coordinator;
mod ending;
mod groups;
mod identities;
pub(crate) mod instance;
mod late_frames;
mod markers;
mod never_hanging;
mod producing;
mod reading;
mod timeouts;
