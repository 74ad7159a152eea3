//! Batches to a Produce request, and its response to one verdict per partition.
//! Pure; the payloads go by reference. Versions: the newest that the broker takes, up to 13 (topic ids, KIP-516). From
//! 3 on each partition has one v2 batch (KIP-98); older ones carry a message set in its place.

use crate::retry::{Refusal, Verdict};
use crate::unfit::Unfit;
use bytes::Bytes;
use kp_accumulator::{Batch, InFlight, Payload, WireBatch};
use kp_protocol::api::{NodeEndpoint, PartitionProduceResponse, ProduceRequest, ProduceResponse};
use kp_protocol::compression::Compression;
use kp_protocol::records::{BATCH_HEADER_SIZE, MessageFormat};
use kp_protocol::text::shown;
use kp_protocol::{
    Acks, ApiKey, BrokerAddress, BrokerId, BrokerVersions, KafkaString, LeaderEpoch, Message, Offset,
    PartitionId, ProduceWriter, ProtocolError, Segments, Timestamp, TopicId, TopicName, TopicPartition,
    VersionRange, read_plain_acks,
};
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

/// One batch as it goes into a request.
pub(crate) struct Part<P> {
    pub(crate) partition: TopicPartition,
    /// Zero if not known.
    pub(crate) topic_id: TopicId,
    pub(crate) records: PartRecords<P>,
}

/// Its records, in the format of the version.
pub(crate) enum PartRecords<P> {
    Batch { header: [u8; BATCH_HEADER_SIZE], payload: P },
    MessageSet(Bytes),
}

/// The newest version for a broker, out of those that are allowed; without topic ids if that of some topic is not known. `None` = it takes none of ours.
pub(crate) fn choose_version(
    versions: &BrokerVersions,
    within: VersionRange,
    all_ids_known: bool,
) -> Option<i16> {
    let newest = if all_ids_known { within.max } else { within.max.min(ProduceRequest::TOPIC_IDS_FROM - 1) };
    versions.negotiate_within(ApiKey::Produce, VersionRange::new(within.min, newest))
}

/// Whether this version carries a batch in that codec (KIP-110).
pub(crate) fn knows_codec(version: i16, codec: Compression) -> bool {
    version >= ProduceRequest::ZSTD_FROM || codec != Compression::Zstd
}

/// The records of a batch as Produce in this version carries them.
pub(crate) fn records_for(
    version: i16,
    batch: &mut Batch<InFlight>,
    wire: WireBatch,
    level: Option<i32>,
) -> Result<PartRecords<Payload>, Unfit> {
    if !knows_codec(version, batch.compression()) {
        return Err(Unfit::Zstd);
    }
    let Some(format) = MessageFormat::of_produce(version) else {
        return Ok(PartRecords::Batch { header: wire.header, payload: wire.payload });
    };
    if batch.identity().is_some() {
        return Err(Unfit::Numbered);
    }
    match batch.as_message_set(format, level) {
        Ok(set) => Ok(PartRecords::MessageSet(set)),
        Err(ProtocolError::NotConvertible { .. }) => Err(Unfit::Headers),
        Err(error) => Err(Unfit::Other(error)),
    }
}

/// The topics of a request, with their ids at the moment of sending (SN16): a topic that is created again meanwhile has another
/// id and does not get this answer.
#[derive(Debug, Default)]
pub(crate) struct RequestTopics {
    /// By id from version 13 on, by name below.
    list: Vec<(TopicId, TopicName)>,
}

impl RequestTopics {
    fn sort(&mut self, version: i16) {
        if version >= ProduceRequest::TOPIC_IDS_FROM {
            self.list.sort_unstable_by_key(|(id, _)| *id);
        }
    }

    /// The topic that an answer is for; `None`: nothing of it was asked.
    fn find(&self, version: i16, id: TopicId, name: &[u8]) -> Option<&TopicName> {
        let place = if version >= ProduceRequest::TOPIC_IDS_FROM {
            self.list.binary_search_by_key(&id, |(id, _)| *id)
        } else {
            self.list.binary_search_by(|(_, known)| known.as_bytes().cmp(name))
        };
        Some(&self.list[place.ok()?].1)
    }

