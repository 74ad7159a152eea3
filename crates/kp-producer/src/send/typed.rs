//! A producer of keys and values of one type each: they are serialized, then sent like any other record.
//! Serializers run on the thread that sends, before the record is looked at further; nothing of theirs runs under a lock.

use crate::error::{BuildError, DeliveryError, SendError, SendErrorKind};
use crate::extend::extension::{Configured, words_of};
use crate::extend::extensions::Closer;
use crate::outcome::delivery::{Delivery, RecordMetadata};
use crate::producer::Producer;
use crate::send::AtOnce;
use kp_accumulator::Spent;
use kp_protocol::PartitionId;
use kp_record::{BoxError, ProducerRecord, RecordBytes, RecordHeaders, Serialized, Serializer};
use std::cell::Cell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// A scratch buffer that grew beyond this is not kept.
const KEPT_SCRATCH: usize = 1 << 20;

/// The parts of a record that are serialized, as errors name them.
const KEY: &str = "key";
const VALUE: &str = "value";

thread_local! {
    /// For the key and for the value: a serializer gets an empty buffer, and may do with it what it likes.
    static SCRATCH: Cell<[Vec<u8>; 2]> = const { Cell::new([Vec::new(), Vec::new()]) };
}

/// A [`Producer`] whose records have keys of type `K` and values of type `V`.
///
/// ```no_run
/// # async fn example(producer: kp_producer::Producer) -> Result<(), Box<dyn std::error::Error>> {
/// use kp_producer::{LongSerializer, StringSerializer, TypedProducer, TypedRecord};
/// let orders: TypedProducer<i64, str> = TypedProducer::new(&producer, LongSerializer, StringSerializer)?;
/// let delivery = orders.send(TypedRecord::to("orders").key(&17).value("shipped")).await?;
/// println!("{:?}", delivery.await?.offset());
/// # Ok(()) }
/// ```
/// Cheap to clone; all clones are one producer, and the untyped one it was made of goes on beside it. Its serializers are
/// closed when that producer has ended, or with the last clone.
pub struct TypedProducer<K: ?Sized, V: ?Sized> {
    producer: Producer,
    serializers: Arc<Serializers<K, V>>,
}

struct Serializers<K: ?Sized, V: ?Sized> {
    key: Configured<Box<dyn Serializer<K>>>,
    value: Configured<Box<dyn Serializer<V>>>,
}

/// A record before it is serialized: everything is borrowed.
#[derive(Debug)]
#[must_use = "a record does nothing until it is sent"]
pub struct TypedRecord<'a, K: ?Sized, V: ?Sized> {
    record: ProducerRecord<'a>,
    key: Option<&'a K>,
    value: Option<&'a V>,
}

impl<'a, K: ?Sized, V: ?Sized> TypedRecord<'a, K, V> {
    /// A record without key and value.
    pub fn to(topic: &'a str) -> Self {
        Self { record: ProducerRecord::to(topic), key: None, value: None }
    }

    /// The key; without this it is null.
    pub fn key(mut self, key: &'a K) -> Self {
        self.key = Some(key);
        self
    }

    /// The value; without this it is null.
    pub fn value(mut self, value: &'a V) -> Self {
        self.value = Some(value);
        self
    }

    /// As [`ProducerRecord::partition`].
    pub fn partition(mut self, partition: impl Into<PartitionId>) -> Self {
        self.record = self.record.partition(partition);
        self
    }

    /// As [`ProducerRecord::timestamp_ms`].
    pub fn timestamp_ms(mut self, timestamp_ms: i64) -> Self {
        self.record = self.record.timestamp_ms(timestamp_ms);
        self
    }

    /// As [`ProducerRecord::header`].
    pub fn header(mut self, name: &'a str, value: impl RecordBytes<'a>) -> Self {
        self.record = self.record.header(name, value);
        self
    }
}

