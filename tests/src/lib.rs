//! What the integration tests share: lines with keys to send, a way to compare what was read back, and the program
//! `kp` as a user would run it.

#![forbid(unsafe_code)]
#![allow(clippy::disallowed_methods, reason = "integration tests run real programs in real time")]

pub mod java_reader;
pub mod keyed_lines;
pub mod late_frames;
pub mod laws;
pub mod oidc_issuer;
pub mod program;
pub mod simulation;
pub mod socket;
pub mod transaction_history;
pub mod transaction_laws;
