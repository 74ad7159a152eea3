//! One outcome per batch, and the waiters for its records.
//! Published once by the thread that settles the batch; read by any thread with one Acquire load. Lock: the list of wakers,
//! never held while one of them runs.

use crate::failure::BatchFailure;
use crate::waker_set::WakerSet;
use kp_protocol::{Offset, Timestamp, TopicPartition};
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Poll, Waker};

/// What became of a batch.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Acknowledged.
    Written {
        /// The offset of its first record; `None` when the broker did not say (`acks=0`, or a duplicate it had
        /// forgotten the offset of).
        base_offset: Option<Offset>,
        /// The broker's time for all its records, if the topic has `LogAppendTime`.
        log_append_time: Option<Timestamp>,
    },
    /// Not acknowledged.
    Failed(Arc<BatchFailure>),
    /// Re-packed into smaller batches, in record order, none of them empty (BB25).
    Split(Vec<SplitPart>),
}

/// One of the batches that a batch was split into.
#[derive(Clone, Debug)]
pub struct SplitPart {
    /// The index, in the batch that was split, of this part's first record.
    pub first_index: u32,
    /// Its own outcome.
    pub completion: Arc<Completion>,
}

/// What became of one record.
#[derive(Clone, Debug)]
pub enum RecordResult {
    /// Acknowledged.
    Written {
        /// Its offset, if known (BB23).
        offset: Option<Offset>,
        /// The broker's time, if the topic has `LogAppendTime`; otherwise the record keeps its own.
        log_append_time: Option<Timestamp>,
    },
    /// Not acknowledged.
    Failed {
        /// Its place in the batch that failed: what [`BatchFailure::record_errors`] names.
        index_in_batch: u32,
        /// Why.
        failure: Arc<BatchFailure>,
    },
}

/// A record's callback, run once, on the thread that settles the batch, without locks.
pub type RecordCallback = Box<dyn FnOnce(RecordOutcome<'_>) + Send>;

/// What a callback is told.
#[derive(Clone, Debug)]
pub struct RecordOutcome<'a> {
    /// The partition it was for.
    pub partition: &'a TopicPartition,
    /// Its result.
    pub result: RecordResult,
    /// Its place in the batch that ended: after a split, in the part.
    pub index: u32,
    /// Whether it was sent in a transaction.
    pub in_transaction: bool,
}

