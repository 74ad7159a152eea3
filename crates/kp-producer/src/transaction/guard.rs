//! A transaction in the hands of the one who may end it. Dropping it aborts it, without blocking.

use crate::error::SendErrorKind;
use crate::transaction::error::EndError;
use crate::transaction::handle::TransactionHandle;
use crate::transaction::ledger::Answer;
use crate::transaction::outcome::{Aborted, Committed};
use kp_metrics::{Stopwatch, TransactionCall};
use kp_sender::{TransactionEnd, TransactionFailure, TransactionFailureKind};
use kp_time::Deadline;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::time::{Duration, Instant};

/// A transaction that is open. There is one at a time, and nothing of its producer can be sent outside of it: both are facts of
/// its type. It lends [`TransactionHandle`]'s calls.
///
/// It ends in exactly one way: [`commit`](Self::commit), [`abort`](Self::abort), or its drop, which aborts it in the background.
///
/// ```no_run
/// # async fn example(mut producer: kp_producer::TransactionalProducer) -> Result<(), Box<dyn std::error::Error>> {
/// use kp_producer::ProducerRecord;
/// let transaction = producer.begin().await?;
/// transaction.send(ProducerRecord::to("orders").value("one")).await?;
/// transaction.send(ProducerRecord::to("payments").value("one")).await?;
/// let committed = transaction.commit().await?;
/// println!("{} records are visible", committed.records);
/// # Ok(()) }
/// ```
///
/// Each of these does not compile: a second transaction while one is open,
/// ```compile_fail,E0499
/// # async fn example(mut producer: kp_producer::TransactionalProducer) -> Result<(), kp_producer::BeginError> {
/// let first = producer.begin().await?;
/// let second = producer.begin().await?;
/// drop(first);
/// # Ok(()) }
/// ```
/// closing the producer over it,
/// ```compile_fail,E0505
/// # async fn example(mut producer: kp_producer::TransactionalProducer) -> Result<(), Box<dyn std::error::Error>> {
/// let transaction = producer.begin().await?;
/// producer.close(std::time::Duration::ZERO).await?;
/// drop(transaction);
/// # Ok(()) }
/// ```
/// using it behind its end,
/// ```compile_fail,E0382
/// # async fn example(mut producer: kp_producer::TransactionalProducer) -> Result<(), Box<dyn std::error::Error>> {
/// let transaction = producer.begin().await?;
/// transaction.commit().await?;
/// transaction.send(kp_producer::ProducerRecord::to("orders")).await?;
/// # Ok(()) }
/// ```
/// and ending it twice.
/// ```compile_fail,E0382
/// # async fn example(mut producer: kp_producer::TransactionalProducer) -> Result<(), Box<dyn std::error::Error>> {
/// let transaction = producer.begin().await?;
/// transaction.commit().await?;
/// transaction.abort().await?;
/// # Ok(()) }
/// ```
#[must_use = "a transaction that is dropped is aborted"]
pub struct Transaction<'p> {
    open: Open,
    /// The right to begin is its own until it ends.
    producer: PhantomData<&'p mut ()>,
}

impl Transaction<'_> {
    pub(crate) fn new(open: Open) -> Self {
        Self { open, producer: PhantomData }
    }

    /// Makes all of it visible, or nothing. Seals it, waits until every record is settled, without `linger.ms`, and then at most
    /// `max.block.ms` for the coordinator.
    ///
    /// If it cannot be committed ([`doomed`](TransactionHandle::doomed)), it is aborted instead, and the error is
    /// [`EndError::Aborted`] with the first cause.
    ///
    /// Cancel safety: once it was polled, the commit goes on when the future is dropped, and
    /// [`TransactionalProducer::resolve`](crate::TransactionalProducer::resolve) tells what came of it. A future that was never
    /// polled is a dropped transaction: it is aborted.
    ///
    /// # Errors
    /// [`EndError`], which always says whether the records are, or will be, visible.
    pub async fn commit(self) -> Result<Committed, EndError> {
        self.open.commit().await
    }

    /// Makes nothing of it visible. What was not sent is discarded, what is under way is waited for; then, and all together at
    /// most `max.block.ms`, for the coordinator.
    ///
    /// Cancel safety: the abort goes on when the future is dropped, polled or not.
    ///
    /// # Errors
    /// [`EndError::Unresolved`]: it is not done yet, and certain to come. [`EndError::Fatal`]: the producer is finished.
    pub async fn abort(self) -> Result<Aborted, EndError> {
        self.open.abort().await
    }

    /// The same for a task of its own; of no use behind the end.
    #[must_use]
    pub fn handle(&self) -> TransactionHandle {
        self.open.handle.clone()
    }
}

impl Deref for Transaction<'_> {
    type Target = TransactionHandle;

    fn deref(&self) -> &TransactionHandle {
        &self.open.handle
    }
}

impl fmt::Debug for Transaction<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Transaction").field(&self.open.handle).finish()
    }
}

