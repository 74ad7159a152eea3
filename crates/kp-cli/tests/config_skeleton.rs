//! `kp config skeleton --for SERVICE`, filled in and checked.

#![allow(clippy::disallowed_methods, reason = "a program is started and waited for")]

mod program;

use std::process::{Command, Output};

use program::{Scratch, code, json};
use rcgen::{CertificateParams, KeyPair};

const SERVICES: [&str; 11] = [
    "confluent-cloud",
    "confluent-cloud-oauth",
    "msk-iam",
    "msk-scram",
    "aiven",
    "event-hubs",
    "strimzi",
    "redpanda",
    "kerberos",
    "scram",
    "mtls",
];

fn kp(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kp")).args(args).env("KAFKA_PASSWORD", "planted").output().unwrap()
}

fn skeleton(service: &str) -> String {
    let output = kp(&["config", "skeleton", "--for", service]);
    assert_eq!(code(&output), 0, "{service}");
    String::from_utf8(output.stdout).unwrap()
}

/// The text with something in the place of all that stands in angle brackets.
fn filled_in(skeleton: &str, login_line: &str, pem: &str) -> String {
    let mut text = String::new();
    let mut rest = skeleton;
    while let Some((before, after)) = rest.split_once('<') {
        let (asked, behind) = after.split_once('>').expect("what is opened is closed");
        text += before;
        text += match asked {
            "path of sasl.jaas.config" => login_line,
            "user@REALM" => "alice@EXAMPLE.COM",
            _ if asked.contains("port") => "broker.example.com:9093",
            _ if asked.contains("https") => "https://idp.example.com/token",
            _ if asked.contains("path of") => pem,
            _ => "alice",
        };
        rest = behind;
    }
    text + rest
}

// A18
#[test]
fn a_skeleton_that_is_filled_in_has_no_key_that_is_wrong_or_that_kp_does_not_know() {
    let line = Scratch::new("login-line").holding(
        b"org.apache.kafka.common.security.scram.ScramLoginModule required username=\"u\" password=\"p\";\n",
    );
    let pair = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["alice".to_owned()]).unwrap().self_signed(&pair).unwrap();
    let pem = Scratch::new("skeleton.pem").holding((pair.serialize_pem() + &certificate.pem()).as_bytes());
    for service in SERVICES {
        let name = format!("{service}.properties");
        let text = filled_in(&skeleton(service), line.path(), pem.path());
        let file = Scratch::new(&name).holding(text.as_bytes());
        let report = json(&kp(&["config", "check", file.path(), "--json"]));
        assert_eq!(report["missing"].as_array().unwrap().len(), 0, "{service}: {report}");
        let has_it_all = report["problem"].is_null() && report["accepted"] == true;
        assert_eq!(report["good"], has_it_all, "{service}: {report}");
        // Its part of kp is not in this build.
        let is_off = |text: &str| {
            text.contains("lacks the Cargo feature") || text.contains("this version of kp cannot do it")
        };
        assert!(has_it_all || is_off(&report.to_string()), "{service}: {report}");
        for key in report["keys"].as_array().unwrap() {
            let text = key["text"].as_str().unwrap();
            let is_right = match key["verdict"].as_str().unwrap() {
                "works" | "open" => true,
                // Its part of kp is not in this build.
                "refused" => {
                    text.contains("this version of kp cannot do it")
                        || text.contains("lacks the Cargo feature")
                }
                "ignored" => key["written"].as_str().unwrap().ends_with(".callback.handler.class"),
                _ => false,
            };
            assert!(is_right, "{service}: {key}");
            assert!(!report.to_string().contains("planted"), "{service}");
        }
    }
}

#[test]
fn what_is_not_filled_in_yet_is_refused() {
    let file = Scratch::new("unfilled.properties").holding(skeleton("scram").as_bytes());
    let output = kp(&["config", "check", file.path(), "--json"]);
    assert_eq!(code(&output), 1);
    assert!(json(&output).to_string().contains("bootstrap.servers=<host:port>"));
}

#[test]
fn a_service_without_a_skeleton_is_wrong_usage_that_lists_those_there_are() {
    let output = kp(&["config", "skeleton", "--for", "elsewhere"]);
    assert_eq!(code(&output), 2);
    let said = program::said(&output);
    assert!(SERVICES.iter().all(|service| said.contains(service)), "{said}");
}
