//! A broker's error codes: one table with number, name and what a producer may do about each. A new code is
//! one new row here. What a code means for one API in one state is decided by `kp-sender`, from these answers.

use std::fmt;

/// What a code says about trying again; the last column of the table.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reaction {
    /// No error.
    Ok,
    /// The request failed; the same request would fail again.
    Fail,
    /// Try again (Java: `RetriableException`).
    Retry,
    /// Try again, after asking for new metadata (Java: `InvalidMetadataException`).
    Refresh,
    /// Inside a transaction: abort it, then go on.
    Abort,
    /// The producer cannot go on.
    Fatal,
}

/// A broker's error code. Any number survives, known or not.
///
/// ```
/// use kp_protocol::ErrorCode;
/// let code = ErrorCode(6);
/// assert_eq!(code, ErrorCode::NOT_LEADER_OR_FOLLOWER);
/// assert!(code.is_retriable() && code.refreshes_metadata());
/// assert_eq!(code.to_string(), "NOT_LEADER_OR_FOLLOWER (6)");
/// assert_eq!(ErrorCode(1234).to_string(), "UNKNOWN(1234)");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ErrorCode(pub i16);

macro_rules! error_codes {
    ($($number:literal $name:ident $reaction:ident;)*) => {
        impl ErrorCode {
            $(
                #[doc = concat!("Code ", $number, ".")]
                pub const $name: Self = Self($number);
            )*
        }

        /// Sorted by number, without gaps, from [`FIRST`].
        const TABLE: &[(i16, &str, Reaction)] = &[$(($number, stringify!($name), Reaction::$reaction)),*];
    };
}

