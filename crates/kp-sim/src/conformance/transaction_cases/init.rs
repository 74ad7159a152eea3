//! InitProducerId with a transactional id (TM-I), with what it does to an open transaction (TM-L6, L9) and at the last epoch
//! (TM-X5, X6).

use kp_protocol::{ErrorCode, VersionRange};

use crate::KafkaVersion;
use crate::conformance::transaction::{
    Needs, Pair, Told, TransactionAsk, TransactionCase, TransactionStep, WhichId,
};

use super::steps::{
    BAD_EPOCH, CONCURRENT, END_1, END_2, FENCED, INIT, OK, P0, PRODUCE_1, PRODUCE_2, abort, added, begun,
    case, code, commit, each, init, init_with, since_4_3, step, told, write,
};

const RAISED: Told = Told::Raised(1);
/// The versions that carry a pair.
const WITH_PAIR: VersionRange = VersionRange::new(3, 5);

pub(super) fn cases() -> Vec<TransactionCase> {
    [identities(), refusals(), timeouts(), without_name(), open(), late_pairs(), last_epochs()]
        .into_iter()
        .flatten()
        .collect()
}

fn identities() -> Vec<TransactionCase> {
    let fresh = each(
        "a new name gets a new producer id, and each further call raises its epoch",
        &["I1", "I2"],
        VersionRange::new(0, 5),
        |version| [init(version, told(Told::New)), init(version, told(RAISED)), init(version, told(RAISED))],
    );
    let raised =
        each("the current pair raises the epoch, and once only", &["I3", "I4"], WITH_PAIR, |version| {
            [
                begun(),
                init(version, told(RAISED)),
                init_with(version, Pair::Current, told(RAISED)),
                init_with(version, Pair::Old(1), told(Told::Same)),
                init_with(version, Pair::Current, told(RAISED)),
            ]
        });
    let unheard_of = each(
        "a name that the coordinator never saw gets a new producer id, whatever pair it comes with",
        &["I14"],
        WITH_PAIR,
        |version| [begun(), init_with(version, Pair::OfTheOther, told(Told::New)).of(WhichId::Second)],
    );
    [fresh, raised, unheard_of].into_iter().flatten().collect()
}

/// What fences a producer is told by another code before version 4.
fn fenced(version: i16) -> ErrorCode {
    if version < 4 { BAD_EPOCH } else { FENCED }
}

fn refusals() -> Vec<TransactionCase> {
    let pairs = each(
        "a pair that is not the current one is fenced",
        &["I5", "I6", "I7", "I8"],
        WITH_PAIR,
        |version| {
            let refused = |pair| init_with(version, pair, code(fenced(version)));
            [
                begun(),
                init_with(version, Pair::Current, told(RAISED)),
                init_with(version, Pair::Current, told(RAISED)),
                refused(Pair::Old(2)),
                refused(Pair::TooHigh),
                refused(Pair::Other),
                init_with(version, Pair::WithoutEpoch, code(ErrorCode::INVALID_REQUEST)),
            ]
        },
    );
    let no_name = each("a name without a letter is refused", &["I10"], VersionRange::new(0, 5), |version| {
        [init(version, code(ErrorCode::INVALID_REQUEST)).of(WhichId::Empty)]
    });
    [pairs, no_name].into_iter().flatten().collect()
}

fn timeouts() -> Vec<TransactionCase> {
    each(
        "a timeout is more than nothing and at most fifteen minutes",
        &["I9"],
        VersionRange::new(0, 5),
        |version| {
            let bad = code(ErrorCode::INVALID_TRANSACTION_TIMEOUT);
            let with = |timeout_ms, answer| {
                step(version, TransactionAsk::Init(timeout_ms), answer).under(Pair::None)
            };
            [
                with(0, bad.clone()),
                with(-1, bad.clone()),
                with(900_001, bad.clone()),
                with(i32::MAX, bad),
                with(900_000, told(Told::New)),
            ]
        },
    )
}

fn without_name() -> Vec<TransactionCase> {
    each(
        "without a name each call gets a new producer id, whatever it says",
        &["I11", "I12", "I13"],
        WITH_PAIR,
        |version| {
            let asked = |timeout_ms, pair| {
                let ask = TransactionAsk::Init(timeout_ms);
                step(version, ask, told(Told::New)).of(WhichId::Null).under(pair)
            };
            [asked(60_000, Pair::None), asked(60_000, Pair::Other), asked(0, Pair::None)]
        },
    )
}

/// A transaction is open, as a client of TV1 opens it, or one of TV2.
fn opened(version: i16) -> [TransactionStep; 2] {
    if version >= END_2 { [begun(), write(PRODUCE_2, P0, 0, code(OK))] } else { [begun(), added()] }
}

