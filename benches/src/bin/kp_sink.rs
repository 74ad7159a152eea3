//! `kp-sink`: a broker on 127.0.0.1 that acknowledges everything and keeps nothing. It prints the port it listens on.

#![forbid(unsafe_code)]
#![allow(clippy::disallowed_methods, reason = "a thread for each connection; not a pure room")]

use clap::Parser;
use kp_benches::sink::Sink;
use std::io::Write;
use std::net::{TcpListener, TcpStream};

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
    /// Speak TLS 1.3 with AES-256, under a certificate that is made for the run; it is written there, in PEM, for clients.
    #[cfg(feature = "tls")]
    #[arg(long, value_name = "FILE")]
    tls: Option<std::path::PathBuf>,
}

fn main() -> std::io::Result<()> {
    let args = Args::parse();
    let listener = TcpListener::bind(("127.0.0.1", args.port))?;
    let port = listener.local_addr()?.port();
    let serve = server(&args)?;
    let mut out = std::io::stdout();
    writeln!(out, "{port}")?;
    out.flush()?;
    let advertised_port = args.advertised_port.unwrap_or(port);
    let sink = Sink { partitions: args.partitions, topics: args.topics, advertised_port };
    loop {
        let (stream, _) = listener.accept()?;
        let serve = serve.clone();
        std::thread::spawn(move || {
            if let Err(error) = serve(sink, stream) {
                // Fails only if the reader is gone.
                let _ = writeln!(std::io::stderr(), "kp-sink: a connection ended: {error}");
            }
        });
    }
}

/// How a connection is served.
type Serve = std::sync::Arc<dyn Fn(Sink, TcpStream) -> std::io::Result<()> + Send + Sync>;

fn server(args: &Args) -> std::io::Result<Serve> {
    #[cfg(feature = "tls")]
    if let Some(path) = &args.tls {
        let (tls, certificate) = kp_benches::tls::SinkTls::new()?;
        std::fs::write(path, certificate)?;
        return Ok(std::sync::Arc::new(move |sink, stream| {
            stream.set_nodelay(true)?;
            sink.serve(tls.over(stream)?)
        }));
    }
    let _ = args;
    Ok(std::sync::Arc::new(|sink, stream| {
        stream.set_nodelay(true)?;
        sink.serve(stream)
    }))
}
