//! One transaction, from its begin to its end: the lines of a group go in, and what became of them comes out.
//! Never: sends a group twice; that is decided above.

use std::{cell::Cell, sync::Arc};

use kp_producer::{
    BeginError, EndError, SendError, SendErrorKind, Transaction, TransactionOutcome, TransactionalProducer,
};

use super::group::{Group, Places};
use crate::produce::{
    gate::{Gate, Waiter},
    outcomes::Outcomes,
    stopped::ends_the_input,
    template::Template,
    transaction_args::OnInterrupt,
};

/// How often the end of an unresolved transaction is asked for, each time for `max.block.ms`.
const QUESTIONS: u32 = 10;

/// What every attempt of a run needs.
pub(crate) struct Means<'r> {
    pub(crate) template: &'r Template,
    pub(crate) outcomes: &'r Outcomes,
    pub(crate) gate: &'r Gate,
    pub(crate) waiter: Waiter,
    pub(crate) on_interrupt: OnInterrupt,
    /// How many partitions the topic has, once a line has named one beyond them.
    pub(crate) partitions: &'r Cell<Option<usize>>,
}

/// What became of a group.
pub(crate) struct Attempt {
    /// Its name, if it was begun.
    pub(crate) transaction: Option<Arc<str>>,
    pub(crate) end: End,
    pub(crate) places: Arc<Places>,
}

pub(crate) enum End {
    Committed,
    Aborted { why: String, then: Then },
    Unknown { why: String },
}

/// What can be done about a group that was aborted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// Send it again; if that does not help, go on behind it.
    Again,
    /// Send it again; if that does not help, those behind it would fail the same way.
    AgainOrStop,
    /// The producer is finished, or no record will be taken.
    Stop,
    /// Ctrl-C wants it so.
    Interrupted,
}

/// Why the sending of a group was not finished.
enum Cut {
    /// The transaction can only be aborted, and knows why.
    Doomed,
    Refused(SendError),
    Interrupted,
}

