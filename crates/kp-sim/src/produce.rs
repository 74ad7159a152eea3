//! Produce: the checks a leader makes, in Kafka's order, and the append.
//! Order matters, because it decides which code a batch with two faults gets: form of the records, acks, leader,
//! base offset, size, checksum, counts, records, sequence.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use kp_protocol::api::{
    BatchIndexAndErrorMessage, LeaderIdAndEpoch, NodeEndpoint, PartitionProduceResponse, ProduceRequest,
    ProduceResponse, TopicProduceData, TopicProduceResponse,
};
use kp_protocol::records::TimestampType;
use kp_protocol::{
    ApiKey, BatchIdentity, BrokerId, ErrorCode, KafkaString, LeaderEpoch, PartitionId, ReceivedHeader,
    Sequence, Timestamp, TopicPartition,
};

use crate::incoming_batch::{BatchContent, IncomingBatch, RecordsFound};
use crate::log::AppendAs;
use crate::producer_state::{AppendedBatch, Verdict};
use crate::reply::{Moment, Reply};
use crate::topic::Partition;
use crate::transaction::{PRODUCE_ADDS_FROM, Verified, is_internal};
use crate::waiting::{Awaited, Waiting, WaitingAddition, WaitingProduce};
use crate::{KafkaVersion, SimCluster, TopicSettings};

/// How far in the future a record's time may lie (`message.timestamp.after.max.ms`), since Kafka 4.0 (KIP-1030).
const TIMESTAMP_AFTER_MAX_MS: i64 = 3_600_000;

/// Why a batch is refused.
#[derive(Debug, Default)]
struct Refusal {
    code: ErrorCode,
    /// Given with the codes that Kafka gives it with; else −1.
    log_start_offset: Option<i64>,
    /// Who leads, with NOT_LEADER_OR_FOLLOWER.
    leader: Option<(BrokerId, LeaderEpoch)>,
    message: Option<String>,
    record_errors: Vec<(i32, String)>,
}

impl From<ErrorCode> for Refusal {
    fn from(code: ErrorCode) -> Self {
        Self { code, ..Self::default() }
    }
}

/// What a batch that is in the log is answered with.
struct Appended {
    base_offset: i64,
    log_append_time: Timestamp,
    log_start_offset: i64,
    /// The leadership under which it was appended, and when every follower will have it.
    leader_epoch: LeaderEpoch,
    replicated_at: Option<Instant>,
}

/// What holds for all batches of one request.
#[derive(Clone, Copy)]
struct Asked<'a> {
    at: Moment,
    broker: BrokerId,
    version: i16,
    acks: i16,
    verified: &'a Verified,
}

/// What the checks need to know besides batch and partition.
struct Rules<'a> {
    broker: BrokerId,
    acks: i16,
    at: Moment,
    topic: &'a TopicSettings,
    replicas_up: usize,
    kafka_version: KafkaVersion,
    retain: bool,
    /// How long followers will take for it.
    lag: Duration,
    /// Whether a producer that the partition does not know has to begin at 0.
    must_begin: bool,
}

impl SimCluster {
    pub(crate) fn produce(
        &mut self,
        at: Moment,
        broker: BrokerId,
        header: &ReceivedHeader,
        request: ProduceRequest,
        batches: Vec<Vec<IncomingBatch>>,
    ) -> Reply {
        let verified = self.verify_produce(at, broker, header.version, &request, &batches);
        if verified.is_concurrent() && header.version >= PRODUCE_ADDS_FROM {
            let waiting = WaitingAddition::new(at.now, broker, header.clone(), request, batches);
            return Reply::Later(Box::new(Waiting::Addition(waiting)));
        }
        self.append_all(at, broker, header, request, batches, &verified)
    }

    /// Asks the coordinator again for a request that waits, for a while; then the answer is what it says.
    pub(crate) fn resume_addition(&mut self, at: Moment, waiting: WaitingAddition) -> Reply {
        let WaitingAddition { broker, header, request, batches, .. } = &waiting;
        let verified = self.verify_produce(at, *broker, header.version, request, batches);
        if !verified.is_concurrent() || at.now >= waiting.gives_up_at {
            let WaitingAddition { broker, header, request, batches, .. } = waiting;
            return self.append_all(at, broker, &header, request, batches, &verified);
        }
        Reply::Later(Box::new(Waiting::Addition(waiting.later(at.now))))
    }

