//! The other commands at the same listeners.

use std::process::{Command, Output};

use super::{
    CANONICAL, SCRAM,
    authority::Authority,
    by_name, called, own_name,
    program::{Scratch, code, said},
    with_tls, with_tls_for, with_users,
};

fn kp(args: &[&str], set: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kp"));
    command.args(args).args(set.iter().flat_map(|pair| ["-X", pair]));
    let output = command.output().unwrap();
    assert!(!said(&output).contains("planted"), "{}", said(&output));
    output
}

/// Writes a line with `kp produce`, and reads it with `kp read`.
fn written_and_read(bootstrap: &str, name: &str, set: &[&str]) {
    let line = Scratch::new(name).holding(b"a line\n");
    let written = kp(&["produce", "-q", "-b", bootstrap, "-t", "orders", line.path()], set);
    assert_eq!(code(&written), 0, "{}", said(&written));
    let read = kp(&["read", "-q", "-b", bootstrap, "-t", "orders", "--from-beginning"], set);
    assert_eq!((code(&read), &read.stdout[..]), (0, &b"a line\n"[..]), "{}", said(&read));
    let metadata = kp(&["metadata", "-b", bootstrap], set);
    assert_eq!(code(&metadata), 0, "{}", said(&metadata));
    assert!(String::from_utf8_lossy(&metadata.stdout).contains("orders"));
}

#[test]
fn records_are_written_read_and_looked_at_with_a_login_and_over_tls() {
    let broker = with_users();
    written_and_read(&broker.bootstrap(), "others-login.txt", &SCRAM);
    let authority = Authority::new();
    let broker = with_tls(&authority, 400);
    let ca = Scratch::new("others-ca.pem").holding(authority.pem().as_bytes());
    let trusting = format!("ssl.truststore.location={}", ca.path());
    written_and_read(&by_name(&broker), "others-tls.txt", &["security.protocol=SSL", &trusting]);
}

// SE49
#[test]
fn records_are_read_where_only_the_name_of_an_address_is_in_the_certificate() {
    let (authority, name) = (Authority::new(), own_name());
    let broker = with_tls_for(&authority, &name, 400);
    called(&broker, &name);
    let ca = Scratch::new("others-canonical-ca.pem").holding(authority.pem().as_bytes());
    let trusting = format!("ssl.truststore.location={}", ca.path());
    let set = ["security.protocol=SSL", &trusting, CANONICAL];
    written_and_read(&broker.bootstrap(), "others-canonical.txt", &set);
}

#[test]
fn a_whole_demo_runs_with_a_login() {
    let broker = with_users();
    let demo = kp(&["demo", "-q", "-b", &broker.bootstrap(), "--records", "1000"], &SCRAM);
    assert_eq!(code(&demo), 0, "{}", said(&demo));
}
