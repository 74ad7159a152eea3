//! Code of the user that sees each record before it is accepted and each outcome before the record's own callback does
//! (KIP-42, KIP-512). It runs on the thread that sends, and on the network thread, never under a lock; what fails or panics
//! in it is skipped and told once.

use crate::error::{DeliveryError, SendError};
use crate::extend::extension::{Configured, words_of};
use crate::outcome::delivery::{RecordMetadata, outcome_of_record};
use kp_accumulator::RecordCallback;
use kp_protocol::PartitionId;
use kp_protocol::records::HeaderRef;
use kp_record::{BoxError, ProducerRecord};
use std::any::Any;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Sees every record on its way in, and every outcome.
///
/// ```
/// use kp_producer::{BoxError, InterceptedRecord, ProducerInterceptor};
///
/// /// Stamps each record with the name of this service.
/// struct Stamp(String);
/// impl ProducerInterceptor for Stamp {
///     fn on_send(&self, record: &mut InterceptedRecord<'_>) -> Result<(), BoxError> {
///         record.add_header("service", self.0.clone().into_bytes());
///         Ok(())
///     }
/// }
/// # let _: Box<dyn ProducerInterceptor> = Box::new(Stamp("orders".into()));
/// ```
/// Handed to [`ProducerBuilder::interceptor`](crate::ProducerBuilder::interceptor). Source: `ProducerInterceptor` of Kafka's
/// client, where it sees keys and values before they are serialized; here it sees their bytes.
pub trait ProducerInterceptor: Send + Sync {
    /// Told once, before the first record: every key of the configuration as it was set, those that kp does not know
    /// included, and the `client.id` in use.
    ///
    /// # Errors
    /// What is wrong; the producer is not built then, and interceptors that were configured before are closed.
    fn configure(&mut self, config: &BTreeMap<String, String>) -> Result<(), BoxError> {
        let _ = config;
        Ok(())
    }

    /// Called with each record before anything else is done with it, on the thread that sends; may change it. What it did
    /// before it failed or panicked does not count.
    ///
    /// # Errors
    /// Told once by [`Producer::notices`](crate::Producer::notices); the record goes on as it was.
    fn on_send(&self, record: &mut InterceptedRecord<'_>) -> Result<(), BoxError> {
        let _ = record;
        Ok(())
    }

    /// Called once with the outcome of each record that was accepted, on the network thread, before the record's own
    /// callback (IN2). Must not wait.
    fn on_acknowledgement(&self, record: &SentRecord<'_>, outcome: Result<&RecordMetadata, &DeliveryError>) {
        let _ = (record, outcome);
    }

    /// Called when a record was not accepted, on the thread that sends; `send` returns the same error. Not called for a record
    /// whose `send` was dropped while it waited: that is no error, and nothing more is told of it.
    fn on_refusal(&self, record: &SentRecord<'_>, error: &SendError) {
        let _ = (record, error);
    }

    /// Called once when the producer has ended, or could not be built after all.
    fn close(&self) {}
}

/// A record on its way in, which interceptors may change.
#[derive(Clone, Debug)]
pub struct InterceptedRecord<'a> {
    topic: Cow<'a, str>,
    partition: Option<i32>,
    timestamp_ms: Option<i64>,
    key: Option<Cow<'a, [u8]>>,
    value: Option<Cow<'a, [u8]>>,
    headers: Vec<Header<'a>>,
    context: Context,
}

type Header<'a> = (Cow<'a, str>, Option<Cow<'a, [u8]>>);

/// What one interceptor keeps for a record.
#[derive(Default)]
struct Context(Option<Box<dyn Any + Send + Sync>>);

impl Clone for Context {
    /// A copy is made before an interceptor runs, which is before there is anything in it.
    fn clone(&self) -> Self {
        Self(None)
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Context" } else { "None" })
    }
}

