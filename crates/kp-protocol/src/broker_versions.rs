//! Which versions of each API a broker speaks, and the newest that both ends speak.

use std::collections::BTreeMap;

use crate::api::ApiVersionsResponse;
use crate::api_key::{ApiKey, VersionRange};

/// What one broker speaks, as it answered to ApiVersions, or as its version is known to speak.
///
/// ```
/// use kp_protocol::{ApiKey, BrokerVersions, VersionRange};
/// let metadata = (ApiKey::Metadata, VersionRange::new(0, 99));
/// let broker = BrokerVersions::fixed([(ApiKey::Produce, VersionRange::new(3, 9)), metadata]);
/// assert_eq!(broker.negotiate(ApiKey::Produce), Some(9));
/// assert_eq!(broker.negotiate(ApiKey::Metadata), Some(13)); // the newest this crate speaks
/// assert_eq!(broker.negotiate(ApiKey::InitProducerId), None); // not offered
/// assert_eq!(broker.negotiate_within(ApiKey::Produce, VersionRange::new(0, 7)), Some(7));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct BrokerVersions {
    ranges: BTreeMap<ApiKey, VersionRange>,
    transaction_version: Option<TransactionVersion>,
}

/// The finalized level of the cluster's feature `transaction.version` as one broker knows it (KIP-584, KIP-890). The newest
/// `epoch` counts, whichever broker said it (TX26); levels from 2 on let Produce add partitions to a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TransactionVersion {
    /// How new the broker's knowledge of finalized features is.
    pub epoch: i64,
    /// The finalized level; 0 if the feature is not finalized.
    pub level: i16,
}

impl BrokerVersions {
    /// What a broker answered. APIs that this crate does not know are left out; a range that ends before it begins
    /// counts as "not spoken".
    #[must_use]
    pub fn from_response(response: &ApiVersionsResponse) -> Self {
        let versions = Self::fixed(response.api_keys.iter().filter_map(|api| {
            Some((ApiKey::from_i16(api.api_key)?, VersionRange::new(api.min_version, api.max_version)))
        }));
        let finalized = response.finalized_features.iter();
        let level = finalized.filter(|feature| feature.name == "transaction.version");
        let level = level.map(|feature| feature.max_version_level).max().unwrap_or(0);
        match response.finalized_features_epoch {
            epoch if epoch >= 0 => versions.with_transaction_version(TransactionVersion { epoch, level }),
            _ => versions,
        }
    }

    /// What a broker is known to speak without asking (`broker.version.fallback`, tests, a broker of one's own).
    #[must_use]
    pub fn fixed(ranges: impl IntoIterator<Item = (ApiKey, VersionRange)>) -> Self {
        let ranges = ranges.into_iter().filter(|(_, range)| range.min <= range.max).collect();
        Self { ranges, transaction_version: None }
    }

    /// The same, with what the broker knows of `transaction.version`.
    #[must_use]
    pub fn with_transaction_version(self, version: TransactionVersion) -> Self {
        Self { transaction_version: Some(version), ..self }
    }

    /// What the broker said of the feature `transaction.version`; `None` if it knows no finalized features.
    #[must_use]
    pub fn transaction_version(&self) -> Option<TransactionVersion> {
        self.transaction_version
    }

    /// The versions of `api` that the broker speaks.
    #[must_use]
    pub fn range(&self, api: ApiKey) -> Option<VersionRange> {
        self.ranges.get(&api).copied()
    }

    /// The newest version that both the broker and this crate offer.
    #[must_use]
    pub fn negotiate(&self, api: ApiKey) -> Option<i16> {
        self.negotiate_within(api, api.offered())
    }

    /// The newest version that the broker speaks, this crate offers, and `within` allows.
    #[must_use]
    pub fn negotiate_within(&self, api: ApiKey, within: VersionRange) -> Option<i16> {
        Some(self.range(api)?.intersect(api.offered())?.intersect(within)?.max)
    }

    /// Every API the broker speaks, lowest number first.
    pub fn iter(&self) -> impl Iterator<Item = (ApiKey, VersionRange)> + '_ {
        self.ranges.iter().map(|(api, range)| (*api, *range))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::FinalizedFeatureKey;

    // TX26, TM 1.1
    #[test]
    fn a_broker_tells_the_finalized_level_of_transaction_version() {
        let feature = FinalizedFeatureKey {
            name: "transaction.version".into(),
            max_version_level: 2,
            min_version_level: 2,
            ..Default::default()
        };
        let mut response = ApiVersionsResponse {
            finalized_features_epoch: 7,
            finalized_features: vec![feature],
            ..Default::default()
        };
        let told =
            |response: &ApiVersionsResponse| BrokerVersions::from_response(response).transaction_version();
        assert_eq!(told(&response), Some(TransactionVersion { epoch: 7, level: 2 }));
        response.finalized_features.clear();
        assert_eq!(told(&response), Some(TransactionVersion { epoch: 7, level: 0 }), "3.9.1");
        response.finalized_features_epoch = -1;
        assert_eq!(told(&response), None, "older brokers");
    }

    #[test]
    fn the_newest_common_version_is_chosen_and_an_unstable_one_never() {
        let broker = BrokerVersions::fixed([
            (ApiKey::InitProducerId, VersionRange::new(0, 6)),
            (ApiKey::Fetch, VersionRange::new(19, 30)),
            (ApiKey::Produce, VersionRange::new(5, 4)),
        ]);
        assert_eq!(broker.negotiate(ApiKey::InitProducerId), Some(5));
        assert_eq!(broker.negotiate(ApiKey::Fetch), None, "no common version");
        assert_eq!(broker.range(ApiKey::Produce), None, "an empty range is no range");
    }
}
