//! Produce with transactional batches (TM-P).

use kp_protocol::{ErrorCode, VersionRange};

use crate::conformance::transaction::{
    Pair, Place, Told, TransactionAsk, TransactionCase, TransactionStep, WhichId, WriteKind,
};

use super::steps::{
    ABORTABLE, BAD_EPOCH, BAD_MAPPING, BAD_STATE, END_1, END_2, INIT, OK, OUT_OF_ORDER, P0, P1, PRODUCE_1,
    PRODUCE_2, UNKNOWN_TOPIC, abort, added, at, batch, begun, case, code, codes, commit, each, ends_at,
    init_with, produce, settled, since_4_3, step, told, write,
};

const TV1: VersionRange = VersionRange::new(3, 11);
const TV2: VersionRange = VersionRange::new(12, 13);

pub(super) fn cases() -> Vec<TransactionCase> {
    let mut cases = not_added();
    for family in [sequences, kinds, names, epochs, others] {
        cases.extend(family(TV1));
        cases.extend(since_4_3(family(TV2)));
    }
    cases.extend(since_4_3(one_request()));
    cases
}

/// How a transaction of this version of Produce is ended.
fn ended(version: i16, on_2: Told) -> TransactionStep {
    if version >= PRODUCE_2 { commit(END_2, told(on_2)) } else { commit(END_1, code(OK)) }
}

fn not_added() -> Vec<TransactionCase> {
    let name = "a partition that was not added";
    let refused = each(name, &["P1"], TV1, |version| {
        let refused = if version < PRODUCE_1 { BAD_STATE } else { ABORTABLE };
        [begun(), write(version, P0, 0, code(refused)), ends_at(0), commit(END_1, code(BAD_STATE))]
    });
    let added = each(name, &["P1"], TV2, |version| {
        [begun(), write(version, P0, 0, at(0)), commit(END_2, told(Told::Raised(1)))]
    });
    refused.into_iter().chain(since_4_3(added)).collect()
}

fn sequences(versions: VersionRange) -> Vec<TransactionCase> {
    let in_order = each(
        "a duplicate is answered with its offset, a gap is refused",
        &["P2", "P3", "P4", "P5"],
        versions,
        |version| {
            [
                begun(),
                added(),
                write(version, P0, 0, at(0)),
                write(version, P0, 1, at(1)),
                write(version, P0, 0, at(0)),
                write(version, P0, 3, code(OUT_OF_ORDER)),
                ends_at(2),
                ended(version, Told::Raised(1)),
            ]
        },
    );
    let anywhere = each(
        "a partition that does not know the producer id begins anywhere, or at sequence 0",
        &["P15"],
        versions,
        |version| {
            let answer = if version < PRODUCE_2 { at(0) } else { code(OUT_OF_ORDER) };
            [begun(), added(), write(version, P0, 5, answer)]
        },
    );
    [in_order, anywhere].into_iter().flatten().collect()
}

fn kinds(versions: VersionRange) -> Vec<TransactionCase> {
    let one = |version, kind, answer| produce(version, vec![batch(P0, 1, kind)], answer);
    each(
        "a batch that is not transactional has no place in the producer's transaction",
        &["P6", "P7", "P8"],
        versions,
        |version| {
            let not_allowed = ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
            [
                begun(),
                added(),
                write(version, P0, 0, at(0)),
                one(version, WriteKind::Idempotent, code(BAD_STATE)),
                one(version, WriteKind::Idempotent, code(BAD_STATE)).of(WhichId::Null),
                one(version, WriteKind::Transactional, code(not_allowed)).of(WhichId::Null),
                write(version, P0, 1, at(1)),
                ends_at(2),
            ]
        },
    )
}

fn names(versions: VersionRange) -> Vec<TransactionCase> {
    each(
        "another transactional id is found out where the partition is not in yet, and only there",
        &["P9", "P10"],
        versions,
        |version| {
            let another =
                |place, answer| write(version, place, 0, answer).of(WhichId::Second).under(Pair::OfTheOther);
            [
                begun(),
                begun().of(WhichId::Second),
                added(),
                write(version, P0, 0, at(0)),
                another(P0, at(0)),
                another(P1, code(BAD_MAPPING)),
                ended(version, Told::Raised(1)),
            ]
        },
    )
}

