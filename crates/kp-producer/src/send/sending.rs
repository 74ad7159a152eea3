//! The ways to hand in one record, each once for async code and once for a thread that may block. What they have in common, the way
//! of a record up to its acceptance, is `acceptance.rs`.

use crate::error::{DeliveryError, SendError, SendErrorKind};
use crate::extend::interceptor::{Chain, acknowledging};
use crate::outcome::acks::{Place, Places};
use crate::outcome::delivery::{Delivery, RecordMetadata, outcome_of_record};
use crate::producer::Producer;
use crate::send::{AtOnce, Waited};
use kp_accumulator::{Notify, RecordCallback, Spent, Target};
use kp_record::ProducerRecord;
use std::sync::Arc;

impl Producer {
    /// Accepts a record. Waits only for the topic's metadata and for memory, both together at most `max.block.ms`;
    /// the [`Delivery`] tells what became of it. If `send(a)` returned before `send(b)` was called and both go to
    /// one partition, a is before b in the log.
    ///
    /// Awaiting every delivery before the next `send` costs a round trip per record; keep the deliveries and await
    /// them later, or use [`send_with`](Self::send_with).
    ///
    /// Cancel safety: a dropped future means "not accepted"; a returned `Delivery` means "accepted". Interceptors that have seen
    /// a record hear nothing more of it when its `send` is dropped.
    ///
    /// ```no_run
    /// # async fn example(producer: kp_producer::Producer) -> Result<(), Box<dyn std::error::Error>> {
    /// use kp_producer::{Certainty, ProducerRecord};
    /// let delivery = producer.send(ProducerRecord::to("orders").key("customer-4").value("shipped")).await?;
    /// // … other work, other records …
    /// match delivery.await {
    ///     Ok(written) => println!("{}-{} @ {:?}", written.topic(), written.partition(), written.offset()),
    ///     Err(error) if error.certainty() == Certainty::NotWritten => println!("not in the log: {error}"),
    ///     Err(error) => println!("perhaps in the log: {error}"),
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`SendError`]: the record was not accepted and nothing of it will be written.
    pub async fn send(&self, record: ProducerRecord<'_>) -> Result<Delivery, SendError> {
        match &self.shared().extensions.interceptors {
            None => self.shared().accept(self.scope(), &record, &mut None, None).await,
            Some(interceptors) => self.send_intercepted(interceptors, &record, None, Waited::default()).await,
        }
    }

    /// Accepts a record, and runs `callback` once on the network thread when its outcome is known: in order of
    /// acceptance per partition, with no lock held. It must not block; it may `try_send` and drop handles. A panic
    /// in it is caught and counted.
    ///
    /// Cancel safety: a dropped future means "not accepted", and the callback will not run.
    ///
    /// ```no_run
    /// # async fn example(producer: kp_producer::Producer) -> Result<(), kp_producer::SendError> {
    /// use kp_producer::ProducerRecord;
    /// let record = ProducerRecord::to("orders").value("hello");
    /// producer
    ///     .send_with(record, |outcome| match outcome {
    ///         Ok(written) => println!("offset {:?}", written.offset()),
    ///         Err(error) => eprintln!("{error}"),
    ///     })
    ///     .await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`SendError`]: the record was not accepted, and the callback will not run.
    pub async fn send_with<F>(&self, record: ProducerRecord<'_>, callback: F) -> Result<(), SendError>
    where
        F: FnOnce(Result<RecordMetadata, DeliveryError>) + Send + 'static,
    {
        if let Some(interceptors) = &self.shared().extensions.interceptors {
            let own = Own::Call(Box::new(callback));
            let sent = self.send_intercepted(interceptors, &record, Some(own), Waited::default()).await;
            return sent.map(drop);
        }
        let (record, timestamp_ms) = self.stamped(record);
        self.shared()
            .accept(
                self.scope(),
                &record,
                &mut Some(Notify::Call(boxed(timestamp_ms, Box::new(callback)))),
                None,
            )
            .await
            .map(drop)
    }

    /// Accepts a record, and tells the producer's listener ([`ProducerBuilder::on_delivery`](crate::ProducerBuilder::on_delivery))
    /// once what became of it, with `token`: as [`send_with`](Self::send_with), without a closure, a handle or any allocation for
    /// the record. What the token means is the caller's: a place in a list, a pointer's number, an offset of its own.
    ///
    /// With [`ProducerBuilder::acks`](crate::ProducerBuilder::acks) it waits for a place for the outcome, too.
    ///
    /// Cancel safety: a dropped future means "not accepted", and the listener is not told.
    ///
    /// ```no_run
    /// use kp_producer::{Producer, ProducerConfig, ProducerRecord};
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let producer = Producer::builder(ProducerConfig::default().bootstrap_servers("localhost:9092"))
    ///     .on_delivery(|line, report| match report.error() {
    ///         None => println!("line {line}: offset {:?}", report.offset()),
    ///         Some(error) => eprintln!("line {line}: {error}"),
    ///     })
    ///     .build()?;
    /// for (line, text) in ["one", "two"].into_iter().enumerate() {
    ///     producer.send_tagged(ProducerRecord::to("lines").value(text), line as u64).await?;
    /// }
    /// producer.flush().await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`SendError`]: the record was not accepted, and the listener is not told. [`NoListener`](crate::SendErrorKind::NoListener)
    /// without a listener.
    pub async fn send_tagged(&self, record: ProducerRecord<'_>, token: u64) -> Result<(), SendError> {
        let notify = self.notify_of(&record, token)?;
        let (shared, mut waited) = (self.shared(), Waited::default());
        let place = shared.place_of_outcome(self.scope(), record.topic(), &mut waited).await?;
        let result = match &shared.extensions.interceptors {
            Some(interceptors) => {
                self.send_intercepted(interceptors, &record, Some(Own::Token(token)), waited).await
            }
            None => shared.accept_after(self.scope(), waited, &record, &mut Some(notify), None).await,
        };
        accepted(result, place)
    }

    /// Accepts a record if that takes no waiting; from anywhere, callbacks included. A record borrows its bytes, so that one to
    /// be tried again is kept by a clone, which copies none of them.
    ///
    /// ```no_run
    /// # fn example(producer: kp_producer::Producer) {
    /// use kp_producer::{ProducerRecord, SendErrorKind};
    /// let record = ProducerRecord::to("orders").value("hello");
    /// match producer.try_send(record.clone()) {
    ///     Ok(delivery) => drop(delivery),
    ///     Err(error) if *error.kind() == SendErrorKind::WouldBlock => println!("later: {record:?}"),
    ///     Err(error) => eprintln!("{error}"),
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`SendError`]: the record was not accepted; [`WouldBlock`](crate::SendErrorKind::WouldBlock) when metadata or memory is not
    /// there yet (metadata is then being fetched).
    pub fn try_send(&self, record: ProducerRecord<'_>) -> Result<Delivery, SendError> {
        self.try_send_borrowed(&record)
    }
}

