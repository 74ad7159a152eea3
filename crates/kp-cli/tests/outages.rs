//! `kp produce` while a broker is down: one line when that begins, one when it is over, and every record arrives.

#![allow(clippy::disallowed_methods, reason = "a program is started and waited for")]

use std::{
    io::{BufRead, BufReader, Write as _},
    process::{Command, Stdio},
};

use kp_sim::tcp::{EmbeddedBroker, EmbeddedOptions};

#[test]
fn an_outage_is_told_once_and_so_is_its_end() {
    let mut broker = EmbeddedBroker::start(EmbeddedOptions::default()).unwrap();
    let (id, address) = broker.addresses().next().unwrap();
    // Many attempts in the time between two looks at them.
    let quick = ["-X", "reconnect.backoff.ms=1", "-X", "reconnect.backoff.max.ms=1"];
    let mut program = Command::new(env!("CARGO_BIN_EXE_kp"))
        .args(["produce", "-b", &broker.bootstrap(), "-t", "t"])
        .args(quick)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = program.stdin.take().unwrap();
    let mut stderr = BufReader::new(program.stderr.take().unwrap());
    stdin.write_all(b"before\n").unwrap();
    while broker.cluster().lock().record_count("t") < 1 {
        std::thread::yield_now();
    }
    for outage in 1..=2 {
        broker.stop_broker(id).unwrap();
        stdin.write_all(b"during\n").unwrap();
        let mut said = String::new();
        read_until(
            &mut stderr,
            &mut said,
            &format!("kp: warning: broker {address} cannot be reached: connect failed: "),
        );
        broker.start_broker(id).unwrap();
        read_until(&mut stderr, &mut said, &format!("broker {address} is back, after "));
        assert_eq!(said.matches("cannot be reached").count(), 1, "outage {outage}: {said}");
    }
    drop(stdin);
    assert!(program.wait().unwrap().success());
    assert_eq!(broker.cluster().lock().record_count("t"), 3);
}

fn read_until(stderr: &mut impl BufRead, said: &mut String, words: &str) {
    while !said.contains(words) {
        assert!(stderr.read_line(said).unwrap() > 0, "never said {words}: {said}");
    }
}
