//! What a producer hears whose transaction the coordinator has aborted for its age (TM-T), and whom another instance has fenced
//! (TM-L5).

use kp_protocol::VersionRange;

use crate::KafkaVersion;
use crate::conformance::transaction::{Needs, Pair, Told, TransactionAsk, TransactionCase, TransactionStep};

use super::steps::{
    ADD, ADD_OFFSETS, BAD_EPOCH, BAD_STATE, END_1, END_2, FENCED, INIT, OFFSET, OFFSETS_1, OFFSETS_2, OK, P0,
    P1, PRODUCE_1, PRODUCE_2, abort, add, add_offsets, added, at, begun, case, code, commit, commit_offset,
    each, ends_at, init, init_with, since_4_3, step, told, wait, write,
};

const TIMEOUT_MS: i32 = 300;
/// The timeout, the coordinator's fifth of a second, and time for the markers.
const LONG_ENOUGH_MS: i64 = 800;
const RAISED: Told = Told::Raised(1);

pub(super) fn cases() -> Vec<TransactionCase> {
    let mut cases = [refusals(), ways_on(), late_partition()].into_iter().flatten().collect::<Vec<_>>();
    cases.iter_mut().for_each(|case| case.needs = Needs::FastTimeouts);
    cases.extend(fenced());
    cases
}

/// One record, and then too much time: opened as a client of TV1 does it, or one of TV2.
fn timed_out(end: i16, more: impl IntoIterator<Item = TransactionStep>) -> Vec<TransactionStep> {
    let begun = step(INIT, TransactionAsk::Init(TIMEOUT_MS), told(Told::New)).under(Pair::None);
    let mut steps = vec![begun];
    if end < END_2 {
        steps.extend([added(), write(PRODUCE_1, P0, 0, at(0))]);
    } else {
        steps.push(write(PRODUCE_2, P0, 0, at(0)));
    }
    // The record and the marker.
    steps.extend([wait(LONG_ENOUGH_MS), ends_at(2)]);
    steps.extend(more);
    steps
}

fn refusals() -> Vec<TransactionCase> {
    let name = "what is timed out is fenced";
    let of_1 = || {
        let writes = [3, 9, 11].into_iter().flat_map(|version| {
            [write(version, P0, 1, code(BAD_EPOCH)), write(version, P1, 0, code(BAD_EPOCH))]
        });
        let others = [
            add(0, &[P1], code(BAD_EPOCH)),
            add(1, &[P1], code(BAD_EPOCH)),
            add(2, &[P1], code(FENCED)),
            add(ADD, &[P1], code(FENCED)),
            add_offsets(ADD_OFFSETS, code(FENCED)),
            commit(1, code(BAD_EPOCH)),
            commit(2, code(FENCED)),
            commit(END_1, code(FENCED)),
            abort(2, code(FENCED)),
            abort(END_1, code(FENCED)),
        ];
        writes.chain(others)
    };
    let of_2 = || {
        [
            write(PRODUCE_2, P0, 1, code(BAD_EPOCH)),
            write(PRODUCE_2, P1, 0, code(BAD_EPOCH)),
            write(13, P0, 1, code(BAD_EPOCH)),
            commit(END_2, code(BAD_STATE)),
            abort(END_2, told(RAISED)),
            abort(END_2, told(Told::Same)).under(Pair::Old(1)),
        ]
    };
    let rows: &[&str] = &["T2", "T3", "T4", "T5", "T6", "T9"];
    let mut cases = vec![case(name, rows, END_1, timed_out(END_1, of_1()))];
    cases.extend(since_4_3(vec![case(name, rows, END_2, timed_out(END_2, of_1().chain(of_2())))]));
    let offsets = |version| commit_offset(version, OFFSET, code(BAD_EPOCH));
    let name = "the offsets of what is timed out are refused";
    cases.push(case(name, &["T9"], OFFSETS_1, timed_out(END_1, [offsets(OFFSETS_1)])));
    let of_2 = case(name, &["T9"], OFFSETS_2, timed_out(END_2, [offsets(OFFSETS_1), offsets(OFFSETS_2)]));
    cases.extend(since_4_3(vec![of_2]));
    cases
}

fn ways_on() -> Vec<TransactionCase> {
    let pair = |version| {
        let again = init_with(INIT, Pair::Current, told(RAISED)).but_in_3_9(code(FENCED));
        timed_out(version, [again])
    };
    let name = "a producer that was timed out goes on under its pair since 4.0";
    let twice = |version| {
        let again = init_with(INIT, Pair::Current, told(RAISED));
        timed_out(version, [again, init_with(INIT, Pair::Old(1), told(Told::Same))])
    };
    let mut cases = vec![
        case(name, &["T7"], END_1, pair(END_1)),
        case(
            "a new instance begins two epochs on where the old one was timed out",
            &["T8"],
            END_1,
            timed_out(END_1, [init(INIT, told(Told::Raised(2)))]),
        ),
    ];
    cases.extend([END_1, END_2].map(|version| TransactionCase {
        since: KafkaVersion::V4_3,
        ..case(name, &["T7"], version, twice(version))
    }));
    cases
}

fn late_partition() -> Vec<TransactionCase> {
    vec![case(
        "a partition that is added late opens a transaction that nobody ends, and its timeout fences the producer",
        &["L2"],
        END_1,
        [
            step(INIT, TransactionAsk::Init(TIMEOUT_MS), told(Told::New)).under(Pair::None),
            added(),
            write(PRODUCE_1, P0, 0, at(0)),
            commit(END_1, code(OK)),
            added(),
            wait(LONG_ENOUGH_MS),
            added_is_fenced(),
        ],
    )]
}

fn added_is_fenced() -> TransactionStep {
    add(ADD, &[P0], code(FENCED))
}

fn fenced() -> Vec<TransactionCase> {
    each("what another instance has fenced stays fenced", &["L5"], VersionRange::new(4, 5), |version| {
        [
            begun(),
            added(),
            write(PRODUCE_1, P0, 0, at(0)),
            init(version, told(Told::Raised(2))),
            add(ADD, &[P1], code(FENCED)).under(Pair::Old(1)),
            init_with(version, Pair::Old(1), code(FENCED)),
            write(PRODUCE_1, P0, 1, code(BAD_EPOCH)).under(Pair::Old(1)),
            abort(END_1, code(FENCED)).under(Pair::Old(1)),
        ]
    })
}
