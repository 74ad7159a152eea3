//! The producer's handle: accept records, flush, close. Cheap to clone; all clones are one producer.

use crate::acks::Place;
use crate::builder::ProducerBuilder;
use crate::config::{ConfigWarning, ProducerConfig};
use crate::delivery::{Delivery, RecordMetadata, outcome_of_record};
use crate::delivery_report::DeliveryReport;
use crate::driver::drop_deadline;
use crate::ended::Closed;
use crate::error::{DeliveryError, SendError, SendErrorKind, WaitError};
use crate::explain::{self, Explanation};
use crate::guarantees::Guarantees;
use crate::interceptor::{Chain, acknowledging};
use crate::metadata_wait::Wanted;
use crate::metrics::{ProducerMetrics, Reading, Stopwatch, adding_to};
use crate::parker::block_on;
use crate::record::ProducerRecord;
use crate::shared::{AtOnce, Command, Shared, Waited};
use crate::topic::Topic;
use crate::unreachable::UnreachableBroker;
use kp_accumulator::{Notify, RecordCallback, Spent, Target};
use kp_protocol::{PartitionId, TopicName};
use kp_time::Deadline;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// A Kafka producer, used from async code on any executor. For code without async see
/// [`blocking::Producer`](crate::blocking::Producer).
///
/// Cloning gives another handle to the same producer. When the last handle is dropped the call returns at once and
/// the network thread goes on until everything accepted is settled, at most `delivery.timeout.ms`; only
/// [`close`](Self::close) tells whether that succeeded, and a process that exits takes the thread with it.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use kp_producer::{Producer, ProducerConfig, ProducerRecord};
/// use std::time::Duration;
///
/// let config = ProducerConfig::from_properties_str("bootstrap.servers=localhost:9092")?;
/// let producer = Producer::builder(config).build()?;
/// let delivery = producer.send(ProducerRecord::to("orders").key("k").value("hello")).await?;
/// println!("offset {:?}", delivery.await?.offset());
/// let closed = producer.close(Duration::from_secs(10)).await?;
/// assert_eq!(closed.undelivered, 0);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Producer {
    handle: Arc<Handle>,
}

/// What all clones share; its drop is the last handle's.
pub(crate) struct Handle {
    pub(crate) shared: Arc<Shared>,
    pub(crate) guarantees: Guarantees,
    pub(crate) warnings: Vec<ConfigWarning>,
    pub(crate) client_id: Arc<str>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        // A forked child has no network thread to tell, and the parent's is not its to touch.
        if !self.shared.ended.is_over() && !self.shared.is_forked() {
            self.shared.refuse_new();
            self.shared.tell(Command::Close(drop_deadline(&self.shared)));
        }
    }
}

impl Producer {
    /// Starts the making of a producer. Nothing is connected before [`ProducerBuilder::build`].
    pub fn builder(config: ProducerConfig) -> ProducerBuilder {
        ProducerBuilder::new(config)
    }

    pub(crate) fn from_handle(handle: Handle) -> Self {
        Self { handle: Arc::new(handle) }
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.handle.shared
    }

