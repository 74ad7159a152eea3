//! What can go wrong while reading.

use std::{io, time::Duration};

use kp_protocol::{ApiKey, ErrorCode, ProtocolError};

#[derive(Debug, thiserror::Error)]
pub(crate) enum ReaderError {
    /// An address that cannot be connected to.
    #[error("{address}: {source}")]
    Connect { address: String, source: io::Error },
    /// No address of the list answered.
    #[error("no broker answered: {}", .0.join("; "))]
    NoBroker(Vec<String>),
    /// A connection broke.
    #[error("{address}: {api}: {source}")]
    Broken { address: String, api: ApiKey, source: io::Error },
    /// A broker closed the connection, which is all it says to what it does not understand.
    #[error("{address}: {api}: closed without an answer: a TLS or SASL listener?")]
    Closed { address: String, api: ApiKey },
    /// A broker that takes a connection and says nothing on it.
    #[error("{address}: {api}: no answer within {} s", .within.as_secs_f64())]
    Silent { address: String, api: ApiKey, within: Duration },
    /// Ctrl-C.
    #[error("interrupted")]
    Interrupted,
    /// Bytes that are no answer.
    #[error("{address}: {source}")]
    Protocol { address: String, source: ProtocolError },
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
            Self::Interrupted
            | Self::Protocol { .. }
            | Self::NoVersion { .. }
            | Self::NoPartition { .. }
            | Self::GivenUp { .. } => false,
        }
    }
}
