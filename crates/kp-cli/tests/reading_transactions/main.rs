//! `kp read` and `kp doctor`, as they are run, over what transactions have left in the broker double.

#![allow(clippy::disallowed_methods, reason = "a program is started and waited for")]

mod writer;

use std::process::{Command, Output};

use kp_sim::{
    ClusterSettings, KafkaVersion, TopicSettings,
    tcp::{EmbeddedBroker, EmbeddedOptions},
};
use serde_json::Value;
use writer::Writer;

fn broker() -> EmbeddedBroker {
    let broker = EmbeddedBroker::start(EmbeddedOptions::default()).unwrap();
    let settings = TopicSettings::of(&ClusterSettings::default());
    broker.cluster().lock().create_topic("orders", settings).unwrap();
    broker
}

fn kp(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kp")).args(args).output().unwrap()
}

/// The lines of `kp read --from-beginning` of partition 0, and these options.
fn read(broker: &EmbeddedBroker, options: &[&str]) -> Vec<String> {
    let bootstrap = broker.bootstrap();
    let output = kp(&[&["read", "-b", &bootstrap, "-t", "orders", "--from-beginning"], options].concat());
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// Exit code, and what the steps about transactions found: verdict and words.
fn examined(options: &[&str]) -> (i32, Vec<(String, String)>) {
    let output = kp(&[&["doctor", "--json"], options].concat());
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let steps = report["steps"].as_array().unwrap().iter().filter(|step| step["step"] == "transactions");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let found = steps.map(|step| (text(&step["verdict"]), text(&step["found"]))).collect();
    (output.status.code().unwrap(), found)
}

// TM 1.10
#[test]
fn what_was_aborted_or_is_open_is_read_only_by_who_asks_for_it() {
    let broker = broker();
    let (mut one, mut two) = (Writer::new(broker.cluster(), "one"), Writer::new(broker.cluster(), "two"));
    one.write("orders", 1, "committed");
    two.write("orders", 1, "aborted");
    one.end(true);
    two.end(false);
    two.write("orders", 1, "committed too");
    two.end(true);
    let who = |writer: &Writer| format!("{}/{}", writer.producer.producer_id, writer.producer.epoch);
    let open = who(&two);
    two.write("orders", 1, "open");
    one.write("orders", 1, "behind");
    one.end(true);
    assert_eq!(read(&broker, &[]), ["committed", "committed too"]);
    let all = ["committed", "aborted", "committed too", "open", "behind"];
    assert_eq!(read(&broker, &["--isolation", "read_uncommitted"]), all);
    let lines = read(&broker, &["--isolation", "read_uncommitted", "--with", "transaction"]);
    assert_eq!(lines[3], format!("{open}\topen"));
    two.end(true);
    let all = ["committed", "committed too", "open", "behind"];
    assert_eq!(read(&broker, &["--isolation", "read_committed"]), all);
}

#[test]
fn the_doctor_names_a_transaction_that_hangs_and_what_ends_it() {
    let broker = broker();
    let options = ["-b", &broker.bootstrap(), "-t", "orders"];
    let none = "orders: none is open, so readers of committed records see all".to_owned();
    assert_eq!(examined(&options), (0, vec![("ok".to_owned(), none)]));
    let mut writer = Writer::new(broker.cluster(), "one");
    // Written in 1970.
    writer.write("orders", 1, "v");
    let (code, found) = examined(&options);
    let [(verdict, words)] = &found[..] else { panic!("{found:?}") };
    assert_eq!((code, verdict.as_str()), (0, "warning"));
    assert!(
        words.starts_with("orders-0: readers of committed records see it up to offset 0 of 1"),
        "{words}"
    );
    let whose = format!("producer id {}, epoch 0, has a transaction open", writer.producer.producer_id);
    assert!(words.contains(&whose) && words.ends_with("the transaction hangs"), "{words}");
    writer.end(false);
    assert_eq!(examined(&options).1[0].0, "ok");
}

#[test]
fn the_doctor_finds_the_coordinator_of_a_transactional_id_and_what_it_knows() {
    let broker = broker();
    let options = ["-b", &broker.bootstrap(), "-X", "transactional.id=billing"];
    let at = format!("billing: its coordinator is broker 1 at {}", broker.bootstrap());
    let told = |words: &str| (0, vec![("ok".to_owned(), format!("{at}: {words}; transaction.version 2"))]);
    assert_eq!(examined(&options), told("no producer has had the id yet"));
    let mut writer = Writer::new(broker.cluster(), "billing");
    let id = writer.producer.producer_id;
    assert_eq!(examined(&options), told(&format!("producer id {id}, epoch 0, Empty")));
    writer.write("orders", 1, "v");
    writer.end(true);
    assert_eq!(examined(&options), told(&format!("producer id {id}, epoch 1, CompleteCommit")));
    assert_eq!(writer.producer.epoch, 1, "the doctor has not shut the producer out");
    let with_topic = [&options[..], &["-t", "orders", "--write"]].concat();
    assert_eq!(kp(&[&["doctor"], &with_topic[..]].concat()).status.code(), Some(0));
    writer.write("orders", 1, "and it goes on");
}

#[test]
fn a_transactional_id_is_a_failure_where_brokers_know_no_transactions() {
    let options = EmbeddedOptions::new().with_kafka_version(KafkaVersion::V0_10);
    let broker = EmbeddedBroker::start(options).unwrap();
    let (code, found) = examined(&["-b", &broker.bootstrap(), "-X", "transactional.id=billing"]);
    assert_eq!((code, found.len(), found[0].0.as_str()), (1, 1, "failed"), "{found:?}");
    assert!(found[0].1.contains("the brokers know no transactions"), "{found:?}");
}
