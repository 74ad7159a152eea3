//! What became of a record? One outcome for each batch, and the ways to look at it: by record, in a queue, by a listener.

pub(crate) mod acks;
pub(crate) mod deliveries;
pub(crate) mod delivery;
pub(crate) mod delivery_report;
pub(crate) mod listener;