impl Means<'_> {
    /// Sends a group in a transaction of its own, and waits for the end of that.
    pub(crate) fn attempt(&self, producer: &mut TransactionalProducer, group: &mut Group) -> Attempt {
        let places = group.places();
        let attempt = |transaction, end| Attempt { transaction, end, places: Arc::clone(&places) };
        let id = producer.transactional_id().to_owned();
        let transaction = match self.wait(producer.begin()) {
            None => return attempt(None, interrupted()),
            Some(Err(error)) => return attempt(None, not_begun(&error)),
            Some(Ok(transaction)) => transaction,
        };
        let name: Arc<str> = format!("{id}-{}", transaction.number()).into();
        // Each refusal is handled here: a line that is no record leaves the others as they are.
        transaction.tolerate_refused();
        let cut = self.send_all(&transaction, group, &places);
        let end = match cut {
            Ok(()) | Err(Cut::Doomed) => {
                let ended = Gate::wait_to_the_end(&self.waiter, transaction.commit());
                match ended {
                    Ok(_) => End::Committed,
                    Err(error) => self.not_committed(producer, &error),
                }
            }
            Err(Cut::Interrupted) => self.abort(transaction, interrupted()),
            Err(Cut::Refused(error)) => self.abort(transaction, refused(&error)),
        };
        attempt(Some(name), end)
    }

    fn send_all(
        &self,
        transaction: &Transaction<'_>,
        group: &mut Group,
        places: &Arc<Places>,
    ) -> Result<(), Cut> {
        for number in 0..group.len() {
            if !group.line(number).is_unfit {
                self.send(transaction, group, number, places)?;
            }
        }
        Ok(())
    }

    fn send(
        &self,
        transaction: &Transaction<'_>,
        group: &mut Group,
        number: usize,
        places: &Arc<Places>,
    ) -> Result<(), Cut> {
        let (answer, bytes, own_partition) = {
            let input = match self.template.syntax.parse(&group.line(number).bytes) {
                Ok(input) => input,
                Err(what) => {
                    group.leave_out(number, what, self.outcomes);
                    return Ok(());
                }
            };
            if let (Some(partition), Some(partitions)) = (input.partition, self.partitions.get())
                && usize::try_from(partition).is_ok_and(|partition| partition >= partitions)
            {
                let what = format!("partition {partition} does not exist, the topic has {partitions}");
                group.leave_out(number, what, self.outcomes);
                return Ok(());
            }
            let length = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
            let bytes = length(input.key.as_deref()) + length(input.value.as_deref());
            let places = Arc::clone(places);
            let sending = transaction.send_with(self.template.record(&input), move |result| {
                if let Ok(metadata) = result {
                    places.note(number, &metadata);
                }
            });
            (self.wait(sending), bytes, input.partition)
        };
        let Some(answer) = answer else { return Err(Cut::Interrupted) };
        let Err(error) = answer else {
            group.count(number, bytes, self.outcomes);
            return Ok(());
        };
        match (error.kind(), own_partition) {
            (SendErrorKind::TransactionDoomed { .. }, _) => Err(Cut::Doomed),
            (SendErrorKind::NoSuchPartition { partitions, .. }, Some(_)) => {
                // The line's own mistake; the next one may name another.
                self.partitions.set(Some(*partitions));
                group.leave_out(number, error.to_string(), self.outcomes);
                Ok(())
            }
            _ if ends_the_input(&error) => Err(Cut::Refused(error)),
            _ => {
                group.leave_out(number, error.to_string(), self.outcomes);
                Ok(())
            }
        }
    }

    /// Aborts, and says `end` unless the producer is finished.
    fn abort(&self, transaction: Transaction<'_>, end: End) -> End {
        match Gate::wait_to_the_end(&self.waiter, transaction.abort()) {
            Err(error) if error.is_fatal() => End::Aborted { why: error.to_string(), then: Then::Stop },
            // Also if it is not confirmed yet: it is certain to come, and the next one waits for it.
            _ => end,
        }
    }

    fn not_committed(&self, producer: &mut TransactionalProducer, error: &EndError) -> End {
        let why = match error.failure() {
            Some(failure) => failure.to_string(),
            None => error.to_string(),
        };
        match error.outcome() {
            TransactionOutcome::Unresolved => self.resolve(producer, why),
            TransactionOutcome::Unknown | TransactionOutcome::Committed => End::Unknown { why },
            TransactionOutcome::Aborted if error.is_fatal() => End::Aborted { why, then: Then::Stop },
            TransactionOutcome::Aborted => End::Aborted { why, then: Then::Again },
        }
    }

    /// Asks on: what is not known is never sent again.
    fn resolve(&self, producer: &mut TransactionalProducer, why: String) -> End {
        for _ in 0..QUESTIONS {
            match Gate::wait_to_the_end(&self.waiter, producer.resolve()) {
                Some(TransactionOutcome::Committed) => return End::Committed,
                Some(TransactionOutcome::Aborted) => return End::Aborted { why, then: Then::Again },
                Some(TransactionOutcome::Unresolved) if !self.gate.is_shut() => {}
                Some(TransactionOutcome::Unresolved | TransactionOutcome::Unknown) | None => break,
            }
        }
        End::Unknown { why }
    }

    /// `None`: Ctrl-C came first, and ends the transaction.
    fn wait<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        match self.on_interrupt {
            OnInterrupt::Commit => Some(Gate::wait_to_the_end(&self.waiter, future)),
            OnInterrupt::Abort if self.gate.is_shut() => None,
            OnInterrupt::Abort => self.gate.wait_for(&self.waiter, future),
        }
    }
}

fn interrupted() -> End {
    End::Aborted { why: "interrupted".to_owned(), then: Then::Interrupted }
}

fn not_begun(error: &BeginError) -> End {
    let then = if error.is_retriable() { Then::AgainOrStop } else { Then::Stop };
    End::Aborted { why: error.to_string(), then }
}

fn refused(error: &SendError) -> End {
    let then = if error.is_retriable() { Then::AgainOrStop } else { Then::Stop };
    End::Aborted { why: error.to_string(), then }
}
