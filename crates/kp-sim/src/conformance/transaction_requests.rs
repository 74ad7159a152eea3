//! The requests of the cases about transactions, and what their answers say: codes, a pair, an offset. Knows the wire's forms
//! and versions; judges nothing.

use bytes::Bytes;
use kp_protocol::api::{
    AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, AddPartitionsToTxnTopic,
    AddPartitionsToTxnTopicResult, AddPartitionsToTxnTransaction, EndTxnRequest, FindCoordinatorRequest,
    InitProducerIdRequest, ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic, OffsetFetchRequest,
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics, PartitionProduceData,
    ProduceRequest, TopicProduceData, TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition,
    TxnOffsetCommitRequestTopic,
};
use kp_protocol::compression::Compression;
use kp_protocol::records::{BATCH_HEADER_SIZE, RecordEncoder, RecordRef};
use kp_protocol::{
    BatchIdentity, ErrorCode, KafkaString, ProducerIdentity, Records, Request, Sequence, Timestamp, TopicId,
};

use super::asking::{Asking, Checked};
use super::transaction::{OffsetToCommit, Place, TransactionWrite, WriteKind};

/// What an answer says.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) codes: Vec<ErrorCode>,
    pub(super) pair: Option<ProducerIdentity>,
    pub(super) offset: Option<i64>,
    /// The words, where a request has some.
    pub(super) words: Vec<String>,
}

impl Found {
    fn code(code: ErrorCode) -> Self {
        Self::codes(vec![code])
    }

    fn codes(codes: Vec<ErrorCode>) -> Self {
        Self { codes, pair: None, offset: None, words: Vec::new() }
    }
}

/// Who asks: the head of nearly every request.
#[derive(Clone, Debug)]
pub(super) struct Asker {
    pub(super) version: i16,
    pub(super) transactional_id: Option<KafkaString>,
    pub(super) pair: ProducerIdentity,
}

impl Asker {
    fn name(&self) -> KafkaString {
        self.transactional_id.clone().unwrap_or_default()
    }
}

/// The case's topic.
#[derive(Clone, Debug)]
pub(super) struct CaseTopic {
    pub(super) name: KafkaString,
    pub(super) id: TopicId,
}

impl CaseTopic {
    fn place(&self, place: Place) -> (KafkaString, TopicId, i32) {
        match place {
            Place::Partition(partition) => (self.name.clone(), self.id, partition),
            Place::UnknownTopic => {
                (KafkaString::from_static("there-is-no-such-topic"), TopicId(*b"no such topic id"), 0)
            }
        }
    }
}

/// Asks, and reads what comes; `None` if the connection is closed instead.
fn exchange<R: Request>(
    asking: &mut Asking<'_>,
    version: i16,
    request: &R,
    read: impl FnOnce(R::Response) -> Found,
) -> Checked<Option<Found>> {
    Ok(asking.ask_or_be_closed(version, request)?.map(read))
}

pub(super) fn find_coordinator(
    asking: &mut Asking<'_>,
    version: i16,
    key_type: i8,
    names: Vec<KafkaString>,
) -> Checked<Option<Found>> {
    let words = |words: Option<KafkaString>| words.map_or(String::new(), |words| words.to_string());
    let request = if version >= 4 {
        FindCoordinatorRequest { key_type, coordinator_keys: names, ..Default::default() }
    } else {
        let key = names.into_iter().next().unwrap_or_default();
        FindCoordinatorRequest { key, key_type, ..Default::default() }
    };
    exchange(asking, version, &request, |answer| {
        if version < 4 {
            let found = Found::code(code_with_node(answer.error_code, answer.node_id));
            return Found { words: vec![words(answer.error_message)], ..found };
        }
        let codes = answer.coordinators.iter().map(|found| code_with_node(found.error_code, found.node_id));
        let found = Found::codes(codes.collect());
        Found {
            words: answer.coordinators.into_iter().map(|found| words(found.error_message)).collect(),
            ..found
        }
    })
}

/// A coordinator without an error is a broker, and one with an error is none: else the code is none that could be expected.
fn code_with_node(code: ErrorCode, node_id: i32) -> ErrorCode {
    if code.is_ok() == (node_id >= 0) { code } else { ErrorCode(i16::MIN) }
}

pub(super) fn init(asking: &mut Asking<'_>, asker: &Asker, timeout_ms: i32) -> Checked<Option<Found>> {
    let request = InitProducerIdRequest {
        transactional_id: asker.transactional_id.clone(),
        transaction_timeout_ms: timeout_ms,
        producer_id: asker.pair.producer_id,
        producer_epoch: asker.pair.epoch,
        ..Default::default()
    };
    exchange(asking, asker.version, &request, |answer| {
        let pair = ProducerIdentity { producer_id: answer.producer_id, epoch: answer.producer_epoch };
        Found { pair: answer.error_code.is_ok().then_some(pair), ..Found::code(answer.error_code) }
    })
}

