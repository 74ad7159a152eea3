//! The outcome of one accepted record: a reference to its batch's outcome, and the record's place in it.
//! Dropping a delivery cancels nothing; keeping one keeps the outcome, never the bytes.

use crate::drive::forked::{is_another_process, is_surely_another_process};
use crate::drive::parker;
use crate::error::DeliveryError;
use kp_accumulator::{BatchFailure, Certainty, Completion, FailureKind, RecordResult, Spent};
use kp_protocol::{Offset, PartitionId, TopicPartition};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// Where an acknowledged record is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordMetadata {
    partition: TopicPartition,
    offset: Option<Offset>,
    timestamp_ms: i64,
    in_transaction: bool,
}

impl RecordMetadata {
    pub(crate) fn new(
        partition: TopicPartition,
        offset: Option<Offset>,
        timestamp_ms: i64,
        in_transaction: bool,
    ) -> Self {
        Self { partition, offset, timestamp_ms, in_transaction }
    }

    /// Whether it was sent in a transaction: it is in the log, and whether readers with `isolation.level=read_committed` see it, the
    /// [end of the transaction](crate::Transaction::commit) tells.
    #[must_use]
    pub fn in_transaction(&self) -> bool {
        self.in_transaction
    }

    /// The topic's name.
    #[must_use]
    pub fn topic(&self) -> &str {
        &self.partition.topic
    }

    /// The partition's number.
    #[must_use]
    pub fn partition(&self) -> PartitionId {
        self.partition.partition
    }

    /// The record's offset; `None` when the broker did not say it (`acks=0`, or a duplicate it remembers only in
    /// part).
    #[must_use]
    pub fn offset(&self) -> Option<i64> {
        self.offset.map(|offset| offset.0)
    }

    /// The record's timestamp in milliseconds since the Unix epoch: the broker's if the topic uses
    /// `LogAppendTime`, else the record's own.
    #[must_use]
    pub fn timestamp_ms(&self) -> i64 {
        self.timestamp_ms
    }
}

/// The outcome of one accepted record: await it, block on it, or look at it.
///
/// Cancel safety: dropping it at any time loses only the view of the outcome; the record goes its way.
///
/// ```no_run
/// # async fn example(producer: kp_producer::Producer) -> Result<(), Box<dyn std::error::Error>> {
/// use kp_producer::ProducerRecord;
/// let delivery = producer.send(ProducerRecord::to("orders").value("hello")).await?;
/// let metadata = delivery.await?;
/// println!("{}-{} @ {:?}", metadata.topic(), metadata.partition(), metadata.offset());
/// # Ok(()) }
/// ```
#[must_use = "a record's outcome is only known by its delivery"]
#[derive(Clone, Debug)]
pub struct Delivery {
    completion: Arc<Completion>,
    index: u32,
    /// Of the process that accepted it, and alone learns its outcome.
    process_id: u32,
    timestamp_ms: i64,
}

impl Delivery {
    pub(crate) fn new(completion: Arc<Completion>, index: u32, process_id: u32, timestamp_ms: i64) -> Self {
        Self { completion, index, process_id, timestamp_ms }
    }

    /// The record's own timestamp.
    pub(crate) fn timestamp_ms(&self) -> i64 {
        self.timestamp_ms
    }

    /// Where its outcome will appear, its place there, and the process in which that is.
    pub(crate) fn into_parts(self) -> (Arc<Completion>, u32, u32) {
        (self.completion, self.index, self.process_id)
    }

    /// The outcome if it is there: one atomic load while it is not.
    #[must_use]
    pub fn try_result(&self) -> Option<Result<RecordMetadata, DeliveryError>> {
        let result = self.completion.record_result(self.index)?;
        Some(self.outcome(result))
    }

    /// Blocks the calling thread until the outcome is there.
    ///
    /// Not for the network thread (a callback), which would wait for itself: use [`try_result`](Self::try_result)
    /// there.
    ///
    /// # Errors
    /// The record's failure; [`FailureKind::WouldDeadlock`] on a network thread while there is no outcome yet, and
    /// [`FailureKind::Forked`] in a forked child.
    pub fn wait(self) -> Result<RecordMetadata, DeliveryError> {
        match self.refused_wait() {
            Some(refused) => refused,
            None => parker::block_on(self),
        }
    }

    /// Blocks for at most `within`; `None` when the outcome is not there by then. On a network thread as
    /// [`wait`](Self::wait).
    pub fn wait_timeout(&mut self, within: Duration) -> Option<Result<RecordMetadata, DeliveryError>> {
        self.refused_wait().or_else(|| parker::block_on_timeout(self, within))
    }

    /// What a blocking wait answers at once: the outcome if it is there; else a refusal, where it would never come.
    fn refused_wait(&self) -> Option<Result<RecordMetadata, DeliveryError>> {
        self.try_result().or_else(|| {
            let why = endless(self.process_id)?;
            Some(Err(self.not_to_be_had(why)))
        })
    }

    fn outcome(&self, result: RecordResult) -> Result<RecordMetadata, DeliveryError> {
        let (partition, in_transaction) =
            (self.completion.topic_partition(), self.completion.is_in_transaction());
        outcome_of_record(partition, in_transaction, self.timestamp_ms, result)
    }

    fn not_to_be_had(&self, why: FailureKind) -> DeliveryError {
        let partition = self.completion.topic_partition().clone();
        let in_transaction = self.completion.is_in_transaction();
        DeliveryError::new(partition, self.index, not_to_be_had(why), in_transaction)
    }
}

impl Future for Delivery {
    type Output = Result<RecordMetadata, DeliveryError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(result) = self.try_result() {
            return Poll::Ready(result);
        }
        if is_another_process(self.process_id) {
            return Poll::Ready(Err(self.not_to_be_had(FailureKind::Forked)));
        }
        match self.completion.poll_record(self.index, cx.waker()) {
            Poll::Ready(result) => Poll::Ready(self.outcome(result)),
            Poll::Pending => Poll::Pending,
        }
    }
}

/// Why a blocking wait for an outcome that appears in that process would never end on this thread.
pub(crate) fn endless(process_id: u32) -> Option<FailureKind> {
    if parker::is_network_thread() {
        return Some(FailureKind::WouldDeadlock);
    }
    is_surely_another_process(process_id).then_some(FailureKind::Forked)
}

/// For a record that has no outcome yet and may not be waited for here.
pub(crate) fn not_to_be_had(why: FailureKind) -> Arc<BatchFailure> {
    Arc::new(BatchFailure {
        kind: why,
        certainty: Certainty::Unknown,
        attempts: 0,
        waited: Duration::ZERO,
        spent: Spent::default(),
        is_fatal: false,
        last: None,
        record_errors: Vec::new(),
    })
}

/// BB23: offset = base offset + index; timestamp = the broker's if it has one, else the record's.
pub(crate) fn outcome_of_record(
    partition: &TopicPartition,
    in_transaction: bool,
    timestamp_ms: i64,
    result: RecordResult,
) -> Result<RecordMetadata, DeliveryError> {
    match result {
        RecordResult::Written { offset, log_append_time } => {
            let timestamp = log_append_time.map_or(timestamp_ms, |time| time.0);
            Ok(RecordMetadata::new(partition.clone(), offset, timestamp, in_transaction))
        }
        RecordResult::Failed { index_in_batch, failure } => {
            Err(DeliveryError::new(partition.clone(), index_in_batch, failure, in_transaction))
        }
    }
}
