//! Why a transaction did not begin, did not commit, or did not take offsets. Every error is a value of its own: none holds a guard.

use crate::error::SendErrorKind;
use crate::transaction::outcome::TransactionOutcome;
use kp_protocol::{ErrorCode, TopicPartition};
use kp_sender::{TransactionFailure, TransactionFailureKind};
use std::sync::Arc;
use std::time::Duration;

/// Why no transaction was begun.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BeginError {
    /// The end of the transaction before is not known yet. It goes on being asked for; call again, or
    /// [`resolve`](crate::TransactionalProducer::resolve).
    #[error("the transaction before has not ended within {waited:.1?} (max.block.ms): {reason}")]
    PreviousUnresolved {
        /// How long the call waited.
        waited: Duration,
        /// What is known of why.
        reason: Arc<str>,
    },
    /// The coordinator gave no producer id within `max.block.ms`. It goes on being asked; call again.
    #[error("no producer id within {waited:.1?} (max.block.ms): {reason}")]
    InitTimeout {
        /// How long the call waited.
        waited: Duration,
        /// What is known of why.
        reason: Arc<str>,
    },
    /// This principal may not use the `transactional.id`: call again when that is mended (TX31).
    #[error("transactional.id: {0}")]
    Authorization(#[source] TransactionFailure),
    /// The coordinator refuses `transaction.timeout.ms`: it is more than the broker's `transaction.max.timeout.ms`.
    #[error("transaction.timeout.ms = {} is not accepted: the limit is the broker's transaction.max.timeout.ms", .asked.as_millis())]
    InvalidTransactionTimeout {
        /// What was asked for.
        asked: Duration,
    },
    /// The cluster has no transactions: they came with Kafka 0.11.
    #[error("the cluster cannot do transactions: {reason}")]
    Unsupported {
        /// Which broker showed it, and what it lacks.
        reason: Arc<str>,
    },
    /// The coordinator refused this attempt; the producer is as good as before.
    #[error("refused by the coordinator: {0}")]
    Refused(#[source] TransactionFailure),
    /// This producer will never begin a transaction again: close it, and find out why.
    #[error("this producer is finished: {0}")]
    Fatal(#[source] TransactionFailure),
    /// The producer is closed.
    #[error("the producer is closed")]
    Closed,
    /// The network thread has panicked; make a new producer.
    #[error("the producer's network thread has panicked; make a new producer")]
    NetworkThreadGone,
    /// It would have had to wait for the network thread, on that thread (a callback).
    #[error("the call would have to wait for the network thread, on that thread")]
    WouldDeadlock,
    /// This process was forked from the one that made the producer, whose network thread is not here.
    #[error("the producer belongs to the process this one was forked from")]
    Forked,
}

impl BeginError {
    /// Whether the same call may succeed later without anything being changed.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        matches!(self, Self::PreviousUnresolved { .. } | Self::InitTimeout { .. })
    }

    /// Whether this producer will never begin a transaction again.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        match self {
            Self::Fatal(_)
            | Self::InvalidTransactionTimeout { .. }
            | Self::Closed
            | Self::NetworkThreadGone
            | Self::Forked => true,
            // Rights are granted, clusters upgraded, while a producer lives.
            Self::PreviousUnresolved { .. }
            | Self::InitTimeout { .. }
            | Self::Authorization(_)
            | Self::Unsupported { .. }
            | Self::Refused(_)
            | Self::WouldDeadlock => false,
        }
    }

    /// What the coordinator said to a producer without a transaction.
    pub(crate) fn of_init(failure: TransactionFailure, is_fatal: bool, asked: Duration) -> Self {
        match failure.kind {
            TransactionFailureKind::InvalidTimeout => Self::InvalidTransactionTimeout { asked },
            TransactionFailureKind::Unsupported { reason } => Self::Unsupported { reason },
            _ if is_fatal => Self::Fatal(failure),
            TransactionFailureKind::Authorization(_) => Self::Authorization(failure),
            _ => Self::Refused(failure),
        }
    }

    /// Why no call is any use.
    pub(crate) fn of_refusal(refusal: SendErrorKind) -> Self {
        match refusal {
            SendErrorKind::Forked => Self::Forked,
            SendErrorKind::NetworkThreadGone => Self::NetworkThreadGone,
            SendErrorKind::Fatal { reason } => {
                Self::Fatal(TransactionFailure::of(TransactionFailureKind::SendRefused { reason }))
            }
            _ => Self::Closed,
        }
    }
}