impl Producer {
    /// The same where nothing has to be waited for. With interceptors nothing was done yet.
    pub(crate) fn send_at_once(&self, record: &ProducerRecord<'_>) -> AtOnce {
        match &self.shared().extensions.interceptors {
            None => self.shared().accept_at_once(self.scope(), record, &mut None),
            Some(_) => AtOnce::Waits(None),
        }
    }

    pub(crate) fn try_send_borrowed(&self, record: &ProducerRecord<'_>) -> Result<Delivery, SendError> {
        match &self.shared().extensions.interceptors {
            None => self.shared().try_accept(self.scope(), record, &mut None),
            Some(interceptors) => self.try_send_intercepted(interceptors, record),
        }
    }

    /// Goes on where [`send_at_once`](Self::send_at_once) would have had to wait.
    pub(crate) async fn send_later(
        &self,
        record: &ProducerRecord<'_>,
        chosen: Option<Target>,
    ) -> Result<Delivery, SendError> {
        match &self.shared().extensions.interceptors {
            None => self.shared().accept(self.scope(), record, &mut None, chosen).await,
            Some(interceptors) => self.send_intercepted(interceptors, record, None, Waited::default()).await,
        }
    }

    /// Blocks the calling thread, if it has to.
    pub(crate) fn send_blocking(&self, record: &ProducerRecord<'_>) -> Result<Delivery, SendError> {
        match self.send_at_once(record) {
            AtOnce::Done(result) => result,
            AtOnce::Waits(chosen) => self.shared().block_on(self.send_later(record, chosen)),
        }
    }

