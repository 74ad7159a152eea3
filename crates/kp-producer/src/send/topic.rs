//! A handle to one topic, for a caller that sends many records to it: its name is looked up when the cluster changes, not for each
//! record.

use crate::error::SendError;
use crate::outcome::delivery::Delivery;
use crate::producer::Producer;
use crate::send::AtOnce;
use crate::send::view::CachedTopic;
use kp_record::ProducerRecord;
use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

/// One topic of a producer. Can go to another thread but not be shared by two: make, or clone, one for each.
///
/// ```no_run
/// # fn example(producer: kp_producer::Producer) -> Result<(), Box<dyn std::error::Error>> {
/// let orders = producer.topic("orders");
/// for number in 0..1_000_000u64 {
///     orders.send_blocking(orders.record().value(&number.to_be_bytes()))?;
/// }
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Topic {
    producer: Producer,
    name: Arc<str>,
    cached: RefCell<Option<CachedTopic>>,
}

impl Producer {
    /// A handle for a caller that sends many records to one topic.
    #[must_use]
    pub fn topic(&self, name: &str) -> Topic {
        Topic::new(self.clone(), name)
    }
}

impl Topic {
    pub(crate) fn new(producer: Producer, name: &str) -> Self {
        Self { producer, name: Arc::from(name), cached: RefCell::new(None) }
    }

    /// The topic's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A record of this topic, without key and value.
    pub fn record(&self) -> ProducerRecord<'_> {
        ProducerRecord::to(&self.name)
    }

    /// As [`Producer::send`]. A record of another topic goes there.
    ///
    /// Cancel safety: a dropped future means "not accepted".
    ///
    /// # Errors
    /// As [`Producer::send`].
    pub async fn send(&self, record: ProducerRecord<'_>) -> Result<Delivery, SendError> {
        match self.at_once(&record) {
            AtOnce::Done(result) => result,
            AtOnce::Waits(chosen) => self.producer.send_later(&record, chosen).await,
        }
    }

    /// As [`Producer::try_send`].
    ///
    /// # Errors
    /// As [`Producer::try_send`].
    pub fn try_send(&self, record: ProducerRecord<'_>) -> Result<Delivery, SendError> {
        self.producer.try_send(record)
    }

    /// As [`send`](Self::send), blocking the calling thread.
    ///
    /// # Errors
    /// As [`Producer::send`].
    pub fn send_blocking(&self, record: ProducerRecord<'_>) -> Result<Delivery, SendError> {
        match self.at_once(&record) {
            AtOnce::Done(result) => result,
            AtOnce::Waits(chosen) => {
                self.producer.shared().block_on(self.producer.send_later(&record, chosen))
            }
        }
    }

    fn at_once(&self, record: &ProducerRecord<'_>) -> AtOnce {
        if self.producer.shared().extensions.interceptors.is_some() || record.topic() != &*self.name {
            return AtOnce::Waits(None);
        }
        self.producer.shared().accept_cached(
            self.producer.scope(),
            record,
            &mut self.cached.borrow_mut(),
            &mut None,
        )
    }
}

impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Topic({})", self.name)
    }
}
