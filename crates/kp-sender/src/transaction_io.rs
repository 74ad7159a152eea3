//! What goes into and comes out of the sender core about transactions, and why they fail: plain values, part of the contract of
//! `io.rs`. Decides nothing.
//!
//! One transaction is open at a time. The host sees to it that no record is appended before [`TransactionInput::Begin`] or after
//! [`TransactionInput::End`], and begins the next one only after [`TransactionOutput::Ended`].

use kp_accumulator::{BrokerError, FailureKind};
use kp_protocol::{ApiKey, ErrorCode, ProducerIdentity, TopicPartition};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What a transactional producer is told once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionSettings {
    /// `transactional.id` (KIP-98), not empty: what a restarted instance fences its predecessor by.
    pub transactional_id: Arc<str>,
    /// `transaction.timeout.ms`: how long the coordinator leaves a transaction open.
    pub timeout: Duration,
}

/// What an application wants of transactions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransactionInput {
    /// Get a producer id and fence older instances (TX3). Answered by [`TransactionOutput::Initialized`] or
    /// [`TransactionOutput::InitFailed`]; after the latter it may be asked again.
    Init,
    /// Records appended from now on belong to this transaction.
    Begin {
        /// Larger than that of each earlier one.
        number: u64,
    },
    /// Make these offsets of a group part of the open transaction (KIP-447). Answered by [`TransactionOutput::OffsetsSent`].
    SendOffsets {
        /// Comes back with the answer.
        ticket: u64,
        /// The group, as its consumer knows it.
        group: GroupMetadata,
        /// The offset of the next record to read, for each partition.
        offsets: Vec<(TopicPartition, CommittedOffset)>,
    },
    /// Something that the core does not see makes a commit impossible: a refused send (TX13), offsets that took too long.
    Doom {
        /// The transaction that it is about; another one is left alone.
        number: u64,
        /// What is told as the cause, if it is the first.
        why: TransactionFailure,
    },
    /// No record follows. A commit of a doomed transaction aborts it. Answered by [`TransactionOutput::Ended`].
    End {
        /// The open transaction.
        number: u64,
        /// What is wanted.
        commit: bool,
    },
}

/// What became of a transaction, and of what was wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransactionOutput {
    /// There is a producer id; older instances are fenced.
    Initialized {
        /// Who this producer is.
        producer: ProducerIdentity,
        /// Which protocol the first transaction uses.
        protocol: TransactionProtocol,
    },
    /// A broker refuses the producer id for good. Trouble on the way is not told here, it is tried again.
    InitFailed {
        /// Why.
        failure: TransactionFailure,
        /// Whether asking again is of no use.
        is_fatal: bool,
    },
    /// The transaction cannot be committed any more. Told once, with the first cause.
    Doomed {
        /// Which one.
        number: u64,
        /// The first cause.
        why: TransactionFailure,
    },
    /// The offsets are part of the transaction, or are not.
    OffsetsSent {
        /// Of the question.
        ticket: u64,
        /// A failure has doomed the transaction.
        result: Result<(), TransactionFailure>,
    },
    /// The transaction has ended. Told once.
    Ended {
        /// Which one.
        number: u64,
        /// How.
        end: TransactionEnd,
    },
    /// Why something waits at the moment: the latest word, for timeouts and explanations.
    Stalled {
        /// The transaction, if one is begun.
        number: Option<u64>,
        /// Who said what.
        reason: Arc<str>,
    },
}

/// How a transaction has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransactionEnd {
    /// All of it is visible, or will be as soon as the markers are written.
    Committed {
        /// The producer epoch that it was written under.
        epoch: i16,
        /// How many partitions have records of it.
        partitions: usize,
    },
    /// Nothing of it will ever be visible.
    Aborted {
        /// Why, if that was not what was wanted.
        why: Option<TransactionFailure>,
    },
    /// It cannot be learnt any more: a commit was asked for without an answer, and no broker can be asked now.
    Unknown(TransactionFailure),
    /// It is not committed, and the producer is finished.
    Fatal(TransactionFailure),
}

/// How transactions are spoken about with the brokers (KIP-890).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionProtocol {
    /// Partitions are added by a request of their own, and the epoch stays from one transaction to the next.
    V1,
    /// Produce adds partitions, and each end brings the next epoch (`transaction.version` 2, Kafka 4.0).
    V2,
}

/// A consumer group as its member knows it (KIP-447): what the group's coordinator fences offsets by.
///
/// With −1 and no member nothing is fenced: the group takes such offsets from any client, also while it has members. That is right for a
/// consumer that was given its partitions by hand. One that the group has put out says the same of itself, and its offsets must not be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMetadata {
    /// `group.id`, not empty.
    pub group_id: Arc<str>,
    /// The generation, or the member's epoch; −1 for a consumer without a group.
    pub generation: i32,
    /// The member's id; empty for a consumer without a group.
    pub member_id: Arc<str>,
    /// `group.instance.id` of a static member.
    pub instance_id: Option<Arc<str>>,
}

