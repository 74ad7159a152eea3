//! What InitProducerId does to a transactional id, as a function of the two. Pure.
//!
//! The epoch of the pair is looked at only while no transaction is open: a late pair aborts the live one (as brokers do).

use kp_protocol::{ErrorCode, ProducerIdentity};

use super::entry::{LAST_EPOCH, NO_EPOCH, TransactionEntry, TransactionState};

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Initialisation {
    /// The epoch is raised by one.
    Raise { last_epoch: i16 },
    /// A repeat: the same answer again.
    Again,
    /// The epochs are used up: another producer id, at epoch 0.
    Rotate { last_epoch: i16 },
    /// The open transaction is aborted; the producer asks again.
    AbortFirst,
}

/// Judges a call with this pair, or without one.
pub(crate) fn judge(
    entry: &TransactionEntry,
    pair: Option<ProducerIdentity>,
) -> Result<Initialisation, ErrorCode> {
    if entry.state.is_preparing() {
        return Err(ErrorCode::CONCURRENT_TRANSACTIONS);
    }
    if pair.is_some_and(|pair| !may_be_ours(entry, pair)) {
        return Err(ErrorCode::PRODUCER_FENCED);
    }
    if entry.state == TransactionState::Ongoing {
        return Ok(Initialisation::AbortFirst);
    }
    let epoch = entry.producer.epoch;
    if entry.is_exhausted() && pair.is_none_or(|pair| pair.epoch == epoch) {
        let last_epoch = if pair.is_some() { epoch } else { NO_EPOCH };
        return Ok(Initialisation::Rotate { last_epoch });
    }
    if entry.is_exhausted() {
        // Kafka fails here with a plain exception, also for a lawful repeat.
        return Err(ErrorCode::UNKNOWN_SERVER_ERROR);
    }
    match pair {
        None => Ok(Initialisation::Raise { last_epoch: NO_EPOCH }),
        Some(pair) if epoch == NO_EPOCH || pair.epoch == epoch => {
            Ok(Initialisation::Raise { last_epoch: epoch })
        }
        Some(pair) if pair.epoch == entry.last_epoch => Ok(Initialisation::Again),
        Some(_) => Err(ErrorCode::PRODUCER_FENCED),
    }
}

/// Whether the pair can be of this id's producer: its epoch is not looked at here.
fn may_be_ours(entry: &TransactionEntry, pair: ProducerIdentity) -> bool {
    entry.producer.epoch == NO_EPOCH
        || pair.producer_id == entry.producer.producer_id
        || (pair.producer_id == entry.previous_producer_id && pair.epoch >= LAST_EPOCH)
}
