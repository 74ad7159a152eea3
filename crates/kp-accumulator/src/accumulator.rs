//! The shared room: many threads append, workers seal, one driver drains.
//! Owns: the queues of all partitions. Borrows: bytes, from `kp-memory`. Never: a socket, a clock of its own.
//! Locks, in this order: the driver's side, a queue, then one of the lists or the pool; none while user code runs.

use crate::announcements::Announcements;
use crate::batch::{Batch, Closed, ListMemory, Sealed, TopicContext};
use crate::broker_states::BrokerStates;
use crate::completion::{Listener, Outcome};
use crate::compression_ratio::CompressionRatio;
use crate::failure::{Certainty, FailureKind};
use crate::format_overhead::FormatCell;
use crate::growth_limit::GrowthLimit;
use crate::incomplete::Incomplete;
use crate::lifecycle::Lifecycle;
use crate::partition_queue::BATCH_OVERHEAD;
use crate::partitioner::{Counter, Sticky};
use crate::queue_index::QueueIndex;
use crate::ready_queues::ReadyQueues;
use crate::sealer::Sealer;
use crate::sealing::Sealing;
use crate::settings::AccumulatorSettings;
use crate::spares::Spares;
use crate::topic_counters::TopicCounters;
use crate::topic_queues::{TopicQueues, TopicShared};
use crate::topics::Topics;
use kp_memory::BufferPool;
use kp_protocol::{TopicName, TopicPartition};
use parking_lot::Mutex;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

/// Gathers records into batches, partition by partition, and hands them out when it is time.
///
/// ```
/// use kp_accumulator::{Accumulator, AccumulatorSettings, Append, Target};
/// use kp_memory::BufferPool;
/// use kp_metadata::{Partition, Topic};
/// use kp_protocol::records::RecordRef;
/// use kp_protocol::{BrokerId, Timestamp, TopicId, TopicName};
/// use kp_time::{Clock, ManualClock};
///
/// let (clock, pool) = (ManualClock::new(), BufferPool::new(1 << 20, 16_384));
/// let accumulator = Accumulator::new(AccumulatorSettings::default(), pool.clone());
/// let name = TopicName::new("orders");
/// let metadata = Topic::new(name.clone(), TopicId::ZERO, vec![Partition::led_by(BrokerId(1))]);
/// let topic = accumulator.topic(&name, metadata.partitions().len());
/// let record = RecordRef { timestamp: Timestamp(0), key: None, value: Some(b"one"), headers: &[] };
/// let mut spare = None;
/// let accepted = loop {
///     match accumulator.append(&topic, &metadata, Target::Sticky, &record, &mut None, &mut spare, &clock)? {
///         Append::Accepted(accepted) => break accepted,
///         // Outside every lock, so that an appender that waits here holds up no other.
///         Append::NeedsBuffer(bytes) => spare = pool.try_allocate(bytes)?,
///     }
/// };
/// assert!(accepted.completion.outcome().is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Accumulator {
    pub(crate) settings: AccumulatorSettings,
    pub(crate) pool: Arc<BufferPool>,
    pub(crate) announcements: Announcements,
    pub(crate) sealing: Sealing,
    pub(crate) incomplete: Arc<Incomplete>,
    pub(crate) spares: Arc<Spares>,
    pub(crate) lists: Arc<ListMemory>,
    /// The driver's side.
    pub(crate) ready_queues: Mutex<ReadyQueues>,
    pub(crate) brokers: BrokerStates,
    /// Which record format sizes are counted in.
    pub(crate) format: FormatCell,
    pub(crate) topics: Topics,
    pub(crate) lifecycle: Lifecycle,
}

impl Accumulator {
    /// An accumulator without topics. Sets aside from the pool what compressing on the driver needs. Call
    /// [`AccumulatorSettings::check`] before.
    #[must_use]
    pub fn new(settings: AccumulatorSettings, pool: Arc<BufferPool>) -> Arc<Self> {
        let settings = AccumulatorSettings { batch_size: settings.batch_size.max(1), ..settings };
        let seals_inline = settings.compresses() && !settings.seals_on_workers();
        let sealer = seals_inline.then(|| Sealer::new(&pool, &settings, 1));
        let spares = Spares::new(pool.capacity(), BATCH_OVERHEAD);
        let lists = ListMemory::of(&pool);
        Arc::new(Self {
            settings,
            pool,
            announcements: Announcements::default(),
            sealing: Sealing::new(sealer),
            incomplete: Arc::default(),
            spares,
            lists,
            ready_queues: Mutex::default(),
            brokers: BrokerStates::default(),
            format: FormatCell::default(),
            topics: Topics::default(),
            lifecycle: Lifecycle::default(),
        })
    }

