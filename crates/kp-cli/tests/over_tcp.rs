//! The program `kp`, as it is run, against the broker double on a TCP port. Nothing here waits for time to pass:
//! where something has to have happened first, the topic is read until it has.

#![allow(clippy::disallowed_methods, reason = "a program is started and waited for")]

mod program;

use std::{
    fs,
    io::Write as _,
    process::{Child, Command, Output, Stdio},
};

use kp_sim::{
    KafkaVersion, SaslSettings, SimMechanism,
    tcp::{EmbeddedBroker, EmbeddedOptions},
};
use program::{Scratch, code, json, said};
use serde_json::Value;

fn broker() -> EmbeddedBroker {
    EmbeddedBroker::start(EmbeddedOptions::new().with_default_partitions(3)).unwrap()
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

fn kp(args: &[&str], stdin: &[u8]) -> Output {
    let mut child = start(args);
    // A program that ends without reading closes the pipe: that is its right.
    let _ = child.stdin.take().unwrap().write_all(stdin);
    child.wait_with_output().unwrap()
}

#[test]
fn the_demo_finds_everything_it_sent() {
    let output = kp(&["demo", "--records", "20000", "--json"], b"");
    assert_eq!(code(&output), 0, "{}", said(&output));
    let json = json(&output);
    assert_eq!((&json["ok"], &json["lines"]), (&true.into(), &20_000.into()));
    assert_eq!(json["read"]["missing"], 0);
    assert!(json["broker"].as_str().unwrap().contains("embedded development broker, not Apache Kafka"));
}

#[test]
fn the_demo_takes_a_file_and_draws_its_latencies() {
    let file = Scratch::new("demo.txt").holding(b"one\n\xff\n\nlast");
    let output = kp(&["demo", file.path()], b"");
    assert_eq!(code(&output), 0, "{}", said(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("all 4 lines are there") && text.contains('█'), "{text}");
    assert!(!text.contains('\x1b'), "no colours where no terminal is");
}

#[test]
fn what_is_produced_is_read_back_byte_for_byte() {
    let broker = broker();
    let input = b"k1:\xff\x00\r\nk2:\nk1:second:part\nk3:no line feed at the end";
    for codec in ["none", "gzip", "snappy", "lz4"] {
        let (servers, codec_key) = (broker.bootstrap(), format!("compression.type={codec}"));
        let sent = kp(
            &["produce", "-b", &servers, "-t", codec, "-K", ":", "-H", "a=b=c", "-X", &codec_key, "--json"],
            input,
        );
        assert_eq!(code(&sent), 0, "{}", said(&sent));
        assert_eq!(json(&sent)["acked"], 4);
        let read =
            kp(&["read", "-b", &servers, "-t", codec, "--from-beginning", "--with", "key,headers"], b"");
        assert_eq!(code(&read), 0, "{}", said(&read));
        let mut lines: Vec<&[u8]> = read.stdout.split(|byte| *byte == b'\n').collect();
        let of_k1: Vec<&&[u8]> = lines.iter().filter(|line| line.starts_with(b"k1")).collect();
        assert_eq!(of_k1, [&&b"k1\ta=b=c\t\xff\x00\r"[..], &&b"k1\ta=b=c\tsecond:part"[..]]);
        lines.sort_unstable();
        assert_eq!(lines[3..], [&b"k2\ta=b=c\t"[..], b"k3\ta=b=c\tno line feed at the end"]);
    }
}

// A16
#[test]
fn the_last_word_for_a_program_says_how_each_connection_was_secured() {
    let sasl = SaslSettings::new(SimMechanism::ALL).with_user("alice", "alice-secret");
    let broker = EmbeddedBroker::start(EmbeddedOptions::new().with_sasl(sasl)).unwrap();
    let keys = format!(
        "bootstrap.servers={}\nsecurity.protocol=SASL_PLAINTEXT\nsasl.mechanism=SCRAM-SHA-512\n\
         sasl.username=alice\nsasl.password=alice-secret\n",
        broker.bootstrap()
    );
    let file = Scratch::new("secured.properties").holding(keys.as_bytes());
    let sent = kp(&["produce", "--config", file.path(), "-t", "t", "--json"], b"one\n");
    assert_eq!(code(&sent), 0, "{}", said(&sent));
    let json = json(&sent);
    let told = &json["security"][0];
    assert_eq!((&json["acked"], &told["broker"], &told["state"]), (&1.into(), &1.into(), &"ready".into()));
    assert_eq!((&told["protocol"], &told["mechanism"]), (&"SASL_PLAINTEXT".into(), &"SCRAM-SHA-512".into()));
    assert_eq!((&told["principal"], told["tls"].is_null()), (&"alice".into(), true));
    assert!(told["last_failure"].is_null() && !json.to_string().contains("alice-secret"), "{json}");
}

#[test]
fn a_bad_line_of_json_is_told_with_file_line_and_what_and_the_rest_is_sent() {
    let broker = broker();
    let file = Scratch::new("bad.ndjson")
        .holding(b"{\"value\":1}\n{\"value\":\n{\"value\":\"x\",\"partition\":2}\n");
    let servers = broker.bootstrap();
    let output =
        kp(&["produce", "-b", &servers, "-t", "t", "--format", "ndjson", "--json", file.path()], b"");
    assert_eq!(code(&output), 1);
    let json = json(&output);
    assert_eq!((&json["sent"], &json["acked"], &json["failed"]), (&3.into(), &2.into(), &1.into()));
    let said = said(&output);
    assert!(said.contains("bad.ndjson, line 2: not a JSON object"), "{said}");
    let read = kp(&["read", "-b", &servers, "-t", "t", "--from-beginning", "-p", "2", "--json"], b"");
    assert!(String::from_utf8(read.stdout).unwrap().contains("\"value\":\"x\""));
}

#[test]
fn outcomes_have_one_line_per_record() {
    let broker = broker();
    let outcomes = Scratch::new("outcomes.jsonl").holding(b"");
    let big = [&b"good\n"[..], &[b'x'; 2000], b"\nalso good\n"].concat();
    let output = kp(
        &[
            "produce",
            "-b",
            &broker.bootstrap(),
            "-t",
            "t",
            "-X",
            "max.request.size=1000",
            "--outcomes",
            outcomes.path(),
        ],
        &big,
    );
    assert_eq!(code(&output), 1);
    let lines: Vec<Value> = fs::read_to_string(outcomes.path())
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 3);
    let of_line = |number: i32| lines.iter().find(|line| line["line"] == number).unwrap();
    assert!(of_line(1)["offset"].is_i64() && of_line(3)["offset"].is_i64());
    assert_eq!(of_line(2)["certainty"], "not_written");
    assert!(of_line(2)["error"].as_str().unwrap().contains("max.request.size = 1000)"));
}

#[test]
fn an_empty_input_is_no_failure_and_needs_no_broker() {
    let output = kp(&["produce", "-b", "127.0.0.1:1", "-t", "t", "--json", "--quiet"], b"");
    assert_eq!((code(&output), said(&output)), (0, String::new()));
    assert_eq!(json(&output)["sent"], 0);
}

#[test]
fn an_unreachable_cluster_is_told_with_its_addresses() {
    let args = ["produce", "-b", "127.0.0.1:1", "-t", "t", "-X", "max.block.ms=300", "--json", "-q"];
    let output = kp(&args, b"one\ntwo\n");
    assert_eq!(code(&output), 1);
    assert!(said(&output).contains("127.0.0.1:1"), "{}", said(&output));
    // The second line was not read: nothing of it is counted, and nothing is lost.
    assert_eq!((&json(&output)["sent"], &json(&output)["failed"]), (&1.into(), &1.into()));
    assert!(json(&output)["stopped"].as_str().unwrap().contains("line 1"));
    for command in [&["metadata", "-b", "127.0.0.1:1"][..], &["read", "-b", "127.0.0.1:1", "-t", "t"]] {
        let output = kp(command, b"");
        assert_eq!(code(&output), 1);
        assert!(said(&output).contains("127.0.0.1:1"), "{}", said(&output));
    }
}

#[test]
fn wrong_usage_is_exit_code_2() {
    for (args, word) in [
        (&["produce", "-b", "h:1", "-t", "t", "-X", "acks=2"][..], "acks=2"),
        (&["produce", "-b", "h", "-t", "t"], "port is missing"),
        (&["produce", "-t", "t"], "bootstrap.servers"),
        (&["produce", "-b", "h:1", "-t", "t", "--config", "no/such.properties"], "no/such.properties"),
        (&["produce", "-b", "h:1", "-t", "t", "-K", ":", "--format", "ndjson"], "--key-separator"),
        (&["produce", "-b", "h:1", "-t", "t", "-X", "security.protocol=TLS"], "security.protocol"),
        (&["produce", "-b", "h:1"], "--topic"),
        (&["produce", "-b", "h:1", "-t", "t", "--outcomes", "-"], "--outcomes needs a file"),
        (&["fly"], "fly"),
    ] {
        let output = kp(args, b"");
        assert_eq!(code(&output), 2, "{args:?}: {}", said(&output));
        assert!(said(&output).contains(word), "{args:?}: {}", said(&output));
    }
}

#[test]
fn a_file_that_is_not_there_is_found_before_anything_is_sent() {
    let broker = broker();
    let good = Scratch::new("good.txt").holding(b"line\n");
    let args = ["produce", "-b", &broker.bootstrap(), "-t", "t", good.path(), "no/such/file"];
    let output = kp(&args, b"");
    assert_eq!(code(&output), 1);
    assert!(said(&output).contains("no/such/file"), "{}", said(&output));
    assert_eq!(broker.cluster().lock().record_count("t"), 0);
}

#[test]
fn an_unknown_key_is_a_warning_that_names_the_nearest() {
    let args = ["produce", "-b", "127.0.0.1:1", "-t", "t", "-X", "linger.msec=5"];
    let output = kp(&args, b"");
    assert_eq!(code(&output), 0);
    assert!(said(&output).contains("did you mean linger.ms?"), "{}", said(&output));
}

#[test]
fn metadata_shows_brokers_leaders_and_versions() {
    let broker = broker();
    assert_eq!(code(&kp(&["produce", "-b", &broker.bootstrap(), "-t", "orders"], b"x")), 0);
    let text = kp(&["metadata", "-b", &broker.bootstrap()], b"");
    let text = String::from_utf8(text.stdout).unwrap();
    for word in ["BROKER", "127.0.0.1", "orders", "LEADER", "Produce"] {
        assert!(text.contains(word), "{text}");
    }
    let output = kp(&["metadata", "-b", &broker.bootstrap(), "-t", "orders", "--json"], b"");
    assert_eq!(json(&output)["topics"][0]["partitions"].as_array().unwrap().len(), 3);
    assert_eq!(code(&kp(&["metadata", "-b", &broker.bootstrap(), "-t", "nobody"], b"")), 1);
}

#[test]
fn metadata_of_a_broker_too_old_to_tell_its_versions_is_shown_too() {
    let broker =
        EmbeddedBroker::start(EmbeddedOptions::new().with_kafka_version(KafkaVersion::V0_9)).unwrap();
    let output = kp(&["metadata", "-b", &broker.bootstrap()], b"");
    assert_eq!(code(&output), 0, "{}", said(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("127.0.0.1"), "{output:?}");
}

#[test]
fn completions_name_the_commands() {
    let output = kp(&["completions", "bash"], b"");
    assert!(String::from_utf8(output.stdout).unwrap().contains("produce"));
}

#[cfg(unix)]
#[test]
fn ctrl_c_sends_what_was_accepted_reports_and_exits_with_130() {
    let broker = broker();
    let servers = broker.bootstrap();
    let mut child = start(&["produce", "-b", &servers, "-t", "t", "-p", "0", "--json"]);
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"one\ntwo\nunfinished").unwrap();
    // Both lines are in the log when a reader has them; the program then waits for more input.
    let mut seen = 0;
    while seen < 2 {
        let read = kp(&["read", "-b", &servers, "-t", "t", "--from-beginning"], b"");
        seen = read.stdout.iter().filter(|byte| **byte == b'\n').count();
    }
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let output = child.wait_with_output().unwrap();
    drop(stdin);
    assert_eq!(code(&output), 130, "{}", said(&output));
    let json = json(&output);
    assert_eq!((&json["sent"], &json["acked"], &json["interrupted"]), (&2.into(), &2.into(), &true.into()));
}

#[test]
fn a_broker_that_goes_and_comes_back_loses_nothing() {
    let mut broker = broker();
    let servers = broker.bootstrap();
    let id = broker.addresses().next().unwrap().0;
    let mut child = start(&["produce", "-b", &servers, "-t", "t", "--json", "-q"]);
    let mut stdin = child.stdin.take().unwrap();
    let lines = |range: std::ops::Range<u32>| range.map(|n| format!("line {n}\n")).collect::<String>();
    stdin.write_all(lines(0..5000).as_bytes()).unwrap();
    while broker.cluster().lock().record_count("t") < 1000 {
        std::thread::yield_now();
    }
    broker.stop_broker(id).unwrap();
    stdin.write_all(lines(5000..10_000).as_bytes()).unwrap();
    broker.start_broker(id).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert_eq!(code(&output), 0, "{}", said(&output));
    assert_eq!(json(&output)["acked"], 10_000);
    let read = kp(&["read", "-b", &servers, "-t", "t", "--from-beginning"], b"");
    let text = String::from_utf8(read.stdout).unwrap();
    let mut distinct: Vec<&str> = text.lines().collect();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), 10_000);
}

