//! Values, the cross checks V1–V10, and what kp says to keys it does not act on.

use std::time::Duration;

use kp_protocol::{Acks, compression::Compression};

use super::{config, refused, rule, settings, warned, warnings};
use crate::*;

fn bad(key: &str, value: &str) -> String {
    let mut config = ProducerConfig::default();
    config.set(key, value).expect_err("the value should be refused").to_string()
}

#[test]
fn a_bad_value_names_the_key_the_value_and_what_is_allowed() {
    assert_eq!(
        bad("linger.ms", "5ms"),
        "linger.ms=5ms: not allowed; it takes a whole number of 64 bits, 0 or more"
    );
    assert_eq!(bad("acks", "ALL"), "acks=ALL: not allowed; it takes one of all, -1, 0, 1");
    assert!(bad("acks", "2").contains("acks=2"));
    assert!(bad("retries", "-1").contains("0 to 2147483647"));
    assert!(bad("batch.size", "2147483648").contains("32 bits"));
    assert!(bad("compression.gzip.level", "0").contains("1 to 9, or -1"));
    assert!(bad("compression.type", "LZ4").contains("one of none, gzip"));
    assert!(bad("enable.idempotence", "yes").contains("true or false"));
    assert!(bad("max.in.flight.requests.per.connection", "0").contains("1 or more"));
    assert!(bad("metadata.max.idle.ms", "4999").contains("5000 or more"));
    assert!(bad("sasl.login.refresh.window.factor", "0.4").contains("0.5 to 1"));
    assert!(bad("sasl.login.refresh.buffer.seconds", "40000").contains("16 bits"));
    assert!(bad("client.dns.lookup", "default").contains("use_all_dns_ips"));
    assert!(bad("transactional.id", "").contains("at least one character"));
    assert!(bad("kp.defaults", "0.8").contains("0.9"));
    assert!(bad("bootstrap.servers", "a:1,,b:2").contains("without empty entries"));
}

#[test]
fn blanks_around_any_value_are_no_part_of_it() {
    for (key, given, taken) in [
        ("acks", "all ", "all"),
        ("compression.type", "gzip\t", "gzip"),
        ("security.protocol", " PLAINTEXT", "PLAINTEXT"),
        ("client.id", " me\0", "me"),
        ("client.rack", "\u{a0}r ", "\u{a0}r"),
        ("partitioner.class", " x.Y ", "x.Y"),
    ] {
        let mut config = ProducerConfig::default();
        config.set(key, given).unwrap();
        assert_eq!(config.get(key), Some(Value::Text(taken.to_owned())), "{key}");
    }
    assert_eq!(
        ProducerConfig::default().client_id(" me ").get("client.id"),
        Some(Value::Text("me".to_owned()))
    );
    let mut config = ProducerConfig::default();
    config.set("sasl.password", " a b ").unwrap();
    assert_eq!(config.get("sasl.password"), Some(Value::Password(Secret::from("a b"))));
    // White space beyond ASCII is none to Java, so it is no number.
    assert!(bad("linger.ms", "5\u{a0}").contains("whole number"));
}

#[test]
fn a_name_that_no_thread_and_no_request_can_bear_is_refused() {
    for name in ["a\0b".to_owned(), "a\nb".to_owned(), "a\u{1b}[31mred".to_owned(), "x".repeat(32_768)] {
        let error = refused(&[("client.id", &name)]);
        assert_eq!(error.key(), Some("client.id"));
        assert!(error.to_string().contains("32767 bytes without control characters"), "{error}");
        assert!(ProducerConfig::default().bootstrap_servers("h:1").client_id(name).validate().is_err());
    }
    assert_eq!(settings(&[("client.id", &"x".repeat(32_767))]).client_id.len(), 32_767);
}

#[test]
fn a_wait_that_is_set_below_a_millisecond_is_one_millisecond() {
    let config = ProducerConfig::default().bootstrap_servers("h:1");
    let config = config.linger(Duration::from_micros(500)).max_block(Duration::from_nanos(1_000_001));
    let settings = config.connections_max_idle(Some(Duration::from_nanos(1))).validate().unwrap().settings;
    assert_eq!(settings.linger, Duration::from_millis(1));
    assert_eq!(settings.max_block, Duration::from_millis(2));
    assert_eq!(settings.connections_max_idle, Some(Duration::from_millis(1)));
    let zero = ProducerConfig::default().linger(Duration::ZERO).get("linger.ms");
    assert_eq!(zero, Some(Value::Integer(0)));
}

