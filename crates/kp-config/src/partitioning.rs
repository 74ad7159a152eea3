//! What the keys of partitioning come to: `partitioner.class` by the names that Java's client knows, and the rack (V7).

use crate::{ConfigError, ProducerConfig};

/// Who chooses the partition of a record that names none.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PartitionerClass {
    /// The built-in rule: a key's murmur2 hash; records without a key stay together for a batch (KIP-480, KIP-794), or go
    /// round in the classic profile.
    BuiltIn,
    /// The same, but records with a key are spread like those without (`UniformStickyPartitioner`).
    UniformSticky,
    /// One record to each partition in turn, whatever its key (`RoundRobinPartitioner`).
    RoundRobin,
    /// A class that only a JVM has. The builder of the producer must be given a partitioner in its place.
    Foreign(String),
}

/// Java's packages of the classes it ships.
const PACKAGES: [&str; 2] =
    ["org.apache.kafka.clients.producer.internals.", "org.apache.kafka.clients.producer."];

impl PartitionerClass {
    fn named(class: &str) -> Self {
        let class = class.trim();
        let short = PACKAGES.iter().find_map(|package| class.strip_prefix(package)).unwrap_or(class);
        match short {
            "" | "DefaultPartitioner" => Self::BuiltIn,
            "RoundRobinPartitioner" | "round_robin" => Self::RoundRobin,
            "UniformStickyPartitioner" => Self::UniformSticky,
            _ => Self::Foreign(class.to_owned()),
        }
    }
}

impl ProducerConfig {
    /// Sets `partitioner.class`: `DefaultPartitioner`, `RoundRobinPartitioner` or `UniformStickyPartitioner`, by the short or
    /// the long name that Java has for them.
    #[must_use]
    pub fn partitioner_class(self, class: impl Into<String>) -> Self {
        self.with("partitioner.class", class.into())
    }

    pub(crate) fn partitioner(&self) -> PartitionerClass {
        PartitionerClass::named(&self.text("partitioner.class").unwrap_or_default())
    }

    /// V7.
    pub(crate) fn check_rack(&self) -> Result<(), ConfigError> {
        let rack_aware = self.typed::<bool>("partitioner.rack.aware")?;
        if rack_aware && self.text("client.rack").unwrap_or_default().is_empty() {
            return Err(ConfigError::Conflict {
                rule: "V7",
                key: "client.rack",
                message: "partitioner.rack.aware=true needs a client.rack".to_owned(),
            });
        }
        Ok(())
    }
}
