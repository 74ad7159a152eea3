//! Many outcomes in the order in which their records were sent, at the price of one per batch: neighbours of one batch are
//! kept, awaited and handed out as one.

use crate::drive::forked::is_another_process;
use crate::drive::parker;
use crate::error::{DeliveryError, WaitError};
use crate::outcome::delivery::{Delivery, RecordMetadata, endless, not_to_be_had};
use kp_accumulator::{BatchFailure, Completion, FailureKind, Outcome};
use kp_protocol::{Offset, PartitionId, TopicPartition};
use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::ops::Range;
use std::sync::Arc;
use std::task::{Poll, Waker};

/// A first-in-first-out queue of [`Delivery`]s: push what `send` gives, take what has an outcome.
///
/// Deliveries of one batch that are pushed one behind the other take one place together, so that a queue over a million
/// records holds some thousands of entries, allocates nothing per record, and looks at one outcome for each batch. Outcomes
/// come out in the order of the pushes, oldest first, as [`Delivered`] runs: the next run is about the next
/// [`records`](Delivered::records) deliveries that were pushed.
///
/// ```no_run
/// # fn example(producer: kp_producer::blocking::Producer) -> Result<(), Box<dyn std::error::Error>> {
/// use kp_producer::{Deliveries, ProducerRecord};
///
/// let mut deliveries = Deliveries::new();
/// let mut written = 0;
/// for number in 0..1_000_000 {
///     deliveries.push(producer.send(ProducerRecord::to("orders").value(&format!("order {number}")))?);
///     if number % 256 == 0 {
///         // Takes what is done without waiting for the rest.
///         while let Some(done) = deliveries.try_next() {
///             written += done.into_result()?.len();
///         }
///     }
/// }
/// while let Some(done) = deliveries.wait_next()? {
///     written += done.into_result()?.len();
/// }
/// assert_eq!(written, 1_000_000);
/// # Ok(()) }
/// ```
#[must_use = "what became of the records is only known where it is looked at"]
#[derive(Clone, Debug, Default)]
pub struct Deliveries {
    /// Oldest first.
    runs: VecDeque<Run>,
    records: usize,
}

/// Deliveries of one batch whose indexes follow each other.
#[derive(Clone, Debug)]
struct Run {
    completion: Arc<Completion>,
    first: u32,
    records: u32,
    /// Of the process that accepted them.
    process_id: u32,
}

impl Deliveries {
    /// An empty queue.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a delivery behind all others.
    #[inline]
    pub fn push(&mut self, delivery: Delivery) {
        let (completion, index, process_id) = delivery.into_parts();
        self.records += 1;
        if let Some(last) = self.runs.back_mut()
            && Arc::ptr_eq(&last.completion, &completion)
            && last.first + last.records == index
        {
            last.records += 1;
            return;
        }
        self.runs.push_back(Run { completion, first: index, records: 1, process_id });
    }

    /// Deliveries whose outcome was not taken yet.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// The oldest run, if its outcome is there; never waits. `None` as well if there is nothing to wait for.
    pub fn try_next(&mut self) -> Option<Delivered> {
        self.oldest()?.completion.outcome()?;
        self.take()
    }

    /// Waits for the oldest run; `None` if there is nothing to wait for.
    ///
    /// Cancel safety: dropping the future loses nothing; what was not returned stays.
    pub async fn next(&mut self) -> Option<Delivered> {
        poll_fn(|cx| self.poll_next(cx.waker())).await
    }

    /// As [`next`](Self::next), blocking the calling thread.
    ///
    /// # Errors
    /// [`WaitError::WouldDeadlock`] on the network thread (a callback), which would wait for itself, while there is no outcome.
    pub fn wait_next(&mut self) -> Result<Option<Delivered>, WaitError> {
        if let Some(done) = self.try_next() {
            return Ok(Some(done));
        }
        match self.endless() {
            None => Ok(parker::block_on(self.next())),
            Some(FailureKind::WouldDeadlock) => Err(WaitError::WouldDeadlock),
            Some(why) => Ok(self.give_up_oldest(&not_to_be_had(why))),
        }
    }

