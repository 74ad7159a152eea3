//! `kp-sink`: a broker on 127.0.0.1 that acknowledges everything and keeps nothing. It prints the port it listens on.

#![forbid(unsafe_code)]
#![allow(clippy::disallowed_methods, reason = "a thread for each connection; not a pure room")]

use clap::Parser;
use kp_benches::sink::Sink;
use std::io::Write;
use std::net::TcpListener;

/// A broker that only acknowledges: ApiVersions, Metadata, InitProducerId and Produce are answered, records are thrown away.
#[derive(Parser, Debug)]
struct Args {
    /// Port on 127.0.0.1; 0 = any free one. The port is the first line on standard output.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Partitions of every topic.
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(i32).range(1..=1_000_000))]
    partitions: i32,
    /// Topics listed to a client that asks for all; any name that is asked for exists.
    #[arg(long, default_value_t = 1)]
    topics: u32,
    /// The port that clients are told, so that a proxy can stand between; without it, the port itself.
    #[arg(long)]
    advertised_port: Option<u16>,
}

fn main() -> std::io::Result<()> {
    let args = Args::parse();
    let listener = TcpListener::bind(("127.0.0.1", args.port))?;
    let port = listener.local_addr()?.port();
    let mut out = std::io::stdout();
    writeln!(out, "{port}")?;
    out.flush()?;
    let advertised_port = args.advertised_port.unwrap_or(port);
    let sink = Sink { partitions: args.partitions, topics: args.topics, advertised_port };
    loop {
        let (stream, _) = listener.accept()?;
        std::thread::spawn(move || {
            if let Err(error) = sink.serve(stream) {
                // Fails only if the reader is gone.
                let _ = writeln!(std::io::stderr(), "kp-sink: a connection ended: {error}");
            }
        });
    }
}
