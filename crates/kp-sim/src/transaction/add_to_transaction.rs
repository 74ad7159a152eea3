//! AddPartitionsToTxn and AddOffsetsToTxn: what becomes part of a transaction before anything is written (KIP-98), and since
//! version 4 what the leaders of partitions ask of it (KIP-890).

use kp_protocol::api::{
    AddOffsetsToTxnRequest, AddOffsetsToTxnResponse, AddPartitionsToTxnPartitionResult,
    AddPartitionsToTxnRequest, AddPartitionsToTxnResponse, AddPartitionsToTxnResult, AddPartitionsToTxnTopic,
    AddPartitionsToTxnTopicResult, AddPartitionsToTxnTransaction,
};
use kp_protocol::{ApiKey, BrokerId, ErrorCode, ProducerIdentity, ReceivedHeader, TopicPartition};

use super::adding::{judge_addition, judge_membership};
use crate::reply::{Moment, Reply};
use crate::{KafkaVersion, SimCluster};

/// From here on a request names several transactions.
const TRANSACTIONS_FROM: i16 = 4;
/// From here on a fenced producer is told PRODUCER_FENCED (KIP-588).
const FENCED_FROM: i16 = 2;

/// Who asks for what: one transaction of a request.
pub(crate) struct Asking<'a> {
    pub(crate) broker: BrokerId,
    pub(crate) transactional_id: &'a str,
    pub(crate) producer: ProducerIdentity,
}

impl SimCluster {
    pub(crate) fn add_partitions_to_txn(
        &mut self,
        at: Moment,
        broker: BrokerId,
        header: &ReceivedHeader,
        request: &AddPartitionsToTxnRequest,
    ) -> Reply {
        let throttle_time_ms = self.faults.throttle(ApiKey::AddPartitionsToTxn);
        let answered = match self.faults.answer_instead(ApiKey::AddPartitionsToTxn) {
            Some(code) => refused_partitions(header.version, request, code),
            None if header.version < TRANSACTIONS_FROM => {
                self.add_to_one(at, broker, header.version, request)
            }
            None => self.add_to_many(at, broker, header.version, request),
        };
        Reply::to(header, &AddPartitionsToTxnResponse { throttle_time_ms, ..answered })
    }

    fn add_to_one(
        &mut self,
        at: Moment,
        broker: BrokerId,
        version: i16,
        request: &AddPartitionsToTxnRequest,
    ) -> AddPartitionsToTxnResponse {
        let producer = ProducerIdentity {
            producer_id: request.v3_and_below_producer_id,
            epoch: request.v3_and_below_producer_epoch,
        };
        let asking = Asking { broker, transactional_id: &request.v3_and_below_transactional_id, producer };
        let results = self.add_topics(at, &asking, version, &request.v3_and_below_topics);
        AddPartitionsToTxnResponse { results_by_topic_v3_and_below: results, ..Default::default() }
    }

    fn add_to_many(
        &mut self,
        at: Moment,
        broker: BrokerId,
        version: i16,
        request: &AddPartitionsToTxnRequest,
    ) -> AddPartitionsToTxnResponse {
        let mut response = AddPartitionsToTxnResponse::default();
        for asked in &request.transactions {
            let producer = ProducerIdentity { producer_id: asked.producer_id, epoch: asked.producer_epoch };
            let asking = Asking { broker, transactional_id: &asked.transactional_id, producer };
            let topic_results = if asked.verify_only {
                self.verify_topics(at, &asking, &asked.topics)
            } else {
                self.add_topics(at, &asking, version, &asked.topics)
            };
            response.results_by_transaction.push(result(asked, topic_results));
        }
        response
    }

    fn add_topics(
        &mut self,
        at: Moment,
        asking: &Asking<'_>,
        version: i16,
        topics: &[AddPartitionsToTxnTopic],
    ) -> Vec<AddPartitionsToTxnTopicResult> {
        let is_known = |at: &TopicPartition| self.partition(at).is_ok();
        if !partitions(topics).all(|at| is_known(&at)) {
            // One that is not there keeps all the others out.
            return each(topics, |at| {
                if is_known(at) {
                    ErrorCode::OPERATION_NOT_ATTEMPTED
                } else {
                    ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
                }
            });
        }
        let added = self.add_to_transaction(at, asking, partitions(topics).collect());
        let code = as_said_in(version, FENCED_FROM, added.err().unwrap_or_default());
        each(topics, |_| code)
    }

    fn verify_topics(
        &mut self,
        at: Moment,
        asking: &Asking<'_>,
        topics: &[AddPartitionsToTxnTopic],
    ) -> Vec<AddPartitionsToTxnTopicResult> {
        each(topics, |partition| self.is_in_transaction(at, asking, partition).err().unwrap_or_default())
    }

