//! Both against the tables in `api`, in every version.

use super::*;
use crate::api::{
    BatchIndexAndErrorMessage, LeaderIdAndEpoch, NodeEndpoint, PartitionProduceData,
    PartitionProduceResponse, ProduceRequest, ProduceResponse, TopicProduceData, TopicProduceResponse,
};
use crate::{ErrorCode, Message, Records, encode_body};
use proptest::prelude::*;

type Topics = Vec<(String, [u8; 16], Vec<(i32, Vec<u8>, Vec<Vec<u8>>)>)>;

fn topics() -> impl Strategy<Value = Topics> {
    let bytes = |most| prop::collection::vec(any::<u8>(), 0..most);
    let partition = (any::<i32>(), bytes(70), prop::collection::vec(bytes(300), 0..4));
    let topic = ("[a-z]{0,200}", any::<[u8; 16]>(), prop::collection::vec(partition, 0..5));
    prop::collection::vec(topic, 0..4)
}

fn by_the_tables(version: i16, id: Option<&str>, topics: &Topics) -> Vec<u8> {
    let partition = |(index, header, pieces): &(i32, Vec<u8>, Vec<Vec<u8>>)| PartitionProduceData {
        index: *index,
        records: Some(
            std::iter::once(header).chain(pieces).map(|piece| Bytes::from(piece.clone())).collect(),
        ),
        ..Default::default()
    };
    let topic_data = topics
        .iter()
        .map(|(name, id, partitions)| TopicProduceData {
            name: name.as_str().into(),
            topic_id: TopicId(*id),
            partition_data: partitions.iter().map(partition).collect(),
            ..Default::default()
        })
        .collect();
    let transactional_id = id.filter(|_| version >= 3).map(Into::into);
    let request =
        ProduceRequest { transactional_id, acks: -1, timeout_ms: 30_000, topic_data, ..Default::default() };
    encode_body(version, &request).unwrap().concat()
}

fn by_the_writer(writer: &mut ProduceWriter, version: i16, id: Option<&str>, topics: &Topics) -> Segments {
    let mut body = writer.begin(version, id, -1, 30_000, topics.len()).unwrap();
    for (name, id, partitions) in topics {
        body.topic(name, TopicId(*id), partitions.len()).unwrap();
        for (index, header, pieces) in partitions {
            let pieces: Vec<_> = pieces.iter().cloned().map(Bytes::from).collect();
            body.batch(*index, header, &pieces).unwrap();
        }
    }
    body.finish().unwrap()
}

proptest! {
    #[test]
    fn a_request_is_what_the_tables_make_of_it(topics in topics(), id in prop::option::of("[a-z]{0,30}")) {
        let mut writer = ProduceWriter::default();
        for version in 0..=13 {
            let written = by_the_writer(&mut writer, version, id.as_deref(), &topics);
            prop_assert!(written.iter().all(|piece| !piece.is_empty()));
            prop_assert_eq!(written.concat(), by_the_tables(version, id.as_deref(), &topics), "version {}", version);
        }
    }

    #[test]
    fn a_plain_answer_is_read_as_the_tables_read_it(
        partitions in prop::collection::vec((any::<i32>(), any::<i64>(), any::<i64>()), 0..6),
        throttle_time_ms in any::<i32>(),
    ) {
        for version in 0..=13 {
            let response = answer(&partitions, throttle_time_ms);
            let body = encode_body(version, &response).unwrap().concat();
            let mut acks = Vec::new();
            let throttle = read_plain_acks(&body, version, |ack| acks.push(ack));
            let read = ProduceResponse::parse(&Bytes::from(body.clone()), version).unwrap();
            prop_assert_eq!(throttle, Some(read.throttle_time_ms));
            let expected: Vec<_> = read
                .responses
                .iter()
                .flat_map(|topic| topic.partition_responses.iter().map(move |partition| PlainAck {
                    topic: topic.name.as_bytes(),
                    topic_id: topic.topic_id,
                    partition: partition.index,
                    base_offset: partition.base_offset,
                    log_append_time_ms: partition.log_append_time_ms,
                }))
                .collect();
            prop_assert_eq!(acks, expected, "version {}", version);
            for end in 0..body.len() {
                prop_assert_eq!(read_plain_acks(&body[..end], version, |_| ()), None, "cut at {}", end);
            }
            let longer = [&body[..], &[0]].concat();
            prop_assert_eq!(read_plain_acks(&longer, version, |_| ()), None, "a byte too many");
        }
    }

    #[test]
    fn nonsense_is_not_plain_and_no_panic(body in prop::collection::vec(any::<u8>(), 0..200), version in -1i16..15) {
        if read_plain_acks(&body, version, |_| ()).is_some() {
            prop_assert!(ProduceResponse::parse(&Bytes::from(body), version).is_ok());
        }
    }
}

