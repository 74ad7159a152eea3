//! A transaction that owns its producer, for a task that is `'static` and has to hold both.

use crate::transaction::error::{BeginError, EndError};
use crate::transaction::guard::Open;
use crate::transaction::handle::TransactionHandle;
use crate::transaction::outcome::{Aborted, Committed};
use crate::transaction::transactional_producer::TransactionalProducer;
use std::fmt;
use std::ops::Deref;

/// As [`Transaction`](crate::Transaction), with its producer inside, which comes back at the end. From
/// [`TransactionalProducer::begin_owned`].
///
/// Dropping it drops the producer too: the transaction is aborted in the background, and the network thread ends behind that.
///
/// ```no_run
/// # async fn example(producer: kp_producer::TransactionalProducer) -> Result<(), Box<dyn std::error::Error>> {
/// use kp_producer::ProducerRecord;
/// let transaction = producer.begin_owned().await.map_err(|(_, error)| error)?;
/// transaction.send(ProducerRecord::to("orders").value("one")).await?;
/// let (producer, ended) = transaction.commit().await;
/// println!("{:?}", ended?);
/// # drop(producer);
/// # Ok(()) }
/// ```
#[must_use = "a transaction that is dropped is aborted"]
pub struct OwnedTransaction {
    /// Before the producer: a drop seals the transaction first.
    open: Open,
    producer: TransactionalProducer,
}

impl TransactionalProducer {
    /// As [`begin`](Self::begin), for a task that has to own the transaction and the producer in one value.
    ///
    /// Cancel safety: dropping the future drops the producer.
    ///
    /// # Errors
    /// [`BeginError`], and the producer.
    pub async fn begin_owned(self) -> Result<OwnedTransaction, (Self, BeginError)> {
        match self.open().await {
            Ok(open) => Ok(OwnedTransaction { open, producer: self }),
            Err(error) => Err((self, error)),
        }
    }
}

impl OwnedTransaction {
    /// As [`Transaction::commit`](crate::Transaction::commit), and gives the producer back.
    ///
    /// Cancel safety: once it was polled, the commit goes on when the future is dropped, and the producer with it ends behind it.
    pub async fn commit(self) -> (TransactionalProducer, Result<Committed, EndError>) {
        let ended = self.open.commit().await;
        (self.producer, ended)
    }

    /// As [`Transaction::abort`](crate::Transaction::abort), and gives the producer back.
    ///
    /// Cancel safety: the abort goes on when the future is dropped, and the producer ends behind it.
    pub async fn abort(self) -> (TransactionalProducer, Result<Aborted, EndError>) {
        let ended = self.open.abort().await;
        (self.producer, ended)
    }

    /// As [`Transaction::handle`](crate::Transaction::handle).
    #[must_use]
    pub fn handle(&self) -> TransactionHandle {
        self.open.handle.clone()
    }
}

impl Deref for OwnedTransaction {
    type Target = TransactionHandle;

    fn deref(&self) -> &TransactionHandle {
        &self.open.handle
    }
}

impl fmt::Debug for OwnedTransaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OwnedTransaction").field(&self.open.handle).finish()
    }
}
