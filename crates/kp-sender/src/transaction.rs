//! Transactions (KIP-98, KIP-360, KIP-447, KIP-588, KIP-890): where the open one stands, and what its coordinator is asked next.
//! Owns: the phase, the coordinators, the exchanges with them, the offsets that wait. Never: a batch; what batches need to know is
//! in `facts.rs`.
//!
//! ```text
//!            ┌──────────────── Ended, the pair renewed where that is needed ◀──────────────┐
//!            ▼                                                                             │
//! Idle ──Begin──▶ Open ──End──▶ Sealing ──nothing under way, and something was asked──▶ Ending
//!  ▲                              └──nothing was asked──▶ Ended, no request                │
//!  └──────────────────────────────────┘                        Finished ◀──fenced, refused─┘
//! ```
//! Doomed is no phase: it is a fact of the transaction that turns the commit that is sealed into an abort.

pub(crate) mod coordinator;
pub(crate) mod facts;
mod marker_gap;
pub(crate) mod offsets;
pub(crate) mod pause;
pub(crate) mod proof;
pub(crate) mod protocol;
pub(crate) mod reaction;

use crate::context::Context;
use crate::exchange::Exchange;
use crate::{Output, TransactionFailure, TransactionOutput, TransactionSettings};
use coordinator::Coordinator;
use facts::{Facts, Wanted};
use kp_accumulator::Flush;
use kp_protocol::{BrokerId, ProducerIdentity, TopicPartition};
use offsets::PendingOffsets;
use pause::Pause;
use proof::Decision;
use std::sync::Arc;
use std::time::Duration;

/// Everything about transactions but the facts that batches need.
pub(crate) struct Transactions {
    pub(crate) phase: Phase,
    pub(crate) renewal: Renewal,
    pub(crate) coordinator: Coordinator,
    /// Of the group whose offsets were sent last.
    pub(crate) group: Option<(Arc<str>, Coordinator)>,
    pub(crate) offsets: PendingOffsets,
    pub(crate) exchanges: Exchanges,
    /// Before the coordinator is asked again.
    pub(crate) pause: Pause,
    /// Whether the coordinator, when it was asked last, spoke the second protocol.
    pub(crate) offers_v2: bool,
    /// V1: the coordinator's timeout is why the next epoch is asked for (TC21).
    pub(crate) timed_out: Option<TransactionFailure>,
    /// Told last.
    stalled: Option<Arc<str>>,
}

/// Where the open transaction stands.
#[derive(Debug)]
pub(crate) enum Phase {
    Idle,
    Open,
    /// No record follows; what was accepted is waited for.
    Sealing {
        decision: Decision,
        wanted: Decision,
        /// Lets nothing linger.
        hurry: Option<Flush>,
    },
    /// EndTxn is asked until its answer is final (TC1).
    Ending(Ending),
    /// The producer can do nothing more.
    Finished(TransactionFailure),
}

/// An end that is asked for.
#[derive(Debug)]
pub(crate) struct Ending {
    /// The pair that the transaction was written under: the same in every attempt (TC1).
    pub(crate) pair: ProducerIdentity,
    pub(crate) decision: Decision,
    /// What was wanted; an abort in place of a commit says why.
    pub(crate) wanted: Decision,
    pub(crate) attempts: u32,
    /// An attempt of this decision may have been or may yet be done, and was not answered (TC4).
    pub(crate) is_unanswered: bool,
    /// What made an abort of a commit, where that was an answer to it.
    pub(crate) why: Option<TransactionFailure>,
    /// V1: the epoch is over, and the coordinator is asked whose doing that was (TC21).
    pub(crate) is_in_doubt: bool,
}

impl Ending {
    pub(crate) fn of(pair: ProducerIdentity, decision: Decision, wanted: Decision) -> Self {
        Self { pair, decision, wanted, attempts: 0, is_unanswered: false, why: None, is_in_doubt: false }
    }

    /// It is proved that the commit was not done: the pair is freed by an abort (TC21, L7).
    pub(crate) fn turn_to_abort(&mut self, why: TransactionFailure) {
        self.decision = Decision::Abort;
        self.is_unanswered = false;
        self.why = Some(why);
    }
}

/// What InitProducerId is to bring. While it is out, nothing can be written: there is no identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Renewal {
    Nothing,
    /// A first pair, which fences older instances (TX3). The only one that goes without a pair (TC12, TC13).
    First,
    /// The next epoch, since a frame of the last transaction may still arrive (TC2); only behind an end that was answered (TC3).
    Bump(ProducerIdentity),
}

/// The questions to coordinators. One of them at a time is under way (TX6), a look-up aside.
#[derive(Default)]
pub(crate) struct Exchanges {
    pub(crate) lookup: Exchange<FindCoordinator>,
    pub(crate) init: Exchange<InitTransactions>,
    pub(crate) partitions: Exchange<AddPartitions>,
    pub(crate) group: Exchange<AddOffsets>,
    pub(crate) offsets: Exchange<CommitOffsets>,
    pub(crate) end: Exchange<EndTransaction>,
    pub(crate) describe: Exchange<DescribeTransaction>,
}

/// Who coordinates this?
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FindCoordinator {
    Transaction(Arc<str>),
    Group(Arc<str>),
}

/// A pair for the transactional id, the first or the next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct InitTransactions {
    pub(crate) id: Arc<str>,
    pub(crate) timeout: Duration,
    pub(crate) pair: Option<ProducerIdentity>,
}

