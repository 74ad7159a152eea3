//! The program `kp` against Apache Kafka of several ages, with today's defaults and with the classic ones, each codec; read
//! back by the console consumer of that version. Needs Java 17 and Maven.
//!
//! 10,000 lines and one codec for each broker and profile, unless `KP_FULL=1`: then 100,000 lines and three codecs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Output, Stdio};
use std::time::{Duration, Instant};

use kp_producer::blocking::TransactionalProducer;
use kp_producer::{BeginError, ProducerConfig};
use kp_tests::program::{json, kp, told};
use tempfile::TempDir;
use xtask::kafka::{KafkaCluster, Options};

use crate::turn;
use crate::until::wait_until;

const PARTITIONS: i32 = 3;
const KEYS: usize = 50;

/// How the producer is set up: what a test calls it, and the arguments of `kp produce`.
type Profile<'a> = (&'a str, &'a [&'a str]);
const TODAY: Profile<'static> = ("today", &[]);
const CLASSIC: Profile<'static> = ("classic", &["--defaults", "0.9"]);
/// Message sets although the broker is newer.
const FALLBACK: Profile<'static> = ("fallback", &["-X", "broker.version.fallback=0.10.0"]);
const CODECS: [&str; 3] = ["gzip", "snappy", "lz4"];

fn is_full() -> bool {
    std::env::var_os("KP_FULL").is_some()
}

fn lines() -> usize {
    if is_full() { 100_000 } else { 10_000 }
}

/// All codecs, or one that differs from profile to profile.
fn codecs(turn: usize) -> Vec<&'static str> {
    if is_full() { CODECS.to_vec() } else { vec![CODECS[turn % CODECS.len()]] }
}

/// Line `number`: `key TAB number filler`.
fn line(number: usize) -> String {
    format!("k{}\t{number} {}\n", number * 7 % KEYS, "The quick brown fox. ".repeat(number % 9))
}

fn input_file(dir: &TempDir) -> PathBuf {
    let path = dir.path().join("input.lines");
    fs::write(&path, (1..=lines()).map(line).collect::<String>()).expect("a temporary file");
    path
}

fn start(version: &str) -> KafkaCluster {
    let options = Options { version: version.to_owned(), ..Options::default() };
    KafkaCluster::start(&options).expect("Kafka starts")
}

/// `kp produce`, the file apart.
fn arguments<'a>(bootstrap: &'a str, topic: &'a str, profile: Profile<'a>, codec: &'a str) -> Vec<&'a str> {
    let mut arguments = vec!["produce", "--bootstrap", bootstrap, "--topic", topic, "--json"];
    arguments.extend(["--key-separator", "\t", "-X", codec]);
    arguments.extend(profile.1);
    arguments
}

/// What the console consumer of that version reads, line by line with its number; partitions come in any order.
fn read_back(cluster: &KafkaCluster, topic: &str, count: usize) -> Vec<(usize, String)> {
    let read = cluster
        .consume(topic, count as u64, &["print.key=true", "key.separator=\t"])
        .expect("the console consumer runs");
    let read = String::from_utf8(read).expect("lines of text");
    read.lines().map(|text| (number_of(text), format!("{text}\n"))).collect()
}

fn number_of(line: &str) -> usize {
    let value = line.split_once('\t').expect("key TAB value").1;
    value.split_once(' ').expect("number filler").0.parse().expect("a number")
}

/// Each key's lines come in the order in which they were sent; a line that stands there again counts where it stood first.
fn assert_in_order_per_key(topic: &str, read: &[(usize, String)]) {
    let mut seen = BTreeSet::new();
    let mut last: BTreeMap<usize, usize> = BTreeMap::new();
    for (number, _) in read.iter().filter(|(number, _)| seen.insert(*number)) {
        let before = last.insert(number * 7 % KEYS, *number).unwrap_or(0);
        assert!(before < *number, "{topic}: line {before} stands before line {number} of the same key");
    }
}

