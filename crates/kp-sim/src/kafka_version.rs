//! Which versions of which API each emulated Kafka takes, and which it says it takes. One table; a new version is a new
//! row. Read by `request.rs` (dispatch) and `api_versions.rs` (the answer).

use std::fmt;
use std::str::FromStr;

use kp_protocol::{ApiKey, VersionRange};

use crate::SimError;

/// The version of Apache Kafka whose answers the double gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[non_exhaustive]
pub enum KafkaVersion {
    /// 0.9: message sets of format 0; ApiVersions is neither answered nor a reason to close.
    V0_9,
    /// 0.10.0: message sets of format 1 (KIP-32), ApiVersions (KIP-35).
    V0_10,
    /// 0.11.0: the first with record batches of format 2 (KIP-98).
    V0_11,
    /// 2.0.
    V2_0,
    /// 2.8: the first that runs without ZooKeeper.
    V2_8,
    /// 3.9: the last that takes old message formats.
    V3_9,
    /// 4.3.
    #[default]
    V4_3,
}

/// One API: the versions that are answered, and the lowest that ApiVersions lists.
struct Row {
    api: ApiKey,
    listed_min: i16,
    min: i16,
    /// In the order of [`KafkaVersion`]; [`NONE`] where it does not speak the API.
    max: [i16; 7],
}

/// No version at all.
const NONE: i16 = -1;

/// Lower versions of Fetch than `min` answer with message sets, those of ListOffsets stand for 0.10's way of listing offsets: the
/// double does not do that, so brokers before 0.11 have neither here. Kafka 4.x lists Produce from 0 all the same (old librdkafka needs it), and closes on 0–2.
/// OffsetFetch 0 reads what ZooKeeper keeps, and ListTransactions 2 takes a regular expression: the double does neither.
const TABLE: [Row; 18] = [
    Row { api: ApiKey::Produce, listed_min: 0, min: 0, max: [1, 2, 3, 6, 9, 11, 13] },
    Row { api: ApiKey::Fetch, listed_min: 4, min: 4, max: [NONE, NONE, 5, 8, 12, 17, 18] },
    Row { api: ApiKey::ListOffsets, listed_min: 1, min: 1, max: [NONE, NONE, 2, 3, 6, 9, 11] },
    Row { api: ApiKey::Metadata, listed_min: 0, min: 0, max: [0, 1, 4, 6, 11, 12, 13] },
    Row { api: ApiKey::OffsetFetch, listed_min: 1, min: 1, max: [NONE, NONE, 3, 4, 7, 9, 10] },
    Row { api: ApiKey::FindCoordinator, listed_min: 0, min: 0, max: [NONE, NONE, 1, 2, 3, 6, 6] },
    Row { api: ApiKey::SaslHandshake, listed_min: 0, min: 0, max: [NONE, 0, 0, 1, 1, 1, 1] },
    Row { api: ApiKey::ApiVersions, listed_min: 0, min: 0, max: [NONE, 0, 1, 2, 3, 4, 4] },
    Row { api: ApiKey::CreateTopics, listed_min: 2, min: 2, max: [NONE, NONE, 2, 3, 7, 7, 7] },
    Row { api: ApiKey::InitProducerId, listed_min: 0, min: 0, max: [NONE, NONE, 0, 1, 4, 5, 5] },
    Row { api: ApiKey::AddPartitionsToTxn, listed_min: 0, min: 0, max: [NONE, NONE, 0, 1, 3, 5, 5] },
    Row { api: ApiKey::AddOffsetsToTxn, listed_min: 0, min: 0, max: [NONE, NONE, 0, 1, 3, 4, 4] },
    Row { api: ApiKey::EndTxn, listed_min: 0, min: 0, max: [NONE, NONE, 0, 1, 3, 4, 5] },
    Row { api: ApiKey::TxnOffsetCommit, listed_min: 0, min: 0, max: [NONE, NONE, 0, 1, 3, 4, 5] },
    Row { api: ApiKey::SaslAuthenticate, listed_min: 0, min: 0, max: [NONE, NONE, NONE, 0, 2, 2, 2] },
    Row { api: ApiKey::DescribeProducers, listed_min: 0, min: 0, max: [NONE, NONE, NONE, NONE, 0, 0, 0] },
    Row {
        api: ApiKey::DescribeTransactions,
        listed_min: 0,
        min: 0,
        max: [NONE, NONE, NONE, NONE, NONE, 0, 0],
    },
    Row { api: ApiKey::ListTransactions, listed_min: 0, min: 0, max: [NONE, NONE, NONE, NONE, NONE, 1, 1] },
];

