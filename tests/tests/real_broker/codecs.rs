//! Every codec, and the kill of a leader, at Apache Kafka 4.3.0: what the program `kp` sends is read back by the console consumer.
//!
//! The input is a tenth of the whole unless `KP_FULL=1`: then 200,000 lines, about 380 MB.

use kp_tests::keyed_lines::{ByKey, Mix};
use kp_tests::program::{json, kp, told};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Output;
use tempfile::TempDir;
use xtask::kafka::{KafkaCluster, Options};

use crate::turn;
use crate::until::wait_until;

fn whole_mix() -> Mix {
    if std::env::var_os("KP_FULL").is_some() { Mix::FULL } else { Mix::TENTH }
}

fn input_file(dir: &TempDir, mix: Mix) -> PathBuf {
    let path = dir.path().join(format!("{}.lines", mix.lines()));
    mix.write(File::create(&path).expect("a temporary file")).expect("the file takes the lines");
    path
}

fn produce(cluster: &KafkaCluster, topic: &str, file: &Path, more: &[&str]) -> Output {
    let bootstrap = cluster.bootstrap();
    let file = file.to_str().expect("a temporary path is UTF-8");
    let fixed = ["produce", "--bootstrap", &bootstrap, "--topic", topic, "--key-separator", "\t", "--json"];
    kp(fixed.into_iter().chain(more.iter().copied()).chain([file])).output().expect("kp runs")
}

/// What Java's console consumer reads: lines `key TAB value`.
fn read_back(cluster: &KafkaCluster, topic: &str, count: usize) -> ByKey {
    let properties = ["print.key=true", "key.separator=\t"];
    ByKey::of(&cluster.consume(topic, count as u64, &properties).expect("the console consumer runs"))
}

fn assert_all_acked(output: &Output, lines: usize) {
    assert!(output.status.success(), "exit {:?}: {}", output.status.code(), told(output));
    let summary = json(output);
    assert_eq!(summary["sent"], lines, "{summary}");
    assert_eq!(summary["acked"], lines, "{summary}");
    assert_eq!((&summary["failed"], &summary["unknown"]), (&0.into(), &0.into()), "{summary}");
    eprintln!("    {summary}");
}

fn deliver_and_compare(cluster: &KafkaCluster, topic: &str, file: &Path, more: &[&str]) {
    let sent = ByKey::of(&fs::read(file).expect("the input is there"));
    assert_all_acked(&produce(cluster, topic, file, more), sent.lines());
    let read = read_back(cluster, topic, sent.lines());
    assert_eq!(sent.lines(), read.lines(), "{topic}: lines sent, lines read");
    assert_eq!(sent.first_difference(&read), None, "{topic}");
}

#[test]
fn every_codec_is_delivered_byte_for_byte_and_in_order_per_key_to_one_broker() {
    let _turn = turn::alone();
    let cluster = KafkaCluster::start(&Options::brokers(1)).expect("Kafka starts");
    let dir = TempDir::new().expect("a temporary folder");
    let whole = input_file(&dir, whole_mix());
    let small = input_file(&dir, Mix::HUNDREDTH);
    cluster.create_topic("whole", 6, 1).expect("a topic");
    deliver_and_compare(&cluster, "whole", &whole, &[]);
    let mut codecs = vec!["gzip", "snappy", "lz4"];
    if cfg!(feature = "zstd") {
        codecs.push("zstd");
    }
    for codec in codecs {
        let topic = format!("codec-{codec}");
        cluster.create_topic(&topic, 3, 1).expect("a topic");
        deliver_and_compare(&cluster, &topic, &small, &["-X", &format!("compression.type={codec}")]);
        let dump = cluster.dump_log(&topic, 0).expect("DumpLogSegments runs");
        assert_batches_are_valid(&dump, &codec.to_uppercase());
    }
    let dump = cluster.dump_log("whole", 0).expect("DumpLogSegments runs");
    assert_batches_are_valid(&dump, "NONE");
    cluster.stop().expect("Kafka stops");
}

/// Kafka's own tool read the batches with `--deep-iteration --print-data-log` and found nothing wrong.
fn assert_batches_are_valid(dump: &str, codec: &str) {
    let batches: Vec<&str> = dump.lines().filter(|line| line.contains("baseOffset:")).collect();
    assert!(!batches.is_empty(), "no batch in the dump:\n{dump}");
    for batch in &batches {
        assert!(batch.contains("isvalid: true"), "{batch}");
    }
    // A batch that compression does not make smaller goes out raw, so not every one carries the codec.
    let with_codec = |batch: &&&str| batch.to_uppercase().contains(&format!("COMPRESSCODEC: {codec}"));
    assert!(batches.iter().any(|batch| with_codec(&batch)), "no batch with {codec}:\n{}", batches.join("\n"));
    assert!(!dump.contains("Found timestamp mismatch"), "{dump}");
}

#[test]
fn three_brokers_get_every_line_and_every_acked_line_survives_the_kill_of_a_leader() {
    let _turn = turn::alone();
    let cluster = KafkaCluster::start(&Options::brokers(3)).expect("Kafka starts");
    let dir = TempDir::new().expect("a temporary folder");
    let file = input_file(&dir, whole_mix());
    cluster.create_topic("three-none", 6, 3).expect("a topic");
    deliver_and_compare(&cluster, "three-none", &file, &[]);
    cluster.create_topic("three-lz4", 6, 3).expect("a topic");
    deliver_and_compare(&cluster, "three-lz4", &file, &["-X", "compression.type=lz4"]);

    cluster.create_topic("killed", 6, 3).expect("a topic");
    kill_a_leader_in_the_middle(&cluster, &dir, &file);
    cluster.stop().expect("Kafka stops");
}

fn kill_a_leader_in_the_middle(cluster: &KafkaCluster, dir: &TempDir, file: &Path) {
    let victim = cluster.leader("killed", 0).expect("metadata").expect("partition 0 has a leader");
    let outcomes = dir.path().join("outcomes.jsonl");
    let outcomes_path = outcomes.to_str().expect("UTF-8");
    let output = std::thread::scope(|scope| {
        // Small requests and one broker fewer to talk to, so that the kill falls into the middle.
        let producing = scope
            .spawn(|| produce(cluster, "killed", file, &["--outcomes", outcomes_path, "-X", "acks=all"]));
        wait_until(|| fs::metadata(&outcomes).is_ok_and(|meta| meta.len() > 20_000), "the first outcomes");
        cluster.kill(victim).expect("the broker is killed");
        producing.join().expect("producing does not panic")
    });
    let sent = ByKey::of(&fs::read(file).expect("the input is there"));
    assert_all_acked(&output, sent.lines());
    cluster.restart(victim).expect("the broker comes back");

    // Duplicates are possible without idempotence; a batch that was resent stands behind its first writing.
    let total = cluster.records_in("killed").expect("GetOffsetShell runs") as usize;
    let mut read = read_back(cluster, "killed", total);
    let adjacent = read.remove_adjacent_duplicates();
    let repeated = read.remove_duplicates();
    eprintln!(
        "    killed broker {victim}: {total} lines in the log, {adjacent} adjacent duplicates, {repeated} in resent batches"
    );
    assert_eq!(sent.first_difference(&read), None, "every acked line is there, in order per key");
}
