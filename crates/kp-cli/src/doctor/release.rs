//! Which Kafka a broker may be, by the versions of the APIs that it speaks: a guess, for people.

use kp_protocol::{ApiKey, BrokerVersions};

/// The newest Fetch and Metadata that each release has. The first row that a broker reaches last is its release.
const RELEASES: [(&str, i16, i16); 17] = [
    ("0.10.0", 2, 1),
    ("0.10.1 or 0.10.2", 3, 2),
    ("0.11", 5, 4),
    ("1.0", 6, 5),
    ("1.1", 7, 5),
    ("2.0", 8, 6),
    ("2.1 or 2.2", 10, 7),
    ("2.3", 11, 8),
    ("2.4 to 2.6", 11, 9),
    ("2.7", 12, 9),
    ("2.8 to 3.0", 12, 11),
    ("3.1 to 3.4", 13, 12),
    ("3.5 or 3.6", 15, 12),
    ("3.7 or 3.8", 16, 12),
    ("3.9", 17, 12),
    ("4.0", 17, 13),
    ("4.1 or newer", 18, 13),
];

/// The release, if it is one of Apache Kafka's since 0.10.
pub(super) fn release(versions: &BrokerVersions) -> Option<&'static str> {
    let metadata = versions.range(ApiKey::Metadata)?.max;
    let fetch = versions.range(ApiKey::Fetch).map_or(i16::MAX, |range| range.max);
    let reached = RELEASES
        .iter()
        .rev()
        .find(|(_, of_fetch, of_metadata)| *of_fetch <= fetch && *of_metadata <= metadata);
    reached.map(|(name, ..)| *name)
}

#[cfg(test)]
mod tests {
    use kp_sim::KafkaVersion;

    use super::*;

    #[test]
    fn the_release_of_each_kafka_that_the_double_speaks_as_is_found() {
        let expected = [
            (KafkaVersion::V0_10, "0.10.0"),
            (KafkaVersion::V0_11, "0.11"),
            (KafkaVersion::V2_0, "2.0"),
            (KafkaVersion::V2_8, "2.8 to 3.0"),
            (KafkaVersion::V3_9, "3.9"),
            (KafkaVersion::V4_3, "4.1 or newer"),
        ];
        for (kafka, name) in expected {
            assert_eq!(release(&BrokerVersions::fixed(kafka.listed())), Some(name), "{kafka}");
        }
        assert_eq!(release(&BrokerVersions::fixed([])), None);
    }

    #[test]
    fn a_later_row_is_a_later_release() {
        let ordered = |pair: &[(&str, i16, i16)]| pair[0].1 <= pair[1].1 && pair[0].2 <= pair[1].2;
        assert!(RELEASES.windows(2).all(ordered));
    }
}
