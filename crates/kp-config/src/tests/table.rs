//! The table is Java's, column by column.

use std::{collections::BTreeSet, time::Duration};

use kp_protocol::{Acks, compression::Compression};

use super::settings;
use crate::{table::info, *};

/// Read off the running class of kafka-clients 4.4.0 (and 0.9.0.1 for the fourth column).
const JAVA: &str = include_str!("../../testdata/java-4.4.0.csv");

fn rows() -> Vec<Vec<&'static str>> {
    JAVA.lines().filter(|line| !line.starts_with('#')).map(|line| line.split(';').collect()).collect()
}

#[test]
fn every_key_of_java_stands_in_the_table_as_java_has_it() {
    let rows = rows();
    assert_eq!(rows.len(), 120);
    for row in rows {
        let [key, kind, default, classic, valid] = row[..] else { panic!("{row:?}") };
        let info = info(key).unwrap_or_else(|| panic!("{key} is not in the table"));
        assert_eq!(info.kind.name(), kind, "type of {key}");
        assert_eq!(info.default.to_string(), default, "default of {key}");
        assert_eq!(info.classic.to_string(), classic, "0.9 default of {key}");
        assert_eq!(info.valid.to_string(), valid, "range of {key}");
    }
}

#[test]
fn no_key_stands_twice_and_what_is_not_javas_is_known() {
    let keys: BTreeSet<&str> = KEYS.iter().map(|info| info.key).collect();
    assert_eq!(keys.len(), KEYS.len());
    let java: BTreeSet<&str> = rows().iter().map(|row| row[0]).collect();
    let others: Vec<&str> = keys.difference(&java).copied().collect();
    assert_eq!(
        others,
        [
            "auto.include.jmx.reporter",
            "block.on.buffer.full",
            "broker.version.fallback",
            "enable.ssl.certificate.verification",
            "internal.auto.downgrade.txn.commit",
            "kp.batch.growth.max.bytes",
            "kp.defaults",
            "kp.kerberos.config",
            "kp.kerberos.keytab",
            "kp.kerberos.principal",
            "kp.scram.max.iterations",
            "metadata.fetch.timeout.ms",
            "sasl.mechanisms",
            "sasl.password",
            "sasl.username",
            "ssl.ca.location",
            "ssl.ca.pem",
            "ssl.certificate.location",
            "ssl.certificate.pem",
            "ssl.key.location",
            "ssl.key.pem",
            "timeout.ms",
        ]
    );
}

#[test]
fn every_default_is_a_value_of_its_own_key() {
    for info in KEYS {
        for text in [
            if let DefaultValue::Is(text) = info.default { Some(text) } else { None },
            if let Classic::Was(text) | Classic::AbsentActing(text) = info.classic {
                Some(text)
            } else {
                None
            },
        ]
        .into_iter()
        .flatten()
        {
            let value = info.parse(text.to_owned()).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(value.to_string(), text, "{}", info.key);
        }
        // What kp is said to be fixed at has to be a value, too.
        if let State::FixedAt(text, _) | State::OnlyAt(text, _) = info.state {
            assert!(info.parse(text.to_owned()).is_ok(), "{}", info.key);
        }
    }
}

#[test]
fn a_version_to_fall_back_on_is_one_of_those_that_cannot_be_asked() {
    use kp_protocol::OldKafka;
    assert_eq!(settings(&[]).broker_version_fallback, None);
    for (text, old) in [("0.9.0", OldKafka::V0_9_0), ("0.10.0.1", OldKafka::V0_10_0)] {
        let settings = settings(&[("broker.version.fallback", text)]);
        assert_eq!(settings.broker_version_fallback, Some(old), "{text}");
    }
    let Valid::OneOf(allowed) = info("broker.version.fallback").unwrap().valid else { panic!() };
    for text in allowed {
        assert!(OldKafka::named(text).is_some(), "{text}");
    }
    let error = ProducerConfig::default().set("broker.version.fallback", "0.11.0").unwrap_err().to_string();
    assert!(error.contains("0.9.0") && error.contains("0.10.0"), "{error}");
}

#[test]
fn the_settings_of_today_are_javas() {
    let settings = settings(&[]);
    let ms = Duration::from_millis;
    assert_eq!(settings.acks, Acks::All);
    assert_eq!(settings.retries, i32::MAX as u32);
    assert_eq!(settings.delivery_timeout, ms(120_000));
    assert_eq!(settings.linger, ms(5));
    assert_eq!(settings.batch_size, 16_384);
    assert_eq!(settings.buffer_memory, 33_554_432);
    assert_eq!(settings.max_block, ms(60_000));
    assert_eq!(settings.max_request_size, 1_048_576);
    assert_eq!(settings.request_timeout, ms(30_000));
    assert_eq!((settings.retry_backoff, settings.retry_backoff_max), (ms(100), ms(1000)));
    assert_eq!((settings.reconnect_backoff, settings.reconnect_backoff_max), (ms(50), ms(1000)));
    assert_eq!(settings.max_in_flight_requests_per_connection, 5);
    assert_eq!(settings.compression, Compression::None);
    assert_eq!(settings.connections_max_idle, Some(ms(540_000)));
    assert_eq!((settings.send_buffer, settings.receive_buffer), (Some(131_072), Some(32_768)));
    assert_eq!(settings.metadata_max_age, ms(300_000));
    assert_eq!(settings.batch_growth_max_bytes, 1_000_000);
    assert!(settings.keeps_order() && !settings.may_duplicate());
}

#[test]
fn the_classic_profile_is_that_of_0_9() {
    let config = ProducerConfig::kafka_0_9().bootstrap_servers("localhost:9092");
    let settings = config.validate().unwrap().settings;
    let ms = Duration::from_millis;
    assert_eq!(settings.acks, Acks::Leader);
    assert_eq!(settings.retries, 0);
    assert_eq!(settings.linger, Duration::ZERO);
    assert_eq!(settings.idempotence, Idempotence::Off);
    assert_eq!(settings.batch_size, 16_384);
    assert_eq!(settings.buffer_memory, 33_554_432);
    assert_eq!(settings.max_request_size, 1_048_576);
    assert_eq!(settings.max_block, ms(60_000));
    assert_eq!(settings.request_timeout, ms(30_000));
    assert_eq!(settings.metadata_max_age, ms(300_000));
    // Fixed waits: nothing grew in 0.9.
    assert_eq!((settings.retry_backoff, settings.retry_backoff_max), (ms(100), ms(100)));
    assert_eq!((settings.reconnect_backoff, settings.reconnect_backoff_max), (ms(50), ms(50)));
    assert_eq!(settings.connections_max_idle, Some(ms(540_000)));
    assert_eq!(settings.max_in_flight_requests_per_connection, 5);
    assert_eq!((settings.send_buffer, settings.receive_buffer), (Some(131_072), Some(32_768)));
    assert_eq!(settings.compression, Compression::None);
    assert_eq!(settings.batch_growth_max_bytes, 0);
    assert!(settings.client_id.starts_with("producer-"));
    assert!(settings.keeps_order() && !settings.may_duplicate());
    // Security is today's in both.
    assert_eq!(config.get("ssl.endpoint.identification.algorithm"), Some(Value::Text("https".to_owned())));
}

#[test]
fn the_classic_column_does_not_care_when_it_was_asked_for() {
    let late = settings(&[("acks", "all"), ("kp.defaults", "0.9")]);
    let early = settings(&[("kp.defaults", "0.9"), ("acks", "all")]);
    for settings in [late, early] {
        assert_eq!((settings.acks, settings.retries), (Acks::All, 0));
    }
}
