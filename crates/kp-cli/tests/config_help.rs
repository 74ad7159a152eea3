//! `kp config`, as it is run.

#![allow(clippy::disallowed_methods, reason = "a program is started and waited for")]

use std::process::{Command, Output};

fn kp(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kp")).args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_key_is_explained_in_words_and_in_json() {
    let output = kp(&["config", "linger.ms"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains("default in 0.9  0"), "{}", text(&output.stdout));
    let output = kp(&["config", "linger.ms", "acks", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&json[0]["key"], &json[0]["default"]), (&"linger.ms".into(), &"5".into()));
    assert_eq!(json[1]["default_of_kp_defaults_0_9"], "1");
}

#[test]
fn every_key_of_the_producer_is_listed() {
    let output = kp(&["config"]);
    assert_eq!(output.status.code(), Some(0));
    let listed = text(&output.stdout);
    let json: serde_json::Value = serde_json::from_slice(&kp(&["config", "--json"]).stdout).unwrap();
    let keys: Vec<&str> = json.as_array().unwrap().iter().map(|info| info["key"].as_str().unwrap()).collect();
    assert_eq!(keys.len(), kp_producer::config::KEYS.len());
    assert!(keys.iter().all(|key| listed.contains(key)));
}

#[test]
fn an_unknown_key_is_exit_code_2_with_the_nearest_and_nothing_on_stdout() {
    let output = kp(&["config", "acks", "lingr.ms"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(text(&output.stderr), "kp: no configuration key lingr.ms: did you mean linger.ms?\n");
    assert!(output.stdout.is_empty());
}