fn open() -> Vec<TransactionCase> {
    let another = |version| {
        let [first, second] = opened(version);
        let another = init(INIT, told(Told::Raised(2))).at_first(CONCURRENT);
        [first, second, another, commit(END_1, code(ErrorCode::INVALID_TXN_STATE))]
    };
    let itself = |version| {
        let [first, second] = opened(version);
        let itself = init_with(INIT, Pair::Current, told(RAISED)).at_first(CONCURRENT);
        let fenced = code(FENCED);
        [
            first,
            second,
            itself.but_in_3_9(fenced.clone()),
            init_with(INIT, Pair::Old(1), told(Told::Same)),
            added(),
            commit(END_1, code(OK)),
        ]
    };
    let mut cases = vec![case(
        "an open transaction is aborted for another instance, two epochs on",
        &["I15"],
        END_1,
        another(END_1),
    )];
    cases.extend(since_4_3(vec![
        case(
            "an open transaction is aborted for another instance, two epochs on",
            &["I15"],
            END_2,
            another(END_2),
        ),
        case(
            "an open transaction is aborted for its own instance, which goes on",
            &["I16", "L10"],
            END_1,
            itself(END_1),
        ),
        case(
            "an open transaction is aborted for its own instance, which goes on",
            &["I16", "L10"],
            END_2,
            itself(END_2),
        ),
    ]));
    let [first, second] = opened(END_1);
    cases.push(case(
        "a producer that asks while its transaction is open fences itself before 4.0",
        &["I16"],
        END_1,
        [
            first,
            second,
            init_with(INIT, Pair::Current, told(RAISED)).at_first(CONCURRENT).but_in_3_9(code(FENCED)),
        ],
    ));
    cases
}

fn late_pairs() -> Vec<TransactionCase> {
    let stale = |version| {
        let [begun, open] = opened(version);
        let raise = || init_with(INIT, Pair::Current, told(RAISED));
        let dead = if version >= END_2 { ErrorCode::INVALID_TXN_STATE } else { FENCED };
        [
            begun,
            raise(),
            raise(),
            raise(),
            open,
            init_with(INIT, Pair::Old(3), code(FENCED)).at_first(CONCURRENT),
            commit(version, code(dead)),
            init_with(INIT, Pair::Current, told(RAISED)).but_in_3_9(code(FENCED)),
        ]
    };
    let name = "a pair of long ago aborts the open transaction, before it is fenced";
    let mut cases = vec![case(name, &["L9"], END_1, stale(END_1))];
    cases.extend(since_4_3(vec![
        case(name, &["L9"], END_2, stale(END_2)),
        case(
            "behind an end that raised the epoch the old pair is told the new one again",
            &["L6"],
            END_2,
            [
                begun(),
                write(PRODUCE_2, P0, 0, code(OK)),
                commit(END_2, told(RAISED)),
                init_with(INIT, Pair::Old(1), told(Told::Same)),
            ],
        ),
    ]));
    cases.push(case(
        "a raised epoch makes the coordinator forget how the last transaction ended",
        &["L6"],
        END_1,
        [
            begun(),
            added(),
            write(PRODUCE_1, P0, 0, code(OK)),
            commit(END_1, code(OK)),
            init_with(INIT, Pair::Current, told(RAISED)),
            commit(END_1, code(FENCED)).under(Pair::Old(1)),
        ],
    ));
    cases
}

/// The end of the numbers; with TV2 an end of a transaction can come to it too.
fn last_epochs() -> Vec<TransactionCase> {
    let until = |epoch| step(INIT, TransactionAsk::InitUntil(epoch), code(OK));
    let since_3_9 = |case| TransactionCase { needs: Needs::Patience, ..case };
    let patient = |case| TransactionCase { needs: Needs::Patience, since: KafkaVersion::V4_3, ..case };
    let init_pair = |pair, told_pair| init_with(INIT, pair, told(told_pair));
    vec![
        since_3_9(case(
            "behind the last epoch there is a new producer id",
            &["X5", "X6"],
            INIT,
            [
                begun(),
                until(32_765),
                init_pair(Pair::Current, RAISED),
                init_with(INIT, Pair::Old(1), code(ErrorCode::UNKNOWN_SERVER_ERROR)),
                init_pair(Pair::Current, Told::New),
                init_pair(Pair::Old(1), Told::Same),
            ],
        )),
        patient(case(
            "a transaction that ends under the last epoch is answered with a new producer id",
            &["X1", "X2", "X3", "X4"],
            END_2,
            [
                begun(),
                until(32_766),
                write(PRODUCE_2, P0, 0, code(OK)),
                commit(END_2, told(Told::New)),
                commit(END_2, told(Told::Same)).under(Pair::Old(1)),
                write(PRODUCE_2, P0, 1, code(BAD_EPOCH)).under(Pair::Old(1)),
                abort(END_2, code(ErrorCode::INVALID_TXN_STATE)).under(Pair::Old(1)),
                init_pair(Pair::Old(1), Told::Same),
            ],
        )),
    ]
}