#[test]
fn an_array_is_no_record_and_is_told_with_file_and_line() {
    let broker = broker();
    let file =
        Scratch::new("array.ndjson").holding(b"{\"value\":1}\n[\"k\",null,\"v\",null,{},0,0,null,null]\n");
    let args = ["produce", "-b", &broker.bootstrap(), "-t", "t", "--format", "ndjson", file.path()];
    let output = kp(&args, b"");
    assert_eq!(code(&output), 1);
    let said = said(&output);
    assert!(said.contains("array.ndjson, line 2:") && said.contains("a JSON object is needed"), "{said}");
    assert_eq!(broker.cluster().lock().record_count("t"), 1);
}

#[test]
fn the_help_says_which_signals_are_as_ctrl_c() {
    let output = kp(&["--help"], b"");
    assert!(String::from_utf8(output.stdout).unwrap().contains("SIGTERM and SIGHUP count as Ctrl-C"));
}

#[test]
fn outcomes_are_never_written_over_an_input() {
    let file = Scratch::new("same.txt").holding(b"one\ntwo\n");
    let name = file.0.file_name().unwrap();
    let detour = file.0.parent().unwrap().join(".").join(name);
    let output =
        kp(&["produce", "-b", "h:1", "-t", "t", file.path(), "--outcomes", detour.to_str().unwrap()], b"");
    assert_eq!(code(&output), 2, "{}", said(&output));
    assert!(said(&output).contains("is the input"), "{}", said(&output));
    assert_eq!(fs::read(&file.0).unwrap(), b"one\ntwo\n");
}

