//! The cases, as data. Every answer here was given by Apache Kafka 4.3.0, and by 3.9.1 unless
//! the case says since when it holds.

use kp_protocol::{ErrorCode, VersionRange};

use crate::KafkaVersion;

use super::{Batch, Case, Expect, Produce, Spoil, Step};

/// The versions in which a producer of today asks.
const TODAY: VersionRange = VersionRange::new(3, 13);
const TOPIC_NAMES: VersionRange = VersionRange::new(3, 12);
const TOPIC_IDS: VersionRange = VersionRange::new(13, 13);
const OK: ErrorCode = ErrorCode::NONE;
const OUT_OF_ORDER: Expect = Expect::Code(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
const INVALID_RECORD: Expect = Expect::Code(ErrorCode::INVALID_RECORD);

/// Every case.
#[must_use]
pub fn cases() -> Vec<Case> {
    let produce =
        [duplicates(), sequences(), epochs(), refusals(), acknowledgements(), order_of_checks(), forms()];
    let others = [topics(), configured_topics(), reading(), closings()];
    produce.into_iter().chain(others).flatten().collect()
}

fn case(name: &'static str, versions: VersionRange, steps: impl Into<Vec<Step>>) -> Case {
    Case { name, since: KafkaVersion::V3_9, versions, configs: &[], steps: steps.into() }
}

/// A good batch of one record, without identity.
const PLAIN: Batch = Batch { producer: None, records: 1, value_size: 10, spoil: Spoil::Nothing };

const fn produce(batch: Batch, expect: Expect) -> Produce {
    Produce { topic_exists: true, partition: 0, acks: -1, batch, expect }
}

const fn by(producer: usize, epoch: i16, sequence: i32) -> Batch {
    Batch { producer: Some((producer, epoch, sequence)), ..PLAIN }
}

fn sent(producer: usize, epoch: i16, sequence: i32, expect: Expect) -> Step {
    Step::Produce(produce(by(producer, epoch, sequence), expect))
}

fn spoilt(spoil: Spoil, expect: Expect) -> [Step; 2] {
    [Step::Produce(produce(Batch { spoil, ..PLAIN }, expect)), Step::EndsAt(0)]
}

/// Batches of one record with the sequences `0 .. count`, each at its own offset.
fn appended(count: i32) -> Vec<Step> {
    (0..count).map(|sequence| sent(0, 0, sequence, Expect::At(i64::from(sequence)))).collect()
}

fn after(count: i32, more: impl IntoIterator<Item = Step>) -> Vec<Step> {
    appended(count).into_iter().chain(more).collect()
}

fn duplicates() -> Vec<Case> {
    let again = |sequence: i32| sent(0, 0, sequence, Expect::Stamped(i64::from(sequence)));
    let other_content =
        Produce { batch: Batch { value_size: 99, ..by(0, 0, 1) }, ..produce(PLAIN, Expect::Stamped(1)) };
    let more_records = produce(Batch { records: 2, ..by(0, 0, 1) }, OUT_OF_ORDER);
    vec![
        case(
            "a duplicate of one of the last five batches is answered with its original offset",
            TODAY,
            after(7, (2..7).map(again).chain([Step::EndsAt(7)])),
        ),
        case(
            "a duplicate older than the last five is out of order",
            TODAY,
            after(6, [sent(0, 0, 0, OUT_OF_ORDER), Step::EndsAt(6)]),
        ),
        case(
            "other records under numbers that were used are taken for a duplicate",
            TODAY,
            after(2, [Step::Produce(other_content), Step::EndsAt(2)]),
        ),
        case(
            "a batch with the first sequence of another but more records is out of order",
            TODAY,
            after(2, [Step::Produce(more_records), Step::EndsAt(2)]),
        ),
        case(
            "the same records under the next epoch are appended again",
            TODAY,
            after(1, [sent(0, 1, 0, Expect::At(1)), Step::EndsAt(2)]),
        ),
    ]
}

fn sequences() -> Vec<Case> {
    let in_order = |sequence: i32| produce(by(0, 0, sequence), Expect::At(i64::from(sequence)));
    vec![
        case(
            "a gap in the sequence is out of order",
            TODAY,
            after(1, [sent(0, 0, 2, OUT_OF_ORDER), Step::EndsAt(1)]),
        ),
        case(
            "a producer that was never seen may begin anywhere",
            TODAY,
            [sent(0, 0, 7, Expect::At(0)), sent(0, 0, 8, Expect::At(1))],
        ),
        case(
            "a producer that began later may not go back",
            TODAY,
            [sent(0, 0, 10, Expect::At(0)), sent(0, 0, 0, OUT_OF_ORDER), Step::EndsAt(1)],
        ),
        case(
            "five pipelined batches are appended in order",
            TODAY,
            [Step::Pipelined((0..5).map(in_order).collect()), Step::EndsAt(5)],
        ),
        case(
            "sequences go on at 0 after the largest",
            TODAY,
            [sent(0, 0, i32::MAX, Expect::At(0)), sent(0, 0, 0, Expect::At(1)), Step::EndsAt(2)],
        ),
        case(
            "producers are told apart",
            TODAY,
            after(3, [sent(1, 0, 0, Expect::At(3)), sent(0, 0, 3, Expect::At(4)), Step::EndsAt(5)]),
        ),
    ]
}

fn epochs() -> Vec<Case> {
    let stale = sent(0, 0, 1, Expect::Code(ErrorCode::INVALID_PRODUCER_EPOCH));
    vec![
        case(
            "a raised epoch begins at sequence 0",
            TODAY,
            after(2, [sent(0, 1, 0, Expect::At(2)), Step::EndsAt(3)]),
        ),
        case(
            "a raised epoch begins at no other sequence",
            TODAY,
            after(2, [sent(0, 1, 2, OUT_OF_ORDER), Step::EndsAt(2)]),
        ),
        case(
            "a stale epoch is refused",
            TODAY,
            after(1, [sent(0, 1, 0, Expect::At(1)), stale, Step::EndsAt(2)]),
        ),
    ]
}

const TOO_LARGE: Expect = Expect::Code(ErrorCode::MESSAGE_TOO_LARGE);
const CORRUPT: Expect = Expect::Code(ErrorCode::CORRUPT_MESSAGE);
const TWO_MB: Batch = Batch { value_size: 2_000_000, ..PLAIN };
const UNKNOWN_TOPIC: Produce =
    Produce { topic_exists: false, ..produce(PLAIN, Expect::Code(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)) };
const NO_PARTITION: Produce = Produce { partition: 99, topic_exists: true, ..UNKNOWN_TOPIC };

fn refusals() -> Vec<Case> {
    let unknown_id = Produce { expect: Expect::Code(ErrorCode::UNKNOWN_TOPIC_ID), ..UNKNOWN_TOPIC };
    vec![
        case("a wrong checksum is refused", TODAY, spoilt(Spoil::Checksum, CORRUPT)),
        case("an unknown topic is said to be unknown", TOPIC_NAMES, [Step::Produce(UNKNOWN_TOPIC)]),
        case("an unknown topic id is said to be unknown", TOPIC_IDS, [Step::Produce(unknown_id)]),
        case("an unknown partition is said to be unknown", TODAY, [Step::Produce(NO_PARTITION)]),
        case(
            "a batch over the limit is too large",
            TODAY,
            [Step::Produce(produce(TWO_MB, TOO_LARGE)), Step::EndsAt(0)],
        ),
        case("two batches in one partition are refused", TODAY, spoilt(Spoil::Twice, INVALID_RECORD)),
    ]
}

fn acknowledgements() -> Vec<Case> {
    let acks = |acks, batch, expect| Step::Produce(Produce { acks, ..produce(batch, expect) });
    let closed = |batch| [acks(0, batch, Expect::Closed), Step::EndsAt(0)];
    vec![
        case(
            "acks=7 is refused",
            TODAY,
            [acks(7, PLAIN, Expect::Code(ErrorCode::INVALID_REQUIRED_ACKS)), Step::EndsAt(0)],
        ),
        case("acks=1 is answered", TODAY, [acks(1, PLAIN, Expect::At(0)), Step::EndsAt(1)]),
        case("acks=0 is answered with silence", TODAY, [acks(0, PLAIN, Expect::Silence), Step::EndsAt(1)]),
        case(
            "an error under acks=0 closes the connection",
            TODAY,
            closed(Batch { spoil: Spoil::Checksum, ..PLAIN }),
        ),
        case("a batch too large under acks=0 closes the connection", TODAY, closed(TWO_MB)),
        case(
            "a batch for an unknown partition under acks=0 closes the connection",
            TODAY,
            [Step::Produce(Produce { acks: 0, expect: Expect::Closed, ..NO_PARTITION })],
        ),
    ]
}

/// Which of two faults a batch is refused for.
fn order_of_checks() -> Vec<Case> {
    let spoilt = |batch| Batch { spoil: Spoil::Checksum, ..batch };
    vec![
        case(
            "an unknown partition is found out before wrong acks",
            TODAY,
            [Step::Produce(Produce { acks: 7, ..NO_PARTITION })],
        ),
        case(
            "a batch too large is found out before its wrong checksum",
            TODAY,
            [Step::Produce(produce(spoilt(TWO_MB), TOO_LARGE)), Step::EndsAt(0)],
        ),
        case(
            "a wrong checksum is found out before a gap in the sequence",
            TODAY,
            after(1, [Step::Produce(produce(spoilt(by(0, 0, 5)), CORRUPT)), Step::EndsAt(1)]),
        ),
    ]
}

fn forms() -> Vec<Case> {
    let unknown_error = Expect::Code(ErrorCode::UNKNOWN_SERVER_ERROR);
    let too_new = Expect::Code(ErrorCode::INVALID_TIMESTAMP);
    let refused = [
        ("records of format 1 are refused", Spoil::Magic1, INVALID_RECORD),
        ("a batch that is cut short is no batch", Spoil::CutShort, INVALID_RECORD),
        ("no records at all are refused", Spoil::Missing, INVALID_RECORD),
        ("a base offset other than 0 is refused", Spoil::BaseOffset, INVALID_RECORD),
        ("a record count that contradicts the offsets is refused", Spoil::Count, INVALID_RECORD),
        ("a record count above the records is refused", Spoil::CountAndOffsets, INVALID_RECORD),
        ("a client's control batch is refused", Spoil::Control, INVALID_RECORD),
        ("an unknown codec is an error of the server", Spoil::Codec, unknown_error),
        ("data that its codec cannot read is an error of the server", Spoil::NotGzip, unknown_error),
    ];
    let mut cases: Vec<Case> =
        refused.into_iter().map(|(name, spoil, expect)| case(name, TODAY, spoilt(spoil, expect))).collect();
    // KIP-1030
    let future = case("records from the future are refused", TODAY, spoilt(Spoil::Future, too_new));
    cases.push(Case { since: KafkaVersion::V4_3, ..future });
    cases.push(case(
        "a batch of several records takes as many offsets",
        TODAY,
        [
            Step::Produce(produce(Batch { records: 3, ..PLAIN }, Expect::At(0))),
            sent(0, 0, 0, Expect::At(3)),
            Step::EndsAt(4),
        ],
    ));
    cases
}

/// Other APIs are asked once, whatever the version of Produce.
const ONCE: VersionRange = VersionRange::new(10, 10);

fn topics() -> Vec<Case> {
    let api_versions = |version, software, code| Step::ApiVersions { version, software, code };
    let metadata = |topic, code| Step::Metadata { version: 9, topic, code };
    let create = |topic, partitions, replication_factor, code| Step::CreateTopic {
        topic,
        partitions,
        replication_factor,
        code,
    };
    vec![
        case(
            "ApiVersions of an unknown version is answered in version 0",
            ONCE,
            [
                api_versions(0, "", OK),
                api_versions(3, "kp", OK),
                api_versions(99, "kp", ErrorCode::UNSUPPORTED_VERSION),
            ],
        ),
        case(
            "a client software name with a blank is refused",
            ONCE,
            [api_versions(3, "k p", ErrorCode::INVALID_REQUEST)],
        ),
        case(
            "Metadata tells an unknown topic from an impossible one",
            ONCE,
            [
                metadata("there-is-no-such-topic", ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
                metadata("/", ErrorCode::INVALID_TOPIC_EXCEPTION),
                metadata("", ErrorCode::INVALID_TOPIC_EXCEPTION),
            ],
        ),
        case("a topic that asking creates is unknown to the first who asks", ONCE, [Step::AskingCreates]),
        case(
            "CreateTopics refuses what cannot be",
            ONCE,
            [
                create("no such topic", 1, 1, ErrorCode::INVALID_TOPIC_EXCEPTION),
                create("kp-conformance-a", 0, 1, ErrorCode::INVALID_PARTITIONS),
                create("kp-conformance-a", 1, 9, ErrorCode::INVALID_REPLICATION_FACTOR),
                create("kp-conformance-a", -1, -1, OK),
            ],
        ),
    ]
}

/// What a topic's own configuration changes.
fn configured_topics() -> Vec<Case> {
    let configured = |configs, name, steps: Vec<Step>| Case { configs, ..case(name, TODAY, steps) };
    vec![
        configured(
            &[("message.timestamp.type", "LogAppendTime")],
            "a topic with the broker's times answers with them",
            vec![
                Step::Produce(produce(PLAIN, Expect::Stamped(0))),
                Step::Produce(produce(Batch { spoil: Spoil::Future, ..PLAIN }, Expect::Stamped(1))),
            ],
        ),
        configured(
            &[("cleanup.policy", "compact")],
            "a compacted topic refuses a record without a key",
            vec![Step::Produce(produce(PLAIN, INVALID_RECORD)), Step::EndsAt(0)],
        ),
        configured(
            &[("max.message.bytes", "100")],
            "a topic has a limit of its own",
            vec![
                Step::Produce(produce(PLAIN, Expect::At(0))),
                Step::Produce(produce(Batch { value_size: 50, ..PLAIN }, TOO_LARGE)),
            ],
        ),
    ]
}

fn reading() -> Vec<Case> {
    let list = |timestamp, code, offset| Step::ListOffsets { timestamp, code, offset };
    let fetch = |offset, max_bytes, code, found| Step::Fetch { offset, max_bytes, code, found };
    /// Bytes of a plain batch.
    const SIZE: usize = 78;
    let ends = [
        list(-2, OK, 0),
        list(-1, OK, 2),
        list(0, OK, 0),
        list(i64::MAX, OK, -1),
        list(-3, OK, 1),
        list(-9, ErrorCode::UNSUPPORTED_VERSION, -1),
    ];
    let fetches = [
        fetch(0, 1, OK, (1, SIZE)),
        fetch(1, 1, OK, (1, SIZE)),
        fetch(0, 100, OK, (1, 100)),
        fetch(0, 1000, OK, (2, 2 * SIZE)),
        fetch(2, 1000, OK, (0, 0)),
        fetch(3, 1, ErrorCode::OFFSET_OUT_OF_RANGE, (0, 0)),
        fetch(-1, 1, ErrorCode::OFFSET_OUT_OF_RANGE, (0, 0)),
    ];
    vec![
        case("offsets are found from both ends", ONCE, after(2, ends)),
        case("the first batch comes whole, and the last is cut at the limit", ONCE, after(2, fetches)),
    ]
}

fn closings() -> Vec<Case> {
    let closed = |frame: &'static [u8]| [Step::ClosedOn(frame), Step::EndsAt(0)];
    let produce_0 = case(
        "Produce v0 closes the connection",
        ONCE,
        closed(b"\0\0\0\x15\0\0\0\0\0\0\0\x07\0\x01x\0\x01\0\0\x03\xe8\0\0\0\0"),
    );
    vec![
        Case { since: KafkaVersion::V4_3, ..produce_0 },
        case(
            "an unknown API closes the connection",
            ONCE,
            closed(b"\0\0\0\x0b\x27\x0f\0\0\0\0\0\x07\0\x01x"),
        ),
        case("a frame that is too short for a header closes the connection", ONCE, closed(b"\0\0\0\x02\0\0")),
        case("a negative size closes the connection", ONCE, closed(b"\xff\xff\xff\xff")),
    ]
}