    /// Why a blocking wait for the oldest run would never end on this thread.
    pub(crate) fn endless(&mut self) -> Option<FailureKind> {
        self.oldest().and_then(|oldest| endless(oldest.process_id))
    }

    pub(crate) fn poll_next(&mut self, waker: &Waker) -> Poll<Option<Delivered>> {
        loop {
            let Some(oldest) = self.oldest() else { return Poll::Ready(None) };
            if oldest.completion.outcome().is_none() && is_another_process(oldest.process_id) {
                return Poll::Ready(self.give_up_oldest(&not_to_be_had(FailureKind::Forked)));
            }
            if oldest.completion.poll(waker).is_pending() {
                return Poll::Pending;
            }
            // None: it was split just now; its parts stand in its place.
            if let Some(delivered) = self.take() {
                return Poll::Ready(Some(delivered));
            }
        }
    }

    /// All that is there, what has no outcome yet with `failure`; then it is empty.
    pub(crate) fn give_up(&mut self, failure: &Arc<BatchFailure>) -> Vec<Delivered> {
        let mut told = Vec::new();
        while self.oldest().is_some() {
            match self.take() {
                Some(delivered) => told.push(delivered),
                None => told.extend(self.give_up_oldest(failure)),
            }
        }
        told
    }

    fn give_up_oldest(&mut self, failure: &Arc<BatchFailure>) -> Option<Delivered> {
        let run = self.runs.pop_front()?;
        self.records -= run.records as usize;
        Some(Delivered { run, kind: Kind::Failed(Arc::clone(failure)) })
    }

    /// The oldest run, its batch's parts in its place if it was split (BB25).
    fn oldest(&mut self) -> Option<&Run> {
        while let Some(Outcome::Split(_)) = self.runs.front().and_then(|run| run.completion.outcome()) {
            let run = self.runs.pop_front()?;
            for part in run.parts().into_iter().rev() {
                self.runs.push_front(part);
            }
        }
        self.runs.front()
    }

    /// The oldest run with its outcome, which is there.
    fn take(&mut self) -> Option<Delivered> {
        let kind = match self.oldest()?.completion.outcome()? {
            Outcome::Written { base_offset, log_append_time } => Kind::Written {
                base_offset: base_offset.map(|offset| offset.0),
                log_append_time_ms: log_append_time.map(|time| time.0),
            },
            Outcome::Failed(failure) => Kind::Failed(Arc::clone(failure)),
            Outcome::Split(_) => return None,
        };
        let run = self.runs.pop_front()?;
        self.records -= run.records as usize;
        Some(Delivered { run, kind })
    }
}

impl Run {
    /// What of it lies in each part of a batch that was split.
    fn parts(&self) -> Vec<Self> {
        let Some(Outcome::Split(parts)) = self.completion.outcome() else { return vec![self.clone()] };
        let ends = parts.iter().skip(1).map(|part| part.first_index).chain([u32::MAX]);
        let mine = self.first..self.first + self.records;
        let overlaps = parts.iter().zip(ends).filter_map(|(part, end)| {
            let (from, to) = (mine.start.max(part.first_index), mine.end.min(end));
            (from < to).then(|| Self {
                completion: Arc::clone(&part.completion),
                first: from - part.first_index,
                records: to - from,
                process_id: self.process_id,
            })
        });
        overlaps.collect()
    }
}

impl Extend<Delivery> for Deliveries {
    fn extend<I: IntoIterator<Item = Delivery>>(&mut self, deliveries: I) {
        deliveries.into_iter().for_each(|delivery| self.push(delivery));
    }
}

impl FromIterator<Delivery> for Deliveries {
    fn from_iter<I: IntoIterator<Item = Delivery>>(deliveries: I) -> Self {
        let mut all = Self::new();
        all.extend(deliveries);
        all
    }
}

/// The one outcome of some records that were sent one behind the other and went into one batch.
#[derive(Clone)]
pub struct Delivered {
    run: Run,
    kind: Kind,
}

#[derive(Clone)]
enum Kind {
    Written { base_offset: Option<i64>, log_append_time_ms: Option<i64> },
    Failed(Arc<BatchFailure>),
}

