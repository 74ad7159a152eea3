//! TxnOffsetCommit for a group without members (TM-O11–O32).

use kp_protocol::{ErrorCode, VersionRange};

use crate::conformance::transaction::{OffsetToCommit, Pair, Place, Told, TransactionCase, WhichId};

use super::steps::{
    ABORTABLE, ADD_OFFSETS, BAD_EPOCH, BAD_MAPPING, BAD_STATE, END_1, END_2, OFFSET, OFFSETS_1, OFFSETS_2,
    OK, P99, UNKNOWN_TOPIC, abort, add_offsets, at, begun, code, commit, commit_offset, each, fetch_offset,
    since_4_3, told,
};

const TV1: VersionRange = VersionRange::new(0, 4);
const TV2: VersionRange = VersionRange::new(5, 5);

pub(super) fn cases() -> Vec<TransactionCase> {
    let mut cases = not_added();
    cases.extend(read());
    for family in [taken, refused, generations] {
        cases.extend(family(TV1));
        cases.extend(since_4_3(family(TV2)));
    }
    cases
}

fn not_added() -> Vec<TransactionCase> {
    let name = "a group that was not added, or was in the last transaction";
    let refused = each(name, &["O11", "O29"], TV1, |version| {
        let refused = if version < 4 { BAD_STATE } else { ABORTABLE };
        [
            begun(),
            commit_offset(version, OFFSET, code(refused)),
            add_offsets(ADD_OFFSETS, code(OK)),
            commit_offset(version, OFFSET, code(OK)),
            commit(END_1, code(OK)),
            commit(END_1, code(OK)),
            commit_offset(version, OFFSET, code(refused)),
        ]
    });
    let added = each(name, &["O11", "O29"], TV2, |version| {
        [
            begun(),
            commit_offset(version, OFFSET, code(OK)),
            commit(END_2, told(Told::Raised(1))),
            commit(END_2, told(Told::Same)).under(Pair::Old(1)),
            commit_offset(version, OFFSET, code(BAD_EPOCH)).under(Pair::Old(1)),
            commit_offset(version, OFFSET, code(OK)),
            commit(END_2, told(Told::Raised(1))),
        ]
    });
    refused.into_iter().chain(since_4_3(added)).collect()
}

fn read() -> Vec<TransactionCase> {
    each(
        "offsets of an open transaction are not read, and are there once it is committed",
        &["O13", "O28"],
        VersionRange::new(7, 9),
        |version| {
            let unstable = || fetch_offset(version, true, code(ErrorCode::UNSTABLE_OFFSET_COMMIT));
            let any = |offset| fetch_offset(version, false, at(offset));
            let stable = |offset| fetch_offset(version, true, at(offset));
            let later = OffsetToCommit { offset: 10, ..OFFSET };
            [
                begun(),
                add_offsets(ADD_OFFSETS, code(OK)),
                commit_offset(OFFSETS_1, OFFSET, code(OK)),
                unstable(),
                any(-1),
                commit(END_1, code(OK)),
                stable(5),
                add_offsets(ADD_OFFSETS, code(OK)),
                commit_offset(OFFSETS_1, later, code(OK)),
                unstable(),
                any(5),
                abort(END_1, code(OK)),
                stable(5),
                any(5),
            ]
        },
    )
}

fn taken(versions: VersionRange) -> Vec<TransactionCase> {
    each(
        "offsets are taken again and again, and below zero, and under any transactional id",
        &["O12", "O23", "O27", "O30"],
        versions,
        |version| {
            let another = commit_offset(version, OFFSET, code(OK)).of(WhichId::Second);
            [
                begun(),
                begun().of(WhichId::Second),
                add_offsets(ADD_OFFSETS, code(OK)),
                commit_offset(version, OFFSET, code(OK)),
                commit_offset(version, OFFSET, code(OK)),
                commit_offset(version, OffsetToCommit { offset: -5, ..OFFSET }, code(OK)),
                another.under(Pair::OfTheOther),
                commit(END_1, code(OK)),
            ]
        },
    )
}

fn refused(versions: VersionRange) -> Vec<TransactionCase> {
    each(
        "offsets are refused for what is wrong with them",
        &["O21", "O22", "O24", "O25", "O26", "O32"],
        versions,
        |version| {
            let with = |offset: OffsetToCommit, expected| commit_offset(version, offset, code(expected));
            let no_group = OffsetToCommit { has_group: false, ..OFFSET };
            let long = OffsetToCommit { metadata_size: 5_000, ..OFFSET };
            [
                begun(),
                add_offsets(ADD_OFFSETS, code(OK)),
                with(OFFSET, OK),
                with(OFFSET, BAD_EPOCH).under(Pair::TooHigh).but_in_3_9(code(OK)),
                with(OFFSET, BAD_MAPPING).under(Pair::Other),
                with(OffsetToCommit { place: Place::UnknownTopic, ..OFFSET }, UNKNOWN_TOPIC),
                with(OffsetToCommit { place: P99, ..OFFSET }, UNKNOWN_TOPIC),
                with(long, ErrorCode::OFFSET_METADATA_TOO_LARGE),
                with(no_group, ErrorCode::INVALID_GROUP_ID),
            ]
        },
    )
}

/// Group metadata came with version 3.
fn generations(versions: VersionRange) -> Vec<TransactionCase> {
    let versions = VersionRange::new(versions.min.max(3), versions.max.min(OFFSETS_2));
    each("a generation of a group that is not there is refused", &["O31"], versions, |version| {
        let third = OffsetToCommit { generation: 3, ..OFFSET };
        let refused = code(ErrorCode::ILLEGAL_GENERATION).clone();
        [
            begun(),
            add_offsets(ADD_OFFSETS, code(OK)),
            commit_offset(version, third, refused).but_in_3_9(code(ErrorCode::UNKNOWN_MEMBER_ID)),
            commit(END_1, code(OK)),
        ]
    })
}
