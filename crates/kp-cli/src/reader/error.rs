//! What can go wrong while reading.

use std::{sync::Arc, time::Duration};

use kp_network::{DisconnectReason, OtherProtocol, Reached, SecurityFailure};
use kp_protocol::{ApiKey, ErrorCode};

#[derive(Debug, thiserror::Error)]
pub(crate) enum ReaderError {
    /// An address that cannot be connected to.
    #[error("{address}: {why}")]
    Connect { address: String, why: String },
    /// No address of the list answered.
    #[error("no broker answered: {}", .0.join("; "))]
    NoBroker(Vec<String>),
    /// A connection broke.
    #[error("{address}: {api}: {why}")]
    Broken { address: String, api: ApiKey, why: String },
    /// A broker closed the connection, which is all it says to what it does not understand.
    #[error("{address}: {api}: closed without an answer: a TLS or SASL listener?")]
    Closed { address: String, api: ApiKey },
    /// A broker that takes a connection and says nothing on it.
    #[error("{address}: {api}: no answer within {} s", .within.as_secs_f64())]
    Silent { address: String, api: ApiKey, within: Duration },
    /// No broker: another protocol answers there.
    #[error("{address}: {}", DisconnectReason::OtherProtocol(*.spoken))]
    OtherProtocol { address: String, spoken: OtherProtocol },
    /// One end refused to authenticate the other.
    #[error("{address}: {failure}")]
    Security { address: String, failure: Arc<SecurityFailure> },
    /// Ctrl-C.
    #[error("interrupted")]
    Interrupted,
    /// Bytes that are no answer.
    #[error("{address}: {why}")]
    Protocol { address: String, why: String },
    /// No version of an API that both sides speak.
    #[error("{address}: no common version of {api}")]
    NoVersion { address: String, api: ApiKey },
    /// A broker's refusal.
    #[error("{what}: {code}{}", .message.as_ref().map(|text| format!(" ({text})")).unwrap_or_default())]
    Refused { what: String, code: ErrorCode, message: Option<String> },
    /// The topic has no such partition.
    #[error("topic {topic} has no partition {partition}")]
    NoPartition { topic: String, partition: i32 },
    /// A partition without a leader for too long.
    #[error("{what}: given up after {waited:?}: {last}")]
    GivenUp { what: String, waited: Duration, last: String },
}

impl ReaderError {
    /// Why a listener could not be connected to. `reached` is how far the last attempt came, `within` the time it had.
    pub(crate) fn not_connected(
        address: String,
        within: Duration,
        reason: DisconnectReason,
        reached: Reached,
    ) -> Self {
        let api = ApiKey::ApiVersions;
        match (reason, reached) {
            (DisconnectReason::SetupTimeout(_), Reached::Name) => {
                let why = format!("the name was not looked up within {} s", within.as_secs_f64());
                Self::Connect { address, why }
            }
            (DisconnectReason::SetupTimeout(_), Reached::Address { .. }) => {
                Self::Connect { address, why: "connection timed out".to_owned() }
            }
            (DisconnectReason::SetupTimeout(stage), _) => {
                Self::Silent { address, api: stage.unanswered().unwrap_or(api), within }
            }
            (DisconnectReason::Unresolved(words) | DisconnectReason::ConnectFailed(words), _) => {
                Self::Connect { address, why: words.to_string() }
            }
            (reason, _) => Self::unanswered(&address, api, reason),
        }
    }

    /// Why a connection brings no answer to a request.
    pub(crate) fn unanswered(address: &str, api: ApiKey, reason: DisconnectReason) -> Self {
        let address = address.to_owned();
        if let Some(failure) = reason.security() {
            return Self::Security { address, failure: Arc::clone(failure) };
        }
        match reason {
            DisconnectReason::ClosedByBroker
            | DisconnectReason::ClosedUnserved
            | DisconnectReason::ClosedWithoutAnswer => Self::Closed { address, api },
            DisconnectReason::OtherProtocol(spoken) => Self::OtherProtocol { address, spoken },
            DisconnectReason::ProtocolError(words) => Self::Protocol { address, why: words.to_string() },
            DisconnectReason::Lost(words) => Self::Broken { address, api, why: words.to_string() },
            reason => Self::Broken { address, api, why: reason.to_string() },
        }
    }

    /// # Errors
    /// [`ReaderError::Refused`], unless the code is "none".
    pub(crate) fn check(what: &str, code: ErrorCode, message: Option<String>) -> Result<(), Self> {
        if code == ErrorCode::NONE {
            return Ok(());
        }
        Err(Self::Refused { what: what.to_owned(), code, message })
    }

    /// Whether asking again, after a look at the metadata, may help.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Connect { .. }
            | Self::NoBroker(_)
            | Self::Broken { .. }
            | Self::Closed { .. }
            | Self::Silent { .. } => true,
            Self::Refused { code, .. } => code.is_retriable(),
            Self::Security { failure, .. } => failure.is_retriable(),
            Self::Interrupted
            | Self::OtherProtocol { .. }
            | Self::Protocol { .. }
            | Self::NoVersion { .. }
            | Self::NoPartition { .. }
            | Self::GivenUp { .. } => false,
        }
    }
}
