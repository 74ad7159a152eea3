//! What the listener of a whole producer is told about one record.

use crate::error::DeliveryError;
use crate::outcome::delivery::{RecordMetadata, outcome_of_record};
use kp_accumulator::{RecordOutcome, RecordResult};
use kp_protocol::{PartitionId, TopicPartition};

/// What became of one record that was sent with a token ([`Producer::send_tagged`](crate::Producer::send_tagged)). Borrowed from
/// the batch: looking at it allocates nothing.
#[derive(Debug)]
pub struct DeliveryReport<'a>(RecordOutcome<'a>);

impl<'a> DeliveryReport<'a> {
    pub(crate) fn new(outcome: RecordOutcome<'a>) -> Self {
        Self(outcome)
    }

    /// The topic it was for.
    #[must_use]
    pub fn topic(&self) -> &str {
        &self.0.partition.topic
    }

    /// The partition it was for.
    #[must_use]
    pub fn partition(&self) -> PartitionId {
        self.0.partition.partition
    }

    /// Topic and partition.
    #[must_use]
    pub fn topic_partition(&self) -> &'a TopicPartition {
        self.0.partition
    }

    /// Whether it was acknowledged.
    #[must_use]
    pub fn is_written(&self) -> bool {
        matches!(self.0.result, RecordResult::Written { .. })
    }

    /// Its offset, if it was acknowledged and the broker said where (it does not with `acks=0`).
    #[must_use]
    pub fn offset(&self) -> Option<i64> {
        match &self.0.result {
            RecordResult::Written { offset, .. } => offset.map(|offset| offset.0),
            RecordResult::Failed { .. } => None,
        }
    }

    /// The broker's append time in milliseconds, where the topic has `LogAppendTime`.
    #[must_use]
    pub fn log_append_time_ms(&self) -> Option<i64> {
        match &self.0.result {
            RecordResult::Written { log_append_time, .. } => log_append_time.map(|time| time.0),
            RecordResult::Failed { .. } => None,
        }
    }

    /// Why it was not acknowledged, if it was not.
    #[must_use]
    pub fn error(&self) -> Option<DeliveryError> {
        match &self.0.result {
            RecordResult::Written { .. } => None,
            RecordResult::Failed { index_in_batch, failure } => Some(DeliveryError::new(
                self.0.partition.clone(),
                *index_in_batch,
                failure.clone(),
                self.0.in_transaction,
            )),
        }
    }

    /// The whole, as a callback of its own would be told it; `timestamp_ms` is the record's, which the report does not know.
    ///
    /// # Errors
    /// What [`error`](Self::error) says.
    pub fn into_result(self, timestamp_ms: i64) -> Result<RecordMetadata, DeliveryError> {
        outcome_of_record(self.0.partition, self.0.in_transaction, timestamp_ms, self.0.result)
    }
}