impl<'a> InterceptedRecord<'a> {
    fn new(record: &ProducerRecord<'a>) -> Self {
        let header = |header: &HeaderRef<'a>| (Cow::Borrowed(header.name), header.value.map(Cow::Borrowed));
        Self {
            topic: Cow::Borrowed(record.topic()),
            partition: record.partition_number(),
            timestamp_ms: record.timestamp(),
            key: record.key_bytes().map(Cow::Borrowed),
            value: record.value_bytes().map(Cow::Borrowed),
            headers: record.headers().iter().map(header).collect(),
            context: Context::default(),
        }
    }

    /// The topic's name.
    #[must_use]
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// Sends it to another topic.
    pub fn set_topic(&mut self, topic: impl Into<Cow<'a, str>>) {
        self.topic = topic.into();
    }

    /// The partition that was named.
    #[must_use]
    pub fn partition(&self) -> Option<PartitionId> {
        self.partition.map(PartitionId)
    }

    /// Names the partition, or leaves it to the partitioner.
    pub fn set_partition(&mut self, partition: Option<PartitionId>) {
        self.partition = partition.map(|partition| partition.0);
    }

    /// Its time in milliseconds since the Unix epoch, if one was set.
    #[must_use]
    pub fn timestamp_ms(&self) -> Option<i64> {
        self.timestamp_ms
    }

    /// Sets its time, or leaves it to the producer's clock.
    pub fn set_timestamp_ms(&mut self, timestamp_ms: Option<i64>) {
        self.timestamp_ms = timestamp_ms;
    }

    /// The key; `None` is null.
    #[must_use]
    pub fn key(&self) -> Option<&[u8]> {
        self.key.as_deref()
    }

    /// Sets the key.
    pub fn set_key(&mut self, key: Option<Cow<'a, [u8]>>) {
        self.key = key;
    }

    /// The value; `None` is null.
    #[must_use]
    pub fn value(&self) -> Option<&[u8]> {
        self.value.as_deref()
    }

    /// Sets the value.
    pub fn set_value(&mut self, value: Option<Cow<'a, [u8]>>) {
        self.value = value;
    }

    /// The headers in their order.
    pub fn headers(&self) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
        self.headers.iter().map(|(name, value)| (&**name, value.as_deref()))
    }

    /// Adds a header behind the others (KIP-82).
    pub fn add_header(&mut self, name: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, [u8]>>) {
        self.headers.push((name.into(), Some(value.into())));
    }

    /// Takes away all headers of that name.
    pub fn remove_headers(&mut self, name: &str) {
        self.headers.retain(|(known, _)| known != name);
    }

    /// Keeps something of the interceptor's own with the record, for [`SentRecord::context`].
    pub fn set_context(&mut self, context: impl Any + Send + Sync) {
        self.context = Context(Some(Box::new(context)));
    }

    fn as_record(&self) -> ProducerRecord<'_> {
        let mut record = ProducerRecord::to(&self.topic);
        if let Some(partition) = self.partition {
            record = record.partition(partition);
        }
        if let Some(timestamp_ms) = self.timestamp_ms {
            record = record.timestamp_ms(timestamp_ms);
        }
        if let Some(key) = self.key() {
            record = record.key(key);
        }
        if let Some(value) = self.value() {
            record = record.value(value);
        }
        for (name, value) in self.headers() {
            record = match value {
                Some(value) => record.header(name, value),
                None => record.null_header(name),
            };
        }
        record
    }
}

/// A record that was sent, as far as interceptors are told of it again: not its bytes.
pub struct SentRecord<'a> {
    topic: &'a str,
    headers: &'a [OwnedHeader],
    context: Option<&'a (dyn Any + Send + Sync)>,
}

type OwnedHeader = (String, Option<Vec<u8>>);

impl SentRecord<'_> {
    /// The topic's name.
    #[must_use]
    pub fn topic(&self) -> &str {
        self.topic
    }

    /// The headers as they were sent (KIP-512).
    pub fn headers(&self) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
        self.headers.iter().map(|(name, value)| (&**name, value.as_deref()))
    }

    /// What this interceptor kept with [`InterceptedRecord::set_context`], if it is a `T`.
    #[must_use]
    pub fn context<T: Any>(&self) -> Option<&T> {
        self.context?.downcast_ref()
    }
}