/// Why a transaction was not committed, or its abort not confirmed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndError {
    /// It was not committed and never will be: the abort is done, or certain to come. The producer is good, and the same records
    /// may be sent again in a new transaction. Only from `commit`.
    #[error("the transaction was aborted: {0}")]
    Aborted(#[source] TransactionFailure),
    /// The time of this call is up, and the end is not known yet. It goes on being asked for:
    /// [`resolve`](crate::TransactionalProducer::resolve), or the next `begin`, waits for it.
    #[error("the end of the transaction is not known after {waited:.1?} (max.block.ms): {reason}")]
    Unresolved {
        /// How long the call waited behind the last record.
        waited: Duration,
        /// What is known of why.
        reason: Arc<str>,
    },
    /// All or nothing of it is visible, and no broker will ever tell this producer which. The producer is finished.
    #[error("it will never be known whether the transaction was committed: {0}")]
    Unknown(#[source] TransactionFailure),
    /// It was not committed, certainly, and the producer is finished: another one has its `transactional.id`, or its rights are gone.
    #[error("the transaction was not committed, and this producer is finished: {0}")]
    Fatal(#[source] TransactionFailure),
}

impl EndError {
    /// What became of the transaction, in one word.
    #[must_use]
    pub fn outcome(&self) -> TransactionOutcome {
        match self {
            Self::Aborted(_) | Self::Fatal(_) => TransactionOutcome::Aborted,
            Self::Unresolved { .. } => TransactionOutcome::Unresolved,
            Self::Unknown(_) => TransactionOutcome::Unknown,
        }
    }

    /// Whether this producer may send the same records again in a new transaction, and no reader will see them twice.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        matches!(self, Self::Aborted(_))
    }

    /// Whether this producer will never begin a transaction again.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        matches!(self, Self::Unknown(_) | Self::Fatal(_))
    }

    /// What happened, if that is known.
    #[must_use]
    pub fn failure(&self) -> Option<&TransactionFailure> {
        match self {
            Self::Aborted(failure) | Self::Unknown(failure) | Self::Fatal(failure) => Some(failure),
            Self::Unresolved { .. } => None,
        }
    }
}

/// Why offsets are not part of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OffsetsError {
    /// The metadata of the group contradicts itself. Nothing was asked.
    #[error("group metadata: {0}")]
    InvalidGroup(&'static str),
    /// No offset is below 0. Nothing was asked.
    #[error("{partition}: the offset {offset} is below 0")]
    InvalidOffset {
        /// The partition that it was for.
        partition: TopicPartition,
        /// What it was.
        offset: i64,
    },
    /// The transaction has ended. Nothing was asked.
    #[error("the transaction has ended")]
    TransactionEnded,
    /// They were refused, or something else was before: the transaction can only be aborted.
    #[error("the transaction can only be aborted: {0}")]
    Failed(#[source] TransactionFailure),
    /// The group's coordinator did not answer within `max.block.ms`. Whether it has them is not known, so the transaction can only
    /// be aborted, which undoes both.
    #[error("no answer about offsets within {waited:.1?} (max.block.ms): {reason}")]
    TimedOut {
        /// How long the call waited.
        waited: Duration,
        /// What is known of why.
        reason: Arc<str>,
    },
    /// The producer is closed, or its network thread is gone.
    #[error("the producer is closed")]
    Closed,
    /// It would have had to wait for the network thread, on that thread (a callback).
    #[error("the call would have to wait for the network thread, on that thread")]
    WouldDeadlock,
    /// This process was forked from the one that made the producer, whose network thread is not here.
    #[error("the producer belongs to the process this one was forked from")]
    Forked,
}

impl OffsetsError {
    /// Whether the group has given this member's partitions to another: what was read from them is another's to commit.
    #[must_use]
    pub fn is_rebalanced(&self) -> bool {
        let Self::Failed(failure) = self else { return false };
        matches!(
            failure.kind,
            TransactionFailureKind::Offsets(
                ErrorCode::ILLEGAL_GENERATION
                    | ErrorCode::UNKNOWN_MEMBER_ID
                    | ErrorCode::FENCED_INSTANCE_ID
                    | ErrorCode::STALE_MEMBER_EPOCH
            )
        )
    }

    /// Whether the transaction can only be aborted now.
    #[must_use]
    pub fn needs_abort(&self) -> bool {
        matches!(self, Self::Failed(_) | Self::TimedOut { .. })
    }
}