impl KafkaVersion {
    /// All of them, oldest first.
    pub const ALL: [Self; 7] =
        [Self::V0_9, Self::V0_10, Self::V0_11, Self::V2_0, Self::V2_8, Self::V3_9, Self::V4_3];

    /// The versions of `api` that are answered; `None` if the double does not speak it at all.
    #[must_use]
    pub fn accepts(self, api: ApiKey) -> Option<VersionRange> {
        let row = TABLE.iter().find(|row| row.api == api)?;
        let newest = self.newest(row);
        // 4.x has forgotten message sets (KIP-896).
        let min = if self >= Self::V4_3 && api == ApiKey::Produce { 3 } else { row.min };
        (newest >= min).then(|| VersionRange::new(min, newest))
    }

    /// What ApiVersions lists, lowest API number first.
    pub fn listed(self) -> impl Iterator<Item = (ApiKey, VersionRange)> {
        let spoken = TABLE.iter().filter(move |row| self.newest(row) != NONE);
        spoken.map(move |row| (row.api, VersionRange::new(row.listed_min, self.newest(row))))
    }

    /// The finalized features that clients look at, each with its level: `transaction.version` 2 stands for KIP-890 as a whole.
    pub(crate) fn features(self) -> &'static [(&'static str, i16)] {
        if self >= Self::V4_3 { &[("group.version", 1), ("transaction.version", 2)] } else { &[] }
    }

    /// Whether ApiVersions is met with silence, on a connection that goes on.
    #[must_use]
    pub fn is_silent_about_versions(self) -> bool {
        self < Self::V0_10
    }

    /// Whether an ApiVersions request of an unknown version is told the known ones (KIP-511, Kafka 2.4).
    #[must_use]
    pub fn names_its_api_versions(self) -> bool {
        self >= Self::V2_8
    }

    /// The name, as in `4.3`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::V0_9 => "0.9",
            Self::V0_10 => "0.10",
            Self::V0_11 => "0.11",
            Self::V2_0 => "2.0",
            Self::V2_8 => "2.8",
            Self::V3_9 => "3.9",
            Self::V4_3 => "4.3",
        }
    }

    fn newest(self, row: &Row) -> i16 {
        let column = match self {
            Self::V0_9 => 0,
            Self::V0_10 => 1,
            Self::V0_11 => 2,
            Self::V2_0 => 3,
            Self::V2_8 => 4,
            Self::V3_9 => 5,
            Self::V4_3 => 6,
        };
        row.max[column]
    }
}

impl fmt::Display for KafkaVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for KafkaVersion {
    type Err = SimError;

    /// Takes `4.3` and `4.3.0` alike.
    fn from_str(text: &str) -> Result<Self, SimError> {
        let is = |version: &Self| {
            text == version.name()
                || text.strip_prefix(version.name()).is_some_and(|rest| rest.starts_with('.'))
        };
        Self::ALL.into_iter().find(is).ok_or_else(|| SimError::UnknownKafkaVersion { text: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_with_or_without_its_patch_level() {
        for version in KafkaVersion::ALL {
            assert_eq!(version.name().parse::<KafkaVersion>().unwrap(), version);
            assert_eq!(format!("{version}.1").parse::<KafkaVersion>().unwrap(), version);
        }
        assert!("4.30".parse::<KafkaVersion>().is_err());
        assert!("".parse::<KafkaVersion>().is_err());
    }

    #[test]
    fn kafka_4_lists_produce_from_0_and_takes_it_from_3() {
        let listed =
            |version: KafkaVersion| version.listed().find(|(api, _)| *api == ApiKey::Produce).unwrap().1;
        assert_eq!(listed(KafkaVersion::V4_3), VersionRange::new(0, 13));
        assert_eq!(KafkaVersion::V4_3.accepts(ApiKey::Produce), Some(VersionRange::new(3, 13)));
        assert_eq!(listed(KafkaVersion::V3_9), VersionRange::new(0, 11));
        assert_eq!(KafkaVersion::V0_9.accepts(ApiKey::ApiVersions), None);
    }

    #[test]
    fn what_is_accepted_can_be_read_and_is_listed() {
        for version in KafkaVersion::ALL {
            for (api, listed) in version.listed() {
                let accepted = version.accepts(api).unwrap();
                assert_eq!(accepted.max, listed.max);
                assert_eq!(api.versions().intersect(accepted), Some(accepted), "{version} {api}");
            }
        }
    }
}
