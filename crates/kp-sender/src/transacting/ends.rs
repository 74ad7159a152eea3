//! How transactions end, and producers with them. Each of them is told once, in here.

use crate::context::Context;
use crate::ending::Fatal;
use crate::rooms::Rooms;
use crate::transaction::proof::Decision;
use crate::transaction::protocol::choose;
use crate::transaction::{Phase, Renewal};
use crate::{
    Output, TransactionEnd, TransactionFailure, TransactionFailureKind, TransactionOutput,
    TransactionProtocol,
};
use kp_accumulator::BrokerError;
use kp_protocol::{ErrorCode, ProducerIdentity};
use std::sync::Arc;
use std::time::Duration;

/// The end of a transaction that is proved, or needed no request.
pub(crate) struct Ended {
    pub(crate) decision: Decision,
    pub(crate) wanted: Decision,
    /// What the coordinator made of a commit.
    pub(crate) why: Option<TransactionFailure>,
    /// What has to come before the next one.
    pub(crate) next: Renewal,
}

/// The pair of the next frame, or the one that it will be made from.
pub(crate) fn pair(rooms: &Rooms) -> Option<ProducerIdentity> {
    match rooms.transactions.renewal {
        Renewal::Bump(pair) => Some(pair),
        Renewal::Nothing | Renewal::First => rooms.idempotence.identity.known(),
    }
}

/// The pair of a question that is due only while it is known.
pub(crate) fn pair_to_write_under(rooms: &Rooms) -> ProducerIdentity {
    rooms.idempotence.identity.known().expect("while a pair is asked for, nothing else is")
}

/// Ends it. The pair of the next one is known already where an answer has brought it.
pub(crate) fn conclude(cx: &mut Context<'_>, rooms: &mut Rooms, ended: Ended) {
    let facts = &rooms.idempotence.transaction;
    let Some(number) = facts.number() else { return };
    let end = match (ended.decision, ended.wanted) {
        (Decision::Commit, _) => {
            let epoch = pair_of_the_end(rooms).map_or(-1, |pair| pair.epoch);
            TransactionEnd::Committed { epoch, partitions: facts.partitions() }
        }
        (Decision::Abort, Decision::Abort) => TransactionEnd::Aborted { why: None },
        (Decision::Abort, Decision::Commit) => {
            TransactionEnd::Aborted { why: why_aborted(cx, rooms, ended.why) }
        }
    };
    rooms.idempotence.transaction.end();
    rooms.transactions.phase = Phase::Idle;
    rooms.transactions.go_on();
    prepare_the_next(rooms, ended.next);
    cx.put(Output::Transaction(TransactionOutput::Ended { number, end }));
}

/// The pair that the transaction was written under.
fn pair_of_the_end(rooms: &Rooms) -> Option<ProducerIdentity> {
    match &rooms.transactions.phase {
        Phase::Ending(ending) => Some(ending.pair),
        _ => pair(rooms),
    }
}

/// TC15: the first cause, unless the coordinator's timeout was it.
fn why_aborted(
    cx: &Context<'_>,
    rooms: &Rooms,
    why: Option<TransactionFailure>,
) -> Option<TransactionFailure> {
    let facts = &rooms.idempotence.transaction;
    let cause = why.or_else(|| facts.doom().cloned());
    if facts.is_epoch_over() { Some(timed_out(cx, rooms, cause)) } else { cause }
}

/// TM-T, KIP-588.
pub(crate) fn timed_out(
    cx: &Context<'_>,
    rooms: &Rooms,
    cause: Option<TransactionFailure>,
) -> TransactionFailure {
    let facts = &rooms.idempotence.transaction;
    let limit = cx.transaction_timeout();
    let age = facts.since().map_or(Duration::ZERO, |since| cx.now.saturating_duration_since(since));
    let kind = TransactionFailureKind::TimedOut { age, limit };
    let (last, attempts) = cause.map_or((None, 0), |cause| (cause.last, cause.attempts));
    TransactionFailure { kind, last, attempts }
}

/// TX26, TX29, TC2: by which protocol, and under which pair.
fn prepare_the_next(rooms: &mut Rooms, next: Renewal) {
    let facts = &mut rooms.idempotence.transaction;
    let protocol = choose(rooms.cluster.transaction_version(), rooms.transactions.offers_v2);
    let is_upgraded = (facts.protocol(), protocol) == (TransactionProtocol::V1, TransactionProtocol::V2);
    facts.speak(protocol);
    let next = match (next, rooms.idempotence.identity.known()) {
        (Renewal::Nothing, Some(pair)) if is_upgraded => Renewal::Bump(pair),
        (next, _) => next,
    };
    if let Renewal::Bump(_) = next {
        rooms.idempotence.await_next();
        rooms.transactions.renewal = next;
    }
}

/// The producer can do nothing more: whatever is pending is told why, and nothing is sent from now on (TX15).
pub(crate) fn finish(cx: &mut Context<'_>, rooms: &mut Rooms, why: TransactionFailure) {
    finish_with(cx, rooms, why, TransactionEnd::Fatal);
}

