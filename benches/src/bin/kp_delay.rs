//! `kp-delay`: a TCP proxy on 127.0.0.1 that delays every byte by half a round trip each way. It prints the port it listens on.

#![forbid(unsafe_code)]
#![allow(clippy::disallowed_methods, reason = "a thread for each connection; not a pure room")]

use clap::Parser;
use std::io::Write;
use std::net::TcpListener;
use std::time::Duration;

/// A proxy that makes a connection longer, not narrower.
#[derive(Parser, Debug)]
struct Args {
    /// Address to listen on; port 0 = any free one. The port is the first line on standard output.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: String,
    /// Address that connections are handed on to.
    #[arg(long)]
    to: String,
    /// Milliseconds of a round trip that are added, half of them each way; fractions are taken.
    #[arg(long, value_parser = milliseconds)]
    rtt_ms: Duration,
}

fn milliseconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text.parse().map_err(|_| "not a number of milliseconds".to_owned())?;
    Duration::try_from_secs_f64(number / 1000.0).map_err(|error| error.to_string())
}

fn main() -> std::io::Result<()> {
    let args = Args::parse();
    let listener = TcpListener::bind(&args.listen)?;
    let mut out = std::io::stdout();
    writeln!(out, "{}", listener.local_addr()?.port())?;
    out.flush()?;
    kp_benches::delay::serve(&listener, &args.to, args.rtt_ms / 2)
}
