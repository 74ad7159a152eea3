//! A whole text, key by key: everything that is to say about it, at once.

use crate::*;

fn examined(text: &str) -> Examined {
    Examined::of_properties_str(text).expect("it is in the syntax")
}

fn verdict<'a>(examined: &'a Examined, written: &str) -> &'a Verdict {
    let key = examined.keys().iter().find(|key| key.written() == written);
    key.unwrap_or_else(|| panic!("{written} is not there")).verdict()
}

/// What is wrong with a key, in one text.
fn refusal(examined: &Examined, written: &str) -> String {
    match verdict(examined, written) {
        Verdict::Refused { problems } => problems.join("; "),
        other => panic!("{written}: {other:?}"),
    }
}

fn works() -> Verdict {
    Verdict::Works { remarks: Vec::new() }
}

// A18
#[test]
fn everything_that_is_wrong_is_told_at_once_and_what_works_is_told_apart() {
    let examined = examined(
        "bootstrap.servers=b:9092\nacks=2\nlinger.ms=soon\nbatch.size=100\nlingr.ms=5\nmetric.reporters=x\n\
         transactional.id=\ndelivery.timeout.ms=1\nmax.in.flight.requests.per.connection=9\ngroup.id=g\n",
    );
    assert!(refusal(&examined, "acks").contains("one of all, -1, 0, 1"));
    assert!(refusal(&examined, "linger.ms").contains("a whole number"));
    assert!(refusal(&examined, "transactional.id").contains("at least one character"));
    assert!(refusal(&examined, "delivery.timeout.ms").contains("V4"));
    assert!(refusal(&examined, "max.in.flight.requests.per.connection").contains("V3c"));
    for key in ["bootstrap.servers", "batch.size"] {
        assert_eq!(verdict(&examined, key), &works(), "{key}");
    }
    assert_eq!(verdict(&examined, "lingr.ms"), &Verdict::Unknown { nearest: Some("linger.ms") });
    for key in ["metric.reporters", "group.id"] {
        assert!(matches!(verdict(&examined, key), Verdict::Ignored { .. }), "{key}");
    }
    assert!(!examined.is_accepted());
    let lines: Vec<usize> = examined.keys().iter().map(ExaminedKey::line).collect();
    assert_eq!(lines, (1..=10).collect::<Vec<_>>());
}

#[test]
fn a_text_that_is_accepted_is_one_that_a_producer_takes() {
    let texts = [
        "bootstrap.servers=b:9092\nacks=all\n",
        "bootstrap.servers=b:9092\nacks=1\n",
        "bootstrap.servers=b\n",
        "acks=all\n",
        "bootstrap.servers=b:9092\nsecurity.protocol=SASL_PLAINTEXT\n",
        "bootstrap.servers=b:9092\nsecurity.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.username=u\n",
        "bootstrap.servers=b:9092\nsecurity.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.username=u\nsasl.password=p\n",
        "bootstrap.servers=b:9092\nretries=0\nenable.idempotence=true\n",
        "bootstrap.servers=b:9092\npartitioner.rack.aware=true\n",
        include_str!("../../testdata/producer.properties"),
    ];
    for text in texts {
        let built = ProducerConfig::from_properties_str(text).and_then(|config| config.check());
        let examined = examined(text);
        assert_eq!(examined.is_accepted(), built.is_ok(), "{text}: {built:?}, {examined:?}");
        if let Ok(warnings) = built {
            assert_eq!(examined.config().check().expect("it is accepted"), warnings, "{text}");
        } else {
            // What is left after the refused keys is judged to its end.
            let rest = examined.config().check();
            assert!(rest.is_ok(), "{text}: {rest:?}");
        }
    }
}

#[test]
fn a_refused_login_does_not_make_its_other_keys_seem_useless() {
    let examined = examined(
        "bootstrap.servers=b:9092\nsecurity.protocol=SASL_PLAINTEXT\nsasl.mechanism=SCRAM-SHA-1\n\
         sasl.username=alice\nsasl.password=alice-secret\nkp.scram.max.iterations=5000\nlinger.ms=x\n",
    );
    assert!(refusal(&examined, "sasl.mechanism").contains("SCRAM-SHA-512"));
    for key in ["sasl.username", "sasl.password", "kp.scram.max.iterations"] {
        let is_open = match verdict(&examined, key) {
            Verdict::NotJudged { because } => because.contains("sasl.mechanism"),
            Verdict::Works { remarks } => remarks.is_empty(),
            _ => false,
        };
        assert!(is_open, "{key}: {:?}", verdict(&examined, key));
    }
    assert!(matches!(verdict(&examined, "linger.ms"), Verdict::Refused { .. }));
    assert!(examined.missing().is_empty(), "{:?}", examined.missing());
}

#[test]
fn a_key_that_has_to_be_there_and_is_not_is_missing() {
    let all = examined("acks=all\n");
    assert!(all.missing().len() == 1 && all.missing()[0].starts_with("bootstrap.servers"), "{all:?}");
    // One that is there and wrong is not also missing.
    let all = examined("bootstrap.servers=b\nacks=2\n");
    assert!(all.missing().is_empty(), "{all:?}");
    assert!(refusal(&all, "bootstrap.servers").contains("port"));
}