fn epochs(versions: VersionRange) -> Vec<TransactionCase> {
    let too_high = each("an epoch that is too high", &["P12"], versions, |version| {
        [
            begun(),
            added(),
            write(version, P0, 0, at(0)),
            write(version, P0, 0, code(BAD_EPOCH)).under(Pair::TooHigh).but_in_3_9(at(1)),
        ]
    });
    let old =
        each("an epoch that was raised writes no more", &["P17", "P18", "P19", "P20"], versions, |version| {
            let raised = init_with(INIT, Pair::Current, told(Told::Raised(1)));
            [
                begun(),
                added(),
                write(version, P0, 0, at(0)),
                commit(END_1, code(OK)),
                raised,
                write(version, P0, 1, code(BAD_EPOCH)).under(Pair::Old(1)),
                added(),
                write(version, P0, 1, code(BAD_EPOCH)).under(Pair::Old(1)),
                write(version, P0, 3, code(OUT_OF_ORDER)),
                write(version, P0, 0, at(2)),
                ended(version, Told::Raised(1)),
            ]
        });
    [too_high, old].into_iter().flatten().collect()
}

fn others(versions: VersionRange) -> Vec<TransactionCase> {
    each(
        "an unknown producer id and an unknown topic are refused, acks=1 is not",
        &["P11", "P13", "P14"],
        versions,
        |version| {
            let unknown = if version < 13 { UNKNOWN_TOPIC } else { ErrorCode::UNKNOWN_TOPIC_ID };
            let writes = vec![batch(P0, 0, WriteKind::Transactional)];
            [
                begun(),
                added(),
                write(version, P0, 0, code(BAD_MAPPING)).under(Pair::Other),
                write(version, Place::UnknownTopic, 0, code(unknown)),
                step(version, TransactionAsk::Produce { acks: 1, writes }, at(0)),
                ended(version, Told::Raised(1)),
            ]
        },
    )
}

/// What one request may carry together, and what is added before it is refused: TV2 only.
fn one_request() -> Vec<TransactionCase> {
    let both = |version, first, second, answer| produce(version, vec![first, second], answer);
    let good = batch(P0, 0, WriteKind::Transactional);
    let raised = || commit(END_2, told(Told::Raised(1)));
    let unknown = case(
        "one unknown partition, and the others are added",
        &["P21"],
        PRODUCE_2,
        [
            begun(),
            both(
                PRODUCE_2,
                good,
                batch(Place::UnknownTopic, 0, WriteKind::Transactional),
                codes(&[OK, UNKNOWN_TOPIC]),
            ),
            raised(),
            settled(true),
            ends_at(2),
        ],
    );
    let plain = case(
        "a plain batch comes with a transactional one",
        &["P22"],
        PRODUCE_2,
        [begun(), both(PRODUCE_2, good, batch(P1, 0, WriteKind::Plain), codes(&[OK, OK])), raised()],
    );
    let two = case(
        "two producer ids in one request are refused both",
        &["P23"],
        PRODUCE_2,
        [
            begun(),
            begun().of(WhichId::Second),
            both(PRODUCE_2, good, batch(P1, 0, WriteKind::OfTheOther), codes(&[BAD_MAPPING; 2])),
            ends_at(0),
        ],
    );
    let corrupt = [
        begun(),
        produce(PRODUCE_2, vec![batch(P0, 0, WriteKind::Corrupt)], code(ErrorCode::CORRUPT_MESSAGE)),
        ends_at(0),
        commit(END_2, told(Told::Raised(1))),
    ];
    let refused = case("a batch that is refused has added its partition", &["P24"], PRODUCE_2, corrupt);
    let gap = case(
        "a batch that is out of order has added its partition",
        &["P24"],
        PRODUCE_2,
        [begun(), write(PRODUCE_2, P0, 7, code(OUT_OF_ORDER)), raised(), abort(END_2, told(Told::Raised(1)))],
    );
    vec![unknown, plain, two, refused, gap]
}
