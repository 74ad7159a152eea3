//! EndTxn of a client of TV2 (TM-1.6, v5): each end raises the epoch, and is known again for one transaction.

use crate::conformance::transaction::{Pair, Told, TransactionCase, TransactionStep};

use super::steps::{
    BAD_EPOCH, BAD_STATE, CONCURRENT, END_1, END_2, FENCED, INIT, OK, OUT_OF_ORDER, P0, PRODUCE_1, PRODUCE_2,
    abort, added, at, begun, case, code, commit, ends_at, init_with, settled, since_4_3, told, write,
};

const RAISED: Told = Told::Raised(1);
const OLD: Pair = Pair::Old(1);

pub(super) fn cases() -> Vec<TransactionCase> {
    let all: Vec<_> = [ends(), ended_epoch(), next_transaction(), mixed()].into_iter().flatten().collect();
    since_4_3(all).collect()
}

fn end_case(
    name: &'static str,
    rows: &'static [&'static str],
    steps: impl IntoIterator<Item = TransactionStep>,
) -> TransactionCase {
    case(name, rows, END_2, steps.into_iter().collect::<Vec<_>>())
}

/// A transaction of one record that was committed: the old pair is one behind.
fn after_commit(more: impl IntoIterator<Item = TransactionStep>) -> Vec<TransactionStep> {
    let committed = [
        begun(),
        write(PRODUCE_2, P0, 0, at(0)),
        commit(END_2, told(RAISED)),
        commit(END_2, told(Told::Same)).under(OLD),
    ];
    committed.into_iter().chain(more).collect()
}

fn ends() -> Vec<TransactionCase> {
    vec![
        end_case(
            "a commit of nothing is refused, an abort of nothing raises the epoch",
            &["E1 TV2"],
            [
                begun(),
                commit(END_2, code(BAD_STATE)),
                abort(END_2, told(RAISED)),
                abort(END_2, told(Told::Same)).under(OLD),
                commit(END_2, code(BAD_STATE)).under(OLD),
            ],
        ),
        end_case(
            "a commit is answered the same again under its old pair, and the opposite is refused",
            &["E2 TV2", "E3 TV2", "E4 TV2", "E5 TV2"],
            after_commit([
                commit(END_2, told(Told::Same)).under(OLD),
                abort(END_2, code(BAD_STATE)).under(OLD),
                commit(END_1, code(FENCED)).under(OLD),
                abort(END_1, code(FENCED)).under(OLD),
                ends_at(2),
            ]),
        ),
        end_case(
            "an abort is answered the same again under its old pair, and the opposite is refused",
            &["E2 TV2", "E4 TV2", "E5 TV2"],
            [
                begun(),
                write(PRODUCE_2, P0, 0, at(0)),
                abort(END_2, told(RAISED)),
                abort(END_2, told(Told::Same)).under(OLD),
                commit(END_2, code(BAD_STATE)).under(OLD),
                ends_at(2),
            ],
        ),
        end_case(
            "under the new pair there is nothing to commit, and an abort raises the epoch once more",
            &["E6 TV2", "E7 TV2"],
            after_commit([commit(END_2, code(BAD_STATE)), abort(END_2, told(RAISED))]),
        ),
        end_case(
            "a pair two epochs old is fenced, and one that is too high",
            &["E9", "E10"],
            after_commit([
                abort(END_2, told(RAISED)),
                commit(END_2, code(FENCED)).under(Pair::Old(2)),
                abort(END_2, code(FENCED)).under(Pair::Old(2)),
                commit(END_2, code(FENCED)).under(Pair::TooHigh),
                abort(END_2, code(FENCED)).under(Pair::TooHigh),
            ]),
        ),
    ]
}

fn ended_epoch() -> Vec<TransactionCase> {
    vec![
        end_case(
            "the ended epoch writes no more, neither the next batch nor a duplicate",
            &["E11 TV2", "E12", "L8"],
            after_commit([
                write(PRODUCE_2, P0, 1, code(BAD_EPOCH)).under(OLD),
                write(PRODUCE_2, P0, 0, code(BAD_EPOCH)).under(OLD),
                ends_at(2),
            ]),
        ),
        end_case(
            "the new epoch begins at sequence 0, and a refused batch has added its partition",
            &["E13 TV2", "E14"],
            after_commit([
                write(PRODUCE_2, P0, 1, code(OUT_OF_ORDER)),
                write(PRODUCE_2, P0, 0, at(2)),
                commit(END_2, told(RAISED)),
                write(PRODUCE_2, P0, 1, code(OUT_OF_ORDER)),
                commit(END_2, told(RAISED)),
            ]),
        ),
    ]
}

fn next_transaction() -> Vec<TransactionCase> {
    vec![
        end_case(
            "an end of the last transaction that comes again does nothing to the one that is open",
            &["E15 TV2"],
            after_commit([
                write(PRODUCE_2, P0, 0, at(2)),
                commit(END_2, code(FENCED)).under(OLD),
                abort(END_2, code(FENCED)).under(OLD),
                write(PRODUCE_2, P0, 1, at(3)),
                commit(END_2, told(RAISED)),
            ]),
        ),
        end_case(
            "the old pair, asked for a producer id, aborts the transaction that is open",
            &["E16"],
            after_commit([
                write(PRODUCE_2, P0, 0, at(2)),
                init_with(INIT, OLD, code(FENCED)).at_first(CONCURRENT),
                commit(END_2, code(BAD_STATE)),
            ]),
        ),
        end_case("transactions follow each other at once", &["E33", "A10"], back_to_back()),
    ]
}

fn back_to_back() -> Vec<TransactionStep> {
    let transaction = |number: i64| {
        let first = write(PRODUCE_2, P0, 0, at(3 * number));
        [first, write(PRODUCE_2, P0, 1, at(3 * number + 1)), commit(END_2, told(RAISED))]
    };
    [begun()].into_iter().chain((0..20).flat_map(transaction)).collect()
}

fn mixed() -> Vec<TransactionCase> {
    vec![
        end_case(
            "an end of TV1 raises no epoch, whoever opened the transaction, and the sequences go on",
            &["E30"],
            [
                begun(),
                write(PRODUCE_2, P0, 0, at(0)),
                commit(END_1, code(OK)),
                commit(END_1, code(OK)),
                write(PRODUCE_2, P0, 1, at(2)),
                commit(END_1, code(OK)),
            ],
        ),
        end_case(
            "behind an end of TV1 a duplicate comes first in its transaction, and nothing can follow it there",
            &["E30"],
            [
                begun(),
                write(PRODUCE_2, P0, 0, at(0)),
                commit(END_1, code(OK)),
                commit(END_1, code(OK)),
                write(PRODUCE_2, P0, 0, at(0)),
                write(PRODUCE_2, P0, 1, code(OUT_OF_ORDER)),
                commit(END_2, told(RAISED)),
                settled(true),
                write(PRODUCE_2, P0, 0, at(3)),
            ],
        ),
        end_case(
            "an end of TV2 raises the epoch, whoever opened the transaction",
            &["E31"],
            [
                begun(),
                added(),
                write(PRODUCE_1, P0, 0, at(0)),
                commit(END_2, told(RAISED)),
                added(),
                write(PRODUCE_1, P0, 0, at(2)),
                commit(END_2, told(RAISED)),
            ],
        ),
    ]
}
