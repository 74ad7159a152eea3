//! What `send` says when it takes no record, and what a delivery says when its record failed.
//!
//! Both errors are opaque and cheap to clone; `kind()` tells what happened, and the questions a caller really has
//! (is it written? may I try again? is the producer still good?) have methods of their own.

mod security;

pub use security::SecurityError;

use kp_accumulator::{BatchFailure, Certainty, FailureKind, Spent};
use kp_protocol::{ErrorCode, TopicPartition};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Why `send` did not accept a record. Nothing of it was or will be written.
#[derive(Clone)]
pub struct SendError(Arc<Refusal>);

struct Refusal {
    kind: SendErrorKind,
    topic: Box<str>,
    spent: Spent,
    needs_abort: bool,
}

/// What happened to a record that was not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendErrorKind {
    /// The topic's metadata did not come within `max.block.ms`.
    MetadataTimeout {
        /// How long the call waited.
        waited: Duration,
        /// What was heard last: which addresses were tried and what each said, or the topic's error.
        reason: Arc<str>,
    },
    /// The call waited for metadata, no broker was connected, and the newest attempt ended with this: it helps only to change
    /// credentials or settings. Attempts go on.
    Security(SecurityError),
    /// The topic has no such partition, and did not get it within `max.block.ms`.
    NoSuchPartition {
        /// The partition the record names.
        partition: i32,
        /// How many the topic has.
        partitions: usize,
        /// How long the call waited.
        waited: Duration,
    },
    /// The pool (`buffer.memory`) had no room for a new batch within `max.block.ms`.
    BufferExhausted {
        /// How long the call waited for memory.
        waited: Duration,
    },
    /// The record's upper-bound size is above `max.request.size` or `buffer.memory`.
    RecordTooLarge {
        /// Bytes, with the overhead of a batch of its own.
        size_bytes: usize,
        /// The bound.
        limit_bytes: usize,
        /// The key that sets the bound.
        key: &'static str,
    },
    /// The broker refuses the topic: its name is not legal, or access is denied.
    Topic(ErrorCode),
    /// The cluster is too old for what the configuration asks for by name: `enable.idempotence=true`, and no producer ids
    /// are given. It is looked again with each call.
    UnsupportedVersion {
        /// Which broker showed it, and what it lacks.
        reason: Arc<str>,
    },
    /// The record has headers, and a broker of the cluster is older than the format that has a place for them (Kafka 0.11).
    HeadersNotSupported {
        /// Which broker, what it speaks, and what would work.
        reason: Arc<str>,
    },
    /// The record itself is wrong: a negative partition or timestamp, an empty topic name.
    InvalidRecord(&'static str),
    /// A record with a token, and the producer was built without `on_delivery` and `acks`, or the [`AckStream`](crate::AckStream) was
    /// dropped: its outcome would be lost.
    NoListener,
    /// So many records with a token were on their way or had an outcome that was not taken from the
    /// [`AckStream`](crate::AckStream), and none was taken within `max.block.ms`.
    OutcomesNotTaken {
        /// How many there may be.
        capacity: usize,
        /// How long the call waited for the consumer.
        waited: Duration,
    },
    /// Only from `try_send`: the call would have had to wait.
    WouldBlock,
    /// A call on the network thread (a callback) would have had to wait for that thread itself.
    WouldDeadlock,
    /// A serializer gave no bytes, or panicked.
    Serializer {
        /// `key` or `value`.
        part: &'static str,
        /// The type it was to serialize.
        type_name: &'static str,
        /// Its own words.
        reason: Arc<str>,
    },
    /// The user's partitioner gave no partition, or panicked (PA2).
    Partitioner {
        /// Its own words.
        reason: Arc<str>,
    },
    /// The transaction has ended, or was ended while the call waited. The record may go into another one.
    TransactionEnded,
    /// The transaction can only be aborted: no record enters it any more.
    TransactionDoomed {
        /// The first thing that made it so.
        why: Arc<str>,
    },
    /// This process was forked from the one that made the producer, whose network thread is not here. Nothing was touched;
    /// make a producer of its own.
    Forked,
    /// A broker refuses this producer as a whole (CLUSTER_AUTHORIZATION_FAILED and its like): close it, and make another when
    /// that is mended.
    Fatal {
        /// Which broker said so, and what.
        reason: Arc<str>,
    },
    /// The producer is closed.
    Closed,
    /// The network thread has panicked; make a new producer.
    NetworkThreadGone,
}

