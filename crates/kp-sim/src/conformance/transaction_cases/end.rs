//! EndTxn of a client of TV1 (TM-1.6, v0–v4): no epoch is raised, so an end that comes late ends whatever is open.

use kp_protocol::{ErrorCode, VersionRange};

use crate::conformance::transaction::{Pair, Told, TransactionCase, WhichId};

use super::steps::{
    ABORTABLE, BAD_EPOCH, BAD_MAPPING, BAD_STATE, END_1, FENCED, INIT, OK, OUT_OF_ORDER, P0, PRODUCE_1,
    abort, added, at, begun, case, code, commit, each, ends_at, init_with, told, write,
};

const TV1: VersionRange = VersionRange::new(0, 4);

pub(super) fn cases() -> Vec<TransactionCase> {
    [ends(), late_produce(), next_transaction(), refusals()].into_iter().flatten().collect()
}

fn ends() -> Vec<TransactionCase> {
    let empty = each("an end of nothing is refused", &["E1 TV1"], TV1, |version| {
        [begun(), commit(version, code(BAD_STATE)), abort(version, code(BAD_STATE))]
    });
    let commits = each(
        "a commit is answered the same again, also where nothing was added since, and the opposite is refused",
        &["E2 TV1", "E3 TV1", "E4 TV1", "E5 TV1", "E6 TV1", "E7 TV1"],
        TV1,
        |version| {
            [
                begun(),
                added(),
                write(PRODUCE_1, P0, 0, at(0)),
                commit(version, code(OK)),
                commit(version, code(OK)),
                commit(version, code(OK)),
                abort(version, code(BAD_STATE)),
                // The record and the marker.
                ends_at(2),
            ]
        },
    );
    let aborts = each(
        "an abort is answered the same again, and the opposite is refused",
        &["E2 TV1", "E3 TV1", "E4 TV1", "E5 TV1", "E7 TV1"],
        TV1,
        |version| {
            [
                begun(),
                added(),
                write(PRODUCE_1, P0, 0, at(0)),
                abort(version, code(OK)),
                abort(version, code(OK)),
                commit(version, code(BAD_STATE)),
                abort(version, code(OK)),
                ends_at(2),
            ]
        },
    );
    [empty, commits, aborts].into_iter().flatten().collect()
}

fn late_produce() -> Vec<TransactionCase> {
    each(
        "between transactions a partition takes neither the next batch nor a duplicate",
        &["E11 TV1", "L1"],
        VersionRange::new(9, 11),
        |version| {
            let refused = if version < 11 { BAD_STATE } else { ABORTABLE };
            [
                begun(),
                added(),
                write(PRODUCE_1, P0, 0, at(0)),
                commit(END_1, code(OK)),
                commit(END_1, code(OK)),
                write(version, P0, 1, code(refused)),
                write(version, P0, 0, code(refused)),
                ends_at(2),
            ]
        },
    )
}

fn next_transaction() -> Vec<TransactionCase> {
    vec![
        case(
            "a sequence that the last transaction used is taken for its duplicate, and nothing can follow it there",
            &["E13 TV1"],
            END_1,
            [
                begun(),
                added(),
                write(PRODUCE_1, P0, 0, at(0)),
                commit(END_1, code(OK)),
                added(),
                write(PRODUCE_1, P0, 0, at(0)),
                ends_at(2),
                // Its own first sequence was 0, as the partition saw it.
                write(PRODUCE_1, P0, 1, code(OUT_OF_ORDER)),
                abort(END_1, code(OK)),
                abort(END_1, code(OK)),
                added(),
                write(PRODUCE_1, P0, 1, at(3)),
                commit(END_1, code(OK)),
            ],
        ),
        case(
            "an end of the last transaction that comes again ends the one that is open",
            &["E15 TV1"],
            END_1,
            [
                begun(),
                added(),
                write(PRODUCE_1, P0, 0, at(0)),
                commit(END_1, code(OK)),
                added(),
                write(PRODUCE_1, P0, 1, at(2)),
                commit(END_1, code(OK)),
                commit(END_1, code(OK)),
                write(PRODUCE_1, P0, 2, code(ABORTABLE)),
            ],
        ),
    ]
}

fn refusals() -> Vec<TransactionCase> {
    each("an end by another than the producer is refused", &["E20", "E21", "E22", "E23"], TV1, |version| {
        let fenced = if version < 2 { BAD_EPOCH } else { FENCED };
        [
            begun(),
            init_with(INIT, Pair::Current, told(Told::Raised(1))),
            added(),
            commit(version, code(BAD_MAPPING)).of(WhichId::Unknown),
            commit(version, code(BAD_MAPPING)).under(Pair::Other),
            commit(version, code(ErrorCode::INVALID_REQUEST)).of(WhichId::Empty),
            commit(version, code(fenced)).under(Pair::Old(1)),
            commit(version, code(fenced)).under(Pair::TooHigh),
            commit(version, code(OK)),
        ]
    })
}