/// A transaction that ends with this value, however that goes.
pub(crate) struct Open {
    pub(crate) handle: TransactionHandle,
    /// How many records were acknowledged before it.
    pub(crate) acknowledged: u64,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.seal(false);
    }
}

impl Open {
    pub(crate) async fn commit(self) -> Result<Committed, EndError> {
        let begun = self.now();
        let _timed = self.time(TransactionCall::Commit);
        self.seal(true);
        self.check_wait()?;
        let shared = self.handle.producer().shared();
        // Only to begin the time of the coordinator behind the last record: the core waits for them in any case.
        shared.accumulator.begin_flush().await;
        match self.wait(self.now()).await? {
            TransactionEnd::Committed { epoch } => {
                let scope = self.handle.scope();
                let (records, groups) = (scope.records(), scope.groups());
                Ok(Committed { records, groups, epoch, took: self.since(begun) })
            }
            TransactionEnd::Aborted { why } => Err(EndError::Aborted(self.first_cause(why))),
            TransactionEnd::Unknown(why) => Err(EndError::Unknown(why)),
            TransactionEnd::Fatal(why) => Err(EndError::Fatal(why)),
        }
    }

    pub(crate) async fn abort(self) -> Result<Aborted, EndError> {
        let begun = self.now();
        let _timed = self.time(TransactionCall::Abort);
        self.seal(false);
        self.check_wait()?;
        match self.wait(begun).await? {
            TransactionEnd::Aborted { .. } => Ok(Aborted {
                discarded: self.handle.scope().records(),
                in_log: self.acknowledged_since(),
                took: self.since(begun),
            }),
            TransactionEnd::Fatal(why) => Err(EndError::Fatal(why)),
            TransactionEnd::Unknown(why) => Err(EndError::Unknown(why)),
            // The decision never changes once it was made.
            TransactionEnd::Committed { .. } => Err(EndError::Unknown(unresolvable())),
        }
    }

    /// The first decision counts: what a drop says behind a commit is nothing.
    fn seal(&self, commit: bool) {
        let shared = self.handle.producer().shared();
        // A forked child has no network thread to tell, and the parent's is not its to touch.
        if !shared.is_forked() {
            self.handle.scope().end(commit, &shared.link);
        }
    }

    /// Where no call may wait, the end is not known yet.
    fn check_wait(&self) -> Result<(), EndError> {
        let shared = self.handle.producer().shared();
        let words = match shared.is_forked() {
            true => SendErrorKind::Forked.to_string(),
            false if shared.link.is_network_thread() => SendErrorKind::WouldDeadlock.to_string(),
            false => return Ok(()),
        };
        Err(EndError::Unresolved { waited: Duration::ZERO, reason: words.into() })
    }

    async fn wait(&self, since: Instant) -> Result<TransactionEnd, EndError> {
        let shared = self.handle.producer().shared();
        let deadline = Deadline::after(since, shared.limits.max_block, "max.block.ms");
        let wait = shared.waits.ledger().wait_for_end(self.handle.number(), deadline);
        shared.link.wake();
        match wait.await {
            Answer::Ended(end) => Ok(end),
            Answer::Late { reason } => Err(EndError::Unresolved { waited: self.since(since), reason }),
            Answer::Over | Answer::Initialized(_) | Answer::OffsetsSent(_) => Err(self.never_told()),
        }
    }

    /// The producer has ended, and nothing was heard of the transaction's end.
    fn never_told(&self) -> EndError {
        let closed = TransactionFailure::of(TransactionFailureKind::Closed);
        match self.handle.scope().is_to_commit() {
            true => EndError::Unknown(closed),
            // The coordinator aborts at `transaction.timeout.ms` what no producer ends.
            false => EndError::Fatal(closed),
        }
    }

    /// TC15: behind the coordinator's timeout every record fails. Then that is the cause, and not the record.
    fn first_cause(&self, why: Option<TransactionFailure>) -> TransactionFailure {
        let is_timed_out =
            matches!(why, Some(TransactionFailure { kind: TransactionFailureKind::TimedOut { .. }, .. }));
        let known = self.handle.scope().doomed().filter(|_| !is_timed_out);
        known.cloned().or(why).unwrap_or_else(unresolvable)
    }

    fn acknowledged_since(&self) -> u64 {
        let counters = self.handle.producer().shared().measured.counters();
        counters.acknowledged().saturating_sub(self.acknowledged)
    }

    fn time(&self, call: TransactionCall) -> Stopwatch<'_, impl FnMut(Duration)> {
        self.handle.producer().shared().measured.time_transaction(call)
    }

    fn now(&self) -> Instant {
        self.handle.producer().shared().clock.now()
    }

    fn since(&self, begun: Instant) -> Duration {
        self.now().saturating_duration_since(begun)
    }
}

fn unresolvable() -> TransactionFailure {
    TransactionFailure::of(TransactionFailureKind::Unresolvable)
}