impl<K: ?Sized + 'static, V: ?Sized + 'static> TypedProducer<K, V> {
    /// Configures the serializers.
    ///
    /// # Errors
    /// [`BuildError::Extension`]: one of them does not like its configuration; both are closed then.
    pub fn new(
        producer: &Producer,
        key: impl Serializer<K> + 'static,
        value: impl Serializer<V> + 'static,
    ) -> Result<Self, BuildError> {
        let shared = producer.shared();
        let config = &shared.extensions.config;
        let key: Vec<Box<dyn Serializer<K>>> = vec![Box::new(key)];
        let key = Configured::configure(
            key,
            |part| part.configure(config, true),
            |part| part.close(),
            "key serializer",
        )
        .map_err(BuildError::Extension)?;
        let value: Vec<Box<dyn Serializer<V>>> = vec![Box::new(value)];
        let configure = |part: &mut Box<dyn Serializer<V>>| part.configure(config, false);
        let value = Configured::configure(value, configure, |part| part.close(), "value serializer")
            .map_err(|error| {
                key.close(|part| part.close(), "key serializer", |_| {});
                BuildError::Extension(error)
            })?;
        let serializers = Arc::new(Serializers { key, value });
        let closer: Arc<dyn Closer> = Arc::clone(&serializers) as _;
        shared.extensions.close_with_me(&closer, |words| shared.notes.notice(words));
        Ok(Self { producer: producer.clone(), serializers })
    }

    /// The same serializers before another handle of the producer.
    pub(crate) fn sending_by(&self, producer: Producer) -> Self {
        Self { producer, serializers: Arc::clone(&self.serializers) }
    }

    /// As [`Producer::send`]; the values are serialized before anything is waited for.
    ///
    /// Cancel safety: a dropped future means "not accepted"; serializers may have run.
    ///
    /// # Errors
    /// [`SendError`], with [`SendErrorKind::Serializer`] if a value has no bytes.
    pub async fn send(&self, record: TypedRecord<'_, K, V>) -> Result<Delivery, SendError> {
        let serialized = self.serialize(&record)?;
        let record = serialized.record(&record);
        let result = match self.producer.send_at_once(&record) {
            AtOnce::Done(result) => result,
            AtOnce::Waits(chosen) => self.producer.send_later(&record, chosen).await,
        };
        serialized.give_scratch_back();
        result
    }

    /// As [`Producer::send_with`].
    ///
    /// Cancel safety: a dropped future means "not accepted", and the callback will not run.
    ///
    /// # Errors
    /// As [`send`](Self::send); the callback will not run then.
    pub async fn send_with<F>(&self, record: TypedRecord<'_, K, V>, callback: F) -> Result<(), SendError>
    where
        F: FnOnce(Result<RecordMetadata, DeliveryError>) + Send + 'static,
    {
        let serialized = self.serialize(&record)?;
        let result = self.producer.send_with(serialized.record(&record), callback).await;
        serialized.give_scratch_back();
        result
    }

    /// As [`Producer::try_send`]; the record stays with its owner, who has lent it.
    ///
    /// # Errors
    /// As [`send`](Self::send), and [`SendErrorKind::WouldBlock`].
    pub fn try_send(&self, record: &TypedRecord<'_, K, V>) -> Result<Delivery, SendError> {
        let serialized = self.serialize(record)?;
        let result = self.producer.try_send(serialized.record(record));
        serialized.give_scratch_back();
        result
    }

    /// As [`send`](Self::send), blocking the calling thread as [`blocking::Producer`](crate::blocking::Producer) does.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_blocking(&self, record: TypedRecord<'_, K, V>) -> Result<Delivery, SendError> {
        self.producer.shared().block_on(self.send(record))
    }

    /// The producer below, for everything that has no types.
    #[must_use]
    pub fn producer(&self) -> &Producer {
        &self.producer
    }

