//! A producer as a `Sink` of records, for code that is written in streams. Only with the feature `futures`.

use crate::error::SendError;
use crate::outcome::deliveries::Deliveries;
use crate::outcome::delivery::Delivery;
use crate::producer::Producer;
use crate::send::AtOnce;
use crate::send::send_wait::ProduceError;
use futures_sink::Sink;
use kp_record::OwnedRecord;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Takes records and knows what became of them: a flush or a close of the sink ends well only when every record that went in
/// was acknowledged.
///
/// A record that was handed in waits for metadata and memory as in [`Producer::send`]; the next one waits behind it. What a sink
/// says of a record, it says once, with whatever call comes next: that it was refused ([`ProduceError::Refused`]), or accepted
/// and not acknowledged ([`ProduceError::Failed`], once for neighbours of one batch). It can be used on after an error. Flushing
/// it waits for its own records and leaves `linger.ms` as it is, so that a stream with pauses does not cut batches; closing it
/// does not close the producer. It keeps some bytes for each batch, no bytes of records.
///
/// Dropping it forgets a record that still waits for metadata or memory; what was accepted goes its way.
///
/// ```no_run
/// # async fn example(producer: kp_producer::Producer) -> Result<(), kp_producer::ProduceError> {
/// use futures_util::SinkExt;
/// use kp_producer::OwnedRecord;
/// let mut orders = producer.sink();
/// orders.send(OwnedRecord::to("orders").key("customer-4").value("shipped")).await?;
/// # Ok(()) }
/// ```
#[must_use = "a sink does nothing until records are sent into it"]
pub struct RecordSink {
    producer: Producer,
    /// A record that waits for metadata or memory.
    sending: Option<Sending>,
    deliveries: Deliveries,
}

type Sending = Pin<Box<dyn Future<Output = Result<Delivery, SendError>> + Send>>;

impl Producer {
    /// A sink of records; each has its own outcomes. Make as many as you like.
    pub fn sink(&self) -> RecordSink {
        RecordSink { producer: self.clone(), sending: None, deliveries: Deliveries::new() }
    }
}

impl RecordSink {
    /// Records that were accepted and whose outcome was not told yet.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.deliveries.len()
    }

    fn poll_sending(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ProduceError>> {
        if let Some(sending) = &mut self.sending {
            let result = ready!(sending.as_mut().poll(cx));
            self.sending = None;
            self.deliveries.push(result?);
        }
        Poll::Ready(Ok(()))
    }
}

impl Sink<OwnedRecord> for RecordSink {
    type Error = ProduceError;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), ProduceError>> {
        ready!(self.poll_sending(cx))?;
        while let Some(delivered) = self.deliveries.try_next() {
            delivered.into_result()?;
        }
        Poll::Ready(Ok(()))
    }

    /// # Panics
    /// Without a `poll_ready` that said so, while the record before still waits: that is against the contract of `Sink`.
    fn start_send(mut self: Pin<&mut Self>, record: OwnedRecord) -> Result<(), ProduceError> {
        assert!(self.sending.is_none(), "start_send before poll_ready was ready");
        match self.producer.send_at_once(&record.as_record()) {
            AtOnce::Done(result) => self.deliveries.push(result?),
            AtOnce::Waits(chosen) => {
                let producer = self.producer.clone();
                let sending = async move { producer.send_later(&record.as_record(), chosen).await };
                self.sending = Some(Box::pin(sending));
            }
        }
        Ok(())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), ProduceError>> {
        ready!(self.poll_sending(cx))?;
        while let Some(delivered) = ready!(self.deliveries.poll_next(cx.waker())) {
            delivered.into_result()?;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), ProduceError>> {
        self.poll_flush(cx)
    }
}

impl fmt::Debug for RecordSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("RecordSink");
        debug
            .field("is_sending", &self.sending.is_some())
            .field("pending", &self.pending())
            .finish_non_exhaustive()
    }
}
