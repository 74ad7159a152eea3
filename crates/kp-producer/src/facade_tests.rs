//! What the facade promises, on a clock that is moved: the steps of a send, the user's own parts, the end.

mod acks;
mod bulk;
mod deadlines;
mod ends;
mod explained;
mod explained_transactions;
mod extensions;
mod hostile_metadata;
mod refused_topics;
pub(crate) mod scripted;
mod scripted_core;
#[cfg(feature = "futures")]
mod streams;
#[cfg(feature = "tracing")]
pub(crate) mod traced;
mod transactions;
mod transactions_dropped;
mod typed;
mod unauthenticated;
