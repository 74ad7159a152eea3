//! What is known of the open transaction by those who handle its batches: which partitions are in it, whether it can still be
//! committed, what was asked about it.
//! Owner: the numbers, beside the identity that all of it goes out under. Never: what the coordinator is asked next.

use crate::by_queue::ByQueue;
use crate::context::Context;
use crate::{Output, TransactionFailure, TransactionFailureKind, TransactionOutput, TransactionProtocol};
use kp_accumulator::{BatchFailure, Certainty, FailureKind, QueueIndex};
use kp_protocol::{ApiKey, ErrorCode, TopicPartition, VersionRange};
use std::sync::Arc;
use std::time::Instant;

/// A partition with records that wait for it to be added.
pub(crate) type Wanted = (QueueIndex, TopicPartition);

/// The facts; none of them for a producer without transactions, which they let everything.
#[derive(Debug)]
pub(crate) struct Facts {
    is_transactional: bool,
    protocol: TransactionProtocol,
    open: Option<OpenTransaction>,
    /// In which transaction a partition was last wanted, and whether it was added then (TC8).
    partitions: ByQueue<(u64, Membership)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Membership {
    Wanted,
    Added,
}

#[derive(Debug)]
struct OpenTransaction {
    number: u64,
    doom: Option<TransactionFailure>,
    /// No further cause is told: it is being aborted, or its end is asked for.
    is_decided: bool,
    /// V1: not added yet, and not asked for.
    wanted: Vec<Wanted>,
    groups: Vec<Arc<str>>,
    /// V1: something was answered to be in it (TC8).
    has_added: bool,
    /// When the first request that can open it was handed out (TC6, TC15).
    since: Option<Instant>,
    /// V1: a frame of it that was not answered can still arrive (TC2), or a partition takes nothing more under its epoch.
    is_unclean: bool,
    /// A broker said that the epoch is over (TC21).
    is_epoch_over: bool,
    has_gap: bool,
}

impl Facts {
    pub(crate) fn new(is_transactional: bool) -> Self {
        Self {
            is_transactional,
            protocol: TransactionProtocol::V1,
            open: None,
            partitions: ByQueue::default(),
        }
    }

    pub(crate) fn is_transactional(&self) -> bool {
        self.is_transactional
    }

    pub(crate) fn protocol(&self) -> TransactionProtocol {
        self.protocol
    }

    /// The protocol of the next transaction: never changed inside of one (TX26).
    pub(crate) fn speak(&mut self, protocol: TransactionProtocol) {
        debug_assert!(
            self.open.is_none() || self.since().is_none(),
            "the protocol stays inside a transaction"
        );
        self.protocol = protocol;
    }

    pub(crate) fn begin(&mut self, number: u64) {
        self.open = Some(OpenTransaction {
            number,
            doom: None,
            is_decided: false,
            wanted: Vec::new(),
            groups: Vec::new(),
            has_added: false,
            since: None,
            is_unclean: false,
            is_epoch_over: false,
            has_gap: false,
        });
    }

    /// It is over: what it had added is in no other (TC8).
    pub(crate) fn end(&mut self) {
        self.open = None;
    }

    pub(crate) fn number(&self) -> Option<u64> {
        self.open.as_ref().map(|open| open.number)
    }

    /// Whether one is open that is not doomed, and whose end is not decided.
    pub(crate) fn can_be_committed(&self) -> bool {
        self.open.as_ref().is_some_and(OpenTransaction::can_be_committed)
    }

    /// Why it cannot be committed.
    pub(crate) fn doom(&self) -> Option<&TransactionFailure> {
        self.open.as_ref()?.doom.as_ref()
    }

    pub(crate) fn since(&self) -> Option<Instant> {
        self.open.as_ref()?.since
    }

    pub(crate) fn has_added(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.has_added)
    }

