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
//! # Which call
//! - One record: [`send`](Producer::send) and look at the [`Delivery`] later, [`send_wait`](Producer::send_wait),
//!   [`try_send`](Producer::try_send) without waiting, [`send_with`](Producer::send_with) a callback.
//! - Many: [`send_all`](Producer::send_all) in one call, [`Deliveries`] for a queue of outcomes, [`Producer::topic`] for one topic
//!   at full speed.
//! - All outcomes in one place: [`ProducerBuilder::on_delivery`] or [`ProducerBuilder::acks`], with
//!   [`send_tagged`](Producer::send_tagged).
//! - Values of your types: [`TypedProducer`]. Records that travel: [`OwnedRecord`].
//! - The end: [`flush`](Producer::flush), [`close`](Producer::close).
//!
//! Errors are [`SendError`] (not accepted) and [`DeliveryError`] (accepted, not acknowledged).
//!
//! # Metrics
//! [`Producer::metrics`] is a snapshot under the names of Java's producer. The same values go to the recorder of the
//! `metrics` crate, if the program installs one, as `kafka_producer_…`: `docs/metrics.md` lists them. Nothing is done
//! for a record; see [`metrics`].
//!
//! # Cancel safety
//! Every future here can be dropped at any time without harm to the producer. A dropped `send` means "not accepted": nothing is
//! awaited behind the acceptance. A dropped [`Delivery`] cancels nothing. What else there is to know stands at each call.
//!
//! # Features
//! `tokio` (default): the network over sockets; without it a client is handed to [`ProducerBuilder::client`], and
//! neither a runtime nor a socket is in the tree. `gzip`, `snappy`, `lz4` (default) and `zstd` (needs a C compiler):
//! codecs. `serde`: a configuration from a map. `futures`: [`AckStream`] as a `Stream`, and a `Sink` of records
//! (`Producer::sink`). `tracing`: a span for each request and an event for each
//! batch (level DEBUG, never for a record), and each of [`Producer::notices`] once (WARN); target `kp`.

#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

mod acks;
pub mod blocking;
mod builder;
mod bulk;
mod census;
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
mod forked;
mod guarantees;
mod interceptor;
mod metadata_wait;
pub mod metrics;
mod owned_record;
mod parker;
mod producer;
mod record;
#[cfg(test)]
mod scripted;
mod seal_workers;
mod send_wait;
mod serializer;
mod shared;
#[cfg(feature = "futures")]
mod sink;
mod stepper;
mod system_clock;
mod topic;
mod trace_context;
mod tracing;
mod typed;
mod unreachable;

pub use acks::{Ack, AckStream};
pub use builder::ProducerBuilder;
pub use bulk::{BulkDelivery, Outcomes, SendAllError};
pub use deliveries::{Delivered, Deliveries, WrittenRange};
pub use delivery::{Delivery, RecordMetadata};
pub use delivery_report::DeliveryReport;
pub use ended::Closed;
pub use error::{BuildError, ConnectError, DeliveryError, SendError, SendErrorKind, WaitError};
pub use explain::{Explanation, NetworkThread, PartitionExplanation, WhyWaiting};
pub use extension::BoxError;
pub use guarantees::Guarantees;
pub use interceptor::{InterceptedRecord, ProducerInterceptor, SentRecord};
pub use kp_accumulator::{
    BatchFailure, Certainty, FailureKind, PartitionRequest, Partitioner, Spent, murmur2, partition_for_key,
};
#[doc(inline)]
pub use kp_config as config;
pub use kp_config::{ConfigError, ConfigWarning, ProducerConfig};
pub use kp_protocol::Acks;
pub use kp_protocol::PartitionId;
pub use kp_protocol::compression::Compression;
pub use metrics::{MetricValue, ProducerMetrics, RecordingLevel};
pub use owned_record::OwnedRecord;
pub use producer::{PartitionInfo, Producer};
pub use record::{ProducerRecord, RecordBytes};
pub use send_wait::ProduceError;
pub use serializer::{
    BytesSerializer, DoubleSerializer, FloatSerializer, IntegerSerializer, LongSerializer, OptionSerializer,
    RecordHeaders, Serialized, Serializer, ShortSerializer, StringSerializer, UuidSerializer, VoidSerializer,
};
#[cfg(feature = "futures")]
pub use sink::RecordSink;
pub use stepper::Stepper;
pub use system_clock::SystemClock;
pub use topic::Topic;
pub use trace_context::{TraceContext, TraceParent};
pub use typed::{TypedProducer, TypedRecord};
pub use unreachable::UnreachableBroker;

/// The examples of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
