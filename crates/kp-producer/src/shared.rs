//! What all handles of one producer and its driver share, and the way of a record up to its acceptance.
//!
//! Touched by every sending thread and by the driver. Locks: the inbox of commands (short); everything on the hot
//! path is an atomic load, a map look-up and the partition's own lock inside the accumulator.

use crate::delivery::Delivery;
use crate::delivery_report::Listener;
use crate::error::{SendError, SendErrorKind};
use crate::explain::Question;
use crate::extension::Configured;
use crate::interceptor::Chain;
use crate::metadata_wait::{MetadataWaiters, Wanted};
use crate::metrics::{Stopwatch, Telemetry, adding_to};
use crate::parker;
use crate::record::ProducerRecord;
use crate::tracing;
use crate::unreachable::Unreachable;
use arc_swap::ArcSwap;
use kp_accumulator::{
    Accumulator, Append, AppendError, Notify, PartitionRequest, Partitioner, Spent, Target, TopicQueues,
    choose_partition,
};
use kp_memory::{Buffer, BufferPool, MemoryError};
use kp_metadata::{Cluster, Topic};
use kp_protocol::records::{BATCH_HEADER_SIZE, MessageFormat, RecordEncoder};
use kp_protocol::{Timestamp, TopicName};
use kp_time::{Clock, Deadline};
use parking_lot::Mutex;
use rustc_hash::FxBuildHasher;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::task::Waker;
use std::thread::ThreadId;
use std::time::{Duration, Instant};

/// The most notices that are kept; a network that has more to say says nothing new.
const NOTICES: usize = 16;

/// What a handle asks of the driver.
#[derive(Debug)]
pub(crate) enum Command {
    /// Somebody wants to send to this topic.
    WantTopic(TopicName),
    /// Somebody wants newer metadata of a topic that is known (MD20).
    RefreshTopic(TopicName),
    /// Somebody wants any metadata at all.
    WantMetadata,
    /// Somebody wants to know why nothing goes out.
    Explain(Arc<Question>),
    /// Finish what was accepted by then, fail the rest, end.
    Close(Deadline),
}

/// A snapshot of the cluster, and the queues of every topic in it: one load gives both.
pub(crate) struct View {
    pub(crate) cluster: Arc<Cluster>,
    /// Looked up with every record. The application chooses the names, nobody else does: no hash against floods.
    topics: HashMap<TopicName, TopicView, FxBuildHasher>,
    /// Why nothing is accepted although there is a cluster; no topics are shown then.
    refusal: Option<SendErrorKind>,
}

#[derive(Clone)]
struct TopicView {
    topic: Arc<Topic>,
    queues: Arc<TopicQueues>,
}

/// A topic as one view has it, kept by who sends to it again and again.
#[derive(Clone)]
pub(crate) struct CachedTopic {
    /// Of the view, or of an older one.
    generation: u64,
    view: Arc<View>,
    found: TopicView,
}

impl View {
    pub(crate) fn new(cluster: Arc<Cluster>, accumulator: &Accumulator) -> Self {
        let with_partitions = cluster.topics().filter(|topic| !topic.partitions().is_empty());
        let topics = with_partitions
            .map(|topic| {
                let queues = accumulator.topic(topic.name(), topic.partitions().len());
                (topic.name().clone(), TopicView { topic: Arc::clone(topic), queues })
            })
            .collect();
        Self { cluster, topics, refusal: None }
    }

    /// One in which nobody finds a topic, but `refusal` instead.
    pub(crate) fn refusing(cluster: Arc<Cluster>, refusal: SendErrorKind) -> Self {
        Self { cluster, topics: HashMap::default(), refusal: Some(refusal) }
    }

    /// What this says to a wish; see [`Wanted::verdict`].
    fn verdict(&self, wanted: &Wanted) -> Option<Result<(), SendErrorKind>> {
        match &self.refusal {
            Some(refusal) => Some(Err(refusal.clone())),
            None => wanted.verdict(&self.cluster),
        }
    }
}

/// Something of the user's that is closed with the producer.
pub(crate) trait Closer: Send + Sync {
    /// Called once; what goes wrong is told in words.
    fn close(&self, tell: &dyn Fn(String));
}

/// The user's own parts.
#[derive(Default)]
pub(crate) struct Extensions {
    pub(crate) interceptors: Option<Arc<Chain>>,
    pub(crate) partitioner: Option<Configured<Box<dyn Partitioner>>>,
    pub(crate) listener: Option<Arc<Listener>>,
    /// What they are configured with.
    pub(crate) config: BTreeMap<String, String>,
}

