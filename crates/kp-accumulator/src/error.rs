//! Why a record was not accepted. Nothing of it was kept, and its callback was not taken.

use kp_protocol::{PartitionId, ProtocolError, TopicName};

/// Why [`Accumulator::append`](crate::Accumulator::append) refused a record.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// The producer was closed, or closes, while the record was on its way (AC9).
    #[error("the producer was closed while a send was in progress")]
    Closed,
    /// The record names a partition that the topic, as it is known now, does not have (FA6).
    #[error("{topic} has {count} partitions, the record names number {partition}")]
    UnknownPartition {
        /// The topic.
        topic: TopicName,
        /// What the record names.
        partition: PartitionId,
        /// How many there are.
        count: usize,
    },
    /// The brokers take an older record format, which has no headers
    /// ([`Accumulator::set_record_format`](crate::Accumulator::set_record_format)).
    #[error("the record has headers, which brokers of record format {magic} do not take")]
    HeadersNotInFormat {
        /// The format's number.
        magic: i8,
    },
    /// The record format cannot say it: a negative timestamp, or more bytes than it can count (BB9).
    #[error(transparent)]
    Record(#[from] ProtocolError),
}

impl AppendError {
    /// Whether the same call can succeed later.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        match self {
            // More partitions may come to be known.
            Self::UnknownPartition { .. } => true,
            Self::Closed | Self::HeadersNotInFormat { .. } | Self::Record(_) => false,
        }
    }
}
