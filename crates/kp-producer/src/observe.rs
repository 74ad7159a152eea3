//! What is going on? Metrics, explanations, notices, outages, traces, and what is promised.

pub(crate) mod explain;
pub(crate) mod explained_transaction;
pub(crate) mod guarantees;
pub mod metrics;
pub(crate) mod network_thread;
pub(crate) mod notes;
pub(crate) mod question;
pub(crate) mod security;
pub(crate) mod tracing;
pub(crate) mod unreachable;
