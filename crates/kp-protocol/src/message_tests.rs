//! What holds for every message in every version: it is written in the size it announces, read back equal, refused
//! when cut short, and never more than refused when damaged.

use std::fmt::Debug;

use bytes::Bytes;
use proptest::prelude::*;

use crate::api::*;
use crate::error::{Fault, ProtocolError};
use crate::field::Form;
use crate::sample::{Entropy, Sample};
use crate::wire::Message;
use crate::wire_buf::WireBuf;
use crate::{ErrorCode, KafkaString, Records, TopicId};

/// Calls `$check::<Message>($arguments)` for every message of the crate.
macro_rules! check_every_message {
    ($check:ident $arguments:tt) => { for_every_message!(check_every_message! @ $check $arguments) };
    (@ $check:ident $arguments:tt $($message:ident)*) => {
        { $(check_every_message!(# $check $message $arguments);)* }
    };
    (# $check:ident $message:ident ($($argument:expr),*)) => { $check::<$message>($($argument),*) };
}

fn form<M: Message>(version: i16) -> Form {
    Form { version, flexible: M::API.is_flexible(version), keeps_unknown: true }
}

fn encode<M: Message>(message: &M, version: i16) -> Bytes {
    let size = message.size(version).expect("a sample of this version can be said in it");
    let mut out = WireBuf::with_capacity(size);
    message.put(version, &mut out);
    let bytes = out.into_bytes();
    assert_eq!(bytes.len(), size, "{} v{version}: {size} bytes were announced", M::NAME);
    bytes
}

fn comes_back_equal<M: Message + Sample + PartialEq + Debug>(entropy: &[u8]) {
    for version in M::VERSIONS.min..=M::VERSIONS.max {
        let message = M::sample(&mut Entropy(entropy), form::<M>(version));
        let bytes = encode(&message, version);
        let back = M::parse_keeping_unknown(&bytes, version);
        assert_eq!(back.as_ref(), Ok(&message), "{} v{version}", M::NAME);
        assert_eq!(back.map(|back| encode(&back, version)), Ok(bytes), "{} v{version} again", M::NAME);
    }
}

fn is_refused_when_cut_short<M: Message + Sample + PartialEq + Debug>(entropy: &[u8]) {
    for version in M::VERSIONS.min..=M::VERSIONS.max {
        let bytes = encode(&M::sample(&mut Entropy(entropy), form::<M>(version)), version);
        for end in 0..bytes.len() {
            assert!(M::parse(&bytes.slice(..end), version).is_err(), "{} v{version} cut at {end}", M::NAME);
        }
        let longer = Bytes::from([&bytes[..], &[0]].concat());
        assert!(M::parse(&longer, version).is_err(), "{} v{version} with a byte left over", M::NAME);
    }
}

fn survives_damage<M: Message + Sample + PartialEq + Debug>(entropy: &[u8], at: usize, flip: u8) {
    for version in M::VERSIONS.min..=M::VERSIONS.max {
        let mut bytes = encode(&M::sample(&mut Entropy(entropy), form::<M>(version)), version).to_vec();
        if let Some(place) = at.checked_rem(bytes.len()) {
            bytes[place] ^= flip;
        }
        let bytes = Bytes::from(bytes);
        for read in [M::parse(&bytes, version), M::parse_keeping_unknown(&bytes, version)] {
            read.map(|message| encode(&message, version)).ok();
        }
        let _ = M::parse(&Bytes::copy_from_slice(entropy), version);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_message_in_every_version_comes_back_equal(entropy in prop::collection::vec(any::<u8>(), 0..400)) {
        check_every_message!(comes_back_equal(&entropy));
    }

    #[test]
    fn damaged_bytes_are_read_as_something_or_refused_but_never_a_panic(
        entropy in prop::collection::vec(any::<u8>(), 0..200), at in any::<usize>(), flip in 1..=u8::MAX,
    ) {
        check_every_message!(survives_damage(&entropy, at, flip));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    #[test]
    fn every_message_cut_short_anywhere_is_refused(entropy in prop::collection::vec(any::<u8>(), 0..150)) {
        check_every_message!(is_refused_when_cut_short(&entropy));
    }
}

/// Ours, read and written again by another implementation, which shares no code with this one.
fn is_the_same_to_another<M, T>(entropy: &[u8])
where
    M: Message + Sample + PartialEq + Debug,
    T: kafka_protocol::protocol::Decodable
        + kafka_protocol::protocol::Encodable
        + kafka_protocol::protocol::Message,
{
    for version in T::VERSIONS.min..=T::VERSIONS.max {
        let message = M::sample(&mut Entropy(entropy), form::<M>(version));
        let ours = encode(&message, version);
        let mut rest = ours.clone();
        let read = T::decode(&mut rest, version)
            .unwrap_or_else(|error| panic!("{} v{version}: they cannot read {message:?}: {error}", M::NAME));
        assert!(rest.is_empty(), "{} v{version}: they leave {} bytes of {message:?}", M::NAME, rest.len());
        let mut theirs = bytes::BytesMut::new();
        read.encode(&mut theirs, version)
            .unwrap_or_else(|error| panic!("{} v{version}: they cannot write {message:?}: {error}", M::NAME));
        assert_eq!(theirs.freeze(), ours, "{} v{version}: they write {message:?} differently", M::NAME);
    }
}

macro_rules! compare_with_another {
    ($entropy:ident $($message:ident)*) => {
        { $(is_the_same_to_another::<$message, kafka_protocol::messages::$message>(&$entropy);)* }
    };
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn another_implementation_reads_and_writes_the_same_bytes(
        entropy in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        for_every_message!(compare_with_another! entropy);
    }
}

fn agrees_with_the_api_table<M: Message>(messages: &mut usize) {
    *messages += 1;
    assert_eq!(M::VERSIONS, M::API.versions(), "{}", M::NAME);
    let table = SCHEMA_TABLES.iter().find(|table| table.message == M::NAME).expect("is in SCHEMA_TABLES");
    assert_eq!((table.api, table.versions), (M::API, M::VERSIONS), "{}", M::NAME);
    assert_eq!(table.flexible_from, M::API.flexible_from(), "{}", M::NAME);
}

#[test]
fn messages_and_the_api_table_agree_on_versions_and_flexibility() {
    let mut messages = 0;
    check_every_message!(agrees_with_the_api_table(&mut messages));
    assert_eq!(messages, SCHEMA_TABLES.len());
}

#[test]
fn tags_of_a_struct_are_written_in_ascending_order() {
    for part in SCHEMA_TABLES.iter().flat_map(|table| table.parts) {
        assert!(part.iter().filter_map(|row| row.tag).is_sorted_by(|low, high| low < high), "{part:?}");
    }
}

#[test]
fn known_tags_leave_no_gap_in_any_version() {
    // Unknown tags are written behind the known ones, and tags must ascend (KIP-482).
    for table in SCHEMA_TABLES {
        for version in table.versions.min..=table.versions.max {
            for part in table.parts {
                let tags = part.iter().filter(|row| row.versions.contains(version)).filter_map(|row| row.tag);
                let tags: Vec<_> = tags.collect();
                assert_eq!(tags, (0..tags.len() as u32).collect::<Vec<_>>(), "{} v{version}", table.message);
            }
        }
    }
}

#[test]
fn a_count_that_the_rest_cannot_hold_allocates_nothing() {
    // Two billion topics announced, no byte behind.
    let bytes = Bytes::from_static(&[0x7f, 0xff, 0xff, 0xff]);
    let fault = Fault::TooMany { count: 0x7fff_ffff, left: 0 };
    assert_eq!(
        MetadataRequest::parse(&bytes, 1),
        Err(ProtocolError::Malformed { what: "MetadataRequest", version: 1, at: 4, fault })
    );
    let compact = Bytes::from_static(&[0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0]);
    assert!(matches!(
        MetadataRequest::parse(&compact, 9),
        Err(ProtocolError::Malformed { fault: Fault::TooMany { .. }, .. })
    ));
}

#[test]
fn a_field_that_the_version_lacks_is_dropped_or_refused_as_its_row_says() {
    let asks =
        MetadataRequest { topics: Some(vec![]), allow_auto_topic_creation: false, ..Default::default() };
    assert_eq!(
        asks.size(3),
        Err(ProtocolError::FieldNotInVersion {
            part: "MetadataRequest",
            field: "allow_auto_topic_creation",
            version: 3
        })
    );
    assert_eq!(asks.size(4), Ok(5));
    let response = ProduceResponse { throttle_time_ms: 9, ..Default::default() };
    assert_eq!(response.size(0), Ok(4), "ignorable");
    let all = MetadataRequest::default();
    assert_eq!(
        all.size(0),
        Err(ProtocolError::NullNotAllowed { part: "MetadataRequest", field: "topics", version: 0 })
    );
    assert!(all.size(14).is_err(), "no such version");
}

#[test]
fn null_where_the_version_allows_none_is_refused() {
    let bytes = Bytes::from_static(&[0xff, 0xff, 0xff, 0xff]);
    let fault = Fault::Null;
    assert_eq!(
        MetadataRequest::parse(&bytes, 0),
        Err(ProtocolError::Malformed { what: "MetadataRequest", version: 0, at: 0, fault })
    );
    assert_eq!(MetadataRequest::parse(&bytes, 1), Ok(MetadataRequest::default()));
}

#[test]
fn an_unknown_tag_is_skipped_and_tags_out_of_order_are_refused() {
    let known = InitProducerIdResponse { producer_id: 5, ..Default::default() };
    let bytes = encode(&known, 5);
    let head = &bytes[..bytes.len() - 1];
    let with_tags = |tags: &[u8]| Bytes::from([head, tags].concat());
    assert_eq!(InitProducerIdResponse::parse(&with_tags(&[2, 7, 1, 0xaa, 9, 0]), 5), Ok(known));
    let refused = InitProducerIdResponse::parse(&with_tags(&[2, 9, 0, 7, 0]), 5);
    assert!(matches!(refused, Err(ProtocolError::Malformed { fault: Fault::TagOrder { tag: 7 }, .. })));
}

#[test]
fn unknown_tags_that_are_kept_follow_the_known_ones_and_must_not_be_one_of_them() {
    // KIP-482; the known ones are 0 and 3 here
    let mut response = ApiVersionsResponse { zk_migration_ready: true, ..Default::default() };
    let key = SupportedFeatureKey { name: "f".into(), ..Default::default() };
    response.supported_features = vec![key];
    for tag in [9, u32::MAX, 4] {
        response.unknown_tags.insert(tag, Bytes::from_static(b"?"));
    }
    let bytes = encode(&response, 3);
    assert_eq!(ApiVersionsResponse::parse_keeping_unknown(&bytes, 3).as_ref(), Ok(&response));
    // So many that their number takes two bytes.
    let mut many = response.clone();
    (100..300).for_each(|tag| many.unknown_tags.insert(tag, Bytes::new()));
    assert_eq!(ApiVersionsResponse::parse_keeping_unknown(&encode(&many, 3), 3), Ok(many));
    let in_vain = |tag| {
        let mut response = response.clone();
        response.unknown_tags.insert(tag, Bytes::new());
        response.size(3)
    };
    let what = "an unknown tag is none that the version knows";
    assert_eq!(in_vain(3), Err(ProtocolError::Illegal { what, found: 3 }));
    let refused =
        ProtocolError::FieldNotInVersion { part: "ApiVersionsResponse", field: "unknown_tags", version: 2 };
    assert_eq!(
        ApiVersionsResponse { unknown_tags: response.unknown_tags, ..Default::default() }.size(2),
        Err(refused)
    );
}

#[test]
fn a_tagged_field_with_its_default_is_left_out_and_a_set_one_comes_back() {
    // KIP-951
    let mut partition =
        PartitionProduceResponse { error_code: ErrorCode::NOT_LEADER_OR_FOLLOWER, ..Default::default() };
    let plain = partition.clone();
    partition.current_leader = LeaderIdAndEpoch { leader_id: 3, leader_epoch: 8, ..Default::default() };
    let response = |partition: PartitionProduceResponse| ProduceResponse {
        responses: vec![TopicProduceResponse { partition_responses: vec![partition], ..Default::default() }],
        ..Default::default()
    };
    let (without, with) = (encode(&response(plain), 10), encode(&response(partition.clone()), 10));
    // Tag, size, and a struct of two i32 with its own empty section.
    assert_eq!(with.len() - without.len(), 1 + 1 + 9);
    assert_eq!(ProduceResponse::parse(&with, 10), Ok(response(partition)));
}

#[test]
fn records_of_a_request_are_handed_on_and_not_copied() {
    let batch = vec![Bytes::from_static(b"header"), Bytes::from_static(b"payload")];
    let data =
        PartitionProduceData { index: 1, records: Some(Records::from(batch.clone())), ..Default::default() };
    let topic = TopicProduceData {
        topic_id: TopicId([7; 16]),
        partition_data: vec![data.clone(), data],
        ..Default::default()
    };
    let request =
        ProduceRequest { acks: -1, timeout_ms: 30_000, topic_data: vec![topic], ..Default::default() };
    let segments = crate::encode_body(13, &request).expect("can be said");
    let of_batch: Vec<_> =
        segments.iter().filter(|s| batch.iter().any(|b| b.as_ptr() == s.as_ptr())).collect();
    assert_eq!(of_batch, [&batch[0], &batch[1], &batch[0], &batch[1]]);
    assert_eq!(segments.iter().map(Bytes::len).sum::<usize>(), request.size(13).expect("can be said"));
    let whole = Bytes::from(segments.concat());
    let parsed = ProduceRequest::parse(&whole, 13).expect("was just written");
    assert_eq!(parsed, request);
    let records = parsed.topic_data[0].partition_data[0].records.as_ref().expect("was written");
    let piece = records.segments().next().expect("is not empty");
    assert!(whole.as_ptr_range().contains(&piece.as_ptr()), "a slice of the frame");
}

#[test]
fn old_list_offsets_answers_with_an_array() {
    // Brokers before 0.10.1 (KIP-79).
    let partition = ListOffsetsPartitionResponse {
        partition_index: 2,
        old_style_offsets: vec![70, 0],
        ..Default::default()
    };
    let topic = ListOffsetsTopicResponse {
        name: KafkaString::from("t"),
        partitions: vec![partition],
        ..Default::default()
    };
    let response = ListOffsetsResponse { topics: vec![topic], ..Default::default() };
    let bytes = encode(&response, 0);
    assert_eq!(
        &bytes[..],
        b"\0\0\0\x01\0\x01t\0\0\0\x01\0\0\0\x02\0\0\0\0\0\x02\0\0\0\0\0\0\0\x46\0\0\0\0\0\0\0\0"
    );
    assert_eq!(ListOffsetsResponse::parse(&bytes, 0).as_ref(), Ok(&response));
    assert!(response.size(1).is_err(), "newer versions have no place for them");
}

#[test]
fn a_token_is_not_shown_by_debug() {
    let request =
        SaslAuthenticateRequest { auth_bytes: Bytes::from_static(b"\0user\0password"), ..Default::default() };
    let shown = format!("{request:?}");
    assert_eq!(shown, "SaslAuthenticateRequest { auth_bytes: (not shown) }");
}