/// Where a group goes on reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The offset of the next record, 0 or more.
    pub offset: i64,
    /// The leader epoch of the record before it, as far as the consumer knows it.
    pub leader_epoch: Option<i32>,
    /// Words that are kept with it.
    pub metadata: Option<Arc<str>>,
}

/// Why a transaction was not committed, or a producer is not let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionFailure {
    /// What ended it.
    pub kind: TransactionFailureKind,
    /// What was said last about it.
    pub last: Option<BrokerError>,
    /// How often what failed was asked.
    pub attempts: u32,
}

impl TransactionFailure {
    /// One that no broker was asked about.
    #[must_use]
    pub fn of(kind: TransactionFailureKind) -> Self {
        Self { kind, last: None, attempts: 0 }
    }
}

/// What ended it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransactionFailureKind {
    /// A record that was accepted is not in the log, or may not be (TX12).
    RecordFailed {
        /// Where it was to go.
        partition: TopicPartition,
        /// What became of its batch.
        kind: FailureKind,
    },
    /// The coordinator did not make a partition part of the transaction.
    Partition {
        /// Which one.
        partition: TopicPartition,
        /// What it said.
        code: ErrorCode,
    },
    /// A group's offsets were refused.
    Offsets(ErrorCode),
    /// The coordinator has aborted it: it was open for longer than `transaction.timeout.ms` (KIP-588).
    TimedOut {
        /// How long it was open, as far as this side can tell.
        age: Duration,
        /// `transaction.timeout.ms`.
        limit: Duration,
    },
    /// Another producer with the same `transactional.id` was started.
    Fenced,
    /// A broker refused something for good.
    Refused {
        /// What was asked.
        api: ApiKey,
        /// What it said.
        code: ErrorCode,
    },
    /// `transaction.timeout.ms` is larger than the broker's `transaction.max.timeout.ms`, or not above 0.
    InvalidTimeout,
    /// A broker is too old for what is needed.
    Unsupported {
        /// Which broker lacks what.
        reason: Arc<str>,
    },
    /// The principal may not use the transactional id, or may not produce at all (TX31).
    Authorization(ErrorCode),
    /// A record was refused before it was accepted (TX13).
    SendRefused {
        /// Why.
        reason: Arc<str>,
    },
    /// The application let go of it without an end.
    Dropped,
    /// The producer was closed.
    Closed,
    /// What the brokers say contradicts itself.
    Unresolvable,
}

impl fmt::Display for TransactionFailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RecordFailed { partition, kind } => write!(f, "a record to {partition} failed: {kind}"),
            Self::Partition { partition, code } => {
                write!(f, "the coordinator did not add {partition} to the transaction: {code}")
            }
            Self::Offsets(code) => write!(f, "the group's offsets were refused with {code}"),
            Self::TimedOut { age, limit } => {
                write!(f, "open for {age:.1?}, transaction.timeout.ms is {limit:.1?}: the coordinator aborted it")
            }
            Self::Fenced => f.write_str("another producer with this transactional.id was started"),
            Self::Refused { api, code } => write!(f, "{api} was refused with {code}"),
            Self::InvalidTimeout => f.write_str(
                "the broker does not take this transaction.timeout.ms: its limit is transaction.max.timeout.ms",
            ),
            Self::Unsupported { reason } | Self::SendRefused { reason } => f.write_str(reason),
            Self::Authorization(code) => write!(f, "the principal may not do this: {code}"),
            Self::Dropped => f.write_str("it was dropped without an end"),
            Self::Closed => f.write_str("the producer was closed"),
            Self::Unresolvable => f.write_str("the brokers' answers contradict each other"),
        }
    }
}

impl fmt::Display for TransactionFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.last {
            Some(last) => write!(f, "{}; last: {last}", self.kind),
            None => self.kind.fmt(f),
        }
    }
}

impl std::error::Error for TransactionFailure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_name_the_key_that_a_user_can_turn() {
        let (age, limit) = (Duration::from_secs(61), Duration::from_secs(60));
        let failure = TransactionFailure::of(TransactionFailureKind::TimedOut { age, limit });
        assert_eq!(
            failure.to_string(),
            "open for 61.0s, transaction.timeout.ms is 60.0s: the coordinator aborted it"
        );
        let fenced = TransactionFailure::of(TransactionFailureKind::Fenced).to_string();
        assert!(fenced.contains("transactional.id"), "{fenced}");
    }
}