/// As [`finish`]; and the fate of the commit cannot be learnt any more.
pub(crate) fn finish_unknown(cx: &mut Context<'_>, rooms: &mut Rooms, why: TransactionFailure) {
    finish_with(cx, rooms, why, TransactionEnd::Unknown);
}

fn finish_with(
    cx: &mut Context<'_>,
    rooms: &mut Rooms,
    why: TransactionFailure,
    end: impl FnOnce(TransactionFailure) -> TransactionEnd,
) {
    if matches!(rooms.transactions.phase, Phase::Finished(_)) {
        return;
    }
    end_whatever_is_open(cx, rooms, &why, end);
    if cx.ending.fatal().is_some() {
        return;
    }
    let last = why.last.clone().unwrap_or_else(|| BrokerError {
        code: ErrorCode::UNSUPPORTED_VERSION,
        message: Some(Arc::from(why.kind.to_string())),
        broker: None,
    });
    cx.put(Output::Fatal { reason: Arc::from(why.to_string()) });
    cx.ending.end(Fatal { code: last.code, last });
}

/// CL3: no record follows, so an open transaction is aborted, within the time that closing has.
pub(super) fn close(cx: &mut Context<'_>, rooms: &mut Rooms) {
    refuse_first_pair(cx, rooms, &closed());
    match &rooms.transactions.phase {
        Phase::Open => {
            rooms.idempotence.transaction.doom_it(cx, closed());
            rooms.idempotence.transaction.decide();
            let (decision, wanted) = (Decision::Abort, Decision::Commit);
            rooms.transactions.phase = Phase::Sealing { decision, wanted, hurry: None };
        }
        Phase::Finished(why) => {
            let why = why.clone();
            tell_end(cx, rooms, TransactionEnd::Fatal(why));
        }
        Phase::Idle | Phase::Sealing { .. } | Phase::Ending(_) => {}
    }
}

/// CL4: what is open is left to the coordinator's timeout, which aborts it, unless a commit may be done.
pub(super) fn close_now(cx: &mut Context<'_>, rooms: &mut Rooms) {
    close(cx, rooms);
    if !matches!(rooms.transactions.phase, Phase::Finished(_) | Phase::Idle) {
        end_whatever_is_open(cx, rooms, &closed(), |why| TransactionEnd::Aborted { why: Some(why) });
    }
}

fn closed() -> TransactionFailure {
    TransactionFailure::of(TransactionFailureKind::Closed)
}

/// `when_not_committed`: what is told where no commit may be done.
fn end_whatever_is_open(
    cx: &mut Context<'_>,
    rooms: &mut Rooms,
    why: &TransactionFailure,
    when_not_committed: impl FnOnce(TransactionFailure) -> TransactionEnd,
) {
    let may_be_committed = may_be_committed(rooms);
    refuse_first_pair(cx, rooms, why);
    refuse_offsets(cx, rooms, why, false);
    rooms.transactions.renewal = Renewal::Nothing;
    match std::mem::replace(&mut rooms.transactions.phase, Phase::Finished(why.clone())) {
        Phase::Open => rooms.idempotence.transaction.doom_it(cx, why.clone()),
        Phase::Ending(_) if may_be_committed => tell_end(cx, rooms, TransactionEnd::Unknown(why.clone())),
        Phase::Sealing { .. } | Phase::Ending(_) => tell_end(cx, rooms, when_not_committed(why.clone())),
        Phase::Idle | Phase::Finished(_) => {}
    }
}

/// Refuses the offsets that wait, but for the first of them while a request is under way for it.
pub(super) fn refuse_offsets(
    cx: &mut Context<'_>,
    rooms: &mut Rooms,
    why: &TransactionFailure,
    is_under_way: bool,
) {
    for wanted in rooms.transactions.offsets.take(is_under_way) {
        let (ticket, result) = (wanted.ticket, Err(why.clone()));
        cx.put(Output::Transaction(TransactionOutput::OffsetsSent { ticket, result }));
    }
}

/// Whether a commit was written and is not answered (L6).
fn may_be_committed(rooms: &Rooms) -> bool {
    let Phase::Ending(ending) = &rooms.transactions.phase else { return false };
    let is_under_way = rooms.transactions.exchanges.end.is_sent();
    ending.decision == Decision::Commit && (ending.is_unanswered || is_under_way)
}

fn tell_end(cx: &mut Context<'_>, rooms: &mut Rooms, end: TransactionEnd) {
    if let Some(number) = rooms.idempotence.transaction.number() {
        rooms.idempotence.transaction.end();
        cx.put(Output::Transaction(TransactionOutput::Ended { number, end }));
    }
}

fn refuse_first_pair(cx: &mut Context<'_>, rooms: &mut Rooms, why: &TransactionFailure) {
    if rooms.transactions.renewal == Renewal::First {
        rooms.transactions.renewal = Renewal::Nothing;
        let failure = why.clone();
        cx.put(Output::Transaction(TransactionOutput::InitFailed { failure, is_fatal: true }));
    }
}
