//! The producer of transactions: it alone may begin one, and has nothing that could send outside of one.

use crate::drive::ended::Closed;
use crate::error::{BuildError, SendErrorKind, WaitError};
use crate::producer::Producer;
use crate::shared::Shared;
use crate::transaction::error::BeginError;
use crate::transaction::guard::{Open, Transaction};
use crate::transaction::handle::{TransactionHandle, TypedTransactions};
use crate::transaction::ledger::Answer;
use crate::transaction::observer::ProducerObserver;
use crate::transaction::outcome::TransactionOutcome;
use kp_metrics::TransactionCall;
use kp_record::Serializer;
use kp_time::Deadline;
use std::fmt;
use std::ops::Deref;
use std::time::{Duration, Instant};

/// A producer whose records become visible by transactions: all of one, or none (KIP-98). Made by
/// [`ProducerBuilder::build_transactional`](crate::ProducerBuilder::build_transactional) out of a configuration with a
/// `transactional.id`. It lends what only looks, of [`ProducerObserver`].
///
/// There is one for each `transactional.id` at a time: a later one, in whatever process, fences an earlier one, whose calls then end
/// as [`BeginError::Fatal`] or [`EndError::Fatal`](crate::EndError::Fatal). So it cannot be cloned either:
/// ```compile_fail,E0308
/// # fn example(producer: kp_producer::TransactionalProducer) {
/// let second: kp_producer::TransactionalProducer = producer.clone();
/// # }
/// ```
/// and no record is sent outside of a transaction:
/// ```compile_fail,E0599
/// # async fn example(producer: kp_producer::TransactionalProducer) -> Result<(), Box<dyn std::error::Error>> {
/// producer.send(kp_producer::ProducerRecord::to("orders").value("hello")).await?;
/// # Ok(()) }
/// ```
///
/// Dropping it returns at once; a transaction that is not ended is aborted in the background.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use kp_producer::{EndError, Producer, ProducerConfig, ProducerRecord};
/// let config = ProducerConfig::default().bootstrap_servers("localhost:9092").transactional_id("billing-1");
/// let mut producer = Producer::builder(config).build_transactional()?;
/// let transaction = producer.begin().await?;
/// for line in ["one", "two"] {
///     // What became of each, `commit` tells for all of them.
///     drop(transaction.send(ProducerRecord::to("orders").value(line)).await?);
/// }
/// match transaction.commit().await {
///     Ok(committed) => println!("{} records", committed.records),
///     Err(EndError::Aborted(why)) => println!("none of them, and they may be sent again: {why}"),
///     Err(EndError::Unresolved { .. }) => println!("{:?}", producer.resolve().await),
///     Err(finished) => return Err(finished.into()),
/// }
/// # Ok(()) }
/// ```
pub struct TransactionalProducer {
    observer: ProducerObserver,
}

impl TransactionalProducer {
    pub(crate) fn new(producer: Producer) -> Self {
        Self { observer: ProducerObserver::new(producer) }
    }

    /// Gets a producer id from the coordinator, which fences older producers with this `transactional.id` and ends what they left
    /// open. The first [`begin`](Self::begin) does the same by itself. Waits at most `max.block.ms`.
    ///
    /// Cancel safety: it goes on when the future is dropped; the next call joins it.
    ///
    /// # Errors
    /// [`BeginError`].
    pub async fn init(&mut self) -> Result<(), BeginError> {
        self.initialize().await
    }

