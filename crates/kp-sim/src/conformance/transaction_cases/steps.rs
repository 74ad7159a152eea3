//! The words in which the cases are written: short names for a step and what it leads to.

use kp_protocol::{ErrorCode, VersionRange};

use crate::KafkaVersion;
use crate::conformance::transaction::{
    Needs, OffsetToCommit, Pair, Place, Told, TransactionAnswer, TransactionAsk, TransactionCase,
    TransactionStep, TransactionWrite, WhichId, WriteKind,
};

pub(super) const OK: ErrorCode = ErrorCode::NONE;
pub(super) const UNKNOWN_TOPIC: ErrorCode = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
pub(super) const OUT_OF_ORDER: ErrorCode = ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER;
pub(super) const BAD_EPOCH: ErrorCode = ErrorCode::INVALID_PRODUCER_EPOCH;
pub(super) const BAD_STATE: ErrorCode = ErrorCode::INVALID_TXN_STATE;
pub(super) const BAD_MAPPING: ErrorCode = ErrorCode::INVALID_PRODUCER_ID_MAPPING;
pub(super) const CONCURRENT: ErrorCode = ErrorCode::CONCURRENT_TRANSACTIONS;
pub(super) const FENCED: ErrorCode = ErrorCode::PRODUCER_FENCED;
pub(super) const ABORTABLE: ErrorCode = ErrorCode::TRANSACTION_ABORTABLE;

pub(super) const P0: Place = Place::Partition(0);
pub(super) const P1: Place = Place::Partition(1);
/// The case's topic has no such partition.
pub(super) const P99: Place = Place::Partition(99);

/// The newest versions of a client without KIP-890's second part.
pub(super) const ADD: i16 = 3;
pub(super) const PRODUCE_1: i16 = 11;
pub(super) const END_1: i16 = 4;
pub(super) const OFFSETS_1: i16 = 4;
/// The versions of a client with it.
pub(super) const PRODUCE_2: i16 = 12;
pub(super) const END_2: i16 = 5;
pub(super) const OFFSETS_2: i16 = 5;
/// InitProducerId and AddOffsetsToTxn, the same for both.
pub(super) const INIT: i16 = 5;
pub(super) const ADD_OFFSETS: i16 = 3;

/// `transaction.timeout.ms` of cases in which nothing times out.
pub(super) const MINUTE_MS: i32 = 60_000;

/// The same case in each version, as `steps` says.
pub(super) fn each<const N: usize>(
    name: &'static str,
    rows: &'static [&'static str],
    versions: VersionRange,
    steps: impl Fn(i16) -> [TransactionStep; N],
) -> Vec<TransactionCase> {
    (versions.min..=versions.max).map(|version| case(name, rows, version, steps(version))).collect()
}

pub(super) fn case(
    name: &'static str,
    rows: &'static [&'static str],
    version: i16,
    steps: impl Into<Vec<TransactionStep>>,
) -> TransactionCase {
    let (since, needs) = (KafkaVersion::V3_9, Needs::Nothing);
    TransactionCase { name, rows, version, since, needs, steps: steps.into() }
}

/// The same for Kafka 4.3 alone.
pub(super) fn since_4_3(cases: Vec<TransactionCase>) -> impl Iterator<Item = TransactionCase> {
    cases.into_iter().map(|case| TransactionCase { since: KafkaVersion::V4_3, ..case })
}

/// One code, no pair.
pub(super) fn code(code: ErrorCode) -> TransactionAnswer {
    codes(&[code])
}

pub(super) fn codes(codes: &[ErrorCode]) -> TransactionAnswer {
    TransactionAnswer::Codes { codes: codes.to_vec(), told: Told::Nothing, offset: None }
}

/// No error, and a pair.
pub(super) fn told(told: Told) -> TransactionAnswer {
    TransactionAnswer::Codes { codes: vec![OK], told, offset: None }
}

/// No error, at this offset.
pub(super) fn at(offset: i64) -> TransactionAnswer {
    TransactionAnswer::Codes { codes: vec![OK], told: Told::Nothing, offset: Some(offset) }
}

pub(super) fn step(version: i16, ask: TransactionAsk, answer: TransactionAnswer) -> TransactionStep {
    let (id, pair) = (WhichId::First, Pair::Current);
    TransactionStep { version, id, pair, ask, first: None, answer, answer_of_3_9: None }
}