#[test]
fn values_are_trimmed_and_cased_as_java_does() {
    let settings =
        settings(&[("linger.ms", " 7 "), ("batch.size", "+10"), ("enable.idempotence", " FALSE ")]);
    assert_eq!((settings.linger, settings.batch_size), (Duration::from_millis(7), 10));
    assert!(!settings.enable_idempotence);
    // Strings are trimmed too; their case stands.
    assert!(bad("acks", " All").contains("acks= All"));
    assert!(warnings(&[("security.protocol", "plaintext")]).is_empty());
}

#[test]
fn a_typed_setter_out_of_range_is_told_by_validate() {
    let base = || ProducerConfig::default().bootstrap_servers("h:1");
    let error = base().max_in_flight_requests_per_connection(0).check().unwrap_err();
    assert_eq!(error.key(), Some("max.in.flight.requests.per.connection"));
    let error = base().request_timeout(Duration::from_secs(u64::MAX)).check().unwrap_err();
    assert_eq!(error.key(), Some("request.timeout.ms"));
    assert!(base().max_block(Duration::MAX).check().is_ok());
}

#[test]
fn typed_setters_and_keys_are_the_same() {
    let typed = ProducerConfig::default()
        .bootstrap_servers("a:1, b:2")
        .acks(Acks::Leader)
        .compression(Compression::Lz4)
        .linger(Duration::from_millis(9))
        .send_buffer(None)
        .client_id("me");
    let text = ProducerConfig::from_map([
        ("bootstrap.servers", "a:1,b:2"),
        ("acks", "1"),
        ("compression.type", "lz4"),
        ("linger.ms", "9"),
        ("send.buffer.bytes", "-1"),
        ("client.id", "me"),
    ]);
    assert_eq!(typed, text.unwrap());
}

// V1
#[test]
fn bootstrap_servers_are_needed_and_have_ports() {
    assert!(matches!(ProducerConfig::default().check(), Err(ConfigError::Missing { .. })));
    assert!(matches!(config(&[("bootstrap.servers", " ")]).check(), Err(ConfigError::Missing { .. })));
    let error = refused(&[("bootstrap.servers", "a:1,kafka")]).to_string();
    assert!(error.contains("bootstrap.servers=kafka") && error.contains("port is missing"), "{error}");
    let servers = settings(&[("bootstrap.servers", "a:1, [::1]:2 ,a:1")]).bootstrap_servers;
    assert_eq!(servers, [("a".to_owned(), 1), ("::1".to_owned(), 2)]);
}

// V2
#[test]
fn sasl_without_a_mechanism_asks_for_kerberos_and_is_refused() {
    let error = refused(&[("security.protocol", "SASL_PLAINTEXT")]).to_string();
    assert!(error.contains("sasl.mechanism=GSSAPI") && error.contains("Kerberos"), "{error}");
    assert_eq!(rule(&[("security.protocol", "sasl_ssl"), ("sasl.mechanism", "")]), "V2");
    let error = refused(&[("security.protocol", "SASL_PLAINTEXT"), ("sasl.mechanism", "PLAIN")]);
    assert!(matches!(error, ConfigError::Missing { key: "sasl.jaas.config", .. }), "{error}");
}

// V3a
#[test]
fn acks_or_retries_turn_the_default_idempotence_off_with_one_warning() {
    for (key, value) in [("acks", "1"), ("acks", "0"), ("retries", "0")] {
        let validated = config(&[(key, value)]).validate().unwrap();
        assert_eq!(validated.settings.idempotence, Idempotence::Off);
        assert_eq!(validated.warnings.len(), 1, "{:?}", validated.warnings);
        let text = validated.warnings[0].to_string();
        assert!(text.contains(&format!("{key}={value} turns idempotence off")), "{text}");
    }
    let text = warned(&[("acks", "1")], "enable.idempotence");
    assert!(text.contains("twice") && text.contains("order"), "{text}");
    assert!(!settings(&[("acks", "1")]).keeps_order());
    assert!(settings(&[("acks", "1"), ("max.in.flight.requests.per.connection", "1")]).keeps_order());
}

// V3b
#[test]
fn idempotence_by_name_needs_acks_all_and_retries() {
    assert_eq!(rule(&[("enable.idempotence", "true"), ("acks", "1")]), "V3b");
    assert_eq!(rule(&[("enable.idempotence", "true"), ("retries", "0")]), "V3b");
}