    fn append_all(
        &mut self,
        at: Moment,
        broker: BrokerId,
        header: &ReceivedHeader,
        request: ProduceRequest,
        batches: Vec<Vec<IncomingBatch>>,
        verified: &Verified,
    ) -> Reply {
        let asked = Asked { at, broker, version: header.version, acks: request.acks, verified };
        let mut endpoints = BTreeMap::new();
        let mut all_good = true;
        let mut awaited = Vec::new();
        let mut responses = Vec::with_capacity(batches.len());
        for (topic, batches) in request.topic_data.into_iter().zip(batches) {
            let mut partition_responses = Vec::with_capacity(batches.len());
            for (partition, batch) in topic.partition_data.iter().zip(batches) {
                let outcome = self.produce_one(asked, &topic, partition.index, batch);
                all_good &= outcome.is_ok();
                if let Ok(Appended { leader_epoch, replicated_at: Some(until), .. }) = &outcome {
                    let place = (responses.len(), partition_responses.len());
                    awaited.push(Awaited { place, leader_epoch: *leader_epoch, until: *until });
                }
                let index = partition.index;
                partition_responses.push(self.partition_response(asked, index, outcome, &mut endpoints));
            }
            responses.push(TopicProduceResponse {
                name: topic.name,
                topic_id: topic.topic_id,
                partition_responses,
                ..Default::default()
            });
        }
        let throttle_time_ms = self.faults.throttle(ApiKey::Produce);
        let node_endpoints = endpoints.into_values().collect();
        let response = ProduceResponse { responses, throttle_time_ms, node_endpoints, ..Default::default() };
        match request.acks {
            // No client waits for an answer: all a broker can do about an error is to close (and it does).
            0 if all_good => Reply::Silence,
            0 => Reply::Close,
            -1 if !awaited.is_empty() => {
                let timeout = Duration::from_millis(u64::try_from(request.timeout_ms).unwrap_or(0));
                let waiting =
                    WaitingProduce::new(broker, header.clone(), response, awaited, at.now + timeout);
                self.resume_produce(at.now, waiting)
            }
            _ => Reply::to(header, &response),
        }
    }

    fn produce_one(
        &mut self,
        asked: Asked<'_>,
        data: &TopicProduceData,
        index: i32,
        batch: IncomingBatch,
    ) -> Result<Appended, Refusal> {
        let Asked { at, broker, version, acks, verified } = asked;
        if let Some((code, message)) = verified.whole {
            return Err(Refusal { message: Some(message.to_owned()), ..code.into() });
        }
        let by_id = version >= ProduceRequest::TOPIC_IDS_FROM;
        let unknown = if by_id { ErrorCode::UNKNOWN_TOPIC_ID } else { ErrorCode::UNKNOWN_TOPIC_OR_PARTITION };
        let topic = self.requested_topic(by_id, &data.name, data.topic_id).ok_or(unknown)?;
        let replicas = topic.partition(index).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?.replicas.iter();
        let replicas_up = replicas.filter(|id| self.is_up(**id)).count();
        let name = topic.name.clone();
        if is_internal(&name) {
            return Err(ErrorCode::INVALID_TOPIC_EXCEPTION.into());
        }
        let content = match batch {
            IncomingBatch::One(content) => content,
            IncomingBatch::Refused(code) => return Err(code.into()),
        };
        if !(-1..=1).contains(&acks) {
            return Err(ErrorCode::INVALID_REQUIRED_ACKS.into());
        }
        let place = TopicPartition { topic: name.clone(), partition: PartitionId(index) };
        if let Some(code) = verified.refused.get(&place) {
            return Err(not_verified(*code));
        }
        let must_begin = version >= PRODUCE_ADDS_FROM && verified.asked.contains(&place);
        let fault = self.faults.batch(&name, index);
        if let Some((code, false)) = fault {
            return Err(code.into());
        }
        let (kafka_version, retain) = (self.settings.kafka_version, self.settings.retain);
        let lag = self.settings.replication_lag.draw(&mut self.lags);
        let topic = self.topics.get_mut(&name).expect("it was found above, and nothing was deleted since");
        let rules = Rules {
            broker,
            acks,
            at,
            topic: &topic.settings,
            replicas_up,
            kafka_version,
            retain,
            lag,
            must_begin,
        };
        let partition = topic.partitions.get_mut(index as usize).expect("it was found above");
        let appended = append(&rules, partition, &content)?;
        match fault {
            Some((code, _)) => Err(code.into()),
            None => Ok(appended),
        }
    }