fn answer(partitions: &[(i32, i64, i64)], throttle_time_ms: i32) -> ProduceResponse {
    let topic = |name: &str, partitions: &[(i32, i64, i64)]| TopicProduceResponse {
        name: name.into(),
        topic_id: TopicId([7; 16]),
        partition_responses: partitions
            .iter()
            .map(|(index, base_offset, log_append_time_ms)| PartitionProduceResponse {
                index: *index,
                base_offset: *base_offset,
                log_append_time_ms: *log_append_time_ms,
                ..Default::default()
            })
            .collect(),
        ..Default::default()
    };
    let (some, rest) = partitions.split_at(partitions.len() / 2);
    ProduceResponse {
        responses: vec![topic("first", some), topic("second", rest)],
        throttle_time_ms,
        ..Default::default()
    }
}

#[test]
fn an_answer_that_says_anything_else_is_not_plain() {
    type Spoil = (&'static str, i16, fn(&mut ProduceResponse));
    let spoil: [Spoil; 5] = [
        ("an error", 0, |answer| {
            answer.responses[1].partition_responses[0].error_code = ErrorCode::NOT_LEADER_OR_FOLLOWER;
        }),
        ("words", 8, |answer| {
            answer.responses[1].partition_responses[0].error_message = Some("".into());
        }),
        ("a record named", 8, |answer| {
            let named = BatchIndexAndErrorMessage::default();
            answer.responses[1].partition_responses[0].record_errors.push(named);
        }),
        ("a leader", 10, |answer| {
            answer.responses[1].partition_responses[0].current_leader =
                LeaderIdAndEpoch { leader_id: 1, leader_epoch: 2, ..Default::default() };
        }),
        ("an endpoint", 10, |answer| answer.node_endpoints.push(NodeEndpoint::default())),
    ];
    for (what, since, spoil) in spoil {
        for version in since..=13 {
            let mut response = answer(&[(0, 1, -1), (1, 2, -1)], 0);
            spoil(&mut response);
            let body = encode_body(version, &response).unwrap().concat();
            assert_eq!(read_plain_acks(&body, version, |_| ()), None, "{what}, version {version}");
        }
    }
}

#[test]
fn records_are_handed_on_and_not_copied_and_a_body_that_was_dropped_leaves_nothing() {
    let mut writer = ProduceWriter::default();
    let records = Bytes::from(vec![7; 100]);
    let mut dropped = writer.begin(9, None, 1, 1, 1).unwrap();
    dropped.topic("lost", TopicId::ZERO, 1).unwrap();
    dropped.records(0, records.clone()).unwrap();
    let mut body = writer.begin(9, None, 1, 1, 1).unwrap();
    body.topic("t", TopicId::ZERO, 1).unwrap();
    body.records(0, records.clone()).unwrap();
    let segments = body.finish().unwrap();
    assert!(segments.iter().any(|piece| piece.as_ptr() == records.as_ptr()));
    let request = ProduceRequest::parse(&segments.concat().into(), 9).unwrap();
    assert_eq!(request.topic_data.len(), 1);
    assert_eq!(request.topic_data[0].partition_data[0].records, Some(Records::from(records)));
}

#[test]
fn what_the_wire_has_no_length_or_version_for_is_an_error() {
    let mut writer = ProduceWriter::default();
    let long = "x".repeat(32_768);
    let mut body = writer.begin(12, None, 1, 1, 1).unwrap();
    assert!(matches!(body.topic(&long, TopicId::ZERO, 0), Err(ProtocolError::TooLong { limit: 32_767, .. })));
    assert!(matches!(writer.begin(14, None, 1, 1, 0), Err(ProtocolError::UnsupportedVersion { .. })));
}
