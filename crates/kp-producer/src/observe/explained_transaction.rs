//! What there is to say of a producer's transactions, as plain values. Put together by the ledger, printed here.

use kp_sender::{TransactionFailure, TransactionProtocol, TransactionReport};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How far the transactions of a producer are, as [`explain`](crate::ProducerObserver::explain) tells it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TransactionExplanation {
    /// The number of the newest transaction; 0 before the first.
    pub number: u64,
    /// How far it is.
    pub state: TransactionState,
    /// Records that were accepted in it.
    pub records: u64,
    /// How long ago it was begun, until its end is known.
    pub age: Option<Duration>,
    /// `transaction.timeout.ms`.
    pub limit: Duration,
    /// The first thing that makes a commit of it impossible.
    pub doomed: Option<TransactionFailure>,
    /// How far the core and the coordinator are with it; `None` if the network thread has not answered.
    pub progress: Option<TransactionReport>,
    /// What was heard last of why something takes long.
    pub stalled: Option<Arc<str>>,
}

/// How far a producer's newest transaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransactionState {
    /// There is no producer id yet.
    NotInitialized,
    /// None is open.
    Idle,
    /// It takes records.
    Open,
    /// A commit is under way.
    Committing,
    /// An abort is under way.
    Aborting,
    /// This producer will never begin one again.
    Finished,
}

impl fmt::Display for TransactionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotInitialized => "no producer id yet",
            Self::Idle => "none is open",
            Self::Open => "open",
            Self::Committing => "being committed",
            Self::Aborting => "being aborted",
            Self::Finished => "the producer is finished",
        })
    }
}

/// One line.
impl fmt::Display for TransactionExplanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number {
            0 => write!(f, "transactions: {}", self.state)?,
            number => write!(f, "transaction {number}: {}", self.state)?,
        }
        if let Some(age) = self.age {
            write!(
                f,
                ", {} records, begun {age:.1?} ago (transaction.timeout.ms is {:.1?})",
                self.records, self.limit
            )?;
        }
        if let Some(doomed) = &self.doomed {
            write!(f, "; it can only be aborted: {doomed}")?;
        }
        if let Some(progress) = &self.progress {
            write_progress(f, progress)?;
        }
        match &self.stalled {
            Some(stalled) => write!(f, "; {stalled}"),
            None => Ok(()),
        }
    }
}

fn write_progress(f: &mut fmt::Formatter<'_>, progress: &TransactionReport) -> fmt::Result {
    let protocol = match progress.protocol {
        TransactionProtocol::V1 => "older",
        TransactionProtocol::V2 => "newer",
    };
    write!(f, "; {protocol} protocol, ")?;
    match progress.coordinator {
        Some(broker) => write!(f, "coordinated by broker {broker}")?,
        None => f.write_str("the coordinator is looked up")?,
    }
    if progress.awaits_epoch {
        f.write_str(", a producer id is asked for")?;
    }
    if progress.partitions > 0 {
        write!(f, ", {} partitions", progress.partitions)?;
    }
    if !progress.not_added.is_empty() {
        write!(f, " ({} not added yet)", progress.not_added.len())?;
    }
    if progress.waiting_offsets > 0 {
        write!(f, ", {} calls wait for their offsets", progress.waiting_offsets)?;
    }
    match progress.end_attempts {
        0 => Ok(()),
        attempts => write!(f, ", its end was asked for {attempts} times"),
    }
}
