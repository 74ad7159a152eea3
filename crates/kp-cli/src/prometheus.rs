//! `--metrics ADDR`: what the producer measures, for Prometheus to fetch at `http://ADDR/metrics`.
//! Owns: the recorder of the `metrics` crate, and an HTTP/1.1 responder that knows one page. One request at a time:
//! a scrape is short, and a client that is not is left after [`PATIENCE`].

use std::{
    io::{self, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

use kp_producer::metrics::{MetricKind, MetricUnit, metric_infos};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

use crate::Failure;

/// How long a client may take to say what it wants, and to take it.
const PATIENCE: Duration = Duration::from_secs(2);

/// The longest head of a request.
const HEAD_BYTES: usize = 8 * 1024;

/// How often distributions are brought in if no scrape does it.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// Upper ends of the buckets, by unit.
const MILLISECONDS: &[f64] =
    &[0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1e3, 2e3, 5e3, 10e3, 30e3];
const BYTES: &[f64] = &[64.0, 256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262_144.0, 524_288.0, 1_048_576.0];
const COUNTS: &[f64] = &[1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1e3, 2e3, 5e3, 10e3, 50e3];
const RATIOS: &[f64] = &[0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0];

/// Begins to record and to answer, until the process ends. Answers where; port 0 is any free one.
///
/// # Errors
/// The address is none, or cannot be listened on.
pub(crate) fn serve(address: &str) -> Result<SocketAddr, Failure> {
    let told = |error: io::Error| format!("--metrics {address}: {error}");
    let listener = TcpListener::bind(address).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidInput => Failure::usage(told(error)),
        _ => Failure::failed(told(error)),
    })?;
    let bound = listener.local_addr().map_err(|error| Failure::failed(told(error)))?;
    let handle = install().map_err(|error| Failure::failed(format!("--metrics: {error}")))?;
    let upkeep = handle.clone();
    thread::spawn(move || {
        loop {
            thread::sleep(UPKEEP_EVERY);
            upkeep.run_upkeep();
        }
    });
    thread::spawn(move || {
        for stream in listener.incoming() {
            // A client that went away is no error.
            let _ = stream.and_then(|stream| answer(stream, &handle));
        }
    });
    Ok(bound)
}

/// The recorder of this process, with buckets for each distribution of the producer's table.
fn install() -> Result<PrometheusHandle, BuildError> {
    let distributions = metric_infos().filter(|info| info.kind == MetricKind::Histogram);
    let builder = distributions.into_iter().try_fold(PrometheusBuilder::new(), |builder, info| {
        builder.set_buckets_for_metric(Matcher::Full(info.published.to_owned()), buckets(info.unit))
    })?;
    builder.install_recorder()
}

fn buckets(unit: MetricUnit) -> &'static [f64] {
    match unit {
        MetricUnit::Bytes => BYTES,
        MetricUnit::Ratio => RATIOS,
        MetricUnit::Count => COUNTS,
        MetricUnit::Milliseconds | MetricUnit::Seconds | MetricUnit::Nanoseconds => MILLISECONDS,
    }
}

fn answer(mut stream: TcpStream, handle: &PrometheusHandle) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let head = read_head(&mut stream)?;
    stream.write_all(respond(&head, || handle.render()).as_bytes())
}

/// All up to the empty line.
///
/// # Errors
/// It is too long, or does not come.
fn read_head(stream: &mut impl io::Read) -> io::Result<String> {
    let mut head = Vec::new();
    let mut bytes = [0; 1024];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let read = stream.read(&mut bytes)?;
        if read == 0 || head.len() + read > HEAD_BYTES {
            return Err(io::ErrorKind::InvalidData.into());
        }
        head.extend_from_slice(&bytes[..read]);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// The whole response to a request with this head.
fn respond(head: &str, render: impl FnOnce() -> String) -> String {
    let mut words = head.lines().next().unwrap_or_default().split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let path = target.split('?').next().unwrap_or_default();
    let (status, kind, body) = match (method, path) {
        ("GET" | "HEAD", "/metrics") => ("200 OK", "text/plain; version=0.0.4; charset=utf-8", render()),
        ("GET" | "HEAD", _) => ("404 Not Found", "text/plain", "the metrics are at /metrics\n".to_owned()),
        _ => ("405 Method Not Allowed", "text/plain", "GET /metrics\n".to_owned()),
    };
    let length = body.len();
    let body = if method == "HEAD" { String::new() } else { body };
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn responded(head: &str) -> String {
        respond(head, || "a 1\n".to_owned())
    }

    #[test]
    fn the_page_is_at_metrics_and_nowhere_else() {
        let page = responded("GET /metrics?x=1 HTTP/1.1\r\nHost: h\r\n\r\n");
        assert!(
            page.starts_with("HTTP/1.1 200 OK\r\n")
                && page.ends_with("Content-Length: 4\r\nConnection: close\r\n\r\na 1\n")
        );
        assert!(
            responded("HEAD /metrics HTTP/1.1\r\n\r\n")
                .ends_with("Content-Length: 4\r\nConnection: close\r\n\r\n")
        );
        assert!(responded("GET / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404 "));
        assert!(responded("POST /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405 "));
        assert!(responded("\r\n\r\n").starts_with("HTTP/1.1 405 "));
    }

    #[test]
    fn a_head_ends_with_an_empty_line_and_is_not_endless() {
        assert_eq!(
            read_head(&mut &b"GET / HTTP/1.1\r\nA: b\r\n\r\n"[..]).unwrap(),
            "GET / HTTP/1.1\r\nA: b\r\n\r\n"
        );
        assert!(read_head(&mut &b"GET / HTTP/1.1\r\n"[..]).is_err());
        assert!(read_head(&mut &[b'a'; HEAD_BYTES + 1][..]).is_err());
    }

    #[test]
    fn buckets_rise() {
        for ends in [MILLISECONDS, BYTES, COUNTS, RATIOS] {
            assert!(ends.windows(2).all(|pair| pair[0] < pair[1]), "{ends:?}");
        }
    }
}