impl SendError {
    pub(crate) fn new(kind: SendErrorKind, topic: &str, spent: Spent) -> Self {
        Self(Arc::new(Refusal { kind, topic: topic.into(), spent, needs_abort: false }))
    }

    /// The same in a transaction, as that stands behind it.
    pub(crate) fn needing_abort(mut self, needs_abort: bool) -> Self {
        if let Some(refusal) = Arc::get_mut(&mut self.0) {
            refusal.needs_abort = needs_abort;
        }
        self
    }

    /// What happened.
    #[must_use]
    pub fn kind(&self) -> &SendErrorKind {
        &self.0.kind
    }

    /// The record's topic.
    #[must_use]
    pub fn topic(&self) -> &str {
        &self.0.topic
    }

    /// Always [`Certainty::NotWritten`]: a record that was not accepted never leaves the process.
    #[must_use]
    pub fn certainty(&self) -> Certainty {
        Certainty::NotWritten
    }

    /// Whether the same call may succeed later without anything being changed.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        self.kind().is_retriable()
    }

    /// Whether this producer will never accept a record again.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        self.kind().is_fatal()
    }

    /// Whether its transaction can only be aborted now: this refusal dooms it, or something else has. `false` outside of one.
    #[must_use]
    pub fn needs_abort(&self) -> bool {
        self.0.needs_abort
    }

    /// Where the time of the call went: metadata and memory, which includes a place for the outcome
    /// ([`ProducerBuilder::acks`](crate::ProducerBuilder::acks)).
    #[must_use]
    pub fn spent(&self) -> &Spent {
        &self.0.spent
    }
}

impl SendErrorKind {
    /// Whether the same call may succeed later without anything being changed.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::MetadataTimeout { .. }
            | Self::NoSuchPartition { .. }
            | Self::BufferExhausted { .. }
            | Self::OutcomesNotTaken { .. }
            | Self::WouldBlock => true,
            Self::Topic(code) => code.is_retriable(),
            Self::Security(error) => error.is_retriable(),
            Self::RecordTooLarge { .. }
            | Self::UnsupportedVersion { .. }
            | Self::HeadersNotSupported { .. }
            | Self::InvalidRecord(_)
            | Self::NoListener
            | Self::WouldDeadlock
            | Self::Serializer { .. }
            | Self::Partitioner { .. }
            | Self::TransactionEnded
            | Self::TransactionDoomed { .. }
            | Self::Forked
            | Self::Fatal { .. }
            | Self::Closed
            | Self::NetworkThreadGone => false,
        }
    }

    /// Whether this producer will never accept a record again.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        match self {
            Self::Closed | Self::NetworkThreadGone | Self::Forked | Self::Fatal { .. } => true,
            Self::MetadataTimeout { .. }
            | Self::NoSuchPartition { .. }
            | Self::BufferExhausted { .. }
            | Self::RecordTooLarge { .. }
            | Self::Topic(_)
            | Self::Security(_)
            | Self::UnsupportedVersion { .. }
            | Self::HeadersNotSupported { .. }
            | Self::InvalidRecord(_)
            | Self::NoListener
            | Self::OutcomesNotTaken { .. }
            | Self::WouldBlock
            | Self::WouldDeadlock
            | Self::Serializer { .. }
            | Self::Partitioner { .. }
            | Self::TransactionEnded
            | Self::TransactionDoomed { .. } => false,
        }
    }

    /// Whether a transaction that is committed behind it lacks a record without a word (TX13). Otherwise the caller has the
    /// record back by intent, or there will be no commit.
    pub(crate) fn leaves_out_a_record(&self) -> bool {
        let is_given_back =
            matches!(self, Self::WouldBlock | Self::TransactionEnded | Self::TransactionDoomed { .. });
        !is_given_back && !self.is_fatal()
    }
}

