//! Where transactions, numbers, batches and the cluster meet: what an application wants of a transaction, how one goes on by
//! itself, and how it ends. What coordinators answer is read in `exchanges`, and comes here when it decides something.
//! Owns nothing.

mod ends;
mod refusals;
mod wishes;

pub(crate) use ends::{Ended, conclude, finish, finish_unknown, pair_to_write_under, timed_out};
pub(crate) use refusals::{
    Setback, answered_by, coordinator_is_gone, doom, due, failure_of, hold_back, leaves_open, refuse_init,
};
pub(crate) use wishes::take_in;

use crate::context::Context;
use crate::rooms::Rooms;
use crate::shutdown::Shutdown;
use crate::transaction::proof::Decision;
use crate::transaction::{Ending, Phase, Renewal};
use crate::{TransactionFailure, TransactionFailureKind, TransactionProtocol};
use kp_accumulator::{BrokerError, FailureKind};
use kp_protocol::ErrorCode;
use std::sync::Arc;
use std::time::Instant;

/// Goes on with whatever does not need an answer. Says whether something is another way now.
pub(crate) fn follow(cx: &mut Context<'_>, rooms: &mut Rooms) -> bool {
    if !rooms.idempotence.transaction.is_transactional() {
        return false;
    }
    let before = std::mem::discriminant(&rooms.transactions.phase);
    let is_released = rooms.idempotence.transaction.release(cx.now);
    if is_released {
        // Brokers that were asked in vain may take something now.
        rooms.cluster.brokers.begin_cycle(cx.now);
    }
    follow_the_producer(cx, rooms);
    if rooms.idempotence.transaction.has_gap() {
        let why = TransactionFailure::of(TransactionFailureKind::Unresolvable);
        rooms.idempotence.transaction.doom_it(cx, why);
    }
    give_up_offsets(cx, rooms);
    turn_a_doomed_commit(rooms);
    if is_given_up(rooms) {
        drop_undrained(cx, rooms);
        refuse_offsets(cx, rooms);
    }
    if is_sealed_and_quiet(cx, rooms) {
        seal(cx, rooms);
    }
    is_released || before != std::mem::discriminant(&rooms.transactions.phase)
}

/// A producer that is closed, or at its end for a reason of its own.
fn follow_the_producer(cx: &mut Context<'_>, rooms: &mut Rooms) {
    if let Some(fatal) = cx.ending.fatal().cloned()
        && !matches!(rooms.transactions.phase, Phase::Finished(_))
    {
        let kind = match fatal.code {
            code @ (ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED
            | ErrorCode::CLUSTER_AUTHORIZATION_FAILED) => TransactionFailureKind::Authorization(code),
            code => TransactionFailureKind::Refused { api: kp_protocol::ApiKey::Produce, code },
        };
        finish(cx, rooms, TransactionFailure { kind, last: Some(fatal.last), attempts: 1 });
    }
    match cx.ending.shutdown {
        Shutdown::Running | Shutdown::Closed => {}
        Shutdown::Finishing { .. } => ends::close(cx, rooms),
        Shutdown::Forcing => ends::close_now(cx, rooms),
    }
}

/// TC10, TC20: a commit without them is none, and one that waits for them has to end.
fn give_up_offsets(cx: &mut Context<'_>, rooms: &mut Rooms) {
    if rooms.idempotence.transaction.can_be_committed()
        && let Some(why) = rooms.transactions.offsets.why_given_up(cx.now)
    {
        rooms.idempotence.transaction.doom_it(cx, why);
    }
}

/// When [`follow`] has something to do without anything happening.
pub(crate) fn next(rooms: &Rooms) -> Option<Instant> {
    rooms.transactions.offsets.next_expiry().filter(|_| rooms.idempotence.transaction.can_be_committed())
}

/// TX12: a commit of what cannot be committed is an abort.
fn turn_a_doomed_commit(rooms: &mut Rooms) {
    let facts = &mut rooms.idempotence.transaction;
    if let Phase::Sealing { decision, hurry, .. } = &mut rooms.transactions.phase
        && *decision == Decision::Commit
        && facts.doom().is_some()
    {
        (*decision, *hurry) = (Decision::Abort, None);
        facts.decide();
    }
}

/// Whether what was not sent of it is not to be sent any more.
fn is_given_up(rooms: &Rooms) -> bool {
    match &rooms.transactions.phase {
        Phase::Open => rooms.idempotence.transaction.doom().is_some(),
        Phase::Sealing { decision, .. } => *decision == Decision::Abort,
        Phase::Idle | Phase::Ending(_) | Phase::Finished(_) => false,
    }
}

/// TX11: batches that wait fail at once; what is in flight is awaited (TC11).
fn drop_undrained(cx: &mut Context<'_>, rooms: &mut Rooms) {
    let doom = rooms.idempotence.transaction.doom();
    let last = doom.and_then(|doom| doom.last.clone()).unwrap_or_else(|| BrokerError {
        code: ErrorCode::OPERATION_NOT_ATTEMPTED,
        message: Some(Arc::from("the transaction was aborted")),
        broker: None,
    });
    rooms.fail_all_queued(cx, FailureKind::TransactionAborted, &last);
}

/// Offsets that nothing is under way for.
fn refuse_offsets(cx: &mut Context<'_>, rooms: &mut Rooms) {
    let why = rooms.idempotence.transaction.doom().cloned().unwrap_or_else(was_aborted);
    let exchanges = &rooms.transactions.exchanges;
    let is_under_way = exchanges.offsets.is_sent() || exchanges.group.is_sent();
    ends::refuse_offsets(cx, rooms, &why, is_under_way);
}

/// Said of what waits in a transaction that was aborted as it was wanted.
pub(crate) fn was_aborted() -> TransactionFailure {
    let reason = Arc::from("the transaction was aborted");
    TransactionFailure::of(TransactionFailureKind::SendRefused { reason })
}

/// TC10, TC11: every batch and every request of it has come to its end.
fn is_sealed_and_quiet(cx: &Context<'_>, rooms: &Rooms) -> bool {
    rooms.transactions.is_sealing()
        && !cx.accumulator.has_incomplete()
        && rooms.batches.is_idle()
        && !rooms.transactions.is_asking()
        && rooms.transactions.offsets.is_empty()
}

/// Ends it, with a request where a coordinator may know of it (TX10, TC6, TC7).
fn seal(cx: &mut Context<'_>, rooms: &mut Rooms) {
    let Phase::Sealing { decision, wanted, .. } = rooms.transactions.phase else { return };
    let facts = &rooms.idempotence.transaction;
    let is_known = match facts.protocol() {
        // TC21: fenced or timed out, only the coordinator knows.
        TransactionProtocol::V1 => facts.has_added() || facts.is_unclean() || facts.is_epoch_over(),
        TransactionProtocol::V2 => facts.since().is_some(),
    };
    match rooms.idempotence.identity.known().filter(|_| is_known) {
        Some(pair) => {
            rooms.idempotence.transaction.decide();
            rooms.transactions.go_on();
            rooms.transactions.phase = Phase::Ending(Ending::of(pair, decision, wanted));
        }
        None => conclude(cx, rooms, Ended { decision, wanted, why: None, next: Renewal::Nothing }),
    }
}
