//! `kp produce` with transactions, as it is run, against the broker double on a TCP port: what readers of committed records see,
//! and what the program says about it.

#![allow(clippy::disallowed_methods, reason = "a program is started and waited for")]

mod program;

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use kp_protocol::{ApiKey, ErrorCode};
use kp_sim::{
    ClusterSettings, Fault, KafkaVersion, TopicSettings,
    tcp::{EmbeddedBroker, EmbeddedOptions},
};
use program::{Scratch, code, json, said};
use serde_json::{Value, json as value};

fn broker(version: KafkaVersion) -> EmbeddedBroker {
    let options = EmbeddedOptions::new().with_kafka_version(version);
    let broker = EmbeddedBroker::start(options).unwrap();
    // Here before the first record, so that it can be read at any time.
    let settings = TopicSettings { partitions: 1, ..TopicSettings::of(&ClusterSettings::default()) };
    broker.cluster().lock().create_topic("t", settings).unwrap();
    broker
}

fn start(args: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_kp"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// `kp produce` to topic `t` as `inv-1`.
fn produce(broker: &EmbeddedBroker, more: &[&str]) -> Child {
    let servers = broker.bootstrap();
    let fixed = ["produce", "-b", &servers, "-t", "t", "--transactional-id", "inv-1", "--json"];
    start(&[&fixed[..], more].concat())
}

fn end(mut child: Child, stdin: &[u8]) -> Output {
    // A program that ends without reading closes the pipe: that is its right.
    let _ = child.stdin.take().unwrap().write_all(stdin);
    child.wait_with_output().unwrap()
}

/// What readers of committed records see.
fn visible(broker: &EmbeddedBroker) -> Vec<String> {
    let read = end(start(&["read", "-b", &broker.bootstrap(), "-t", "t", "--from-beginning"]), b"");
    assert_eq!(code(&read), 0, "{}", said(&read));
    String::from_utf8(read.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn transactions(committed: u64, aborted: u64, retried: u64, unknown: u64) -> Value {
    value!({ "committed": committed, "aborted": aborted, "retried": retried, "unknown": unknown })
}

/// Line, transaction, outcome.
fn outcomes(file: &Scratch) -> Vec<(u64, Value, Value)> {
    let lines = fs::read_to_string(&file.0).unwrap();
    let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines
        .map(|line| (line["line"].as_u64().unwrap(), line["transaction"].clone(), line["outcome"].clone()))
        .collect()
}

// TX1
#[test]
fn each_so_many_lines_are_one_transaction_by_either_protocol() {
    for version in [KafkaVersion::V3_9, KafkaVersion::V4_3] {
        let broker = broker(version);
        let file = Scratch::new("txn-outcomes.jsonl").holding(b"from before");
        let args = ["--txn-size", "2", "--outcomes", file.path()];
        let sent = end(produce(&broker, &args), b"a\nb\nc\nd\ne");
        assert_eq!(code(&sent), 0, "{}", said(&sent));
        let json = json(&sent);
        assert_eq!((&json["acked"], &json["transactions"]), (&5.into(), &transactions(3, 0, 0, 0)));
        assert_eq!(visible(&broker), ["a", "b", "c", "d", "e"]);
        let committed = |line, transaction: &str| (line, transaction.into(), "committed".into());
        let expected = [(1, "inv-1-1"), (2, "inv-1-1"), (3, "inv-1-2"), (4, "inv-1-2"), (5, "inv-1-3")];
        assert_eq!(outcomes(&file), expected.map(|(line, name)| committed(line, name)));
    }
}

/// A record that the broker does not take, once.
fn refuse_once(broker: &EmbeddedBroker) {
    let refusal = Fault::RefuseBatch { partition: None, code: ErrorCode::INVALID_TIMESTAMP };
    broker.cluster().lock().inject(refusal, 1);
}

// TX12
#[test]
fn the_lines_of_an_aborted_transaction_are_sent_again_and_seen_once() {
    let broker = broker(KafkaVersion::V4_3);
    refuse_once(&broker);
    let file = Scratch::new("txn-again.jsonl");
    let sent = end(produce(&broker, &["--txn-size", "2", "--outcomes", file.path()]), b"a\nb\nc\n");
    assert_eq!(code(&sent), 0, "{}", said(&sent));
    assert_eq!(json(&sent)["transactions"], transactions(2, 1, 1, 0));
    assert!(said(&sent).contains("inv-1-1 (2 lines from stdin, line 1): aborted: "), "{}", said(&sent));
    assert_eq!(visible(&broker), ["a", "b", "c"]);
    let places: Vec<u64> = outcomes(&file).iter().map(|(line, _, _)| *line).collect();
    assert_eq!(places, [1, 2, 3], "one line each, however often it was sent");
}

// TX12
#[test]
fn behind_the_last_attempt_lines_are_aborted_and_those_behind_them_are_sent() {
    let broker = broker(KafkaVersion::V4_3);
    refuse_once(&broker);
    let file = Scratch::new("txn-given-up.jsonl");
    let args = ["--txn-size", "2", "--txn-retries", "0", "--outcomes", file.path()];
    let sent = end(produce(&broker, &args), b"a\nb\nc\n");
    assert_eq!(code(&sent), 1, "{}", said(&sent));
    let json = json(&sent);
    assert_eq!(json["transactions"], transactions(1, 1, 0, 0));
    assert_eq!((&json["acked"], &json["failed"]), (&1.into(), &2.into()));
    assert_eq!(visible(&broker), ["c"]);
    let fates: Vec<Value> = outcomes(&file).into_iter().map(|(_, _, outcome)| outcome).collect();
    assert_eq!(fates, ["aborted", "aborted", "committed"]);
}

// TC1
#[test]
fn a_commit_whose_answer_is_lost_is_asked_for_again_and_its_lines_are_not_sent_again() {
    let broker = broker(KafkaVersion::V4_3);
    broker.cluster().lock().inject(Fault::Close { api: ApiKey::EndTxn, carried_out: true }, 1);
    let sent = end(produce(&broker, &[]), b"a\nb\n");
    assert_eq!(code(&sent), 0, "{}", said(&sent));
    assert_eq!(json(&sent)["transactions"], transactions(1, 0, 0, 0));
    assert_eq!(visible(&broker), ["a", "b"]);
}

#[test]
fn a_line_that_is_no_record_is_in_no_transaction_and_the_others_are_committed() {
    let broker = broker(KafkaVersion::V4_3);
    let input = [b"k:a\nno separator\nk:", &[b'x'; 2000][..], b"\nk:b\n"].concat();
    let sent = end(produce(&broker, &["-K", ":", "-X", "max.request.size=1000"]), &input);
    assert_eq!(code(&sent), 1, "{}", said(&sent));
    let json = json(&sent);
    assert_eq!(json["transactions"], transactions(1, 0, 0, 0));
    assert_eq!((&json["acked"], &json["failed"]), (&2.into(), &2.into()));
    assert!(said(&sent).contains("stdin, line 2: no key separator"), "{}", said(&sent));
    assert!(said(&sent).contains("stdin, line 3: 2002 bytes, more than"), "{}", said(&sent));
    assert_eq!(visible(&broker), ["a", "b"]);
}

/// What is waited for comes within moments, or never.
const LIMIT: Duration = Duration::from_secs(60);

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + LIMIT;
    while !is_so() {
        assert!(Instant::now() < until, "not within {LIMIT:?}: {what}");
        std::thread::yield_now();
    }
}

/// Waits until readers could see so many records, markers not counted.
fn wait_for(broker: &EmbeddedBroker, records: usize) {
    wait_until(&format!("{records} records are visible"), || visible(broker).len() >= records);
}

// TX15, TC12
#[test]
fn a_fenced_program_ends_at_once_with_the_reason_and_its_lines_are_not_visible() {
    let broker = broker(KafkaVersion::V4_3);
    let mut first = produce(&broker, &["--txn-size", "1"]);
    let mut stdin = first.stdin.take().unwrap();
    stdin.write_all(b"a\n").unwrap();
    wait_for(&broker, 1);
    let second = end(produce(&broker, &[]), b"b\n");
    assert_eq!(code(&second), 0, "{}", said(&second));
    stdin.write_all(b"c\nd\n").unwrap();
    drop(stdin);
    let first = first.wait_with_output().unwrap();
    assert_eq!(code(&first), 1, "{}", said(&first));
    let json = json(&first);
    assert_eq!((&json["acked"], &json["failed"], &json["sent"]), (&1.into(), &1.into(), &2.into()), "no d");
    assert!(json["stopped"].as_str().unwrap().contains("another producer with this transactional.id"));
    assert_eq!(json["transactions"], transactions(1, 1, 0, 0));
    assert_eq!(visible(&broker), ["a", "b"]);
}

#[test]
fn what_comes_within_a_time_is_a_transaction_though_the_input_stays_open() {
    let broker = broker(KafkaVersion::V4_3);
    let mut child = produce(&broker, &["--txn-every", "5ms"]);
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"a\nb\n").unwrap();
    wait_for(&broker, 2);
    stdin.write_all(b"c\n").unwrap();
    wait_for(&broker, 3);
    drop(stdin);
    let sent = child.wait_with_output().unwrap();
    assert_eq!((code(&sent), &json(&sent)["acked"]), (0, &3.into()), "{}", said(&sent));
    assert!(json(&sent)["transactions"]["committed"].as_u64().unwrap() >= 2);
}

#[cfg(unix)]
#[test]
fn ctrl_c_leaves_out_what_is_in_no_transaction_yet_unless_it_is_to_be_committed() {
    for (choice, seen) in [("abort", &["a"][..]), ("commit", &["a", "b"])] {
        let broker = broker(KafkaVersion::V4_3);
        let mut child = produce(&broker, &["--txn-size", "2", "--on-interrupt", choice]);
        let mut stdin = child.stdin.take().unwrap();
        // The third line is read together with the two before it.
        stdin.write_all(b"a\n\nb\n").unwrap();
        wait_for(&broker, 2);
        let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        assert!(killed.success());
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
        assert!(said.any(|line| line.unwrap().contains("interrupted")));
        let sent = child.wait_with_output().unwrap();
        drop(stdin);
        assert_eq!(code(&sent), 130);
        let visible: Vec<String> = visible(&broker).into_iter().filter(|line| !line.is_empty()).collect();
        assert_eq!(visible, seen, "{choice}");
        assert_eq!(json(&sent)["sent"].as_u64().unwrap() as usize, seen.len() + 1, "and an empty line");
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_within_an_open_transaction_aborts_it_or_commits_it_as_asked() {
    for (choice, seen, fate) in [("abort", 0, "aborted"), ("commit", 30, "committed")] {
        let broker = broker(KafkaVersion::V4_3);
        let file = Scratch::new(&format!("txn-cut-{choice}.jsonl"));
        // Nothing is written for now, and the lines do not fit into memory: so the transaction stays open.
        let refusal = Fault::RefuseBatch { partition: None, code: ErrorCode::NOT_ENOUGH_REPLICAS };
        broker.cluster().lock().inject(refusal, u32::MAX);
        let small = ["-X", "buffer.memory=20000", "-X", "batch.size=4000", "-X", "max.request.size=5000"];
        let args = ["--txn-size", "30", "--on-interrupt", choice, "--outcomes", file.path()];
        let mut child = produce(&broker, &[&args[..], &small].concat());
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(&[&[b'x'; 1000][..], b"\n"].concat().repeat(30)).unwrap();
        wait_until("a batch is refused", || broker.cluster().lock().requests(ApiKey::Produce) > 0);
        assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
        assert!(said.any(|line| line.unwrap().contains("interrupted: ending the transaction")), "{choice}");
        broker.cluster().lock().clear_faults();
        let sent = child.wait_with_output().unwrap();
        drop(stdin);
        assert_eq!(code(&sent), 130, "{choice}");
        assert_eq!(visible(&broker).len(), seen, "{choice}");
        let json = json(&sent);
        let counts = if seen > 0 { transactions(1, 0, 0, 0) } else { transactions(0, 1, 0, 0) };
        assert_eq!((&json["transactions"], &json["acked"]), (&counts, &seen.into()), "{choice}");
        let fates: Vec<Value> = outcomes(&file).into_iter().map(|(_, _, outcome)| outcome).collect();
        assert!(!fates.is_empty() && fates.iter().all(|told| told == fate), "{choice}: {fates:?}");
    }
}

// TC1, TC12
#[test]
fn a_commit_without_an_answer_behind_which_another_came_is_unknown_and_nothing_is_sent_again() {
    let broker = broker(KafkaVersion::V4_3);
    broker.cluster().lock().inject(Fault::Stall { api: ApiKey::EndTxn, carried_out: true }, 1);
    let file = Scratch::new("txn-unknown.jsonl");
    let args = ["--txn-size", "2", "--outcomes", file.path(), "-X", "request.timeout.ms=1000"];
    let mut child = produce(&broker, &args);
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"a\nb\nc\nd\n").unwrap();
    drop(stdin);
    wait_until("the commit arrives", || broker.cluster().lock().requests(ApiKey::EndTxn) > 0);
    assert!(broker.cluster().lock().fence("inv-1").is_some());
    let sent = child.wait_with_output().unwrap();
    assert_eq!(code(&sent), 1, "{}", said(&sent));
    let json = json(&sent);
    assert_eq!(json["transactions"], transactions(0, 0, 0, 1), "{}", said(&sent));
    assert_eq!((&json["acked"], &json["unknown"], &json["sent"]), (&0.into(), &2.into(), &2.into()), "no c");
    assert!(said(&sent).contains("inv-1-1 (2 lines from stdin, line 1): unknown: "), "{}", said(&sent));
    let unknown = |line| (line, "inv-1-1".into(), "unknown".into());
    assert_eq!(outcomes(&file), [unknown(1), unknown(2)]);
    assert_eq!(visible(&broker), ["a", "b"], "it was committed, and only the program cannot know");
}

// TX5, TC1
#[test]
fn an_unresolved_commit_is_asked_for_on_and_its_lines_are_seen_once() {
    let broker = broker(KafkaVersion::V4_3);
    broker.cluster().lock().inject(Fault::Stall { api: ApiKey::EndTxn, carried_out: false }, 1);
    let file = Scratch::new("txn-unresolved.jsonl");
    // The answer is given up for lost behind the time of the call: that one ends first, and does not know.
    let short = ["-X", "max.block.ms=1000", "-X", "request.timeout.ms=2500", "--txn-retries", "50"];
    let args = ["--txn-size", "2", "--outcomes", file.path()];
    let sent = end(produce(&broker, &[&args[..], &short].concat()), b"a\nb\nc\n");
    assert_eq!(code(&sent), 0, "{}", said(&sent));
    assert_eq!(json(&sent)["transactions"], transactions(2, 0, 0, 0), "{}", said(&sent));
    assert_eq!(visible(&broker), ["a", "b", "c"]);
    let fates: Vec<Value> = outcomes(&file).into_iter().map(|(_, _, outcome)| outcome).collect();
    assert_eq!(fates, ["committed", "committed", "committed"]);
}

// TX5, TC14
#[test]
fn a_commit_that_stays_unresolved_is_told_as_unknown_and_nothing_follows_it() {
    let broker = broker(KafkaVersion::V4_3);
    let silence = Fault::AnswerInstead { api: ApiKey::EndTxn, code: ErrorCode::CONCURRENT_TRANSACTIONS };
    broker.cluster().lock().inject(silence, u32::MAX);
    let file = Scratch::new("txn-never.jsonl");
    let args =
        ["--txn-size", "1", "--txn-retries", "50", "--outcomes", file.path(), "-X", "max.block.ms=300"];
    let sent = end(produce(&broker, &args), b"a\nb\n");
    assert_eq!(code(&sent), 1, "{}", said(&sent));
    let json = json(&sent);
    assert_eq!(json["transactions"], transactions(0, 0, 0, 1), "{}", said(&sent));
    assert_eq!((&json["unknown"], &json["sent"]), (&1.into(), &1.into()), "no b");
    assert_eq!(outcomes(&file), [(1, "inv-1-1".into(), "unknown".into())]);
}

// TX2, TC22
#[test]
fn flags_and_keys_that_do_not_fit_transactions_are_refused_before_anything_is_sent() {
    for (args, words) in [
        (&["--txn-size", "5"][..], "--txn-size is about transactions"),
        (&["--on-interrupt", "commit"], "--on-interrupt is about transactions"),
        (&["--transactional-id", ""], "transactional.id"),
        (&["--transactional-id", "x", "--txn-size", "0"], "0 is not in 1.."),
        (&["--transactional-id", "x", "-X", "acks=1"], "transactional.id without idempotence"),
        (&["--transactional-id", "x", "-X", "enable.idempotence=false"], "transactional.id"),
        (&["--transactional-id", "x", "--defaults", "0.9"], "transactional.id"),
    ] {
        let fixed = ["produce", "-b", "127.0.0.1:1", "-t", "t"];
        let refused = end(start(&[&fixed[..], args].concat()), b"a\n");
        assert_eq!(code(&refused), 2, "{args:?}: {}", said(&refused));
        assert!(said(&refused).contains(words), "{args:?}: {}", said(&refused));
    }
}
