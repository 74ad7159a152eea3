//! What sends in a transaction: everything that a guard lends to the tasks that share it. Each call is the producer's own, with
//! the transaction it belongs to.

use crate::error::{BuildError, DeliveryError, SendError, WaitError};
use crate::outcome::delivery::{Delivery, RecordMetadata};
use crate::producer::Producer;
use crate::send::bulk::{BulkDelivery, SendAllError};
use crate::send::topic::Topic;
use crate::send::typed::{TypedProducer, TypedRecord};
use crate::transaction::scope::Scope;
use kp_record::{ProducerRecord, Serializer};
use kp_sender::TransactionFailure;
use std::fmt;
use std::sync::Arc;

/// Sends in one transaction, from any task: cheap to clone, `'static`, and of no use once the transaction has ended.
///
/// [`Transaction`](crate::Transaction) and [`OwnedTransaction`](crate::OwnedTransaction) lend one (`&TransactionHandle`, which can
/// be copied, for tasks that end before the transaction), or give one away
/// ([`handle`](crate::Transaction::handle), for tasks that are spawned). Ending a transaction seals it first: a record that was
/// accepted by then belongs to it, and any later send, also one that waits for metadata or memory at that moment, is refused with
/// [`TransactionEnded`](crate::SendErrorKind::TransactionEnded). No record ever enters a later transaction.
///
/// Whether readers see a record, `commit` tells; a [`Delivery`] that ended well says that it is in the log, in a transaction
/// that has not ended yet. A `send` that was **refused** dooms the transaction, so that a task whose `Result` is not looked at cannot
/// end in a commit without its record ([`tolerate_refused`](Self::tolerate_refused) is the way out); of these
/// [`WouldBlock`](crate::SendErrorKind::WouldBlock) is none. A `send` whose future was dropped was not refused.
///
/// ```no_run
/// # async fn example(producer: &mut kp_producer::TransactionalProducer) -> Result<(), Box<dyn std::error::Error>> {
/// use kp_producer::ProducerRecord;
/// let transaction = producer.begin().await?;
/// let handle = transaction.handle();
/// let task = std::thread::spawn(move || handle.try_send(ProducerRecord::to("orders").value("hello")).map(drop));
/// task.join().expect("no panic")?;
/// transaction.commit().await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct TransactionHandle {
    /// With the transaction in it; never given out, as it can be closed.
    producer: Producer,
}

impl TransactionHandle {
    pub(crate) fn new(producer: &Producer, scope: &Arc<Scope>) -> Self {
        Self { producer: producer.within(Arc::clone(scope)) }
    }

    pub(crate) fn producer(&self) -> &Producer {
        &self.producer
    }

    pub(crate) fn scope(&self) -> &Scope {
        self.producer.scope().expect("it was made with one")
    }

    /// As [`Producer::send`], in the transaction.
    ///
    /// Cancel safety: a dropped future means "not accepted"; a returned `Delivery` means "accepted".
    ///
    /// # Errors
    /// [`SendError`]: the record was not accepted; [`SendError::needs_abort`] tells whether the transaction can only be aborted
    /// now. [`TransactionDoomed`](crate::SendErrorKind::TransactionDoomed) if that was so before.
    pub async fn send(&self, record: ProducerRecord<'_>) -> Result<Delivery, SendError> {
        self.producer.send(record).await
    }

    /// As [`Producer::try_send`], in the transaction.
    ///
    /// # Errors
    /// As [`send`](Self::send), and [`WouldBlock`](crate::SendErrorKind::WouldBlock), which dooms nothing.
    pub fn try_send(&self, record: ProducerRecord<'_>) -> Result<Delivery, SendError> {
        self.producer.try_send(record)
    }