/// Where some acknowledged records are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenRange {
    partition: TopicPartition,
    first_offset: Option<i64>,
    records: u32,
    log_append_time_ms: Option<i64>,
}

impl Delivered {
    /// How many records, at least one.
    #[must_use]
    pub fn records(&self) -> usize {
        self.run.records as usize
    }

    /// Where they went or were to go.
    #[must_use]
    pub fn topic_partition(&self) -> &TopicPartition {
        self.run.completion.topic_partition()
    }

    /// Whether they were acknowledged.
    #[must_use]
    pub fn is_written(&self) -> bool {
        matches!(self.kind, Kind::Written { .. })
    }

    /// Where they are.
    ///
    /// # Errors
    /// Why they were not acknowledged: the error of the first of them. What a broker says of single records (KIP-467) is
    /// in [`error_of`](Self::error_of).
    pub fn into_result(self) -> Result<WrittenRange, DeliveryError> {
        if let Some(error) = self.error_of(0) {
            return Err(error);
        }
        let (first_offset, log_append_time_ms) = match self.kind {
            Kind::Written { base_offset, log_append_time_ms } => {
                (base_offset.map(|base| base + i64::from(self.run.first)), log_append_time_ms)
            }
            Kind::Failed(_) => (None, None),
        };
        let partition = self.run.completion.topic_partition().clone();
        Ok(WrittenRange { partition, first_offset, records: self.run.records, log_append_time_ms })
    }

    /// What became of the `nth` of these records, whose timestamp was `timestamp_ms`.
    pub(crate) fn result_of(&self, nth: usize, timestamp_ms: i64) -> Result<RecordMetadata, DeliveryError> {
        let (partition, in_transaction) =
            (self.run.completion.topic_partition(), self.run.completion.is_in_transaction());
        let index = self.run.first + nth as u32;
        match &self.kind {
            Kind::Written { base_offset, log_append_time_ms } => {
                let offset = base_offset.map(|base| Offset(base + i64::from(index)));
                let timestamp_ms = log_append_time_ms.unwrap_or(timestamp_ms);
                Ok(RecordMetadata::new(partition.clone(), offset, timestamp_ms, in_transaction))
            }
            Kind::Failed(failure) => {
                Err(DeliveryError::new(partition.clone(), index, Arc::clone(failure), in_transaction))
            }
        }
    }

    /// The error of the `nth` of these records, from 0; `None` if they were acknowledged or are not so many.
    #[must_use]
    pub fn error_of(&self, nth: u32) -> Option<DeliveryError> {
        match &self.kind {
            Kind::Failed(failure) if nth < self.run.records => {
                let completion = &self.run.completion;
                let (partition, in_transaction) =
                    (completion.topic_partition().clone(), completion.is_in_transaction());
                Some(DeliveryError::new(partition, self.run.first + nth, Arc::clone(failure), in_transaction))
            }
            Kind::Failed(_) | Kind::Written { .. } => None,
        }
    }
}

impl fmt::Debug for Delivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Delivered");
        debug.field("partition", self.topic_partition()).field("records", &self.records());
        match &self.kind {
            Kind::Written { .. } => debug.field("written", &true),
            Kind::Failed(failure) => debug.field("failed", failure),
        };
        debug.finish()
    }
}

impl WrittenRange {
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

    /// How many records, at least one.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "it is never empty")]
    pub fn len(&self) -> usize {
        self.records as usize
    }

    /// Their offsets, one behind the other; `None` when the broker did not say (`acks=0`, or a duplicate that it remembers
    /// only in part).
    #[must_use]
    pub fn offsets(&self) -> Option<Range<i64>> {
        self.first_offset.map(|first| first..first + i64::from(self.records))
    }

    /// The broker's time for all of them in milliseconds since the Unix epoch, if the topic uses `LogAppendTime`; otherwise
    /// each keeps its own.
    #[must_use]
    pub fn log_append_time_ms(&self) -> Option<i64> {
        self.log_append_time_ms
    }
}

#[cfg(test)]
mod tests;
