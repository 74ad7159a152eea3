//! Brokers from before one could ask a broker what it speaks, or that are taken for such: what they are known to speak.
//! Owner of these facts: this table. Which brokers are such is found out by the network, or said by the configuration.

use std::fmt;

use crate::{ApiKey, BrokerVersions, VersionRange};

/// A version of Kafka that is spoken to without asking it (`broker.version.fallback`).
///
/// ```
/// use kp_protocol::{ApiKey, OldKafka, VersionRange};
/// let old = OldKafka::named("0.9.0.1").unwrap();
/// assert_eq!(old, OldKafka::V0_9_0);
/// assert_eq!(old.versions().range(ApiKey::Produce), Some(VersionRange::new(0, 1)));
/// assert_eq!(OldKafka::named("0.11.0"), None); // it can be asked
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum OldKafka {
    /// 0.9.0: does not know ApiVersions (KIP-35 came with 0.10.0), and neither answers it nor closes.
    V0_9_0,
    /// 0.10.0: message sets with timestamps (KIP-32).
    V0_10_0,
}

impl OldKafka {
    /// All of them, oldest first.
    pub const ALL: [Self; 2] = [Self::V0_9_0, Self::V0_10_0];

    /// The version with this name: `0.9.0` or `0.10.0`, with or without a fourth number.
    #[must_use]
    pub fn named(text: &str) -> Option<Self> {
        let is = |old: &Self| {
            text.strip_prefix(old.name()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        Self::ALL.into_iter().find(is)
    }

    /// Its name, as `broker.version.fallback` takes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::V0_9_0 => "0.9.0",
            Self::V0_10_0 => "0.10.0",
        }
    }

    /// What its brokers speak, of the APIs that kp knows.
    #[must_use]
    pub fn versions(self) -> BrokerVersions {
        let up_to = |api, max| (api, VersionRange::new(0, max));
        BrokerVersions::fixed(match self {
            Self::V0_9_0 => vec![
                up_to(ApiKey::Produce, 1),
                up_to(ApiKey::Fetch, 1),
                up_to(ApiKey::ListOffsets, 0),
                up_to(ApiKey::Metadata, 0),
                up_to(ApiKey::FindCoordinator, 0),
            ],
            Self::V0_10_0 => vec![
                up_to(ApiKey::Produce, 2),
                up_to(ApiKey::Fetch, 2),
                up_to(ApiKey::ListOffsets, 0),
                up_to(ApiKey::Metadata, 1),
                up_to(ApiKey::FindCoordinator, 0),
                up_to(ApiKey::SaslHandshake, 0),
                up_to(ApiKey::ApiVersions, 0),
            ],
        })
    }
}

impl fmt::Display for OldKafka {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_version_is_known_by_its_name_with_or_without_a_fourth_number() {
        for old in OldKafka::ALL {
            assert_eq!(OldKafka::named(old.name()), Some(old));
            assert_eq!(OldKafka::named(&format!("{old}.1")), Some(old));
        }
        for other in ["", "0.9", "0.9.01", "0.10.1", "0.10.00", "4.3.0"] {
            assert_eq!(OldKafka::named(other), None, "{other}");
        }
    }

    #[test]
    fn neither_speaks_record_batches_nor_gives_producer_ids() {
        for (old, produce, metadata) in [(OldKafka::V0_9_0, 1, 0), (OldKafka::V0_10_0, 2, 1)] {
            let versions = old.versions();
            assert_eq!(versions.negotiate(ApiKey::Produce), Some(produce));
            assert_eq!(versions.negotiate(ApiKey::Metadata), Some(metadata));
            assert_eq!(versions.range(ApiKey::InitProducerId), None);
        }
        assert_eq!(OldKafka::V0_9_0.versions().range(ApiKey::ApiVersions), None);
    }
}
