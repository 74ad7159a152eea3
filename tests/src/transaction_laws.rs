//! What must hold after any run with transactions, whatever went wrong on the way: L1 to L15. Each is a function of a
//! history; it knows neither the simulation nor a broker.

use std::collections::{BTreeMap, BTreeSet};

use crate::laws::{Broken, Told};
use crate::transaction_history::{Answer, Asked, EndFrame, Entry, Transacted, TransactionHistory};

#[cfg(test)]
mod tests;

/// A law, and what it is called.
pub struct TransactionLaw {
    /// As in `plants`' tables.
    pub name: &'static str,
    /// Answers the first thing that breaks it.
    pub check: fn(&TransactionHistory) -> Result<(), String>,
}

/// All of them.
pub const TRANSACTION_LAWS: &[TransactionLaw] = &[
    TransactionLaw { name: "committed is whole", check: committed_is_whole },
    TransactionLaw { name: "aborted is invisible", check: aborted_is_invisible },
    TransactionLaw { name: "all or nothing", check: all_or_nothing },
    TransactionLaw { name: "no leak between transactions", check: no_leak },
    TransactionLaw { name: "visible records are in order", check: visible_in_order },
    TransactionLaw { name: "the outcome is true", check: outcome_is_true },
    TransactionLaw { name: "one decision on the wire", check: one_decision },
    TransactionLaw { name: "late frames are harmless", check: late_frames_are_harmless },
    TransactionLaw { name: "no hanging transaction", check: nothing_hangs },
    TransactionLaw { name: "each transaction ends exactly once", check: each_ends_once },
    TransactionLaw { name: "a fenced producer writes nothing", check: fenced_writes_nothing },
    TransactionLaw { name: "transactions on the wire are lawful", check: wire_is_lawful },
    TransactionLaw { name: "offsets and records together", check: offsets_with_records },
    TransactionLaw { name: "memory returns in bounded time", check: memory_returns },
    TransactionLaw { name: "nothing new from outside", check: nothing_from_outside },
];

/// Checks all laws.
#[must_use]
pub fn broken_transaction_laws(history: &TransactionHistory) -> Vec<Broken> {
    let check = |law: &TransactionLaw| (law.check)(history).err().map(|how| Broken { law: law.name, how });
    TRANSACTION_LAWS.iter().filter_map(check).collect()
}

/// L1: what was told `Committed` is seen, each record of it once, and its offsets are in their groups.
fn committed_is_whole(history: &TransactionHistory) -> Result<(), String> {
    let times = history.times_visible();
    for (number, one) in history.transactions.iter().enumerate() {
        if !one.told.contains(&Answer::Committed) {
            continue;
        }
        for id in &one.records {
            let seen = times.get(id).copied().unwrap_or_default();
            if seen != 1 {
                return Err(format!(
                    "transaction {number} is committed, and record {id} is seen {seen} times"
                ));
            }
        }
        if let Some(offset) = one.offsets.iter().find(|offset| !history.is_in_group(offset)) {
            return Err(format!("transaction {number} is committed, and {offset:?} is not in the group"));
        }
    }
    Ok(())
}

/// Whether nothing of it may ever be seen, by what was asked and what was told.
fn must_stay_invisible(one: &Transacted) -> bool {
    one.asked != Asked::Commit || one.told.iter().any(|told| matches!(told, Answer::Aborted | Answer::Fatal))
}

/// L2: nothing is ever seen of a transaction that was aborted, or never asked to commit.
fn aborted_is_invisible(history: &TransactionHistory) -> Result<(), String> {
    let times = history.times_visible();
    for (number, one) in history.transactions.iter().enumerate().filter(|(_, one)| must_stay_invisible(one)) {
        let how = format!("transaction {number} (asked {:?}, told {:?})", one.asked, one.told);
        if let Some(id) = one.records.iter().find(|id| times.contains_key(id)) {
            return Err(format!("{how}: record {id} is seen"));
        }
        if let Some(offset) = one.offsets.iter().find(|offset| history.is_in_group(offset)) {
            return Err(format!("{how}: {offset:?} is in the group"));
        }
    }
    Ok(())
}

