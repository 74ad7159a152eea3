//! What one partition knows of transactions: which are open, and which of its offsets were aborted (KIP-98).
//! Owned by the partition; told of appends and markers by `produce.rs` and `markers.rs`. Never: a coordinator, a request.

use std::collections::BTreeMap;

use kp_protocol::{BatchIdentity, Sequence};

use crate::log::{PartitionLog, StoredBatch};

/// A transaction of one producer that was aborted, as far as it lies in one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbortedTransaction {
    /// Whose.
    pub producer_id: i64,
    /// The offset of its first record here.
    pub first_offset: i64,
    /// The offset of the marker that ended it.
    pub last_offset: i64,
    /// The last stable offset once it was ended.
    pub last_stable_offset: i64,
}

/// Open and aborted transactions of one partition.
#[derive(Clone, Debug, Default)]
pub struct PartitionTransactions {
    /// The first offset of each producer's open transaction.
    open: BTreeMap<i64, i64>,
    /// By the offset of their markers.
    aborted: Vec<AbortedTransaction>,
    /// The epoch and the lowest sequence with which each producer came before its transaction was open here: the coordinator
    /// was asked, and nothing is appended yet.
    asked: BTreeMap<i64, (i16, Sequence)>,
}

impl PartitionTransactions {
    /// The first offset of the earliest open transaction: what a reader of committed records may not pass.
    #[must_use]
    pub fn first_open_offset(&self) -> Option<i64> {
        self.open.values().copied().min()
    }

    /// The first offset of a producer's open transaction.
    #[must_use]
    pub fn open_since(&self, producer_id: i64) -> Option<i64> {
        self.open.get(&producer_id).copied()
    }

    /// Producer ids and first offsets of all open transactions.
    pub fn open(&self) -> impl Iterator<Item = (i64, i64)> + '_ {
        self.open.iter().map(|(producer_id, first)| (*producer_id, *first))
    }

    /// The aborted transactions, by the offset of their markers.
    #[must_use]
    pub fn aborted(&self) -> &[AbortedTransaction] {
        &self.aborted
    }

    /// A transactional batch was appended: it opens the producer's transaction, if none is open.
    pub(crate) fn begin(&mut self, producer_id: i64, base_offset: i64) {
        self.asked.remove(&producer_id);
        self.open.entry(producer_id).or_insert(base_offset);
    }

    /// The coordinator has let a batch in whose producer has no open transaction here.
    pub(crate) fn note_asked(&mut self, identity: BatchIdentity) {
        let (producer, sequence) = (identity.producer, identity.base_sequence);
        let (epoch, lowest) = self.asked.entry(producer.producer_id).or_insert((producer.epoch, sequence));
        if producer.epoch > *epoch || sequence < *lowest {
            (*epoch, *lowest) = (producer.epoch, sequence);
        }
    }

    /// Whether the producer came with a lower sequence before, of which nothing was appended: this batch is not its first.
    pub(crate) fn came_lower(&self, identity: BatchIdentity) -> bool {
        let lowest = self.asked.get(&identity.producer.producer_id);
        lowest.is_some_and(|(_, lowest)| identity.base_sequence > *lowest)
    }

    /// A marker was appended. Where no transaction was open it ends nothing.
    pub(crate) fn end(&mut self, producer_id: i64, marker_offset: i64, committed: bool) {
        self.asked.remove(&producer_id);
        let Some(first_offset) = self.open.remove(&producer_id) else { return };
        if !committed {
            let last_stable_offset = self.first_open_offset().unwrap_or(marker_offset + 1);
            self.aborted.push(AbortedTransaction {
                producer_id,
                first_offset,
                last_offset: marker_offset,
                last_stable_offset,
            });
        }
    }

    /// Forgets what retention took.
    pub(crate) fn forget_before(&mut self, start_offset: i64) {
        self.aborted.retain(|aborted| aborted.last_offset >= start_offset);
    }

    /// Unlearns what is no longer in `log`, whose end moved back to `offset`. A transaction whose marker is gone is open again.
    pub(crate) fn truncate_to(&mut self, offset: i64, log: &PartitionLog) {
        let mut rebuilt = Self::default();
        // Retention took these beginnings; their ends, if any, are in the log.
        let start_offset = log.start_offset();
        let gone = self.aborted.iter().map(|aborted| (aborted.producer_id, aborted.first_offset));
        for (producer_id, first) in gone.chain(self.open()).filter(|(_, first)| *first < start_offset) {
            rebuilt.begin(producer_id, first.min(offset));
        }
        log.batches().iter().for_each(|batch| rebuilt.replay(batch));
        *self = rebuilt;
    }

    fn replay(&mut self, batch: &StoredBatch) {
        let header = batch.header();
        if let Some(committed) = batch.ends_transaction() {
            self.end(header.producer_id, header.base_offset, committed);
        } else if header.attributes.is_transactional() {
            self.begin(header.producer_id, header.base_offset);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // TM-O13
    #[test]
    fn the_earliest_open_transaction_holds_the_readers_back_until_its_marker() {
        let mut transactions = PartitionTransactions::default();
        transactions.begin(1, 10);
        transactions.begin(2, 20);
        transactions.begin(1, 30);
        assert_eq!(transactions.first_open_offset(), Some(10));
        transactions.end(2, 40, false);
        let aborted =
            AbortedTransaction { producer_id: 2, first_offset: 20, last_offset: 40, last_stable_offset: 10 };
        assert_eq!(transactions.aborted(), [aborted]);
        transactions.end(1, 41, true);
        assert_eq!((transactions.first_open_offset(), transactions.aborted().len()), (None, 1));
        transactions.end(1, 42, false);
        assert_eq!(transactions.aborted().len(), 1, "nothing was open");
        transactions.forget_before(41);
        assert_eq!(transactions.aborted(), []);
    }
}
