//! What questions to coordinators have in common: when they are due, and what becomes of one that is refused, or not answered.

use super::ends::finish;
use crate::context::Context;
use crate::question::Loss;
use crate::rooms::Rooms;
use crate::transaction::reaction::{Reaction, reaction};
use crate::transaction::{Errand, Renewal};
use crate::{Output, TransactionFailure, TransactionFailureKind, TransactionOutput};
use kp_accumulator::BrokerError;
use kp_protocol::{ApiKey, BrokerId, ErrorCode};
use std::sync::Arc;
use std::time::Instant;

/// When this errand's coordinator is to be asked; `None`: it is not its turn, or the coordinator is not known.
pub(crate) fn due(cx: &Context<'_>, rooms: &Rooms, errand: Errand) -> Option<Instant> {
    let transactions = &rooms.transactions;
    let is_its_turn = rooms.errand() == Some(errand);
    transactions.coordinator_for(errand).filter(|_| is_its_turn)?;
    Some(transactions.pause.due(cx.now))
}

/// An error answer that has decided nothing. A later one here comes before those above it, where an answer has several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Setback {
    /// Markers are being written.
    Briefly,
    Again,
    /// It is another coordinator's by now.
    Moved,
}

impl Setback {
    /// What an answer comes to that has these, each with its code.
    pub(crate) fn worse(
        one: Option<(Self, ErrorCode)>,
        other: (Self, ErrorCode),
    ) -> Option<(Self, ErrorCode)> {
        one.filter(|(before, _)| *before >= other.0).or(Some(other))
    }
}

/// What a broker said to `api`.
pub(crate) fn answered_by(broker: BrokerId, code: ErrorCode) -> BrokerError {
    BrokerError { code, message: None, broker: Some(broker) }
}

/// The cause that follows from an error answer.
pub(crate) fn failure_of(api: ApiKey, last: BrokerError, attempts: u32) -> TransactionFailure {
    let kind = match last.code {
        code @ (ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED
        | ErrorCode::CLUSTER_AUTHORIZATION_FAILED
        | ErrorCode::GROUP_AUTHORIZATION_FAILED) => TransactionFailureKind::Authorization(code),
        ErrorCode::PRODUCER_FENCED | ErrorCode::INVALID_PRODUCER_EPOCH => TransactionFailureKind::Fenced,
        ErrorCode::INVALID_TRANSACTION_TIMEOUT => TransactionFailureKind::InvalidTimeout,
        code if api == ApiKey::TxnOffsetCommit => TransactionFailureKind::Offsets(code),
        code => TransactionFailureKind::Refused { api, code },
    };
    TransactionFailure { kind, last: Some(last), attempts }
}

/// Whether the coordinator may have added what was asked for all the same (TC4).
pub(crate) fn leaves_open(code: ErrorCode) -> bool {
    let may_be_appended = [
        ErrorCode::COORDINATOR_NOT_AVAILABLE,
        ErrorCode::NOT_COORDINATOR,
        ErrorCode::UNKNOWN_SERVER_ERROR,
        ErrorCode::REQUEST_TIMED_OUT,
    ];
    may_be_appended.contains(&code) || !code.is_known()
}

/// The same is asked again after a while.
pub(crate) fn hold_back(
    cx: &mut Context<'_>,
    rooms: &mut Rooms,
    errand: Errand,
    (api, broker, code): (ApiKey, BrokerId, ErrorCode),
    setback: Setback,
) {
    let reason = Arc::from(format!("{api}: {code} from {}", rooms.cluster.name_of(broker)));
    match setback {
        Setback::Briefly => rooms.transactions.pause.briefly(cx),
        Setback::Again => rooms.transactions.pause.back_off(cx),
        Setback::Moved => {
            rooms.transactions.forget_coordinator(errand);
            rooms.transactions.pause.back_off(cx);
        }
    }
    rooms.transactions.stall(cx, &rooms.idempotence.transaction, reason);
}

/// The coordinator does not answer, or cannot be reached: it is looked up, and asked again (TX19).
pub(crate) fn coordinator_is_gone(
    cx: &mut Context<'_>,
    rooms: &mut Rooms,
    errand: Errand,
    (api, loss): (ApiKey, Option<&Loss>),
) {
    let reason = match loss {
        Some(loss) => format!("{api}: no answer: {}", loss.reason),
        None => match rooms.cluster.brokers.why_unreachable() {
            Some(why) => format!("{api}: {why}"),
            None => format!("{api}: the coordinator cannot be reached"),
        },
    };
    rooms.transactions.forget_coordinator(errand);
    rooms.transactions.pause.back_off(cx);
    rooms.transactions.stall(cx, &rooms.idempotence.transaction, Arc::from(reason));
}

/// An answer that makes a commit impossible, or the producer's end. `Some`: neither, it may be asked again.
pub(crate) fn doom(
    cx: &mut Context<'_>,
    rooms: &mut Rooms,
    api: ApiKey,
    why: TransactionFailure,
) -> Option<Setback> {
    let code = why.last.as_ref().map_or(ErrorCode::UNKNOWN_SERVER_ERROR, |last| last.code);
    match reaction(api, code) {
        Reaction::Briefly => return Some(Setback::Briefly),
        Reaction::Again => return Some(Setback::Again),
        Reaction::LookUp => return Some(Setback::Moved),
        Reaction::EpochOver => {
            rooms.idempotence.transaction.epoch_is_over();
            // Not yet called fenced: the end tells (TC21).
            let kind = TransactionFailureKind::Refused { api, code };
            rooms.idempotence.transaction.doom_it(cx, TransactionFailure { kind, ..why });
        }
        Reaction::Doom => rooms.idempotence.transaction.doom_it(cx, why),
        Reaction::Refuse => refuse_init(cx, rooms, why),
        Reaction::Finish => finish(cx, rooms, why),
    }
    None
}

/// TX31: there is no pair, and asking again may bring one.
pub(crate) fn refuse_init(cx: &mut Context<'_>, rooms: &mut Rooms, failure: TransactionFailure) {
    if rooms.transactions.renewal == Renewal::First {
        rooms.transactions.renewal = Renewal::Nothing;
        cx.put(Output::Transaction(TransactionOutput::InitFailed { failure, is_fatal: false }));
    } else {
        // The next epoch of a pair: no caller waits for this very answer.
        let reason = Arc::from(failure.to_string());
        rooms.transactions.pause.back_off(cx);
        rooms.transactions.stall(cx, &rooms.idempotence.transaction, reason);
    }
}