    /// Accepts a record. Waits only for the topic's metadata and for memory, both together at most `max.block.ms`;
    /// the [`Delivery`] tells what became of it. If `send(a)` returned before `send(b)` was called and both go to
    /// one partition, a is before b in the log.
    ///
    /// Awaiting every delivery before the next `send` costs a round trip per record; keep the deliveries and await
    /// them later, or use [`send_with`](Self::send_with).
    ///
    /// Cancel safety: a dropped future means "not accepted"; a returned `Delivery` means "accepted". Interceptors that have seen
    /// a record hear nothing more of it when its `send` is dropped.
    ///
    /// ```no_run
    /// # async fn example(producer: kp_producer::Producer) -> Result<(), Box<dyn std::error::Error>> {
    /// use kp_producer::{Certainty, ProducerRecord};
    /// let delivery = producer.send(ProducerRecord::to("orders").key("customer-4").value("shipped")).await?;
    /// // … other work, other records …
    /// match delivery.await {
    ///     Ok(written) => println!("{}-{} @ {:?}", written.topic(), written.partition(), written.offset()),
    ///     Err(error) if error.certainty() == Certainty::NotWritten => println!("not in the log: {error}"),
    ///     Err(error) => println!("perhaps in the log: {error}"),
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`SendError`]: the record was not accepted and nothing of it will be written.
    pub async fn send(&self, record: ProducerRecord<'_>) -> Result<Delivery, SendError> {
        match &self.shared().extensions.interceptors {
            None => self.shared().accept(&record, &mut None, None).await,
            Some(interceptors) => self.send_intercepted(interceptors, &record, None, Waited::default()).await,
        }
    }

    /// The same where nothing has to be waited for. With interceptors nothing was done yet.
    pub(crate) fn send_at_once(&self, record: &ProducerRecord<'_>) -> AtOnce {
        match &self.shared().extensions.interceptors {
            None => self.shared().accept_at_once(record, &mut None),
            Some(_) => AtOnce::Waits(None),
        }
    }

    /// Goes on where [`send_at_once`](Self::send_at_once) would have had to wait.
    pub(crate) async fn send_later(
        &self,
        record: &ProducerRecord<'_>,
        chosen: Option<Target>,
    ) -> Result<Delivery, SendError> {
        match &self.shared().extensions.interceptors {
            None => self.shared().accept(record, &mut None, chosen).await,
            Some(interceptors) => self.send_intercepted(interceptors, record, None, Waited::default()).await,
        }
    }

    /// Blocks the calling thread, if it has to.
    pub(crate) fn send_blocking(&self, record: &ProducerRecord<'_>) -> Result<Delivery, SendError> {
        match self.send_at_once(record) {
            AtOnce::Done(result) => result,
            AtOnce::Waits(chosen) => block_on(self.send_later(record, chosen)),
        }
    }

    /// FA1: interceptors first; whatever they made of the record is what is sent.
    async fn send_intercepted(
        &self,
        interceptors: &Arc<Chain>,
        record: &ProducerRecord<'_>,
        own: Option<Own>,
        waited: Waited,
    ) -> Result<Delivery, SendError> {
        let shared = self.shared();
        let mut intercepted = interceptors.on_send(record, |words| shared.notice(words));
        let remembered = Arc::new(intercepted.remember());
        let (record, timestamp_ms) = self.stamped(intercepted.record());
        let own = own.map(|own| match own {
            Own::Call(callback) => boxed(timestamp_ms, callback),
            Own::Token(token) => self.tagged(token),
        });
        let callback = acknowledging(Arc::clone(interceptors), Arc::clone(&remembered), timestamp_ms, own);
        let result = shared.accept_after(waited, &record, &mut Some(Notify::Call(callback)), None).await;
        if let Err(error) = &result {
            remembered.refused(interceptors, error);
        }
        result
    }

    /// Accepts a record, and runs `callback` once on the network thread when its outcome is known: in order of
    /// acceptance per partition, with no lock held. It must not block; it may `try_send` and drop handles. A panic
    /// in it is caught and counted.
    ///
    /// Cancel safety: a dropped future means "not accepted", and the callback will not run.
    ///
    /// ```no_run
    /// # async fn example(producer: kp_producer::Producer) -> Result<(), kp_producer::SendError> {
    /// use kp_producer::ProducerRecord;
    /// let record = ProducerRecord::to("orders").value("hello");
    /// producer
    ///     .send_with(record, |outcome| match outcome {
    ///         Ok(written) => println!("offset {:?}", written.offset()),
    ///         Err(error) => eprintln!("{error}"),
    ///     })
    ///     .await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`SendError`]: the record was not accepted, and the callback will not run.
    pub async fn send_with<F>(&self, record: ProducerRecord<'_>, callback: F) -> Result<(), SendError>
    where
        F: FnOnce(Result<RecordMetadata, DeliveryError>) + Send + 'static,
    {
        if let Some(interceptors) = &self.shared().extensions.interceptors {
            let own = Own::Call(Box::new(callback));
            let sent = self.send_intercepted(interceptors, &record, Some(own), Waited::default()).await;
            return sent.map(drop);
        }
        let (record, timestamp_ms) = self.stamped(record);
        self.shared()
            .accept(&record, &mut Some(Notify::Call(boxed(timestamp_ms, Box::new(callback)))), None)
            .await
            .map(drop)
    }

    /// Accepts a record, and tells the producer's listener ([`ProducerBuilder::on_delivery`](crate::ProducerBuilder::on_delivery))
    /// once what became of it, with `token`: as [`send_with`](Self::send_with), without a closure, a handle or any allocation for
    /// the record. What the token means is the caller's: a place in a list, a pointer's number, an offset of its own.
    ///
    /// With [`ProducerBuilder::acks`](crate::ProducerBuilder::acks) it waits for a place for the outcome, too.
    ///
    /// Cancel safety: a dropped future means "not accepted", and the listener is not told.
    ///
    /// ```no_run
    /// use kp_producer::{Producer, ProducerConfig, ProducerRecord};
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let producer = Producer::builder(ProducerConfig::default().bootstrap_servers("localhost:9092"))
    ///     .on_delivery(|line, report| match report.error() {
    ///         None => println!("line {line}: offset {:?}", report.offset()),
    ///         Some(error) => eprintln!("line {line}: {error}"),
    ///     })
    ///     .build()?;
    /// for (line, text) in ["one", "two"].into_iter().enumerate() {
    ///     producer.send_tagged(ProducerRecord::to("lines").value(text), line as u64).await?;
    /// }
    /// producer.flush().await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`SendError`]: the record was not accepted, and the listener is not told. [`NoListener`](crate::SendErrorKind::NoListener)
    /// without a listener.
    pub async fn send_tagged(&self, record: ProducerRecord<'_>, token: u64) -> Result<(), SendError> {
        let notify = self.notify_of(&record, token)?;
        let (shared, mut waited) = (self.shared(), Waited::default());
        let place = shared.place_of_outcome(record.topic(), &mut waited).await?;
        let result = match &shared.extensions.interceptors {
            Some(interceptors) => {
                self.send_intercepted(interceptors, &record, Some(Own::Token(token)), waited).await
            }
            None => shared.accept_after(waited, &record, &mut Some(notify), None).await,
        };
        accepted(result, place)
    }

    /// As [`send_tagged`](Self::send_tagged), blocking the calling thread if it has to wait.
    pub(crate) fn send_tagged_blocking(
        &self,
        record: &ProducerRecord<'_>,
        token: u64,
    ) -> Result<(), SendError> {
        let notify = self.notify_of(record, token)?;
        let extensions = &self.shared().extensions;
        let place = extensions.acks.as_ref().map(|acks| acks.queue().places.try_take());
        if extensions.interceptors.is_some() || matches!(place, Some(None)) {
            drop(place);
            return block_on(self.send_tagged(record.clone(), token));
        }
        let mut notify = Some(notify);
        let result = match self.shared().accept_at_once(record, &mut notify) {
            AtOnce::Done(result) => result,
            AtOnce::Waits(chosen) => block_on(self.shared().accept(record, &mut notify, chosen)),
        };
        accepted(result, place.flatten())
    }

    fn notify_of(&self, record: &ProducerRecord<'_>, token: u64) -> Result<Notify, SendError> {
        let extensions = &self.shared().extensions;
        let is_abandoned = extensions.acks.as_ref().is_some_and(|acks| acks.queue().is_abandoned());
        match &extensions.listener {
            Some(_) if !is_abandoned => Ok(Notify::Token(token)),
            _ => {
                let kind = SendErrorKind::NoListener;
                Err(self.shared().telemetry.refuse(kind, record.topic(), Spent::default()))
            }
        }
    }

    /// Accepts a record if that takes no waiting; from anywhere, callbacks included.
    ///
    /// ```no_run
    /// # fn example(producer: kp_producer::Producer) {
    /// use kp_producer::{ProducerRecord, SendErrorKind};
    /// match producer.try_send(ProducerRecord::to("orders").value("hello")) {
    ///     Ok(delivery) => drop(delivery),
    ///     Err(refused) if *refused.error.kind() == SendErrorKind::WouldBlock => {
    ///         println!("later: {:?}", refused.record);
    ///     }
    ///     Err(refused) => eprintln!("{refused}"),
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`TrySendError`] gives the record back: [`WouldBlock`](crate::SendErrorKind::WouldBlock) when metadata or
    /// memory is not there yet (metadata is then being fetched).
    pub fn try_send<'a>(&self, record: ProducerRecord<'a>) -> Result<Delivery, TrySendError<'a>> {
        let result = match &self.shared().extensions.interceptors {
            None => self.shared().try_accept(&record, &mut None),
            Some(interceptors) => self.try_send_intercepted(interceptors, &record),
        };
        result.map_err(|error| TrySendError { error, record })
    }

    /// A handle for who sends many records to one topic.
    #[must_use]
    pub fn topic(&self, name: &str) -> Topic {
        Topic::new(self.clone(), name)
    }

    /// Sends everything accepted so far without waiting for `linger.ms`, and waits until each of it is settled,
    /// successfully or not. Not bounded by `max.block.ms`; every batch ends within `delivery.timeout.ms`.
    ///
    /// Cancel safety: dropping the future ends the waiting; the records go their way.
    ///
    /// # Errors
    /// [`WaitError::WouldDeadlock`] on the network thread (CL2).
    pub async fn flush(&self) -> Result<(), WaitError> {
        if self.shared().is_forked() {
            return Err(WaitError::Forked);
        }
        if self.shared().is_network_thread() {
            return Err(WaitError::WouldDeadlock);
        }
        let shared = self.shared();
        let _timed = Stopwatch::start(&*shared.clock, adding_to(&shared.telemetry.flush_ns));
        shared.accumulator.begin_flush().await;
        Ok(())
    }

    /// Refuses new records, lets what was accepted finish for at most `within`, then fails the rest, and ends the
    /// network thread. Calling it again is fine. `Duration::ZERO` discards what is queued.
    ///
    /// Cancel safety: the closing goes on when the future is dropped.
    ///
    /// ```no_run
    /// # async fn example(producer: kp_producer::Producer) -> Result<(), kp_producer::WaitError> {
    /// let closed = producer.close(std::time::Duration::from_secs(10)).await?;
    /// if closed.undelivered > 0 {
    ///     eprintln!("{} not delivered, {} of them perhaps written", closed.undelivered, closed.perhaps_written);
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`WaitError::WouldDeadlock`] on the network thread, unless `within` is zero (then it does not wait, CL6).
    pub async fn close(&self, within: Duration) -> Result<Closed, WaitError> {
        let shared = self.shared();
        if shared.is_forked() {
            return Err(WaitError::Forked);
        }
        if shared.is_network_thread() && !within.is_zero() {
            return Err(WaitError::WouldDeadlock);
        }
        if !shared.ended.is_over() {
            // The command first: the core refuses new records with it, so that nothing leaves between the two.
            shared.tell(Command::Close(Deadline::after(shared.clock.now(), within, "close(within)")));
            shared.refuse_new();
        }
        if !shared.is_network_thread() {
            shared.ended.wait().await;
        }
        Ok(Closed {
            undelivered: shared.counters.undelivered.load(Ordering::Relaxed),
            perhaps_written: shared.counters.perhaps_written.load(Ordering::Relaxed),
            panicked: shared.ended.is_by_panic(),
        })
    }

    /// Waits until any broker has answered a metadata request, at most `max.block.ms`: a readiness probe.
    ///
    /// Cancel safety: dropping the future ends the waiting; the producer goes on connecting.
    ///
    /// # Errors
    /// [`SendErrorKind::MetadataTimeout`](crate::SendErrorKind::MetadataTimeout) with the addresses and what each
    /// said.
    pub async fn connect(&self) -> Result<(), SendError> {
        self.shared().wait_for(Wanted::AnyMetadata).await
    }

    /// The partitions of a topic and their leaders, waiting for metadata like `send` (FA12).
    ///
    /// Cancel safety: dropping the future ends the waiting; the metadata comes all the same.
    ///
    /// # Errors
    /// As `send`, when the topic cannot be had.
    pub async fn partitions_for(&self, topic: &str) -> Result<Vec<PartitionInfo>, SendError> {
        let name = TopicName::new(topic);
        self.shared().wait_for(Wanted::Topic(name)).await?;
        let view = self.shared().view();
        let partitions = view.cluster.topic(topic).map(|topic| topic.partitions());
        Ok(partitions
            .unwrap_or_default()
            .iter()
            .enumerate()
            .map(|(number, partition)| PartitionInfo {
                partition: PartitionId(number as i32),
                leader: partition.leader.map(|broker| broker.0),
            })
            .collect())
    }

    /// What this producer promises: what its configuration asks for, and from the first metadata on, before any record
    /// is accepted, no more than what the cluster can do. See [`Guarantees::no_duplicates`].
    #[must_use]
    pub fn guarantees(&self) -> Guarantees {
        let configured = self.handle.guarantees;
        if self.shared().is_without_idempotence.load(Ordering::Acquire) {
            return Guarantees { no_duplicates: false, ..configured };
        }
        configured
    }

    /// What was noticed about the configuration when the producer was built. Nothing is printed by itself.
    #[must_use]
    pub fn warnings(&self) -> &[ConfigWarning] {
        &self.handle.warnings
    }

    /// What turned up about the cluster while the producer ran and an operator should know and can change, each once:
    /// so far, that its brokers are of 0.9 and which key spares them being asked, and that it gives no producer ids.
    /// Nothing is printed by itself.
    #[must_use]
    pub fn notices(&self) -> Vec<String> {
        self.shared().notices.lock().clone()
    }

    /// The brokers that cannot be reached, each once, by address: for a line in a log when one comes onto this list, and one
    /// when it leaves it, however many attempts lie between. Known from the second failed attempt in a row on, until one
    /// succeeds. Empty is good; a cluster may work with some of its brokers here.
    #[must_use]
    pub fn unreachable(&self) -> Vec<UnreachableBroker> {
        self.shared().unreachable.list(self.shared().clock.now())
    }

    /// The `client.id` in use, the generated one if none was set.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.handle.client_id
    }

    /// The cluster's id as the last metadata had it; `None` before the first, and from brokers below 0.10.1 (KIP-78, MD26).
    #[must_use]
    pub fn cluster_id(&self) -> Option<String> {
        self.shared().view().cluster.cluster_id().map(str::to_owned)
    }

    /// What waits for each partition and why it has not gone: a table for people when it is printed. Asks the network thread
    /// and waits half a second for it at most, so that a thread that is stuck is told as that; from a callback it tells what
    /// can be seen without. For a look now and then, not for every record.
    ///
    /// ```no_run
    /// # fn example(producer: &kp_producer::Producer) {
    /// eprintln!("{}", producer.explain());
    /// # }
    /// ```
    #[must_use]
    pub fn explain(&self) -> Explanation {
        explain::explain(self.shared())
    }

    /// Everything that is measured, as it is now, under the names of Java's producer (ME1); `docs/metrics.md` lists it.
    /// Waits for nothing, from any thread. Outcomes are counted before they are told; what the network has done is at
    /// most a tenth of a second old. Costs some allocations, more with many topics: for every second, not for every record.
    ///
    /// ```no_run
    /// # fn example(producer: &kp_producer::Producer) {
    /// let metrics = producer.metrics();
    /// println!("{:?} records failed", metrics.counter("record-error-total"));
    /// println!("{:?} bytes of orders", metrics.of_topic("orders", "byte-total"));
    /// # }
    /// ```
    #[must_use]
    pub fn metrics(&self) -> ProducerMetrics {
        let shared = &self.handle.shared;
        ProducerMetrics::of(&Reading::of(shared), &shared.telemetry.client_id, shared.telemetry.level)
    }

    /// How many records were acknowledged so far.
    #[must_use]
    pub fn acknowledged_records(&self) -> u64 {
        self.shared().counters.acknowledged.load(Ordering::Relaxed)
    }

    /// How many accepted records failed so far.
    #[must_use]
    pub fn failed_records(&self) -> u64 {
        self.shared().counters.failed.load(Ordering::Relaxed)
    }

    /// Bytes of `buffer.memory` that nothing uses at the moment.
    #[must_use]
    pub fn buffer_available_bytes(&self) -> usize {
        self.shared().pool.available()
    }
}

