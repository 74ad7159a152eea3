//! The same raw requests for the double and for a real broker, with the answers that Apache Kafka 4.3.0 and 3.9.1 give. What
//! differs is a fault of the double (or news about Kafka), so the cases are data and know nothing of whom they ask.
//! The wire is a trait: the state machine itself in this crate's tests, a socket in `run` (feature `tcp`).

mod asking;
mod cases;
mod delegation;
mod fresh_topic;
mod probe;
mod sasl;
mod sasl_cases;
mod sasl_probe;
#[cfg(feature = "tcp")]
mod socket;
mod transaction;
mod transaction_cases;
mod transaction_probe;
mod transaction_requests;

use std::fmt;
use std::io;

use bytes::Bytes;
use kp_protocol::{ErrorCode, VersionRange};

use crate::KafkaVersion;
pub use cases::cases;
pub use delegation::run_delegation_on;
pub use probe::run_on;
pub use sasl::{Door, SaslCase, SaslCaseResult, SaslStep, Token, TokenAnswer};
pub use sasl_cases::sasl_cases;
pub use sasl_probe::run_sasl_on;
#[cfg(feature = "tcp")]
pub use socket::{run, run_delegation, run_sasl, run_transactions};
pub use transaction::{
    Needs, OffsetToCommit, Pair, Place, Told, TransactionAnswer, TransactionAsk, TransactionCase,
    TransactionCaseResult, TransactionStep, TransactionWrite, WhichId, WriteKind,
};
pub use transaction_cases::{ROWS_NOT_ASKED, transaction_cases};
pub use transaction_probe::run_transactions_on;

/// What a broker is asked in a case, and what it must answer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Step {
    /// One Produce request with one partition, and its answer.
    Produce(Produce),
    /// Several of them, all written before the first answer is read.
    Pipelined(Vec<Produce>),
    /// The partition's end offset must be this.
    EndsAt(i64),
    /// ApiVersions of this version: must be answered with this code, in version 0 if it is an error.
    ApiVersions {
        /// The version, known or not.
        version: i16,
        /// Name the client gives itself (v3 and newer).
        software: &'static str,
        /// The answer.
        code: ErrorCode,
    },
    /// Metadata of this version for one name, no creation allowed: the topic's code.
    Metadata {
        /// The version.
        version: i16,
        /// The name asked for.
        topic: &'static str,
        /// The answer.
        code: ErrorCode,
    },
    /// Metadata for a name that is free, creation allowed: first unknown, and before long there.
    AskingCreates,
    /// CreateTopics (v7) of one topic, only validated: the topic's code.
    CreateTopic {
        /// The name.
        topic: &'static str,
        /// How many partitions.
        partitions: i32,
        /// How many copies.
        replication_factor: i16,
        /// The answer.
        code: ErrorCode,
    },
    /// ListOffsets (v7) of partition 0 by this timestamp: code and offset.
    ListOffsets {
        /// Milliseconds since the Unix epoch, or a negative question.
        timestamp: i64,
        /// The answer.
        code: ErrorCode,
        /// The offset found, −1 for none.
        offset: i64,
    },
    /// Fetch (v12) of partition 0 from this offset.
    Fetch {
        /// The first offset wanted.
        offset: i64,
        /// The limit in bytes.
        max_bytes: i32,
        /// The answer.
        code: ErrorCode,
        /// Whole batches in the answer, and its bytes.
        found: (usize, usize),
    },
    /// A frame as it stands: the broker closes the connection.
    ClosedOn(&'static [u8]),
}

/// One Produce request with one partition.
#[derive(Clone, Copy, Debug)]
pub struct Produce {
    /// The topic of the case, or one that is not there.
    pub topic_exists: bool,
    /// The partition; the case's topic has three.
    pub partition: i32,
    /// As on the wire.
    pub acks: i16,
    /// What it carries.
    pub batch: Batch,
    /// What comes back.
    pub expect: Expect,
}

/// A batch to be written.
#[derive(Clone, Copy, Debug)]
pub struct Batch {
    /// Which of the case's producers (each gets an id of its own when it is first used), epoch, and first sequence.
    pub producer: Option<(usize, i16, i32)>,
    /// How many records.
    pub records: u32,
    /// Bytes of each record's value.
    pub value_size: usize,
    /// What is done to it.
    pub spoil: Spoil,
}

/// What is wrong with a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Spoil {
    /// Nothing.
    Nothing,
    /// One bit of a record is changed behind the checksum's back.
    Checksum,
    /// It claims record format 1.
    Magic1,
    /// It stands there twice.
    Twice,
    /// Its last byte is missing.
    CutShort,
    /// There is nothing at all.
    Missing,
    /// It claims another base offset than 0.
    BaseOffset,
    /// It claims one record more than there are, checksum right.
    Count,
    /// It claims one record more than there are, and offsets to match, checksum right.
    CountAndOffsets,
    /// It claims to be a control batch, checksum right.
    Control,
    /// It claims a codec that there is not, checksum right.
    Codec,
    /// It claims to be gzip and is not, checksum right.
    NotGzip,
    /// Its records' times are two days ahead.
    Future,
}

/// What a Produce request must lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expect {
    /// This code.
    Code(ErrorCode),
    /// No error, at this offset, without an append time.
    At(i64),
    /// No error, at this offset, with an append time: the topic's, or that of which this is a duplicate.
    Stamped(i64),
    /// No answer; the connection goes on.
    Silence,
    /// No answer; the connection is closed.
    Closed,
}

/// One thing that a broker must answer right.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Case {
    /// What it is about, as in the table of measured answers.
    pub name: &'static str,
    /// The first Kafka it holds for; the suite begins at 3.9.
    pub since: KafkaVersion,
    /// The Produce versions it holds for.
    pub versions: VersionRange,
    /// What the case's topic is created with.
    pub configs: &'static [(&'static str, &'static str)],
    /// Asked in order, on one connection, which is made anew when the broker closes it.
    pub steps: Vec<Step>,
}

/// What came of a case in one Produce version.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CaseResult {
    /// The case.
    pub name: &'static str,
    /// The Produce version it was asked in.
    pub version: i16,
    /// Which step went wrong and how; `Ok` if none did.
    pub outcome: Result<(), String>,
}

impl fmt::Display for CaseResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, version, outcome } = self;
        match outcome {
            Ok(()) => write!(f, "ok    Produce v{version}: {name}"),
            Err(difference) => write!(f, "DIFFERS Produce v{version}: {name}: {difference}"),
        }
    }
}

/// One connection to a broker that leads every partition of its cluster.
pub trait Wire {
    /// Sends bytes, sizes of frames included.
    ///
    /// # Errors
    /// The connection is gone.
    fn send(&mut self, bytes: Bytes) -> io::Result<()>;

    /// The next frame without its size; `None` if the broker has closed the connection.
    ///
    /// # Errors
    /// Neither happens in reasonable time, or the wire itself fails.
    fn receive(&mut self) -> io::Result<Option<Bytes>>;

    /// Makes the connection anew.
    ///
    /// # Errors
    /// It cannot be made.
    fn reconnect(&mut self) -> io::Result<()>;

    /// Lets a little time pass, for a broker that is not ready yet.
    fn pause(&mut self);

    /// The wall clock in milliseconds since the Unix epoch, for the records' times.
    fn timestamp_ms(&self) -> i64;
}
