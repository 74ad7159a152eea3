//! What an answer to EndTxn proves about the transaction: one pure table, on which the truth of every outcome rests.
//!
//! A commit whose answer is lost may have been done, or may still be. Only what is listed here says more than "ask again".

use crate::TransactionProtocol;
use kp_protocol::ErrorCode;

/// What was asked for. Never changed once a commit was written, but by a proof (TC1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Commit,
    Abort,
}

/// Whether an earlier EndTxn of this decision is unanswered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    First,
    Again,
}

/// What is certain now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    Committed,
    Aborted,
    /// Nothing: markers are being written. The same again, soon (TC14).
    Busy,
    /// Nothing, and it is surely not done by this attempt. The same again.
    NotYet,
    /// Nothing, and it may be done by this attempt (TC4). The same again; `has_moved`: of another coordinator.
    PerhapsDone {
        has_moved: bool,
    },
    /// It is not committed. An abort under the same pair is to follow.
    NotCommitted,
    /// It is not committed, and nothing is open: what has ended it was no request of this transaction (TM-L3).
    EndedByAnother,
    /// It is not committed. The epoch was raised by the coordinator's timeout or by another producer (TC21).
    EpochOver,
    /// It is not committed, and the producer can do nothing more.
    Finished,
    /// Its fate cannot be learnt any more, and the producer can do nothing more.
    Unknown,
}

/// Reads an answer.
pub(crate) fn what_it_proves(
    sent: Decision,
    code: ErrorCode,
    asked: Asked,
    protocol: TransactionProtocol,
) -> Proof {
    match (code, sent) {
        (ErrorCode::NONE, Decision::Commit) => Proof::Committed,
        (ErrorCode::NONE, Decision::Abort) => Proof::Aborted,
        (ErrorCode::CONCURRENT_TRANSACTIONS, _) => Proof::Busy,
        (ErrorCode::COORDINATOR_LOAD_IN_PROGRESS | ErrorCode::THROTTLING_QUOTA_EXCEEDED, _) => Proof::NotYet,
        (ErrorCode::COORDINATOR_NOT_AVAILABLE | ErrorCode::NOT_COORDINATOR, _) => {
            Proof::PerhapsDone { has_moved: true }
        }
        (ErrorCode::INVALID_TXN_STATE, _) => of_the_state(sent, protocol),
        (ErrorCode::PRODUCER_FENCED | ErrorCode::INVALID_PRODUCER_EPOCH, _) => match (sent, asked) {
            // TM-L7: another instance may have come behind a commit that took effect.
            (Decision::Commit, Asked::Again) => Proof::Unknown,
            (Decision::Commit, Asked::First) | (Decision::Abort, _) => Proof::EpochOver,
        },
        (ErrorCode::INVALID_PRODUCER_ID_MAPPING, _) => match (sent, asked) {
            (Decision::Commit, Asked::Again) => Proof::Unknown,
            (Decision::Commit, Asked::First) | (Decision::Abort, _) => Proof::Finished,
        },
        (code, _) if code.is_retriable() || code == ErrorCode::UNKNOWN_SERVER_ERROR => {
            Proof::PerhapsDone { has_moved: false }
        }
        // TX17, KAFKA-19250: an abort that must be aborted would have no end.
        (_, Decision::Abort) => Proof::Finished,
        (code, Decision::Commit) if is_final_refusal(code) && asked == Asked::First => Proof::NotCommitted,
        // L7: no abort behind a commit that may be done; and an unknown code says nothing.
        (_, Decision::Commit) => Proof::PerhapsDone { has_moved: false },
    }
}

/// INVALID_TXN_STATE under the present epoch.
fn of_the_state(sent: Decision, protocol: TransactionProtocol) -> Proof {
    match (sent, protocol) {
        // Had an earlier attempt taken effect, the answer would be CONCURRENT_TRANSACTIONS or no error (TM-E3, E4).
        (Decision::Commit, TransactionProtocol::V2) => Proof::NotCommitted,
        (Decision::Commit, TransactionProtocol::V1) => Proof::EndedByAnother,
        // Nothing was added since the last commit (TM-E1, E7).
        (Decision::Abort, TransactionProtocol::V1) => Proof::Aborted,
        // Only behind a commit under this pair, which was never sent: a contradiction.
        (Decision::Abort, TransactionProtocol::V2) => Proof::Unknown,
    }
}

