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

/// Gauges of what this producer has not: TLS, tokens, an open transaction.
const OF_WHAT_IS_NOT_THERE: [&str; 5] = [
    "kafka_producer_connections",
    "kafka_producer_certificate_expires_in_seconds",
    "kafka_producer_node_certificate_expires_in_seconds",
    "kafka_producer_token_expires_in_seconds",
    "kafka_producer_txn_age_ms",
];

#[test]
fn a_scrape_has_every_metric_of_the_table() {
    let mut running = Running::start();
    let page = running.scrape();
    assert!(page.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4"), "{page}");
    let names = names(&page);
    for info in metric_infos().filter(|info| RecordingLevel::Info.shows(info.level)) {
        if OF_WHAT_IS_NOT_THERE.contains(&info.published) {
            assert!(
                !names.contains(info.published),
                "{}, of which 0 would be an alarm: {page}",
                info.published
            );
            continue;
        }
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

/// Every query of the dashboard.
fn queries(dashboard: &serde_json::Value) -> Vec<String> {
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.filter_map(|panel| panel["targets"].as_array()).flatten();
    targets.map(|target| target["expr"].as_str().unwrap().to_owned()).collect()
}

/// The selectors of a query: a name, and the labels that it asks for.
fn selectors(query: &str) -> Vec<(&str, Vec<&str>)> {
    let mut found = Vec::new();
    for (at, _) in query.match_indices("kafka_producer_") {
        let rest = &query[at..];
        let end =
            rest.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').unwrap_or(rest.len());
        let asked =
            rest[end..].strip_prefix('{').and_then(|braces| braces.split('}').next()).unwrap_or_default();
        let labels = asked.split(',').filter_map(|pair| pair.split(['=', '!']).next()).map(str::trim);
        found.push((&rest[..end], labels.filter(|label| !label.is_empty()).collect()));
    }
    found
}

/// The labels that a query groups by.
fn grouped_by(query: &str) -> BTreeSet<&str> {
    let lists = query.split("by (").skip(1).map(|rest| rest.split(')').next().unwrap());
    lists.flat_map(|list| list.split(", ")).collect()
}

#[test]
fn every_query_of_the_dashboard_finds_what_a_producer_shows() {
    let dashboard: serde_json::Value =
        serde_json::from_str(include_str!("../../../docs/grafana/kp-producer.json")).unwrap();
    let queries = queries(&dashboard);
    assert!(queries.len() > 30, "{}", queries.len());
    let mut running = Running::start();
    let page = running.scrape();
    running.end();
    for query in &queries {
        let selectors = selectors(query);
        assert!(!selectors.is_empty(), "{query}");
        for (name, labels) in selectors {
            let has = |line: &&str| {
                line.starts_with(&format!("{name}{{"))
                    && labels
                        .iter()
                        .chain(&grouped_by(query))
                        .all(|label| line.contains(&format!("{label}=\"")))
            };
            assert!(page.lines().any(|line| has(&line)), "{name} {labels:?}, in {query}");
        }
        let count = |letter| query.matches(letter).count();
        assert_eq!((count('('), count('{'), count('[')), (count(')'), count('}'), count(']')), "{query}");
    }
    // The lists of names to choose from are asked for in the same way.
    for variable in dashboard["templating"]["list"].as_array().unwrap() {
        if let Some(query) = variable["query"]["query"].as_str() {
            let (name, _) = selectors(query)[0];
            assert!(names(&page).contains(name), "{query}");
        }
    }
}

#[test]
fn a_query_is_taken_apart() {
    let query = "sum by (le, node_id) (rate(kafka_producer_a_bucket{client_id=~\"$c\", topic!=\"x\"}[1m])) / kafka_producer_b";
    assert_eq!(
        selectors(query),
        [("kafka_producer_a_bucket", vec!["client_id", "topic"]), ("kafka_producer_b", vec![])]
    );
    assert_eq!(grouped_by(query).into_iter().collect::<Vec<_>>(), ["le", "node_id"]);
}