/// L3: whatever was told, the records of a transaction are seen all or not at all, and none twice.
fn all_or_nothing(history: &TransactionHistory) -> Result<(), String> {
    let times = history.times_visible();
    for (number, one) in history.transactions.iter().enumerate() {
        let seen = one.records.iter().filter(|id| times.contains_key(id)).count();
        if seen != 0 && seen != one.records.len() {
            let of = one.records.len();
            return Err(format!("{seen} of the {of} records of transaction {number} are seen"));
        }
        if let Some(id) = one.records.iter().find(|id| times.get(id).is_some_and(|times| *times > 1)) {
            return Err(format!("record {id} of transaction {number} is seen twice"));
        }
    }
    Ok(())
}

/// L4: between two markers of a producer in a partition stand records of one transaction, and all that the partition
/// has of it.
fn no_leak(history: &TransactionHistory) -> Result<(), String> {
    let transaction_of = history.transaction_of();
    for (place, log) in &history.logs {
        let mut open: BTreeMap<i64, usize> = BTreeMap::new();
        let mut closed: BTreeSet<usize> = BTreeSet::new();
        for (offset, entry) in log {
            let (pair, id) = match entry {
                Entry::Record { pair, id } => (pair, id),
                Entry::Marker { pair, .. } => {
                    closed.extend(open.remove(&pair.0));
                    continue;
                }
            };
            let Some(number) = transaction_of.get(id) else { continue };
            let beside = *open.entry(pair.0).or_insert(*number);
            if beside != *number {
                return Err(format!(
                    "{place:?}: record {id} of transaction {number} stands at {offset} behind those of \
                     transaction {beside}, with no marker between"
                ));
            }
            if closed.contains(number) {
                return Err(format!("{place:?}: a marker tears transaction {number} before {offset}"));
            }
        }
    }
    Ok(())
}

/// L5: what is seen of a producer in a partition follows the order in which it was accepted.
fn visible_in_order(history: &TransactionHistory) -> Result<(), String> {
    let transaction_of = history.transaction_of();
    for (place, seen) in history.visible() {
        let mut newest: BTreeMap<usize, (u64, u64)> = BTreeMap::new();
        for (offset, id) in seen {
            let instance = transaction_of.get(&id).map(|number| history.transactions[*number].instance);
            let accepted = history.sent.get(&id).and_then(|sent| sent.accepted);
            let (Some(instance), Some(accepted)) = (instance, accepted) else { continue };
            let before = newest.insert(instance, (accepted, id));
            if let Some((number, earlier)) = before.filter(|(number, _)| *number > accepted) {
                return Err(format!(
                    "{place:?}: record {id} (accepted as number {accepted}) stands at {offset} behind record \
                     {earlier} (number {number})"
                ));
            }
        }
    }
    Ok(())
}

/// The answers to EndTxn that repeat it: CONCURRENT_TRANSACTIONS, COORDINATOR_LOAD_IN_PROGRESS and those that prove
/// nothing.
const ASKS_AGAIN: [i16; 5] = [-1, 14, 15, 16, 51];

/// INVALID_TXN_STATE.
const INVALID_STATE: i16 = 48;

/// Whether some answer to these EndTxn requests proves that the transaction is not committed (§2.3 of the facts).
fn is_proved_aborted(ends: &[EndFrame]) -> bool {
    let mut unanswered = false;
    for end in ends.iter().filter(|end| end.commit) {
        match end.answer {
            Some(INVALID_STATE) => return true,
            // Any other refusal proves it only while no earlier attempt may have been carried out.
            Some(code) if code != 0 && !ASKS_AGAIN.contains(&code) && !unanswered => return true,
            _ => unanswered |= end.is_unanswered(),
        }
    }
    ends.iter().any(|end| !end.commit && end.answer == Some(0))
}

