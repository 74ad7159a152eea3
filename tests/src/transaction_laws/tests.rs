//! Each law notices what it is for, and nothing else does.

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::laws::{Place, Sent};
use crate::transaction_history::{Instance, LateFrame, Reach, SentOffset};

fn place() -> Place {
    ("t".to_owned(), 0)
}

fn offset(number: i64) -> SentOffset {
    SentOffset {
        group: "g".into(),
        place: ("in".to_owned(), 0),
        offset: number,
        taken: true,
        outdated: false,
    }
}

fn end(at: u64, commit: bool, answer: Option<i16>) -> EndFrame {
    EndFrame { written: Duration::from_secs(at), pair: (7, 0), commit, answer }
}

/// A commit of two records and an offset, then an abort of one record.
fn good() -> TransactionHistory {
    let written = |number: u64| Sent {
        accepted: Some(number),
        told: vec![Told::Written { place: place(), offset: None }],
    };
    let committed = Transacted {
        records: vec![10, 11],
        offsets: vec![offset(5)],
        asked: Asked::Commit,
        told: vec![Answer::Committed],
        ends: vec![end(1, true, Some(0))],
        ..Transacted::default()
    };
    let aborted = Transacted {
        records: vec![12],
        offsets: vec![offset(6)],
        asked: Asked::Abort,
        told: vec![Answer::Aborted],
        ends: vec![end(2, false, Some(0))],
        ..Transacted::default()
    };
    let record = |id| Entry::Record { pair: (7, 0), id };
    let marker = |commit| Entry::Marker { pair: (7, 0), commit };
    let log = vec![(0, record(10)), (1, record(11)), (2, marker(true)), (3, record(12)), (4, marker(false))];
    TransactionHistory {
        instances: vec![Instance { transactional_id: "id".into(), closed: true, ..Instance::default() }],
        transactions: vec![committed, aborted],
        sent: BTreeMap::from([(10, written(0)), (11, written(1)), (12, written(2))]),
        logs: BTreeMap::from([(place(), log)]),
        group_offsets: vec![("g".into(), ("in".to_owned(), 0), 5)],
        reach: BTreeMap::from([(place(), Reach { stable: 5, high: 5 })]),
        memory: vec![(100, 100)],
        ..TransactionHistory::default()
    }
}

fn broken(change: impl FnOnce(&mut TransactionHistory)) -> Vec<&'static str> {
    let mut history = good();
    change(&mut history);
    broken_transaction_laws(&history).into_iter().map(|broken| broken.law).collect()
}

fn log(history: &mut TransactionHistory) -> &mut Vec<(i64, Entry)> {
    history.logs.get_mut(&place()).unwrap()
}

#[test]
fn a_good_history_breaks_no_law() {
    assert_eq!(broken_transaction_laws(&good()), []);
}

// L1, L2, L3
#[test]
fn what_is_seen_is_what_was_told() {
    let lost = broken(|history| log(history)[2].1 = Entry::Marker { pair: (7, 0), commit: false });
    assert_eq!(lost, ["committed is whole", "offsets and records together"]);
    let without_offset = broken(|history| history.group_offsets.clear());
    assert_eq!(without_offset, ["committed is whole", "offsets and records together"]);
    let seen = broken(|history| log(history)[4].1 = Entry::Marker { pair: (7, 1), commit: true });
    assert_eq!(seen, ["aborted is invisible", "offsets and records together"]);
    let in_group = broken(|history| history.group_offsets.push(("g".into(), ("in".to_owned(), 0), 6)));
    assert_eq!(in_group, ["aborted is invisible", "offsets and records together"]);
    let killed = broken(|history| {
        history.transactions[1].asked = Asked::Nothing;
        history.transactions[1].told.clear();
        history.transactions[1].offsets.clear();
        history.instances[0].killed = true;
        log(history)[4].1 = Entry::Marker { pair: (7, 0), commit: true };
    });
    assert_eq!(killed, ["aborted is invisible"], "never asked to commit");
    let half = broken(|history| {
        history.transactions[0].told = vec![Answer::Unknown];
        history.transactions[0].ends = vec![end(1, true, None)];
        let _ = log(history).remove(1);
    });
    assert_eq!(half, ["all or nothing"]);
    let twice = broken(|history| log(history)[1].1 = Entry::Record { pair: (7, 0), id: 10 });
    assert_eq!(twice, ["committed is whole", "all or nothing"]);
}

