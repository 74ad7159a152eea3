//! The inside of a batch: what stays the same thing from its first record to its outcome, whatever state the batch is in.
//! Owner: the batch. What it shares with the other batches of its partition and topic is passed in, as its context.

use super::callbacks::Callbacks;
use super::converted::Converted;
use super::head::HeadBatch;
use super::ledger::Ledger;
use super::list_memory::ListMemory;
use super::place::BatchPlace;
use crate::completion::{Completion, Outcome, RecordCallback};
use crate::compression_ratio::CompressionRatio;
use crate::failure::{BatchFailure, Certainty, FailureKind};
use crate::format_overhead::FormatOverhead;
use crate::growth_limit::GrowthLimit;
use crate::incomplete::{BatchNumber, Entry, Incomplete};
use crate::queue_index::QueueIndex;
use crate::topic_counters::TopicCounters;
use kp_memory::{BufferPool, Reservation};
use kp_protocol::records::{BATCH_HEADER_SIZE, RecordEncoder};
use kp_protocol::{BatchIdentity, LeaderEpoch, TopicPartition};
use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// What the batches of one partition share, and nothing else: batches in flight keep it alive, not their queue.
#[derive(Debug)]
pub(crate) struct PartitionContext {
    pub(crate) queue: QueueIndex,
    pub(crate) topic_partition: TopicPartition,
    pub(crate) topic: Arc<TopicContext>,
    /// Beside the topic, since each record that has a callback or token passes it on.
    pub(crate) lists: Arc<ListMemory>,
}

/// What the batches of one topic share.
#[derive(Debug)]
pub(crate) struct TopicContext {
    pub(crate) ratio: CompressionRatio,
    pub(crate) growth: GrowthLimit,
    pub(crate) counters: Arc<TopicCounters>,
    pub(crate) incomplete: Arc<Incomplete>,
    /// Weak: spares hold the insides of batches, and those hold this.
    pub(crate) spares: Weak<dyn KeepSpare>,
    pub(crate) pool: Arc<BufferPool>,
    /// `linger.ms`: the part of the wait before the first attempt that was wanted.
    pub(crate) linger: Duration,
    /// What each batch takes in memory besides its pages and lists, in bytes; counted from its first record to its end.
    pub(crate) batch_overhead: usize,
    /// Whether records are sent in transactions.
    pub(crate) in_transactions: bool,
}

/// Takes what is left of a batch that is settled, to be used again.
pub(crate) trait KeepSpare: Debug + Send + Sync {
    /// Hold no lock: what is not kept is dropped.
    fn keep(&self, core: Box<Core>);
}

/// What a batch keeps in every state.
#[derive(Debug)]
pub(crate) struct Core {
    pub(super) context: Arc<PartitionContext>,
    /// Its place among the incomplete; `None` once it is settled.
    pub(super) entry: Option<Entry>,
    pub(super) place: BatchPlace,
    pub(super) is_part: bool,
    pub(super) completion: Arc<Completion>,
    pub(super) callbacks: Callbacks,
    /// Count and times of its records; final once it is closed.
    pub(super) records: RecordEncoder,
    /// Record bytes before compression; known when it is closed.
    pub(super) raw: usize,
    pub(super) ledger: Ledger,
    /// What it was sent with last, or is to be sent with for the first time (a part of a split).
    pub(super) sent: Option<Sent>,
    /// What a leader that takes no batches was sent in its place.
    pub(super) converted: Option<Converted>,
    /// What it takes in memory besides its pages, counted; `None` before its first record and after its end.
    pub(super) overhead: Option<Reservation>,
}

/// What a batch was sent with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    /// It keeps the identity for every retry (AC22).
    pub(super) identity: Option<BatchIdentity>,
    /// The same identity makes the same header again. A part that was not sent yet has none.
    pub(super) header: Option<[u8; BATCH_HEADER_SIZE]>,
    /// The leader epoch, if the metadata knew one (AC15).
    pub(super) leader_epoch: Option<LeaderEpoch>,
}

