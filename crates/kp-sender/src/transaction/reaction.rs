//! What an error answer to a transactional request, EndTxn aside, makes of the transaction: one pure table (KIP-1050, TX15–TX19).

use kp_protocol::{ApiKey, ErrorCode};

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reaction {
    /// The same again, soon: markers are being written (TC14).
    Briefly,
    /// The same again, after a backoff.
    Again,
    /// The coordinator is looked up, then the same again (TX19).
    LookUp,
    /// The transaction cannot be committed any more.
    Doom,
    /// As [`Doom`](Self::Doom); the epoch is over: by the coordinator's timeout, or another producer fences this one (TC21).
    EpochOver,
    /// The caller is told and may ask again (TX31).
    Refuse,
    /// The producer is finished (TX15).
    Finish,
}

/// Looks it up.
pub(crate) fn reaction(api: ApiKey, code: ErrorCode) -> Reaction {
    match code {
        ErrorCode::CONCURRENT_TRANSACTIONS => Reaction::Briefly,
        ErrorCode::COORDINATOR_LOAD_IN_PROGRESS => Reaction::Again,
        ErrorCode::COORDINATOR_NOT_AVAILABLE | ErrorCode::NOT_COORDINATOR => match api {
            ApiKey::FindCoordinator => Reaction::Again,
            _ => Reaction::LookUp,
        },
        ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED => match api {
            ApiKey::InitProducerId => Reaction::Refuse,
            _ => Reaction::Finish,
        },
        ErrorCode::CLUSTER_AUTHORIZATION_FAILED if api == ApiKey::InitProducerId => Reaction::Refuse,
        ErrorCode::GROUP_AUTHORIZATION_FAILED if api == ApiKey::FindCoordinator => Reaction::Doom,
        // TX18: a coordinator below version 2 says the one for the other.
        ErrorCode::INVALID_PRODUCER_EPOCH | ErrorCode::PRODUCER_FENCED => match api {
            ApiKey::FindCoordinator | ApiKey::InitProducerId => Reaction::Finish,
            _ => Reaction::EpochOver,
        },
        ErrorCode::INVALID_PRODUCER_ID_MAPPING | ErrorCode::UNSUPPORTED_VERSION => Reaction::Finish,
        ErrorCode::TRANSACTION_ABORTABLE => match api {
            ApiKey::InitProducerId => Reaction::Refuse,
            _ => Reaction::Doom,
        },
        code if code.is_retriable() => Reaction::Again,
        code => of_the_rest(api, code),
    }
}

fn of_the_rest(api: ApiKey, code: ErrorCode) -> Reaction {
    match api {
        // kp differs from Java here: what a group refuses can be undone with the transaction.
        ApiKey::TxnOffsetCommit => Reaction::Doom,
        ApiKey::AddPartitionsToTxn | ApiKey::AddOffsetsToTxn => match code {
            ErrorCode::INVALID_TXN_STATE
            | ErrorCode::OFFSET_METADATA_TOO_LARGE
            | ErrorCode::INVALID_COMMIT_OFFSET_SIZE
            | ErrorCode::INVALID_REQUEST
            | ErrorCode::UNSUPPORTED_FOR_MESSAGE_FORMAT => Reaction::Finish,
            _ => Reaction::Doom,
        },
        _ => Reaction::Finish,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Reaction::{Again, Briefly, Doom, EpochOver, Finish, LookUp, Refuse};

    const APIS: [ApiKey; 5] = [
        ApiKey::FindCoordinator,
        ApiKey::InitProducerId,
        ApiKey::AddPartitionsToTxn,
        ApiKey::AddOffsetsToTxn,
        ApiKey::TxnOffsetCommit,
    ];

    /// In the order of [`APIS`], AddPartitions and AddOffsets alike; `None`: it cannot come.
    const CELLS: &[(i16, [Option<Reaction>; 4])] = &[
        (14, [Some(Again), Some(Again), Some(Again), Some(Again)]),
        (15, [Some(Again), Some(LookUp), Some(LookUp), Some(LookUp)]),
        (16, [Some(Again), Some(LookUp), Some(LookUp), Some(LookUp)]),
        (51, [None, Some(Briefly), Some(Briefly), Some(Briefly)]),
        (3, [None, None, Some(Again), Some(Again)]),
        (29, [None, None, Some(Doom), Some(Doom)]),
        (30, [Some(Doom), None, Some(Doom), Some(Doom)]),
        (53, [Some(Finish), Some(Refuse), Some(Finish), Some(Finish)]),
        (31, [None, Some(Refuse), None, None]),
        (47, [None, Some(Finish), Some(EpochOver), Some(EpochOver)]),
        (90, [None, Some(Finish), Some(EpochOver), Some(EpochOver)]),
        (48, [None, None, Some(Finish), Some(Doom)]),
        (49, [None, Some(Finish), Some(Finish), Some(Finish)]),
        (59, [None, None, Some(Doom), None]),
        (120, [Some(Doom), Some(Refuse), Some(Doom), Some(Doom)]),
        (22, [None, None, None, Some(Doom)]),
        (25, [None, None, None, Some(Doom)]),
        (82, [None, None, None, Some(Doom)]),
        (113, [None, None, None, Some(Doom)]),
        (12, [None, Some(Finish), Some(Finish), Some(Doom)]),
        (28, [None, Some(Finish), Some(Finish), Some(Doom)]),
        (42, [None, Some(Finish), Some(Finish), Some(Doom)]),
        (43, [None, Some(Finish), Some(Finish), Some(Doom)]),
        (50, [None, Some(Finish), None, None]),
        (35, [Some(Finish), Some(Finish), Some(Finish), Some(Finish)]),
        (89, [Some(Again), Some(Again), Some(Again), Some(Again)]),
        (5, [Some(Again), Some(Again), Some(Again), Some(Again)]),
        (6, [Some(Again), Some(Again), Some(Again), Some(Again)]),
        (7, [Some(Again), Some(Again), Some(Again), Some(Again)]),
        (19, [Some(Again), Some(Again), Some(Again), Some(Again)]),
        (20, [Some(Again), Some(Again), Some(Again), Some(Again)]),
        (94, [Some(Finish), Some(Finish), Some(Doom), Some(Doom)]),
        (1234, [Some(Finish), Some(Finish), Some(Doom), Some(Doom)]),
    ];

    // TX15, TX16, TX18, TX19, TX31
    #[test]
    fn every_cell_of_the_table_of_errors_is_as_it_was_measured_or_read() {
        for (code, [find, init, add, offsets]) in CELLS {
            for (api, wanted) in APIS.into_iter().zip([find, init, add, add, offsets]) {
                let Some(wanted) = wanted else { continue };
                assert_eq!(reaction(api, ErrorCode(*code)), *wanted, "{api} {code}");
            }
        }
    }

    // TC14, TX17
    #[test]
    fn no_code_makes_a_caller_ask_for_ever_without_a_wait() {
        for code in ErrorCode::all().filter(|code| !code.is_ok() && !code.is_retriable()) {
            for api in APIS {
                let reaction = reaction(api, code);
                assert!(!matches!(reaction, Again | Briefly | LookUp), "{api} {code}: {reaction:?}");
            }
        }
    }
}