fn assert_all_acked(output: &Output, what: &str) {
    assert!(output.status.success(), "{what}: exit {:?}: {}", output.status.code(), told(output));
    let summary = json(output);
    let counts = ["sent", "acked", "failed", "unknown"].map(|name| summary[name].as_u64());
    let all = Some(lines() as u64);
    assert_eq!(counts, [all, all, Some(0), Some(0)], "{what}: {summary}");
    eprintln!("    {what}: {} records/s", summary["records_per_second"]);
}

/// Every profile with its codecs: everything acknowledged, and read back identical and in order.
fn each_profile_delivers(cluster: &KafkaCluster, version: &str, profiles: &[Profile<'_>]) {
    let dir = TempDir::new().expect("a temporary folder");
    let file = input_file(&dir);
    let bootstrap = cluster.bootstrap();
    for (turn, profile) in profiles.iter().enumerate() {
        for codec in codecs(turn) {
            let topic = format!("{}-{codec}", profile.0);
            cluster.create_topic(&topic, PARTITIONS, 1).expect("a topic");
            let setting = format!("compression.type={codec}");
            let mut command = kp(arguments(&bootstrap, &topic, *profile, &setting));
            let output = command.arg(&file).output().expect("kp runs");
            assert_all_acked(&output, &format!("{version} {topic}"));
            let mut read = read_back(cluster, &topic, lines());
            assert_in_order_per_key(&topic, &read);
            read.sort();
            let sent = (1..=lines()).map(|number| (number, line(number)));
            assert!(read.into_iter().eq(sent), "{version} {topic}: read back is what was sent");
            assert_compressed(cluster, &topic, codec);
        }
    }
}

/// The broker has the batches in the codec that was asked for.
fn assert_compressed(cluster: &KafkaCluster, topic: &str, codec: &str) {
    let dump = cluster.dump_entries(topic, 0).expect("DumpLogSegments runs").to_lowercase();
    // Spelt `compresscodec: GZIP` today and `compresscodec: GZIPCompressionCodec` by 0.9.
    let has_codec = dump.lines().any(|entry| entry.contains(&format!("compresscodec: {codec}")));
    assert!(has_codec, "{topic}: no batch with {codec} in\n{}", dump.chars().take(2000).collect::<String>());
    assert!(!dump.contains("isvalid: false"), "{topic}: a batch that is not valid");
}

/// What `--outcomes` says of each line: `None` if it was acknowledged, else how certain its failure is.
fn outcomes(file: &Path) -> BTreeMap<usize, Option<String>> {
    let text = fs::read_to_string(file).expect("the file of outcomes");
    let outcome = |line: &str| {
        let outcome: serde_json::Value = serde_json::from_str(line).expect("a JSON line");
        let number = outcome["line"].as_u64().expect("a line number") as usize;
        (number, outcome["certainty"].as_str().map(str::to_owned))
    };
    text.lines().map(outcome).collect()
}

/// The broker is killed while lines are on their way, and comes back: what was acknowledged is in the log, what is known
/// not to be written is not, and everything accepted has an outcome.
fn no_acked_record_is_lost_by_a_restart(cluster: &KafkaCluster, version: &str, profile: Profile<'_>) {
    let is_numbered = version != "0.9.0.1" && profile.0 == TODAY.0;
    let dir = TempDir::new().expect("a temporary folder");
    let topic = format!("restart-{}", profile.0);
    cluster.create_topic(&topic, PARTITIONS, 1).expect("a topic");
    let (outcomes_path, messages) = (dir.path().join("outcomes.jsonl"), dir.path().join("messages"));
    let bootstrap = cluster.bootstrap();
    let mut command = kp(arguments(&bootstrap, &topic, profile, "compression.type=lz4"));
    command.arg("--outcomes").arg(&outcomes_path).stdin(Stdio::piped());
    command.stderr(File::create(&messages).expect("a temporary file"));
    let mut child = command.spawn().expect("kp starts");
    let mut stdin = child.stdin.take().expect("its standard input");
    let half = lines() / 2;
    feed(&mut stdin, 1..=half);
    wait_until(|| fs::metadata(&outcomes_path).is_ok_and(|meta| meta.len() > 0), "the first outcomes");
    std::thread::scope(|scope| {
        let feeding = scope.spawn(|| feed(&mut stdin, half + 1..=lines() * 3 / 4));
        cluster.kill(1).expect("the broker is killed");
        feeding.join().expect("feeding does not panic");
    });
    cluster.restart(1).expect("the broker comes back");
    cluster.wait_until_led(&topic, PARTITIONS).expect("it leads again");
    let last_quarter = lines() * 3 / 4 + 1..=lines();
    feed(&mut stdin, last_quarter.clone());
    drop(stdin);
    let output = child.wait_with_output().expect("kp ends");

    let outcomes = outcomes(&outcomes_path);
    assert_eq!(outcomes.len(), lines(), "{version} {topic}: every line has one outcome");
    let total = cluster.records_in(&topic).expect("GetOffsetShell runs") as usize;
    let read = read_back(cluster, &topic, total);
    assert_in_order_per_key(&topic, &read);
    let there: BTreeSet<usize> = read.iter().map(|(number, _)| *number).collect();
    assert!(read.iter().all(|(number, text)| *text == line(*number)), "{version} {topic}: a line is changed");
    let of = |wanted: Option<&str>| -> Vec<usize> {
        let with_it = outcomes.iter().filter(|(_, outcome)| outcome.as_deref() == wanted);
        with_it.map(|(number, _)| *number).collect()
    };
    let lost: Vec<usize> = of(None).into_iter().filter(|number| !there.contains(number)).collect();
    assert!(lost.is_empty(), "{version} {topic}: acknowledged, but not in the log: {lost:?}");
    let denied: Vec<usize> =
        of(Some("not_written")).into_iter().filter(|number| there.contains(number)).collect();
    assert!(denied.is_empty(), "{version} {topic}: said not to be written, but in the log: {denied:?}");
    eprintln!(
        "    {version} {topic}: {} acked, {} not written, {} unknown; {total} records in the log, {} of them again",
        of(None).len(),
        of(Some("not_written")).len(),
        of(Some("unknown")).len(),
        total - there.len()
    );
    if profile.0 == TODAY.0 {
        let told = fs::read_to_string(&messages).unwrap_or_default();
        assert!(output.status.success(), "{version} {topic}: {told}");
        assert_eq!(of(None).len(), lines(), "{version} {topic}: retries outlast a restart: {told}");
        assert!(
            !is_numbered || total == lines(),
            "{version} {topic}: numbered batches are not written twice"
        );
    } else {
        // What waited meanwhile may be refused, for nothing is tried again; what came afterwards may not.
        let acked = of(None).into_iter().filter(|number| last_quarter.contains(number)).count();
        assert_eq!(acked, last_quarter.count(), "{version} {topic}: lines after the restart");
    }
}

fn feed(stdin: &mut ChildStdin, numbers: impl IntoIterator<Item = usize>) {
    for number in numbers {
        stdin.write_all(line(number).as_bytes()).expect("kp reads");
    }
}

#[test]
fn kafka_4_3_gets_everything_from_both_profiles_also_through_a_restart() {
    let _turn = turn::alone();
    let cluster = start("4.3.0");
    each_profile_delivers(&cluster, "4.3.0", &[TODAY, CLASSIC]);
    a_properties_file_of_a_java_producer_runs_unchanged(&cluster);
    no_acked_record_is_lost_by_a_restart(&cluster, "4.3.0", TODAY);
    no_acked_record_is_lost_by_a_restart(&cluster, "4.3.0", CLASSIC);
    cluster.stop().expect("Kafka stops");
}

#[test]
fn kafka_3_9_gets_everything_from_both_profiles_also_through_a_restart() {
    let _turn = turn::alone();
    let cluster = start("3.9.1");
    each_profile_delivers(&cluster, "3.9.1", &[CLASSIC, TODAY]);
    no_acked_record_is_lost_by_a_restart(&cluster, "3.9.1", TODAY);
    no_acked_record_is_lost_by_a_restart(&cluster, "3.9.1", CLASSIC);
    cluster.stop().expect("Kafka stops");
}

#[test]
fn kafka_3_9_gets_message_sets_where_the_configuration_takes_it_for_an_older_one() {
    let _turn = turn::alone();
    let cluster = start("3.9.1");
    each_profile_delivers(&cluster, "3.9.1", &[FALLBACK]);
    cluster.stop().expect("Kafka stops");
}

#[test]
fn kafka_0_9_is_found_out_and_gets_everything_from_both_profiles_also_through_a_restart() {
    let _turn = turn::alone();
    let cluster = start("0.9.0.1");
    each_profile_delivers(&cluster, "0.9.0.1", &[CLASSIC, TODAY]);
    headers_are_refused_with_what_would_work(&cluster);
    a_transactional_id_is_refused_before_the_first_record(&cluster);
    no_acked_record_is_lost_by_a_restart(&cluster, "0.9.0.1", TODAY);
    no_acked_record_is_lost_by_a_restart(&cluster, "0.9.0.1", CLASSIC);
    cluster.stop().expect("Kafka stops");
}

/// A broker before 0.11 has no place for headers: no line is accepted, and the words help.
fn headers_are_refused_with_what_would_work(cluster: &KafkaCluster) {
    cluster.create_topic("headers", 1, 1).expect("a topic");
    let bootstrap = cluster.bootstrap();
    let dir = TempDir::new().expect("a temporary folder");
    let file = dir.path().join("one.line");
    fs::write(&file, "one\n").expect("a temporary file");
    let mut command = kp(["produce", "--bootstrap", &bootstrap, "--topic", "headers", "-H", "a=b"]);
    let output = command.arg(&file).output().expect("kp runs");
    let words = told(&output);
    assert!(!output.status.success(), "{words}");
    for expected in [&*bootstrap, "Produce up to version 1", "Kafka 0.11", "without headers"] {
        assert!(words.contains(expected), "{expected:?} is missing in {words}");
    }
    assert!(words.contains("broker.version.fallback=0.9.0"), "what the operator should know: {words}");
    assert_eq!(cluster.records_in("headers").expect("GetOffsetShell runs"), 0);
}

/// Transactions came with 0.11 (KIP-98): there is an error before the first record, and the words help.
fn a_transactional_id_is_refused_before_the_first_record(cluster: &KafkaCluster) {
    cluster.create_topic("transactions", 1, 1).expect("a topic");
    let transactional =
        ProducerConfig::default().bootstrap_servers(cluster.bootstrap()).transactional_id("too-new");
    let mut producer =
        TransactionalProducer::new(transactional.clone()).expect("nothing is known of the brokers yet");
    let begun = Instant::now();
    let error = producer.begin().expect_err("such a cluster has no transactions");
    assert!(matches!(error, BeginError::Unsupported { .. }), "{error:?}");
    assert!(error.to_string().contains("Kafka 0.11"), "{error}");
    let waited = begun.elapsed();
    assert!(waited < Duration::from_secs(30), "told after {waited:?}, and not at max.block.ms");
    for (key, value) in [("kp.defaults", "0.9"), ("broker.version.fallback", "0.9.0")] {
        let mut config = transactional.clone();
        config.set(key, value).expect("the configuration is good");
        let error = TransactionalProducer::new(config).expect_err("such a producer has no transactions");
        assert!(error.to_string().contains("transactional.id"), "{error}");
    }
    assert_eq!(cluster.records_in("transactions").expect("GetOffsetShell runs"), 0);
}

/// A file with 25 of Java's keys, as it stands; only where the brokers are is said by a flag.
fn a_properties_file_of_a_java_producer_runs_unchanged(cluster: &KafkaCluster) {
    let properties = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/java-producer.properties");
    let dir = TempDir::new().expect("a temporary folder");
    let file = input_file(&dir);
    cluster.create_topic("by-properties", PARTITIONS, 1).expect("a topic");
    let bootstrap = cluster.bootstrap();
    let mut command = kp(["produce", "--bootstrap", &bootstrap, "--topic", "by-properties", "--json"]);
    command.args(["--key-separator", "\t", "--config"]).arg(&properties).arg(&file);
    assert_all_acked(&command.output().expect("kp runs"), "4.3.0 by a .properties file");
    let mut read = read_back(cluster, "by-properties", lines());
    read.sort();
    assert!(read.into_iter().eq((1..=lines()).map(|number| (number, line(number)))), "what was sent");
    assert_compressed(cluster, "by-properties", "lz4");
}
