//! ApiVersions: which versions the emulated Kafka speaks, as far as the double speaks them too (KIP-35, KIP-511).

use kp_protocol::api::{
    ApiVersion, ApiVersionsRequest, ApiVersionsResponse, FinalizedFeatureKey, SupportedFeatureKey,
};
use kp_protocol::{ApiKey, ErrorCode, ReceivedHeader};

use crate::cluster::ClientSoftware;
use crate::{CLUSTER_ID, Reply, SimCluster};

/// From level 2 on, Produce adds partitions to transactions (KIP-890).
const TRANSACTION_VERSION: &str = "transaction.version";

impl SimCluster {
    pub(crate) fn api_versions(
        &mut self,
        connection: u64,
        header: &ReceivedHeader,
        request: &ApiVersionsRequest,
    ) -> Reply {
        if header.version >= 3 {
            let (name, version) =
                (request.client_software_name.as_str(), request.client_software_version.as_str());
            if !is_software_name(name) || !is_software_name(version) {
                let response =
                    ApiVersionsResponse { error_code: ErrorCode::INVALID_REQUEST, ..Default::default() };
                return Reply::to(header, &response);
            }
            self.clients
                .insert(connection, ClientSoftware { name: name.to_owned(), version: version.to_owned() });
        }
        self.doors.versions_told(connection);
        let listed = self.settings.listed();
        // A feature is the only free text of this answer: the double says here what it is.
        let feature = SupportedFeatureKey {
            name: CLUSTER_ID.into(),
            min_version: 1,
            max_version: 1,
            ..Default::default()
        };
        let finalized = |(name, version): (&str, i16)| FinalizedFeatureKey {
            name: name.into(),
            max_version_level: version,
            min_version_level: version,
            ..Default::default()
        };
        let response = ApiVersionsResponse {
            api_keys: listed.map(|(api, range)| row(api, range.min, range.max)).collect(),
            throttle_time_ms: self.faults.throttle(ApiKey::ApiVersions),
            supported_features: vec![feature],
            finalized_features_epoch: self.transactions.features_epoch,
            finalized_features: self.finalized().map(finalized).collect(),
            ..Default::default()
        };
        Reply::to(header, &response)
    }

    /// The finalized features: what the brokers can do, but for one that was not raised yet.
    fn finalized(&self) -> impl Iterator<Item = (&'static str, i16)> + '_ {
        let held_down = self.settings.transactions.finalized_version;
        let level = move |(name, newest): (&'static str, i16)| match held_down {
            Some(level) if name == TRANSACTION_VERSION => (name, level.min(newest)),
            _ => (name, newest),
        };
        let all = self.settings.kafka_version.features().iter().copied();
        all.map(level).filter(|(_, level)| *level > 0)
    }

    /// Finalizes the feature `transaction.version` at another level (KIP-584): brokers tell it on every connection that is made
    /// from now on.
    pub fn finalize_transaction_version(&mut self, level: i16) {
        self.settings.transactions.finalized_version = Some(level);
        self.transactions.features_epoch += 1;
    }

    /// A version that this Kafka does not know is answered in version 0, with the range it does know (KIP-511).
    pub(crate) fn api_versions_too_new(&self, header: &ReceivedHeader) -> Reply {
        let known = self.settings.kafka_version.accepts(ApiKey::ApiVersions);
        let named = known.filter(|_| self.settings.kafka_version.names_its_api_versions());
        let response = ApiVersionsResponse {
            error_code: ErrorCode::UNSUPPORTED_VERSION,
            api_keys: named.map(|range| row(ApiKey::ApiVersions, range.min, range.max)).into_iter().collect(),
            ..Default::default()
        };
        Reply::in_version(0, header.correlation_id, &response)
    }
}

fn row(api: ApiKey, min_version: i16, max_version: i16) -> ApiVersion {
    ApiVersion { api_key: api.key(), min_version, max_version, ..Default::default() }
}

/// Letters and digits, with dots and hyphens between them.
fn is_software_name(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    let ends = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    ends(bytes.first()) && ends(bytes.last()) && bytes.iter().all(|byte| inner(*byte))
}
