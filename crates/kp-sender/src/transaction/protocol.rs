//! Which protocol transactions are spoken in, and the versions of each request that belong to it (KIP-890, TX26, TX29). Pure.
//!
//! The version of EndTxn decides by which rules the coordinator ends a transaction, whatever has opened it: inside of one
//! nothing is mixed (TC17).

use crate::TransactionProtocol;
use kp_protocol::{ApiKey, BrokerVersions, TransactionVersion, VersionRange};

/// From this finalized level of `transaction.version` on, Produce adds partitions.
const V2_LEVEL: i16 = 2;
/// Group metadata and the bump of an epoch came with this version of TxnOffsetCommit (KIP-447) and InitProducerId (KIP-360).
const GROUP_METADATA_FROM: i16 = 3;
const BUMP_FROM: i16 = 3;

/// The protocol of a transaction that begins after this was heard: TX26.
pub(crate) fn choose(feature: Option<TransactionVersion>, offers_v2: bool) -> TransactionProtocol {
    match feature {
        Some(feature) if feature.level >= V2_LEVEL && offers_v2 => TransactionProtocol::V2,
        _ => TransactionProtocol::V1,
    }
}

/// Whether this broker speaks what each transaction by the second protocol needs. Offsets are another broker's, the group's coordinator's,
/// and need not be part of one.
pub(crate) fn offers_v2(versions: &BrokerVersions) -> bool {
    [ApiKey::Produce, ApiKey::EndTxn]
        .into_iter()
        .all(|api| versions.negotiate_within(api, TransactionProtocol::V2.versions(api)).is_some())
}

/// Versions of InitProducerId; a pair needs KIP-360.
pub(crate) fn init_versions(has_pair: bool) -> VersionRange {
    VersionRange::new(if has_pair { BUMP_FROM } else { 0 }, ApiKey::InitProducerId.offered().max)
}

impl TransactionProtocol {
    /// TC17: the versions of `api` inside a transaction.
    pub(crate) fn versions(self, api: ApiKey) -> VersionRange {
        let (min, max) = match (self, api) {
            // Transactional batches are of format 2.
            (Self::V1, ApiKey::Produce) => (3, 11),
            (Self::V2, ApiKey::Produce) => (12, ApiKey::Produce.offered().max),
            (Self::V1, ApiKey::EndTxn) => (0, 4),
            (Self::V2, ApiKey::EndTxn) => (5, ApiKey::EndTxn.offered().max),
            (Self::V1, ApiKey::TxnOffsetCommit) => (0, 4),
            // Version 6 names topics by id.
            (Self::V2, ApiKey::TxnOffsetCommit) => (5, 5),
            // Later versions are for brokers.
            (_, ApiKey::AddPartitionsToTxn) => (0, 3),
            (_, other) => (other.offered().min, other.offered().max),
        };
        VersionRange::new(min, max)
    }

    /// TC16, TX23: versions of TxnOffsetCommit that carry what the group is known by.
    pub(crate) fn offset_versions(self, has_group_metadata: bool) -> VersionRange {
        let versions = self.versions(ApiKey::TxnOffsetCommit);
        let min = if has_group_metadata { GROUP_METADATA_FROM.max(versions.min) } else { versions.min };
        VersionRange::new(min, versions.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use TransactionProtocol::{V1, V2};

    fn broker(produce: i16, offsets: i16, end: i16) -> BrokerVersions {
        let up_to = |max| VersionRange::new(0, max);
        BrokerVersions::fixed([
            (ApiKey::Produce, up_to(produce)),
            (ApiKey::TxnOffsetCommit, up_to(offsets)),
            (ApiKey::EndTxn, up_to(end)),
        ])
    }

    // TX26, TM 1.1
    #[test]
    fn the_second_protocol_needs_the_finalized_feature_and_a_broker_that_speaks_it() {
        let level = |level| Some(TransactionVersion { epoch: 1, level });
        assert_eq!(choose(level(2), offers_v2(&broker(13, 5, 5))), V2, "4.3.0");
        assert_eq!(choose(level(1), true), V1, "not finalized");
        assert_eq!(choose(None, true), V1, "it said nothing of features");
        assert_eq!(choose(level(2), offers_v2(&broker(13, 4, 5))), V2, "offsets need not be sent");
        for (produce, offsets, end) in [(11, 5, 5), (13, 5, 4)] {
            let lacks = broker(produce, offsets, end);
            assert_eq!(choose(level(2), offers_v2(&lacks)), V1, "{produce} {offsets} {end}");
        }
    }

    // TC17, TX29
    #[test]
    fn the_first_protocol_stays_below_what_makes_a_coordinator_apply_the_second() {
        for (api, max) in [
            (ApiKey::Produce, 11),
            (ApiKey::EndTxn, 4),
            (ApiKey::TxnOffsetCommit, 4),
            (ApiKey::AddPartitionsToTxn, 3),
        ] {
            assert_eq!(V1.versions(api).max, max, "{api}");
        }
        for (api, min) in [(ApiKey::Produce, 12), (ApiKey::EndTxn, 5), (ApiKey::TxnOffsetCommit, 5)] {
            assert_eq!(V2.versions(api).min, min, "{api}");
        }
    }

    // TC16, TX23
    #[test]
    fn group_metadata_goes_into_no_version_that_has_no_place_for_it() {
        assert_eq!(V1.offset_versions(true), VersionRange::new(3, 4));
        assert_eq!(V1.offset_versions(false), VersionRange::new(0, 4));
        assert_eq!(V2.offset_versions(true), VersionRange::new(5, 5));
    }
}