#[cfg(unix)]
#[test]
fn a_hard_link_and_stdin_are_the_same_file_too() {
    let file = Scratch::new("linked.txt").holding(b"one\n");
    let link = Scratch::new("link.txt").holding(b"");
    fs::remove_file(&link.0).unwrap();
    fs::hard_link(&file.0, &link.0).unwrap();
    let outcomes = ["produce", "-b", "h:1", "-t", "t", "--outcomes", link.path()];
    assert_eq!(code(&kp(&[&outcomes[..], &[file.path()]].concat(), b"")), 2);
    let from_stdin = Command::new(env!("CARGO_BIN_EXE_kp"))
        .args(outcomes)
        .stdin(fs::File::open(&file.0).unwrap())
        .output()
        .unwrap();
    assert_eq!(code(&from_stdin), 2, "{}", said(&from_stdin));
    assert_eq!(fs::read(&file.0).unwrap(), b"one\n");
}

/// Reads what the program says until it says this.
#[cfg(unix)]
fn wait_until_said(stderr: &mut impl std::io::BufRead, word: &str) -> String {
    let mut all = String::new();
    while !all.contains(word) {
        assert!(stderr.read_line(&mut all).unwrap() > 0, "never said {word}: {all}");
    }
    all
}

#[cfg(unix)]
fn interrupt(child: &Child) {
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_a_wait_for_metadata_and_the_line_was_never_sent() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let servers = silent.local_addr().unwrap().to_string();
    let begun = std::time::Instant::now();
    let mut child = start(&["produce", "-b", &servers, "-t", "t", "--json"]);
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"one\ntwo\n").unwrap();
    // It connects for the metadata of the first line.
    let connection = silent.accept().unwrap();
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    drop((stdin, connection));
    assert_eq!(code(&output), 130, "{}", said(&output));
    assert_eq!((&json(&output)["sent"], &json(&output)["unknown"]), (&0.into(), &0.into()));
    assert!(said(&output).contains("nothing is on its way"), "{}", said(&output));
    assert!(begun.elapsed().as_secs() < 30, "max.block.ms is 60 s");
}