impl TransactionStep {
    pub(super) fn of(self, id: WhichId) -> Self {
        Self { id, ..self }
    }

    pub(super) fn under(self, pair: Pair) -> Self {
        Self { pair, ..self }
    }

    /// The code of the first answer.
    pub(super) fn at_first(self, code: ErrorCode) -> Self {
        Self { first: Some(code), ..self }
    }

    pub(super) fn but_in_3_9(self, answer: TransactionAnswer) -> Self {
        Self { answer_of_3_9: Some(answer), ..self }
    }
}

/// InitProducerId without a pair, of an id that is new.
pub(super) fn begun() -> TransactionStep {
    init(INIT, told(Told::New))
}

/// InitProducerId without a pair.
pub(super) fn init(version: i16, answer: TransactionAnswer) -> TransactionStep {
    init_with(version, Pair::None, answer)
}

pub(super) fn init_with(version: i16, pair: Pair, answer: TransactionAnswer) -> TransactionStep {
    step(version, TransactionAsk::Init(MINUTE_MS), answer).under(pair)
}

/// Partition 0 is added as a client of TV1 does it.
pub(super) fn added() -> TransactionStep {
    add(ADD, &[P0], code(OK))
}

pub(super) fn add(version: i16, places: &'static [Place], answer: TransactionAnswer) -> TransactionStep {
    step(version, TransactionAsk::Add(places), answer)
}

pub(super) fn add_offsets(version: i16, answer: TransactionAnswer) -> TransactionStep {
    step(version, TransactionAsk::AddOffsets { has_group: true }, answer)
}

/// A transactional batch for one place.
pub(super) fn write(version: i16, place: Place, sequence: i32, answer: TransactionAnswer) -> TransactionStep {
    produce(version, vec![batch(place, sequence, WriteKind::Transactional)], answer)
}

pub(super) fn batch(place: Place, sequence: i32, kind: WriteKind) -> TransactionWrite {
    TransactionWrite { place, sequence, kind }
}

pub(super) fn produce(
    version: i16,
    writes: Vec<TransactionWrite>,
    answer: TransactionAnswer,
) -> TransactionStep {
    step(version, TransactionAsk::Produce { acks: -1, writes }, answer)
}

pub(super) fn commit(version: i16, answer: TransactionAnswer) -> TransactionStep {
    step(version, TransactionAsk::End(true), answer)
}

pub(super) fn abort(version: i16, answer: TransactionAnswer) -> TransactionStep {
    step(version, TransactionAsk::End(false), answer)
}

/// An end of TV2 once more under its old pair, until its markers are written.
pub(super) fn settled(is_commit: bool) -> TransactionStep {
    step(END_2, TransactionAsk::End(is_commit), told(Told::Same)).under(Pair::Old(1))
}

/// Where partition 0 ends.
pub(super) fn ends_at(offset: i64) -> TransactionStep {
    end_of(0, offset)
}

/// The last stable offset of partition 0.
pub(super) fn stable_to(offset: i64) -> TransactionStep {
    end_of(1, offset)
}

fn end_of(isolation: i8, offset: i64) -> TransactionStep {
    step(7, TransactionAsk::EndOffset { partition: 0, isolation }, at(offset))
}

pub(super) fn wait(ms: i64) -> TransactionStep {
    step(0, TransactionAsk::Wait(ms), code(OK))
}

/// The offset of partition 0 that a group without members commits.
pub(super) const OFFSET: OffsetToCommit =
    OffsetToCommit { has_group: true, generation: -1, member: "", place: P0, offset: 5, metadata_size: 0 };

pub(super) fn commit_offset(
    version: i16,
    offset: OffsetToCommit,
    answer: TransactionAnswer,
) -> TransactionStep {
    step(version, TransactionAsk::CommitOffset(offset), answer)
}

/// What the group has committed of partition 0, once that is decided.
pub(super) fn group_at(offset: i64) -> TransactionStep {
    fetch_offset(9, true, at(offset))
}

pub(super) fn fetch_offset(version: i16, require_stable: bool, answer: TransactionAnswer) -> TransactionStep {
    step(version, TransactionAsk::FetchOffset { require_stable }, answer)
}