pub(super) fn add(
    asking: &mut Asking<'_>,
    asker: &Asker,
    topic: &CaseTopic,
    places: &[Place],
    verify_only: bool,
) -> Checked<Option<Found>> {
    let topics = topics_of(topic, places);
    let request = if asker.version >= 4 {
        let transaction = AddPartitionsToTxnTransaction {
            transactional_id: asker.name(),
            producer_id: asker.pair.producer_id,
            producer_epoch: asker.pair.epoch,
            verify_only,
            topics,
            ..Default::default()
        };
        AddPartitionsToTxnRequest { transactions: vec![transaction], ..Default::default() }
    } else {
        AddPartitionsToTxnRequest {
            v3_and_below_transactional_id: asker.name(),
            v3_and_below_producer_id: asker.pair.producer_id,
            v3_and_below_producer_epoch: asker.pair.epoch,
            v3_and_below_topics: topics,
            ..Default::default()
        }
    };
    exchange(asking, asker.version, &request, |answer| {
        if !answer.error_code.is_ok() {
            return Found::code(answer.error_code);
        }
        let mut results = answer.results_by_topic_v3_and_below;
        results.extend(answer.results_by_transaction.into_iter().flat_map(|one| one.topic_results));
        Found::codes(places.iter().filter_map(|place| code_of(&results, topic, *place)).collect())
    })
}

fn topics_of(topic: &CaseTopic, places: &[Place]) -> Vec<AddPartitionsToTxnTopic> {
    let mut topics: Vec<AddPartitionsToTxnTopic> = Vec::new();
    for place in places {
        let (name, _, partition) = topic.place(*place);
        match topics.iter_mut().find(|topic| topic.name == name) {
            Some(topic) => topic.partitions.push(partition),
            None => topics.push(AddPartitionsToTxnTopic {
                name,
                partitions: vec![partition],
                ..Default::default()
            }),
        }
    }
    topics
}

fn code_of(results: &[AddPartitionsToTxnTopicResult], topic: &CaseTopic, place: Place) -> Option<ErrorCode> {
    let (name, _, partition) = topic.place(place);
    let mut partitions =
        results.iter().filter(|result| result.name == name).flat_map(|result| &result.results_by_partition);
    partitions.find(|found| found.partition_index == partition).map(|found| found.partition_error_code)
}

pub(super) fn add_offsets(
    asking: &mut Asking<'_>,
    asker: &Asker,
    group_id: KafkaString,
) -> Checked<Option<Found>> {
    let request = AddOffsetsToTxnRequest {
        transactional_id: asker.name(),
        producer_id: asker.pair.producer_id,
        producer_epoch: asker.pair.epoch,
        group_id,
        ..Default::default()
    };
    exchange(asking, asker.version, &request, |answer| Found::code(answer.error_code))
}

pub(super) fn end(asking: &mut Asking<'_>, asker: &Asker, committed: bool) -> Checked<Option<Found>> {
    let request = EndTxnRequest {
        transactional_id: asker.name(),
        producer_id: asker.pair.producer_id,
        producer_epoch: asker.pair.epoch,
        committed,
        ..Default::default()
    };
    exchange(asking, asker.version, &request, |answer| {
        let pair = ProducerIdentity { producer_id: answer.producer_id, epoch: answer.producer_epoch };
        Found { pair: (pair.producer_id >= 0).then_some(pair), ..Found::code(answer.error_code) }
    })
}

pub(super) fn commit_offset(
    asking: &mut Asking<'_>,
    asker: &Asker,
    topic: &CaseTopic,
    group_id: KafkaString,
    offset: &OffsetToCommit,
) -> Checked<Option<Found>> {
    let (name, _, partition_index) = topic.place(offset.place);
    let partition = TxnOffsetCommitRequestPartition {
        partition_index,
        committed_offset: offset.offset,
        committed_metadata: Some("m".repeat(offset.metadata_size).into()),
        ..Default::default()
    };
    let topics =
        vec![TxnOffsetCommitRequestTopic { name, partitions: vec![partition], ..Default::default() }];
    let mut request = TxnOffsetCommitRequest {
        transactional_id: asker.name(),
        group_id,
        producer_id: asker.pair.producer_id,
        producer_epoch: asker.pair.epoch,
        topics,
        ..Default::default()
    };
    if asker.version >= 3 {
        request.generation_id_or_member_epoch = offset.generation;
        request.member_id = offset.member.into();
    }
    exchange(asking, asker.version, &request, |answer| {
        let partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
        Found::codes(partitions.map(|partition| partition.error_code).collect())
    })
}

