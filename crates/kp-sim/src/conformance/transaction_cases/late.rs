//! Frames that arrive late (TM-L): what KIP-890 is about.

use crate::conformance::transaction::{Pair, Told, TransactionCase, TransactionStep, WhichId};

use super::steps::{
    ABORTABLE, ADD, ADD_OFFSETS, BAD_EPOCH, BAD_STATE, END_1, END_2, FENCED, INIT, OFFSET, OFFSETS_1,
    OFFSETS_2, OK, P0, PRODUCE_1, PRODUCE_2, abort, add, add_offsets, added, at, begun, case, code, commit,
    commit_offset, ends_at, group_at, init, init_with, since_4_3, stable_to, told, write,
};

const OLD: Pair = Pair::Old(1);

pub(super) fn cases() -> Vec<TransactionCase> {
    let mut cases = vec![read(), late_produce(), late_add(), late_end(), raised(), repeated(END_1)];
    cases.extend(late_offsets());
    cases.extend(since_4_3(vec![repeated(END_2)]));
    cases
}

/// A transaction of one record at offset 0, its marker at 1; then more.
fn after_commit(more: impl IntoIterator<Item = TransactionStep>) -> Vec<TransactionStep> {
    let committed =
        [begun(), added(), write(PRODUCE_1, P0, 0, at(0)), commit(END_1, code(OK)), commit(END_1, code(OK))];
    committed.into_iter().chain(more).collect()
}

/// What the other cases rest on: where a reader of what is committed may read to.
fn read() -> TransactionCase {
    case(
        "an open transaction holds back the last stable offset, and its marker lets it go on behind itself",
        &["1.10"],
        END_1,
        [
            begun(),
            begun().of(WhichId::Second),
            added(),
            write(PRODUCE_1, P0, 0, at(0)),
            added().of(WhichId::Second),
            write(PRODUCE_1, P0, 0, at(1)).of(WhichId::Second),
            stable_to(0),
            abort(END_1, code(OK)),
            abort(END_1, code(OK)),
            ends_at(3),
            stable_to(1),
            commit(END_1, code(OK)).of(WhichId::Second),
            commit(END_1, code(OK)).of(WhichId::Second),
            ends_at(4),
            stable_to(4),
        ],
    )
}

fn late_produce() -> TransactionCase {
    case(
        "a late batch of the last transaction is refused, or is taken into the next one in place of its own",
        &["L1"],
        PRODUCE_1,
        after_commit([
            write(PRODUCE_1, P0, 1, code(ABORTABLE)),
            added(),
            write(PRODUCE_1, P0, 1, at(2)),
            write(PRODUCE_1, P0, 1, at(2)),
            ends_at(3),
            commit(END_1, code(OK)),
        ]),
    )
}

fn late_add() -> TransactionCase {
    case(
        "a late partition opens a transaction, which the end of an empty one then ends",
        &["L2"],
        ADD,
        after_commit([added(), abort(END_1, code(OK)), commit(END_1, code(BAD_STATE))]),
    )
}

fn late_end() -> TransactionCase {
    case(
        "a late abort aborts the transaction that is open",
        &["L3"],
        END_1,
        after_commit([
            added(),
            write(PRODUCE_1, P0, 1, at(2)),
            abort(END_1, code(OK)),
            commit(END_1, code(BAD_STATE)),
            write(PRODUCE_1, P0, 2, code(ABORTABLE)),
        ]),
    )
}

fn raised() -> TransactionCase {
    case(
        "behind a raised epoch all that is late is harmless",
        &["L4"],
        INIT,
        after_commit([
            init_with(INIT, Pair::Current, told(Told::Raised(1))),
            write(PRODUCE_1, P0, 1, code(BAD_EPOCH)).under(OLD),
            add(ADD, &[P0], code(FENCED)).under(OLD),
            commit(END_1, code(FENCED)).under(OLD),
            init_with(INIT, OLD, told(Told::Same)),
            added(),
            write(PRODUCE_1, P0, 0, at(2)),
            commit(END_1, code(OK)),
        ]),
    )
}

fn repeated(version: i16) -> TransactionCase {
    let (write, commit, old) = if version >= END_2 {
        let written = write(PRODUCE_2, P0, 0, at(0));
        (vec![written], commit(version, told(Told::Raised(1))), Pair::Old(2))
    } else {
        (vec![added(), write(PRODUCE_1, P0, 0, at(0))], commit(version, code(OK)), OLD)
    };
    let repeat = TransactionStep { answer: code(FENCED), ..commit.clone() }.under(old);
    let another = init(INIT, told(Told::Raised(1)));
    let steps: Vec<_> = [begun()].into_iter().chain(write).chain([commit, another, repeat]).collect();
    case("a commit that took effect is fenced once another instance is there", &["L7"], version, steps)
}

fn late_offsets() -> Vec<TransactionCase> {
    let name = "late offsets of the last transaction are refused, or are taken into the next one";
    let later = crate::conformance::transaction::OffsetToCommit { offset: 10, ..OFFSET };
    let of_1 = case(
        name,
        &["L11"],
        OFFSETS_1,
        [
            begun(),
            add_offsets(ADD_OFFSETS, code(OK)),
            commit_offset(OFFSETS_1, OFFSET, code(OK)),
            commit(END_1, code(OK)),
            commit(END_1, code(OK)),
            commit_offset(OFFSETS_1, OFFSET, code(ABORTABLE)),
            add_offsets(ADD_OFFSETS, code(OK)),
            commit_offset(OFFSETS_1, later, code(OK)),
            commit_offset(OFFSETS_1, OFFSET, code(OK)),
            commit(END_1, code(OK)),
            group_at(5),
        ],
    );
    let of_2 = case(
        name,
        &["L11"],
        OFFSETS_2,
        [
            begun(),
            commit_offset(OFFSETS_2, OFFSET, code(OK)),
            commit(END_2, told(Told::Raised(1))),
            commit(END_2, told(Told::Same)).under(OLD),
            commit_offset(OFFSETS_2, OFFSET, code(BAD_EPOCH)).under(OLD),
            commit_offset(OFFSETS_2, later, code(OK)),
            commit_offset(OFFSETS_2, OFFSET, code(BAD_EPOCH)).under(OLD),
            commit(END_2, told(Told::Raised(1))),
            group_at(10),
        ],
    );
    [of_1].into_iter().chain(since_4_3(vec![of_2])).collect()
}
