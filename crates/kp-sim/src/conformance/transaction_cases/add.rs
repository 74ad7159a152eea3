//! AddPartitionsToTxn (TM-A) and AddOffsetsToTxn (TM-O1–O6).

use kp_protocol::{ErrorCode, VersionRange};

use crate::conformance::transaction::{
    Pair, Place, Told, TransactionAsk, TransactionCase, TransactionStep, WhichId,
};

use super::steps::{
    ADD, BAD_EPOCH, BAD_MAPPING, BAD_STATE, END_1, FENCED, INIT, OK, P0, P1, P99, PRODUCE_1, UNKNOWN_TOPIC,
    add, add_offsets, added, begun, case, code, codes, commit, each, init_with, step, told, write,
};

pub(super) fn cases() -> Vec<TransactionCase> {
    [partitions(), refusals(), between_brokers(), behind_an_end(), groups()].into_iter().flatten().collect()
}

fn raised() -> TransactionStep {
    init_with(INIT, Pair::Current, told(Told::Raised(1)))
}

/// What fences a producer is told by another code before version 2.
fn fenced(version: i16) -> ErrorCode {
    if version < 2 { BAD_EPOCH } else { FENCED }
}

fn partitions() -> Vec<TransactionCase> {
    let all = VersionRange::new(0, 5);
    let twice = each("partitions are added, once or twice", &["A1", "A2"], all, |version| {
        [
            begun(),
            add(version, &[P0, P1], codes(&[OK, OK])),
            add(version, &[P0, P1], codes(&[OK, OK])),
            commit(END_1, code(OK)),
        ]
    });
    let unknown = each("one unknown partition, and none is added", &["A3"], all, |version| {
        let not_attempted = ErrorCode::OPERATION_NOT_ATTEMPTED;
        [
            begun(),
            add(
                version,
                &[P0, Place::UnknownTopic, P99],
                codes(&[not_attempted, UNKNOWN_TOPIC, UNKNOWN_TOPIC]),
            ),
            // Nothing is open.
            commit(END_1, code(BAD_STATE)),
        ]
    });
    let nothing = case(
        "nothing added opens a transaction all the same",
        &["A8"],
        ADD,
        [begun(), add(ADD, &[], codes(&[])), commit(END_1, code(OK))],
    );
    [twice, unknown, vec![nothing]].into_iter().flatten().collect()
}

fn refusals() -> Vec<TransactionCase> {
    each(
        "a pair that is not the current one adds nothing",
        &["A4", "A5", "A6", "A7"],
        VersionRange::new(0, 5),
        |version| {
            let refused = |pair, expected| add(version, &[P0], code(expected)).under(pair);
            [
                begun(),
                raised(),
                refused(Pair::TooHigh, fenced(version)),
                refused(Pair::Old(1), fenced(version)),
                refused(Pair::Other, BAD_MAPPING),
                refused(Pair::Current, BAD_MAPPING).of(WhichId::Unknown),
                commit(END_1, code(BAD_STATE)),
            ]
        },
    )
}

fn between_brokers() -> Vec<TransactionCase> {
    each("a broker is told which partitions are in", &["A9"], VersionRange::new(4, 5), |version| {
        let verify = |expected| step(version, TransactionAsk::Verify(&[P1]), code(expected));
        [
            begun(),
            raised(),
            added(),
            verify(ErrorCode::TRANSACTION_ABORTABLE),
            verify(FENCED).under(Pair::Old(1)),
            add(ADD, &[P1], code(OK)),
            verify(OK),
        ]
    })
}

fn behind_an_end() -> Vec<TransactionCase> {
    vec![case(
        "a partition is added right behind the end of the last transaction, or before long",
        &["A10"],
        ADD,
        [
            begun(),
            added(),
            write(PRODUCE_1, P0, 0, code(OK)),
            commit(END_1, code(OK)),
            added(),
            commit(END_1, code(OK)),
        ],
    )]
}

fn groups() -> Vec<TransactionCase> {
    let added = each("a group is added", &["O1", "O5"], VersionRange::new(0, 4), |version| {
        let no_group = step(version, TransactionAsk::AddOffsets { has_group: false }, code(OK));
        [begun(), add_offsets(version, code(OK)), commit(END_1, code(OK)), no_group, commit(END_1, code(OK))]
    });
    let refused = each(
        "a pair that is not the current one adds no group",
        &["O2", "O3", "O4", "O6"],
        VersionRange::new(0, 4),
        |version| {
            let refused = |pair, expected| add_offsets(version, code(expected)).under(pair);
            [
                begun(),
                raised(),
                refused(Pair::TooHigh, fenced(version)),
                refused(Pair::Old(1), fenced(version)),
                refused(Pair::Other, BAD_MAPPING),
                refused(Pair::Current, BAD_MAPPING).of(WhichId::Unknown),
                commit(END_1, code(BAD_STATE)),
            ]
        },
    );
    [added, refused].into_iter().flatten().collect()
}
