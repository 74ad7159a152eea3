//! Spring's names of a producer's keys (`spring.kafka.…`), for an `application.properties`.
//! Owns: what each means in Java's words, and which of two counts: what is said of the producer, before what is said of all clients.

use super::meaning::Meaning;
use crate::{KeyType, table::info};

const OF_ALL_CLIENTS: u8 = 0;
const OF_PRODUCERS: u8 = 2;

/// How Spring's value becomes Java's.
#[derive(Clone, Copy)]
enum Value {
    Same,
    /// `16KB`, as bytes.
    DataSize,
    /// `file:/…`, as a path.
    Resource,
}

/// Below `spring.kafka.` and below `spring.kafka.producer.`; without the hyphens, which Spring does not care for.
const TRANSLATED: &[(&str, &str, Value)] = &[
    ("bootstrapservers", "bootstrap.servers", Value::Same),
    ("clientid", "client.id", Value::Same),
    ("acks", "acks", Value::Same),
    ("batchsize", "batch.size", Value::DataSize),
    ("buffermemory", "buffer.memory", Value::DataSize),
    ("compressiontype", "compression.type", Value::Same),
    ("retries", "retries", Value::Same),
    ("keyserializer", "key.serializer", Value::Same),
    ("valueserializer", "value.serializer", Value::Same),
    ("transactionidprefix", "transactional.id", Value::Same),
    ("security.protocol", "security.protocol", Value::Same),
    ("ssl.protocol", "ssl.protocol", Value::Same),
    ("ssl.keypassword", "ssl.key.password", Value::Same),
    ("ssl.keystorelocation", "ssl.keystore.location", Value::Resource),
    ("ssl.keystorepassword", "ssl.keystore.password", Value::Same),
    ("ssl.keystoretype", "ssl.keystore.type", Value::Same),
    ("ssl.keystorekey", "ssl.keystore.key", Value::Same),
    ("ssl.keystorecertificatechain", "ssl.keystore.certificate.chain", Value::Same),
    ("ssl.truststorelocation", "ssl.truststore.location", Value::Resource),
    ("ssl.truststorepassword", "ssl.truststore.password", Value::Same),
    ("ssl.truststoretype", "ssl.truststore.type", Value::Same),
    ("ssl.truststorecertificates", "ssl.truststore.certificates", Value::Same),
];

/// What a key of Spring's stands for, and its rank; `None` if it is not one.
pub(super) fn meaning(key: &str, value: &str) -> Option<(Meaning, u8)> {
    let rest = key.strip_prefix("spring.")?;
    let Some(rest) = rest.strip_prefix("kafka.") else {
        return Some((Meaning::Without("a key of Spring's, not of Kafka's"), OF_ALL_CLIENTS));
    };
    let (rest, rank) = match rest.strip_prefix("producer.") {
        Some(rest) => (rest, OF_PRODUCERS),
        None => (rest, OF_ALL_CLIENTS),
    };
    // Keys of the client itself come last in each, so they win.
    if let Some(inner) = rest.strip_prefix("properties.") {
        return Some((of_client(inner.trim_matches(['[', ']']), value), rank + 1));
    }
    if let Some(inner) = rest.strip_prefix("properties[").and_then(|inner| inner.strip_suffix(']')) {
        return Some((of_client(inner, value), rank + 1));
    }
    let name: String =
        rest.to_ascii_lowercase().chars().filter(|letter| !matches!(letter, '-' | '_')).collect();
    let found = TRANSLATED.iter().find(|(spring, ..)| *spring == name);
    let meaning = match found {
        Some((_, java, how)) => translated(java, *how, value),
        None => without(&name),
    };
    Some((meaning, rank))
}

/// A key of Java's, which Spring hands through.
fn of_client(key: &str, value: &str) -> Meaning {
    placeholder(key, value).unwrap_or_else(|| Meaning::key(key, value))
}

fn translated(java: &str, how: Value, value: &str) -> Meaning {
    if let Some(meaning) = placeholder(java, value) {
        return meaning;
    }
    match how {
        Value::Same => Meaning::key(java, value),
        Value::DataSize => Meaning::key(java, &bytes(value).unwrap_or_else(|| value.to_owned())),
        Value::Resource => match value.trim().split_once(':') {
            Some(("classpath", _)) => {
                Meaning::Refused(format!("a file in a jar: write the path of the file into {java}"))
            }
            Some(("file", path)) => Meaning::key(java, path.strip_prefix("//").unwrap_or(path)),
            _ => Meaning::key(java, value),
        },
    }
}

/// `${NAME}` is Spring's to fill in; kp reads the environment by another spelling, and in passwords alone.
fn placeholder(java: &str, value: &str) -> Option<Meaning> {
    let (_, inner) = value.split_once("${")?;
    if ["env:", "file:", "directory:"].iter().any(|known| inner.starts_with(known)) {
        return None;
    }
    let is_password = info(java).is_some_and(|info| info.kind == KeyType::Password);
    Some(Meaning::Refused(if is_password {
        format!("Spring fills in ${{NAME}}: write ${{env:NAME}} into {java}")
    } else {
        format!("Spring fills in ${{NAME}}, kp does not: write the value into {java}")
    }))
}

/// Keys of Spring's that are no producer's.
fn without(name: &str) -> Meaning {
    Meaning::Without(match name.split('.').next().unwrap_or_default() {
        "consumer" | "listener" | "streams" | "retry" => "for consumers: leave it out",
        "admin" => "for the admin client: leave it out",
        "template" => "of Spring's KafkaTemplate: name the topic with each record",
        "jaas" => {
            return Meaning::Refused(
                "write the login module and its options as one line into sasl.jaas.config".to_owned(),
            );
        }
        "ssl" => {
            return Meaning::Refused(
                "write the files of the bundle into ssl.keystore.… and ssl.truststore.…".to_owned(),
            );
        }
        _ => "of Spring's own: a producer has no such key",
    })
}

/// Spring's sizes: a number, and B, KB, MB, GB or nothing behind it; each 1024 of the one before.
fn bytes(value: &str) -> Option<String> {
    let value = value.trim();
    let digits = value.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(value.len());
    let factor: i64 = match value[digits..].trim() {
        "" | "B" => 1,
        "KB" => 1 << 10,
        "MB" => 1 << 20,
        "GB" => 1 << 30,
        _ => return None,
    };
    Some(value[..digits].parse::<i64>().ok()?.saturating_mul(factor).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_names_a_key_of_the_table() {
        for (spring, java, _) in TRANSLATED {
            assert!(info(java).is_some() && !spring.contains('-'), "{spring}");
        }
    }

    #[test]
    fn sizes_are_powers_of_1024() {
        assert_eq!(bytes("16KB").as_deref(), Some("16384"));
        assert_eq!(bytes("32 MB").as_deref(), Some("33554432"));
        assert_eq!(bytes("100").as_deref(), Some("100"));
        assert_eq!((bytes("1TiB"), bytes("KB")), (None, None));
        assert_eq!(bytes("9223372036854775807GB").as_deref(), Some("9223372036854775807"));
    }
}
