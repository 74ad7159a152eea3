//! FindCoordinator (TM-F), and the versions that a broker does not know.

use kp_protocol::{ErrorCode, VersionRange};

use crate::KafkaVersion;
use crate::conformance::transaction::{
    Needs, Pair, Told, TransactionAnswer, TransactionAsk, TransactionCase, TransactionStep, WhichId,
};

use super::steps::{
    END_2, MINUTE_MS, OK, P0, PRODUCE_2, begun, case, code, codes, commit, each, step, told, write,
};

const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;
/// Words for code 42.
const MALFORMED: &str = "This most likely occurs because of a request being malformed by the client library or the message was sent to an incompatible broker. See the broker logs for more details.";

fn find(
    version: i16,
    key_type: i8,
    names: &'static [WhichId],
    (answer, words): (TransactionAnswer, &'static str),
) -> TransactionStep {
    step(version, TransactionAsk::FindCoordinator { key_type, names, words }, answer)
}

pub(super) fn cases() -> Vec<TransactionCase> {
    [fresh(), found(), unknown_versions()].into_iter().flatten().collect()
}

/// What a cluster answers once only; the first cases of all.
fn fresh() -> Vec<TransactionCase> {
    let none = ErrorCode::COORDINATOR_NOT_AVAILABLE;
    let init = step(5, TransactionAsk::Init(MINUTE_MS), code(ErrorCode::NOT_COORDINATOR)).under(Pair::None);
    let found = (code(OK), "NONE");
    let fresh = |name, rows, version, steps: Vec<TransactionStep>| TransactionCase {
        needs: Needs::FreshCluster,
        ..case(name, rows, version, steps)
    };
    vec![
        fresh(
            "the first that asks for a coordinator of transactions makes the cluster have them",
            &["F1"],
            1,
            vec![init, find(1, TRANSACTION, &[WhichId::First], found.clone()).at_first(none), begun()],
        ),
        fresh(
            "the first that asks for a coordinator of groups makes the cluster have them",
            &["F9"],
            1,
            vec![find(1, GROUP, &[WhichId::First], found).at_first(none)],
        ),
    ]
}

fn found() -> Vec<TransactionCase> {
    let one_name =
        each("a transactional id has a coordinator", &["F4"], VersionRange::new(1, 3), |version| {
            [find(version, TRANSACTION, &[WhichId::First], (code(OK), "NONE"))]
        });
    let many_names = each(
        "each name has a coordinator, and that without a letter too",
        &["F4"],
        VersionRange::new(4, 6),
        |version| {
            let names = &[WhichId::First, WhichId::Second, WhichId::Empty];
            [find(version, TRANSACTION, names, (codes(&[OK; 3]), ""))]
        },
    );
    let no_name = each("no names are no error", &["F6"], VersionRange::new(4, 6), |version| {
        [find(version, TRANSACTION, &[], (codes(&[]), ""))]
    });
    let other_type = each(
        "a kind of coordinator that there is not is refused for each name",
        &["F7"],
        VersionRange::new(5, 5),
        |version| {
            let refused = codes(&[ErrorCode::INVALID_REQUEST; 2]);
            [find(version, 7, &[WhichId::First, WhichId::Second], (refused, MALFORMED))]
        },
    );
    [one_name, many_names, no_name, other_type].into_iter().flatten().collect()
}

fn unknown_versions() -> Vec<TransactionCase> {
    let closed = TransactionAnswer::Closed;
    let new = case(
        "what came with 4.0 closes the connection of a broker of 3.9",
        &["1.1"],
        END_2,
        [
            begun(),
            commit(END_2, code(ErrorCode::INVALID_TXN_STATE)).but_in_3_9(closed.clone()),
            write(PRODUCE_2, P0, 0, code(OK)).but_in_3_9(closed.clone()),
        ],
    );
    let two_phases = case(
        "two-phase commits close the connection unless unstable versions are on",
        &["V1", "V2", "V3"],
        6,
        [
            step(6, TransactionAsk::Init(MINUTE_MS), closed).under(Pair::None),
            step(5, TransactionAsk::Init(MINUTE_MS), told(Told::New)).under(Pair::None),
        ],
    );
    vec![new, TransactionCase { since: KafkaVersion::V3_9, ..two_phases }]
}
