//! The broker double from outside: what it answers, how it fails on demand, and its socket.

mod answers;
mod client;
mod faults;
mod garbage;
mod reading;
mod sasl;
mod sasl_network;
#[cfg(feature = "tcp")]
mod sockets;
#[cfg(feature = "tls")]
mod tls_sockets;
mod topics;
mod transaction_answers;
mod transactions;