impl Producer {
    fn try_send_intercepted(
        &self,
        interceptors: &Arc<Chain>,
        record: &ProducerRecord<'_>,
    ) -> Result<Delivery, SendError> {
        let shared = self.shared();
        let mut intercepted = interceptors.on_send(record, |words| shared.notice(words));
        let remembered = Arc::new(intercepted.remember());
        let (record, timestamp_ms) = self.stamped(intercepted.record());
        let callback = acknowledging(Arc::clone(interceptors), Arc::clone(&remembered), timestamp_ms, None);
        let result = shared.try_accept(&record, &mut Some(Notify::Call(callback)));
        if let Err(error) = &result {
            remembered.refused(interceptors, error);
        }
        result
    }

    /// A callback that tells the listener, for a record that needs one in any case.
    fn tagged(&self, token: u64) -> RecordCallback {
        let listener = self.shared().extensions.listener.clone();
        Box::new(move |outcome| {
            if let Some(listener) = listener {
                listener(token, DeliveryReport::new(outcome));
            }
        })
    }

    /// A record with its timestamp decided now, for a callback that must know it later.
    fn stamped<'a>(&self, record: ProducerRecord<'a>) -> (ProducerRecord<'a>, i64) {
        let timestamp_ms = record.timestamp().unwrap_or_else(|| self.shared().clock.timestamp_ms());
        (record.timestamp_ms(timestamp_ms), timestamp_ms)
    }
}

