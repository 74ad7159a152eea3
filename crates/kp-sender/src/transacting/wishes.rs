//! What an application wants of transactions: each wish is taken in here, and carried out turn by turn.

use super::ends;
use crate::context::Context;
use crate::rooms::Rooms;
use crate::shutdown::Shutdown;
use crate::transaction::offsets::WantedOffsets;
use crate::transaction::proof::Decision;
use crate::transaction::{Phase, Renewal};
use crate::{
    CommittedOffset, GroupMetadata, Output, TransactionEnd, TransactionFailure, TransactionFailureKind,
    TransactionInput, TransactionOutput,
};
use kp_protocol::TopicPartition;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Takes in a wish.
pub(crate) fn take_in(cx: &mut Context<'_>, rooms: &mut Rooms, input: TransactionInput) {
    match input {
        TransactionInput::Init => init(cx, rooms),
        TransactionInput::Begin { number } => begin(cx, rooms, number),
        TransactionInput::SendOffsets { ticket, group, offsets } => {
            // The last word about a partition counts, as it would at the broker.
            let left = offsets.into_iter().collect::<BTreeMap<_, _>>().into_iter().collect();
            let expires = cx.now.checked_add(cx.settings.delivery_timeout);
            send_offsets(cx, rooms, WantedOffsets { ticket, group, left, attempts: 0, expires });
        }
        TransactionInput::Doom { number, why } => {
            let facts = &mut rooms.idempotence.transaction;
            if facts.number() == Some(number) {
                facts.doom_it(cx, why);
            }
        }
        TransactionInput::End { number, commit } => end(cx, rooms, number, commit),
    }
}

fn init(cx: &mut Context<'_>, rooms: &mut Rooms) {
    if let Phase::Finished(why) = &rooms.transactions.phase {
        let failure = why.clone();
        return cx.put(Output::Transaction(TransactionOutput::InitFailed { failure, is_fatal: true }));
    }
    if cx.ending.shutdown != Shutdown::Running {
        let failure = TransactionFailure::of(TransactionFailureKind::Closed);
        return cx.put(Output::Transaction(TransactionOutput::InitFailed { failure, is_fatal: true }));
    }
    match (ends::pair(rooms), rooms.transactions.renewal) {
        (Some(producer), _) => {
            let protocol = rooms.idempotence.transaction.protocol();
            cx.put(Output::Transaction(TransactionOutput::Initialized { producer, protocol }));
        }
        (None, Renewal::First) => {}
        (None, _) => want_first_pair(rooms),
    }
}

fn want_first_pair(rooms: &mut Rooms) {
    rooms.transactions.renewal = Renewal::First;
    rooms.transactions.go_on();
}

fn begin(cx: &mut Context<'_>, rooms: &mut Rooms, number: u64) {
    let facts = &mut rooms.idempotence.transaction;
    match &rooms.transactions.phase {
        Phase::Idle if facts.is_transactional() => {
            facts.begin(number);
            rooms.transactions.offsets.begin();
            rooms.transactions.phase = Phase::Open;
            if ends::pair(rooms).is_none() && rooms.transactions.renewal == Renewal::Nothing {
                want_first_pair(rooms);
            }
        }
        Phase::Finished(why) => {
            let why = why.clone();
            facts.begin(number);
            facts.doom_it(cx, why);
        }
        // The host begins none before the last one has ended.
        Phase::Idle | Phase::Open | Phase::Sealing { .. } | Phase::Ending(_) => {}
    }
}

fn send_offsets(cx: &mut Context<'_>, rooms: &mut Rooms, wanted: WantedOffsets) {
    let ticket = wanted.ticket;
    let result = match why_not(rooms, &wanted.group, &wanted.left) {
        Some(why) => Err(why),
        None if wanted.left.is_empty() => Ok(()), // TX21
        None => return rooms.transactions.offsets.push(wanted),
    };
    cx.put(Output::Transaction(TransactionOutput::OffsetsSent { ticket, result }));
}

/// TC22: a broker would take what is refused here.
fn why_not(
    rooms: &Rooms,
    group: &GroupMetadata,
    offsets: &[(TopicPartition, CommittedOffset)],
) -> Option<TransactionFailure> {
    if let Some(doom) = rooms.idempotence.transaction.doom() {
        return Some(doom.clone());
    }
    let reason = match &rooms.transactions.phase {
        Phase::Finished(why) => return Some(why.clone()),
        Phase::Open if group.group_id.is_empty() => "offsets without a group.id",
        Phase::Open if (group.generation >= 0) == group.member_id.is_empty() => {
            "a generation goes with the id of a member, and none without"
        }
        Phase::Open if offsets.iter().any(|(_, committed)| committed.offset < 0) => "an offset below 0",
        Phase::Open => return None,
        Phase::Idle | Phase::Sealing { .. } | Phase::Ending(_) => "no transaction is open",
    };
    let reason = Arc::from(reason);
    Some(TransactionFailure::of(TransactionFailureKind::SendRefused { reason }))
}

fn end(cx: &mut Context<'_>, rooms: &mut Rooms, number: u64, commit: bool) {
    let facts = &mut rooms.idempotence.transaction;
    if facts.number() != Some(number) {
        return;
    }
    match &rooms.transactions.phase {
        Phase::Open => {
            let wanted = if commit { Decision::Commit } else { Decision::Abort };
            if !commit {
                facts.decide();
            }
            let hurry = commit.then(|| cx.accumulator.begin_flush()); // TX9, AC10
            rooms.transactions.phase = Phase::Sealing { decision: wanted, wanted, hurry };
        }
        Phase::Finished(why) => {
            let end = TransactionEnd::Fatal(why.clone());
            facts.end();
            cx.put(Output::Transaction(TransactionOutput::Ended { number, end }));
        }
        Phase::Idle | Phase::Sealing { .. } | Phase::Ending(_) => {}
    }
}