// V3c
#[test]
fn more_than_five_in_flight_need_idempotence_off_by_name() {
    let six = ("max.in.flight.requests.per.connection", "6");
    assert_eq!(rule(&[six]), "V3c");
    assert_eq!(rule(&[six, ("acks", "1")]), "V3c");
    assert_eq!(settings(&[six, ("enable.idempotence", "false")]).max_in_flight_requests_per_connection, 6);
    assert_eq!(settings(&[six, ("kp.defaults", "0.9")]).max_in_flight_requests_per_connection, 6);
}

// V3d
#[test]
fn a_transactional_id_needs_idempotence_and_brokers_that_have_transactions() {
    let id = ("transactional.id", "t");
    assert_eq!(rule(&[id, ("acks", "1")]), "V3d");
    assert_eq!(rule(&[id, ("acks", "0")]), "V3d");
    assert_eq!(rule(&[id, ("retries", "0")]), "V3d");
    assert_eq!(rule(&[id, ("enable.idempotence", "false")]), "V3d");
    assert_eq!(rule(&[id, ("kp.defaults", "0.9")]), "V3d");
    assert_eq!(rule(&[id, ("broker.version.fallback", "0.9.0")]), "V3d");
    assert_eq!(rule(&[id, ("max.in.flight.requests.per.connection", "6")]), "V3c");
}

#[test]
fn a_transactional_id_makes_idempotence_a_must_and_names_the_producer() {
    let ms = Duration::from_millis;
    let plain = settings(&[]);
    assert_eq!((plain.transactional_id, plain.transaction_timeout), (None, ms(60_000)));
    let named = settings(&[("transactional.id", " t "), ("transaction.timeout.ms", "900")]);
    assert_eq!(named.transactional_id.as_deref(), Some("t"));
    assert_eq!((named.transaction_timeout, named.idempotence), (ms(900), Idempotence::On));
    assert_eq!(named.client_id, "producer-t");
    assert!(warnings(&[("transactional.id", "t"), ("transaction.timeout.ms", "900")]).is_empty());
    let typed = ProducerConfig::default().bootstrap_servers("b:1").transactional_id("t");
    let typed = typed.transaction_timeout(ms(5)).validate().unwrap().settings;
    assert_eq!((typed.transactional_id.as_deref(), typed.transaction_timeout), (Some("t"), ms(5)));
    let empty = ProducerConfig::default().bootstrap_servers("b:1").transactional_id("");
    assert!(empty.validate().is_err());
}

#[test]
fn idempotence_is_the_default_and_by_name_it_is_required() {
    let validated = config(&[]).validate().unwrap();
    assert_eq!(validated.settings.idempotence, Idempotence::Preferred);
    assert!(validated.warnings.is_empty(), "{:?}", validated.warnings);
    assert!(validated.settings.keeps_order() && !validated.settings.may_duplicate());
    assert_eq!(settings(&[("enable.idempotence", "true")]).idempotence, Idempotence::On);
    assert_eq!(settings(&[("enable.idempotence", "false")]).idempotence, Idempotence::Off);
}

// V4
#[test]
fn a_record_has_the_time_for_one_attempt() {
    let short = [("delivery.timeout.ms", "30004")];
    assert_eq!(rule(&short), "V4");
    assert!(config(&[("delivery.timeout.ms", "30005")]).check().is_ok());
    let long_request = [("request.timeout.ms", "200000")];
    assert_eq!(settings(&long_request).delivery_timeout, Duration::from_millis(200_005));
    assert!(warned(&long_request, "delivery.timeout.ms").contains("200005"));
    // The sum ends where 32 bits end, as linger does.
    let endless = settings(&[("linger.ms", "9223372036854775807")]);
    assert_eq!(endless.delivery_timeout, Duration::from_millis(2_147_483_647));
    assert_eq!(endless.linger, Duration::from_millis(2_147_483_647));
}

// V5
#[test]
fn waits_above_their_maximum_are_the_maximum() {
    let ms = Duration::from_millis;
    let constant = settings(&[("reconnect.backoff.ms", "2000")]);
    assert_eq!((constant.reconnect_backoff, constant.reconnect_backoff_max), (ms(2000), ms(2000)));
    let pairs = [("retry.backoff.ms", "5000")];
    assert_eq!(settings(&pairs).retry_backoff, ms(1000));
    assert!(warned(&pairs, "retry.backoff.ms").contains("1000"));
    let pairs = [("socket.connection.setup.timeout.ms", "60000")];
    assert_eq!(settings(&pairs).connection_setup_timeout, ms(30_000));
    // The classic wait is fixed at whatever it is set to.
    let classic = settings(&[("kp.defaults", "0.9"), ("retry.backoff.ms", "5000")]);
    assert_eq!((classic.retry_backoff, classic.retry_backoff_max), (ms(5000), ms(5000)));
}

