//! Files and secrets.

use std::{fs, path::PathBuf, time::Duration};

use kp_protocol::{Acks, compression::Compression};

use crate::*;

/// A file as it runs beside a Java producer: 25 keys, comments, a continued line, every separator.
const JAVA: &str = include_str!("../../testdata/producer.properties");

#[test]
fn a_java_producers_file_loads_as_it_is() {
    let config: ProducerConfig = JAVA.parse().unwrap();
    assert_eq!(config.to_map().len(), 25);
    if !Compression::Lz4.is_available() {
        assert!(matches!(config.validate(), Err(ConfigError::FeatureOff { feature: "lz4", .. })));
        return;
    }
    let validated = config.validate().unwrap();
    let settings = validated.settings;
    assert_eq!(
        settings.bootstrap_servers,
        [("kafka-1".to_owned(), 9092), ("kafka-2".to_owned(), 9092), ("kafka-3".to_owned(), 9092)]
    );
    assert_eq!(settings.client_id, "orders-ü");
    assert_eq!((settings.acks, settings.compression), (Acks::All, Compression::Lz4));
    assert_eq!((settings.linger, settings.batch_size), (Duration::from_millis(20), 65_536));
    assert_eq!(settings.buffer_memory, 67_108_864);
    assert_eq!(settings.idempotence, Idempotence::Preferred);
    let warned: Vec<&str> = validated.warnings.iter().map(ConfigWarning::key).collect();
    assert_eq!(
        warned,
        [
            "interceptor.classes",
            "key.serializer",
            "metric.reporters",
            "metrics.sample.window.ms",
            "value.serializer",
        ]
    );
}

#[test]
fn the_last_of_two_lines_counts_even_if_the_first_is_bad() {
    let config = ProducerConfig::from_properties_str("linger.ms=x\nlinger.ms=7").unwrap();
    assert_eq!(config.get("linger.ms"), Some(Value::Integer(7)));
}

#[test]
fn a_bad_line_is_told_with_its_number_and_changes_nothing() {
    let mut config = ProducerConfig::default();
    let error = config.apply_properties("acks=1\n# c\nlinger.ms=x").unwrap_err();
    assert!(error.to_string().starts_with("line 3: linger.ms=x:"), "{error}");
    assert_eq!(error.key(), Some("linger.ms"));
    assert_eq!(config, ProducerConfig::default());
}

#[test]
fn every_bad_line_is_reported_in_the_order_of_the_file() {
    let text = "retries=x\nlinger.ms=soon\nacks=2\nlinger.ms=7\nbatch.size=-1";
    let error = ProducerConfig::from_properties_str(text).unwrap_err();
    let ConfigError::Several { errors } = &error else { panic!("{error}") };
    let keys: Vec<_> = errors.iter().filter_map(ConfigError::key).collect();
    assert_eq!(keys, ["retries", "acks", "batch.size"]);
    let said = error.to_string();
    assert!(said.starts_with("3 lines are refused: line 1: retries=x:"), "{said}");
    assert!(said.contains("; line 3: acks=2:") && said.contains("; line 5: batch.size=-1:"), "{said}");
    assert_eq!(error.key(), Some("retries"));
}

/// A file of this test alone, removed at its end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, bytes: &[u8]) -> Self {
        let path = std::env::temp_dir().join(format!("kp-config-{}-{name}", std::process::id()));
        fs::write(&path, bytes).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn errors_of_a_file_name_the_file() {
    let missing = ProducerConfig::from_properties_file("no/such/file.properties").unwrap_err();
    assert!(matches!(missing, ConfigError::Unreadable { .. }));
    assert!(missing.to_string().contains("no/such/file.properties"), "{missing}");

    let file = Scratch::new("latin1.properties", b"acks=1\nclient.id=caf\xe9");
    let error = ProducerConfig::from_properties_file(&file.0).unwrap_err().to_string();
    assert!(error.contains("latin1.properties: line 2:") && error.contains("UTF-8"), "{error}");

    let file = Scratch::new("good.properties", b"acks=1\n");
    let config = ProducerConfig::from_properties_file(&file.0).unwrap();
    assert_eq!(config.get("acks"), Some(Value::Text("1".to_owned())));
}

#[test]
fn no_password_is_ever_printed() {
    let mut config = ProducerConfig::default();
    config.set("ssl.key.password", "hunter2").unwrap();
    config.set("sasl.password", "hunter2").unwrap();
    config.set("my.plugin.password", "hunter2").unwrap();
    let Some(Value::Password(secret)) = config.get("sasl.password") else { panic!("a password") };
    assert_eq!(secret.expose(), b"hunter2");
    let printed = format!("{config:?} {config:#?} {secret:?} {:?}", config.get("ssl.key.password"));
    assert!(!printed.contains("hunter2"), "{printed}");
    assert!(printed.contains("[hidden]"), "{printed}");
}