error_codes! {
     -1 UNKNOWN_SERVER_ERROR Fail;
      0 NONE Ok;
      1 OFFSET_OUT_OF_RANGE Fail;
      2 CORRUPT_MESSAGE Retry;
      3 UNKNOWN_TOPIC_OR_PARTITION Refresh;
      4 INVALID_FETCH_SIZE Fail;
      5 LEADER_NOT_AVAILABLE Refresh;
      6 NOT_LEADER_OR_FOLLOWER Refresh;
      7 REQUEST_TIMED_OUT Retry;
      8 BROKER_NOT_AVAILABLE Fail;
      9 REPLICA_NOT_AVAILABLE Refresh;
     10 MESSAGE_TOO_LARGE Fail;
     11 STALE_CONTROLLER_EPOCH Fail;
     12 OFFSET_METADATA_TOO_LARGE Fail;
     13 NETWORK_EXCEPTION Refresh;
     14 COORDINATOR_LOAD_IN_PROGRESS Retry;
     15 COORDINATOR_NOT_AVAILABLE Retry;
     16 NOT_COORDINATOR Retry;
     17 INVALID_TOPIC_EXCEPTION Fail;
     18 RECORD_LIST_TOO_LARGE Fail;
     19 NOT_ENOUGH_REPLICAS Retry;
     20 NOT_ENOUGH_REPLICAS_AFTER_APPEND Retry;
     21 INVALID_REQUIRED_ACKS Fail;
     22 ILLEGAL_GENERATION Abort;
     23 INCONSISTENT_GROUP_PROTOCOL Fail;
     24 INVALID_GROUP_ID Fail;
     25 UNKNOWN_MEMBER_ID Abort;
     26 INVALID_SESSION_TIMEOUT Fail;
     27 REBALANCE_IN_PROGRESS Fail;
     28 INVALID_COMMIT_OFFSET_SIZE Fail;
     29 TOPIC_AUTHORIZATION_FAILED Abort;
     30 GROUP_AUTHORIZATION_FAILED Abort;
     31 CLUSTER_AUTHORIZATION_FAILED Fatal;
     32 INVALID_TIMESTAMP Fail;
     33 UNSUPPORTED_SASL_MECHANISM Fail;
     34 ILLEGAL_SASL_STATE Fail;
     35 UNSUPPORTED_VERSION Fatal;
     36 TOPIC_ALREADY_EXISTS Fail;
     37 INVALID_PARTITIONS Fail;
     38 INVALID_REPLICATION_FACTOR Fail;
     39 INVALID_REPLICA_ASSIGNMENT Fail;
     40 INVALID_CONFIG Fail;
     41 NOT_CONTROLLER Retry;
     42 INVALID_REQUEST Fail;
     43 UNSUPPORTED_FOR_MESSAGE_FORMAT Fail;
     44 POLICY_VIOLATION Fail;
     45 OUT_OF_ORDER_SEQUENCE_NUMBER Fail;
     46 DUPLICATE_SEQUENCE_NUMBER Fail;
     47 INVALID_PRODUCER_EPOCH Abort;
     48 INVALID_TXN_STATE Abort;
     49 INVALID_PRODUCER_ID_MAPPING Fatal;
     50 INVALID_TRANSACTION_TIMEOUT Fatal;
     51 CONCURRENT_TRANSACTIONS Retry;
     52 TRANSACTION_COORDINATOR_FENCED Fail;
     53 TRANSACTIONAL_ID_AUTHORIZATION_FAILED Fatal;
     54 SECURITY_DISABLED Fail;
     55 OPERATION_NOT_ATTEMPTED Fail;
     56 KAFKA_STORAGE_ERROR Refresh;
     57 LOG_DIR_NOT_FOUND Fail;
     58 SASL_AUTHENTICATION_FAILED Fail;
     59 UNKNOWN_PRODUCER_ID Abort;
     60 REASSIGNMENT_IN_PROGRESS Fail;
     61 DELEGATION_TOKEN_AUTH_DISABLED Fail;
     62 DELEGATION_TOKEN_NOT_FOUND Fail;
     63 DELEGATION_TOKEN_OWNER_MISMATCH Fail;
     64 DELEGATION_TOKEN_REQUEST_NOT_ALLOWED Fail;
     65 DELEGATION_TOKEN_AUTHORIZATION_FAILED Fail;
     66 DELEGATION_TOKEN_EXPIRED Fail;
     67 INVALID_PRINCIPAL_TYPE Fail;
     68 NON_EMPTY_GROUP Fail;
     69 GROUP_ID_NOT_FOUND Fail;
     70 FETCH_SESSION_ID_NOT_FOUND Retry;
     71 INVALID_FETCH_SESSION_EPOCH Retry;
     72 LISTENER_NOT_FOUND Refresh;
     73 TOPIC_DELETION_DISABLED Fail;
     74 FENCED_LEADER_EPOCH Refresh;
     75 UNKNOWN_LEADER_EPOCH Retry;
     76 UNSUPPORTED_COMPRESSION_TYPE Fail;
     77 STALE_BROKER_EPOCH Fail;
     78 OFFSET_NOT_AVAILABLE Retry;
     79 MEMBER_ID_REQUIRED Fail;
     80 PREFERRED_LEADER_NOT_AVAILABLE Refresh;
     81 GROUP_MAX_SIZE_REACHED Fail;
     82 FENCED_INSTANCE_ID Abort;
     83 ELIGIBLE_LEADERS_NOT_AVAILABLE Refresh;
     84 ELECTION_NOT_NEEDED Refresh;
     85 NO_REASSIGNMENT_IN_PROGRESS Fail;
     86 GROUP_SUBSCRIBED_TO_TOPIC Fail;
     87 INVALID_RECORD Fail;
     88 UNSTABLE_OFFSET_COMMIT Retry;
     89 THROTTLING_QUOTA_EXCEEDED Retry;
     90 PRODUCER_FENCED Fatal;
     91 RESOURCE_NOT_FOUND Fail;
     92 DUPLICATE_RESOURCE Fail;
     93 UNACCEPTABLE_CREDENTIAL Fail;
     94 INCONSISTENT_VOTER_SET Fail;
     95 INVALID_UPDATE_VERSION Fail;
     96 FEATURE_UPDATE_FAILED Fail;
     97 PRINCIPAL_DESERIALIZATION_FAILURE Fail;
     98 SNAPSHOT_NOT_FOUND Fail;
     99 POSITION_OUT_OF_RANGE Fail;
    100 UNKNOWN_TOPIC_ID Refresh;
    101 DUPLICATE_BROKER_REGISTRATION Fail;
    102 BROKER_ID_NOT_REGISTERED Fail;
    103 INCONSISTENT_TOPIC_ID Refresh;
    104 INCONSISTENT_CLUSTER_ID Fail;
    105 TRANSACTIONAL_ID_NOT_FOUND Fail;
    106 FETCH_SESSION_TOPIC_ID_ERROR Retry;
    107 INELIGIBLE_REPLICA Fail;
    108 NEW_LEADER_ELECTED Fail;
    109 OFFSET_MOVED_TO_TIERED_STORAGE Fail;
    110 FENCED_MEMBER_EPOCH Fail;
    111 UNRELEASED_INSTANCE_ID Fail;
    112 UNSUPPORTED_ASSIGNOR Fail;
    113 STALE_MEMBER_EPOCH Fail;
    114 MISMATCHED_ENDPOINT_TYPE Fail;
    115 UNSUPPORTED_ENDPOINT_TYPE Fail;
    116 UNKNOWN_CONTROLLER_ID Fail;
    117 UNKNOWN_SUBSCRIPTION_ID Fail;
    118 TELEMETRY_TOO_LARGE Fail;
    119 INVALID_REGISTRATION Fail;
    120 TRANSACTION_ABORTABLE Abort;
    121 INVALID_RECORD_STATE Fail;
    122 SHARE_SESSION_NOT_FOUND Retry;
    123 INVALID_SHARE_SESSION_EPOCH Retry;
    124 FENCED_STATE_EPOCH Fail;
    125 INVALID_VOTER_KEY Fail;
    126 DUPLICATE_VOTER Fail;
    127 VOTER_NOT_FOUND Fail;
    128 INVALID_REGULAR_EXPRESSION Fail;
    129 REBOOTSTRAP_REQUIRED Fail;
    130 STREAMS_INVALID_TOPOLOGY Fail;
    131 STREAMS_INVALID_TOPOLOGY_EPOCH Fail;
    132 STREAMS_TOPOLOGY_FENCED Fail;
    133 SHARE_SESSION_LIMIT_REACHED Retry;
    134 GROUP_DELETION_FAILED Fail;
    135 STREAMS_TOPOLOGY_DESCRIPTION_UPDATE_FAILED Fail;
    136 CONTROLLER_ID_NOT_REGISTERED Fail;
}

