//! Many records handed over in one call: one handle for all of them, and what became of each, in their order.

use crate::drive::parker::{self, block_on_timeout, yield_now};
use crate::error::{DeliveryError, SendError};
use crate::outcome::deliveries::{Delivered, Deliveries};
use crate::outcome::delivery::{Delivery, RecordMetadata, not_to_be_had};
use crate::producer::Producer;
use crate::send::AtOnce;
use kp_record::{OwnedRecord, ProducerRecord};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// So many records go in one behind the other before other tasks of the executor have a turn.
const BETWEEN_YIELDS: usize = 1024;

impl Producer {
    /// Accepts records one after the other, each as [`send`](Self::send) would, and gives one handle for all of them. Waits as
    /// `send` does, at most `max.block.ms` for each record. When one is refused it stops there: what was accepted stays
    /// accepted, the error gives that record back, and no further record is taken out of the iterator. To go on behind it, lend
    /// the iterator: `send_all(records.by_ref())`; of a slice, the rest begins at `error.accepted.len()`.
    ///
    /// It is not all or nothing: records are encoded into pages of `buffer.memory` as they are taken, and those that went in
    /// first may be in the log before the last is looked at.
    ///
    /// Cancel safety: a dropped future leaves accepted what was accepted by then, and does not tell how much that is. Where that
    /// matters, `send` in a loop into [`Deliveries`] is the same with the handle in the caller's hand.
    ///
    /// ```no_run
    /// # async fn example(producer: kp_producer::Producer) -> Result<(), Box<dyn std::error::Error>> {
    /// use kp_producer::ProducerRecord;
    /// let lines = ["one", "two", "three"];
    /// let all = producer.send_all(lines.iter().map(|line| ProducerRecord::to("lines").value(line))).await;
    /// let delivery = all.map_err(|refused| refused.error)?;
    /// for (line, outcome) in lines.iter().zip(delivery.await.iter()) {
    ///     println!("{line}: offset {:?}", outcome?.offset());
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`SendAllError`]: a record was refused.
    pub async fn send_all<'a, I>(&self, records: I) -> Result<BulkDelivery, SendAllError>
    where
        I: IntoIterator<Item = ProducerRecord<'a>>,
    {
        let mut accepted = BulkDelivery::default();
        for record in records {
            if accepted.len() % BETWEEN_YIELDS == BETWEEN_YIELDS - 1 {
                yield_now().await;
            }
            let result = match self.send_at_once(&record) {
                AtOnce::Done(result) => result,
                AtOnce::Waits(chosen) => self.send_later(&record, chosen).await,
            };
            match result {
                Ok(delivery) => accepted.push(delivery),
                Err(error) => return Err(SendAllError { error, accepted, refused: Box::new(record.into()) }),
            }
        }
        Ok(accepted)
    }

    /// As [`send_all`](Self::send_all) as far as that takes no waiting; from anywhere, callbacks included.
    ///
    /// # Errors
    /// [`SendAllError`]: a record was refused, or would have had to wait
    /// ([`WouldBlock`](crate::SendErrorKind::WouldBlock)).
    pub fn try_send_all<'a, I>(&self, records: I) -> Result<BulkDelivery, SendAllError>
    where
        I: IntoIterator<Item = ProducerRecord<'a>>,
    {
        send_each(records, |record| self.try_send_borrowed(record))
    }
}

impl crate::blocking::Producer {
    /// As [`Producer::send_all`], blocking for metadata and memory at most `max.block.ms` for each record.
    ///
    /// # Errors
    /// [`SendAllError`]: a record was refused; what was accepted before it stays accepted.
    pub fn send_all<'a, I>(&self, records: I) -> Result<BulkDelivery, SendAllError>
    where
        I: IntoIterator<Item = ProducerRecord<'a>>,
    {
        send_each(records, |record| self.as_async().send_blocking(record))
    }

    /// As [`Producer::try_send_all`]: never blocks.
    ///
    /// # Errors
    /// [`SendAllError`]: a record was refused, or would have had to wait.
    pub fn try_send_all<'a, I>(&self, records: I) -> Result<BulkDelivery, SendAllError>
    where
        I: IntoIterator<Item = ProducerRecord<'a>>,
    {
        self.as_async().try_send_all(records)
    }
}

/// Until one is refused.
fn send_each<'a>(
    records: impl IntoIterator<Item = ProducerRecord<'a>>,
    send: impl Fn(&ProducerRecord<'a>) -> Result<Delivery, SendError>,
) -> Result<BulkDelivery, SendAllError> {
    let mut accepted = BulkDelivery::default();
    for record in records {
        match send(&record) {
            Ok(delivery) => accepted.push(delivery),
            Err(error) => return Err(SendAllError { error, accepted, refused: Box::new(record.into()) }),
        }
    }
    Ok(accepted)
}

/// Why not all of the records were accepted, and which were.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SendAllError {
    /// Why `refused` was refused.
    pub error: SendError,
    /// The records before it, which were accepted and stay so.
    pub accepted: BulkDelivery,
    /// A copy of the record that was refused. Neither it nor what the iterator still holds was or will be written.
    pub refused: Box<OwnedRecord>,
}

impl fmt::Display for SendAllError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} records were accepted, the next was not: {}", self.accepted.len(), self.error)
    }
}