    /// Begins a transaction; asks no broker, once there is a producer id. Waits for that, or for the end of the transaction before,
    /// at most `max.block.ms` each.
    ///
    /// Cancel safety: dropping the future begins nothing.
    ///
    /// # Errors
    /// [`BeginError`].
    pub async fn begin(&mut self) -> Result<Transaction<'_>, BeginError> {
        let open = self.open().await?;
        Ok(Transaction::new(open))
    }

    /// Waits for the end of a transaction that was [`Unresolved`](crate::EndError::Unresolved), or whose guard or commit was
    /// dropped: at most `max.block.ms`, and tells what it was. Of one that has ended it tells at once; `None` before the first.
    ///
    /// Cancel safety: dropping the future ends the waiting.
    pub async fn resolve(&mut self) -> Option<TransactionOutcome> {
        // What stands in the way of waiting changes nothing of what is known.
        let _ = self.settle_previous().await;
        self.last_outcome()
    }

    /// As [`Producer::close`]; the end of a transaction that is still under way is part of what may take `within`, and
    /// [`Closed::transaction`] tells what it was.
    ///
    /// Cancel safety: the closing goes on when the future is dropped.
    ///
    /// # Errors
    /// As [`Producer::close`].
    pub async fn close(self, within: Duration) -> Result<Closed, WaitError> {
        self.producer().close(within).await
    }

    /// Looks at this producer, also while a transaction is open.
    #[must_use]
    pub fn observer(&self) -> ProducerObserver {
        self.observer.clone()
    }

    /// Configures serializers, to be used in each transaction by [`TransactionHandle::typed`].
    ///
    /// # Errors
    /// [`BuildError::Extension`]: one of them does not like its configuration; both are closed then.
    pub fn typed<K: ?Sized + 'static, V: ?Sized + 'static>(
        &self,
        key: impl Serializer<K> + 'static,
        value: impl Serializer<V> + 'static,
    ) -> Result<TypedTransactions<K, V>, BuildError> {
        TypedTransactions::new(self.producer(), key, value)
    }

    pub(crate) fn producer(&self) -> &Producer {
        self.observer.producer()
    }

    fn shared(&self) -> &Shared {
        self.producer().shared()
    }

    /// A transaction that begins.
    pub(crate) async fn open(&self) -> Result<Open, BeginError> {
        self.initialize().await?;
        let _timed = self.shared().measured.time_transaction(TransactionCall::Begin);
        self.settle_previous().await?;
        let shared = self.shared();
        if let Some(finished) = shared.waits.ledger().fatal() {
            return Err(finished);
        }
        let acknowledged = shared.measured.counters().acknowledged();
        let now = shared.clock.now();
        shared.measured.transactions().began(now);
        let scope = shared.waits.ledger().begin(now, &shared.link);
        Ok(Open { handle: TransactionHandle::new(self.producer(), &scope), acknowledged })
    }

    async fn initialize(&self) -> Result<(), BeginError> {
        let shared = self.shared();
        if let Some(finished) = shared.waits.ledger().fatal() {
            return Err(finished);
        }
        let (begun, deadline) = self.may_wait()?;
        let _timed = shared.measured.time_transaction(TransactionCall::Init);
        match shared.waits.ledger().initialize(&shared.link, deadline).await {
            Answer::Initialized(result) => result,
            Answer::Late { reason } => Err(BeginError::InitTimeout { waited: self.since(begun), reason }),
            Answer::Over | Answer::Ended(_) | Answer::OffsetsSent(_) => Err(self.over()),
        }
    }

    /// Waits for the end of the transaction before; one whose guard was forgotten is aborted.
    async fn settle_previous(&self) -> Result<(), BeginError> {
        let shared = self.shared();
        let Some(scope) = shared.waits.ledger().current() else { return Ok(()) };
        let (begun, deadline) = self.may_wait()?;
        scope.end(false, &shared.link);
        let wait = shared.waits.ledger().wait_for_end(scope.number(), deadline);
        shared.link.wake();
        match wait.await {
            Answer::Ended(_) => Ok(()),
            Answer::Late { reason } => {
                Err(BeginError::PreviousUnresolved { waited: self.since(begun), reason })
            }
            Answer::Over | Answer::Initialized(_) | Answer::OffsetsSent(_) => Err(self.over()),
        }
    }

    /// Since when, and until when a call that begins now may wait.
    fn may_wait(&self) -> Result<(Instant, Deadline), BeginError> {
        let shared = self.shared();
        match shared.refusal_to_wait() {
            Some(SendErrorKind::WouldDeadlock) => return Err(BeginError::WouldDeadlock),
            Some(refusal) => return Err(BeginError::of_refusal(refusal)),
            None => {}
        }
        let now = shared.clock.now();
        Ok((now, Deadline::after(now, shared.limits.max_block, "max.block.ms")))
    }

    fn over(&self) -> BeginError {
        BeginError::of_refusal(self.shared().closed_kind())
    }

    fn since(&self, begun: Instant) -> Duration {
        self.shared().clock.now().saturating_duration_since(begun)
    }
}

impl Deref for TransactionalProducer {
    type Target = ProducerObserver;

    fn deref(&self) -> &ProducerObserver {
        &self.observer
    }
}

impl Drop for TransactionalProducer {
    fn drop(&mut self) {
        // Handles and observers may live on, and would keep the network thread.
        self.producer().handle().end_in_background();
    }
}

impl fmt::Debug for TransactionalProducer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("TransactionalProducer");
        debug.field("transactional_id", &self.transactional_id()).finish_non_exhaustive()
    }
}