#[cfg(unix)]
#[test]
fn a_second_ctrl_c_says_what_is_in_doubt_and_leaves_whole_lines() {
    let mut broker = broker();
    let outcomes = Scratch::new("left.jsonl").holding(b"");
    let servers = broker.bootstrap();
    let mut child = start(&["produce", "-b", &servers, "-t", "t", "--json", "--outcomes", outcomes.path()]);
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&b"before\n".repeat(1000)).unwrap();
    while broker.cluster().lock().record_count("t") < 1000 {
        std::thread::yield_now();
    }
    let ids: Vec<_> = broker.addresses().map(|(id, _)| id).collect();
    ids.into_iter().for_each(|id| broker.stop_broker(id).unwrap());
    // The pipe takes 64 KiB, so that the last byte is written when the first half has been read.
    stdin.write_all(&b"after\n".repeat(20_000)).unwrap();
    let mut stderr = std::io::BufReader::new(child.stderr.take().unwrap());
    interrupt(&child);
    wait_until_said(&mut stderr, "sending what was accepted");
    interrupt(&child);
    wait_until_said(&mut stderr, "left at once; records in doubt");
    let output = child.wait_with_output().unwrap();
    drop(stdin);
    assert_eq!(code(&output), 130);
    let json = json(&output);
    assert!(json["unknown"].as_u64().unwrap() > 0, "{json}");
    assert_eq!(
        json["sent"].as_u64().unwrap(),
        json["acked"].as_u64().unwrap() + json["unknown"].as_u64().unwrap()
    );
    let text = fs::read_to_string(outcomes.path()).unwrap();
    assert!(text.ends_with('\n'), "{text}");
    assert_eq!(text.lines().count() as u64, json["acked"].as_u64().unwrap());
    assert!(text.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()));
}

