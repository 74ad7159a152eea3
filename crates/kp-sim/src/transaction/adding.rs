//! Whether something may be added to a transaction, or is in it already, as a function of entry and request. Pure.

use kp_protocol::{ErrorCode, ProducerIdentity, TopicPartition};

use super::entry::{TransactionEntry, TransactionState};

/// Judges AddPartitionsToTxn and AddOffsetsToTxn. Since 4.x a pending end comes before everything: a fenced producer hears
/// of it first, too.
pub(crate) fn judge_addition(
    entry: &TransactionEntry,
    producer: ProducerIdentity,
    pending_first: bool,
) -> Result<(), ErrorCode> {
    let pending = entry.state.is_preparing();
    if pending && pending_first {
        return Err(ErrorCode::CONCURRENT_TRANSACTIONS);
    }
    check_producer(entry, producer)?;
    if pending { Err(ErrorCode::CONCURRENT_TRANSACTIONS) } else { Ok(()) }
}

/// Judges whether a partition is in the open transaction, as the leader of a partition asks (KIP-890).
pub(crate) fn judge_membership(
    entry: &TransactionEntry,
    producer: ProducerIdentity,
    partition: &TopicPartition,
) -> Result<(), ErrorCode> {
    check_producer(entry, producer)?;
    if entry.state.is_preparing() {
        return Err(ErrorCode::CONCURRENT_TRANSACTIONS);
    }
    let is_in = entry.state == TransactionState::Ongoing && entry.partitions.contains(partition);
    if is_in { Ok(()) } else { Err(ErrorCode::TRANSACTION_ABORTABLE) }
}

fn check_producer(entry: &TransactionEntry, producer: ProducerIdentity) -> Result<(), ErrorCode> {
    if entry.producer.producer_id != producer.producer_id {
        return Err(ErrorCode::INVALID_PRODUCER_ID_MAPPING);
    }
    if entry.producer.epoch != producer.epoch {
        return Err(ErrorCode::PRODUCER_FENCED);
    }
    Ok(())
}
