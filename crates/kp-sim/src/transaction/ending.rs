//! What EndTxn does to a transactional id, as a function of the two: one table for producers that raise their epoch with
//! each transaction (version 5, KIP-890), one for those that do not. Pure.

use kp_protocol::{ErrorCode, ProducerIdentity};

use super::entry::{LAST_EPOCH, TransactionEntry, TransactionState};

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It is ended now.
    Prepare,
    /// A repeat: the same answer again.
    Again,
}

/// Judges EndTxn below version 5: producer id, epoch, a pending end, state.
pub(crate) fn judge(
    entry: &TransactionEntry,
    producer: ProducerIdentity,
    committed: bool,
) -> Result<Ending, ErrorCode> {
    if entry.producer.producer_id != producer.producer_id {
        return Err(ErrorCode::INVALID_PRODUCER_ID_MAPPING);
    }
    if entry.producer.epoch != producer.epoch {
        return Err(ErrorCode::PRODUCER_FENCED);
    }
    match entry.state {
        TransactionState::PrepareCommit | TransactionState::PrepareAbort => {
            Err(ErrorCode::CONCURRENT_TRANSACTIONS)
        }
        TransactionState::Ongoing => Ok(Ending::Prepare),
        TransactionState::CompleteCommit if committed => Ok(Ending::Again),
        TransactionState::CompleteAbort if !committed => Ok(Ending::Again),
        _ => Err(ErrorCode::INVALID_TXN_STATE),
    }
}

/// Judges EndTxn since version 5: a pending end, producer id, epoch, state. An epoch one behind is a repeat of the last end.
pub(crate) fn judge_rising(
    entry: &TransactionEntry,
    producer: ProducerIdentity,
    committed: bool,
) -> Result<Ending, ErrorCode> {
    if entry.state.is_preparing() {
        return Err(ErrorCode::CONCURRENT_TRANSACTIONS);
    }
    let epoch = entry.producer.epoch;
    let has_rotated = producer.producer_id == entry.previous_producer_id
        && producer.epoch == LAST_EPOCH
        && epoch == 0
        && entry.previous_producer_id != entry.producer.producer_id;
    if entry.producer.producer_id != producer.producer_id && !has_rotated {
        return Err(ErrorCode::INVALID_PRODUCER_ID_MAPPING);
    }
    let is_current = producer.epoch == epoch && !has_rotated;
    let is_repeat = has_rotated || producer.epoch.checked_add(1) == Some(epoch);
    let was_committed = match entry.state {
        TransactionState::CompleteCommit => Some(true),
        TransactionState::CompleteAbort => Some(false),
        _ => None,
    };
    match (entry.state, was_committed) {
        (TransactionState::Ongoing, _) if is_current => Ok(Ending::Prepare),
        // An abort raises the epoch although there is nothing to abort.
        _ if is_current && !committed => Ok(Ending::Prepare),
        _ if is_current => Err(ErrorCode::INVALID_TXN_STATE),
        (_, Some(was)) if is_repeat && was == committed => Ok(Ending::Again),
        (_, Some(_)) if is_repeat => Err(ErrorCode::INVALID_TXN_STATE),
        _ => Err(ErrorCode::PRODUCER_FENCED),
    }
}
