//! What a producer knows of its transactions: the one that is open or ending, how the last one ended, and who waits for what.
//! Owner: the producer's shared part. The driver alone tells it news and ends waits; handles ask. Lock: one, short, no waker runs
//! under it.

use crate::drive::link::{Command, Link};
use crate::observe::explained_transaction::{TransactionExplanation, TransactionState};
use crate::transaction::error::BeginError;
use crate::transaction::outcome::TransactionOutcome;
use crate::transaction::scope::Scope;
use kp_sender::{
    TransactionEnd, TransactionFailure, TransactionFailureKind, TransactionInput, TransactionOutput,
};
use kp_time::{Deadline, Overdue, Ticket, WaitList, Wakers};
use parking_lot::Mutex;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use std::time::Instant;

/// What a call waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Init,
    End(u64),
    Offsets(u64),
}

/// What it is told.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Initialized(Result<(), BeginError>),
    Ended(TransactionEnd),
    OffsetsSent(Result<(), TransactionFailure>),
    /// Its time is up.
    Late {
        reason: Arc<str>,
    },
    /// The producer has ended.
    Over,
}

/// Whether there is a producer id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Init {
    #[default]
    NotAsked,
    Asked,
    Done,
}

#[derive(Default)]
struct State {
    init: Init,
    /// The newest transaction, until its end is final.
    current: Option<Arc<Scope>>,
    /// How many were begun.
    begun: u64,
    /// The newest end that is final, of the transaction with this number.
    ended: Option<(u64, TransactionEnd)>,
    /// Why no transaction will ever begin again.
    fatal: Option<BeginError>,
    /// Why an answer is not here yet: the core's latest word.
    stalled: Option<Arc<str>>,
    tickets: u64,
    /// When an operator is to be told that the open transaction is near its timeout; once for a producer.
    warns_at: Option<Instant>,
    has_warned: bool,
    is_over: bool,
    waits: WaitList<Wanted, Answer>,
}

/// The transactions of one producer.
pub(crate) struct Ledger {
    transactional_id: Arc<str>,
    timeout: Duration,
    state: Mutex<State>,
}

impl Ledger {
    pub(crate) fn new(transactional_id: Arc<str>, timeout: Duration) -> Self {
        Self { transactional_id, timeout, state: Mutex::default() }
    }

    pub(crate) fn transactional_id(&self) -> &Arc<str> {
        &self.transactional_id
    }

    /// Why no transaction will ever begin again.
    pub(crate) fn fatal(&self) -> Option<BeginError> {
        self.state.lock().fatal.clone()
    }

    /// The transaction whose end is not final.
    pub(crate) fn current(&self) -> Option<Arc<Scope>> {
        self.state.lock().current.clone()
    }

    /// What became of the newest transaction whose guard is gone.
    pub(crate) fn last_outcome(&self) -> Option<TransactionOutcome> {
        let state = self.state.lock();
        if state.current.as_ref().is_some_and(|scope| scope.is_ended()) {
            return Some(TransactionOutcome::Unresolved);
        }
        state.ended.as_ref().map(|(_, end)| match end {
            TransactionEnd::Committed { .. } => TransactionOutcome::Committed,
            TransactionEnd::Aborted { .. } | TransactionEnd::Fatal(_) => TransactionOutcome::Aborted,
            TransactionEnd::Unknown(_) => TransactionOutcome::Unknown,
        })
    }

    /// Begins one; the one before has ended.
    pub(crate) fn begin(&self, now: Instant, link: &Link) -> Arc<Scope> {
        let mut state = self.state.lock();
        state.begun += 1;
        let scope = Arc::new(Scope::new(state.begun, now));
        state.warns_at = now.checked_add(self.timeout / 5 * 4).filter(|_| !state.has_warned);
        state.current = Some(Arc::clone(&scope));
        let number = state.begun;
        drop(state);
        link.tell(Command::Transaction(TransactionInput::Begin { number }));
        scope
    }

