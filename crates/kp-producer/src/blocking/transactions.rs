//! Transactions without async: the same calls, blocking the calling thread. Dropping one blocks as little as in async code.

use crate::config::ProducerConfig;
use crate::drive::ended::Closed;
use crate::drive::parker::block_on;
use crate::error::{BuildError, ConnectError, DeliveryError, SendError, WaitError};
use crate::outcome::delivery::{Delivery, RecordMetadata};
use crate::producer::PartitionInfo;
use crate::send::bulk::{BulkDelivery, SendAllError};
use crate::transaction::error::{BeginError, EndError, OffsetsError};
use crate::transaction::observer::ProducerObserver;
use crate::transaction::outcome::{Aborted, Committed, TransactionOutcome};
use kp_protocol::TopicPartition;
use kp_record::ProducerRecord;
use kp_sender::{CommittedOffset, GroupMetadata};
use std::fmt;
use std::ops::Deref;
use std::time::Duration;

/// [`TransactionalProducer`](crate::TransactionalProducer) for programs that have no executor. It lends what only looks, of
/// [`ProducerObserver`].
///
/// ```no_run
/// # fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use kp_producer::{ProducerConfig, ProducerRecord, blocking::TransactionalProducer};
/// let config = ProducerConfig::default().bootstrap_servers("localhost:9092").transactional_id("billing-1");
/// let mut producer = TransactionalProducer::new(config)?;
/// let transaction = producer.begin()?;
/// drop(transaction.send(ProducerRecord::to("orders").value("one"))?);
/// drop(transaction.send(ProducerRecord::to("payments").value("one"))?);
/// println!("{} records are visible", transaction.commit()?.records);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct TransactionalProducer(crate::TransactionalProducer);

impl TransactionalProducer {
    /// As [`ProducerBuilder::build_transactional`](crate::ProducerBuilder::build_transactional).
    ///
    /// # Errors
    /// As there.
    pub fn new(config: ProducerConfig) -> Result<Self, BuildError> {
        crate::ProducerBuilder::new(config).build_transactional().map(Self)
    }

    /// As [`TransactionalProducer::init`](crate::TransactionalProducer::init).
    ///
    /// # Errors
    /// [`BeginError`].
    pub fn init(&mut self) -> Result<(), BeginError> {
        self.0.producer().clone().shared().block_on(self.0.init())
    }

    /// As [`TransactionalProducer::begin`](crate::TransactionalProducer::begin).
    ///
    /// # Errors
    /// [`BeginError`].
    pub fn begin(&mut self) -> Result<Transaction<'_>, BeginError> {
        let begun = self.0.producer().clone().shared().block_on(self.0.begin());
        begun.map(|transaction| Transaction { handle: TransactionHandle(transaction.handle()), transaction })
    }

    /// As [`TransactionalProducer::resolve`](crate::TransactionalProducer::resolve).
    pub fn resolve(&mut self) -> Option<TransactionOutcome> {
        self.0.producer().clone().shared().block_on(self.0.resolve())
    }

    /// As [`TransactionalProducer::close`](crate::TransactionalProducer::close).
    ///
    /// # Errors
    /// As [`Producer::close`](crate::Producer::close).
    pub fn close(self, within: Duration) -> Result<Closed, WaitError> {
        block_on(self.0.close(within))
    }

    /// As [`Producer::connect`](crate::Producer::connect).
    ///
    /// # Errors
    /// [`ConnectError`], with the addresses and what each said.
    pub fn connect(&self) -> Result<(), ConnectError> {
        let producer = self.0.producer();
        producer.shared().block_on(producer.connect())
    }

    /// As [`Producer::partitions_for`](crate::Producer::partitions_for).
    ///
    /// # Errors
    /// As there.
    pub fn partitions_for(&self, topic: &str) -> Result<Vec<PartitionInfo>, SendError> {
        let producer = self.0.producer();
        producer.shared().block_on(producer.partitions_for(topic))
    }

    /// Looks at this producer, also while a transaction is open.
    #[must_use]
    pub fn observer(&self) -> ProducerObserver {
        (**self).clone()
    }

    /// The same producer for async code.
    #[must_use]
    pub fn into_async(self) -> crate::TransactionalProducer {
        self.0
    }
}