pub(super) fn fetch_offset(
    asking: &mut Asking<'_>,
    version: i16,
    topic: &CaseTopic,
    group_id: KafkaString,
    require_stable: bool,
) -> Checked<Option<Found>> {
    let (name, partition_indexes) = (topic.name.clone(), vec![0]);
    let mut request = OffsetFetchRequest { require_stable, ..Default::default() };
    if version >= 8 {
        let topics = Some(vec![OffsetFetchRequestTopics { name, partition_indexes, ..Default::default() }]);
        request.groups = vec![OffsetFetchRequestGroup { group_id, topics, ..Default::default() }];
    } else {
        request.group_id = group_id;
        request.topics =
            Some(vec![OffsetFetchRequestTopic { name, partition_indexes, ..Default::default() }]);
    }
    exchange(asking, version, &request, |answer| {
        let of_one = answer.topics.iter().flat_map(|topic| &topic.partitions);
        let of_many =
            answer.groups.iter().flat_map(|group| &group.topics).flat_map(|topic| &topic.partitions);
        let mut codes = answer.groups.iter().map(|group| group.error_code).chain([answer.error_code]);
        let whole = codes.find(|code| !code.is_ok());
        let mut partitions = of_one
            .map(|partition| (partition.error_code, partition.committed_offset))
            .chain(of_many.map(|partition| (partition.error_code, partition.committed_offset)));
        let partition = partitions.next();
        let codes = whole.or(partition.map(|(code, _)| code)).into_iter().collect();
        Found { offset: partition.map(|(_, offset)| offset), ..Found::codes(codes) }
    })
}

pub(super) fn end_offset(
    asking: &mut Asking<'_>,
    topic: &CaseTopic,
    partition_index: i32,
    isolation_level: i8,
) -> Checked<Option<Found>> {
    let partition = ListOffsetsPartition { partition_index, timestamp: -1, ..Default::default() };
    let topic =
        ListOffsetsTopic { name: topic.name.clone(), partitions: vec![partition], ..Default::default() };
    let request =
        ListOffsetsRequest { replica_id: -1, isolation_level, topics: vec![topic], ..Default::default() };
    exchange(asking, 7, &request, |answer| {
        let partition = answer.topics.first().and_then(|topic| topic.partitions.first());
        let codes = partition.map(|partition| partition.error_code).into_iter().collect();
        Found { offset: partition.map(|partition| partition.offset), ..Found::codes(codes) }
    })
}

/// A Produce request; `other` is the pair of the case's other transactional id.
pub(super) fn produce(
    asking: &mut Asking<'_>,
    asker: &Asker,
    topic: &CaseTopic,
    (acks, writes): (i16, &[TransactionWrite]),
    other: ProducerIdentity,
) -> Checked<Option<Found>> {
    let timestamp = Timestamp(asking.wire.timestamp_ms());
    let mut topic_data: Vec<TopicProduceData> = Vec::new();
    for write in writes {
        let (name, topic_id, index) = topic.place(write.place);
        let records = Some(Records::from(batch(write, asker.pair, other, timestamp)));
        let partition = PartitionProduceData { index, records, ..Default::default() };
        match topic_data.iter_mut().find(|topic| topic.name == name) {
            Some(topic) => topic.partition_data.push(partition),
            None => topic_data.push(TopicProduceData {
                name,
                topic_id,
                partition_data: vec![partition],
                ..Default::default()
            }),
        }
    }
    let request = ProduceRequest {
        transactional_id: asker.transactional_id.clone(),
        acks,
        timeout_ms: 5000,
        topic_data,
        ..Default::default()
    };
    exchange(asking, asker.version, &request, |answer| {
        let answered = writes.iter().filter_map(|write| {
            let (name, topic_id, index) = topic.place(write.place);
            let mut topics = answer.responses.iter();
            let found = topics.find(|found| {
                if asker.version >= 13 { found.topic_id == topic_id } else { found.name == name }
            })?;
            found.partition_responses.iter().find(|found| found.index == index)
        });
        let answered: Vec<_> = answered.collect();
        let offset = answered.first().map(|partition| partition.base_offset);
        let codes = answered.iter().map(|partition| partition.error_code).collect();
        Found { offset, ..Found::codes(codes) }
    })
}

fn batch(
    write: &TransactionWrite,
    own: ProducerIdentity,
    other: ProducerIdentity,
    timestamp: Timestamp,
) -> Bytes {
    let producer = match write.kind {
        WriteKind::Plain => None,
        WriteKind::OfTheOther => Some(other),
        WriteKind::Transactional | WriteKind::Idempotent | WriteKind::Corrupt => Some(own),
    };
    let identity = producer.map(|producer| BatchIdentity {
        producer,
        base_sequence: Sequence(write.sequence),
        transactional: write.kind != WriteKind::Idempotent,
    });
    let (mut encoder, mut payload) = (RecordEncoder::new(), Vec::new());
    let record = RecordRef { timestamp, key: None, value: Some(b"0123456789"), headers: &[] };
    encoder.append(&record, &mut payload).expect("a record of ten bytes can be written");
    let header = encoder.header(Compression::None, identity).expect("the batch has a record");
    let header = header.encode(&[Bytes::copy_from_slice(&payload)]);
    let mut bytes = [&header[..], &payload[..]].concat();
    if write.kind == WriteKind::Corrupt {
        bytes[BATCH_HEADER_SIZE + 8] ^= 1;
    }
    Bytes::from(bytes)
}