// V6
#[test]
fn two_phase_commit_has_no_timeout() {
    let two = ("transaction.two.phase.commit.enable", "true");
    assert_eq!(rule(&[two, ("transaction.timeout.ms", "1000")]), "V6");
    assert!(matches!(refused(&[two]), ConfigError::NotImplemented { .. }));
}

// V7
#[test]
fn rack_awareness_needs_a_rack() {
    let aware = ("partitioner.rack.aware", "true");
    assert_eq!(rule(&[aware]), "V7");
    assert_eq!(rule(&[aware, ("client.rack", "")]), "V7");
    assert!(settings(&[aware, ("client.rack", "r")]).partitioner_rack_aware);
}

// V8
#[test]
fn keys_and_certificates_stand_in_one_place() {
    let ssl = ("security.protocol", "SSL");
    let pem = ("ssl.keystore.type", "PEM");
    let key = ("ssl.keystore.key", "-----BEGIN");
    assert_eq!(rule(&[ssl, key]), "V8");
    assert_eq!(rule(&[ssl, pem, key, ("ssl.keystore.location", "f")]), "V8");
    assert_eq!(rule(&[ssl, pem, key, ("ssl.keystore.password", "p")]), "V8");
    assert_eq!(rule(&[ssl, ("ssl.truststore.certificates", "c")]), "V8");
    assert!(warnings(&[ssl, pem, key, ("ssl.keystore.certificate.chain", "-----BEGIN")]).is_empty());
}

// V9
#[test]
fn an_assertion_is_finished_or_can_be_made() {
    let sasl = [("security.protocol", "SASL_SSL"), ("sasl.mechanism", "OAUTHBEARER")];
    let with = |more: &[(&'static str, &'static str)]| [&sasl[..], more].concat();
    let key = ("sasl.oauthbearer.assertion.private.key.file", "k.pem");
    let claims = [
        ("sasl.oauthbearer.assertion.claim.aud", "a"),
        ("sasl.oauthbearer.assertion.claim.iss", "i"),
        ("sasl.oauthbearer.assertion.claim.sub", "s"),
    ];
    assert_eq!(rule(&with(&[key])), "V9");
    assert_eq!(rule(&with(&claims)), "V9");
    for more in [vec![("sasl.oauthbearer.assertion.file", "f")], [&[key], &claims[..]].concat()] {
        assert!(matches!(refused(&with(&more)), ConfigError::NotImplemented { .. }));
    }
}

// V10
#[test]
fn without_acknowledgements_idempotence_is_off_and_losses_are_possible() {
    let pairs = [("acks", "0")];
    assert_eq!(settings(&pairs).idempotence, Idempotence::Off);
    assert!(!settings(&pairs).may_duplicate());
    assert!(warned(&pairs, "enable.idempotence").contains("lost without an error"));
}

#[test]
fn an_unknown_key_warns_and_names_the_nearest() {
    assert_eq!(
        warned(&[("linger.msec", "5")], "linger.msec"),
        "linger.msec: no such key, ignored; did you mean linger.ms?"
    );
    assert_eq!(warned(&[("group.id", "g")], "group.id"), "group.id: no such key, ignored");
    assert!(warned(&[("metrics.context.team", "t")], "metrics.context.team").contains("plug-ins"));
}

#[test]
fn each_state_of_a_key_says_its_own() {
    assert!(warned(&[("key.serializer", "a.B")], "key.serializer").contains("only a JVM"));
    assert!(warned(&[("timeout.ms", "5")], "timeout.ms").contains("request.timeout.ms"));
    assert!(warned(&[("block.on.buffer.full", "true")], "block.on.buffer.full").contains("max.block.ms"));
    assert!(warned(&[("metrics.num.samples", "3")], "metrics.num.samples").contains("not planned"));
    assert!(warned(&[("compression.lz4.level", "12")], "compression.lz4.level").contains("pure Rust"));
    assert!(warned(&[("enable.metrics.push", "true")], "enable.metrics.push").contains("not pushed"));
    assert!(warned(&[("ssl.truststore.location", "f")], "ssl.truststore.location").contains("PLAINTEXT"));
    // Values that kp behaves by are no matter for a warning.
    let silent = [
        ("enable.metrics.push", "false"),
        ("compression.lz4.level", "9"),
        ("partitioner.ignore.keys", "false"),
        ("transaction.two.phase.commit.enable", "false"),
    ];
    assert_eq!(warnings(&silent).len(), warnings(&[]).len());
}