    pub(crate) fn clear(&mut self) {
        self.list.clear();
    }
}

/// What a request says before its batches.
#[derive(Clone, Copy)]
pub(crate) struct RequestHead<'a> {
    pub(crate) version: i16,
    /// Of a transactional producer (KIP-98).
    pub(crate) transactional_id: Option<&'a str>,
    pub(crate) acks: Acks,
    pub(crate) timeout: Duration,
}

/// A body, with its batches by reference, in the order of partitions; `parts` and `topics` are lists to be used again, the
/// one empty afterwards, the other before.
///
/// # Errors
/// A name too long for the wire, or a request beyond 2 GiB.
pub(crate) fn encode<P: Deref<Target = [Bytes]>>(
    writer: &mut ProduceWriter,
    RequestHead { version, transactional_id, acks, timeout }: RequestHead<'_>,
    parts: &mut Vec<Part<P>>,
    topics: &mut RequestTopics,
) -> Result<Segments, ProtocolError> {
    parts.sort_unstable_by(|one, other| one.partition.cmp(&other.partition));
    for part in &*parts {
        if topics.list.last().is_none_or(|(_, name)| *name != part.partition.topic) {
            topics.list.push((part.topic_id, part.partition.topic.clone()));
        }
    }
    // SN3: the broker may take as long as the client waits.
    let timeout_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    let mut body = writer.begin(version, transactional_id, acks.wire(), timeout_ms, topics.list.len())?;
    for of_topic in parts.chunk_by(|one, other| one.partition.topic == other.partition.topic) {
        body.topic(&of_topic[0].partition.topic, of_topic[0].topic_id, of_topic.len())?;
        for part in of_topic {
            let index = part.partition.partition.0;
            match &part.records {
                PartRecords::Batch { header, payload } => body.batch(index, header, payload)?,
                PartRecords::MessageSet(set) => body.records(index, set.clone())?,
            }
        }
    }
    let segments = body.finish()?;
    parts.clear();
    topics.sort(version);
    Ok(segments)
}

/// What a response says besides its partitions.
pub(crate) struct ProduceAnswer {
    /// Where the leaders that it names are reached (KIP-951).
    pub(crate) endpoints: Vec<BrokerAddress>,
    /// How long the client is to leave the broker alone; zero if the broker has done the waiting itself.
    pub(crate) throttle: Duration,
    /// How long the broker has held the request back itself (below version 6).
    pub(crate) held_back: Duration,
}

pub(crate) struct PartitionAnswer {
    pub(crate) partition: TopicPartition,
    /// Taken by the place it is for.
    pub(crate) verdict: Option<Verdict>,
    /// The leader the broker knows of (KIP-951).
    pub(crate) leader: Option<(BrokerId, LeaderEpoch)>,
}

/// Reads the response to a request of `version` about these `topics`; `answers`, empty before, takes one for each partition of
/// ours, in the order of partitions.
///
/// # Errors
/// The bytes are no such response.
pub(crate) fn decode(
    body: &Bytes,
    version: i16,
    topics: &RequestTopics,
    answers: &mut Vec<PartitionAnswer>,
) -> Result<ProduceAnswer, ProtocolError> {
    let plain = read_plain_acks(body, version, |ack| {
        // A topic that was not asked about answers nothing of ours.
        if let Some(topic) = topics.find(version, ack.topic_id, ack.topic) {
            let partition = TopicPartition { topic: topic.clone(), partition: PartitionId(ack.partition) };
            let verdict = acknowledged(ack.base_offset, ack.log_append_time_ms);
            answers.push(PartitionAnswer { partition, verdict: Some(verdict), leader: None });
        }
    });
    let (throttle_ms, endpoints) = match plain {
        Some(throttle_ms) => (throttle_ms, Vec::new()),
        None => {
            answers.clear();
            let response = ProduceResponse::parse(body, version)?;
            for topic in response.responses {
                if let Some(name) = topics.find(version, topic.topic_id, topic.name.as_bytes()) {
                    let read = |answer| read_partition(name.clone(), answer);
                    answers.extend(topic.partition_responses.into_iter().map(read));
                }
            }
            let endpoints = response.node_endpoints.iter().filter_map(read_endpoint).collect();
            (response.throttle_time_ms, endpoints)
        }
    };
    answers.sort_unstable_by(|one, other| one.partition.cmp(&other.partition));
    let throttled = Duration::from_millis(u64::try_from(throttle_ms).unwrap_or(0));
    let client_waits = ApiKey::Produce.is_throttled_by_client(version); // NC20
    Ok(ProduceAnswer {
        endpoints,
        throttle: if client_waits { throttled } else { Duration::ZERO },
        held_back: if client_waits { Duration::ZERO } else { throttled },
    })
}