    pub(crate) fn add_offsets_to_txn(
        &mut self,
        at: Moment,
        broker: BrokerId,
        header: &ReceivedHeader,
        request: &AddOffsetsToTxnRequest,
    ) -> Reply {
        let throttle_time_ms = self.faults.throttle(ApiKey::AddOffsetsToTxn);
        let producer = ProducerIdentity { producer_id: request.producer_id, epoch: request.producer_epoch };
        let asking = Asking { broker, transactional_id: &request.transactional_id, producer };
        let added = match self.faults.answer_instead(ApiKey::AddOffsetsToTxn) {
            Some(code) => Err(code),
            None => {
                let log = self.offsets_log(&request.group_id);
                self.add_to_transaction(at, &asking, vec![log])
            }
        };
        if added.is_ok() {
            self.note_group(&request.transactional_id, &request.group_id);
        }
        let error_code = as_said_in(header.version, FENCED_FROM, added.err().unwrap_or_default());
        Reply::to(header, &AddOffsetsToTxnResponse { throttle_time_ms, error_code, ..Default::default() })
    }

    // ---- for Produce and TxnOffsetCommit too ---------------------------------------------------------------------

    /// Adds to the open transaction of an id, or opens one.
    pub(crate) fn add_to_transaction(
        &mut self,
        at: Moment,
        asking: &Asking<'_>,
        partitions: Vec<TopicPartition>,
    ) -> Result<(), ErrorCode> {
        if asking.transactional_id.is_empty() {
            return Err(ErrorCode::INVALID_REQUEST);
        }
        let log = self.transaction_log(asking.transactional_id);
        self.coordinates(at, asking.broker, &log)?;
        let pending_first = self.settings.kafka_version >= KafkaVersion::V4_3;
        let entry = self.transactions.entries.get(asking.transactional_id);
        let entry = entry.ok_or(ErrorCode::INVALID_PRODUCER_ID_MAPPING)?;
        judge_addition(entry, asking.producer, pending_first)?;
        let times_out_at = self.next_scan(at.now + entry.timeout());
        if let Some(entry) = self.transactions.entries.get_mut(asking.transactional_id) {
            entry.add(at, times_out_at, partitions);
        }
        Ok(())
    }

    /// Whether a partition is in the open transaction of an id.
    pub(crate) fn is_in_transaction(
        &mut self,
        at: Moment,
        asking: &Asking<'_>,
        partition: &TopicPartition,
    ) -> Result<(), ErrorCode> {
        if asking.transactional_id.is_empty() {
            return Err(ErrorCode::INVALID_REQUEST);
        }
        let log = self.transaction_log(asking.transactional_id);
        self.coordinates(at, asking.broker, &log)?;
        let entry = self.transactions.entries.get(asking.transactional_id);
        let entry = entry.ok_or(ErrorCode::INVALID_PRODUCER_ID_MAPPING)?;
        judge_membership(entry, asking.producer, partition)
    }

    /// A group's offsets are committed by the open transaction of an id.
    pub(crate) fn note_group(&mut self, transactional_id: &str, group: &str) {
        if let Some(entry) = self.transactions.entries.get_mut(transactional_id) {
            entry.groups.insert(group.to_owned());
        }
    }
}

/// An answer that says of each partition that was named this code and nothing else.
pub(crate) fn refused_partitions(
    version: i16,
    request: &AddPartitionsToTxnRequest,
    code: ErrorCode,
) -> AddPartitionsToTxnResponse {
    if version < TRANSACTIONS_FROM {
        let results_by_topic_v3_and_below = each(&request.v3_and_below_topics, |_| code);
        return AddPartitionsToTxnResponse { results_by_topic_v3_and_below, ..Default::default() };
    }
    let transactions = request.transactions.iter();
    let results_by_transaction =
        transactions.map(|asked| result(asked, each(&asked.topics, |_| code))).collect();
    AddPartitionsToTxnResponse { results_by_transaction, ..Default::default() }
}

fn result(
    asked: &AddPartitionsToTxnTransaction,
    topic_results: Vec<AddPartitionsToTxnTopicResult>,
) -> AddPartitionsToTxnResult {
    let transactional_id = asked.transactional_id.clone();
    AddPartitionsToTxnResult { transactional_id, topic_results, ..Default::default() }
}

/// Before version `fenced_from` of an API a fenced producer is told INVALID_PRODUCER_EPOCH.
pub(crate) fn as_said_in(version: i16, fenced_from: i16, code: ErrorCode) -> ErrorCode {
    if code == ErrorCode::PRODUCER_FENCED && version < fenced_from {
        ErrorCode::INVALID_PRODUCER_EPOCH
    } else {
        code
    }
}

fn partitions(topics: &[AddPartitionsToTxnTopic]) -> impl Iterator<Item = TopicPartition> + '_ {
    topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|index| TopicPartition::new(topic.name.as_str(), *index))
    })
}

fn each(
    topics: &[AddPartitionsToTxnTopic],
    mut code: impl FnMut(&TopicPartition) -> ErrorCode,
) -> Vec<AddPartitionsToTxnTopicResult> {
    let mut results = Vec::with_capacity(topics.len());
    for topic in topics {
        let result = |index: &i32| AddPartitionsToTxnPartitionResult {
            partition_index: *index,
            partition_error_code: code(&TopicPartition::new(topic.name.as_str(), *index)),
            ..Default::default()
        };
        results.push(AddPartitionsToTxnTopicResult {
            name: topic.name.clone(),
            results_by_partition: topic.partitions.iter().map(result).collect(),
            ..Default::default()
        });
    }
    results
}