    /// What it was made with.
    #[must_use]
    pub fn settings(&self) -> &AccumulatorSettings {
        &self.settings
    }

    /// The memory it counts against.
    #[must_use]
    pub fn pool(&self) -> &Arc<BufferPool> {
        &self.pool
    }

    /// Whom to wake when there is something to do that the driver would sleep past.
    pub fn set_driver_waker(&self, waker: Waker) {
        self.announcements.park.set_waker(waker);
    }

    /// The queues of `name`, for at least `partitions` partitions: each made with its first record, never removed (AC1). Keep
    /// the handle; this looks it up by name.
    #[must_use]
    pub fn topic(&self, name: &TopicName, partitions: usize) -> Arc<TopicQueues> {
        self.topics.get(name, partitions, |number| self.topic_shared(number))
    }

    /// The partition of a queue.
    #[must_use]
    pub fn topic_partition(&self, queue: QueueIndex) -> Option<TopicPartition> {
        self.topics.queue(queue).map(|queue| queue.context.topic_partition.clone())
    }

    /// The driver is about to sleep until `until` (`None`: until it is woken). `false`: something happened meanwhile;
    /// call [`ready`](Self::ready) again instead of sleeping. The driver must call [`ready`](Self::ready) in every
    /// turn, also when no broker can take anything: that is how news are taken note of.
    #[must_use]
    pub fn prepare_to_sleep(&self, until: Option<Instant>) -> bool {
        self.prepare_to_sleep_until_ready(until, 1)
    }

    /// As [`prepare_to_sleep`](Self::prepare_to_sleep), but it takes `enough` ready partitions to be woken by appends;
    /// `usize::MAX` where only the network can help. Flush, close and a shortage of memory wake it always.
    #[must_use]
    pub fn prepare_to_sleep_until_ready(&self, until: Option<Instant>, enough: usize) -> bool {
        self.announcements.park.prepare_to_sleep(until, enough)
    }

    /// The driver is awake again: no thread needs to wake it.
    pub fn awake(&self) {
        self.announcements.park.awake();
    }

    /// How often the driver was woken by appends, seals, flushes and close.
    #[must_use]
    pub fn wakes(&self) -> u64 {
        self.announcements.park.wakes()
    }

    /// Accepts no more records, and makes everything that was accepted sendable (CL3). When this returns, no append is
    /// under way that could still be accepted (CL10).
    pub fn close(&self) {
        self.lifecycle.close();
        for queue in self.topics.queues().iter() {
            // An append that saw it open holds this lock until its record is in a batch.
            drop(queue.state.lock());
        }
        self.announcements.park.urgent();
    }

    /// Whether it was closed.
    #[must_use]
    #[inline]
    pub fn is_closed(&self) -> bool {
        self.lifecycle.is_closed()
    }

    /// Whether any batch is not settled yet.
    #[must_use]
    pub fn has_incomplete(&self) -> bool {
        !self.incomplete.is_empty()
    }

    /// How many records are not settled yet. Goes through all queues: for the end, not for every turn.
    #[must_use]
    pub fn incomplete_records(&self) -> u64 {
        let open: u64 = self
            .topics
            .queues()
            .iter()
            .filter_map(|queue| queue.state.lock().open.as_ref().map(|open| u64::from(open.record_count())))
            .sum();
        open + self.incomplete.closed_records()
    }

    /// Sets the listener that is told about records with a [`Notify::Token`](crate::Notify::Token). Before the first append, and
    /// once; `false` if there is one already.
    pub fn set_listener(&self, listener: Listener) -> bool {
        self.incomplete.set_listener(listener)
    }

    /// How many callbacks have panicked. Each harmed only its own record (BB22).
    #[must_use]
    pub fn callback_panics(&self) -> u64 {
        self.incomplete.callback_panics()
    }

    /// The counts of every topic that a record was sent to, or failed for (ME2), by name.
    #[must_use]
    pub fn topic_counters(&self) -> Vec<(TopicName, Arc<TopicCounters>)> {
        let topics = self.topics.list().into_iter();
        let used = topics.filter(|(_, topic)| topic.shared.context.counters.is_used());
        used.map(|(name, topic)| (name, Arc::clone(&topic.shared.context.counters))).collect()
    }