/// These partitions become part of the transaction (V1).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct AddPartitions {
    pub(crate) id: Arc<str>,
    pub(crate) pair: ProducerIdentity,
    /// In the order of partitions.
    pub(crate) partitions: Vec<Wanted>,
}

/// A group's offsets become part of the transaction (V1).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct AddOffsets {
    pub(crate) id: Arc<str>,
    pub(crate) pair: ProducerIdentity,
    pub(crate) group: Arc<str>,
}

/// The first of the offsets that wait.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CommitOffsets {
    pub(crate) id: Arc<str>,
    pub(crate) pair: ProducerIdentity,
    pub(crate) group: crate::GroupMetadata,
    pub(crate) offsets: Vec<(TopicPartition, crate::CommittedOffset)>,
}

/// Commit or abort.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct EndTransaction {
    pub(crate) id: Arc<str>,
    pub(crate) pair: ProducerIdentity,
    pub(crate) decision: Decision,
}

/// What has become of it? (V1)
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct DescribeTransaction {
    pub(crate) id: Arc<str>,
}

/// What a coordinator is to be asked next, in the order of TX6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Errand {
    Init,
    AddPartitions,
    AddOffsets,
    CommitOffsets,
    End,
    Describe,
}

impl Transactions {
    /// `None`: a producer without transactions.
    pub(crate) fn new(settings: Option<&TransactionSettings>) -> Self {
        let phase = match settings {
            Some(_) => Phase::Idle,
            None => Phase::Finished(TransactionFailure::of(crate::TransactionFailureKind::Unsupported {
                reason: Arc::from("no transactional.id is set"),
            })),
        };
        Self {
            phase,
            renewal: Renewal::Nothing,
            coordinator: Coordinator::default(),
            group: None,
            offsets: PendingOffsets::default(),
            exchanges: Exchanges::default(),
            pause: Pause::default(),
            offers_v2: false,
            timed_out: None,
            stalled: None,
        }
    }

    /// Whether closing has to wait for nothing here.
    pub(crate) fn is_at_rest(&self) -> bool {
        matches!(self.phase, Phase::Idle | Phase::Finished(_)) && self.renewal != Renewal::First
    }

    /// Whether the outcome of an earlier step of the host may let an end go on.
    pub(crate) fn is_sealing(&self) -> bool {
        matches!(self.phase, Phase::Sealing { .. })
    }

    /// The end that is asked for.
    pub(crate) fn ending_mut(&mut self) -> Option<&mut Ending> {
        match &mut self.phase {
            Phase::Ending(ending) => Some(ending),
            Phase::Idle | Phase::Open | Phase::Sealing { .. } | Phase::Finished(_) => None,
        }
    }

    /// L12: one of them at a time.
    pub(crate) fn is_asking(&self) -> bool {
        let Exchanges { lookup: _, init, partitions, group, offsets, end, describe } = &self.exchanges;
        let is_writing = partitions.is_sent() || group.is_sent() || offsets.is_sent();
        is_writing || init.is_sent() || end.is_sent() || describe.is_sent()
    }

    /// What to ask next, if nothing is under way.
    pub(crate) fn errand(&self, facts: &Facts, has_pair: bool) -> Option<Errand> {
        match self.phase {
            // Also what a producer without transactions is told, in each turn.
            Phase::Finished(_) => None,
            _ if self.is_asking() => None,
            Phase::Ending(Ending { is_in_doubt: true, .. }) => Some(Errand::Describe),
            Phase::Ending(_) => Some(Errand::End),
            _ if self.renewal != Renewal::Nothing => Some(Errand::Init),
            Phase::Open | Phase::Sealing { decision: Decision::Commit, .. } if has_pair => {
                self.errand_of_open(facts)
            }
            Phase::Idle | Phase::Open | Phase::Sealing { .. } => None,
        }
    }

    fn errand_of_open(&self, facts: &Facts) -> Option<Errand> {
        if facts.doom().is_some() {
            return None;
        }
        if facts.has_wanted() {
            return Some(Errand::AddPartitions);
        }
        let first = self.offsets.first()?;
        let is_in =
            facts.protocol() == crate::TransactionProtocol::V2 || facts.has_group(&first.group.group_id);
        Some(if is_in { Errand::CommitOffsets } else { Errand::AddOffsets })
    }

    /// Whom to ask.
    pub(crate) fn coordinator_for(&self, errand: Errand) -> Option<BrokerId> {
        match errand {
            Errand::CommitOffsets => {
                let group = &self.offsets.first()?.group.group_id;
                self.group.as_ref().filter(|(known, _)| known == group)?.1.broker()
            }
            Errand::Init | Errand::AddPartitions | Errand::AddOffsets | Errand::End | Errand::Describe => {
                self.coordinator.broker()
            }
        }
    }

    /// The coordinator for this does not answer, or says that it is none: it is looked up again (TX19).
    pub(crate) fn forget_coordinator(&mut self, errand: Errand) {
        match (errand, &mut self.group) {
            (Errand::CommitOffsets, Some((_, coordinator))) => coordinator.forget(),
            (Errand::CommitOffsets, None) => {}
            _ => self.coordinator.forget(),
        }
    }

    /// Tells why something waits, if that is news.
    pub(crate) fn stall(&mut self, cx: &mut Context<'_>, facts: &Facts, reason: Arc<str>) {
        if self.stalled.as_ref() != Some(&reason) {
            self.stalled = Some(Arc::clone(&reason));
            cx.put(Output::Transaction(TransactionOutput::Stalled { number: facts.number(), reason }));
        }
    }

    /// Something was achieved.
    pub(crate) fn go_on(&mut self) {
        self.pause.over();
        self.stalled = None;
    }
}
