//! TLS over a wire in memory, against rustls' own server.

mod asked;
mod authority;
mod connections;
mod directly_trusted;
#[cfg(feature = "java-stores")]
mod entries;
mod failures;
mod hostile;
mod memory;
mod providers;
mod reload;
mod renegotiation;
mod set_up;
mod settings;
#[cfg(feature = "java-stores")]
mod stores;
#[cfg(feature = "java-stores")]
mod texts;
mod views;
mod wire;