#[test]
fn of_two_lines_for_one_key_the_last_counts_and_the_first_says_so() {
    let all = examined("bootstrap.servers=b:9092\nacks=7\nacks=all\n");
    assert_eq!(all.keys()[1].verdict(), &Verdict::Overridden { by_line: 3 });
    assert!(all.is_accepted());
}

// A8
#[test]
fn names_of_librdkafka_are_looked_at_as_the_key_that_they_stand_for() {
    let all = examined(
        "metadata.broker.list=b:9092\nqueue.buffering.max.ms=7\nqueue.buffering.max.kbytes=2048\nmessage.timeout.ms=0\n\
         compression.codec=lz4\nstatistics.interval.ms=1000\npartitioner=consistent_random\nsocket.timeout.ms=x\n",
    );
    let key = |at: usize| (all.keys()[at].key(), all.keys()[at].dialect());
    assert_eq!(key(0), (Some("bootstrap.servers"), Dialect::Librdkafka));
    assert_eq!(key(1), (Some("linger.ms"), Dialect::Librdkafka));
    let value = |key: &str| all.config().get(key).map(|value| value.to_string());
    assert_eq!(value("linger.ms").as_deref(), Some("7"));
    assert_eq!(value("buffer.memory").as_deref(), Some("2097152"));
    assert_eq!(value("delivery.timeout.ms").as_deref(), Some("2147483647"));
    assert!(matches!(verdict(&all, "statistics.interval.ms"), Verdict::Ignored { .. }));
    assert!(refusal(&all, "partitioner").contains("murmur2_random"));
    assert!(refusal(&all, "socket.timeout.ms").starts_with("request.timeout.ms=x"));
}

// A8
#[test]
fn names_of_spring_are_looked_at_as_the_key_that_they_stand_for() {
    let all = examined(
        "spring.kafka.bootstrap-servers=b:9092\nspring.kafka.producer.batch-size=16KB\nspring.kafka.producer.bufferMemory=32MB\n\
         spring.kafka.producer.properties.linger.ms=9\nspring.kafka.properties[client.rack]=r1\n\
         spring.kafka.security.protocol=SASL_PLAINTEXT\nspring.kafka.properties.sasl.mechanism=PLAIN\n\
         spring.kafka.properties.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username=\"u\" password=\"p\";\n\
         spring.kafka.consumer.group-id=g\nspring.application.name=shop\n\
         spring.kafka.producer.key-serializer=org.apache.kafka.common.serialization.StringSerializer\n",
    );
    assert!(all.is_accepted(), "{all:?}");
    let value = |key: &str| all.config().get(key).map(|value| value.to_string());
    for (key, expected) in
        [("batch.size", "16384"), ("buffer.memory", "33554432"), ("linger.ms", "9"), ("client.rack", "r1")]
    {
        assert_eq!(value(key).as_deref(), Some(expected), "{key}");
    }
    assert!(all.keys().iter().all(|key| key.dialect() == Dialect::Spring));
    for key in ["spring.kafka.consumer.group-id", "spring.application.name"] {
        assert!(matches!(verdict(&all, key), Verdict::Ignored { .. }), "{key}");
    }
}

#[test]
fn what_spring_says_of_producers_counts_before_what_it_says_of_all_clients() {
    let all = examined(
        "spring.kafka.producer.properties.acks=all\nspring.kafka.producer.acks=1\nspring.kafka.properties.acks=0\n\
         spring.kafka.bootstrap-servers=b:9092\nspring.kafka.producer.bootstrap-servers=c:9092\n",
    );
    let value = |key: &str| all.config().get(key).map(|value| value.to_string());
    assert_eq!(value("acks").as_deref(), Some("all"));
    assert_eq!(value("bootstrap.servers").as_deref(), Some("c:9092"));
    for at in [1, 2] {
        assert_eq!(all.keys()[at].verdict(), &Verdict::Overridden { by_line: 1 }, "{all:?}");
    }
}

#[test]
fn what_spring_would_fill_in_is_refused_with_the_spelling_that_works() {
    let all = examined(
        "spring.kafka.bootstrap-servers=${KAFKA}\nspring.kafka.properties.sasl.password=${PW:none}\n\
         spring.kafka.ssl.trust-store-location=classpath:trust.jks\nspring.kafka.properties.sasl.username=u\n",
    );
    assert!(refusal(&all, "spring.kafka.bootstrap-servers").contains("bootstrap.servers"));
    assert!(refusal(&all, "spring.kafka.properties.sasl.password").contains("${env:NAME}"));
    assert!(refusal(&all, "spring.kafka.ssl.trust-store-location").contains("a file in a jar"));
}

#[test]
fn no_value_of_a_password_or_of_an_unknown_key_is_in_what_is_said() {
    let all = examined(
        "bootstrap.servers=b:9092\nsecurity.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.password=planted-one\n\
         sasl.jaas.config=planted-two\nmy.secret=planted-three\nspring.kafka.properties.sasl.password=planted-four${X}\n\
         ssl.key.password=planted-five\nssl.key.pem=planted-six\n",
    );
    let text = format!("{all:?}");
    assert!(!text.contains("planted"), "{text}");
}
