//! One record from `send` to its outcome in one call, and the error of the whole way.

use crate::blocking;
use crate::drive::parker;
use crate::error::{DeliveryError, SendError, SendErrorKind};
use crate::outcome::delivery::RecordMetadata;
use crate::producer::Producer;
use kp_accumulator::{Certainty, Spent};
use kp_record::ProducerRecord;

impl Producer {
    /// Accepts a record and waits for its outcome: [`send`](Self::send), then the delivery. For a record now and then, such as
    /// one for each request that a service answers. One such call after the other costs a round trip and `linger.ms` for each
    /// record; many at once share batches.
    ///
    /// Cancel safety: dropped before the record was accepted, nothing of it is written; dropped later, the record goes its way
    /// and its outcome is lost. Which of the two it was is not known: `send` and the delivery apart tell.
    ///
    /// ```no_run
    /// # async fn example(producer: kp_producer::Producer) -> Result<(), kp_producer::ProduceError> {
    /// use kp_producer::ProducerRecord;
    /// let written = producer.send_wait(ProducerRecord::to("orders").value("hello")).await?;
    /// println!("{}-{} @ {:?}", written.topic(), written.partition(), written.offset());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`ProduceError`]: the record was not accepted, or not acknowledged.
    pub async fn send_wait(&self, record: ProducerRecord<'_>) -> Result<RecordMetadata, ProduceError> {
        Ok(self.send(record).await?.await?)
    }
}

impl blocking::Producer {
    /// As [`Producer::send_wait`], blocking the calling thread until the outcome is there, which is at most `max.block.ms` and
    /// `delivery.timeout.ms`.
    ///
    /// ```no_run
    /// # fn example(producer: kp_producer::blocking::Producer) -> Result<(), kp_producer::ProduceError> {
    /// use kp_producer::ProducerRecord;
    /// let written = producer.send_wait(ProducerRecord::to("orders").value("hello"))?;
    /// println!("{}-{} @ {:?}", written.topic(), written.partition(), written.offset());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`ProduceError`]: the record was not accepted, or not acknowledged. On a network thread (a callback) no record is
    /// accepted: [`WouldDeadlock`](SendErrorKind::WouldDeadlock).
    pub fn send_wait(&self, record: ProducerRecord<'_>) -> Result<RecordMetadata, ProduceError> {
        if parker::is_network_thread() {
            let refused =
                self.as_async().refuse(SendErrorKind::WouldDeadlock, record.topic(), Spent::default());
            return Err(refused.into());
        }
        Ok(self.send(record)?.wait()?)
    }
}

/// Why a record is not known to be written, wherever on its way that was.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProduceError {
    /// It was not accepted.
    #[error(transparent)]
    Refused(#[from] SendError),
    /// It was accepted and not acknowledged.
    #[error(transparent)]
    Failed(#[from] DeliveryError),
}

impl ProduceError {
    /// Whether the record is in the log: as [`SendError::certainty`] and [`DeliveryError::certainty`].
    #[must_use]
    pub fn certainty(&self) -> Certainty {
        match self {
            Self::Refused(error) => error.certainty(),
            Self::Failed(error) => error.certainty(),
        }
    }

    /// Whether sending the record again may succeed without anything being changed.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::Refused(error) => error.is_retriable(),
            Self::Failed(error) => error.is_retriable(),
        }
    }

    /// Whether this producer will never accept a record again.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        match self {
            Self::Refused(error) => error.is_fatal(),
            Self::Failed(error) => error.is_fatal(),
        }
    }

    /// Whether its transaction can only be aborted now.
    #[must_use]
    pub fn needs_abort(&self) -> bool {
        match self {
            Self::Refused(error) => error.needs_abort(),
            Self::Failed(error) => error.needs_abort(),
        }
    }

    /// Where the time went.
    #[must_use]
    pub fn spent(&self) -> &Spent {
        match self {
            Self::Refused(error) => error.spent(),
            Self::Failed(error) => error.spent(),
        }
    }
}
