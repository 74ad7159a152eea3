//! ApiVersions (API 18): which versions of which API a broker speaks.

use crate::wire::wire;
use crate::{ErrorCode, KafkaString};

wire! {
    /// Asks what a broker speaks; the first request on a connection. Source: KIP-35, KIP-511, KIP-1242.
    request ApiVersionsRequest (api ApiVersions, answer ApiVersionsResponse, versions 0..=5, flexible 3..) {
        /// Name of the client library (KIP-511).
        [3..; ignorable] client_software_name: KafkaString,
        /// Its version (KIP-511).
        [3..; ignorable] client_software_version: KafkaString,
        /// The cluster the client believes to talk to (KIP-1242).
        [5..; nullable 5..; ignorable] cluster_id: Option<KafkaString>,
        /// The broker the client believes to talk to (KIP-1242).
        [5..; ignorable] node_id: i32 = -1,
    }
}

wire! {
    /// What a broker speaks. With `UNSUPPORTED_VERSION` the body has version 0, whatever was asked. Source:
    /// KIP-35, KIP-511, KIP-584.
    response ApiVersionsResponse (api ApiVersions, versions 0..=5, flexible 3..) {
        /// What went wrong, or `NONE`.
        [0..] error_code: ErrorCode,
        [0..] api_keys: Vec<ApiVersion>,
        /// Milliseconds the client should stay quiet, because of a quota (KIP-219).
        [1..; ignorable] throttle_time_ms: i32,
        /// Features the broker could run (KIP-584).
        [3..; tag 0; ignorable] supported_features: Vec<SupportedFeatureKey>,
        /// How new the finalized features are, −1 unknown (KIP-584).
        [3..; tag 1; ignorable] finalized_features_epoch: i64 = -1,
        /// Features the cluster runs, `transaction.version` among them (KIP-584, KIP-890).
        [3..; tag 2; ignorable] finalized_features: Vec<FinalizedFeatureKey>,
        /// Whether a ZooKeeper migration may start (KIP-866).
        [3..; tag 3; ignorable] zk_migration_ready: bool,
    }
    /// The versions of one API.
    part ApiVersion {
        /// The API's number.
        [0..] api_key: i16,
        /// Lowest version.
        [0..] min_version: i16,
        /// Highest version.
        [0..] max_version: i16,
    }
    /// One feature a broker could run (KIP-584).
    part SupportedFeatureKey {
        [3..] name: KafkaString,
        /// Lowest version.
        [3..] min_version: i16,
        /// Highest version.
        [3..] max_version: i16,
    }
    /// One feature the cluster runs (KIP-584).
    part FinalizedFeatureKey {
        [3..] name: KafkaString,
        [3..] max_version_level: i16,
        [3..] min_version_level: i16,
    }
}
