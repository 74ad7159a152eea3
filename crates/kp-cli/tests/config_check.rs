//! `kp config check FILE`, as it is run.

#![allow(clippy::disallowed_methods, reason = "a program is started and waited for")]

mod program;

use std::process::{Command, Output};

use serde_json::Value;

use program::{Scratch, code, json, said};

fn kp(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kp")).args(args).output().unwrap()
}

/// The exit code and the report on a file with this text.
fn checked(name: &str, text: &str) -> (i32, Value) {
    let file = Scratch::new(name).holding(text.as_bytes());
    let output = kp(&["config", "check", file.path(), "--json"]);
    (code(&output), json(&output))
}

fn verdict<'a>(report: &'a Value, key: &str) -> &'a str {
    let keys = report["keys"].as_array().unwrap();
    let of = keys.iter().find(|row| row["written"] == key).unwrap_or_else(|| panic!("{key}: {report}"));
    of["verdict"].as_str().unwrap()
}

// A18
#[test]
fn every_key_of_a_file_gets_its_verdict_at_once() {
    let text = "bootstrap.servers=b:9092\nacks=2\nlingr.ms=5\ngroup.id=g\nretries=x\nbatch.size=5\n";
    let (code, report) = checked("all-at-once", text);
    assert_eq!(code, 1);
    for (key, expected) in [
        ("bootstrap.servers", "works"),
        ("acks", "refused"),
        ("lingr.ms", "unknown"),
        ("group.id", "ignored"),
        ("retries", "refused"),
        ("batch.size", "works"),
    ] {
        assert_eq!(verdict(&report, key), expected, "{report}");
    }
    assert_eq!((&report["accepted"], &report["keys"][2]["nearest"]), (&false.into(), &"linger.ms".into()));
}

#[test]
fn a_good_file_is_exit_code_0_and_says_so_in_words() {
    let file = Scratch::new("good").holding(b"bootstrap.servers=b:9092\nlinger.ms=5\n");
    let output = kp(&["config", "check", file.path()]);
    assert_eq!(code(&output), 0);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("   2  linger.ms          works\n"), "{text}");
    assert!(text.ends_with("2 works: a producer takes this file\n"), "{text}");
}

#[test]
fn names_of_spring_and_librdkafka_are_told_with_the_key_to_write() {
    let (code, report) = checked(
        "foreign",
        "spring.kafka.bootstrap-servers=b:9092\nqueue.buffering.max.ms=5\nspring.kafka.producer.acks=7\n",
    );
    assert_eq!((code, verdict(&report, "spring.kafka.bootstrap-servers")), (1, "rename"));
    assert_eq!(
        (&report["keys"][1]["key"], &report["keys"][1]["names_of"]),
        (&"linger.ms".into(), &"librdkafka".into())
    );
    assert_eq!(verdict(&report, "spring.kafka.producer.acks"), "refused");
}

#[test]
fn no_password_is_in_what_is_printed() {
    let file = Scratch::new("secrets").holding(
        b"bootstrap.servers=b\nsecurity.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.username=u\n\
          sasl.password=planted-a\nsasl.jaas.config=planted-b\nmy.password=planted-c\nssl.key.pem=planted-d\n",
    );
    for args in [&["config", "check", file.path()][..], &["config", "check", file.path(), "--json"]] {
        let output = kp(args);
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), said(&output));
        assert!(text.contains("sasl.jaas.config") && !text.contains("planted"), "{text}");
    }
}

#[test]
fn what_is_no_properties_file_is_wrong_usage() {
    for (name, text) in [("a.yml", "spring:\n  kafka: x\n"), ("b.properties", "a=\\u12\n")] {
        let file = Scratch::new(name).holding(text.as_bytes());
        let output = kp(&["config", "check", file.path()]);
        assert_eq!(code(&output), 2, "{name}");
        assert!(output.stdout.is_empty() && said(&output).contains(name), "{}", said(&output));
    }
    assert_eq!(code(&kp(&["config", "check", "/nowhere/at.all"])), 2);
    assert_eq!(code(&kp(&["config", "check"])), 2);
}

