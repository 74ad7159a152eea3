//! One key and its value, in whosever words, as Java's.
//! Owns: in which order the dialects are asked, and the keys that are of other clients than a producer.

use super::{librdkafka, meaning::Meaning, spring};
use crate::table::info;

/// Whose name of a key it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dialect {
    /// Java's client's, or kp's own.
    Java,
    /// librdkafka's, and so of its bindings.
    Librdkafka,
    /// Spring for Apache Kafka's.
    Spring,
}

/// A key in its dialect, and what it stands for.
pub(super) struct Spelled {
    pub(super) dialect: Dialect,
    pub(super) meaning: Meaning,
    /// Of two lines for one key, the higher rank counts, whatever the order.
    pub(super) rank: u8,
}

impl Spelled {
    pub(super) fn of(key: &str, value: &str) -> Self {
        let spelled = |dialect, meaning, rank| Self { dialect, meaning, rank };
        if info(key).is_some() {
            return spelled(Dialect::Java, Meaning::key(key, value), 0);
        }
        if let Some((meaning, rank)) = spring::meaning(key, value) {
            return spelled(Dialect::Spring, meaning, rank);
        }
        if let Some(meaning) = librdkafka::meaning(key, value) {
            return spelled(Dialect::Librdkafka, meaning, 0);
        }
        let meaning = of_other_clients(key).map_or_else(|| Meaning::key(key, value), Meaning::Without);
        spelled(Dialect::Java, meaning, 0)
    }
}

/// Why a producer has no use for a key of another client.
fn of_other_clients(key: &str) -> Option<&'static str> {
    const CONSUMER: [&str; 21] = [
        "allow.auto.create.topics",
        "auto.commit.interval.ms",
        "auto.offset.reset",
        "check.crcs",
        "default.api.timeout.ms",
        "enable.auto.commit",
        "exclude.internal.topics",
        "fetch.max.bytes",
        "fetch.max.wait.ms",
        "fetch.min.bytes",
        "group.id",
        "group.instance.id",
        "group.protocol",
        "heartbeat.interval.ms",
        "isolation.level",
        "key.deserializer",
        "max.partition.fetch.bytes",
        "max.poll.interval.ms",
        "max.poll.records",
        "session.timeout.ms",
        "value.deserializer",
    ];
    let of_registry = ["schema.registry.", "auto.register.schemas", "basic.auth.", "bearer.auth."];
    if CONSUMER.contains(&key) {
        Some("a key of consumers: leave it out")
    } else if of_registry.iter().any(|prefix| key.starts_with(prefix)) {
        Some("for the serializers of a schema registry: kp sends the bytes that it is given")
    } else {
        None
    }
}
