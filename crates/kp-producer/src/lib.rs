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
//! # Security
//! [`ProducerConfig::security`] and [`ProducerConfig::sasl`], or Java's keys: `docs/security.md` is the guide. [`Producer::security`] tells how
//! the connection to each broker is secured.
//!
//! # Cancel safety
//! Every future here can be dropped at any time without harm to the producer. A dropped `send` means "not accepted": nothing is
//! awaited behind the acceptance. A dropped [`Delivery`] cancels nothing. What else there is to know stands at each call.
//!
//! # Features
//! `tokio` (default): the network over sockets; without it a client is handed to [`ProducerBuilder::client`], and neither a runtime nor a
//! socket is in the tree. `gzip`, `snappy`, `lz4` (default) and `zstd` (needs a C compiler): codecs. `sasl-oidc`: tokens from an endpoint
//! or a file. `sasl-msk-iam`: the login to Amazon MSK. `sasl-gssapi`: Kerberos, experimental. `serde`: a configuration from a map.
//! `futures`: [`AckStream`] as a `Stream`, and a `Sink` of records (`Producer::sink`). `tls`, `tls-graviola`, `tls-aws-lc`,
//! `tls-no-provider`: connections with TLS, by cryptography from ring (needs a C compiler), from graviola (needs none; x86-64 and aarch64),
//! from aws-lc-rs, or of your own (`ProducerBuilder::crypto_provider`). `tls-java-stores` (part of the first three): Java's stores.
//! `tls-webpki-roots`: Mozilla's authorities, built in. `tls-platform-verifier`: on macOS, iOS and Windows the system's own verifier,
//! **which may go online while all connections stand still** (up to 10 s on Windows).
//! `tls-keylog`: `SSLKEYLOGFILE`, for debugging alone. `tracing`: a span for each request and an event for each batch (level DEBUG, never
//! for a record), and each of [`Producer::notices`] once (WARN); target `kp`.

#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

pub mod blocking;
mod builder;
mod drive;
mod error;
mod extend;
#[cfg(test)]
mod facade_tests;
mod observe;
mod outcome;
mod producer;
mod send;
mod shared;
mod transaction;

pub use builder::ProducerBuilder;
pub use drive::ended::Closed;
pub use drive::stepper::Stepper;
pub use drive::system_clock::SystemClock;
pub use error::{
    BuildError, ConnectError, DeliveryError, SecurityError, SendError, SendErrorKind, WaitError,
};
pub use extend::interceptor::{InterceptedRecord, ProducerInterceptor, SentRecord};
pub use extend::trace_context::{TraceContext, TraceParent};
pub use kp_accumulator::{
    BatchFailure, Certainty, FailureKind, PartitionRequest, Partitioner, Spent, murmur2, partition_for_key,
};
#[doc(inline)]
pub use kp_config as config;
pub use kp_config::{
    ConfigError, ConfigWarning, Credentials, CredentialsProvider, DangerousTls, Identity, IdentityProvider,
    ProducerConfig, Sasl, Secret, Security, Tls, TlsVersion, Token, TokenProvider, Trust,
};
pub use kp_network::{
    BrokerSecurity, CertificateSummary, ConnectionEncryption, ConnectionState, KafkaClient, PastFailure,
    Reconnect, SecurityFailure, SecurityStage, SetupStage, TokenFacts,
};
pub use kp_protocol::compression::Compression;
pub use kp_protocol::{Acks, BrokerId, ErrorCode, PartitionId, TopicPartition};
#[doc(inline)]
pub use kp_record::{
    BoxError, BytesSerializer, DoubleSerializer, FloatSerializer, IntegerSerializer, LongSerializer,
    OptionSerializer, OwnedRecord, ProducerRecord, RecordBytes, RecordHeaders, Serialized, Serializer,
    ShortSerializer, StringSerializer, UuidSerializer, VoidSerializer,
};
pub use kp_sender::{
    CommittedOffset, GroupMetadata, TransactionFailure, TransactionFailureKind, TransactionProtocol,
    TransactionReport,
};
pub use kp_time::Clock;
/// The version of `rustls` in the signatures here.
#[cfg(feature = "tls-no-provider")]
pub use kp_tls::rustls;
#[cfg(feature = "tls-no-provider")]
pub use kp_tls::{CertificateFacts, EntryUse, ListenerView, StoreEntry, TlsClient, TlsConfigError};
pub use observe::explain::{Explanation, PartitionExplanation, WhyWaiting};
pub use observe::explained_transaction::{TransactionExplanation, TransactionState};
pub use observe::guarantees::Guarantees;
pub use observe::metrics;
pub use observe::metrics::{MetricValue, ProducerMetrics, RecordingLevel};
pub use observe::network_thread::NetworkThread;
pub use observe::security::SecurityReport;
pub use observe::unreachable::UnreachableBroker;
pub use outcome::acks::{Ack, AckStream};
pub use outcome::deliveries::{Delivered, Deliveries, WrittenRange};
pub use outcome::delivery::{Delivery, RecordMetadata};
pub use outcome::delivery_report::DeliveryReport;
pub use producer::{PartitionInfo, Producer};
pub use send::bulk::{BulkDelivery, Outcomes, SendAllError};
pub use send::send_wait::ProduceError;
#[cfg(feature = "futures")]
pub use send::sink::RecordSink;
pub use send::topic::Topic;
pub use send::typed::{TypedProducer, TypedRecord};
pub use transaction::error::{BeginError, EndError, OffsetsError};
pub use transaction::guard::Transaction;
pub use transaction::handle::{TransactionHandle, TypedTransaction, TypedTransactions};
pub use transaction::observer::ProducerObserver;
pub use transaction::outcome::{Aborted, Committed, TransactionOutcome};
pub use transaction::owned::OwnedTransaction;
pub use transaction::transactional_producer::TransactionalProducer;

/// The examples of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
