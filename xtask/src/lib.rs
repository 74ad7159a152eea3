//! Development tasks of kp, as a library: the `cargo xtask` program is a thin shell over it, and the
//! `kp-tests` package starts real Kafka clusters through [`kafka`].
//!
//! Owns: the tiers of tests, the checks of `cargo xtask tidy`, Apache Kafka's jars, brokers and tools.
//! Never: anything that a published crate needs. Clocks, processes and sockets are used freely here.
#![forbid(unsafe_code)]
#![allow(clippy::disallowed_methods, reason = "a development tool that waits for processes; not a pure room")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "its answers are lines on a terminal")]

pub mod api;
mod behaviours;
pub mod bench;
pub mod book;
pub mod chaos;
mod codemap;
mod consumers;
pub mod deny;
pub mod error;
pub mod features;
mod figures;
pub mod full;
pub mod fuzz;
pub mod generate;
pub mod golden;
pub mod group_loop;
mod installed;
pub mod kafka;
mod linker_only;
pub mod minimal;
mod packages;
pub mod plants;
pub mod programs;
pub mod report;
pub mod shape;
pub mod test;
pub mod tidy;
pub mod turns;
pub mod workspace;

pub use error::XtaskError;