/// Told about each record that was appended with a token, on the thread that settles the batch, without locks.
pub type Listener = Box<dyn Fn(u64, RecordOutcome<'_>) + Send + Sync>;

/// The place where a batch's outcome appears. One per batch, shared by its records' deliveries.
///
/// ```
/// use kp_accumulator::{Completion, Outcome, RecordResult};
/// use kp_protocol::{Offset, TopicPartition};
/// let completion = Completion::new(TopicPartition::new("orders", 0));
/// assert!(completion.record_result(3).is_none());
/// completion.publish(Outcome::Written { base_offset: Some(Offset(100)), log_append_time: None });
/// let Some(RecordResult::Written { offset, .. }) = completion.record_result(3) else { panic!("published") };
/// assert_eq!(offset, Some(Offset(103)));
/// ```
#[derive(Debug)]
pub struct Completion {
    partition: TopicPartition,
    outcome: OnceLock<Outcome>,
    /// Records of the batch, known when it closes; 0 before.
    records: AtomicU32,
    wakers: Mutex<WakerSet>,
    /// Whether the callbacks have run: what a flush waits for.
    finished: AtomicBool,
    /// Whether its records are sent in transactions, as all of its accumulator are.
    in_transaction: bool,
}

impl Completion {
    /// A completion without an outcome, for a batch of `partition`.
    #[must_use]
    pub fn new(partition: TopicPartition) -> Self {
        Self {
            partition,
            outcome: OnceLock::new(),
            records: AtomicU32::new(0),
            wakers: Mutex::default(),
            finished: AtomicBool::new(false),
            in_transaction: false,
        }
    }

    /// The same for records that are sent in transactions.
    pub(crate) fn in_transaction_if(mut self, is: bool) -> Self {
        self.in_transaction = is;
        self
    }

    /// Whether its records were sent in a transaction: to be in the log is not to be visible then.
    #[must_use]
    pub fn is_in_transaction(&self) -> bool {
        self.in_transaction
    }

    /// As it was when it was made, for a batch of `partition`. Not shared with any waiter.
    pub(crate) fn renew(&mut self, partition: TopicPartition) {
        self.partition = partition;
        self.outcome.take();
        *self.records.get_mut() = 0;
        self.wakers.get_mut().clear();
        *self.finished.get_mut() = false;
    }

    /// The partition its records are for.
    #[must_use]
    pub fn topic_partition(&self) -> &TopicPartition {
        &self.partition
    }

    /// The outcome, once there is one. One Acquire load.
    #[must_use]
    pub fn outcome(&self) -> Option<&Outcome> {
        self.outcome.get()
    }

    /// Whether there is an outcome for good: a split batch is done when all its parts are.
    #[must_use]
    pub fn is_done(&self) -> bool {
        match self.outcome() {
            None => false,
            Some(Outcome::Split(parts)) => parts.iter().all(|part| part.completion.is_done()),
            Some(Outcome::Written { .. } | Outcome::Failed(_)) => true,
        }
    }

    /// The outcome, or a promise to wake `waker` when there is one. A waker that is registered already is not kept
    /// twice.
    pub fn poll(&self, waker: &Waker) -> Poll<&Outcome> {
        self.poll_until(waker, || self.outcome())
    }

    /// What became of the record at `index`, following the batch through splits (FA10).
    #[must_use]
    pub fn record_result(&self, index: u32) -> Option<RecordResult> {
        let (completion, index) = self.follow(index);
        completion.outcome()?.record(index)
    }

    /// As [`record_result`](Self::record_result), with a promise to wake `waker`. Poll again when woken.
    pub fn poll_record(&self, index: u32, waker: &Waker) -> Poll<RecordResult> {
        loop {
            let (completion, index) = self.follow(index);
            match completion.poll(waker) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(outcome) => {
                    // None: split while it was looked at, so follow again.
                    if let Some(result) = outcome.record(index) {
                        return Poll::Ready(result);
                    }
                }
            }
        }
    }

    /// Makes the outcome visible and wakes all waiters. `false` if there was one already, which then stays.
    ///
    /// Called by batches when they are settled; public for test kits that complete records by hand.
    pub fn publish(&self, outcome: Outcome) -> bool {
        let first = self.show(outcome);
        self.wake();
        first
    }

    /// Makes the outcome visible; no waiter is woken yet, since callbacks come first (BB22).
    pub(crate) fn show(&self, outcome: Outcome) -> bool {
        self.outcome.set(outcome).is_ok()
    }

    pub(crate) fn wake(&self) {
        let wakers = {
            let mut wakers = self.wakers.lock();
            self.finished.store(true, Ordering::Release);
            std::mem::take(&mut *wakers)
        };
        wakers.wake_all();
    }

    /// As [`poll`](Self::poll), but ready only when the callbacks have run as well.
    pub(crate) fn poll_finished(&self, waker: &Waker) -> Poll<&Outcome> {
        self.poll_until(waker, || self.outcome().filter(|_| self.finished.load(Ordering::Acquire)))
    }

    #[inline]
    fn poll_until<'a>(&self, waker: &Waker, ready: impl Fn() -> Option<&'a Outcome>) -> Poll<&'a Outcome> {
        if let Some(outcome) = ready() {
            return Poll::Ready(outcome);
        }
        let mut cloned = None;
        loop {
            let mut wakers = self.wakers.lock();
            // Published before the list is taken: a waiter that finds no outcome here is in the list when it is taken.
            if let Some(outcome) = ready() {
                return Poll::Ready(outcome);
            }
            if wakers.contains(waker) {
                return Poll::Pending;
            }
            if let Some(cloned) = cloned.take() {
                let known = wakers.insert(cloned);
                drop(wakers);
                drop(known);
                return Poll::Pending;
            }
            drop(wakers);
            // Without the lock: a waker is foreign code.
            cloned = Some(waker.clone());
        }
    }

    pub(crate) fn set_records(&self, records: u32) {
        self.records.store(records, Ordering::Relaxed);
    }

    /// Records in the batch once it is closed, 0 before.
    pub(crate) fn records(&self) -> u32 {
        self.records.load(Ordering::Relaxed)
    }

    /// What a callback of the record at `index` is told; `None` for a split, whose parts know, and before the outcome.
    pub(crate) fn for_callback(&self, index: u32) -> Option<RecordOutcome<'_>> {
        let result = self.outcome()?.record(index)?;
        let (partition, in_transaction) = (&self.partition, self.in_transaction);
        Some(RecordOutcome { partition, result, index, in_transaction })
    }

    /// The batch that the record at `index` is in now, and its index there.
    fn follow(&self, mut index: u32) -> (&Self, u32) {
        let mut at = self;
        while let Some(Outcome::Split(parts)) = at.outcome() {
            // The first part begins at 0, so there is always one.
            let Some(part) = parts.iter().rev().find(|part| part.first_index <= index) else { break };
            index -= part.first_index;
            at = &part.completion;
        }
        (at, index)
    }
}

