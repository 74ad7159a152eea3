//! What a host does with a request's outcome, and the moment at which it was carried out.

use std::time::Instant;

use bytes::Bytes;
use kp_protocol::{Message, ReceivedHeader, encode_response};

use crate::waiting::Waiting;

/// What a host does with a request's outcome.
#[derive(Clone, Debug)]
#[must_use]
pub enum Reply {
    /// Send this frame (size included), in these pieces, before the answer to any later request of the connection.
    Answer(Vec<Bytes>),
    /// Send this frame likewise, and close the connection behind it.
    LastAnswer(Vec<Bytes>),
    /// Send nothing (`acks=0`), and go on with the next request.
    Silence,
    /// Close the connection.
    Close,
    /// Keep the connection open, and neither read nor answer anything on it any more.
    Stall,
    /// Nothing to answer yet: ask again with [`SimCluster::resume`](crate::SimCluster::resume), when something was appended or at the latest at
    /// [`Waiting::deadline`]. Later requests of the connection wait meanwhile.
    Later(Box<Waiting>),
}

impl Reply {
    /// The answer to a request of this header.
    pub(crate) fn to<M: Message>(header: &ReceivedHeader, response: &M) -> Self {
        Self::in_version(header.version, header.correlation_id, response)
    }

    /// The answer in another version than the one asked in.
    pub(crate) fn in_version<M: Message>(version: i16, correlation_id: i32, response: &M) -> Self {
        match encode_response(version, correlation_id, response) {
            Ok(segments) => Self::Answer(segments.into()),
            Err(error) => {
                debug_assert!(false, "the double filled a field that v{version} lacks: {error}");
                Self::Close
            }
        }
    }

    /// The same answer, and the connection closes behind it.
    pub(crate) fn and_close(self) -> Self {
        match self {
            Self::Answer(segments) => Self::LastAnswer(segments),
            other => other,
        }
    }
}

/// When a request is carried out, as the host's clock says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) now: Instant,
    /// Wall clock in milliseconds since the Unix epoch, for LogAppendTime.
    pub(crate) timestamp_ms: i64,
}
