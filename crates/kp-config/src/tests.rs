//! The configuration as a whole: the table against Java's, the cross checks, files.

mod examine;
mod files;
mod kerberos;
mod msk_iam;
mod rules;
mod secrets;
mod security;
mod table;
mod tls;
mod vendors;

use crate::*;

/// A configuration that could be built, with these keys set.
fn config(pairs: &[(&str, &str)]) -> ProducerConfig {
    let mut config = ProducerConfig::from_map(pairs.iter().copied()).unwrap();
    if !config.is_set("bootstrap.servers") {
        config.set("bootstrap.servers", "localhost:9092").unwrap();
    }
    config
}

fn settings(pairs: &[(&str, &str)]) -> Settings {
    config(pairs).validate().unwrap().settings
}

/// The error of a configuration with these keys.
fn refused(pairs: &[(&str, &str)]) -> ConfigError {
    config(pairs).check().expect_err("the configuration should be refused")
}

/// The number of the cross check that refuses a configuration.
fn rule(pairs: &[(&str, &str)]) -> &'static str {
    match refused(pairs) {
        ConfigError::Conflict { rule, .. } => rule,
        other => panic!("not a cross check: {other}"),
    }
}

fn warnings(pairs: &[(&str, &str)]) -> Vec<ConfigWarning> {
    config(pairs).check().unwrap()
}

/// The warnings about one key, as text.
fn warned(pairs: &[(&str, &str)], key: &str) -> String {
    let about: Vec<String> =
        warnings(pairs).iter().filter(|warning| warning.key() == key).map(ToString::to_string).collect();
    assert_eq!(about.len(), 1, "{key}: {about:?}");
    about.into_iter().next().unwrap_or_default()
}