    pub(crate) fn is_unclean(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.is_unclean)
    }

    pub(crate) fn is_epoch_over(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.is_epoch_over)
    }

    /// Versions of Produce that its batches may go out in (TC17).
    pub(crate) fn produce_versions(&self) -> VersionRange {
        match self.is_transactional {
            true => self.protocol.versions(ApiKey::Produce),
            false => ApiKey::Produce.offered(),
        }
    }

    /// Whether batches of this partition may leave; one that has to be added first is noted (TX7).
    pub(crate) fn lets(&mut self, queue: QueueIndex, partition: &TopicPartition) -> bool {
        if !self.is_transactional {
            return true;
        }
        let Some(open) = self.open.as_mut().filter(|open| open.can_be_committed()) else { return false };
        if self.protocol == TransactionProtocol::V2 {
            return true;
        }
        let fresh = (open.number, Membership::Wanted);
        let known = self.partitions.get(queue).filter(|(number, _)| *number == open.number);
        let Some((_, membership)) = known else {
            self.partitions.put(queue, fresh);
            open.wanted.push((queue, partition.clone()));
            return false;
        };
        *membership == Membership::Added
    }

    pub(crate) fn has_wanted(&self) -> bool {
        self.open.as_ref().is_some_and(|open| !open.wanted.is_empty())
    }

    /// Those to ask for; each is asked for once at a time (TX7).
    pub(crate) fn take_wanted(&mut self) -> Vec<Wanted> {
        self.open.as_mut().map(|open| std::mem::take(&mut open.wanted)).unwrap_or_default()
    }

    /// They have to be asked for again.
    pub(crate) fn want_again(&mut self, wanted: impl IntoIterator<Item = Wanted>) {
        // TX11: not where an abort drops what was not asked for.
        if let Some(open) = self.open.as_mut().filter(|open| open.can_be_committed()) {
            open.wanted.extend(wanted);
        }
    }

    /// The coordinator has said so (TC8).
    pub(crate) fn added(&mut self, queue: QueueIndex) {
        if let Some(open) = &mut self.open {
            open.has_added = true;
            self.partitions.put(queue, (open.number, Membership::Added));
        }
    }

    pub(crate) fn has_group(&self, group: &str) -> bool {
        self.open.as_ref().is_some_and(|open| open.groups.iter().any(|added| **added == *group))
    }

    /// The coordinator has said so.
    pub(crate) fn added_group(&mut self, group: Arc<str>) {
        if let Some(open) = &mut self.open {
            open.has_added = true;
            open.groups.push(group);
        }
    }

    /// A request that can open it is handed out (TC6).
    pub(crate) fn attempt(&mut self, now: Instant) {
        if let Some(open) = &mut self.open {
            open.since.get_or_insert(now);
        }
    }

    /// A frame of it may arrive late (TC2), or the numbers of a partition are of no use any more.
    pub(crate) fn leave_unclean(&mut self) {
        if let Some(open) = &mut self.open {
            open.is_unclean = true;
        }
    }

    /// Numbers are missing that only another epoch makes good (TC9).
    pub(crate) fn find_gap(&mut self) {
        if let Some(open) = &mut self.open {
            (open.has_gap, open.is_unclean) = (true, true);
        }
    }

    pub(crate) fn has_gap(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.has_gap)
    }

    /// The epoch is said to be over.
    pub(crate) fn epoch_is_over(&mut self) {
        if let Some(open) = &mut self.open {
            open.is_epoch_over = true;
        }
    }

    /// V1: the coordinator has ended it under its epoch, so that was over for a partition only, and no timeout was it (TM-T6). The
    /// next transaction needs another one.
    pub(crate) fn epoch_goes_on(&mut self) {
        if let Some(open) = &mut self.open {
            open.is_unclean |= std::mem::take(&mut open.is_epoch_over);
        }
    }

    /// Its end is asked for, or it is being aborted: what fails from now on is no news.
    pub(crate) fn decide(&mut self) {
        if let Some(open) = &mut self.open {
            open.is_decided = true;
            open.wanted.clear();
        }
    }

    /// It cannot be committed. The first cause is told.
    pub(crate) fn doom_it(&mut self, cx: &mut Context<'_>, why: TransactionFailure) {
        let Some(open) = self.open.as_mut().filter(|open| open.can_be_committed()) else { return };
        open.doom = Some(why.clone());
        // TX11: what was not asked for is not asked for any more.
        open.wanted.clear();
        cx.put(Output::Transaction(TransactionOutput::Doomed { number: open.number, why }));
    }

    /// A batch has failed: TX12, TC2, TC10.
    pub(crate) fn batch_failed(
        &mut self,
        cx: &mut Context<'_>,
        partition: &TopicPartition,
        failure: &BatchFailure,
    ) {
        if !self.is_transactional {
            return;
        }
        if failure.certainty != Certainty::NotWritten {
            self.leave_unclean(); // TM-L1
        }
        if let FailureKind::Refused(ErrorCode::INVALID_PRODUCER_EPOCH | ErrorCode::PRODUCER_FENCED) =
            failure.kind
        {
            self.epoch_is_over();
        }
        let kind = TransactionFailureKind::RecordFailed { partition: partition.clone(), kind: failure.kind };
        let (last, attempts) = (failure.last.clone(), failure.attempts);
        self.doom_it(cx, TransactionFailure { kind, last, attempts });
    }
}

impl OpenTransaction {
    fn can_be_committed(&self) -> bool {
        self.doom.is_none() && !self.is_decided
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(number: i32) -> TopicPartition {
        TopicPartition::new("t", number)
    }

    // TX7, TC8
    #[test]
    fn a_partition_is_wanted_once_and_let_through_when_it_was_added_in_this_transaction() {
        let mut facts = Facts::new(true);
        let queue = QueueIndex(0);
        assert!(!facts.lets(queue, &partition(0)), "no transaction is open");
        facts.begin(1);
        assert!(!facts.lets(queue, &partition(0)) && !facts.lets(queue, &partition(0)));
        assert_eq!(facts.take_wanted(), vec![(queue, partition(0))]);
        assert!(!facts.lets(queue, &partition(0)) && !facts.has_wanted(), "asked is not added");
        facts.added(queue);
        assert!(facts.lets(queue, &partition(0)) && facts.has_added());
        facts.end();
        facts.begin(2);
        assert!(!facts.lets(queue, &partition(0)), "the end empties the set");
        assert!(!facts.has_added());
    }

    // TX27
    #[test]
    fn the_second_protocol_and_a_producer_without_transactions_want_no_partition() {
        let mut facts = Facts::new(true);
        facts.speak(TransactionProtocol::V2);
        facts.begin(1);
        assert!(facts.lets(QueueIndex(0), &partition(0)) && !facts.has_wanted());
        assert!(Facts::new(false).lets(QueueIndex(0), &partition(0)));
    }
}