impl Extensions {
    /// CL11: one after the other, whatever happens to any of them.
    pub(crate) fn close(&self, between: impl FnOnce(), tell: &dyn Fn(String)) {
        if let Some(interceptors) = &self.interceptors {
            interceptors.close(tell);
        }
        between();
        if let Some(partitioner) = &self.partitioner {
            partitioner.close(|partitioner| partitioner.close(), "partitioner", tell);
        }
    }
}

/// The numbers that `send` checks against.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) max_block: Duration,
    pub(crate) max_request_size: usize,
    pub(crate) buffer_memory: usize,
    pub(crate) delivery_timeout: Duration,
}

/// Counts that no room below keeps.
#[derive(Default)]
pub(crate) struct Counters {
    /// Records acknowledged.
    pub(crate) acknowledged: AtomicU64,
    /// Records accepted and failed.
    pub(crate) failed: AtomicU64,
    /// Of those, the ones that failed because the producer was closed before they were done.
    pub(crate) undelivered: AtomicU64,
}

pub(crate) struct Shared {
    pub(crate) accumulator: Arc<Accumulator>,
    pub(crate) pool: Arc<BufferPool>,
    view: ArcSwap<View>,
    /// Grows with each view.
    generation: AtomicU64,
    pub(crate) extensions: Extensions,
    closers: Mutex<Option<Vec<Arc<dyn Closer>>>>,
    /// The process that made the producer.
    process: AtomicU32,
    pub(crate) waiters: Arc<MetadataWaiters>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) limits: Limits,
    pub(crate) counters: Counters,
    pub(crate) telemetry: Telemetry,
    /// What an operator should know of the cluster; see `Producer::notices`.
    pub(crate) notices: Mutex<Vec<String>>,
    pub(crate) unreachable: Unreachable,
    /// Why records may not have headers, as long as that is so.
    pub(crate) without_headers: Mutex<Option<Arc<str>>>,
    /// The cluster turned out to give no producer ids; see `Producer::guarantees`.
    pub(crate) is_without_idempotence: AtomicBool,
    pub(crate) ended: crate::ended::Ended,
    /// The thread that turns the driver; with a [`Stepper`](crate::Stepper), only while it does.
    pub(crate) network_thread: Mutex<Option<ThreadId>>,
    /// Wakes the driver out of its `poll`.
    pub(crate) waker: Waker,
    pub(crate) inbox: Mutex<Vec<Command>>,
}

/// What came of a record that is not to wait.
pub(crate) enum AtOnce {
    /// It is in, or refused for good.
    Done(Result<Delivery, SendError>),
    /// It has to wait: [`Shared::accept`] goes on from here, with the place that was chosen already.
    Waits(Option<Target>),
}

/// How far one attempt to append came.
enum Attempt {
    Accepted(Delivery),
    NeedsMetadata(Wanted),
    NeedsBuffer(usize),
}

/// How long the call has waited so far, and until when it may.
struct Waited {
    deadline: Option<Deadline>,
    spent: Spent,
}

/// A record on its way in, and what is decided or got for it once, however often the append is tried.
struct Incoming<'r, 'a> {
    record: &'r ProducerRecord<'a>,
    timestamp: Timestamp,
    target: Option<Target>,
    spare: Option<Buffer>,
}

/// What a new [`Shared`] is made of.
pub(crate) struct Parts {
    pub(crate) accumulator: Arc<Accumulator>,
    pub(crate) pool: Arc<BufferPool>,
    pub(crate) view: View,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) limits: Limits,
    pub(crate) extensions: Extensions,
    pub(crate) telemetry: Telemetry,
    pub(crate) waker: Waker,
}

