//! Lines in transactions: which lines are one, and what is done when it does not commit.
//! Owns: the producer, on a thread of its own, and the lines of the open transaction. One thread reads
//! ([`read_ahead`]), this one sends; memory is bounded by the lines of one transaction and what is read ahead.

mod attempt;
mod group;
mod read_ahead;

use std::{
    cell::Cell,
    sync::{Arc, OnceLock, mpsc},
    time::{Duration, Instant},
    vec,
};

use kp_producer::{SecurityReport, TransactionalProducer};

use self::{
    attempt::{Attempt, End, Means, Then},
    group::Group,
    read_ahead::{Incoming, ReadLine},
};
use super::{
    gate::Gate,
    input::Source,
    outcome_line::Fate,
    outcomes::Outcomes,
    stopped::Stopped,
    summary::thousands,
    template::Template,
    transaction_args::{Extent, OnInterrupt, Plan},
};
use crate::console::Console;

/// What a transaction by time holds at most.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// How often a wait for lines looks at the gate.
const LOOK: Duration = Duration::from_millis(50);

/// Everything a run with transactions needs.
pub(crate) struct Transactional {
    pub(crate) producer: TransactionalProducer,
    pub(crate) plan: Plan,
    pub(crate) template: Template,
    pub(crate) outcomes: Arc<Outcomes>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) console: Console,
    /// Bytes, for the message about a line that is longer.
    pub(crate) max_request_size: usize,
    /// How many partitions the topic has, once a line has named one beyond them: it is not waited for again.
    pub(crate) partitions: Cell<Option<usize>>,
}

impl Transactional {
    /// Sends every line; answers why it stopped before the end, if it did and the gate was open.
    pub(crate) fn run(&mut self, sources: Vec<Source>) -> Option<Stopped> {
        self.outcomes.count_transactions(|_| {});
        let mut lines = Lines {
            incoming: read_ahead::start(sources, Arc::clone(&self.gate)),
            chunk: Vec::new().into_iter(),
            end: None,
        };
        loop {
            self.outcomes.wait_for_room(|| self.gate.is_shut());
            let group = self.gather(&mut lines);
            let is_wanted = !self.gate.is_shut() || self.plan.on_interrupt == OnInterrupt::Commit;
            if !group.is_empty()
                && is_wanted
                && let Some(stopped) = self.carry(group)
            {
                return Some(stopped);
            }
            if self.gate.is_shut() {
                return None;
            }
            if let Some(end) = lines.end.take() {
                return end;
            }
        }
    }

    /// Ends the producer; answers how many records have no outcome. `security` is filled before its connections are gone.
    pub(crate) fn close(self, within: Duration, security: &OnceLock<SecurityReport>) -> u64 {
        security.get_or_init(|| self.producer.security());
        let waiter = self.gate.waiter();
        let closed = Gate::wait_to_the_end(&waiter, self.producer.close(within));
        // It refuses only on the network thread, which this is not.
        closed.map_or(0, |closed| closed.undelivered)
    }

    /// The lines of the next transaction: as many as it has, or what came until the input or the gate ended.
    fn gather(&self, lines: &mut Lines) -> Group {
        let mut group = Group::default();
        let mut end = None;
        loop {
            let is_full = match self.plan.extent {
                Extent::Lines(most) => group.len() as u64 >= most,
                Extent::Time(_) => {
                    group.bytes() >= MOST_BYTES || end.is_some_and(|end| Instant::now() >= end)
                }
            };
            if is_full || self.gate.is_shut() {
                return group;
            }
            match lines.next(end) {
                Next::Line(line) => group.push(line, &self.outcomes, self.max_request_size),
                Next::NotYet => {}
                Next::End => return group,
            }
            if let (Extent::Time(time), false, None) = (self.plan.extent, group.is_empty(), end) {
                end = Instant::now().checked_add(time);
            }
        }
    }

    /// Sends a group until it is committed, or until there is no use in it.
    fn carry(&mut self, mut group: Group) -> Option<Stopped> {
        let mut attempts = 1;
        let means = Means {
            template: &self.template,
            outcomes: &self.outcomes,
            gate: &self.gate,
            waiter: self.gate.waiter(),
            on_interrupt: self.plan.on_interrupt,
            partitions: &self.partitions,
        };
        loop {
            let Attempt { transaction, end, places } = means.attempt(&mut self.producer, &mut group);
            let fate = end.fate();
            if transaction.is_some() {
                self.outcomes.count_transactions(|counts| match fate {
                    Fate::Committed => counts.committed += 1,
                    Fate::Aborted => counts.aborted += 1,
                    Fate::Unknown => counts.unknown += 1,
                });
            }
            let place = group.first().map_or_else(String::new, |place| self.outcomes.locate(place));
            let what = transaction.as_deref().unwrap_or("a transaction");
            let lines = format!("{what} ({} lines from {place})", thousands(group.len() as u64));
            let (why, then) = match end {
                End::Committed => (None, Then::Again),
                End::Unknown { why } => (Some(format!("{lines}: unknown: {why}")), Then::Stop),
                End::Aborted { why, then } => (Some(format!("{lines}: aborted: {why}")), then),
            };
            let may_again = matches!(then, Then::Again | Then::AgainOrStop) && !self.gate.is_shut();
            if let Some(why) = &why
                && may_again
                && attempts <= self.plan.retries
            {
                self.console.warn(format_args!("{why}; sending them again"));
                self.outcomes.count_transactions(|counts| counts.retried += 1);
                attempts += 1;
                continue;
            }
            group.settle(transaction.as_ref(), fate, &places, &self.outcomes);
            let why = why?;
            self.console.error(&why);
            return matches!(then, Then::AgainOrStop | Then::Stop)
                .then_some(Stopped { reason: why, is_counted: true });
        }
    }
}

impl End {
    fn fate(&self) -> Fate {
        match self {
            Self::Committed => Fate::Committed,
            Self::Aborted { .. } => Fate::Aborted,
            Self::Unknown { .. } => Fate::Unknown,
        }
    }
}

/// The lines that the other thread has read.
struct Lines {
    incoming: mpsc::Receiver<Incoming>,
    chunk: vec::IntoIter<ReadLine>,
    /// Once it came: nothing follows.
    end: Option<Option<Stopped>>,
}

enum Next {
    Line(ReadLine),
    /// None came for a while.
    NotYet,
    End,
}

impl Lines {
    /// Waits for a line: a moment, and not beyond `end`.
    fn next(&mut self, end: Option<Instant>) -> Next {
        if let Some(line) = self.chunk.next() {
            return Next::Line(line);
        }
        if self.end.is_some() {
            return Next::End;
        }
        let left = end.map_or(LOOK, |end| end.saturating_duration_since(Instant::now()));
        match self.incoming.recv_timeout(left.min(LOOK)) {
            Ok(Incoming::Lines(lines)) => {
                self.chunk = lines.into_iter();
                self.chunk.next().map_or(Next::NotYet, Next::Line)
            }
            Ok(Incoming::End(stopped)) => {
                self.end = Some(stopped);
                Next::End
            }
            Err(mpsc::RecvTimeoutError::Timeout) => Next::NotYet,
            // The thread says an end, whatever happens to it.
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                self.end = Some(None);
                Next::End
            }
        }
    }
}