    /// Waits for a producer id, and asks for one if no call has.
    pub(crate) fn initialize(self: &Arc<Self>, link: &Link, deadline: Deadline) -> Wait {
        let mut state = self.state.lock();
        let is_first = state.init == Init::NotAsked && !state.is_over;
        if is_first {
            state.init = Init::Asked;
        }
        let known = (state.init == Init::Done).then_some(Answer::Initialized(Ok(())));
        let wait = self.join(state, Wanted::Init, known, deadline);
        if is_first {
            link.tell(Command::Transaction(TransactionInput::Init));
        }
        wait
    }

    /// Waits for the end of a transaction that is sealed.
    pub(crate) fn wait_for_end(self: &Arc<Self>, number: u64, deadline: Deadline) -> Wait {
        let state = self.state.lock();
        let known = state.ended.as_ref().filter(|(ended, _)| *ended == number);
        let known = known.map(|(_, end)| Answer::Ended(end.clone()));
        self.join(state, Wanted::End(number), known, deadline)
    }

    /// Waits for the answer to offsets, whose ticket `ask` hands to the core.
    pub(crate) fn wait_for_offsets(self: &Arc<Self>, deadline: Deadline, ask: impl FnOnce(u64)) -> Wait {
        let mut state = self.state.lock();
        state.tickets += 1;
        let ticket = state.tickets;
        let wait = self.join(state, Wanted::Offsets(ticket), None, deadline);
        ask(ticket);
        wait
    }

    fn join(
        self: &Arc<Self>,
        mut state: parking_lot::MutexGuard<'_, State>,
        wanted: Wanted,
        known: Option<Answer>,
        deadline: Deadline,
    ) -> Wait {
        let ticket = state.waits.join(wanted, deadline);
        let known = known.or_else(|| state.is_over.then_some(Answer::Over));
        if let Some(known) = known {
            // It has registered no waker yet.
            let _wanted = state.waits.answer(ticket, known, &mut Wakers::default());
        }
        drop(state);
        Wait { ledger: Arc::clone(self), ticket }
    }

    /// News of the core.
    pub(crate) fn hear(&self, news: TransactionOutput) {
        let mut state = self.state.lock();
        let mut wakers = Wakers::default();
        match news {
            TransactionOutput::Initialized { .. } => {
                state.init = Init::Done;
                state.stalled = None;
                state.answer(Wanted::Init, &Answer::Initialized(Ok(())), &mut wakers);
            }
            TransactionOutput::InitFailed { failure, is_fatal } => {
                let error = BeginError::of_init(failure, is_fatal, self.timeout);
                state.fail_init(error, is_fatal, &mut wakers);
            }
            TransactionOutput::Doomed { number, why } => state.doom(number, why),
            TransactionOutput::OffsetsSent { ticket, result } => {
                state.answer(Wanted::Offsets(ticket), &Answer::OffsetsSent(result), &mut wakers);
            }
            TransactionOutput::Ended { number, end } => state.end(number, end, &mut wakers),
            TransactionOutput::Stalled { reason, .. } => state.stalled = Some(reason),
        }
        drop(state);
        wakers.wake_all();
    }

    /// The cluster gives no producer ids at all.
    pub(crate) fn hear_unsupported(&self, reason: Arc<str>) {
        let failure = TransactionFailure::of(TransactionFailureKind::Unsupported { reason });
        if self.state.lock().init != Init::Done {
            self.hear(TransactionOutput::InitFailed { failure, is_fatal: false });
        }
    }

