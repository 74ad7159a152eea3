//! The same calls without async, for programs that have no executor. std only.

mod transactions;

pub use self::transactions::{Transaction, TransactionHandle, TransactionalProducer};

use crate::config::{ConfigWarning, ProducerConfig};
use crate::drive::ended::Closed;
use crate::drive::parker::block_on;
use crate::error::{BuildError, ConnectError, DeliveryError, SendError, WaitError};
use crate::extend::interceptor::ProducerInterceptor;
use crate::observe::guarantees::Guarantees;
use crate::outcome::acks::AckStream;
use crate::outcome::delivery::{Delivery, RecordMetadata};
use crate::outcome::delivery_report::DeliveryReport;
use crate::producer::PartitionInfo;
use kp_accumulator::Partitioner;
use kp_metrics::ProducerMetrics;
use kp_network::KafkaClient;
use kp_record::ProducerRecord;
use kp_time::Clock;
use std::time::Duration;

/// A Kafka producer whose calls block the calling thread, like the Java client's.
///
/// ```no_run
/// # fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use kp_producer::{ProducerConfig, ProducerRecord, blocking::Producer};
/// use std::time::Duration;
///
/// let producer = Producer::new(ProducerConfig::from_properties_str("bootstrap.servers=localhost:9092")?)?;
/// let metadata = producer.send(ProducerRecord::to("orders").value("hello"))?.wait()?;
/// println!("{}-{} @ {:?}", metadata.topic(), metadata.partition(), metadata.offset());
/// let closed = producer.close(Duration::from_secs(10))?;
/// assert_eq!(closed.undelivered, 0);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Producer(crate::Producer);

impl Producer {
    /// Builds a producer; see [`ProducerBuilder::build`](crate::ProducerBuilder::build).
    ///
    /// # Errors
    /// As [`ProducerBuilder::build`].
    pub fn new(config: ProducerConfig) -> Result<Self, BuildError> {
        Self::builder(config).build()
    }

    /// Starts the making of a producer, for tests that swap its network or its clock.
    pub fn builder(config: ProducerConfig) -> ProducerBuilder {
        ProducerBuilder(crate::ProducerBuilder::new(config))
    }

    /// As [`Producer::send`](crate::Producer::send), blocking for metadata and memory at most `max.block.ms`.
    ///
    /// # Errors
    /// [`SendError`]: the record was not accepted.
    pub fn send(&self, record: ProducerRecord<'_>) -> Result<Delivery, SendError> {
        self.0.send_blocking(&record)
    }