/// In words, without the topic.
impl fmt::Display for SendErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MetadataTimeout { waited, reason } => {
                write!(f, "no metadata within {waited:.1?} (max.block.ms): {reason}")
            }
            Self::Security(error) => error.fmt(f),
            Self::NoSuchPartition { partition, partitions, waited } => write!(
                f,
                "partition {partition} does not exist, the topic has {partitions} (waited {waited:.1?}, max.block.ms)"
            ),
            Self::BufferExhausted { waited } => {
                write!(f, "no memory within {waited:.1?} (buffer.memory is in use, max.block.ms)")
            }
            Self::RecordTooLarge { size_bytes, limit_bytes, key } => {
                write!(f, "the record may take {size_bytes} bytes, more than {key} = {limit_bytes}")
            }
            Self::Topic(code) => write!(f, "refused by the broker: {code}"),
            Self::UnsupportedVersion { reason } => write!(
                f,
                "{reason} (Kafka 0.11 and newer do), which enable.idempotence=true needs; leave the key out to send without"
            ),
            Self::HeadersNotSupported { reason } | Self::Partitioner { reason } => f.write_str(reason),
            Self::InvalidRecord(why) => f.write_str(why),
            Self::NoListener => f.write_str(
                "a record with a token, but no listener: no on_delivery, or the AckStream was dropped",
            ),
            Self::OutcomesNotTaken { capacity, waited } => write!(
                f,
                "{capacity} records with a token are on their way or have outcomes that were not taken from the AckStream \
                 within {waited:.1?} (max.block.ms)"
            ),
            Self::WouldBlock => f.write_str("the call would have to wait for metadata or memory"),
            Self::WouldDeadlock => {
                f.write_str("the call would have to wait for the network thread, on that thread")
            }
            Self::Serializer { part, type_name, reason } => {
                write!(f, "the {part} ({type_name}) cannot be serialized: {reason}")
            }
            Self::TransactionEnded => f.write_str("the transaction has ended"),
            Self::TransactionDoomed { why } => write!(f, "the transaction can only be aborted: {why}"),
            Self::Forked => {
                f.write_str("the producer belongs to the process this one was forked from; make another")
            }
            Self::Fatal { reason } => write!(f, "this producer was refused: {reason}"),
            Self::Closed => f.write_str("the producer is closed"),
            Self::NetworkThreadGone => {
                f.write_str("the producer's network thread has panicked; make a new producer")
            }
        }
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.topic(), self.kind())
    }
}

impl fmt::Debug for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendError").field("topic", &self.topic()).field("kind", self.kind()).finish()
    }
}

impl std::error::Error for SendError {}

/// Why a producer does not know its cluster: what [`Producer::connect`](crate::Producer::connect) waited for in vain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectError(SendErrorKind);

impl ConnectError {
    pub(crate) fn new(kind: SendErrorKind) -> Self {
        Self(kind)
    }

    /// What happened, as a `send` would tell it: [`SendErrorKind::MetadataTimeout`] if no broker answered.
    #[must_use]
    pub fn kind(&self) -> &SendErrorKind {
        &self.0
    }

    /// Whether the same call may succeed later without anything being changed.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        self.0.is_retriable()
    }

    /// Whether this producer will never accept a record again.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        self.0.is_fatal()
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for ConnectError {}

/// Why an accepted record was not acknowledged.
#[derive(Clone)]
pub struct DeliveryError(Arc<FailedRecord>);

struct FailedRecord {
    partition: TopicPartition,
    index: u32,
    failure: Arc<BatchFailure>,
    in_transaction: bool,
}

impl DeliveryError {
    pub(crate) fn new(
        partition: TopicPartition,
        index: u32,
        failure: Arc<BatchFailure>,
        in_transaction: bool,
    ) -> Self {
        Self(Arc::new(FailedRecord { partition, index, failure, in_transaction }))
    }

    /// What happened.
    #[must_use]
    pub fn kind(&self) -> &FailureKind {
        &self.0.failure.kind
    }

