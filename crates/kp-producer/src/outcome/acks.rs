//! All outcomes for one consumer: a queue between the network thread and their consumer, with a bound that the senders
//! feel.
//!
//! Owner of the queue: the producer puts in, [`AckStream`] takes out. Lock: the list of outcomes, once for each record that ends and
//! once for each heap of them that is taken, never held while a waker runs.

mod places;

pub(crate) use self::places::{NoPlace, Place, Places};
use crate::drive::forked::is_another_process;
use crate::drive::parker;
use crate::error::{DeliveryError, WaitError};
use crate::outcome::delivery::{RecordMetadata, endless};
use crate::outcome::delivery_report::DeliveryReport;
use kp_accumulator::{FailureKind, RecordOutcome, RecordResult};
use kp_protocol::{PartitionId, TopicPartition};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Poll, Waker};

/// What became of records, one after the other: the only consumer of a producer's outcomes. Made by
/// [`ProducerBuilder::acks`](crate::ProducerBuilder::acks); dropped, it makes the producer refuse records with a token from then on
/// ([`NoListener`](crate::SendErrorKind::NoListener)), and what is still to come is dropped.
///
/// With the feature `futures` it is a `Stream`.
#[must_use = "records with a token are refused once their outcomes are not taken"]
#[derive(Debug)]
pub struct AckStream {
    queue: Arc<AckQueue>,
    /// Got out of the queue at once, to be told one by one.
    taken: VecDeque<Ack>,
}

/// The two ends of a queue of at most `capacity` places.
pub(crate) fn acks(capacity: usize) -> (AckSource, AckStream) {
    let queue = Arc::new(AckQueue::new(capacity));
    (AckSource(Arc::clone(&queue)), AckStream { queue, taken: VecDeque::new() })
}

impl AckStream {
    /// The next outcome, if it is there; never waits.
    pub fn try_recv(&mut self) -> Option<Ack> {
        if self.taken.is_empty() {
            std::mem::swap(&mut self.taken, &mut self.queue.state.lock().ready);
        }
        let ack = self.taken.pop_front()?;
        self.queue.places.give_back(1);
        Some(ack)
    }

    /// Waits for the next outcome. `None` when no more will come: the producer has ended and every outcome was taken, none was
    /// built, or this is a forked child, which has no producer.
    ///
    /// Cancel safety: dropping the future loses nothing; what was not returned stays.
    pub async fn recv(&mut self) -> Option<Ack> {
        poll_fn(|cx| self.poll_recv(cx.waker())).await
    }

    /// As [`recv`](Self::recv), blocking the calling thread.
    ///
    /// # Errors
    /// [`WaitError::WouldDeadlock`] on the network thread (a callback), which would wait for itself, while there is no outcome.
    pub fn recv_blocking(&mut self) -> Result<Option<Ack>, WaitError> {
        if let Poll::Ready(ack) = self.poll_recv(Waker::noop()) {
            return Ok(ack);
        }
        match endless(self.queue.process_id) {
            None => Ok(parker::block_on(self.recv())),
            Some(FailureKind::WouldDeadlock) => Err(WaitError::WouldDeadlock),
            Some(_) => Ok(None),
        }
    }

    fn poll_recv(&mut self, waker: &Waker) -> Poll<Option<Ack>> {
        if let Some(ack) = self.try_recv() {
            return Poll::Ready(Some(ack));
        }
        let mut state = self.queue.state.lock();
        if state.ready.is_empty() {
            if state.is_over || is_another_process(self.queue.process_id) {
                return Poll::Ready(None);
            }
            state.consumer = Some(waker.clone());
            return Poll::Pending;
        }
        drop(state);
        Poll::Ready(self.try_recv())
    }
}

#[cfg(feature = "futures")]
impl futures_core::Stream for AckStream {
    type Item = Ack;