// A18
#[test]
fn what_is_in_the_key_stores_is_told_and_never_a_key() {
    let pair = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec!["alice.example".to_owned()]).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, "alice");
    params.not_after = rcgen::date_time_ymd(2090, 1, 2);
    let good = params.self_signed(&pair).unwrap();
    params.not_after = rcgen::date_time_ymd(2001, 1, 2);
    let over = params.self_signed(&pair).unwrap();
    let file = |certificate: &rcgen::Certificate, name: &str| {
        Scratch::new(name).holding((pair.serialize_pem() + &certificate.pem()).as_bytes())
    };
    for (certificate, name, code_expected) in [(&good, "store-good.pem", 0), (&over, "store-over.pem", 1)] {
        let store = file(certificate, name);
        let text = format!(
            "bootstrap.servers=b:9093\nsecurity.protocol=SSL\nssl.truststore.type=PEM\nssl.truststore.location={0}\n\
             ssl.keystore.type=PEM\nssl.keystore.location={0}\n",
            store.path()
        );
        let (code, report) = checked(&format!("{name}.properties"), &text);
        assert_eq!(code, code_expected, "{report}");
        let told = report["stores"].to_string();
        assert!(told.contains("CN=alice") && told.contains("DNS:alice.example"), "{report}");
        assert!(told.contains("shown to brokers") && told.contains("trusted"), "{report}");
        assert!(!report.to_string().contains("PRIVATE"), "{report}");
    }
}

// A18, SE39
#[test]
fn the_entries_of_stores_that_java_and_openssl_wrote_are_told_by_name() {
    let fixture = |file: &str| format!("{}/../kp-tls/tests/fixtures/{file}", env!("CARGO_MANIFEST_DIR"));
    for (trust, keys) in [("trust.jks", "two-keys.jks"), ("trust.p12", "two-keys.p12")] {
        let text = format!(
            "bootstrap.servers=b:9093\nsecurity.protocol=SSL\nssl.truststore.location={}\n\
             ssl.truststore.password=changeit\nssl.keystore.location={}\nssl.keystore.password=changeit\n\
             kp.ssl.keystore.alias=another\n",
            fixture(trust),
            fixture(keys)
        );
        let file = Scratch::new(&format!("aliases-{trust}.properties")).holding(text.as_bytes());
        let told = kp(&["config", "check", file.path()]);
        assert_eq!(code(&told), 0, "{}", said(&told));
        let told = String::from_utf8_lossy(&told.stdout).into_owned();
        for line in [
            "trusted, \"ca\" of ssl.truststore.location: CN=kp test authority, valid until 21",
            "shown to brokers, \"another\" of ssl.keystore.location (with a private key): CN=kp-client, O=kp, for \
             DNS:client.example, valid until 21",
            "not used, \"kp-client\" of ssl.keystore.location (with a private key): CN=kp-client, O=kp",
        ] {
            assert!(told.contains(line), "{trust}: {line}: {told}");
        }
        assert!(!told.contains("changeit") && !told.contains("PRIVATE"), "{told}");
        let (_, report) = checked(&format!("aliases-json-{trust}"), &text);
        assert_eq!(report["stores"][0]["alias"], "ca", "{report}");
        assert_eq!(report["stores"][0]["has_private_key"], false, "{report}");
    }
}

#[test]
fn a_key_store_that_cannot_be_read_is_told_although_every_key_is_right() {
    let text = "bootstrap.servers=b:9093\nsecurity.protocol=SSL\nssl.truststore.location=/nowhere/ca.pem\n";
    let (code, report) = checked("no-store", text);
    assert_eq!((code, &report["accepted"]), (1, &true.into()));
    assert!(report["problem"].as_str().unwrap().contains("/nowhere/ca.pem"), "{report}");
}