/// What a batch takes in memory besides its pages, lists and places in queues, in bytes: itself, its completion, and what shares
/// its page with the network.
pub(crate) const OVERHEAD: usize = size_of::<Core>() + size_of::<Completion>() + SHARED_PAGE;
/// A page that is frozen lies in an allocation of its own, with its reference count; so does the list of the counts' owner.
const SHARED_PAGE: usize = 128;

impl Core {
    pub(crate) fn new(context: Arc<PartitionContext>, created: Instant) -> Self {
        let completion = Completion::new(context.topic_partition.clone());
        let completion = Arc::new(completion.in_transaction_if(context.topic.in_transactions));
        Self::with(context, created, completion)
    }

    fn with(context: Arc<PartitionContext>, created: Instant, completion: Arc<Completion>) -> Self {
        let entry = context.topic.incomplete.enter(&completion);
        let ledger = Ledger::new(created, context.topic.linger);
        Self {
            context,
            entry: Some(entry),
            place: BatchPlace::of(entry.number),
            is_part: false,
            completion,
            callbacks: Callbacks::default(),
            records: RecordEncoder::new(),
            raw: 0,
            ledger,
            sent: None,
            converted: None,
            overhead: None,
        }
    }

    /// Whether it stands for no batch's outcome: `blank`, which stands in for a completion that is looked at.
    pub(crate) fn completion_is(&self, blank: &Arc<Completion>) -> bool {
        Arc::ptr_eq(&self.completion, blank)
    }

    /// Gives a retired one a completion to use again.
    pub(crate) fn take_completion(&mut self, completion: Arc<Completion>) {
        debug_assert!(self.entry.is_none(), "it is settled");
        self.completion = completion;
    }

    /// It is settled, and kept to be used again: lets go of everything that another batch may need. Gives its completion away if
    /// others look at it.
    pub(crate) fn retire(&mut self, blank: &Arc<Completion>) -> Option<Arc<Completion>> {
        debug_assert!(self.entry.is_none(), "it is settled");
        self.converted = None;
        self.ledger.forget_error();
        self.overhead = None;
        match Arc::get_mut(&mut self.completion) {
            Some(completion) => {
                completion.renew(blank.topic_partition().clone());
                None
            }
            None => Some(std::mem::replace(&mut self.completion, Arc::clone(blank))),
        }
    }

    /// What was retired becomes a new batch, in the same memory.
    pub(crate) fn renew(&mut self, context: Arc<PartitionContext>, created: Instant, blank: Arc<Completion>) {
        let mut completion = std::mem::replace(&mut self.completion, blank);
        let partition = context.topic_partition.clone();
        match Arc::get_mut(&mut completion) {
            Some(completion) => completion.renew(partition),
            None => {
                let fresh = Completion::new(partition).in_transaction_if(context.topic.in_transactions);
                completion = Arc::new(fresh);
            }
        }
        *self = Self::with(context, created, completion);
    }

    pub(super) fn number(&self) -> BatchNumber {
        self.entry.map_or(self.place.number(), |entry| entry.number)
    }

    /// Counts what the batch takes in memory besides its pages, until it ends. Above the bound if need be: it has its page, and
    /// the next one has to wait for it.
    pub(super) fn count_overhead(&mut self) {
        self.overhead = Some(self.context.topic.pool.bookkeep(self.context.topic.batch_overhead));
    }

    /// As [`Batch::failure`] without a clock: by the last moment that is known.
    pub(super) fn failure_so_far(&self, kind: FailureKind, certainty: Certainty) -> BatchFailure {
        BatchFailure {
            kind,
            certainty: self.ledger.weaken(certainty),
            attempts: self.ledger.attempts(),
            waited: self.ledger.spent().total(),
            spent: self.ledger.spent(),
            is_fatal: false,
            last: self.ledger.last_error().cloned(),
            record_errors: Vec::new(),
        }
    }