impl Deref for TransactionalProducer {
    type Target = ProducerObserver;

    fn deref(&self) -> &ProducerObserver {
        &self.0
    }
}

impl From<crate::TransactionalProducer> for TransactionalProducer {
    fn from(producer: crate::TransactionalProducer) -> Self {
        Self(producer)
    }
}

/// As [`Transaction`](crate::Transaction). It lends the calls of [`TransactionHandle`].
#[must_use = "a transaction that is dropped is aborted"]
pub struct Transaction<'p> {
    transaction: crate::Transaction<'p>,
    handle: TransactionHandle,
}

impl Transaction<'_> {
    /// As [`Transaction::commit`](crate::Transaction::commit).
    ///
    /// # Errors
    /// [`EndError`].
    pub fn commit(self) -> Result<Committed, EndError> {
        self.handle.0.producer().shared().block_on(self.transaction.commit())
    }

    /// As [`Transaction::abort`](crate::Transaction::abort).
    ///
    /// # Errors
    /// As there.
    pub fn abort(self) -> Result<Aborted, EndError> {
        self.handle.0.producer().shared().block_on(self.transaction.abort())
    }

    /// The same for another thread; of no use behind the end.
    #[must_use]
    pub fn handle(&self) -> TransactionHandle {
        self.handle.clone()
    }
}

impl Deref for Transaction<'_> {
    type Target = TransactionHandle;

    fn deref(&self) -> &TransactionHandle {
        &self.handle
    }
}

impl fmt::Debug for Transaction<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.transaction.fmt(f)
    }
}

/// As [`TransactionHandle`](crate::TransactionHandle), whose calls that never wait it lends.
#[derive(Clone, Debug)]
pub struct TransactionHandle(crate::TransactionHandle);

impl TransactionHandle {
    /// As [`TransactionHandle::send`](crate::TransactionHandle::send), blocking for metadata and memory at most `max.block.ms`.
    ///
    /// # Errors
    /// As there.
    pub fn send(&self, record: ProducerRecord<'_>) -> Result<Delivery, SendError> {
        self.0.producer().send_blocking(&record)
    }

    /// As [`TransactionHandle::send_with`](crate::TransactionHandle::send_with).
    ///
    /// # Errors
    /// As there.
    pub fn send_with<F>(&self, record: ProducerRecord<'_>, callback: F) -> Result<(), SendError>
    where
        F: FnOnce(Result<RecordMetadata, DeliveryError>) + Send + 'static,
    {
        let producer = self.0.producer();
        producer.shared().block_on(producer.send_with(record, callback))
    }

    /// As [`TransactionHandle::send_tagged`](crate::TransactionHandle::send_tagged).
    ///
    /// # Errors
    /// As there.
    pub fn send_tagged(&self, record: ProducerRecord<'_>, token: u64) -> Result<(), SendError> {
        self.0.producer().send_tagged_blocking(&record, token)
    }

    /// As [`TransactionHandle::send_all`](crate::TransactionHandle::send_all).
    ///
    /// # Errors
    /// As there.
    pub fn send_all<'a, I>(&self, records: I) -> Result<BulkDelivery, SendAllError>
    where
        I: IntoIterator<Item = ProducerRecord<'a>>,
    {
        super::Producer::from(self.0.producer().clone()).send_all(records)
    }

    /// As [`TransactionHandle::send_offsets`](crate::TransactionHandle::send_offsets).
    ///
    /// # Errors
    /// As there.
    pub fn send_offsets(
        &self,
        offsets: impl IntoIterator<Item = (TopicPartition, CommittedOffset)>,
        group: &GroupMetadata,
    ) -> Result<(), OffsetsError> {
        self.0.producer().shared().block_on(self.0.send_offsets(offsets, group))
    }

    /// As [`TransactionHandle::flush`](crate::TransactionHandle::flush).
    ///
    /// # Errors
    /// As there.
    pub fn flush(&self) -> Result<(), WaitError> {
        block_on(self.0.flush())
    }
}

impl Deref for TransactionHandle {
    type Target = crate::TransactionHandle;

    fn deref(&self) -> &crate::TransactionHandle {
        &self.0
    }
}