    /// Codecs with the memory they need, one for each worker thread. Make all of them before the first record.
    #[must_use]
    pub fn sealers(&self, threads: usize) -> Vec<Sealer> {
        (0..threads).map(|_| Sealer::new(&self.pool, &self.settings, threads)).collect()
    }

    /// Whom to wake when a batch waits to be sealed ([`Seal::Workers`](crate::Seal::Workers)), once for each batch.
    /// It must not call the accumulator.
    pub fn set_seal_bell(&self, bell: Waker) {
        self.sealing.set_bell(bell);
    }

    /// Seals the batch that has waited longest for it, on this thread. `false` if none waits. A panic on the way fails the
    /// records of that batch; what stands behind it goes on, and so does this thread.
    pub fn seal_next(&self, sealer: &mut Sealer) -> bool {
        let Some(batch) = self.next_to_seal() else { return false };
        let queue = batch.queue();
        match catch_unwind(AssertUnwindSafe(|| batch.seal(sealer))) {
            Ok(sealed) => self.put_sealed(sealed),
            Err(_) => self.give_up_place(queue),
        }
        true
    }

    /// Takes the batch that has waited longest to be sealed. It keeps its place in its queue: give it back, or what stands
    /// behind it waits until it would have expired. [`seal_next`](Self::seal_next) sees to that.
    #[must_use]
    pub fn next_to_seal(&self) -> Option<Batch<Closed>> {
        loop {
            let queue = self.topics.queue(self.sealing.pop()?)?;
            // Gone if it expired meanwhile.
            let batch = queue.state.lock().take_to_seal();
            if batch.is_some() {
                return batch;
            }
        }
    }

    /// Gives back a batch taken by [`next_to_seal`](Self::next_to_seal). Wakes the driver if it is the next one of its
    /// partition.
    pub fn put_sealed(&self, batch: Batch<Sealed>) {
        let Some(queue) = self.topics.queue(batch.queue()) else { return };
        if queue.put_sealed(batch) {
            self.announcements.ready(queue.index());
        }
        self.note_return();
    }

    /// A batch of this queue was dropped while it was sealed.
    fn give_up_place(&self, queue: QueueIndex) {
        if self.topics.queue(queue).is_some_and(|queue| queue.give_up_places()) {
            self.announcements.ready(queue);
        }
        self.note_return();
    }

    /// No worker has a certain batch any more.
    fn note_return(&self) {
        // A driver that forces its end, or fails everything, waits for just this batch, muted or not.
        self.announcements.park.batch_returned();
        if let Some(kind) = self.lifecycle.ended() {
            self.fail_everything(kind);
        }
    }

    /// Records whose batch was not settled by the driver, because its thread is gone.
    #[must_use]
    pub fn abandoned_records(&self) -> u64 {
        self.incomplete.abandoned_records()
    }

    /// Fails everything that is not in flight, now and whenever a worker gives a batch back: for the end of the driver,
    /// after [`close`](Self::close). What was never sent, or refused each time, is not written; the rest is unknown.
    pub fn fail_everything(&self, kind: FailureKind) {
        self.lifecycle.end(kind);
        for batch in self.take_queued(|_| true, true) {
            let outcome = Outcome::Failed(Arc::new(batch.failure_so_far(kind, Certainty::NotWritten)));
            self.incomplete.count_abandoned(batch.record_count());
            batch.settle(outcome);
        }
    }

    /// Whether every batch may leave now, lingering ones too (AC10, AC11).
    pub(crate) fn is_urgent(&self) -> bool {
        self.lifecycle.is_urgent() || self.pool.has_waiters()
    }

    fn topic_context(&self) -> TopicContext {
        let spares = Arc::downgrade(&self.spares);
        TopicContext {
            ratio: CompressionRatio::default(),
            growth: GrowthLimit::new(self.settings.growth_max),
            counters: Arc::default(),
            incomplete: Arc::clone(&self.incomplete),
            spares,
            pool: Arc::clone(&self.pool),
            linger: self.settings.linger,
            batch_overhead: BATCH_OVERHEAD,
            in_transactions: self.settings.in_transactions,
        }
    }

    fn topic_shared(&self, number: usize) -> TopicShared {
        let seed = self.settings.seed ^ ((number as u64) << 20);
        TopicShared {
            sticky: Sticky::new(seed),
            counter: Counter::seeded(seed),
            context: Arc::new(self.topic_context()),
            lists: Arc::clone(&self.lists),
        }
    }
}

#[cfg(test)]
mod stress;
