//! Offsets of a consumer group as part of a transaction (KIP-98, KIP-447).

use crate::drive::link::Command;
use crate::error::SendErrorKind;
use crate::transaction::error::OffsetsError;
use crate::transaction::handle::TransactionHandle;
use crate::transaction::ledger::Answer;
use kp_metrics::TransactionCall;
use kp_protocol::TopicPartition;
use kp_sender::{CommittedOffset, GroupMetadata, TransactionFailureKind, TransactionInput};
use kp_time::Deadline;
use std::sync::Arc;

impl TransactionHandle {
    /// Commits a group's offsets together with the records of the transaction: the group moves on if and only if they become
    /// visible. Waits for the answer, at most `max.block.ms`, beside sends. No offsets: nothing is asked.
    ///
    /// Of a partition that is named more than once the last offset counts, and so it does in a later call. One exception: if an
    /// earlier call needed more than one request, since an answer was lost, other offsets for its partitions doom the
    /// transaction, as a late copy of that request could set them back.
    ///
    /// `group` is what the consumer says of itself at that moment. The consumer has to read with
    /// `isolation.level=read_committed` and must not commit by itself (`enable.auto.commit=false`). A refusal dooms the
    /// transaction; if the group has given the partitions to another member ([`OffsetsError::is_rebalanced`]), that one will
    /// process the records anew.
    ///
    /// Cancel safety: the offsets go their way when the future is dropped, and `commit` waits for their answer.
    ///
    /// ```no_run
    /// # async fn example(transaction: &kp_producer::Transaction<'_>) -> Result<(), kp_producer::OffsetsError> {
    /// use kp_producer::{CommittedOffset, GroupMetadata, TopicPartition};
    /// let group = GroupMetadata { group_id: "billing".into(), generation: 7, member_id: "m-1".into(), instance_id: None };
    /// // The next offset to be read.
    /// let next = CommittedOffset { offset: 42, leader_epoch: None, metadata: None };
    /// transaction.send_offsets([(TopicPartition::new("orders", 0), next)], &group).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`OffsetsError`].
    pub async fn send_offsets(
        &self,
        offsets: impl IntoIterator<Item = (TopicPartition, CommittedOffset)>,
        group: &GroupMetadata,
    ) -> Result<(), OffsetsError> {
        check(group)?;
        let offsets: Vec<_> = offsets.into_iter().collect();
        if offsets.is_empty() {
            return Ok(());
        }
        // TM-O27: the broker would take it.
        if let Some((partition, below)) = offsets.iter().find(|(_, committed)| committed.offset < 0) {
            return Err(OffsetsError::InvalidOffset { partition: partition.clone(), offset: below.offset });
        }
        let (shared, scope) = (self.producer().shared(), self.scope());
        match shared.refusal_to_wait() {
            None => {}
            Some(SendErrorKind::Forked) => return Err(OffsetsError::Forked),
            Some(SendErrorKind::WouldDeadlock) => return Err(OffsetsError::WouldDeadlock),
            Some(_) => return Err(OffsetsError::Closed),
        }
        let _timed = shared.measured.time_transaction(TransactionCall::SendOffsets);
        let begun = shared.clock.now();
        let deadline = Deadline::after(begun, shared.limits.max_block, "max.block.ms");
        let wait = {
            // Inside the seal, so that the core hears of them before it hears of the end.
            let _entered = scope.enter(&shared.link).map_err(|refused| match scope.doomed() {
                Some(why) if refused != SendErrorKind::TransactionEnded => OffsetsError::Failed(why.clone()),
                _ => OffsetsError::TransactionEnded,
            })?;
            scope.add_group(&group.group_id);
            let group = group.clone();
            shared.waits.ledger().wait_for_offsets(deadline, |ticket| {
                shared.link.tell(Command::Transaction(TransactionInput::SendOffsets {
                    ticket,
                    group,
                    offsets,
                }));
            })
        };
        match wait.await {
            Answer::OffsetsSent(Ok(())) => Ok(()),
            Answer::OffsetsSent(Err(why)) => {
                scope.note_doom(why.clone());
                Err(OffsetsError::Failed(why))
            }
            Answer::Late { reason } => {
                let waited = shared.clock.now().saturating_duration_since(begun);
                let words: Arc<str> =
                    format!("offsets of {}: no answer within {waited:.1?}", group.group_id).into();
                scope.doom(&shared.link, || TransactionFailureKind::SendRefused { reason: words });
                Err(OffsetsError::TimedOut { waited, reason })
            }
            Answer::Over | Answer::Initialized(_) | Answer::Ended(_) => Err(OffsetsError::Closed),
        }
    }
}

/// TX21: a member has a name and a generation, or neither.
fn check(group: &GroupMetadata) -> Result<(), OffsetsError> {
    if group.group_id.is_empty() {
        return Err(OffsetsError::InvalidGroup("the group has no name"));
    }
    match (group.generation, group.member_id.is_empty()) {
        (0.., true) => Err(OffsetsError::InvalidGroup("a generation without a member")),
        (..0, false) => Err(OffsetsError::InvalidGroup("a member without a generation")),
        _ => Ok(()),
    }
}
