//! `kp-double`: kp's broker double on 127.0.0.1, with a coordinator, which keeps no records. It prints the port it listens on.

#![forbid(unsafe_code)]
#![allow(clippy::disallowed_methods, reason = "it serves until it is ended; not a pure room")]

use clap::Parser;
use kp_sim::TransactionSettings;
use kp_sim::tcp::{EmbeddedBroker, EmbeddedOptions};
use std::io::Write;
use std::time::Duration;

/// kp's broker double: unlike kp-sink it knows transactions; unlike in tests it throws records away.
#[derive(Parser, Debug)]
struct Args {
    /// Port on 127.0.0.1; 0 = any free one. The port is the first line on standard output.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Partitions of every topic.
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(i32).range(1..=1_000_000))]
    partitions: i32,
    /// Microseconds from the end of a transaction to its markers, during which the next one is not begun. 0: at once, so that a client
    /// waits for nothing but itself and its round trips.
    #[arg(long, default_value_t = 0)]
    marker_delay_us: u64,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args = Args::parse();
    let marker_delay = Duration::from_micros(args.marker_delay_us);
    let options = EmbeddedOptions::new()
        .with_port(args.port)
        .with_default_partitions(args.partitions)
        .with_retain(false)
        .with_check_records(false)
        .with_transactions(TransactionSettings { marker_delay, ..TransactionSettings::default() });
    let broker = EmbeddedBroker::start(options)?;
    let bootstrap = broker.bootstrap();
    let port = bootstrap.rsplit(':').next().unwrap_or_default();
    let mut out = std::io::stdout();
    writeln!(out, "{port}")?;
    out.flush()?;
    loop {
        std::thread::park();
    }
}