impl Shared {
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts { accumulator, pool, view, clock, limits, extensions, telemetry, waker } = parts;
        Self {
            accumulator,
            pool,
            view: ArcSwap::from_pointee(view),
            generation: AtomicU64::new(0),
            extensions,
            closers: Mutex::new(Some(Vec::new())),
            process: AtomicU32::new(std::process::id()),
            waiters: Arc::default(),
            clock,
            limits,
            counters: Counters::default(),
            telemetry,
            notices: Mutex::default(),
            unreachable: Unreachable::default(),
            without_headers: Mutex::default(),
            is_without_idempotence: AtomicBool::default(),
            ended: Default::default(),
            network_thread: Mutex::new(None),
            waker,
            inbox: Mutex::new(Vec::new()),
        }
    }

    /// The cluster and its topics as they are known now.
    pub(crate) fn view(&self) -> arc_swap::Guard<Arc<View>> {
        self.view.load()
    }

    pub(crate) fn set_view(&self, view: View) {
        self.view.store(Arc::new(view));
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// Whether this process is another than the one that made the producer: a fork has no network thread. Asked where a call
    /// would wait or open a batch.
    pub(crate) fn is_forked(&self) -> bool {
        std::process::id() != self.process.load(Ordering::Relaxed)
    }

    #[cfg(test)]
    pub(crate) fn pretend_to_be_forked(&self) {
        self.process.store(0, Ordering::Relaxed);
    }

    /// Has something closed when the producer has ended; at once if it has.
    pub(crate) fn close_with_me(&self, closer: Arc<dyn Closer>) {
        if let Some(closers) = &mut *self.closers.lock() {
            return closers.push(closer);
        }
        closer.close(&|words| self.notice(words));
    }

    /// CL11: the sender has ended; interceptors, serializers and partitioner follow.
    pub(crate) fn close_extensions(&self) {
        let tell = |words| self.notice(words);
        let serializers = || {
            let closers = self.closers.lock().take();
            closers.into_iter().flatten().for_each(|closer| closer.close(&tell));
        };
        self.extensions.close(serializers, &tell);
    }

    /// Keeps something that an operator should know, once.
    pub(crate) fn notice(&self, words: String) {
        let mut notices = self.notices.lock();
        if notices.len() < NOTICES && !notices.contains(&words) {
            tracing::notice(&self.telemetry.client_id, &words);
            notices.push(words);
        }
    }

    /// The cluster gives no producer ids, and nobody insisted: what is promised shrinks, and that is said.
    pub(crate) fn goes_without_idempotence(&self, reason: &str) {
        self.is_without_idempotence.store(true, Ordering::Release);
        self.notice(format!(
            "the cluster gives no producer ids ({reason}; Kafka 0.11 and newer do): sending without idempotence, one \
             batch of a partition at a time; the order is kept, a retry may write records twice. \
             enable.idempotence=false says that this is wanted, enable.idempotence=true makes it an error"
        ));
    }

    /// The brokers turned out to be older or newer than sizes and headers were measured by.
    pub(crate) fn use_record_format(&self, format: Option<MessageFormat>, reason: Arc<str>) {
        *self.without_headers.lock() = format.map(|_| reason);
        self.accumulator.set_record_format(format);
    }

    /// Hands a command to the driver and wakes it.
    pub(crate) fn tell(&self, command: Command) {
        self.inbox.lock().push(command);
        self.waker.wake_by_ref();
    }

    /// Whether this is the network thread, where waiting would never end.
    pub(crate) fn is_network_thread(&self) -> bool {
        *self.network_thread.lock() == Some(std::thread::current().id())
    }

    pub(crate) fn enter_network_thread(&self) {
        *self.network_thread.lock() = Some(std::thread::current().id());
        parker::mark_network_thread(true);
    }

    pub(crate) fn leave_network_thread(&self) {
        *self.network_thread.lock() = None;
        parker::mark_network_thread(false);
    }

    /// Accepts a record: waits only for metadata and memory, both within `max.block.ms` (FA2).
    ///
    /// Cancel-safe: nothing is awaited after the append, so a dropped future means "not accepted", and the places
    /// it held among the waiters and in the pool are given back.
    pub(crate) async fn accept(
        &self,
        record: &ProducerRecord<'_>,
        notify: &mut Option<Notify>,
        chosen: Option<Target>,
    ) -> Result<Delivery, SendError> {
        let mut waited = Waited { deadline: None, spent: Spent::default() };
        let refuse = |kind, spent: &Spent| self.telemetry.refuse(kind, record.topic(), *spent);
        let timestamp = self.check(record).map_err(|kind| refuse(kind, &waited.spent))?;
        let mut incoming = Incoming { target: chosen, ..Incoming::new(record, timestamp) };
        loop {
            let attempt = self.attempt(&mut incoming, notify);
            match attempt.map_err(|kind| refuse(kind, &waited.spent))? {
                Attempt::Accepted(delivery) => return Ok(delivery),
                Attempt::NeedsMetadata(wanted) => self.wait_for_metadata(wanted, &mut waited).await,
                Attempt::NeedsBuffer(bytes) => {
                    let buffer = self.wait_for_buffer(bytes, &mut waited).await;
                    buffer.map(|buffer| incoming.spare = Some(buffer))
                }
            }
            .map_err(|kind| refuse(kind, &waited.spent))?;
        }
    }

    /// Accepts a record if neither metadata nor memory has to be waited for. The usual way of a call that may block: no future is made and no waker registered for a record that goes straight in.
    pub(crate) fn accept_at_once(&self, record: &ProducerRecord<'_>, notify: &mut Option<Notify>) -> AtOnce {
        self.at_once(record, |incoming| self.attempt(incoming, notify))
    }

    /// The same for who sends to one topic again and again: its place is looked up anew only when the view is another one.
    pub(crate) fn accept_cached(
        &self,
        record: &ProducerRecord<'_>,
        cached: &mut Option<CachedTopic>,
        notify: &mut Option<Notify>,
    ) -> AtOnce {
        // Before the view: a view that comes in between is then looked up once too often, never too rarely.
        let generation = self.generation.load(Ordering::Acquire);
        if cached.as_ref().is_none_or(|cached| cached.generation != generation) {
            let view = self.view.load_full();
            *cached =
                view.topics.get(record.topic()).cloned().map(|found| CachedTopic { generation, view, found });
        }
        let Some(CachedTopic { view, found, .. }) = cached else { return AtOnce::Waits(None) };
        self.at_once(record, |incoming| self.attempt_in(view, found, incoming, notify))
    }

    #[inline]
    fn at_once(
        &self,
        record: &ProducerRecord<'_>,
        mut attempt: impl FnMut(&mut Incoming<'_, '_>) -> Result<Attempt, SendErrorKind>,
    ) -> AtOnce {
        let refuse = |kind| AtOnce::Done(Err(self.telemetry.refuse(kind, record.topic(), Spent::default())));
        let timestamp = match self.check(record) {
            Ok(timestamp) => timestamp,
            Err(kind) => return refuse(kind),
        };
        let mut incoming = Incoming::new(record, timestamp);
        loop {
            match attempt(&mut incoming) {
                Ok(Attempt::Accepted(delivery)) => return AtOnce::Done(Ok(delivery)),
                Ok(Attempt::NeedsBuffer(bytes)) => match self.pool.try_allocate(bytes) {
                    Ok(Some(buffer)) => incoming.spare = Some(buffer),
                    _ => return AtOnce::Waits(incoming.target),
                },
                Ok(Attempt::NeedsMetadata(_)) => return AtOnce::Waits(incoming.target),
                Err(kind) => return refuse(kind),
            }
        }
    }

    /// Accepts a record if that takes no waiting.
    pub(crate) fn try_accept(
        &self,
        record: &ProducerRecord<'_>,
        notify: &mut Option<Notify>,
    ) -> Result<Delivery, SendError> {
        let refuse = |kind| self.telemetry.refuse(kind, record.topic(), Spent::default());
        let timestamp = self.check(record).map_err(refuse)?;
        let mut incoming = Incoming::new(record, timestamp);
        loop {
            match self.attempt(&mut incoming, notify).map_err(refuse)? {
                Attempt::Accepted(delivery) => return Ok(delivery),
                Attempt::NeedsMetadata(wanted) => {
                    self.tell(wanted.command());
                    return Err(refuse(SendErrorKind::WouldBlock));
                }
                Attempt::NeedsBuffer(bytes) => match self.pool.try_allocate(bytes) {
                    Ok(Some(buffer)) => incoming.spare = Some(buffer),
                    Ok(None) => return Err(refuse(SendErrorKind::WouldBlock)),
                    Err(error) => return Err(refuse(refusal_of(&error, Duration::ZERO))),
                },
            }
        }
    }

    /// Waits until the wish is granted. Used by `send`, `connect` and `partitions_for`.
    pub(crate) async fn wait_for(&self, wanted: Wanted) -> Result<(), SendError> {
        let mut waited = Waited { deadline: None, spent: Spent::default() };
        let topic = wanted.topic().cloned();
        let name = topic.as_ref().map_or("", TopicName::as_str);
        self.wait_for_metadata(wanted, &mut waited)
            .await
            .map_err(|kind| SendError::new(kind, name, waited.spent))
    }

    /// FA3, FA7: what is wrong whatever the cluster says. Gives the record's timestamp.
    fn check(&self, record: &ProducerRecord<'_>) -> Result<Timestamp, SendErrorKind> {
        if record.topic().is_empty() {
            return Err(SendErrorKind::InvalidRecord("the topic's name is empty"));
        }
        if record.partition_number().is_some_and(|number| number < 0) {
            return Err(SendErrorKind::InvalidRecord("the partition is negative"));
        }
        if record.timestamp().is_some_and(|timestamp| timestamp < 0) {
            return Err(SendErrorKind::InvalidRecord("the timestamp is negative"));
        }
        let (key, value) = (record.key_bytes().map(<[u8]>::len), record.value_bytes().map(<[u8]>::len));
        let size_bytes = match self.accumulator.record_format() {
            None => BATCH_HEADER_SIZE + RecordEncoder::upper_bound(key, value, record.headers()),
            Some(format) => format.overhead() + key.unwrap_or(0) + value.unwrap_or(0),
        };
        let bounds = [
            (self.limits.max_request_size, "max.request.size"),
            (self.limits.buffer_memory, "buffer.memory"),
        ];
        for (limit_bytes, key) in bounds {
            if size_bytes > limit_bytes {
                return Err(SendErrorKind::RecordTooLarge { size_bytes, limit_bytes, key });
            }
        }
        Ok(Timestamp(record.timestamp().unwrap_or_else(|| self.clock.timestamp_ms())))
    }

    fn attempt(
        &self,
        incoming: &mut Incoming<'_, '_>,
        notify: &mut Option<Notify>,
    ) -> Result<Attempt, SendErrorKind> {
        let view = self.view.load();
        match view.topics.get(incoming.record.topic()) {
            Some(found) => self.attempt_in(&view, found, incoming, notify),
            None => self.not_in_view(&view, Wanted::Topic(TopicName::new(incoming.record.topic()))),
        }
    }

    #[inline]
    fn attempt_in(
        &self,
        view: &View,
        found: &TopicView,
        incoming: &mut Incoming<'_, '_>,
        notify: &mut Option<Notify>,
    ) -> Result<Attempt, SendErrorKind> {
        let TopicView { topic, queues } = found;
        let record = incoming.record;
        let target = match (record.partition_id(), incoming.target) {
            (Some(partition), _) => Target::Partition(partition),
            (None, Some(target)) => target,
            (None, None) => self.choose(view, found, incoming)?,
        };
        if let Target::Partition(partition) = target
            && partition.0 as usize >= topic.partitions().len()
        {
            return self.not_in_view(view, Wanted::Partition(topic.name().clone(), partition));
        }
        let encoded = record.as_record_ref(incoming.timestamp);
        let clock = &*self.clock;
        match self.accumulator.append(queues, topic, target, &encoded, notify, &mut incoming.spare, clock) {
            Ok(Append::Accepted(appended)) => Ok(Attempt::Accepted(Delivery::new(
                appended.completion,
                appended.index,
                incoming.timestamp.0,
            ))),
            Ok(Append::NeedsBuffer(_)) if self.is_forked() => Err(SendErrorKind::Forked),
            Ok(Append::NeedsBuffer(bytes)) => Ok(Attempt::NeedsBuffer(bytes)),
            Err(error) => Err(self.refusal_of_append(&error)),
        }
    }

    /// Where a record goes that names no partition. What counts or is the user's is asked once for a record.
    #[inline]
    fn choose(
        &self,
        view: &View,
        found: &TopicView,
        incoming: &mut Incoming<'_, '_>,
    ) -> Result<Target, SendErrorKind> {
        let (record, TopicView { topic, queues }) = (incoming.record, found);
        let Some(partitioner) = self.extensions.partitioner.as_ref().and_then(|it| it.iter().next()) else {
            let target = self.accumulator.target(queues, topic, record.key_bytes());
            incoming.target = matches!(target, Target::Partition(_)).then_some(target);
            return Ok(target);
        };
        let request = PartitionRequest {
            key_bytes: record.key_bytes(),
            value_bytes: record.value_bytes(),
            ..PartitionRequest::new(topic, &view.cluster)
        };
        match choose_partition(&**partitioner, &request) {
            Ok(partition) => {
                incoming.target = Some(Target::Partition(partition));
                Ok(Target::Partition(partition))
            }
            Err(error) => Err(SendErrorKind::Partitioner { reason: Arc::from(error.to_string()) }),
        }
    }

    fn not_in_view(&self, view: &View, wanted: Wanted) -> Result<Attempt, SendErrorKind> {
        if self.is_forked() {
            return Err(SendErrorKind::Forked);
        }
        if self.accumulator.is_closed() {
            return Err(self.closed_kind());
        }
        match view.verdict(&wanted) {
            Some(Err(kind)) => {
                // Rights may have been granted since, brokers upgraded: nobody waits for that, but it is asked again (MD9).
                self.tell(wanted.command());
                Err(kind)
            }
            Some(Ok(())) | None => Ok(Attempt::NeedsMetadata(wanted)),
        }
    }

    async fn wait_for_metadata(&self, wanted: Wanted, waited: &mut Waited) -> Result<(), SendErrorKind> {
        if self.is_forked() {
            return Err(SendErrorKind::Forked);
        }
        if self.is_network_thread() {
            return Err(SendErrorKind::WouldDeadlock);
        }
        let now = self.clock.now();
        let deadline = waited.until(now, self.limits.max_block);
        let wait = self.waiters.join(wanted.clone(), now, deadline);
        // An answer may have come between the look at the view and the joining; nobody would tell of it again.
        let verdict = self.view.load().verdict(&wanted);
        if verdict.as_ref().is_none_or(Result::is_err) {
            self.tell(wanted.command());
        }
        if let Some(verdict) = verdict {
            return verdict;
        }
        let timed = Stopwatch::start(&*self.clock, adding_to(&self.telemetry.metadata_wait_ns));
        let verdict = wait.await;
        drop(timed);
        waited.spent.metadata += self.clock.now().saturating_duration_since(now);
        verdict
    }

    async fn wait_for_buffer(&self, bytes: usize, waited: &mut Waited) -> Result<Buffer, SendErrorKind> {
        match self.pool.try_allocate(bytes) {
            Ok(Some(buffer)) => return Ok(buffer),
            Ok(None) if self.is_network_thread() => return Err(SendErrorKind::WouldDeadlock),
            Ok(None) => {}
            Err(error) => return Err(refusal_of(&error, waited.spent.memory)),
        }
        let now = self.clock.now();
        let deadline = waited.until(now, self.limits.max_block);
        let timed = Stopwatch::start(&*self.clock, |waited| self.pool.add_wait(waited));
        let result = match self.pool.allocate(bytes, deadline) {
            Ok(allocation) => allocation.await,
            Err(error) => Err(error),
        };
        drop(timed);
        waited.spent.memory += self.clock.now().saturating_duration_since(now);
        result.map_err(|error| match error {
            MemoryError::Closed => self.closed_kind(),
            other => refusal_of(&other, waited.spent.memory),
        })
    }

    fn refusal_of_append(&self, error: &AppendError) -> SendErrorKind {
        match error {
            AppendError::Closed => self.closed_kind(),
            AppendError::HeadersNotInFormat { magic } => {
                let known = self.without_headers.lock().clone();
                let reason =
                    known.unwrap_or_else(|| Arc::from(format!("message format {magic} has no headers")));
                SendErrorKind::HeadersNotSupported { reason }
            }
            other => {
                debug_assert!(false, "checked before the append: {other}");
                SendErrorKind::InvalidRecord("the record cannot be encoded")
            }
        }
    }

    fn closed_kind(&self) -> SendErrorKind {
        match self.ended.fatal() {
            _ if self.ended.is_by_panic() => SendErrorKind::NetworkThreadGone,
            Some(reason) => SendErrorKind::Fatal { reason: Arc::clone(reason) },
            None => SendErrorKind::Closed,
        }
    }

    /// Refuses new records and releases those who wait (CL7, CL10). What was accepted goes on.
    pub(crate) fn refuse_new(&self) {
        self.accumulator.close();
        self.waiters.close(&self.closed_kind());
        self.pool.close();
    }
}

impl<'r, 'a> Incoming<'r, 'a> {
    fn new(record: &'r ProducerRecord<'a>, timestamp: Timestamp) -> Self {
        Self { record, timestamp, target: None, spare: None }
    }
}

impl Waited {
    /// The moment by which the call must be done: `max.block.ms` after it first had to wait.
    fn until(&mut self, now: Instant, max_block: Duration) -> Deadline {
        *self.deadline.get_or_insert_with(|| Deadline::after(now, max_block, "max.block.ms"))
    }
}

fn refusal_of(error: &MemoryError, waited: Duration) -> SendErrorKind {
    match error {
        MemoryError::TooLarge { requested, limit } => SendErrorKind::RecordTooLarge {
            size_bytes: *requested,
            limit_bytes: *limit,
            key: "buffer.memory",
        },
        MemoryError::Exhausted { .. } => SendErrorKind::BufferExhausted { waited },
        MemoryError::Closed => SendErrorKind::Closed,
        _ => SendErrorKind::BufferExhausted { waited },
    }
}