impl fmt::Debug for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer").field("client_id", &self.client_id()).finish_non_exhaustive()
    }
}

/// A partition of a topic, as the last metadata had it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartitionInfo {
    /// Its number.
    pub partition: PartitionId,
    /// The id of its leader, if it has one that can be reached.
    pub leader: Option<i32>,
}

/// A record that was not accepted, given back with the reason.
#[derive(Clone, Debug)]
pub struct TrySendError<'a> {
    /// Why.
    pub error: SendError,
    /// The record as it was handed in.
    pub record: ProducerRecord<'a>,
}

impl fmt::Display for TrySendError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for TrySendError<'_> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

/// Whom the user wants to be told about a record.
enum Own {
    Call(Callback),
    Token(u64),
}

/// The place of an accepted record's outcome is free again when that is taken; a record that was refused needs none.
fn accepted(result: Result<Delivery, SendError>, place: Option<Place>) -> Result<(), SendError> {
    result.map(drop)?;
    if let Some(place) = place {
        place.keep();
    }
    Ok(())
}

/// A callback of the user's.
type Callback = Box<dyn FnOnce(Result<RecordMetadata, DeliveryError>) + Send>;

/// The user's callback as the accumulator keeps it: it needs the record's own timestamp besides the outcome.
fn boxed(timestamp_ms: i64, callback: Callback) -> RecordCallback {
    Box::new(move |outcome| {
        callback(outcome_of_record(outcome.partition, timestamp_ms, outcome.result));
    })
}
