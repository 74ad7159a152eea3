//! Every example runs to its end against a broker of the test, which then has what the example says it wrote; and without
//! anything in its environment.

#![forbid(unsafe_code)]
#![allow(clippy::disallowed_methods, reason = "tests that run programs")]

use kp_sim::tcp::{EmbeddedBroker, EmbeddedOptions};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};

macro_rules! examples {
    ($($name:ident => $topic:expr, $records:expr, $says:expr;)+) => {
        /// Name and program of each example; the test of its name runs it.
        const EXAMPLES: &[(&str, &str)] =
            &[$((stringify!($name), env!(concat!("CARGO_BIN_EXE_", stringify!($name)))),)+];
        $(
            #[test]
            fn $name() {
                check(env!(concat!("CARGO_BIN_EXE_", stringify!($name))), $topic, $records, $says);
            }
        )+
    };
}

// Its topic, how many records must be there then (none: it has a broker of its own), and what it must say.
examples! {
    acks => "kp-acks", 5_000, "5000 acknowledged";
    async_send => "kp-async-send", 5, "message 4: kp-async-send-0 @ Some(";
    blocking => "kp-blocking", 10, "kp-blocking has 1 partition(s)";
    callback => "kp-callback", 10, "10 of 10 acknowledged";
    deliveries => "kp-deliveries", 50_000, "50000 records written";
    errors => "", 0, "-> send it again only if twice is better than not at all";
    explain_and_metrics => "kp-explained", 100, "record-send-total: Some(100)";
    graceful_shutdown => "kp-work", 1_000, "a late record is refused: true";
    interceptor => "kp-stamped", 3, "3 acknowledged, 0 failed, 1 refused";
    keyed_with_headers => "kp-keyed", 7, "tombstone for customer-0: partition 0";
    many_tasks => "kp-requests", 500, "500 requests answered";
    own_partitioner => "kp-countries", 4, "xx-1 was not accepted: ";
    prometheus => "kp-scraped", 10_000, "kafka_producer_record_send_total{client_id=\"orders\"} 10000";
    send_all => "kp-all", 1_002, "1 accepted, one came back: ";
    swapped_network => "kp-counted", 3, "3 × Produce v";
    testing_with_a_mock => "", 0, "the broker has Some(\"customer-4\") = Some(\"{\\\"item\\\":\\\"tea\\\"}\")";
    token => "kp-lines", 1_000, "1000 lines done, 0 failed";
    topic_handle => "kp-readings", 10_000, "10000 readings of 8 bytes written";
    trace_context => "kp-traced", 1, "has a header traceparent";
    typed_serde => "kp-orders", 2, "order 18: partition 0 @ Some(1)";
}

fn run(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).output().expect("the example starts")
}

/// Runs it against a cluster of the test. `at_least` records must be in `topic` then.
fn check(program: &str, topic: &str, at_least: u64, says: &str) {
    let broker = EmbeddedBroker::start(EmbeddedOptions::default()).expect("there is a free port");
    let output = run(Command::new(program).env("KP_BOOTSTRAP", broker.bootstrap()));
    let (told, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{:?}\n{told}\n{errors}", output.status);
    assert!(told.contains(says), "says nothing of `{says}`:\n{told}\n{errors}");
    assert!(told.contains("closed, 0 undelivered"), "{told}\n{errors}");
    let there = broker.cluster().lock().record_count(topic);
    // `graceful_shutdown` sends on until it is told to stop; all others send what they say.
    let is_enough = there == at_least || (topic == "kp-work" && there >= at_least);
    assert!(is_enough, "{there} records in {topic}, not {at_least}:\n{told}");
}

#[test]
fn an_example_needs_nothing_in_its_environment() {
    let output = run(Command::new(env!("CARGO_BIN_EXE_own_partitioner")).env_remove("KP_BOOTSTRAP"));
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}");
    assert!(told.contains("ni-1: partition 2"), "the embedded broker's topics have three partitions: {told}");
}

#[test]
fn the_broker_runs_until_its_input_ends_and_tells_what_it_was_sent() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_broker"));
    let mut child = command.arg("0").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines().map_while(Result::ok);
    let first = lines.next().expect("it says where it listens");
    let bootstrap = first.strip_prefix("bootstrap.servers=").expect("as a key of the configuration");
    let sent = run(Command::new(env!("CARGO_BIN_EXE_blocking")).env("KP_BOOTSTRAP", bootstrap));
    drop(child.stdin.take());
    assert!(sent.status.success());
    assert_eq!(lines.collect::<Vec<_>>(), ["kp-blocking: 10 records"]);
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn no_example_is_left_out() {
    let folder = std::fs::read_dir(env!("CARGO_MANIFEST_DIR")).expect("the package is there");
    let files = folder.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let there: BTreeSet<String> =
        files.filter_map(|name| name.strip_suffix(".rs").map(str::to_owned)).collect();
    let tested: BTreeSet<String> =
        EXAMPLES.iter().map(|(name, _)| *name).chain(["broker"]).map(str::to_owned).collect();
    assert_eq!(there, tested);
}
