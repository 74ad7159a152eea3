//! What all handles of one producer and its driver share.
//!
//! Touched by every sending thread and by the driver. Locks: the inbox of commands, notices, what is closed at the end; each
//! short, none on the way of a record.

mod acceptance;
mod extensions;
mod view;
mod waits;

pub(crate) use self::acceptance::AtOnce;
pub(crate) use self::extensions::{Closer, Extensions};
pub(crate) use self::view::{CachedTopic, View};
pub(crate) use self::waits::Waited;

use crate::ended::Standing;
use crate::error::SendErrorKind;
use crate::explain::Question;
use crate::forked::Origin;
use crate::metadata_wait::MetadataWaiters;
use crate::metrics::Telemetry;
use crate::parker;
use crate::tracing;
use crate::unreachable::Unreachable;
use arc_swap::ArcSwap;
use kp_accumulator::Accumulator;
use kp_memory::BufferPool;
use kp_protocol::TopicName;
use kp_protocol::records::MessageFormat;
use kp_time::{Clock, Deadline};
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::task::Waker;
use std::thread::ThreadId;
use std::time::Duration;

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
    /// Of those, the ones that may be in the log.
    pub(crate) perhaps_written: AtomicU64,
}

pub(crate) struct Shared {
    pub(crate) accumulator: Arc<Accumulator>,
    pub(crate) pool: Arc<BufferPool>,
    view: ArcSwap<View>,
    /// Grows with each view.
    generation: AtomicU64,
    pub(crate) extensions: Extensions,
    /// `None` once they were closed.
    closers: Mutex<Option<Vec<Weak<dyn Closer>>>>,
    pub(crate) origin: Origin,
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
    /// Wakes the driver out of its `poll`; does nothing once that has ended.
    waker: Mutex<Waker>,
    pub(crate) inbox: Mutex<Vec<Command>>,
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
            origin: Origin::here(),
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
            waker: Mutex::new(waker),
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

    /// Whether this process is another than the one that made the producer: a fork has no network thread. For calls that may
    /// wait; a record asks [`Origin::is_forked`].
    pub(crate) fn is_forked(&self) -> bool {
        self.origin.is_another_process()
    }

    /// For tests: what is kept of typed producers.
    #[cfg(test)]
    pub(crate) fn closers(&self) -> usize {
        self.closers.lock().as_ref().map_or(0, Vec::len)
    }

    /// Has something closed when the producer has ended; at once if it has. What is gone by then has closed itself.
    pub(crate) fn close_with_me(&self, closer: &Arc<dyn Closer>) {
        if let Some(closers) = &mut *self.closers.lock() {
            if closers.len() == closers.capacity() {
                closers.retain(|closer| closer.strong_count() > 0);
            }
            return closers.push(Arc::downgrade(closer));
        }
        closer.close(&|words| self.notice(words));
    }

    /// CL11: the sender has ended; interceptors, serializers and partitioner follow.
    pub(crate) fn close_extensions(&self) {
        let tell = |words| self.notice(words);
        let serializers = || {
            let closers = self.closers.lock().take();
            let closers = closers.into_iter().flatten();
            closers.filter_map(|closer| closer.upgrade()).for_each(|closer| closer.close(&tell));
        };
        self.extensions.close(serializers, &tell);
        if let Some(acks) = &self.extensions.acks {
            acks.end();
        }
        self.forget_driver();
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
        self.wake_driver();
    }

    /// Ends the driver's sleep.
    pub(crate) fn wake_driver(&self) {
        self.waker().wake();
    }

    /// The driver's waker, as long as there is a driver.
    pub(crate) fn waker(&self) -> Waker {
        self.waker.lock().clone()
    }

    /// The driver has ended: a handle that lives on keeps nothing of the network, whose waker may hold descriptors.
    fn forget_driver(&self) {
        *self.waker.lock() = Waker::noop().clone();
        self.pool.set_driver_waker(Waker::noop().clone());
        self.accumulator.set_driver_waker(Waker::noop().clone());
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

    fn closed_kind(&self) -> SendErrorKind {
        match (self.ended.standing(), self.ended.fatal()) {
            (Standing::Panicked, _) => SendErrorKind::NetworkThreadGone,
            (Standing::Running, Some(reason)) => SendErrorKind::Fatal { reason: Arc::clone(reason) },
            (Standing::Running | Standing::Closing | Standing::Closed, _) => SendErrorKind::Closed,
        }
    }

    /// Why no call is any use: the process is a forked child, or the producer is closed or refused as a whole.
    pub(crate) fn refusal(&self) -> Option<SendErrorKind> {
        if self.is_forked() {
            return Some(SendErrorKind::Forked);
        }
        self.accumulator.is_closed().then(|| self.closed_kind())
    }

    /// Has the driver finish what was accepted until `deadline`, and accepts nothing more.
    pub(crate) fn begin_close(&self, deadline: Deadline) {
        self.ended.begin_close();
        // The command first: the core refuses new records with it, so that nothing leaves between the two.
        self.tell(Command::Close(deadline));
        self.refuse_new();
    }

    /// Refuses new records and releases those who wait (CL7, CL10). What was accepted goes on.
    pub(crate) fn refuse_new(&self) {
        self.accumulator.close();
        self.waiters.close(&self.closed_kind());
        self.pool.close();
        if let Some(acks) = &self.extensions.acks {
            acks.queue().places.close();
        }
    }
}