/// All interceptors of a producer, in their order.
pub(crate) struct Chain {
    list: Configured<Box<dyn ProducerInterceptor>>,
}

impl Chain {
    pub(crate) fn new(list: Configured<Box<dyn ProducerInterceptor>>) -> Self {
        Self { list }
    }

    /// Shows the record to each of them (IN1). What one has to complain of goes to `tell`.
    pub(crate) fn on_send<'a>(&self, record: &ProducerRecord<'a>, tell: impl Fn(String)) -> Intercepted<'a> {
        let mut record = InterceptedRecord::new(record);
        let mut contexts = Vec::with_capacity(self.list.len());
        for (number, interceptor) in (1..).zip(self.list.iter()) {
            let before = record.clone();
            let result = catch_unwind(AssertUnwindSafe(|| interceptor.on_send(&mut record)));
            let failure = match result {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(format!("interceptor {number} failed and was skipped: {error}")),
                Err(panic) => {
                    Some(format!("interceptor {number} panicked and was skipped: {}", words_of(&*panic)))
                }
            };
            if let Some(failure) = failure {
                record = before;
                tell(failure);
            }
            contexts.push(std::mem::take(&mut record.context));
        }
        Intercepted { record, contexts }
    }

    pub(crate) fn close(&self, tell: impl Fn(String)) {
        self.list.close(|interceptor| interceptor.close(), "interceptor", tell);
    }
}

/// A record that all interceptors have seen.
pub(crate) struct Intercepted<'a> {
    record: InterceptedRecord<'a>,
    contexts: Vec<Context>,
}

impl Intercepted<'_> {
    pub(crate) fn record(&self) -> ProducerRecord<'_> {
        self.record.as_record()
    }

    /// What interceptors are told again, now that the record itself goes its way.
    pub(crate) fn remember(&mut self) -> Remembered {
        let own = |(name, value): (&str, Option<&[u8]>)| (name.to_owned(), value.map(<[u8]>::to_vec));
        Remembered {
            topic: self.record.topic.clone().into_owned(),
            headers: self.record.headers().map(own).collect(),
            contexts: std::mem::take(&mut self.contexts),
        }
    }
}

/// What stays of a record for its interceptors.
pub(crate) struct Remembered {
    topic: String,
    headers: Vec<OwnedHeader>,
    contexts: Vec<Context>,
}

impl Remembered {
    /// Tells each interceptor; a panic of one harms no other.
    fn tell_each(&self, chain: &Chain, tell: impl Fn(&dyn ProducerInterceptor, &SentRecord<'_>)) {
        for (interceptor, context) in chain.list.iter().zip(&self.contexts) {
            let record =
                SentRecord { topic: &self.topic, headers: &self.headers, context: context.0.as_deref() };
            let _ = catch_unwind(AssertUnwindSafe(|| tell(&**interceptor, &record)));
        }
    }

    pub(crate) fn refused(&self, chain: &Chain, error: &SendError) {
        self.tell_each(chain, |interceptor, record| interceptor.on_refusal(record, error));
    }
}

/// A callback that tells the interceptors first (IN2), then the user's own.
pub(crate) fn acknowledging(
    chain: Arc<Chain>,
    remembered: Arc<Remembered>,
    timestamp_ms: i64,
    own: Option<RecordCallback>,
) -> RecordCallback {
    Box::new(move |outcome| {
        let result = outcome_of_record(
            outcome.partition,
            outcome.in_transaction,
            timestamp_ms,
            outcome.result.clone(),
        );
        remembered
            .tell_each(&chain, |interceptor, record| interceptor.on_acknowledgement(record, result.as_ref()));
        if let Some(own) = own {
            own(outcome);
        }
    })
}