    fn serialize<'r>(&self, record: &'r TypedRecord<'_, K, V>) -> Result<SerializedRecord<'r>, SendError> {
        let topic = record.record.topic();
        let mut headers = RecordHeaders::default();
        let mut scratch = SCRATCH.take();
        let mut part = |serialize: &mut Serialize<'_>, part: &'static str, type_name: &'static str| {
            let place = usize::from(part == VALUE);
            let buffer = &mut scratch[place];
            buffer.clear();
            let reason = match catch_unwind(AssertUnwindSafe(|| serialize(&mut headers, buffer))) {
                Ok(Ok(Serialized::Bytes)) => return Ok(Bytes::Scratch(place)),
                Ok(Ok(Serialized::Null)) => return Ok(Bytes::Null),
                Ok(Err(error)) => error.to_string(),
                Err(panic) => format!("it panicked: {}", words_of(&*panic)),
            };
            let kind = SendErrorKind::Serializer { part, type_name, reason: Arc::from(reason) };
            Err(self.producer.refuse(kind, topic, Spent::default()))
        };
        let key = match (record.key, self.serializers.key.iter().next()) {
            (Some(key), Some(serializer)) => match borrowed(&**serializer, key) {
                Some(bytes) => Bytes::Borrowed(bytes),
                None => part(
                    &mut |headers, out| serializer.serialize(topic, headers, key, out),
                    KEY,
                    std::any::type_name::<K>(),
                )?,
            },
            _ => Bytes::Null,
        };
        let value = match (record.value, self.serializers.value.iter().next()) {
            (Some(value), Some(serializer)) => match borrowed(&**serializer, value) {
                Some(bytes) => Bytes::Borrowed(bytes),
                None => part(
                    &mut |headers, out| serializer.serialize(topic, headers, value, out),
                    VALUE,
                    std::any::type_name::<V>(),
                )?,
            },
            _ => Bytes::Null,
        };
        Ok(SerializedRecord { scratch, key, value, headers })
    }
}

/// One serializer, one value.
type Serialize<'s> = dyn FnMut(&mut RecordHeaders, &mut Vec<u8>) -> Result<Serialized, BoxError> + 's;

/// What is bytes already; a panic is left to [`Serializer::serialize`].
fn borrowed<'v, T: ?Sized>(serializer: &dyn Serializer<T>, value: &'v T) -> Option<&'v [u8]> {
    catch_unwind(AssertUnwindSafe(|| serializer.as_bytes(value))).ok().flatten()
}

/// Where the bytes of a key or value are.
enum Bytes<'r> {
    Null,
    Borrowed(&'r [u8]),
    /// In this one of the two buffers.
    Scratch(usize),
}

/// A record with its bytes.
struct SerializedRecord<'r> {
    scratch: [Vec<u8>; 2],
    key: Bytes<'r>,
    value: Bytes<'r>,
    headers: RecordHeaders,
}

impl<'r> SerializedRecord<'r> {
    fn record<'s, K: ?Sized, V: ?Sized>(&'s self, typed: &'s TypedRecord<'_, K, V>) -> ProducerRecord<'s>
    where
        'r: 's,
    {
        let mut record: ProducerRecord<'s> = typed.record.clone();
        if let Some(key) = self.bytes(&self.key) {
            record = record.key(key);
        }
        if let Some(value) = self.bytes(&self.value) {
            record = record.value(value);
        }
        for (name, value) in self.headers.iter() {
            record = match value {
                Some(value) => record.header(name, value),
                None => record.null_header(name),
            };
        }
        record
    }

    fn bytes<'s>(&'s self, bytes: &Bytes<'r>) -> Option<&'s [u8]>
    where
        'r: 's,
    {
        match bytes {
            Bytes::Null => None,
            Bytes::Borrowed(bytes) => Some(bytes),
            Bytes::Scratch(place) => Some(&self.scratch[*place]),
        }
    }

    fn give_scratch_back(self) {
        if self.scratch.iter().all(|buffer| buffer.capacity() <= KEPT_SCRATCH) {
            SCRATCH.set(self.scratch);
        }
    }
}

impl<K: ?Sized + 'static, V: ?Sized + 'static> Closer for Serializers<K, V> {
    fn close(&self, tell: &dyn Fn(String)) {
        self.key.close(|part| part.close(), "key serializer", tell);
        self.value.close(|part| part.close(), "value serializer", tell);
    }
}

impl<K: ?Sized, V: ?Sized> Drop for Serializers<K, V> {
    fn drop(&mut self) {
        self.key.close(|part| part.close(), "key serializer", |_| {});
        self.value.close(|part| part.close(), "value serializer", |_| {});
    }
}

impl<K: ?Sized, V: ?Sized> Clone for TypedProducer<K, V> {
    fn clone(&self) -> Self {
        Self { producer: self.producer.clone(), serializers: Arc::clone(&self.serializers) }
    }
}

impl<K: ?Sized, V: ?Sized> fmt::Debug for TypedProducer<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TypedProducer").field(&self.producer).finish()
    }
}