    fn poll_next(mut self: std::pin::Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<Option<Ack>> {
        self.poll_recv(cx.waker())
    }
}

impl Drop for AckStream {
    fn drop(&mut self) {
        let left = {
            let mut state = self.queue.state.lock();
            self.queue.is_abandoned.store(true, Ordering::Release);
            std::mem::take(&mut state.ready)
        };
        drop(left);
        // No sender gets a place from now on, so none is given back.
        self.queue.places.close();
    }
}

/// What became of one record that was sent with a token.
#[derive(Clone, Debug)]
pub struct Ack {
    token: u64,
    partition: TopicPartition,
    result: RecordResult,
    in_transaction: bool,
}

impl Ack {
    /// The number that was handed to `send_tagged`.
    #[must_use]
    pub fn token(&self) -> u64 {
        self.token
    }

    /// The topic it was for.
    #[must_use]
    pub fn topic(&self) -> &str {
        &self.partition.topic
    }

    /// The partition it was for.
    #[must_use]
    pub fn partition(&self) -> PartitionId {
        self.partition.partition
    }

    /// Whether it was acknowledged.
    #[must_use]
    pub fn is_written(&self) -> bool {
        self.report().is_written()
    }

    /// Its offset, if it was acknowledged and the broker said where (it does not with `acks=0`).
    #[must_use]
    pub fn offset(&self) -> Option<i64> {
        self.report().offset()
    }

    /// The broker's append time in milliseconds, where the topic has `LogAppendTime`.
    #[must_use]
    pub fn log_append_time_ms(&self) -> Option<i64> {
        self.report().log_append_time_ms()
    }

    /// Why it was not acknowledged, if it was not.
    #[must_use]
    pub fn error(&self) -> Option<DeliveryError> {
        self.report().error()
    }

    /// The whole, as a delivery would tell it; `timestamp_ms` is the record's, which is not known here.
    ///
    /// # Errors
    /// What [`error`](Self::error) says.
    pub fn into_result(self, timestamp_ms: i64) -> Result<RecordMetadata, DeliveryError> {
        self.report().into_result(timestamp_ms)
    }

    fn report(&self) -> DeliveryReport<'_> {
        DeliveryReport::new(RecordOutcome {
            partition: &self.partition,
            result: self.result.clone(),
            index: 0,
            in_transaction: self.in_transaction,
        })
    }
}

/// Outcomes on their way to their consumer.
#[derive(Debug)]
pub(crate) struct AckQueue {
    pub(crate) places: Arc<Places>,
    state: Mutex<State>,
    /// The consumer is gone. Written under the lock.
    is_abandoned: AtomicBool,
    /// Of the process in which outcomes come.
    process_id: u32,
}

#[derive(Debug, Default)]
struct State {
    ready: VecDeque<Ack>,
    /// The consumer, while it waits for the next.
    consumer: Option<Waker>,
    /// Nothing will come any more.
    is_over: bool,
}

impl AckQueue {
    fn new(capacity: usize) -> Self {
        Self {
            places: Places::new(capacity),
            state: Mutex::default(),
            is_abandoned: AtomicBool::new(false),
            process_id: std::process::id(),
        }
    }

    pub(crate) fn is_abandoned(&self) -> bool {
        self.is_abandoned.load(Ordering::Acquire)
    }

    pub(crate) fn put(&self, token: u64, outcome: RecordOutcome<'_>) {
        let RecordOutcome { partition, result, in_transaction, .. } = outcome;
        let mut state = self.state.lock();
        if self.is_abandoned() {
            return;
        }
        state.ready.push_back(Ack { token, partition: partition.clone(), result, in_transaction });
        let consumer = state.consumer.take();
        drop(state);
        parker::wake_all(consumer);
    }
}

/// The producer's end of the queue. The consumer sees the end when the producer has ended, and when there is none after all.
#[derive(Debug)]
pub(crate) struct AckSource(Arc<AckQueue>);

impl AckSource {
    pub(crate) fn queue(&self) -> &AckQueue {
        &self.0
    }

    /// Nothing will come any more.
    pub(crate) fn end(&self) {
        let consumer = {
            let mut state = self.0.state.lock();
            state.is_over = true;
            state.consumer.take()
        };
        self.0.places.close();
        parker::wake_all(consumer);
    }
}

impl Drop for AckSource {
    fn drop(&mut self) {
        self.end();
    }
}