    fn partition_response(
        &self,
        asked: Asked<'_>,
        index: i32,
        outcome: Result<Appended, Refusal>,
        endpoints: &mut BTreeMap<BrokerId, NodeEndpoint>,
    ) -> PartitionProduceResponse {
        let refusal = match outcome {
            Ok(Appended { base_offset, log_append_time, log_start_offset, .. }) => {
                let log_append_time_ms = log_append_time.0;
                return PartitionProduceResponse {
                    index,
                    base_offset,
                    log_append_time_ms,
                    log_start_offset,
                    ..Default::default()
                };
            }
            Err(refusal) => refusal,
        };
        let mut current_leader = LeaderIdAndEpoch::default();
        if let Some((leader, epoch)) =
            refusal.leader.filter(|_| asked.version >= ProduceRequest::LEADER_HINTS_FROM)
        {
            current_leader =
                LeaderIdAndEpoch { leader_id: leader.0, leader_epoch: epoch.0, ..Default::default() };
            if let Some(endpoint) = self.endpoint(leader) {
                endpoints.insert(leader, endpoint);
            }
        }
        let record_error = |(batch_index, message): (i32, String)| BatchIndexAndErrorMessage {
            batch_index,
            batch_index_error_message: Some(message.into()),
            ..Default::default()
        };
        PartitionProduceResponse {
            index,
            error_code: refusal.code,
            base_offset: -1,
            log_start_offset: refusal.log_start_offset.unwrap_or(-1),
            record_errors: refusal.record_errors.into_iter().map(record_error).collect(),
            error_message: refusal.message.map(KafkaString::from),
            current_leader,
            ..Default::default()
        }
    }

    /// Where a broker is reached, if it runs (KIP-951).
    pub(crate) fn endpoint(&self, broker: BrokerId) -> Option<NodeEndpoint> {
        let known = self.brokers.get(&broker).filter(|known| known.up)?;
        Some(NodeEndpoint {
            node_id: broker.0,
            host: (&*known.address.host).into(),
            port: i32::from(known.address.port),
            rack: known.address.rack.as_deref().map(KafkaString::from),
            ..Default::default()
        })
    }
}

/// Checks a batch and appends it, or says why not. A duplicate is answered as it was answered first.
fn append(rules: &Rules<'_>, partition: &mut Partition, content: &BatchContent) -> Result<Appended, Refusal> {
    check_leader(rules, partition)?;
    let log_start_offset = partition.log.start_offset();
    check_batch(rules, content).map_err(|refusal| match refusal.code {
        ErrorCode::MESSAGE_TOO_LARGE | ErrorCode::CORRUPT_MESSAGE => refusal,
        _ => Refusal { log_start_offset: Some(log_start_offset), ..refusal },
    })?;
    let header = &content.header;
    let identity = header.identity();
    let last_sequence = Sequence(header.base_sequence).advance(header.last_offset_delta as u32);
    if let Some(identity) = identity {
        let judged = judge(rules, partition, identity, last_sequence);
        let before =
            judged.map_err(|code| Refusal { log_start_offset: Some(log_start_offset), ..code.into() })?;
        if let Some(first) = before {
            return Ok(answered_again(rules, partition, &first));
        }
    }
    let log_append_time = match rules.topic.timestamp_type {
        TimestampType::LogAppendTime => Some(Timestamp(rules.at.timestamp_ms)),
        TimestampType::CreateTime => None,
    };
    let as_what = AppendAs { leader_epoch: partition.leader_epoch, log_append_time, retain: rules.retain };
    let base_offset = partition.log.append(content, as_what);
    if let Some(identity) = identity {
        let timestamp_ms = log_append_time.unwrap_or(header.max_timestamp).0;
        let first_sequence = identity.base_sequence;
        partition.producers.remember(
            Some(rules.at.now),
            identity.producer,
            AppendedBatch { first_sequence, last_sequence, base_offset, timestamp_ms },
        );
        if identity.transactional {
            partition.transactions.begin(identity.producer.producer_id, base_offset);
        }
    }
    if !rules.lag.is_zero() && rules.replicas_up > 1 {
        partition.unreplicated.note(rules.at.now, rules.lag, base_offset);
    }
    Ok(appended_at(rules, partition, base_offset, log_append_time.unwrap_or(Timestamp::NONE)))
}

/// Whether a batch has its number's turn: `None` if so, the batch that it repeats, or why it is refused.
fn judge(
    rules: &Rules<'_>,
    partition: &Partition,
    identity: BatchIdentity,
    last_sequence: Sequence,
) -> Result<Option<AppendedBatch>, ErrorCode> {
    // Before KIP-360 reached brokers (2.5), an unknown producer had to begin at 0.
    let is_stranger = !partition.producers.knows(identity.producer);
    if is_stranger && identity.base_sequence != Sequence::FIRST {
        if rules.kafka_version <= KafkaVersion::V2_0 {
            return Err(ErrorCode::UNKNOWN_PRODUCER_ID);
        }
        if rules.must_begin {
            return Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
        }
    }
    let is_open = partition.transactions.open_since(identity.producer.producer_id).is_some();
    match partition.producers.judge(identity.producer, identity.base_sequence, last_sequence) {
        // A plain batch in the middle of a transaction.
        Verdict::Append if is_open && !identity.transactional => Err(ErrorCode::INVALID_TXN_STATE),
        Verdict::Append if identity.transactional && partition.transactions.came_lower(identity) => {
            Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER)
        }
        Verdict::Append => Ok(None),
        Verdict::Duplicate(first) => Ok(Some(first)),
        Verdict::Refuse(code) => Err(code),
    }
}