/// L6: `Unknown` only where an attempt to commit stayed unanswered; `Aborted` behind an attempt only with a proof.
fn outcome_is_true(history: &TransactionHistory) -> Result<(), String> {
    for (number, one) in history.transactions.iter().enumerate() {
        let commits: Vec<&EndFrame> = one.ends.iter().filter(|end| end.commit).collect();
        for told in &one.told {
            match told {
                Answer::Unknown if !commits.iter().any(|end| end.is_unanswered()) => {
                    return Err(format!(
                        "transaction {number} is told Unknown, and each of {commits:?} was answered"
                    ));
                }
                Answer::Aborted | Answer::Fatal if !commits.is_empty() && !is_proved_aborted(&one.ends) => {
                    return Err(format!("transaction {number} is told {told:?} behind {:?}", one.ends));
                }
                Answer::Committed
                    if !commits.is_empty() && !commits.iter().any(|end| end.answer == Some(0)) =>
                {
                    return Err(format!("transaction {number} is told Committed behind {commits:?}"));
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// L7: all EndTxn of a pair in a transaction carry one decision; an abort behind a commit needs a proof first.
fn one_decision(history: &TransactionHistory) -> Result<(), String> {
    for (number, one) in history.transactions.iter().enumerate() {
        for (place, end) in one.ends.iter().enumerate() {
            let before = &one.ends[..place];
            let other = before.iter().find(|other| other.pair == end.pair && other.commit != end.commit);
            if let Some(other) = other.filter(|other| !other.commit || !is_proved_aborted(before)) {
                return Err(format!("transaction {number}: {end:?} behind {other:?}"));
            }
        }
    }
    Ok(())
}

/// L8: a frame of a transaction that comes when a later one has begun changes nothing. A late InitProducerId may abort
/// the open transaction, which is then told; it never tears it (TM-L5, TM-L9), which is L3's.
fn late_frames_are_harmless(history: &TransactionHistory) -> Result<(), String> {
    let harmful = history.late.iter().filter(|late| late.api != "InitProducerId" && late.into > late.of);
    for late in harmful {
        if let Some(changed) = &late.changed {
            return Err(format!(
                "{} of transaction {} came when {} had begun, and {changed}",
                late.api, late.of, late.into
            ));
        }
    }
    Ok(())
}

/// L9: readers of committed records reach the end of every partition: soon after a living producer's last end, and in
/// any case when every timeout has passed.
fn nothing_hangs(history: &TransactionHistory) -> Result<(), String> {
    let looks = [
        ("after the last end", history.reach_after_close.as_ref()),
        ("at the end of time", Some(&history.reach)),
    ];
    for (when, reaches) in looks {
        for (place, reach) in reaches.into_iter().flatten() {
            if reach.stable != reach.high {
                return Err(format!("{place:?} {when}: {reach:?}"));
            }
        }
    }
    Ok(())
}

/// L10: each transaction of a producer that was closed ends in one final answer, and each record of one that was not killed
/// is told once.
fn each_ends_once(history: &TransactionHistory) -> Result<(), String> {
    for (number, one) in history.transactions.iter().enumerate() {
        let finals = one.told.iter().filter(|told| told.is_final()).count();
        let is_last = one.told.last().is_none_or(|told| told.is_final());
        let instance = &history.instances[one.instance];
        let is_owed = one.asked != Asked::Nothing && instance.closed && !instance.killed;
        if finals > 1 || (is_owed && (finals != 1 || !is_last)) {
            return Err(format!("transaction {number} (asked {:?}) was told {:?}", one.asked, one.told));
        }
        for id in &one.records {
            let told = history.sent.get(id).map_or(0, |sent| sent.told.len());
            if told > 1 || (told == 0 && !instance.killed) {
                return Err(format!("record {id} of transaction {number} was told {told} outcomes"));
            }
        }
    }
    Ok(())
}

/// L11: a transaction whose first attempt to commit was written after another instance had taken the id is never seen,
/// nor told `Committed` if there is something in it. That no InitProducerId comes from a fenced instance is L12's.
fn fenced_writes_nothing(history: &TransactionHistory) -> Result<(), String> {
    let times = history.times_visible();
    for (number, one) in history.transactions.iter().enumerate() {
        let Some(fenced) = history.instances[one.instance].fenced else { continue };
        let first = one.ends.iter().find(|end| end.commit).map(|end| end.written);
        if first.is_some_and(|first| first <= fenced) {
            continue;
        }
        if let Some(id) = one.records.iter().find(|id| times.contains_key(id)) {
            return Err(format!(
                "transaction {number} was fenced at {fenced:?}, and its record {id} is seen"
            ));
        }
        let is_empty = one.records.is_empty() && one.offsets.is_empty();
        if !is_empty && one.told.contains(&Answer::Committed) {
            return Err(format!("transaction {number} was fenced at {fenced:?}, and told {:?}", one.told));
        }
    }
    Ok(())
}

/// L12, and what of L11 is seen on the wire.
fn wire_is_lawful(history: &TransactionHistory) -> Result<(), String> {
    match history.seen_on_wire.first() {
        None => Ok(()),
        Some((rule, how)) => Err(format!("{rule}: {how}")),
    }
}

/// L13: the offsets that a group took in a transaction, and all of one that was told `Committed`, are in the group if and only if
/// its records are seen. None is that was sent for a member which the group had shut out by then (KIP-447).
fn offsets_with_records(history: &TransactionHistory) -> Result<(), String> {
    let times = history.times_visible();
    for (number, one) in history.transactions.iter().enumerate() {
        let is_seen = one.records.iter().any(|id| times.contains_key(id));
        let is_told = one.told.contains(&Answer::Committed);
        for offset in &one.offsets {
            let is_in = history.is_in_group(offset);
            if offset.outdated && is_in {
                return Err(format!("transaction {number}: {offset:?} is in the group, which had gone on"));
            }
            let is_owed = is_seen && (offset.taken || is_told);
            if !one.records.is_empty() && (is_in && !is_seen || is_owed && !is_in) {
                return Err(format!(
                    "transaction {number}: records seen: {is_seen}, {offset:?} in the group: {is_in}"
                ));
            }
        }
        let (taken, left): (Vec<_>, Vec<_>) =
            one.offsets.iter().filter(|offset| offset.taken).partition(|offset| history.is_in_group(offset));
        if let (Some(taken), Some(left)) = (taken.first(), left.first()) {
            return Err(format!("transaction {number}: {taken:?} is in its group, {left:?} is not"));
        }
    }
    offsets_do_not_go_back(history)
}

/// Transactions of one producer set a group's offsets in their order: a late copy must not set them back (TM-L11).
fn offsets_do_not_go_back(history: &TransactionHistory) -> Result<(), String> {
    let mut newest = BTreeMap::new();
    for (group, place, offset) in &history.group_offsets {
        let is_it = |sent: &crate::transaction_history::SentOffset| {
            sent.group == *group && sent.place == *place && sent.offset == *offset
        };
        let of = history.transactions.iter().position(|one| one.offsets.iter().any(is_it));
        let Some(of) = of else {
            return Err(format!("{group} has {offset} of {place:?}, which was never sent"));
        };
        let instance = history.transactions[of].instance;
        let before = newest.insert((group, place, instance), of).filter(|before| *before > of);
        if let Some(before) = before {
            return Err(format!(
                "{group} {place:?}: offset {offset} of transaction {of} was set behind that of transaction {before}"
            ));
        }
    }
    Ok(())
}

/// L14: the memory is free again, in bounded time.
fn memory_returns(history: &TransactionHistory) -> Result<(), String> {
    if let Some((total, free)) = history.memory.iter().find(|(total, free)| total != free) {
        return Err(format!("{free} of {total} bytes are free at the end"));
    }
    let (took, bound) = history.end;
    if took > bound {
        return Err(format!("took {took:?} after the last fault, may take {bound:?}"));
    }
    Ok(())
}

/// L15: a refused record is told to nobody and is in no log; one that was told `NotWritten` is in none either; and no
/// record is in a log that was not accepted in a transaction.
fn nothing_from_outside(history: &TransactionHistory) -> Result<(), String> {
    let transaction_of = history.transaction_of();
    let in_logs = history.in_any_log();
    for (id, sent) in &history.sent {
        if sent.accepted.is_none() && !sent.told.is_empty() {
            return Err(format!("record {id} was refused, and told {:?}", sent.told));
        }
        let denied = sent.accepted.is_none() || matches!(sent.told.first(), Some(Told::NotWritten(_)));
        if denied && in_logs.contains(id) {
            return Err(format!("record {id} is in a log, and was told {:?}", sent.told));
        }
    }
    if let Some(id) = in_logs.iter().find(|id| !transaction_of.contains_key(id)) {
        return Err(format!("record {id} is in a log, and was accepted in no transaction"));
    }
    Ok(())
}