// L4
#[test]
fn a_transaction_stands_between_one_pair_of_markers() {
    let leaked = broken(|history| {
        let _ = log(history).remove(2);
        log(history)[3].1 = Entry::Marker { pair: (7, 0), commit: true };
    });
    assert!(leaked.contains(&"no leak between transactions"), "{leaked:?}");
    let torn = broken(|history| log(history).insert(1, (1, Entry::Marker { pair: (7, 0), commit: true })));
    assert_eq!(
        torn,
        ["no leak between transactions"],
        "both halves are committed, and it is torn all the same"
    );
    let beside = broken(|history| {
        log(history).insert(1, (1, Entry::Marker { pair: (8, 0), commit: true }));
    });
    assert_eq!(beside, [""; 0], "another producer's marker");
}

// L5
#[test]
fn visible_records_stand_in_the_order_of_acceptance() {
    let swapped = broken(|history| history.sent.get_mut(&10).unwrap().accepted = Some(9));
    assert_eq!(swapped, ["visible records are in order"]);
}

// L6
#[test]
fn an_outcome_needs_its_proof() {
    let with = |told: Answer, ends: Vec<EndFrame>| {
        broken(|history| {
            let one = &mut history.transactions[1];
            one.asked = Asked::Commit;
            one.told = vec![told];
            one.ends = ends;
        })
    };
    let lie = ["the outcome is true"];
    assert_eq!(with(Answer::Unknown, vec![]), lie);
    assert_eq!(with(Answer::Unknown, vec![end(1, true, Some(90))]), lie);
    assert_eq!(with(Answer::Unknown, vec![end(1, true, None), end(1, true, Some(90))]), [""; 0]);
    assert_eq!(with(Answer::Unknown, vec![end(1, true, Some(16)), end(1, true, Some(90))]), [""; 0]);
    assert_eq!(with(Answer::Aborted, vec![end(1, true, None)]), lie);
    assert_eq!(with(Answer::Aborted, vec![end(1, true, None), end(1, true, Some(90))]), lie);
    assert_eq!(with(Answer::Aborted, vec![end(1, true, None), end(1, true, Some(48))]), [""; 0]);
    assert_eq!(with(Answer::Aborted, vec![end(1, true, Some(51)), end(1, true, Some(90))]), [""; 0]);
    assert_eq!(with(Answer::Fatal, vec![end(1, true, Some(90))]), [""; 0]);
    assert_eq!(with(Answer::Fatal, vec![end(1, true, Some(16)), end(1, true, Some(90))]), lie);
    let committed = broken(|history| history.transactions[0].ends = vec![end(1, true, Some(51))]);
    assert_eq!(committed, lie);
}

// L7
#[test]
fn a_decision_is_never_turned_round() {
    let with = |ends: Vec<EndFrame>| broken(|history| history.transactions[1].ends = ends);
    let turned = ["one decision on the wire"];
    assert_eq!(with(vec![end(1, false, None), end(2, true, Some(48))]), turned);
    assert_eq!(with(vec![end(1, true, Some(48)), end(2, false, Some(0))]), [""; 0]);
    let by_timeout = with(vec![end(1, true, None), end(2, false, Some(0))]);
    assert_eq!(by_timeout, turned);
}

// L8
#[test]
fn a_late_frame_changes_nothing_of_a_later_transaction() {
    let late = |api: &str, into, changed: Option<&str>| {
        let changed = changed.map(str::to_owned);
        broken(|history| history.late.push(LateFrame { api: api.into(), of: 0, into, changed }))
    };
    assert_eq!(late("EndTxn", 1, Some("ended it")), ["late frames are harmless"]);
    assert_eq!(late("EndTxn", 1, None), [""; 0]);
    assert_eq!(late("EndTxn", 0, Some("ended it")), [""; 0]);
    assert_eq!(late("InitProducerId", 1, Some("aborted it")), [""; 0]);
}

// L9
#[test]
fn a_transaction_that_stays_open_is_noticed() {
    let open = BTreeMap::from([(place(), Reach { stable: 3, high: 5 })]);
    let soon = open.clone();
    assert_eq!(broken(|history| history.reach = open), ["no hanging transaction"]);
    assert_eq!(broken(|history| history.reach_after_close = Some(soon)), ["no hanging transaction"]);
}

