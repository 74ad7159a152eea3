//! What a broker is asked about transactions, and what it must answer: the words of the cases, as data. A case has two
//! transactional ids of its own, for each of which the probe keeps the producer ids and epochs that the broker has told.

use std::fmt;

use kp_protocol::ErrorCode;

use crate::KafkaVersion;

/// Whose name a request carries as its transactional id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhichId {
    /// The case's first.
    First,
    /// The case's second.
    Second,
    /// One that the coordinator never heard of.
    Unknown,
    /// One without a letter.
    Empty,
    /// None at all, where the request allows that.
    Null,
}

/// Which producer id and epoch a request carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pair {
    /// −1 and −1.
    None,
    /// The newest that the broker has told.
    Current,
    /// The one that it told so many before the newest.
    Old(usize),
    /// The newest, one epoch on.
    TooHigh,
    /// Another producer id, which no producer has.
    Other,
    /// The newest producer id with epoch −1.
    WithoutEpoch,
    /// The newest of the case's other transactional id.
    OfTheOther,
}

/// A partition of the case's topic, or one that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// Of the case's topic, which has three.
    Partition(i32),
    /// Partition 0 of a topic that is not there.
    UnknownTopic,
}

/// What kind of batch is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WriteKind {
    /// Transactional, under the request's pair.
    Transactional,
    /// Under the request's pair, but not transactional.
    Idempotent,
    /// Without a producer.
    Plain,
    /// Transactional, under the pair of the case's other transactional id.
    OfTheOther,
    /// Transactional, and its checksum is wrong.
    Corrupt,
}

/// One batch of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransactionWrite {
    /// Where to.
    pub place: Place,
    /// Its sequence.
    pub sequence: i32,
    /// What it is.
    pub kind: WriteKind,
}

/// What TxnOffsetCommit carries: one partition's offset for a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OffsetToCommit {
    /// Whether the group is the case's own, which has no members; else it has no name.
    pub has_group: bool,
    /// The generation, −1 for none (v3 and newer).
    pub generation: i32,
    /// The member, empty for none (v3 and newer).
    pub member: &'static str,
    /// Whose offset.
    pub place: Place,
    /// The offset.
    pub offset: i64,
    /// Bytes of the application's own words.
    pub metadata_size: usize,
}

/// A request.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum TransactionAsk {
    /// FindCoordinator for a group or a transactional id; versions 4 and newer ask for all the names.
    FindCoordinator {
        /// 0 group, 1 transactional id, or another number.
        key_type: i8,
        /// The names.
        names: &'static [WhichId],
        /// The words of each answer.
        words: &'static str,
    },
    /// InitProducerId with this `transaction.timeout.ms`.
    Init(i32),
    /// InitProducerId with the current pair, again and again until the epoch is at least this.
    InitUntil(i16),
    /// AddPartitionsToTxn: the codes in the order of the places.
    Add(&'static [Place]),
    /// AddPartitionsToTxn as a broker asks whether the places are in (v4 and newer).
    Verify(&'static [Place]),
    /// AddOffsetsToTxn for the case's own group, or for one without a name.
    AddOffsets {
        /// Which of the two.
        has_group: bool,
    },
    /// Produce: a code for each batch, and the offset of the first.
    Produce {
        /// As on the wire.
        acks: i16,
        /// In the order of the request.
        writes: Vec<TransactionWrite>,
    },
    /// EndTxn: commit, or abort.
    End(bool),
    /// TxnOffsetCommit.
    CommitOffset(OffsetToCommit),
    /// OffsetFetch (v7 and newer) for what the case's own group has committed of partition 0: −1 for nothing.
    FetchOffset {
        /// Whether offsets of an open transaction are in the way.
        require_stable: bool,
    },
    /// ListOffsets (v7) for the end of a partition: with isolation level 1 the last stable offset.
    EndOffset {
        /// The partition.
        partition: i32,
        /// The isolation level.
        isolation: i8,
    },
    /// Nothing; at least so many milliseconds go by.
    Wait(i64),
}

/// How the pair in an answer goes together with those that were told before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Told {
    /// There is none in the answer, or it is of no matter.
    Nothing,
    /// A producer id that was not told before, epoch 0.
    New,
    /// The newest once more.
    Same,
    /// The newest producer id, so many epochs on.
    Raised(i16),
}

/// What a request leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransactionAnswer {
    /// An answer.
    Codes {
        /// One code, or one for each thing that was asked for.
        codes: Vec<ErrorCode>,
        /// The pair.
        told: Told,
        /// The offset, where that matters.
        offset: Option<i64>,
    },
    /// None; the connection is closed.
    Closed,
}

/// A request and what it must lead to. One that is answered with 14, 16, 51 or 88 is repeated until it is answered with something
/// else, unless that is what it must lead to.
#[derive(Clone, Debug)]
pub struct TransactionStep {
    /// The version of the request.
    pub version: i16,
    /// Whose name it carries.
    pub id: WhichId,
    /// Under which pair of `id`'s, or of the first if `id` has none.
    pub pair: Pair,
    /// What it is.
    pub ask: TransactionAsk,
    /// What its first answer must be, and what it is repeated for.
    pub first: Option<ErrorCode>,
    /// The last answer.
    pub answer: TransactionAnswer,
    /// The last answer of Kafka 3.9, if it is another.
    pub answer_of_3_9: Option<TransactionAnswer>,
}

/// One thing that a broker must answer right.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TransactionCase {
    /// What it is about.
    pub name: &'static str,
    /// The rows of the table of measured answers that it asks.
    pub rows: &'static [&'static str],
    /// The version of the request that it is about.
    pub version: i16,
    /// The first Kafka it holds for; the suite begins at 3.9.
    pub since: KafkaVersion,
    /// What it needs.
    pub needs: Needs,
    /// Asked in order on one connection, which is made anew when the broker closes it.
    pub steps: Vec<TransactionStep>,
}

/// What a case needs besides a broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Needs {
    /// Nothing.
    Nothing,
    /// A cluster that was not asked for a coordinator before.
    FreshCluster,
    /// A coordinator that looks for transactions that have timed out every fifth of a second
    /// (`transaction.abort.timed.out.transaction.cleanup.interval.ms`).
    FastTimeouts,
    /// Patience: some ten thousands of requests.
    Patience,
}

/// What came of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TransactionCaseResult {
    /// The case.
    pub name: &'static str,
    /// The version of the request that it is about.
    pub version: i16,
    /// The rows that it asks.
    pub rows: &'static [&'static str],
    /// Which step went wrong and how; `Ok` if none did.
    pub outcome: Result<(), String>,
}

impl fmt::Display for TransactionCaseResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, version, rows, outcome } = self;
        let rows = rows.join(", ");
        match outcome {
            Ok(()) => write!(f, "ok    {rows}, v{version}: {name}"),
            Err(difference) => write!(f, "DIFFERS {rows}, v{version}: {name}: {difference}"),
        }
    }
}