#[test]
fn the_recovery_strategy_is_read_in_any_case() {
    assert!(settings(&[]).metadata_rebootstrap);
    assert!(settings(&[("metadata.recovery.strategy", "REBOOTSTRAP")]).metadata_rebootstrap);
    assert!(!settings(&[("metadata.recovery.strategy", "NONE")]).metadata_rebootstrap);
}

#[test]
fn the_level_is_that_of_the_codec() {
    let gzip =
        [("compression.type", "gzip"), ("compression.gzip.level", "3"), ("compression.zstd.level", "5")];
    if Compression::Gzip.is_available() {
        assert_eq!(settings(&gzip).compression_level(), Some(3));
    }
    assert_eq!(settings(&[("compression.gzip.level", "3")]).compression_level(), None);
}

#[test]
fn zstd_needs_its_feature() {
    let result = config(&[("compression.type", "zstd")]).check();
    if Compression::Zstd.is_available() {
        assert!(result.is_ok());
    } else {
        assert!(result.unwrap_err().to_string().contains("feature `zstd`"));
    }
}

#[test]
fn the_classic_profile_expires_as_it_did_unless_a_delivery_timeout_is_set() {
    // AC25
    assert!(warnings(&[("kp.defaults", "0.9")]).iter().all(|warning| warning.key() != "kp.defaults"));
    assert!(settings(&[("kp.defaults", "0.9")]).classic_expiry);
    assert!(!settings(&[("kp.defaults", "0.9"), ("delivery.timeout.ms", "90000")]).classic_expiry);
    assert!(!settings(&[]).classic_expiry);
}

#[test]
fn partitioners_go_by_the_names_that_java_has_for_them() {
    let class = |name: &str| settings(&[("partitioner.class", name)]).partitioner;
    assert_eq!(settings(&[]).partitioner, PartitionerClass::BuiltIn);
    assert_eq!(
        class("org.apache.kafka.clients.producer.internals.DefaultPartitioner"),
        PartitionerClass::BuiltIn
    );
    for name in
        ["RoundRobinPartitioner", "org.apache.kafka.clients.producer.RoundRobinPartitioner", "round_robin"]
    {
        assert_eq!(class(name), PartitionerClass::RoundRobin, "{name}");
    }
    assert_eq!(class("UniformStickyPartitioner"), PartitionerClass::UniformSticky);
    assert_eq!(class(" com.example.Mine "), PartitionerClass::Foreign("com.example.Mine".to_owned()));
}

#[test]
fn what_java_accepts_is_accepted_with_a_word() {
    let pairs = [("buffer.memory", "20000"), ("max.request.size", "20001")];
    assert!(warned(&pairs, "buffer.memory").contains("below max.request.size=20001"));
    assert!(warned(&[("request.timeout.ms", "0")], "request.timeout.ms").contains("too late"));
    assert_eq!(settings(&[("batch.size", "0")]).batch_size, 1);
}

#[test]
fn a_batch_above_the_memory_is_half_of_it() {
    let pairs = [("batch.size", "1000"), ("buffer.memory", "500")];
    assert_eq!(
        warned(&pairs, "batch.size"),
        "batch.size: taken as 250: it is above buffer.memory=500, which holds two batches now"
    );
    assert_eq!((settings(&pairs).batch_size, settings(&pairs).buffer_memory), (250, 500));
    assert_eq!(settings(&[("batch.size", "500"), ("buffer.memory", "500")]).batch_size, 500);
}

#[test]
fn a_producer_without_a_name_gets_the_next_number() {
    let number = |settings: Settings| {
        settings.client_id.strip_prefix("producer-").and_then(|n| n.parse::<u64>().ok()).expect("a number")
    };
    let first = number(settings(&[]));
    assert!(first >= 1);
    assert!(number(settings(&[])) > first);
    // An empty name by the user's own wish stays empty.
    assert_eq!(settings(&[("client.id", "")]).client_id, "");
    assert_eq!(settings(&[("client.id", "me")]).client_id, "me");
}