/// Said before the coordinator has done anything.
fn is_final_refusal(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::TRANSACTION_ABORTABLE
            | ErrorCode::UNKNOWN_PRODUCER_ID
            | ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED
            | ErrorCode::CLUSTER_AUTHORIZATION_FAILED
            | ErrorCode::INVALID_REQUEST
            | ErrorCode::UNSUPPORTED_VERSION
            | ErrorCode::UNSUPPORTED_FOR_MESSAGE_FORMAT
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use Asked::{Again, First};
    use Decision::{Abort, Commit};
    use TransactionProtocol::{V1, V2};

    fn proof(sent: Decision, code: i16, asked: Asked, protocol: TransactionProtocol) -> Proof {
        what_it_proves(sent, ErrorCode(code), asked, protocol)
    }

    fn both(sent: Decision, code: i16, protocol: TransactionProtocol) -> (Proof, Proof) {
        (proof(sent, code, First, protocol), proof(sent, code, Again, protocol))
    }

    // TM-E2, E4
    #[test]
    fn no_error_is_what_was_asked_for() {
        for protocol in [V1, V2] {
            assert_eq!(both(Commit, 0, protocol), (Proof::Committed, Proof::Committed));
            assert_eq!(both(Abort, 0, protocol), (Proof::Aborted, Proof::Aborted));
        }
    }

    // TC14, TM-E3
    #[test]
    fn concurrent_transactions_proves_nothing() {
        for (sent, protocol) in [(Commit, V1), (Commit, V2), (Abort, V1), (Abort, V2)] {
            assert_eq!(both(sent, 51, protocol), (Proof::Busy, Proof::Busy));
            assert_eq!(both(sent, 14, protocol), (Proof::NotYet, Proof::NotYet));
        }
    }

    // TC4
    #[test]
    fn a_coordinator_that_is_none_any_more_may_have_done_it() {
        for (sent, protocol) in [(Commit, V1), (Commit, V2), (Abort, V1), (Abort, V2)] {
            for code in [15, 16] {
                let moved = Proof::PerhapsDone { has_moved: true };
                assert_eq!(both(sent, code, protocol), (moved, moved), "{code}");
            }
            for code in [-1, 5, 6, 7, 19, 20] {
                let perhaps = Proof::PerhapsDone { has_moved: false };
                assert_eq!(both(sent, code, protocol), (perhaps, perhaps), "{code}");
            }
        }
    }

    // TM-T5, E1, E5, E7
    #[test]
    fn invalid_txn_state_proves_a_commit_undone_also_behind_an_unanswered_one() {
        assert_eq!(both(Commit, 48, V2), (Proof::NotCommitted, Proof::NotCommitted));
        assert_eq!(both(Commit, 48, V1), (Proof::EndedByAnother, Proof::EndedByAnother));
        assert_eq!(both(Abort, 48, V1), (Proof::Aborted, Proof::Aborted), "nothing was there to abort");
        assert_eq!(both(Abort, 48, V2), (Proof::Unknown, Proof::Unknown), "a commit of this epoch came in");
    }

    // TM-L7, T5, T6
    #[test]
    fn a_raised_epoch_proves_only_a_first_commit_undone() {
        for protocol in [V1, V2] {
            for code in [47, 90] {
                assert_eq!(both(Commit, code, protocol), (Proof::EpochOver, Proof::Unknown), "{code}");
                assert_eq!(both(Abort, code, protocol), (Proof::EpochOver, Proof::EpochOver), "{code}");
            }
        }
    }

    // TM-E21
    #[test]
    fn an_id_of_another_producer_finishes_this_one() {
        for protocol in [V1, V2] {
            assert_eq!(both(Commit, 49, protocol), (Proof::Finished, Proof::Unknown));
            assert_eq!(both(Abort, 49, protocol), (Proof::Finished, Proof::Finished));
        }
    }

    // TX17, L7
    #[test]
    fn a_final_refusal_proves_a_first_commit_undone_and_ends_an_abort() {
        for protocol in [V1, V2] {
            for code in [120, 59, 53, 31, 42, 35, 43] {
                let again = Proof::PerhapsDone { has_moved: false };
                assert_eq!(both(Commit, code, protocol), (Proof::NotCommitted, again), "{code}");
                assert_eq!(both(Abort, code, protocol), (Proof::Finished, Proof::Finished), "{code}");
            }
        }
    }

    #[test]
    fn a_code_that_nobody_knows_leaves_a_commit_open() {
        let perhaps = Proof::PerhapsDone { has_moved: false };
        for code in [1234, 2, 94] {
            assert_eq!(both(Commit, code, V2), (perhaps, perhaps), "{code}");
        }
        assert_eq!(both(Abort, 1234, V2), (Proof::Finished, Proof::Finished));
    }

    // L2, L6
    #[test]
    fn only_no_error_proves_a_commit() {
        for code in ErrorCode::all().filter(|code| !code.is_ok()) {
            for (protocol, asked) in [(V1, First), (V1, Again), (V2, First), (V2, Again)] {
                assert_ne!(what_it_proves(Commit, code, asked, protocol), Proof::Committed, "{code}");
                assert_ne!(what_it_proves(Commit, code, asked, protocol), Proof::Aborted, "{code}");
                assert_ne!(what_it_proves(Abort, code, asked, protocol), Proof::Committed, "{code}");
            }
        }
    }
}
