//! What goes wrong with transactions and with the groups whose offsets they commit: plain values, thrown by dice.

use std::time::Duration;

use kp_protocol::ApiKey;
use kp_tests::simulation::dice::Dice;

const MS: fn(u64) -> Duration = Duration::from_millis;

/// What goes wrong with transactions.
#[derive(Clone, Debug)]
pub(crate) enum TransactionFault {
    /// A request is carried out when its connection is gone.
    Late { api: ApiKey, after: Duration },
    /// The markers of the next decision take their time.
    MarkerDelay(Duration),
    /// The coordinator moves, with or without what it was asked for.
    CoordinatorMoves { api: ApiKey, carried_out: bool },
    /// A coordinator's answer.
    AnswerInstead { api: ApiKey, code: i16, times: u32 },
    /// A request finds no answer.
    Stall { api: ApiKey, carried_out: bool },
    /// Its connection ends with it.
    Close { api: ApiKey, carried_out: bool },
    /// The coordinator takes the transaction of an instance for timed out.
    TimeOutNow { instance: usize },
    /// A producer that is none of the plan's initialises the id of an instance.
    Fence { instance: usize },
    /// A group of an instance begins another generation.
    Rebalance { instance: usize, group: u32 },
    /// The instance's member of a group is shut out: its session has ended.
    MemberLeaves { instance: usize, group: u32 },
    /// Another process takes the place of the instance's member.
    MemberReplaced { instance: usize, group: u32 },
}

/// The requests of transactions.
const APIS: [ApiKey; 6] = [
    ApiKey::EndTxn,
    ApiKey::Produce,
    ApiKey::AddPartitionsToTxn,
    ApiKey::TxnOffsetCommit,
    ApiKey::AddOffsetsToTxn,
    ApiKey::InitProducerId,
];

impl TransactionFault {
    pub(crate) fn lasts(&self) -> Duration {
        match self {
            Self::Late { after, .. } | Self::MarkerDelay(after) => *after,
            _ => Duration::ZERO,
        }
    }

    /// The instance that it names.
    pub(crate) fn instance(&self) -> Option<usize> {
        match self {
            Self::TimeOutNow { instance }
            | Self::Fence { instance }
            | Self::Rebalance { instance, .. }
            | Self::MemberLeaves { instance, .. }
            | Self::MemberReplaced { instance, .. } => Some(*instance),
            _ => None,
        }
    }

    /// Of coordinators and connections.
    pub(crate) fn thrown(dice: &mut Dice, instances: usize) -> (Duration, Self) {
        let at = MS(dice.between(0, 4_000));
        let api = *dice.of(&APIS);
        let asks_coordinator = *dice.of(&[
            ApiKey::EndTxn,
            ApiKey::EndTxn,
            ApiKey::AddPartitionsToTxn,
            ApiKey::AddOffsetsToTxn,
            ApiKey::InitProducerId,
        ]);
        let carried_out = dice.chance(0.5);
        let fault = match dice.below(9) {
            0..=2 => Self::Late { api, after: MS(dice.between(1, 3_000)) },
            3 => Self::MarkerDelay(MS(dice.between(1, 3_000))),
            4 => Self::CoordinatorMoves { api: asks_coordinator, carried_out },
            5 => Self::AnswerInstead {
                api: asks_coordinator,
                code: *dice.of(&[14i16, 15, 16, 51]),
                times: dice.between(1, 4) as u32,
            },
            6 => Self::Stall { api, carried_out },
            7 => Self::Close { api, carried_out },
            _ => Self::TimeOutNow { instance: dice.below(instances as u64) as usize },
        };
        (at, fault)
    }

    /// Of groups, and of producers that are none of the plan's.
    pub(crate) fn thrown_from_outside(
        dice: &mut Dice,
        instances: usize,
        has_members: bool,
    ) -> (Duration, Self) {
        let at = MS(dice.between(0, 4_000));
        let instance = dice.below(instances as u64) as usize;
        let group = dice.below(2) as u32;
        let fault = match dice.below(10) {
            0 => Self::Fence { instance },
            1 | 2 if has_members => Self::MemberLeaves { instance, group },
            3 | 4 if has_members => Self::MemberReplaced { instance, group },
            _ => Self::Rebalance { instance, group },
        };
        (at, fault)
    }
}