impl std::error::Error for SendAllError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

/// The outcomes of records that were handed over in one call: await it, block on it, or look at it.
///
/// Costs some bytes for each batch and millisecond, not for each record. Awaiting it ends when the last outcome is there; to take
/// outcomes as they come, push what `send` gives into [`Deliveries`].
///
/// Cancel safety: dropping it at any time loses only the view of the outcomes; the records go their way. A `&mut` to it can be
/// awaited again and again. What was told once is gone: then it is empty.
#[must_use = "what became of the records is only known where it is looked at"]
#[derive(Clone, Debug, Default)]
pub struct BulkDelivery {
    waiting: Deliveries,
    /// The outcomes of the oldest, as they came.
    done: Vec<Delivered>,
    stamps: Vec<Stamp>,
}

/// The timestamp of some records that stand one behind the other.
#[derive(Clone, Copy, Debug)]
struct Stamp {
    timestamp_ms: i64,
    records: usize,
}

impl BulkDelivery {
    fn push(&mut self, delivery: Delivery) {
        let timestamp_ms = delivery.timestamp_ms();
        match self.stamps.last_mut() {
            Some(last) if last.timestamp_ms == timestamp_ms => last.records += 1,
            _ => self.stamps.push(Stamp { timestamp_ms, records: 1 }),
        }
        self.waiting.push(delivery);
    }

    /// How many records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len() + records_of(&self.done)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.done.is_empty()
    }

    /// The outcomes, if all of them are there; never waits.
    pub fn try_outcomes(&mut self) -> Option<Outcomes> {
        while let Some(delivered) = self.waiting.try_next() {
            self.done.push(delivered);
        }
        self.waiting.is_empty().then(|| self.take())
    }

    /// Blocks the calling thread until all outcomes are there. On the network thread (a callback), which would wait for itself,
    /// what has no outcome yet fails with [`FailureKind::WouldDeadlock`](crate::FailureKind::WouldDeadlock).
    #[must_use]
    pub fn wait(mut self) -> Outcomes {
        self.without_waiting().unwrap_or_else(|| parker::block_on(&mut self))
    }

    /// Blocks for at most `within`; `None` when the last outcome is not there by then. On the network thread as
    /// [`wait`](Self::wait).
    pub fn wait_timeout(&mut self, within: Duration) -> Option<Outcomes> {
        self.without_waiting().or_else(|| block_on_timeout(self, within))
    }

    /// What there is to say without waiting: all outcomes, or what there are of them where a wait would never end.
    fn without_waiting(&mut self) -> Option<Outcomes> {
        if let Some(outcomes) = self.try_outcomes() {
            return Some(outcomes);
        }
        let why = self.waiting.endless()?;
        self.done.extend(self.waiting.give_up(&not_to_be_had(why)));
        Some(self.take())
    }

    fn take(&mut self) -> Outcomes {
        Outcomes { runs: std::mem::take(&mut self.done), stamps: std::mem::take(&mut self.stamps) }
    }
}

impl Future for BulkDelivery {
    type Output = Outcomes;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcomes> {
        while let Some(delivered) = std::task::ready!(self.waiting.poll_next(cx.waker())) {
            self.done.push(delivered);
        }
        Poll::Ready(self.take())
    }
}

/// What became of records that were handed over in one call, in the order in which they were handed over.
#[derive(Clone, Debug)]
pub struct Outcomes {
    runs: Vec<Delivered>,
    stamps: Vec<Stamp>,
}

impl Outcomes {
    /// How many records.
    #[must_use]
    pub fn len(&self) -> usize {
        records_of(&self.runs)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// How many of them were acknowledged.
    #[must_use]
    pub fn written(&self) -> usize {
        self.runs.iter().filter(|run| run.is_written()).map(Delivered::records).sum()
    }

    /// Each outcome, as the record's own delivery would tell it.
    pub fn iter(&self) -> impl Iterator<Item = Result<RecordMetadata, DeliveryError>> {
        let stamps =
            self.stamps.iter().flat_map(|stamp| std::iter::repeat_n(stamp.timestamp_ms, stamp.records));
        let records = self.runs.iter().flat_map(|run| (0..run.records()).map(move |nth| (run, nth)));
        records.zip(stamps).map(|((run, nth), timestamp_ms)| run.result_of(nth, timestamp_ms))
    }

    /// Those that were not acknowledged: their places, from 0, and why.
    pub fn errors(&self) -> impl Iterator<Item = (usize, DeliveryError)> {
        self.iter().enumerate().filter_map(|(place, outcome)| Some((place, outcome.err()?)))
    }

    /// The same with neighbours of one batch told as one.
    #[must_use]
    pub fn runs(&self) -> &[Delivered] {
        &self.runs
    }

    /// The outcomes if all records were acknowledged.
    ///
    /// # Errors
    /// Why the first that was not acknowledged was not. [`errors`](Self::errors) tells all.
    pub fn into_result(self) -> Result<Self, DeliveryError> {
        match self.runs.iter().find_map(|run| run.error_of(0)) {
            Some(error) => Err(error),
            None => Ok(self),
        }
    }
}

fn records_of(runs: &[Delivered]) -> usize {
    runs.iter().map(Delivered::records).sum()
}
