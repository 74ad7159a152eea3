//! What the application has noted: what it asked, what it was told. Shared by its tasks and by callbacks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use kp_producer::{Certainty, DeliveryError, EndError, RecordMetadata, TransactionOutcome};
use kp_tests::laws::{Sent, Told};
use kp_tests::transaction_history::{Answer, Asked, SentOffset, Transacted};

/// What was noted. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notes(Arc<Mutex<Noted>>);

#[derive(Debug, Default)]
pub(crate) struct Noted {
    pub(crate) transactions: Vec<Transacted>,
    pub(crate) sent: BTreeMap<u64, Sent>,
    /// Transactions in which a send was refused that nobody tolerates (TX13).
    pub(crate) refused: BTreeSet<usize>,
    next_accepted: u64,
    next_offset: i64,
}

impl Notes {
    pub(crate) fn with<T>(&self, look: impl FnOnce(&mut Noted) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A transaction has begun; answers its place.
    pub(crate) fn begun(&self, instance: usize) -> usize {
        self.with(|noted| {
            noted.transactions.push(Transacted { instance, ..Transacted::default() });
            noted.transactions.len() - 1
        })
    }

    /// A record is about to be sent; answers its number.
    pub(crate) fn new_record(&self) -> u64 {
        self.with(|noted| {
            let id = noted.sent.len() as u64 + 1;
            noted.sent.insert(id, Sent::default());
            id
        })
    }

    pub(crate) fn accepted(&self, transaction: usize, id: u64) {
        self.with(|noted| {
            noted.sent.entry(id).or_default().accepted = Some(noted.next_accepted);
            noted.next_accepted += 1;
            noted.transactions[transaction].records.push(id);
        });
    }

    pub(crate) fn refused(&self, transaction: usize) {
        self.with(|noted| noted.refused.insert(transaction));
    }

    pub(crate) fn delivered(&self, id: u64, outcome: Result<RecordMetadata, DeliveryError>) {
        let told = match outcome {
            Ok(written) => Told::Written {
                place: (written.topic().to_owned(), written.partition().0),
                offset: written.offset(),
            },
            Err(error) if error.certainty() == Certainty::NotWritten => Told::NotWritten(error.to_string()),
            Err(error) => Told::Unknown(error.to_string()),
        };
        self.with(|noted| noted.sent.entry(id).or_default().told.push(told));
    }

    /// An offset that no other transaction sends.
    pub(crate) fn new_offset(&self) -> i64 {
        self.with(|noted| {
            noted.next_offset += 1;
            noted.next_offset
        })
    }

    /// Offsets are about to be sent; answers their place among the transaction's.
    pub(crate) fn sends_offset(&self, transaction: usize, offset: SentOffset) -> usize {
        self.with(|noted| {
            noted.transactions[transaction].offsets.push(offset);
            noted.transactions[transaction].offsets.len() - 1
        })
    }

    pub(crate) fn offset_taken(&self, transaction: usize, place: usize) {
        self.with(|noted| noted.transactions[transaction].offsets[place].taken = true);
    }

    pub(crate) fn asked(&self, transaction: usize, asked: Asked) {
        self.with(|noted| noted.transactions[transaction].asked = asked);
    }

    /// An answer; once it is final, the same is not noted again.
    pub(crate) fn told(&self, transaction: usize, answer: Answer) {
        self.with(|noted| {
            let told = &mut noted.transactions[transaction].told;
            let means_the_same = |known: &Answer| {
                *known == answer || matches!((known, answer), (Answer::Fatal, Answer::Aborted))
            };
            if !told.last().is_some_and(means_the_same) {
                told.push(answer);
            }
        });
    }
}

pub(crate) fn answer_of<T>(ended: &Result<T, EndError>, ok: Answer) -> Answer {
    match ended {
        Ok(_) => ok,
        Err(EndError::Fatal(_)) => Answer::Fatal,
        Err(error) => answer_of_outcome(error.outcome()),
    }
}

pub(crate) fn answer_of_outcome(outcome: TransactionOutcome) -> Answer {
    match outcome {
        TransactionOutcome::Committed => Answer::Committed,
        TransactionOutcome::Aborted => Answer::Aborted,
        TransactionOutcome::Unresolved => Answer::Unresolved,
        TransactionOutcome::Unknown => Answer::Unknown,
    }
}
