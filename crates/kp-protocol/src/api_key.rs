//! Which APIs there are, and which versions of each kp speaks.

use std::fmt;

/// An inclusive range of versions of one API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct VersionRange {
    /// Lowest version.
    pub min: i16,
    /// Highest version.
    pub max: i16,
}

impl VersionRange {
    /// Versions `min` to `max`, both included.
    #[must_use]
    pub const fn new(min: i16, max: i16) -> Self {
        Self { min, max }
    }

    /// Whether `version` lies within.
    #[must_use]
    pub const fn contains(self, version: i16) -> bool {
        self.min <= version && version <= self.max
    }

    /// The versions in both ranges, if any.
    #[must_use]
    pub fn intersect(self, other: Self) -> Option<Self> {
        let both = Self { min: self.min.max(other.min), max: self.max.min(other.max) };
        (both.min <= both.max).then_some(both)
    }
}

impl fmt::Display for VersionRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\u{2013}{}", self.min, self.max)
    }
}

macro_rules! api_keys {
    ($(
        $(#[$doc:meta])*
        $name:ident = $key:literal, $min:literal..=$max:literal, offered $offered:literal, flexible $flexible:expr,
        throttled $throttled:expr;
    )*) => {
        /// An API of Kafka that kp speaks, by its number in a request header.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        #[repr(i16)]
        pub enum ApiKey {
            $($(#[$doc])* $name = $key,)*
        }

        impl ApiKey {
            /// Every API this crate knows, lowest number first.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The API with this number.
            #[must_use]
            pub const fn from_i16(key: i16) -> Option<Self> {
                match key {
                    $($key => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// Kafka's name of the API.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

            /// The versions that this crate writes and reads, including those that brokers have dropped since.
            #[must_use]
            pub const fn versions(self) -> VersionRange {
                match self {
                    $(Self::$name => VersionRange::new($min, $max),)*
                }
            }

            /// The versions that a client offers: [`versions`](Self::versions) without those Kafka calls unstable.
            #[must_use]
            pub const fn offered(self) -> VersionRange {
                match self {
                    $(Self::$name => VersionRange::new($min, $offered),)*
                }
            }

            /// The first flexible version (KIP-482), if there is one.
            #[must_use]
            pub const fn flexible_from(self) -> Option<i16> {
                match self {
                    $(Self::$name => $flexible,)*
                }
            }

            /// The first version whose answer comes before the throttling that it tells of (KIP-219): from then on the client
            /// leaves the broker alone, where the broker held the answer back before. `None`: its answers tell of none.
            #[must_use]
            pub const fn throttled_from(self) -> Option<i16> {
                match self {
                    $(Self::$name => $throttled,)*
                }
            }
        }
    };
}

api_keys! {
    /// Append record batches to partitions (KIP-98, KIP-467, KIP-951, KIP-516).
    Produce = 0, 0..=13, offered 13, flexible Some(9), throttled Some(6);
    /// Read record batches from partitions (KIP-227, KIP-516).
    Fetch = 1, 0..=18, offered 18, flexible Some(12), throttled Some(8);
    /// Find an offset by timestamp (KIP-79, KIP-734).
    ListOffsets = 2, 0..=11, offered 11, flexible Some(6), throttled Some(3);
    /// Brokers, topics, partitions and their leaders (KIP-516, KIP-1102).
    Metadata = 3, 0..=13, offered 13, flexible Some(9), throttled Some(6);
    /// The offsets that groups have committed (KIP-447, KIP-709).
    OffsetFetch = 9, 0..=10, offered 10, flexible Some(6), throttled Some(4);
    /// The broker that coordinates a group or a transactional id (KIP-98, KIP-699).
    FindCoordinator = 10, 0..=6, offered 6, flexible Some(3), throttled Some(2);
    /// Choose a SASL mechanism (KIP-43, KIP-152).
    SaslHandshake = 17, 0..=1, offered 1, flexible None, throttled None;
    /// Which versions of which API a broker speaks (KIP-35, KIP-511).
    ApiVersions = 18, 0..=5, offered 5, flexible Some(3), throttled Some(2);
    /// Create topics (KIP-4).
    CreateTopics = 19, 0..=7, offered 7, flexible Some(5), throttled Some(3);
    /// Delete topics (KIP-4).
    DeleteTopics = 20, 0..=6, offered 6, flexible Some(4), throttled Some(2);
    /// Get a producer id, or bump its epoch (KIP-98, KIP-360). Version 6 (KIP-939) is read and written, never
    /// offered.
    InitProducerId = 22, 0..=6, offered 5, flexible Some(2), throttled Some(1);
    /// Make partitions part of a transaction (KIP-98).
    AddPartitionsToTxn = 24, 0..=5, offered 5, flexible Some(3), throttled Some(1);
    /// Make a group's offsets part of a transaction (KIP-98).
    AddOffsetsToTxn = 25, 0..=4, offered 4, flexible Some(3), throttled Some(1);
    /// Commit or abort a transaction (KIP-98, KIP-890).
    EndTxn = 26, 0..=5, offered 5, flexible Some(3), throttled Some(1);
    /// Commit a group's offsets within a transaction (KIP-98, KIP-447).
    TxnOffsetCommit = 28, 0..=6, offered 6, flexible Some(3), throttled Some(1);
    /// Read configurations (KIP-133).
    DescribeConfigs = 32, 0..=4, offered 4, flexible Some(4), throttled Some(2);
    /// One token of a SASL exchange (KIP-152, KIP-368).
    SaslAuthenticate = 36, 0..=2, offered 2, flexible Some(2), throttled None;
    /// The cluster's id, controller and brokers (KIP-700).
    DescribeCluster = 60, 0..=2, offered 2, flexible Some(0), throttled Some(0);
    /// The producer ids that partitions know (KIP-664).
    DescribeProducers = 61, 0..=0, offered 0, flexible Some(0), throttled Some(0);
    /// What coordinators know of transactional ids (KIP-664).
    DescribeTransactions = 65, 0..=0, offered 0, flexible Some(0), throttled Some(0);
    /// The transactional ids of a coordinator (KIP-664, KIP-994, KIP-1152).
    ListTransactions = 66, 0..=2, offered 2, flexible Some(0), throttled Some(0);
    /// Which metrics a broker wants (KIP-714).
    GetTelemetrySubscriptions = 71, 0..=0, offered 0, flexible Some(0), throttled Some(0);
    /// Metrics for a broker (KIP-714).
    PushTelemetry = 72, 0..=0, offered 0, flexible Some(0), throttled Some(0);
}

impl ApiKey {
    /// The number in a request header.
    #[must_use]
    pub const fn key(self) -> i16 {
        self as i16
    }

    /// Whether this version is flexible: compact lengths and tagged fields (KIP-482).
    #[must_use]
    pub const fn is_flexible(self, version: i16) -> bool {
        match self.flexible_from() {
            Some(from) => version >= from,
            None => false,
        }
    }

    /// Whether the client is to do the waiting that an answer of this version tells of (KIP-219).
    #[must_use]
    pub const fn is_throttled_by_client(self, version: i16) -> bool {
        match self.throttled_from() {
            Some(from) => version >= from,
            None => false,
        }
    }

    /// The request header's version: 1, or 2 for a flexible version.
    #[must_use]
    pub const fn request_header_version(self, version: i16) -> i16 {
        if self.is_flexible(version) { 2 } else { 1 }
    }

    /// The response header's version: 0, or 1 for a flexible version; ApiVersions stays at 0 for ever (KIP-511), so
    /// that a client can read the answer before it knows what the broker speaks.
    #[must_use]
    pub const fn response_header_version(self, version: i16) -> i16 {
        match self {
            Self::ApiVersions => 0,
            _ if self.is_flexible(version) => 1,
            _ => 0,
        }
    }
}

impl fmt::Display for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_versions_follow_flexibility_except_for_api_versions() {
        assert_eq!(
            (ApiKey::Produce.request_header_version(8), ApiKey::Produce.response_header_version(8)),
            (1, 0)
        );
        assert_eq!(
            (ApiKey::Produce.request_header_version(9), ApiKey::Produce.response_header_version(9)),
            (2, 1)
        );
        assert_eq!(
            (ApiKey::ApiVersions.request_header_version(3), ApiKey::ApiVersions.response_header_version(5)),
            (2, 0)
        );
        assert_eq!(
            (
                ApiKey::SaslHandshake.request_header_version(1),
                ApiKey::SaslHandshake.response_header_version(1)
            ),
            (1, 0)
        );
        assert_eq!(
            (
                ApiKey::DescribeCluster.request_header_version(0),
                ApiKey::DescribeCluster.response_header_version(0)
            ),
            (2, 1)
        );
    }

    #[test]
    fn an_api_is_found_by_its_number() {
        for api in ApiKey::ALL {
            assert_eq!(ApiKey::from_i16(api.key()), Some(*api));
        }
        assert_eq!(ApiKey::from_i16(4), None);
    }
}
