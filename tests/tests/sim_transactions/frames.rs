//! What a frame of a transactional producer says, and what its answer does: plain values, judged in `rules.rs`.

use bytes::Bytes;
use kp_network::ClientRequest;
use kp_protocol::api::{
    AddOffsetsToTxnRequest, AddOffsetsToTxnResponse, AddPartitionsToTxnRequest, AddPartitionsToTxnResponse,
    DescribeTransactionsResponse, EndTxnRequest, EndTxnResponse, InitProducerIdRequest,
    InitProducerIdResponse, ProduceRequest, ProduceResponse, TxnOffsetCommitRequest, TxnOffsetCommitResponse,
};
use kp_protocol::records::BatchHeader;
use kp_protocol::{ApiKey, Message};
use kp_tests::transaction_history::Pair;

/// A topic's name or id, and the partition.
pub(crate) type Where = (String, i32);

/// A numbered batch.
pub(crate) type Batch = (Where, Pair, i32);

/// A request that concerns transactions.
#[derive(Clone, Debug)]
pub(crate) enum Frame {
    Init { pair: Pair },
    AddPartitions { pair: Pair },
    AddOffsets { pair: Pair },
    Offsets { pair: Pair },
    End { pair: Pair, commit: bool },
    Produce { batches: Vec<Batch> },
    Describe,
}

/// What an answer says.
#[derive(Clone, Debug)]
pub(crate) enum Answered {
    /// A code, and a pair where the answer has one.
    Code(i16, Option<Pair>),
    /// A code for each partition.
    Partitions(Vec<(Where, i16)>),
    /// State and pair of a transactional id.
    State(String, Pair),
}

impl Frame {
    /// The transactional frame in a request; none if it is another one.
    pub(crate) fn of(request: &ClientRequest, body: &Bytes) -> Option<Self> {
        let version = request.version;
        let sound = "kp writes what kp reads";
        Some(match request.api_key {
            ApiKey::InitProducerId => {
                let read = InitProducerIdRequest::parse(body, version).expect(sound);
                Self::Init { pair: (read.producer_id, read.producer_epoch) }
            }
            ApiKey::AddPartitionsToTxn => {
                let read = AddPartitionsToTxnRequest::parse(body, version).expect(sound);
                Self::AddPartitions {
                    pair: (read.v3_and_below_producer_id, read.v3_and_below_producer_epoch),
                }
            }
            ApiKey::AddOffsetsToTxn => {
                let read = AddOffsetsToTxnRequest::parse(body, version).expect(sound);
                Self::AddOffsets { pair: (read.producer_id, read.producer_epoch) }
            }
            ApiKey::TxnOffsetCommit => {
                let read = TxnOffsetCommitRequest::parse(body, version).expect(sound);
                Self::Offsets { pair: (read.producer_id, read.producer_epoch) }
            }
            ApiKey::EndTxn => {
                let read = EndTxnRequest::parse(body, version).expect(sound);
                Self::End { pair: (read.producer_id, read.producer_epoch), commit: read.committed }
            }
            ApiKey::Produce => Self::Produce { batches: batches(body, version) },
            ApiKey::DescribeTransactions => Self::Describe,
            _ => return None,
        })
    }

    /// Whether of these only one is in flight at a time (TX6).
    pub(crate) fn is_alone(&self) -> bool {
        !matches!(self, Self::Produce { .. } | Self::Describe)
    }

    /// The pairs that it is written under.
    pub(crate) fn pairs(&self) -> Vec<Pair> {
        match self {
            Self::AddPartitions { pair }
            | Self::AddOffsets { pair }
            | Self::Offsets { pair }
            | Self::End { pair, .. } => vec![*pair],
            Self::Produce { batches } => batches.iter().map(|(_, pair, _)| *pair).collect(),
            Self::Init { .. } | Self::Describe => Vec::new(),
        }
    }

    /// What its answer says.
    pub(crate) fn answered(&self, body: &Bytes, version: i16) -> Answered {
        let sound = "the double writes what kp reads";
        match self {
            Self::Init { .. } => {
                let read = InitProducerIdResponse::parse(body, version).expect(sound);
                Answered::Code(read.error_code.0, Some((read.producer_id, read.producer_epoch)))
            }
            Self::AddPartitions { .. } => {
                let read = AddPartitionsToTxnResponse::parse(body, version).expect(sound);
                let topics = read.results_by_topic_v3_and_below.into_iter();
                let partitions = topics.flat_map(|topic| {
                    let name = topic.name.to_string();
                    let all = topic.results_by_partition.into_iter();
                    all.map(move |one| ((name.clone(), one.partition_index), one.partition_error_code.0))
                });
                Answered::Partitions(partitions.collect())
            }
            Self::AddOffsets { .. } => {
                let read = AddOffsetsToTxnResponse::parse(body, version).expect(sound);
                Answered::Code(read.error_code.0, None)
            }
            Self::Offsets { .. } => {
                let read = TxnOffsetCommitResponse::parse(body, version).expect(sound);
                let partitions = read.topics.into_iter().flat_map(|topic| {
                    let name = topic.name.to_string();
                    let all = topic.partitions.into_iter();
                    all.map(move |one| ((name.clone(), one.partition_index), one.error_code.0))
                });
                Answered::Partitions(partitions.collect())
            }
            Self::End { .. } => {
                let read = EndTxnResponse::parse(body, version).expect(sound);
                let pair = (version >= 5).then_some((read.producer_id, read.producer_epoch));
                Answered::Code(read.error_code.0, pair)
            }
            Self::Produce { .. } => {
                let read = ProduceResponse::parse(body, version).expect(sound);
                let partitions = read.responses.into_iter().flat_map(|topic| {
                    let name = name_of(topic.name.to_string(), topic.topic_id);
                    let all = topic.partition_responses.into_iter();
                    all.map(move |one| ((name.clone(), one.index), one.error_code.0))
                });
                Answered::Partitions(partitions.collect())
            }
            Self::Describe => {
                let read = DescribeTransactionsResponse::parse(body, version).expect(sound);
                let state = read.transaction_states.into_iter().next();
                let state = state
                    .map(|one| (one.transaction_state.to_string(), (one.producer_id, one.producer_epoch)));
                let (state, pair) = state.unwrap_or_default();
                Answered::State(state, pair)
            }
        }
    }
}

fn name_of(name: String, id: kp_protocol::TopicId) -> String {
    if id.is_zero() { name } else { format!("{id:?}") }
}

fn batches(body: &Bytes, version: i16) -> Vec<Batch> {
    let request = ProduceRequest::parse(body, version).expect("kp writes what kp reads");
    let mut batches = Vec::new();
    for topic in request.topic_data {
        let name = name_of(topic.name.to_string(), topic.topic_id);
        for partition in topic.partition_data {
            let bytes = partition.records.map(|records| records.to_bytes()).unwrap_or_default();
            let (header, _, _) = BatchHeader::parse(&bytes).expect("transactions have batches");
            let pair = (header.producer_id, header.producer_epoch);
            batches.push(((name.clone(), partition.index), pair, header.base_sequence));
        }
    }
    batches
}
