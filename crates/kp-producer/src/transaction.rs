//! How do records become visible together, or not at all? The producer that begins transactions, what one is while it is open,
//! and what its end says. Who decides is the sender core; here stand the handles, and who waits for what.

mod building;
pub(crate) mod error;
pub(crate) mod guard;
pub(crate) mod handle;
pub(crate) mod ledger;
pub(crate) mod observer;
pub(crate) mod offsets;
pub(crate) mod outcome;
pub(crate) mod owned;
pub(crate) mod scope;
pub(crate) mod transactional_producer;