    /// As [`send_tagged`](Self::send_tagged), blocking the calling thread if it has to wait.
    pub(crate) fn send_tagged_blocking(
        &self,
        record: &ProducerRecord<'_>,
        token: u64,
    ) -> Result<(), SendError> {
        let notify = self.notify_of(record, token)?;
        let place = self.shared().waits.places().map(Places::try_take);
        if self.shared().extensions.interceptors.is_some() || matches!(place, Some(None)) {
            drop(place);
            return self.shared().block_on(self.send_tagged(record.clone(), token));
        }
        let mut notify = Some(notify);
        let result = match self.shared().accept_at_once(self.scope(), record, &mut notify) {
            AtOnce::Done(result) => result,
            AtOnce::Waits(chosen) => {
                let shared = self.shared();
                shared.block_on(shared.accept(self.scope(), record, &mut notify, chosen))
            }
        };
        accepted(result, place.flatten())
    }

    /// FA1: interceptors first; whatever they made of the record is what is sent.
    async fn send_intercepted(
        &self,
        interceptors: &Arc<Chain>,
        record: &ProducerRecord<'_>,
        own: Option<Own>,
        waited: Waited,
    ) -> Result<Delivery, SendError> {
        let shared = self.shared();
        let mut intercepted = interceptors.on_send(record, |words| shared.notes.notice(words));
        let remembered = Arc::new(intercepted.remember());
        let (record, timestamp_ms) = self.stamped(intercepted.record());
        let own = own.map(|own| match own {
            Own::Call(callback) => boxed(timestamp_ms, callback),
            Own::Token(token) => self.tagged(token),
        });
        let callback = acknowledging(Arc::clone(interceptors), Arc::clone(&remembered), timestamp_ms, own);
        let result =
            shared.accept_after(self.scope(), waited, &record, &mut Some(Notify::Call(callback)), None).await;
        if let Err(error) = &result {
            remembered.refused(interceptors, error);
        }
        result
    }

    fn try_send_intercepted(
        &self,
        interceptors: &Arc<Chain>,
        record: &ProducerRecord<'_>,
    ) -> Result<Delivery, SendError> {
        let shared = self.shared();
        let mut intercepted = interceptors.on_send(record, |words| shared.notes.notice(words));
        let remembered = Arc::new(intercepted.remember());
        let (record, timestamp_ms) = self.stamped(intercepted.record());
        let callback = acknowledging(Arc::clone(interceptors), Arc::clone(&remembered), timestamp_ms, None);
        let result = shared.try_accept(self.scope(), &record, &mut Some(Notify::Call(callback)));
        if let Err(error) = &result {
            remembered.refused(interceptors, error);
        }
        result
    }

    fn notify_of(&self, record: &ProducerRecord<'_>, token: u64) -> Result<Notify, SendError> {
        if self.shared().extensions.listener.listens() {
            return Ok(Notify::Token(token));
        }
        Err(self.refuse(SendErrorKind::NoListener, record.topic(), Spent::default()))
    }

    /// A callback that tells the listener, for a record that needs one in any case.
    fn tagged(&self, token: u64) -> RecordCallback {
        let listener = Arc::clone(&self.shared().extensions.listener);
        Box::new(move |outcome| listener.tell(token, outcome))
    }

    /// A record with its timestamp decided now, for a callback that must know it later.
    fn stamped<'a>(&self, record: ProducerRecord<'a>) -> (ProducerRecord<'a>, i64) {
        let timestamp_ms = record.timestamp().unwrap_or_else(|| self.shared().clock.timestamp_ms());
        (record.timestamp_ms(timestamp_ms), timestamp_ms)
    }
}

/// Whom the user wants to be told about a record.
enum Own {
    Call(Callback),
    Token(u64),
}

/// A callback of the user's.
type Callback = Box<dyn FnOnce(Result<RecordMetadata, DeliveryError>) + Send>;

/// The place of an accepted record's outcome is free again when that is taken; a record that was refused needs none.
fn accepted(result: Result<Delivery, SendError>, place: Option<Place>) -> Result<(), SendError> {
    result.map(drop)?;
    if let Some(place) = place {
        place.keep();
    }
    Ok(())
}

/// The user's callback as the accumulator keeps it: it needs the record's own timestamp besides the outcome.
fn boxed(timestamp_ms: i64, callback: Callback) -> RecordCallback {
    Box::new(move |outcome| {
        callback(outcome_of_record(outcome.partition, outcome.in_transaction, timestamp_ms, outcome.result));
    })
}