    /// As [`Producer::send_with`](crate::Producer::send_with).
    ///
    /// # Errors
    /// [`SendError`]: the record was not accepted, and the callback will not run.
    pub fn send_with<F>(&self, record: ProducerRecord<'_>, callback: F) -> Result<(), SendError>
    where
        F: FnOnce(Result<RecordMetadata, DeliveryError>) + Send + 'static,
    {
        self.0.shared().block_on(self.0.send_with(record, callback))
    }

    /// As [`Producer::send_tagged`](crate::Producer::send_tagged), blocking for metadata and memory at most `max.block.ms`.
    ///
    /// # Errors
    /// [`SendError`]: the record was not accepted, and the listener is not told.
    pub fn send_tagged(&self, record: ProducerRecord<'_>, token: u64) -> Result<(), SendError> {
        self.0.send_tagged_blocking(&record, token)
    }

    /// As [`Producer::try_send`](crate::Producer::try_send): never blocks.
    ///
    /// # Errors
    /// [`SendError`]: the record was not accepted.
    pub fn try_send(&self, record: ProducerRecord<'_>) -> Result<Delivery, SendError> {
        self.0.try_send(record)
    }

    /// As [`Producer::topic`](crate::Producer::topic); [`Topic::send_blocking`](crate::Topic::send_blocking) blocks.
    #[must_use]
    pub fn topic(&self, name: &str) -> crate::Topic {
        self.0.topic(name)
    }

    /// The same producer for async code, and for [`TypedProducer::new`](crate::TypedProducer::new).
    #[must_use]
    pub fn as_async(&self) -> &crate::Producer {
        &self.0
    }

    /// As [`Producer::flush`](crate::Producer::flush).
    ///
    /// # Errors
    /// As [`Producer::flush`](crate::Producer::flush).
    pub fn flush(&self) -> Result<(), WaitError> {
        block_on(self.0.flush())
    }

    /// As [`Producer::close`](crate::Producer::close).
    ///
    /// # Errors
    /// [`WaitError::WouldDeadlock`] on the network thread, unless `within` is zero.
    pub fn close(&self, within: Duration) -> Result<Closed, WaitError> {
        block_on(self.0.close(within))
    }

    /// As [`Producer::connect`](crate::Producer::connect).
    ///
    /// # Errors
    /// [`ConnectError`], with the addresses and what each said.
    pub fn connect(&self) -> Result<(), ConnectError> {
        self.0.shared().block_on(self.0.connect())
    }

    /// As [`Producer::partitions_for`](crate::Producer::partitions_for).
    ///
    /// # Errors
    /// As `send`, when the topic cannot be had.
    pub fn partitions_for(&self, topic: &str) -> Result<Vec<PartitionInfo>, SendError> {
        self.0.shared().block_on(self.0.partitions_for(topic))
    }

    /// What this producer promises; see [`Producer::guarantees`](crate::Producer::guarantees).
    #[must_use]
    pub fn guarantees(&self) -> Guarantees {
        self.0.guarantees()
    }

    /// What was noticed about the configuration when the producer was built.
    #[must_use]
    pub fn warnings(&self) -> &[ConfigWarning] {
        self.0.warnings()
    }

    /// What turned up about the cluster and an operator should know; see
    /// [`Producer::notices`](crate::Producer::notices).
    #[must_use]
    pub fn notices(&self) -> Vec<String> {
        self.0.notices()
    }

    /// The brokers that cannot be reached; see [`Producer::unreachable`](crate::Producer::unreachable).
    #[must_use]
    pub fn unreachable(&self) -> Vec<crate::UnreachableBroker> {
        self.0.unreachable()
    }

    /// Everything that is measured, as it is now; see [`Producer::metrics`](crate::Producer::metrics).
    #[must_use]
    pub fn metrics(&self) -> ProducerMetrics {
        self.0.metrics()
    }

    /// As [`Producer::reload_credentials`](crate::Producer::reload_credentials).
    pub fn reload_credentials(&self, reconnect: crate::Reconnect) {
        self.0.reload_credentials(reconnect);
    }

    /// How connections are secured; see [`Producer::security`](crate::Producer::security).
    #[must_use]
    pub fn security(&self) -> crate::SecurityReport {
        self.0.security()
    }

    /// What waits for each partition and why; see [`Producer::explain`](crate::Producer::explain).
    #[must_use]
    pub fn explain(&self) -> crate::Explanation {
        self.0.explain()
    }

    /// How many records were acknowledged so far.
    #[must_use]
    pub fn acknowledged_records(&self) -> u64 {
        self.0.acknowledged_records()
    }

    /// How many accepted records failed so far.
    #[must_use]
    pub fn failed_records(&self) -> u64 {
        self.0.failed_records()
    }

    /// Bytes of `buffer.memory` that nothing uses at the moment.
    #[must_use]
    pub fn buffer_available_bytes(&self) -> usize {
        self.0.buffer_available_bytes()
    }

    /// The cluster's id; see [`Producer::cluster_id`](crate::Producer::cluster_id).
    #[must_use]
    pub fn cluster_id(&self) -> Option<String> {
        self.0.cluster_id()
    }

    /// The `client.id` in use.
    #[must_use]
    pub fn client_id(&self) -> &str {
        self.0.client_id()
    }
}

/// Makes a blocking [`Producer`]; see [`ProducerBuilder`](crate::ProducerBuilder).
#[must_use = "nothing is started before `build`"]
#[derive(Debug)]
pub struct ProducerBuilder(crate::ProducerBuilder);

impl ProducerBuilder {
    /// Another network than sockets.
    pub fn client(self, client: impl KafkaClient + 'static) -> Self {
        Self(self.0.client(client))
    }

    /// Another clock than the system's.
    pub fn clock(self, clock: impl Clock) -> Self {
        Self(self.0.clock(clock))
    }

    /// Where random choices start from.
    pub fn seed(self, seed: u64) -> Self {
        Self(self.0.seed(seed))
    }

    /// As [`ProducerBuilder::interceptor`](crate::ProducerBuilder::interceptor).
    pub fn interceptor(self, interceptor: impl ProducerInterceptor + 'static) -> Self {
        Self(self.0.interceptor(interceptor))
    }

    /// As [`ProducerBuilder::partitioner`](crate::ProducerBuilder::partitioner).
    pub fn partitioner(self, partitioner: impl Partitioner + 'static) -> Self {
        Self(self.0.partitioner(partitioner))
    }

    /// As [`ProducerBuilder::on_delivery`](crate::ProducerBuilder::on_delivery).
    pub fn on_delivery<F>(self, listener: F) -> Self
    where
        F: Fn(u64, DeliveryReport<'_>) + Send + Sync + 'static,
    {
        Self(self.0.on_delivery(listener))
    }

    /// As [`ProducerBuilder::acks`](crate::ProducerBuilder::acks).
    pub fn acks(self, capacity: usize) -> (Self, AckStream) {
        let (builder, acks) = self.0.acks(capacity);
        (Self(builder), acks)
    }

    /// Checks the configuration and starts the network thread.
    ///
    /// # Errors
    /// As [`ProducerBuilder::build`](crate::ProducerBuilder::build).
    pub fn build(self) -> Result<Producer, BuildError> {
        self.0.build().map(Producer)
    }
}

impl From<crate::Producer> for Producer {
    fn from(producer: crate::Producer) -> Self {
        Self(producer)
    }
}
