//! `kp perf` as it is run, against the embedded broker and the double on a TCP port: the figures have to add up.

#![allow(clippy::disallowed_methods, reason = "a program is started and waited for")]

mod program;

use std::{
    fs,
    process::{Child, Command, Output, Stdio},
};

use kp_sim::tcp::{EmbeddedBroker, EmbeddedOptions};
use program::{Scratch, code, json, said};
use serde_json::Value;

fn start(args: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_kp"))
        .arg("perf")
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn perf(args: &[&str]) -> Output {
    start(args).wait_with_output().unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// The sum of a field over all samples.
fn sum(result: &Value, field: &str) -> u64 {
    result["series"].as_array().unwrap().iter().map(|sample| sample[field].as_u64().unwrap()).sum()
}

/// What holds of every result: the records, the bytes, the samples and the percentiles fit each other.
fn assert_adds_up(result: &Value) {
    let totals = &result["totals"];
    let count = |name: &str| totals[name].as_u64().unwrap_or_else(|| panic!("{name} in {totals}"));
    assert_eq!(count("sent"), count("acked") + count("failed") + count("unknown"), "{totals}");
    assert_eq!((sum(result, "records"), sum(result, "bytes")), (count("acked"), count("bytes")));
    assert_eq!(sum(result, "failed"), count("failed") + count("unknown"));
    let rate = count("acked") as f64 / number(&totals["seconds"]);
    assert!((rate / number(&totals["records_per_second"]) - 1.0).abs() < 1e-6, "{totals}");
    let latency = &result["latency_ms"];
    let steps: Vec<f64> =
        ["min", "p50", "p90", "p99", "p999", "max"].iter().map(|name| number(&latency[name])).collect();
    assert!(steps.is_sorted() && steps[0] > 0.0, "{latency}");
    let curve: Vec<(f64, f64)> = serde_json::from_value(result["latency_curve"].clone()).unwrap();
    assert!(curve.is_sorted_by(|a, b| a.0 < b.0 && a.1 < b.1), "{curve:?}");
    assert_eq!(curve.last().unwrap(), &(1.0, steps[5]), "the curve ends with the slowest record");
    let shares: f64 =
        result["brokers"].as_array().unwrap().iter().map(|broker| number(&broker["share"])).sum();
    assert!((shares - 1.0).abs() < 1e-6, "{shares}");
    let ends: Vec<f64> =
        result["series"].as_array().unwrap().iter().map(|sample| number(&sample["seconds"])).collect();
    assert!(ends.is_sorted());
}

#[test]
fn an_embedded_run_adds_up_and_draws_a_report() {
    let report = Scratch::new("report.html");
    let args = ["--embedded", "--records", "20000", "--json", "--report", report.path()];
    let output = perf(&[&args[..], &["--warm-up", "500", "--brokers", "3", "--keys", "50"]].concat());
    assert_eq!(code(&output), 0, "{}", said(&output));
    let result = json(&output);
    assert_adds_up(&result);
    let totals = &result["totals"];
    assert_eq!((&totals["sent"], &totals["acked"]), (&20_000.into(), &20_000.into()), "without the warm-up");
    // A value has 100 bytes, a key two digits.
    assert_eq!(totals["bytes"], 20_000 * 106);
    let in_requests = number(&totals["requests"]) * number(&totals["records_per_request"]);
    assert!((in_requests - 20_000.0).abs() < 1e-3, "each record was in one request: {in_requests}");
    assert_eq!(result["brokers"].as_array().unwrap().len(), 3);
    let page = fs::read_to_string(report.path()).unwrap();
    assert_eq!(page.matches("<svg").count(), 5);
    assert!(page.contains("20,000") && page.contains("broker 3"));
}

#[test]
fn the_table_is_for_people_and_goes_to_stdout() {
    let output = perf(&["--embedded", "-n", "1000", "--size", "10..20", "--producers", "3", "--quiet"]);
    assert_eq!((code(&output), said(&output).as_str()), (0, ""));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("records acknowledged      1,000\n"), "{text}");
    assert!(text.contains("latency p99.9") && text.contains("broker 1"), "{text}");
}

#[test]
fn every_record_reaches_the_topic_with_what_was_asked_for() {
    let broker = EmbeddedBroker::start(EmbeddedOptions::new().with_default_partitions(2)).unwrap();
    let lines = Scratch::new("lines.txt").holding(b"a\nbb\nccc\n");
    let servers = broker.bootstrap();
    let args = ["-b", &servers, "-t", "t", "-n", "3000", "--payload-file", lines.path(), "--json"];
    let output = perf(&[&args[..], &["--codec", "lz4", "--acks", "1", "--warm-up", "30"]].concat());
    assert_eq!(code(&output), 0, "{}", said(&output));
    let result = json(&output);
    assert_adds_up(&result);
    assert_eq!(broker.cluster().lock().record_count("t"), 3030, "the warm-up is written, and not measured");
    assert_eq!(result["totals"]["bytes"], 6000);
    assert!(number(&result["totals"]["compression"]) < 1.0);
    let setting = |name: &str| {
        let settings = result["settings"].as_array().unwrap();
        settings.iter().find(|setting| setting["name"] == name).unwrap()["value"].clone()
    };
    assert_eq!((setting("acks"), setting("compression.type")), ("1".into(), "lz4".into()));
    assert_eq!((setting("partitions"), setting("warm-up")), ("2".into(), "30 records".into()));
}

#[test]
fn a_rate_is_kept_and_its_records_are_counted_even_if_they_are_missed() {
    let output = perf(&["--embedded", "-d", "300ms", "-r", "1000/s", "--producers", "2", "--json"]);
    let result = json(&output);
    assert_adds_up(&result);
    let totals = &result["totals"];
    let due = totals["sent"].as_u64().unwrap() + totals["missed"].as_u64().unwrap();
    assert_eq!(due, 300, "however slow this machine is, as many were due");
    assert!(
        number(&totals["seconds"]) >= 0.3,
        "the last record was due before the end, and the rest of the time counts"
    );
    assert_eq!(code(&output), 0, "{}", said(&output));
}

#[test]
fn records_that_are_not_delivered_are_counted_told_and_exit_1() {
    let options = EmbeddedOptions::new().with_max_message_bytes(1000);
    let broker = EmbeddedBroker::start(options).unwrap();
    let servers = broker.bootstrap();
    let output = perf(&["-b", &servers, "-t", "t", "-n", "5", "--size", "3000", "--json"]);
    assert_eq!(code(&output), 1, "{}", said(&output));
    let result = json(&output);
    let totals = &result["totals"];
    assert_eq!((&totals["acked"], &totals["failed"]), (&0.into(), &5.into()), "{totals}");
    assert_eq!((&result["latency_ms"], sum(&result, "failed")), (&Value::Null, 5));
    let told: u64 =
        result["errors"].as_array().unwrap().iter().map(|error| error["records"].as_u64().unwrap()).sum();
    assert_eq!(told, 5, "{}", result["errors"]);
}

#[test]
fn what_keeps_it_from_beginning_is_said_once() {
    let broker = EmbeddedBroker::start(EmbeddedOptions::new().with_auto_create_topics(false)).unwrap();
    let servers = broker.bootstrap();
    let output = perf(&["-b", &servers, "-t", "nowhere", "-n", "5", "-X", "max.block.ms=200"]);
    assert_eq!((code(&output), output.stdout.len()), (1, 0));
    assert_eq!(said(&output).matches("nowhere").count(), 1, "{}", said(&output));
    let output = perf(&["--embedded", "--report", "/nowhere/to/be/found.html"]);
    assert_eq!(code(&output), 2);
    assert!(said(&output).contains("no such directory"), "{}", said(&output));
}

#[test]
fn two_results_are_compared_and_drawn() {
    let (first, second) = (Scratch::new("a.json"), Scratch::new("b.json"));
    for (file, size) in [(&first, "100"), (&second, "200")] {
        let output = perf(&["--embedded", "-n", "2000", "--size", size, "--json"]);
        fs::write(&file.0, output.stdout).unwrap();
    }
    let report = Scratch::new("compared.html");
    let args = ["--compare", first.path(), second.path()];
    let output = perf(&[&args[..], &["--report", report.path()]].concat());
    assert_eq!(code(&output), 0, "{}", said(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    let volume = text.lines().find(|line| line.starts_with("volume ")).unwrap();
    assert_eq!(
        volume.split_whitespace().collect::<Vec<_>>(),
        ["volume", "200.0", "kB", "400.0", "kB", "2.00"]
    );
    assert!(text.contains("they differ in values"), "{text}");
    assert!(fs::read_to_string(report.path()).unwrap().contains("data-name=\"B p99\""));
    let compared = json(&perf(&[&args[..], &["--json"]].concat()));
    assert_eq!(compared["figures"]["volume"]["ratio"], 2.0);
    assert_eq!(code(&perf(&["--compare", first.path(), "/nowhere.json"])), 1);
}

#[cfg(unix)]
#[test]
fn ctrl_c_stops_delivers_what_was_accepted_prints_the_results_and_exits_130() {
    let broker = EmbeddedBroker::start(EmbeddedOptions::default()).unwrap();
    let servers = broker.bootstrap();
    let child = start(&["-b", &servers, "-t", "t", "-d", "1h", "--json", "--producers", "2"]);
    while broker.cluster().lock().record_count("t") == 0 {
        std::thread::yield_now();
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(code(&output), 130, "{}", said(&output));
    let result = json(&output);
    assert_adds_up(&result);
    assert_eq!(result["interrupted"], true);
    let acked = result["totals"]["acked"].as_u64().unwrap();
    assert_eq!(
        (acked, &result["totals"]["sent"]),
        (broker.cluster().lock().record_count("t"), &acked.into())
    );
}

// TX9, L1
#[test]
fn transactions_are_committed_each_full_and_the_last_as_it_is_and_their_commits_are_measured() {
    let broker = EmbeddedBroker::start(EmbeddedOptions::new().with_default_partitions(2)).unwrap();
    let servers = broker.bootstrap();
    let args = ["-b", &servers, "-t", "t", "-n", "2050", "--txn-size", "100", "--warm-up", "150", "--json"];
    let output = perf(&args);
    assert_eq!(code(&output), 0, "{}", said(&output));
    let result = json(&output);
    assert_adds_up(&result);
    assert_eq!(result["totals"]["acked"], 2050);
    let transactions = &result["transactions"];
    assert_eq!((&transactions["size"], &transactions["committed"]), (&100.into(), &21.into()));
    let steps: Vec<f64> =
        ["p50", "p99", "max"].iter().map(|name| number(&transactions["commit_ms"][name])).collect();
    assert!(steps.is_sorted() && steps[0] > 0.0, "{transactions}");
    let rate = 21.0 / number(&result["totals"]["seconds"]);
    assert!((number(&transactions["commits_per_second"]) / rate - 1.0).abs() < 1e-6, "{transactions}");
    let read = Command::new(env!("CARGO_BIN_EXE_kp"))
        .args(["read", "-b", &servers, "-t", "t", "--from-beginning", "--isolation", "read_committed"])
        .output()
        .unwrap();
    let lines = read.stdout.iter().filter(|byte| **byte == b'\n').count();
    assert_eq!(lines, 2200, "the warm-up is committed too: {}", said(&read));
}

// TX1, TC22
#[test]
fn transactions_with_acks_that_they_cannot_have_are_wrong_usage() {
    let output = perf(&["--embedded", "-n", "10", "--txn-size", "10", "--acks", "1"]);
    assert_eq!(code(&output), 2, "{}", said(&output));
    assert!(said(&output).contains("acks"), "{}", said(&output));
    let output = perf(&["--embedded", "-n", "10", "--transactional-id", "x"]);
    assert_eq!(code(&output), 2, "{}", said(&output));
    assert!(said(&output).contains("--txn-size"), "{}", said(&output));
}

#[test]
fn the_table_of_a_run_in_transactions_has_its_commits_and_no_other_has() {
    let text = |more: &[&str]| {
        let output = perf(&[&["--embedded", "-n", "200", "--quiet"], more].concat());
        assert_eq!(code(&output), 0, "{}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    let with = text(&["--txn-size", "50", "--producers", "2"]);
    assert!(with.contains("commits/s") && with.contains("commit p50"), "{with}");
    assert!(!text(&[]).contains("commit p50"));
}