#[cfg(unix)]
#[test]
fn sigusr1_makes_it_say_what_waits_and_why() {
    use std::io::{BufRead as _, BufReader};
    let broker = broker();
    let mut child = start(&["produce", "-b", &broker.bootstrap(), "-t", "t", "-X", "linger.ms=3600000"]);
    let mut stdin = child.stdin.take().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap()).lines();
    let ask =
        || assert!(Command::new("kill").args(["-USR1", &child.id().to_string()]).status().unwrap().success());
    // What a full batch holds is sent: then the handler is there.
    let line = [&[b'x'; 99][..], b"\n"].concat();
    while broker.cluster().lock().record_count("t") == 0 {
        stdin.write_all(&line).unwrap();
    }
    // Soon everything that was sent is answered, and only the last line lingers; until then it is asked again.
    loop {
        stdin.write_all(&line).unwrap();
        ask();
        let mut report = stderr.by_ref().map(Result::unwrap);
        let head = report.find(|line| line.contains("in flight"));
        let head = head.expect("it answers");
        // A report of nothing has no rows.
        if head.contains("partition") && report.next().unwrap().contains("lingers") {
            break;
        }
    }
    drop(stdin);
    let rest: Vec<String> = stderr.map(Result::unwrap).collect();
    assert_eq!(child.wait().unwrap().code(), Some(0), "it goes on as if nothing had been: {rest:?}");
}

#[test]
fn a_line_that_names_a_partition_beyond_the_topics_fails_alone() {
    let broker = broker();
    let lines = "{\"value\":\"a\",\"partition\":7}\n{\"value\":\"b\",\"partition\":1}\n{\"value\":\"c\",\"partition\":3}\n{\"value\":\"d\"}\n";
    let servers = broker.bootstrap();
    let block = "max.block.ms=300";
    let output = kp(
        &["produce", "-b", &servers, "-t", "t", "--format", "ndjson", "--json", "-X", block],
        lines.as_bytes(),
    );
    let (json, said) = (json(&output), said(&output));
    assert_eq!((&json["sent"], &json["acked"], &json["failed"]), (&4.into(), &2.into(), &2.into()), "{said}");
    assert!(
        said.contains("partition 7 does not exist") && said.contains("partition 3 does not exist"),
        "{said}"
    );
    assert_eq!(code(&output), 1);
}

#[test]
fn a_demo_of_a_file_that_is_not_there_says_so_before_it_starts_a_broker() {
    let output = kp(&["demo", "/nowhere/to/be.found"], b"");
    let said = said(&output);
    assert!(said.contains("/nowhere/to/be.found") && !said.contains("broker:"), "{said}");
    assert_eq!(code(&output), 1);
}
