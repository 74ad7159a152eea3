//! The questions that the sender asks besides Produce: the list of them, and a file for each.
//! Never: a branch for one of them. A new question is a file, a row here, and an [`Exchange`](crate::exchange::Exchange) in the part
//! that wants its answer.

pub(crate) mod add_offsets;
pub(crate) mod add_partitions;
pub(crate) mod describe_transactions;
pub(crate) mod end_txn;
pub(crate) mod find_coordinator;
pub(crate) mod init_transactions;
pub(crate) mod metadata;
mod partition_codes;
pub(crate) mod producer_id;
pub(crate) mod txn_offset_commit;

use crate::context::Context;
use crate::idempotence::InitProducerId;
use crate::question::{self, Loss, Question};
use crate::rooms::Rooms;
use crate::transaction::{
    AddOffsets, AddPartitions, CommitOffsets, DescribeTransaction, EndTransaction, FindCoordinator,
    InitTransactions,
};
use bytes::Bytes;
use kp_client::Nodes;
use kp_metadata::Pending;
use kp_protocol::BrokerId;
use std::time::Instant;

/// All of them, in the order in which they have their turn.
const ALL: [Steps; 9] = [
    Steps::of::<Pending>(),
    Steps::of::<InitProducerId>(),
    // TX6
    Steps::of::<FindCoordinator>(),
    Steps::of::<InitTransactions>(),
    Steps::of::<AddPartitions>(),
    Steps::of::<AddOffsets>(),
    Steps::of::<CommitOffsets>(),
    Steps::of::<EndTransaction>(),
    Steps::of::<DescribeTransaction>(),
];

/// The steps of one question.
struct Steps {
    begin_cycle: fn(&mut Rooms, Instant),
    connection_event: fn(&mut Rooms),
    step: fn(&mut Context<'_>, &mut Rooms, &mut dyn Nodes) -> bool,
    answered: fn(&mut Context<'_>, &mut Rooms, u64, &Bytes) -> bool,
    failed: fn(&mut Context<'_>, &mut Rooms, u64, &Loss) -> Option<BrokerId>,
    next: fn(&Context<'_>, &mut Rooms) -> Option<Instant>,
}

impl Steps {
    const fn of<Q: Question>() -> Self {
        Self {
            begin_cycle: |rooms, now| Q::exchange(rooms).begin_cycle(now),
            connection_event: |rooms| Q::exchange(rooms).connection_event(),
            step: question::step::<Q>,
            answered: question::answered::<Q>,
            failed: question::failed::<Q>,
            next: question::next::<Q>,
        }
    }
}

/// The host has done network work: perhaps a broker is ready now.
pub(crate) fn begin_cycle(rooms: &mut Rooms, now: Instant) {
    ALL.iter().for_each(|one| (one.begin_cycle)(rooms, now));
}

/// A connection came or went: perhaps another broker is the better choice now.
pub(crate) fn connection_event(rooms: &mut Rooms) {
    ALL.iter().for_each(|one| (one.connection_event)(rooms));
}

/// Asks what is due, until something is put out. Says whether the network was asked for a broker.
pub(crate) fn step(cx: &mut Context<'_>, rooms: &mut Rooms, nodes: &mut dyn Nodes) -> bool {
    let mut has_asked = false;
    for one in &ALL {
        if !cx.has_output() {
            has_asked |= (one.step)(cx, rooms, nodes);
        }
    }
    has_asked
}

/// An answer came. One to a request that no question knows is ignored (SN9).
pub(crate) fn answered(cx: &mut Context<'_>, rooms: &mut Rooms, token: u64, body: &Bytes) {
    let _ = ALL.iter().any(|one| (one.answered)(cx, rooms, token, body));
}

/// A request gets no answer. Says whom it was for, if it was a question's.
pub(crate) fn failed(cx: &mut Context<'_>, rooms: &mut Rooms, token: u64, loss: &Loss) -> Option<BrokerId> {
    ALL.iter().find_map(|one| (one.failed)(cx, rooms, token, loss))
}

/// When [`step`] has something to do without anything happening.
pub(crate) fn next(cx: &Context<'_>, rooms: &mut Rooms) -> Option<Instant> {
    ALL.iter().filter_map(|one| (one.next)(cx, rooms)).min()
}