impl Outcome {
    /// What this outcome means for the record at `index`; `None` for a split, whose parts know.
    fn record(&self, index: u32) -> Option<RecordResult> {
        match self {
            Self::Written { base_offset, log_append_time } => {
                // A broker may say anything: an offset that no log can have is none.
                let offset = base_offset.and_then(|base| base.0.checked_add(i64::from(index))).map(Offset);
                Some(RecordResult::Written { offset, log_append_time: *log_append_time })
            }
            Self::Failed(failure) => {
                Some(RecordResult::Failed { index_in_batch: index, failure: Arc::clone(failure) })
            }
            Self::Split(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU32;
    use std::task::Wake;

    #[derive(Default)]
    struct Rung(AtomicU32);

    impl Wake for Rung {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn completion() -> Completion {
        Completion::new(TopicPartition::new("t", 0))
    }

    fn written(base: i64) -> Outcome {
        Outcome::Written { base_offset: Some(Offset(base)), log_append_time: None }
    }

    fn offset(completion: &Completion, index: u32) -> Option<Offset> {
        match completion.record_result(index) {
            Some(RecordResult::Written { offset, .. }) => offset,
            other => panic!("record {index}: {other:?}"),
        }
    }

    // BB23
    #[test]
    fn the_offset_of_a_record_is_the_base_offset_plus_its_index() {
        let completion = completion();
        assert!(completion.publish(Outcome::Written {
            base_offset: Some(Offset(40)),
            log_append_time: Some(Timestamp(7)),
        }));
        let Some(RecordResult::Written { offset, log_append_time }) = completion.record_result(2) else {
            panic!("it is written");
        };
        assert_eq!((offset, log_append_time), (Some(Offset(42)), Some(Timestamp(7))));
    }

    // BB21
    #[test]
    fn an_outcome_is_published_once() {
        let completion = completion();
        assert!(completion.publish(written(1)));
        assert!(!completion.publish(written(2)));
        assert_eq!(offset(&completion, 0), Some(Offset(1)));
    }

    #[test]
    fn the_same_waker_is_kept_once_and_woken_once() {
        let (completion, rung) = (completion(), Arc::new(Rung::default()));
        let waker = Waker::from(Arc::clone(&rung));
        for index in 0..5 {
            assert!(completion.poll_record(index, &waker).is_pending());
        }
        assert_eq!(completion.wakers.lock().len(), 1);
        completion.publish(written(0));
        assert_eq!(rung.0.load(Ordering::SeqCst), 1);
        assert!(completion.poll_record(4, &waker).is_ready());
    }

    /// Each is another waker.
    fn wakers(count: u32) -> Vec<Waker> {
        (0..count).map(|_| Waker::from(Arc::new(Rung::default()))).collect()
    }

    #[test]
    fn a_waker_for_each_record_of_a_large_batch_is_found_without_a_look_at_all_of_them() {
        let (completion, wakers) = (completion(), wakers(20_000));
        for (index, waker) in (0..).zip(&wakers) {
            assert!(completion.poll_record(index, waker).is_pending());
        }
        let kept = completion.wakers.lock();
        assert_eq!(kept.len(), 20_000);
        assert!(kept.compared_one_by_one() <= 8, "{}", kept.compared_one_by_one());
    }

    #[test]
    fn of_many_wakers_each_is_kept_once_and_woken_once() {
        let completion = completion();
        let rungs: Vec<_> = (0..100).map(|_| Arc::new(Rung::default())).collect();
        for _ in 0..3 {
            for rung in &rungs {
                assert!(completion.poll(&Waker::from(Arc::clone(rung))).is_pending());
            }
        }
        completion.publish(written(0));
        assert!(rungs.iter().all(|rung| rung.0.load(Ordering::SeqCst) == 1));
    }

    // BB23
    #[test]
    fn an_offset_that_no_log_can_have_is_no_offset() {
        let completion = completion();
        completion.publish(written(i64::MAX));
        assert_eq!(offset(&completion, 0), Some(Offset(i64::MAX)));
        assert_eq!(offset(&completion, 1), None);
    }

    // FA10, BB25
    #[test]
    fn waiting_across_a_split_follows_the_chain_by_index() {
        let (first, second, third) = (Arc::new(completion()), Arc::new(completion()), Arc::new(completion()));
        let part = |first_index, completion: &Arc<Completion>| SplitPart {
            first_index,
            completion: Arc::clone(completion),
        };
        let (whole, rung) = (completion(), Arc::new(Rung::default()));
        let waker = Waker::from(Arc::clone(&rung));
        assert!(whole.poll_record(5, &waker).is_pending());
        whole.publish(Outcome::Split(vec![part(0, &first), part(3, &second)]));
        second.publish(Outcome::Split(vec![part(0, &third), part(1, &first)]));
        assert!(whole.record_result(3).is_none() && whole.poll_record(3, &waker).is_pending());
        third.publish(written(70));
        assert_eq!(rung.0.load(Ordering::SeqCst), 2, "at the split, and at the end of its part");
        assert_eq!(offset(&whole, 3), Some(Offset(70)));
        assert!(!whole.is_done());
        first.publish(written(80));
        assert_eq!(offset(&whole, 2), Some(Offset(82)));
        assert_eq!(offset(&whole, 5), Some(Offset(81)));
        assert!(whole.is_done());
    }
}