    /// The head of a queue as a gate sees it. Its records take `payload` bytes as they are.
    pub(super) fn as_head(&self, payload: usize, format_overhead: FormatOverhead) -> HeadBatch<'_> {
        HeadBatch {
            partition: &self.context.topic_partition,
            records: self.records.count(),
            wire_size: format_overhead.wire_size(self.records.count(), self.raw, payload),
            attempts: self.ledger.attempts(),
            identity: self.sent.and_then(|sent| sent.identity),
            ever_unknown: self.ledger.is_ever_unknown(),
            created: self.ledger.created(),
        }
    }

    /// A batch for some of this one's records, from `first_index` on. It has not been tried yet (BB27), but keeps the
    /// age, what earlier attempts left open, and the sequence that its first record was given.
    pub(super) fn part(&self, now: Instant, first_index: u32) -> Self {
        let mut part = Self::new(Arc::clone(&self.context), self.ledger.created());
        part.place = self.place.of_part(first_index);
        part.is_part = true;
        part.ledger = self.ledger.part(now);
        part.count_overhead();
        let identity = self.sent.and_then(|sent| sent.identity).map(|identity| BatchIdentity {
            base_sequence: identity.base_sequence.advance(first_index),
            ..identity
        });
        part.sent = identity.map(|_| Sent { identity, header: None, leader_epoch: None });
        part
    }

    /// The header that it was sent with under this identity.
    pub(super) fn header_under(&self, identity: Option<BatchIdentity>) -> Option<[u8; BATCH_HEADER_SIZE]> {
        self.sent.filter(|sent| sent.identity == identity)?.header
    }

    /// It is sent.
    pub(super) fn begin_attempt(&mut self, now: Instant, sent: Sent) {
        self.ledger.begin_attempt(now);
        self.sent = Some(sent);
    }

    /// There are no records whose outcome a waiter could ask for.
    pub(super) fn forget(&mut self) {
        self.leave();
    }

    fn leave(&mut self) {
        let entry = self.entry.take();
        debug_assert!(entry.is_some(), "a batch is settled once");
        if let Some(entry) = entry {
            self.context.topic.incomplete.leave(entry);
        }
    }

    pub(super) fn finish(&mut self, outcome: Outcome) {
        let incomplete = Arc::clone(&self.context.topic.incomplete);
        let first = self.completion.show(outcome);
        debug_assert!(first, "a batch is settled once");
        let callbacks = std::mem::take(&mut self.callbacks);
        if self.completion.outcome().is_some() {
            // The user's code may do anything but harm other records (BB22).
            let guarded = |run: &mut dyn FnMut()| {
                if catch_unwind(AssertUnwindSafe(run)).is_err() {
                    incomplete.count_callback_panic();
                }
            };
            let completion = &self.completion;
            let call = |index, run: RecordCallback| {
                let mut told = completion.for_callback(index).map(|told| (run, told));
                guarded(&mut || {
                    if let Some((run, told)) = told.take() {
                        run(told);
                    }
                });
            };
            let tell = |index, token| {
                if let (Some(listener), Some(told)) = (incomplete.listener(), completion.for_callback(index))
                {
                    guarded(&mut || listener(token, told.clone()));
                }
            };
            callbacks.tell(&self.context.lists, call, tell);
        }
        self.completion.wake();
        self.leave();
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        if self.entry.is_none() {
            return;
        }
        // It was dropped unsettled: the driver's thread is gone, or the accumulator was dropped with the batch in it.
        let certainty = if self.ledger.is_in_flight() { Certainty::Unknown } else { Certainty::NotWritten };
        self.context.topic.incomplete.count_abandoned(self.records.count());
        self.finish(Outcome::Failed(Arc::new(
            self.failure_so_far(FailureKind::NetworkThreadGone, certainty),
        )));
    }
}
