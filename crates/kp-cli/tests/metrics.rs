//! `kp produce --metrics`, scraped while it runs, and the dashboard that reads what is scraped.

#![allow(clippy::disallowed_methods, reason = "a program is started and waited for")]

use std::{
    collections::BTreeSet,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    process::{Child, ChildStdin, Command, Stdio},
};

use kp_producer::{
    RecordingLevel,
    metrics::{MetricKind, metric_infos},
};
use kp_sim::tcp::{EmbeddedBroker, EmbeddedOptions};

/// A program that sends what it is given, and tells its metrics.
struct Running {
    broker: EmbeddedBroker,
    program: Child,
    stdin: Option<ChildStdin>,
    stderr: BufReader<std::process::ChildStderr>,
    address: String,
}

impl Running {
    fn start() -> Self {
        let broker = EmbeddedBroker::start(EmbeddedOptions::default()).unwrap();
        let mut program = Command::new(env!("CARGO_BIN_EXE_kp"))
            .args(["produce", "-b", &broker.bootstrap(), "-t", "orders", "--metrics", "127.0.0.1:0"])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (stdin, mut stderr) = (program.stdin.take(), BufReader::new(program.stderr.take().unwrap()));
        let mut said = String::new();
        while !said.ends_with("/metrics\n") {
            said.clear();
            assert!(stderr.read_line(&mut said).unwrap() > 0, "it ended");
        }
        let address = said.split("http://").nth(1).unwrap().trim_end_matches("/metrics\n").to_owned();
        Self { broker, program, stdin, stderr, address }
    }

    /// What a GET of this path answers.
    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.address).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Sends records until a scrape tells of some that were acknowledged by a broker.
    fn scrape(&mut self) -> String {
        let mut sent = 0;
        loop {
            self.stdin.as_mut().unwrap().write_all(b"a record\n").unwrap();
            sent += 1;
            while self.broker.cluster().lock().record_count("orders") < sent {
                std::thread::yield_now();
            }
            let page = self.get("/metrics");
            if page.contains("kafka_producer_node_request_latency_ms_bucket{")
                && value(&page, "kafka_producer_record_send_total") > 0.0
            {
                return page;
            }
        }
    }

    fn end(mut self) {
        drop(self.stdin.take());
        let mut said = String::new();
        self.stderr.read_to_string(&mut said).unwrap();
        assert!(self.program.wait().unwrap().success(), "{said}");
    }
}

/// The value of the only series of that name.
fn value(page: &str, name: &str) -> f64 {
    let line = page.lines().find(|line| line.starts_with(&format!("{name}{{")));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(f64::NAN)
}

/// The names of all series of a page.
fn names(page: &str) -> BTreeSet<&str> {
    let body = page.split("\r\n\r\n").nth(1).unwrap();
    let series = body.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    series.map(|line| line.split(['{', ' ']).next().unwrap()).collect()
}

#[test]
fn a_scrape_has_every_metric_of_the_table() {
    let mut running = Running::start();
    let page = running.scrape();
    assert!(page.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4"), "{page}");
    let names = names(&page);
    for info in metric_infos().filter(|info| RecordingLevel::Info.shows(info.level)) {
        match info.kind {
            MetricKind::Counter | MetricKind::Gauge => {
                assert!(names.contains(info.published), "{}: {page}", info.published);
            }
            MetricKind::Histogram => {
                for part in ["bucket", "sum", "count"] {
                    let name = format!("{}_{part}", info.published);
                    assert!(names.contains(name.as_str()), "{name}: {page}");
                }
            }
        }
        assert!(page.contains(&format!("# HELP {} ", info.published)), "{}: {page}", info.published);
    }
    assert!(
        page.contains("kafka_producer_topic_record_send_total{client_id=\"producer-1\",topic=\"orders\"}"),
        "{page}"
    );
    assert!(running.get("/").starts_with("HTTP/1.1 404 "));
    running.end();
}

#[test]
fn an_address_that_is_taken_or_none_ends_the_program_before_anything_is_sent() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = listener.local_addr().unwrap().to_string();
    for (address, code) in [(taken.as_str(), 1), ("nonsense", 2)] {
        let output = Command::new(env!("CARGO_BIN_EXE_kp"))
            .args(["produce", "-b", "127.0.0.1:1", "-t", "t", "--metrics", address])
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(&format!("--metrics {address}: ")), "{said}");
    }
}