/// What `answers`, in the order of partitions, says about `partition`.
pub(crate) fn take_verdict(answers: &mut [PartitionAnswer], partition: &TopicPartition) -> Option<Verdict> {
    let place = answers.binary_search_by(|answer| answer.partition.cmp(partition)).ok()?;
    answers[place].verdict.take()
}

fn acknowledged(base_offset: i64, log_append_time_ms: i64) -> Verdict {
    Verdict::Acknowledged {
        base_offset: Some(Offset(base_offset)).filter(|offset| offset.0 >= 0),
        log_append_time: Some(Timestamp(log_append_time_ms)).filter(|time| time.0 >= 0),
    }
}

fn read_partition(topic: TopicName, answer: PartitionProduceResponse) -> PartitionAnswer {
    let leader = (BrokerId(answer.current_leader.leader_id), LeaderEpoch(answer.current_leader.leader_epoch));
    PartitionAnswer {
        partition: TopicPartition { topic, partition: PartitionId(answer.index) },
        leader: (leader.0.0 >= 0 && leader.1.0 >= 0).then_some(leader),
        verdict: Some(read_verdict(answer)),
    }
}

fn read_verdict(answer: PartitionProduceResponse) -> Verdict {
    // Only shown from here on, in errors and notices: made harmless where it comes in.
    let words = |text: &KafkaString| Arc::from(shown(text).to_string());
    if answer.error_code.is_ok() {
        return acknowledged(answer.base_offset, answer.log_append_time_ms);
    }
    let named = answer.record_errors.iter().filter_map(|named| {
        let index = u32::try_from(named.batch_index).ok()?;
        Some((index, named.batch_index_error_message.as_ref().map(words)))
    });
    Verdict::Refused(Refusal {
        code: answer.error_code,
        message: answer.error_message.as_ref().map(words),
        has_offset: answer.base_offset >= 0,
        log_start_offset: Some(Offset(answer.log_start_offset)).filter(|offset| offset.0 >= 0),
        record_errors: named.collect(),
    })
}