/// Kafka answers a duplicate's largest timestamp as its append time, whatever the topic says.
fn answered_again(rules: &Rules<'_>, partition: &Partition, first: &AppendedBatch) -> Appended {
    appended_at(rules, partition, first.base_offset, Timestamp(first.timestamp_ms))
}

fn appended_at(
    rules: &Rules<'_>,
    partition: &Partition,
    base_offset: i64,
    log_append_time: Timestamp,
) -> Appended {
    Appended {
        base_offset,
        log_append_time,
        log_start_offset: partition.log.start_offset(),
        leader_epoch: partition.leader_epoch,
        replicated_at: partition.unreplicated.until(rules.at.now, base_offset),
    }
}

fn not_verified(code: ErrorCode) -> Refusal {
    let message = match code {
        ErrorCode::INVALID_TXN_STATE => Some("Partition was not added to the transaction"),
        ErrorCode::NOT_ENOUGH_REPLICAS => Some(
            "Unable to verify the partition has been added to the transaction. Underlying error: the coordinator is not there",
        ),
        _ => None,
    };
    Refusal { message: message.map(str::to_owned), ..code.into() }
}

fn check_leader(rules: &Rules<'_>, partition: &Partition) -> Result<(), Refusal> {
    if partition.leader != Some(rules.broker) {
        let leader = partition.leader.map(|leader| (leader, partition.leader_epoch));
        return Err(Refusal { leader, ..ErrorCode::NOT_LEADER_OR_FOLLOWER.into() });
    }
    if rules.acks == -1 && rules.replicas_up < rules.topic.min_insync_replicas {
        return Err(ErrorCode::NOT_ENOUGH_REPLICAS.into());
    }
    Ok(())
}

fn check_batch(rules: &Rules<'_>, content: &BatchContent) -> Result<(), Refusal> {
    let header = &content.header;
    if header.base_offset != 0 {
        return Err(ErrorCode::INVALID_RECORD.into());
    }
    if content.bytes.len() > rules.topic.max_message_bytes {
        return Err(ErrorCode::MESSAGE_TOO_LARGE.into());
    }
    if !content.checksum_fits {
        return Err(ErrorCode::CORRUPT_MESSAGE.into());
    }
    if header.attributes.compression().is_err() {
        // Kafka fails here with a plain exception, which becomes this code.
        return Err(ErrorCode::UNKNOWN_SERVER_ERROR.into());
    }
    let count_from_offsets = i64::from(header.last_offset_delta) + 1;
    let counts_fit = header.record_count > 0 && i64::from(header.record_count) == count_from_offsets;
    let sequence_fits = header.producer_id < 0 || header.base_sequence >= 0;
    if !counts_fit || header.attributes.is_control() || !sequence_fits {
        return Err(ErrorCode::INVALID_RECORD.into());
    }
    check_records(rules, content)?;
    if header.attributes.is_transactional() && header.identity().is_none() {
        return Err(ErrorCode::INVALID_TXN_STATE.into());
    }
    Ok(())
}

fn check_records(rules: &Rules<'_>, content: &BatchContent) -> Result<(), Refusal> {
    let (keyless, max_timestamp) = match &content.records {
        RecordsFound::Unread => return Ok(()),
        RecordsFound::Unsound(code) => return Err((*code).into()),
        RecordsFound::Sound { keyless, max_timestamp } => (keyless, *max_timestamp),
    };
    if rules.topic.compacted && !keyless.is_empty() {
        let message = "a compacted topic takes no record without a key";
        return Err(record_errors(ErrorCode::INVALID_RECORD, message, keyless));
    }
    let latest = Timestamp(rules.at.timestamp_ms.saturating_add(TIMESTAMP_AFTER_MAX_MS));
    let keeps_time = rules.topic.timestamp_type == TimestampType::CreateTime;
    if keeps_time && rules.kafka_version >= KafkaVersion::V4_3 && max_timestamp > latest {
        let message = format!("the record's time is after {latest}, an hour ahead of the broker");
        return Err(record_errors(ErrorCode::INVALID_TIMESTAMP, &message, &content.later_than(latest)));
    }
    Ok(())
}

/// A batch refused because of some of its records (KIP-467).
fn record_errors(code: ErrorCode, message: &str, records: &[i32]) -> Refusal {
    Refusal {
        message: Some(format!("{} records were rejected: {message}", records.len())),
        record_errors: records.iter().map(|index| (*index, message.to_owned())).collect(),
        ..code.into()
    }
}