    /// Where the record was to go.
    #[must_use]
    pub fn topic_partition(&self) -> &TopicPartition {
        &self.0.partition
    }

    /// Whether the record is in the log: [`Certainty::NotWritten`] or [`Certainty::Unknown`]. Sending it again
    /// can write it twice unless it is `NotWritten`.
    #[must_use]
    pub fn certainty(&self) -> Certainty {
        self.0.failure.certainty
    }

    /// Whether sending the record again may succeed without anything being changed. Whether that could write it
    /// twice is [`certainty`](Self::certainty)'s answer.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        self.0.failure.kind.is_retriable()
    }

    /// Whether this producer will never accept a record again.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        match self.kind() {
            FailureKind::NetworkThreadGone | FailureKind::Closed | FailureKind::Forked => true,
            _ => self.0.failure.is_fatal,
        }
    }

    /// Whether its transaction can only be aborted now, which is so of each record of one that failed. `false` outside of one.
    #[must_use]
    pub fn needs_abort(&self) -> bool {
        self.0.in_transaction && !matches!(self.kind(), FailureKind::WouldDeadlock | FailureKind::Forked)
    }

    /// Where the time went from the opening of the batch to the end.
    #[must_use]
    pub fn spent(&self) -> &Spent {
        &self.0.failure.spent
    }

    /// How often the batch was put on the wire.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.0.failure.attempts
    }

    /// Everything known about the batch that failed.
    #[must_use]
    pub fn failure(&self) -> &BatchFailure {
        &self.0.failure
    }

    /// What the broker said about this very record (Produce v8 and newer, KIP-467).
    #[must_use]
    pub fn record_error(&self) -> Option<&str> {
        let errors = &self.0.failure.record_errors;
        errors.iter().find(|(index, _)| *index == self.0.index).and_then(|(_, message)| message.as_deref())
    }
}

impl fmt::Display for DeliveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.partition, self.0.failure)?;
        match self.record_error() {
            Some(message) => write!(f, " (this record: {message})"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for DeliveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeliveryError")
            .field("partition", &self.0.partition)
            .field("index", &self.0.index)
            .field("failure", &self.0.failure)
            .finish()
    }
}

impl std::error::Error for DeliveryError {}

/// Why a producer was not built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A key has a bad value, or two keys contradict each other.
    #[error(transparent)]
    Config(#[from] crate::config::ConfigError),
    /// A certificate, a key or a file of TLS cannot be used; its words name the key of the configuration.
    #[cfg(feature = "tls-no-provider")]
    #[error(transparent)]
    Tls(#[from] kp_tls::TlsConfigError),
    /// The codec is not in this build, or does not have the level.
    #[error("compression.type: {0}")]
    Codec(#[source] kp_protocol::ProtocolError),
    /// The configuration has a `transactional.id`, and the producer to be made is one without transactions.
    #[error("transactional.id is set: such a producer is made by build_transactional")]
    Transactional,
    /// The configuration has no `transactional.id`, and the producer to be made is one with transactions.
    #[error(
        "transactional.id is not set: build_transactional needs it, build makes a producer without transactions"
    )]
    NotTransactional,
    /// The system gave no thread.
    #[error("the network thread could not be started: {0}")]
    Thread(#[source] std::io::Error),
    /// An interceptor, a serializer or the partitioner does not like its configuration.
    #[error("{0}")]
    Extension(String),
    /// There is no network: `kp-producer` was built without the feature `tokio` and no client was given.
    #[error("no network: build kp-producer with the feature `tokio`, or hand a client to the builder")]
    NoClient,
}

/// Why `flush` or `close` did not wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WaitError {
    /// It would have had to wait for the network thread, on that thread (a callback).
    #[error("the call would have to wait for the network thread, on that thread")]
    WouldDeadlock,
    /// This process was forked from the one that made the producer, whose network thread is not here.
    #[error("the producer belongs to the process this one was forked from")]
    Forked,
    /// The producer is closed, or is being closed (CL8).
    #[error("the producer is closed")]
    Closed,
    /// The network thread has panicked; make a new producer.
    #[error("the producer's network thread has panicked; make a new producer")]
    NetworkThreadGone,
}