fn read_endpoint(endpoint: &NodeEndpoint) -> Option<BrokerAddress> {
    Some(BrokerAddress {
        id: BrokerId(endpoint.node_id),
        host: Arc::from(endpoint.host.as_str()),
        port: u16::try_from(endpoint.port).ok()?,
        rack: endpoint.rack.as_ref().map(|rack| Arc::from(rack.as_str())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use kp_protocol::api::{BatchIndexAndErrorMessage, LeaderIdAndEpoch, TopicProduceResponse};
    use kp_protocol::{ErrorCode, encode_body};

    fn encode(version: i16, acks: Acks, mut parts: Vec<Part<Vec<Bytes>>>) -> (Segments, RequestTopics) {
        let (mut writer, mut topics) = (ProduceWriter::default(), RequestTopics::default());
        let timeout = Duration::from_secs(30);
        let head = RequestHead { version, transactional_id: None, acks, timeout };
        let body = super::encode(&mut writer, head, &mut parts, &mut topics).unwrap();
        assert!(parts.is_empty());
        (body, topics)
    }

    fn decode(
        body: &Bytes,
        version: i16,
        topics: &RequestTopics,
    ) -> Result<(ProduceAnswer, Vec<PartitionAnswer>), ProtocolError> {
        let mut answers = Vec::new();
        Ok((super::decode(body, version, topics, &mut answers)?, answers))
    }

    fn topics(names: &[&str]) -> RequestTopics {
        RequestTopics { list: names.iter().map(|name| (TopicId::ZERO, TopicName::new(name))).collect() }
    }

    fn versions(min: i16, max: i16) -> BrokerVersions {
        BrokerVersions::fixed([(ApiKey::Produce, VersionRange::new(min, max))])
    }

    fn part(topic: &str, partition: i32, id: u8, payload: &'static [u8]) -> Part<Vec<Bytes>> {
        Part {
            partition: TopicPartition::new(topic, partition),
            topic_id: TopicId([id; 16]),
            records: PartRecords::Batch {
                header: [b'h'; BATCH_HEADER_SIZE],
                payload: vec![Bytes::from_static(payload)],
            },
        }
    }

    #[test]
    fn the_newest_common_version_is_used_and_ids_only_if_all_are_known() {
        // NC3, SN16
        let choose = |versions: &BrokerVersions, all_ids_known| {
            choose_version(versions, ApiKey::Produce.offered(), all_ids_known)
        };
        assert_eq!(choose(&versions(0, 13), true), Some(13));
        assert_eq!(choose(&versions(0, 13), false), Some(12));
        assert_eq!(choose(&versions(3, 9), true), Some(9));
        assert_eq!(choose(&versions(0, 2), true), Some(2));
        assert_eq!(choose(&versions(13, 13), false), None);
        assert_eq!(choose(&BrokerVersions::default(), true), None);
    }

    #[test]
    fn zstd_does_not_go_into_versions_that_do_not_know_it() {
        // KIP-110
        assert!(!knows_codec(6, Compression::Zstd) && knows_codec(7, Compression::Zstd));
        assert!(knows_codec(0, Compression::Lz4));
    }

    #[test]
    fn a_message_set_goes_in_the_place_of_a_batch() {
        for version in 0..3 {
            let mut part = part("t", 4, 0, b"");
            part.records = PartRecords::MessageSet(Bytes::from_static(b"messages"));
            let (body, _) = encode(version, Acks::Leader, vec![part]);
            let request = ProduceRequest::parse(&Bytes::from(body.concat()), version).unwrap();
            let partition = &request.topic_data[0].partition_data[0];
            let records = partition.records.as_ref().unwrap().to_bytes();
            assert_eq!((partition.index, &records[..]), (4, &b"messages"[..]), "version {version}");
        }
    }

    #[test]
    fn a_request_groups_partitions_by_topic_and_carries_payloads_by_reference() {
        // SN3
        let payload = Bytes::from(vec![7u8; 100]);
        let mut parts = vec![part("a", 0, 1, b"p0"), part("b", 0, 2, b"p1"), part("a", 3, 1, b"")];
        parts[2].records =
            PartRecords::Batch { header: [b'h'; BATCH_HEADER_SIZE], payload: vec![payload.clone()] };
        let (body, _) = encode(9, Acks::All, parts);
        assert!(body.iter().any(|piece| piece.as_ptr() == payload.as_ptr()), "not copied");
        let whole = Bytes::from(body.concat());
        let request = ProduceRequest::parse(&whole, 9).unwrap();
        assert_eq!((request.acks, request.timeout_ms), (-1, 30_000));
        let topics: Vec<_> =
            request.topic_data.iter().map(|t| (t.name.as_str(), t.partition_data.len())).collect();
        assert_eq!(topics, [("a", 2), ("b", 1)]);
        let records = request.topic_data[0].partition_data[0].records.as_ref().unwrap().to_bytes();
        assert_eq!(&records[..], [&[b'h'; BATCH_HEADER_SIZE][..], b"p0"].concat());
    }

    #[test]
    fn with_ids_the_answer_finds_its_topic_by_the_ids_of_the_moment_of_sending() {
        // SN16
        let parts = vec![part("a", 0, 1, b"p"), part("b", 5, 2, b"p")];
        let (_, ids) = encode(13, Acks::All, parts);
        let topic = |id, index| TopicProduceResponse {
            topic_id: TopicId([id; 16]),
            partition_responses: vec![PartitionProduceResponse {
                index,
                base_offset: 9,
                ..Default::default()
            }],
            ..Default::default()
        };
        let response = ProduceResponse { responses: vec![topic(2, 5), topic(3, 0)], ..Default::default() };
        let body = Bytes::from(encode_body(13, &response).unwrap().concat());
        let (_, mut answers) = decode(&body, 13, &ids).unwrap();
        assert_eq!(answers.len(), 1, "the unknown id answers nothing");
        assert_eq!(take_verdict(&mut answers, &TopicPartition::new("a", 0)), None);
        let acknowledged = Verdict::Acknowledged { base_offset: Some(Offset(9)), log_append_time: None };
        let partition = TopicPartition::new("b", 5);
        assert_eq!(take_verdict(&mut answers, &partition), Some(acknowledged));
        assert_eq!(take_verdict(&mut answers, &partition), None, "once");
    }

    #[test]
    fn an_error_answer_brings_its_words_the_named_records_and_the_leader() {
        // SN13, BB24, MD13, NC20
        let refused = PartitionProduceResponse {
            error_code: ErrorCode::INVALID_RECORD,
            base_offset: -1,
            error_message: Some("bad".into()),
            record_errors: vec![BatchIndexAndErrorMessage {
                batch_index: 3,
                batch_index_error_message: Some("no key".into()),
                ..Default::default()
            }],
            current_leader: LeaderIdAndEpoch { leader_id: 2, leader_epoch: 7, ..Default::default() },
            ..Default::default()
        };
        let response = ProduceResponse {
            responses: vec![TopicProduceResponse {
                name: "t".into(),
                partition_responses: vec![refused],
                ..Default::default()
            }],
            throttle_time_ms: 250,
            node_endpoints: vec![NodeEndpoint {
                node_id: 2,
                host: "h".into(),
                port: 9092,
                rack: None,
                ..Default::default()
            }],
            ..Default::default()
        };
        let body = Bytes::from(encode_body(10, &response).unwrap().concat());
        let (answer, answers) = decode(&body, 10, &topics(&["t"])).unwrap();
        assert_eq!(answer.throttle, Duration::from_millis(250));
        assert_eq!(answer.endpoints[0].id, BrokerId(2));
        assert_eq!(answers[0].leader, Some((BrokerId(2), LeaderEpoch(7))));
        for (leader_id, leader_epoch) in [(2, -1), (-1, 7)] {
            let mut half = response.clone();
            half.responses[0].partition_responses[0].current_leader =
                LeaderIdAndEpoch { leader_id, leader_epoch, ..Default::default() };
            let body = Bytes::from(encode_body(10, &half).unwrap().concat());
            assert_eq!(decode(&body, 10, &topics(&["t"])).unwrap().1[0].leader, None, "half a hint is none");
        }
        let expected = Refusal {
            code: ErrorCode::INVALID_RECORD,
            message: Some("bad".into()),
            has_offset: false,
            log_start_offset: None,
            record_errors: vec![(3, Some("no key".into()))],
        };
        assert_eq!(answers[0].verdict, Some(Verdict::Refused(expected)));
    }

    #[test]
    fn a_broker_that_waits_before_it_answers_needs_no_waiting_client() {
        // NC20
        let response = ProduceResponse { throttle_time_ms: 250, ..Default::default() };
        let body = Bytes::from(encode_body(5, &response).unwrap().concat());
        let (answer, _) = decode(&body, 5, &topics(&[])).unwrap();
        assert_eq!((answer.throttle, answer.held_back), (Duration::ZERO, Duration::from_millis(250)));
    }

    #[test]
    fn nonsense_is_an_error_and_not_a_panic() {
        assert!(decode(&Bytes::from_static(b"\xff\xff"), 9, &topics(&[])).is_err());
    }
}
