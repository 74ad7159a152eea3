//! What a producer measures (ME1 to ME5, SN18, SN20), through the whole facade over a network in virtual time: in the
//! snapshot, and told to a recorder of the `metrics` crate. One test has sockets and a thread.

mod certified;
mod ledger;
mod stage;

mod expiring;
mod outage;
mod snapshot;
mod told;