// L10
#[test]
fn each_transaction_and_each_record_is_told_once() {
    let once = ["each transaction ends exactly once"];
    assert_eq!(broken(|history| history.transactions[1].told.clear()), once);
    assert_eq!(broken(|history| history.transactions[1].told = vec![Answer::Unresolved]), once);
    assert_eq!(broken(|history| history.transactions[1].told.insert(0, Answer::Unresolved)), [""; 0]);
    assert_eq!(broken(|history| history.transactions[1].told.push(Answer::Aborted)), once);
    assert_eq!(broken(|history| history.sent.get_mut(&12).unwrap().told.clear()), once);
    let killed = broken(|history| {
        history.instances[0].killed = true;
        history.transactions[1].told.clear();
        history.sent.get_mut(&12).unwrap().told.clear();
    });
    assert_eq!(killed, [""; 0]);
}

// L11
#[test]
fn a_commit_behind_a_fence_is_noticed() {
    let fenced = |at| broken(|history| history.instances[0].fenced = Some(Duration::from_secs(at)));
    assert_eq!(fenced(0), ["a fenced producer writes nothing"]);
    assert_eq!(fenced(3), [""; 0]);
}

// L12, L14, L15
#[test]
fn the_wire_memory_and_strangers_are_noticed() {
    let wild = broken(|history| history.seen_on_wire.push(("one at a time", "2".into())));
    assert_eq!(wild, ["transactions on the wire are lawful"]);
    let memory = ["memory returns in bounded time"];
    assert_eq!(broken(|history| history.memory.push((100, 99))), memory);
    let slow = (Duration::from_secs(2), Duration::from_secs(1));
    assert_eq!(broken(|history| history.end = slow), memory);
    let outside = ["nothing new from outside"];
    assert_eq!(broken(|history| log(history).push((5, Entry::Record { pair: (8, 0), id: 99 }))), outside);
    let denied = broken(|history| {
        history.sent.get_mut(&12).unwrap().told = vec![Told::NotWritten("ended".into())];
    });
    assert_eq!(denied, outside);
    let refused = broken(|history| {
        history.sent.insert(13, Sent { accepted: None, told: vec![Told::NotWritten("ended".into())] });
    });
    assert_eq!(refused, outside);
}

// L13
#[test]
fn offsets_that_go_back_are_noticed() {
    let back = broken(|history| {
        history.transactions[1].asked = Asked::Commit;
        history.transactions[1].told = vec![Answer::Committed];
        history.transactions[1].ends = vec![end(2, true, Some(0))];
        log(history)[4].1 = Entry::Marker { pair: (7, 0), commit: true };
        history.group_offsets.insert(0, ("g".into(), ("in".to_owned(), 0), 6));
    });
    assert_eq!(back, ["offsets and records together"]);
    let stranger = broken(|history| history.group_offsets.push(("g".into(), place(), 77)));
    assert_eq!(stranger, ["offsets and records together"]);
}

// L13
#[test]
fn offsets_of_a_member_that_was_shut_out_are_noticed_and_so_are_those_that_a_commit_left_behind() {
    let outdated = broken(|history| history.transactions[0].offsets[0].outdated = true);
    assert_eq!(outdated, ["offsets and records together"]);
    let left = broken(|history| {
        history.transactions[0].offsets[0].taken = false;
        history.group_offsets.clear();
    });
    assert_eq!(left, ["committed is whole", "offsets and records together"]);
}

// L1, L2, L9
#[test]
fn nothing_is_asked_of_a_partition_that_lost_its_marker_to_an_unclean_election() {
    let mut history = good();
    log(&mut history).truncate(2);
    history.reach.get_mut(&place()).unwrap().stable = 0;
    history.logs.insert(("u".into(), 0), vec![(0, Entry::Record { pair: (7, 0), id: 99 })]);
    let laws = |history: TransactionHistory| {
        broken_transaction_laws(&history).into_iter().map(|broken| broken.law).collect::<Vec<_>>()
    };
    assert_eq!(laws(history.clone()).len(), 4);
    let without = history.without(&BTreeSet::from([place()]), &BTreeSet::new());
    assert_eq!(laws(without), ["nothing new from outside"], "what is elsewhere has to hold");
}
