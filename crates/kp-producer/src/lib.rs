//! A Kafka producer in pure Rust: in order, once, fast, within a fixed memory bound, and it tells the truth about
//! each record.
//!
//! An application hands [`ProducerRecord`]s to a [`Producer`] (async, on any executor or none) or to a
//! [`blocking::Producer`]; each accepted record has a [`Delivery`] that ends in exactly one outcome: where it is in
//! the log, or why it is not known to be there ([`DeliveryError::certainty`]). Everything network runs on one thread
//! of the producer's own.
//!
//! ```no_run
//! use kp_producer::{Producer, ProducerConfig, ProducerRecord};
//! use std::time::Duration;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let producer = Producer::builder(ProducerConfig::default().bootstrap_servers("localhost:9092")).build()?;
//! let mut deliveries = Vec::new();
//! for number in 0..1000 {
//!     let value = format!("order {number}");
//!     deliveries.push(producer.send(ProducerRecord::to("orders").value(&value)).await?);
//! }
//! for delivery in deliveries {
//!     delivery.await?;
//! }
//! let closed = producer.close(Duration::from_secs(10)).await?;
//! assert_eq!(closed.undelivered, 0);
//! # Ok(()) }
//! ```
//!
//! # Metrics
//! [`Producer::metrics`] is a snapshot under the names of Java's producer. The same values go to the recorder of the
//! `metrics` crate, if the program installs one, as `kafka_producer_…`: `docs/metrics.md` lists them. Nothing is done
//! for a record; see [`metrics`].
//!
//! # Features
//! `tokio` (default): the network over sockets; without it a client is handed to [`ProducerBuilder::client`], and
//! neither a runtime nor a socket is in the tree. `gzip`, `snappy`, `lz4` (default) and `zstd` (needs a C compiler):
//! codecs. `serde`: [`ProducerConfig`] from and to JSON, TOML and the like. `tracing`: a span for each request and an event for each
//! batch (level DEBUG, never for a record), and each of [`Producer::notices`] once (WARN); target `kp`.

#![forbid(unsafe_code)]

pub mod blocking;
mod builder;
pub mod config;
mod deliveries;
mod delivery;
mod delivery_report;
mod driver;
mod ended;
mod error;
mod explain;
mod extension;
#[cfg(test)]
mod facade_tests;
mod guarantees;
mod interceptor;
mod metadata_wait;
pub mod metrics;
mod parker;
mod producer;
mod record;
#[cfg(test)]
mod scripted;
mod seal_workers;
mod serializer;
mod shared;
mod stepper;
mod system_clock;
mod topic;
mod trace_context;
mod tracing;
mod typed;
mod unreachable;

pub use builder::ProducerBuilder;
pub use config::{ConfigError, ConfigWarning, ProducerConfig};
pub use deliveries::{Delivered, Deliveries, WrittenRange};
pub use delivery::{Delivery, RecordMetadata};
pub use delivery_report::DeliveryReport;
pub use ended::Closed;
pub use error::{BuildError, DeliveryError, SendError, SendErrorKind, WaitError};
pub use explain::{Explanation, PartitionExplanation, WhyWaiting};
pub use extension::BoxError;
pub use guarantees::Guarantees;
pub use interceptor::{InterceptedRecord, ProducerInterceptor, SentRecord};
pub use kp_accumulator::{
    BatchFailure, Certainty, FailureKind, PartitionRequest, Partitioner, Spent, murmur2, partition_for_key,
};
pub use kp_protocol::Acks;
pub use kp_protocol::PartitionId;
pub use kp_protocol::compression::Compression;
pub use metrics::{MetricValue, ProducerMetrics, RecordingLevel};
pub use producer::{PartitionInfo, Producer, TrySendError};
pub use record::ProducerRecord;
pub use serializer::{
    BytesSerializer, DoubleSerializer, FloatSerializer, IntegerSerializer, LongSerializer, OptionSerializer,
    RecordHeaders, Serialized, Serializer, ShortSerializer, StringSerializer, UuidSerializer, VoidSerializer,
};
pub use stepper::Stepper;
pub use system_clock::SystemClock;
pub use topic::Topic;
pub use trace_context::{TraceContext, TraceParent};
pub use typed::{TypedProducer, TypedRecord};
pub use unreachable::UnreachableBroker;