    /// As [`Producer::send_with`], in the transaction.
    ///
    /// Cancel safety: a dropped future means "not accepted", and the callback will not run.
    ///
    /// # Errors
    /// As [`send`](Self::send); the callback will not run.
    pub async fn send_with<F>(&self, record: ProducerRecord<'_>, callback: F) -> Result<(), SendError>
    where
        F: FnOnce(Result<RecordMetadata, DeliveryError>) + Send + 'static,
    {
        self.producer.send_with(record, callback).await
    }

    /// As [`Producer::send_tagged`], in the transaction.
    ///
    /// Cancel safety: a dropped future means "not accepted", and the listener is not told.
    ///
    /// # Errors
    /// As [`send`](Self::send); the listener is not told.
    pub async fn send_tagged(&self, record: ProducerRecord<'_>, token: u64) -> Result<(), SendError> {
        self.producer.send_tagged(record, token).await
    }

    /// As [`Producer::send_all`], in the transaction.
    ///
    /// Cancel safety: a dropped future leaves accepted what was accepted by then.
    ///
    /// # Errors
    /// [`SendAllError`]: a record was refused, and what was before it stays in the transaction.
    pub async fn send_all<'a, I>(&self, records: I) -> Result<BulkDelivery, SendAllError>
    where
        I: IntoIterator<Item = ProducerRecord<'a>>,
    {
        self.producer.send_all(records).await
    }

    /// A topic of the transaction, for a caller that sends many records to it; of no use behind its end.
    #[must_use]
    pub fn topic(&self, name: &str) -> Topic {
        self.producer.topic(name)
    }

    /// Keys and values of one type each, in the transaction. `orders` was made by
    /// [`TransactionalProducer::typed`](crate::TransactionalProducer::typed).
    #[must_use]
    pub fn typed<K: ?Sized + 'static, V: ?Sized + 'static>(
        &self,
        orders: &TypedTransactions<K, V>,
    ) -> TypedTransaction<K, V> {
        TypedTransaction(orders.0.sending_by(self.producer.clone()))
    }

    /// As [`Producer::flush`]: sends what lingers and waits for its outcomes. Only for latency: `commit` does it by itself.
    ///
    /// Cancel safety: dropping the future ends the waiting; the records go their way.
    ///
    /// # Errors
    /// As [`Producer::flush`].
    pub async fn flush(&self) -> Result<(), WaitError> {
        self.producer.flush().await
    }

    /// The first thing that makes a commit impossible: `commit` will abort and answer with it. `None`: so far, so good.
    #[must_use]
    pub fn doomed(&self) -> Option<TransactionFailure> {
        self.scope().doomed().cloned()
    }

    /// Refused sends do not doom this transaction from now on: for a caller that handles each refusal, such as one that leaves out
    /// records that are too large. What was accepted and fails dooms it all the same.
    pub fn tolerate_refused(&self) {
        self.scope().tolerate_refused();
    }

    /// Which transaction of its producer it is, from 1.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.scope().number()
    }

    /// Whether it has ended for sends: it was committed, aborted, or dropped.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.scope().is_ended()
    }
}

impl fmt::Debug for TransactionHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("TransactionHandle");
        debug.field("number", &self.number()).field("is_ended", &self.is_ended()).finish_non_exhaustive()
    }
}

/// The serializers of a transactional producer's keys and values: made once, used in each transaction by
/// [`TransactionHandle::typed`].
pub struct TypedTransactions<K: ?Sized, V: ?Sized>(TypedProducer<K, V>);

impl<K: ?Sized + 'static, V: ?Sized + 'static> TypedTransactions<K, V> {
    pub(crate) fn new(
        producer: &Producer,
        key: impl Serializer<K> + 'static,
        value: impl Serializer<V> + 'static,
    ) -> Result<Self, BuildError> {
        TypedProducer::new(producer, key, value).map(Self)
    }
}

impl<K: ?Sized, V: ?Sized> fmt::Debug for TypedTransactions<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TypedTransactions").finish_non_exhaustive()
    }
}

/// Records with keys and values of one type each, in one transaction: the twin of [`TypedProducer`]. Cheap to clone.
pub struct TypedTransaction<K: ?Sized, V: ?Sized>(TypedProducer<K, V>);

impl<K: ?Sized + 'static, V: ?Sized + 'static> TypedTransaction<K, V> {
    /// As [`TypedProducer::send`], in the transaction. A serializer that fails dooms it.
    ///
    /// Cancel safety: a dropped future means "not accepted".
    ///
    /// # Errors
    /// As [`TransactionHandle::send`].
    pub async fn send(&self, record: TypedRecord<'_, K, V>) -> Result<Delivery, SendError> {
        self.0.send(record).await
    }

    /// As [`TypedProducer::send_with`], in the transaction.
    ///
    /// Cancel safety: a dropped future means "not accepted", and the callback will not run.
    ///
    /// # Errors
    /// As [`TransactionHandle::send`].
    pub async fn send_with<F>(&self, record: TypedRecord<'_, K, V>, callback: F) -> Result<(), SendError>
    where
        F: FnOnce(Result<RecordMetadata, DeliveryError>) + Send + 'static,
    {
        self.0.send_with(record, callback).await
    }

    /// As [`TypedProducer::try_send`], in the transaction.
    ///
    /// # Errors
    /// As [`TransactionHandle::try_send`].
    pub fn try_send(&self, record: &TypedRecord<'_, K, V>) -> Result<Delivery, SendError> {
        self.0.try_send(record)
    }

    /// As [`TypedProducer::send_blocking`], in the transaction.
    ///
    /// # Errors
    /// As [`TransactionHandle::send`].
    pub fn send_blocking(&self, record: TypedRecord<'_, K, V>) -> Result<Delivery, SendError> {
        self.0.send_blocking(record)
    }
}

impl<K: ?Sized, V: ?Sized> Clone for TypedTransaction<K, V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K: ?Sized, V: ?Sized> fmt::Debug for TypedTransaction<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TypedTransaction").finish_non_exhaustive()
    }
}