/// The number of the table's first row.
const FIRST: i16 = -1;

impl ErrorCode {
    /// All codes this crate knows, lowest first.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| Self(row.0))
    }

    /// Kafka's name of the code, or `UNKNOWN`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().map_or("UNKNOWN", |row| row.1)
    }

    /// Whether this crate knows the code.
    #[must_use]
    pub fn is_known(self) -> bool {
        self.row().is_some()
    }

    /// Whether this is no error.
    #[must_use]
    pub fn is_ok(self) -> bool {
        self.0 == 0
    }

    /// Whether the same request may succeed later (Java's `RetriableException`). An unknown code is not retriable.
    #[must_use]
    pub fn is_retriable(self) -> bool {
        matches!(self.reaction(), Reaction::Retry | Reaction::Refresh)
    }

    /// Whether the client's picture of the cluster is out of date (Java's `InvalidMetadataException`).
    #[must_use]
    pub fn refreshes_metadata(self) -> bool {
        self.reaction() == Reaction::Refresh
    }

    /// Whether, inside a transaction, the way on is to abort it.
    ///
    /// Some of these are fatal from some coordinator APIs (47, 48) or mean something else outside a transaction; the
    /// caller knows which API answered.
    #[must_use]
    pub fn needs_abort(self) -> bool {
        self.reaction() == Reaction::Abort
    }

    /// Whether the producer cannot go on after this answer.
    ///
    /// `CLUSTER_AUTHORIZATION_FAILED` and `UNSUPPORTED_VERSION` are fatal as answers to a producer's Produce; the
    /// caller knows which API answered.
    #[must_use]
    pub fn is_fatal(self) -> bool {
        self.reaction() == Reaction::Fatal
    }

    fn reaction(self) -> Reaction {
        self.row().map_or(Reaction::Fail, |row| row.2)
    }

    fn row(self) -> Option<&'static (i16, &'static str, Reaction)> {
        TABLE.get(usize::try_from(i32::from(self.0) - i32::from(FIRST)).ok()?)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.row() {
            Some((number, name, _)) => write!(f, "{name} ({number})"),
            None => write!(f, "UNKNOWN({})", self.0),
        }
    }
}

impl fmt::Debug for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<i16> for ErrorCode {
    fn from(number: i16) -> Self {
        Self(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_total_and_sorted_so_that_a_code_is_found_by_its_place() {
        for (place, row) in TABLE.iter().enumerate() {
            assert_eq!(row.0, FIRST + place as i16, "{}", row.1);
            assert_eq!(ErrorCode(row.0).name(), row.1);
        }
        assert_eq!(TABLE.last().map(|row| row.0), Some(136));
    }

    #[test]
    fn an_unknown_code_survives_and_is_not_retried() {
        for number in [i16::MIN, -2, 137, 1234, i16::MAX] {
            let code = ErrorCode(number);
            assert!(!code.is_known() && !code.is_ok() && !code.is_retriable() && !code.is_fatal());
            assert_eq!((code.0, code.to_string()), (number, format!("UNKNOWN({number})")));
        }
    }

    #[test]
    fn whatever_refreshes_metadata_is_retriable_and_nothing_is_both_retriable_and_fatal() {
        for code in ErrorCode::all() {
            assert!(!code.refreshes_metadata() || code.is_retriable(), "{code}");
            assert!(!(code.is_fatal() && code.is_retriable()), "{code}");
        }
        assert!(ErrorCode::NOT_ENOUGH_REPLICAS.is_retriable());
        assert!(!ErrorCode::MESSAGE_TOO_LARGE.is_retriable());
        assert!(ErrorCode::NETWORK_EXCEPTION.refreshes_metadata());
        assert!(ErrorCode::TRANSACTION_ABORTABLE.needs_abort());
        assert!(ErrorCode::PRODUCER_FENCED.is_fatal());
        assert!(ErrorCode::NONE.is_ok());
    }
}