    /// When the next wait's time is up.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let state = self.state.lock();
        state.waits.next_deadline().into_iter().chain(state.warns_at).min()
    }

    /// What an operator should know: a transaction that is open for so long may be aborted under the application's hands. Once.
    pub(crate) fn warning(&self, now: Instant) -> Option<String> {
        let mut state = self.state.lock();
        state.warns_at.take_if(|at| *at <= now)?;
        let is_open = |scope: &&Arc<Scope>| !scope.is_ended() && scope.records() > 0;
        let age = state.current.as_ref().filter(is_open)?.age(now);
        state.has_warned = true;
        Some(format!(
            "a transaction with records is open for {age:.1?}, and the coordinator aborts it after transaction.timeout.ms = {}",
            self.timeout.as_millis()
        ))
    }

    /// How far everything is.
    pub(crate) fn explain(&self, now: Instant) -> TransactionExplanation {
        let state = self.state.lock();
        let current = state.current.as_ref();
        TransactionExplanation {
            number: state.begun,
            state: state.of_newest(),
            records: current.map_or(0, |scope| scope.records()),
            age: current.map(|scope| scope.age(now)),
            limit: self.timeout,
            doomed: current.and_then(|scope| scope.doomed()).cloned(),
            progress: None,
            stalled: state.stalled.clone(),
        }
    }

    /// Ends the waits whose time is up.
    pub(crate) fn expire(&self, now: Instant) {
        let mut wakers = Wakers::default();
        let mut state = self.state.lock();
        let State { waits, stalled, .. } = &mut *state;
        let end = |overdue, _| match overdue {
            Overdue::Waiting(_) => Answer::Late { reason: reason_of(stalled.as_ref()) },
            Overdue::NotTaken(answer) => answer,
        };
        waits.expire(now, end, &mut wakers);
        drop(state);
        wakers.wake_all();
    }

    /// The driver has ended: nothing will be heard any more.
    pub(crate) fn close(&self) {
        let mut wakers = Wakers::default();
        let mut state = self.state.lock();
        state.is_over = true;
        state.waits.answer_where(|_| Some(Answer::Over), &mut wakers);
        drop(state);
        wakers.wake_all();
    }
}

impl State {
    fn of_newest(&self) -> TransactionState {
        match (&self.fatal, &self.current) {
            (Some(_), _) => TransactionState::Finished,
            (None, Some(scope)) if !scope.is_ended() => TransactionState::Open,
            (None, Some(scope)) if scope.is_to_commit() => TransactionState::Committing,
            (None, Some(_)) => TransactionState::Aborting,
            (None, None) if self.init == Init::Done => TransactionState::Idle,
            (None, None) => TransactionState::NotInitialized,
        }
    }

    fn answer(&mut self, to: Wanted, answer: &Answer, wakers: &mut Wakers) {
        self.waits.answer_where(|wanted| (*wanted == to).then(|| answer.clone()), wakers);
    }

    fn fail_init(&mut self, error: BeginError, is_fatal: bool, wakers: &mut Wakers) {
        // The next call asks again (TX31).
        self.init = Init::NotAsked;
        if is_fatal {
            self.fatal = Some(error.clone());
        }
        self.answer(Wanted::Init, &Answer::Initialized(Err(error)), wakers);
    }

    fn doom(&self, number: u64, why: TransactionFailure) {
        if let Some(scope) = self.current.as_ref().filter(|scope| scope.number() == number) {
            scope.note_doom(why);
        }
    }

    fn end(&mut self, number: u64, end: TransactionEnd, wakers: &mut Wakers) {
        if let TransactionEnd::Unknown(why) | TransactionEnd::Fatal(why) = &end {
            self.fatal = Some(BeginError::Fatal(why.clone()));
        }
        self.current.take_if(|scope| scope.number() == number);
        self.warns_at = None;
        self.stalled = None;
        self.answer(Wanted::End(number), &Answer::Ended(end.clone()), wakers);
        self.ended = Some((number, end));
    }
}

fn reason_of(stalled: Option<&Arc<str>>) -> Arc<str> {
    stalled.map_or_else(|| Arc::from("the coordinator has not answered"), Arc::clone)
}

/// A place among those who wait. Dropping it gives the place up; what it waits for goes on.
pub(crate) struct Wait {
    ledger: Arc<Ledger>,
    ticket: Ticket,
}

impl Future for Wait {
    type Output = Answer;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        // Cloned before the lock, and dropped behind it: a waker is foreign code.
        let mut waker = Some(cx.waker().clone());
        let answer = self.ledger.state.lock().waits.poll(self.ticket, &mut waker);
        answer.map(|answer| answer.unwrap_or(Answer::Over))
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        let mut wakers = Wakers::default();
        let left = self.ledger.state.lock().waits.leave(self.ticket, &mut wakers);
        drop((left, wakers));
    }
}
