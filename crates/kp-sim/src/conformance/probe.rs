//! Carries out cases over a [`Wire`]: makes a topic for each, writes the requests, reads and compares the answers.

use std::io;
use std::ops::RangeInclusive;

use bytes::Bytes;
use kp_protocol::api::{
    ApiVersionsRequest, ApiVersionsResponse, CreatableTopic, CreateTopicsRequest, FetchPartition,
    FetchRequest, FetchTopic, InitProducerIdRequest, ListOffsetsPartition, ListOffsetsRequest,
    ListOffsetsTopic, MetadataRequest, MetadataRequestTopic, PartitionProduceData, ProduceRequest,
    TopicProduceData,
};
use kp_protocol::compression::Compression;
use kp_protocol::records::{BATCH_HEADER_SIZE, BatchAttributes, RecordEncoder, RecordRef, batches};
use kp_protocol::{
    ApiKey, BatchIdentity, ErrorCode, KafkaString, ProducerIdentity, Records, Sequence, Timestamp, TopicId,
};

use crate::KafkaVersion;

use super::asking::{Asking, Checked, same};
use super::{Batch, Case, CaseResult, Expect, Produce, Spoil, Step, Wire, cases, fresh_topic};

/// Asks the broker behind `wire`, which is of `kafka`, every case that holds for one of `versions` of Produce, in each
/// of them.
///
/// Each case has a topic of its own, named after `prefix`, which no topic of the cluster may begin with.
///
/// # Errors
/// The broker does not answer ApiVersions. What it answers wrong is no error, but a result.
pub fn run_on(
    wire: &mut dyn Wire,
    kafka: KafkaVersion,
    versions: RangeInclusive<i16>,
    prefix: &str,
) -> io::Result<Vec<CaseResult>> {
    let mut results = Vec::new();
    for version in versions {
        for (number, case) in cases().into_iter().enumerate() {
            if case.versions.contains(version) && case.since <= kafka {
                let topic = format!("{prefix}-v{version}-{number}");
                let name = case.name;
                wire.reconnect()?;
                let outcome = Probe::new(wire, version, topic).run(&case);
                results.push(CaseResult { name, version, outcome });
            }
        }
    }
    Ok(results)
}

struct Probe<'a> {
    asking: Asking<'a>,
    version: i16,
    topic: String,
    topic_id: TopicId,
    producer_ids: Vec<i64>,
    /// Batches made so far; each record's time is a minute after that of the batch before.
    batches: i64,
}

impl<'a> Probe<'a> {
    fn new(wire: &'a mut dyn Wire, version: i16, topic: String) -> Self {
        Self {
            asking: Asking::new(wire),
            version,
            topic,
            topic_id: TopicId::ZERO,
            producer_ids: Vec::new(),
            batches: 0,
        }
    }

    fn run(mut self, case: &Case) -> Checked {
        self.set_up(case).map_err(|reason| format!("setting up: {reason}"))?;
        for (number, step) in (1..).zip(&case.steps) {
            self.step(step).map_err(|difference| format!("step {number} ({step:?}): {difference}"))?;
        }
        Ok(())
    }

    fn set_up(&mut self, case: &Case) -> Checked {
        self.topic_id = fresh_topic::create(&mut self.asking, &self.topic, case.configs)?;
        let batches = case.steps.iter().flat_map(|step| match step {
            Step::Produce(produce) => std::slice::from_ref(produce),
            Step::Pipelined(produces) => produces,
            _ => &[],
        });
        let producers =
            batches.filter_map(|produce| produce.batch.producer).map(|(producer, ..)| producer + 1).max();
        for _ in 0..producers.unwrap_or(0) {
            let request = InitProducerIdRequest { transaction_timeout_ms: i32::MAX, ..Default::default() };
            // A fresh cluster answers 14 at first.
            let producer_id = self.asking.until_ready(|asking| {
                let answer = asking.ask(4, &request)?;
                Ok(answer.error_code.is_ok().then_some(answer.producer_id))
            })?;
            self.producer_ids.push(producer_id);
        }
        Ok(())
    }

    fn step(&mut self, step: &Step) -> Checked {
        match step {
            Step::Produce(produce) => self.produce(std::slice::from_ref(produce)),
            Step::Pipelined(produces) => self.produce(produces),
            Step::EndsAt(offset) => self.list_offsets(-1, ErrorCode::NONE, *offset),
            Step::ApiVersions { version, software, code } => self.api_versions(*version, software, *code),
            Step::Metadata { version, topic, code } => {
                let topics = vec![MetadataRequestTopic { name: Some((*topic).into()), ..Default::default() }];
                let request = MetadataRequest {
                    topics: Some(topics),
                    allow_auto_topic_creation: false,
                    ..Default::default()
                };
                let answer = self.asking.ask(*version, &request)?;
                same("error code", answer.topics.first().map(|topic| topic.error_code), Some(*code))
            }
            Step::AskingCreates => self.asking_creates(),
            Step::CreateTopic { topic, partitions, replication_factor, code } => {
                let (num_partitions, replication_factor) = (*partitions, *replication_factor);
                let topic = CreatableTopic {
                    name: (*topic).into(),
                    num_partitions,
                    replication_factor,
                    ..Default::default()
                };
                let request =
                    CreateTopicsRequest { topics: vec![topic], validate_only: true, ..Default::default() };
                let answer = self.asking.ask(7, &request)?;
                same("error code", answer.topics.first().map(|topic| topic.error_code), Some(*code))
            }
            Step::ListOffsets { timestamp, code, offset } => self.list_offsets(*timestamp, *code, *offset),
            Step::Fetch { offset, max_bytes, code, found } => self.fetch(*offset, *max_bytes, *code, *found),
            Step::ClosedOn(frame) => {
                self.asking.send(Bytes::from_static(frame))?;
                self.asking.expect_closed()
            }
        }
    }

    fn asking_creates(&mut self) -> Checked {
        let name = KafkaString::from(format!("{}-asked-for", self.topic));
        let topics = vec![MetadataRequestTopic { name: Some(name), ..Default::default() }];
        let request = MetadataRequest { topics: Some(topics), ..Default::default() };
        let code = |asking: &mut Asking<'_>| {
            let answer = asking.ask(9, &request)?;
            Ok::<_, String>(answer.topics.first().map(|topic| topic.error_code))
        };
        same("first answer", code(&mut self.asking)?, Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION))?;
        self.asking.until_ready(|asking| Ok(code(asking)?.filter(|code| code.is_ok()).map(|_| ())))
    }

    fn produce(&mut self, produces: &[Produce]) -> Checked {
        let mut sent = Vec::new();
        for produce in produces {
            let request = self.produce_request(produce);
            sent.push(self.asking.send_request(self.version, &request)?);
        }
        for (produce, correlation_id) in produces.iter().zip(sent) {
            match produce.expect {
                // Whether nothing comes shows in the next answer being that to the next request.
                Expect::Silence => {}
                Expect::Closed => self.asking.expect_closed()?,
                Expect::Code(code) => self.produced(correlation_id, code, -1, false)?,
                Expect::At(offset) => self.produced(correlation_id, ErrorCode::NONE, offset, false)?,
                Expect::Stamped(offset) => self.produced(correlation_id, ErrorCode::NONE, offset, true)?,
            }
        }
        Ok(())
    }

    fn produced(&mut self, correlation_id: i32, code: ErrorCode, offset: i64, stamped: bool) -> Checked {
        let answer = self.asking.answer::<ProduceRequest>(self.version, correlation_id)?;
        let partitions = answer.responses.first().map(|topic| &topic.partition_responses[..]);
        let Some([partition]) = partitions else { return Err(format!("one partition expected: {answer:?}")) };
        same("error code", partition.error_code, code)?;
        same("base offset", partition.base_offset, offset)?;
        same("an append time", partition.log_append_time_ms >= 0, stamped)
    }

    fn produce_request(&mut self, produce: &Produce) -> ProduceRequest {
        let records = match produce.batch.spoil {
            Spoil::Missing => Some(Records::default()),
            _ => Some(Records::from(self.batch_bytes(&produce.batch))),
        };
        let (name, topic_id) = if produce.topic_exists {
            (KafkaString::from(self.topic.as_str()), self.topic_id)
        } else {
            (KafkaString::from_static("there-is-no-such-topic"), TopicId(*b"no such topic id"))
        };
        let partition_data =
            vec![PartitionProduceData { index: produce.partition, records, ..Default::default() }];
        ProduceRequest {
            acks: produce.acks,
            timeout_ms: 5000,
            topic_data: vec![TopicProduceData { name, topic_id, partition_data, ..Default::default() }],
            ..Default::default()
        }
    }

    fn batch_bytes(&mut self, batch: &Batch) -> Bytes {
        const MINUTE_MS: i64 = 60_000;
        const TWO_DAYS_MS: i64 = 2 * 24 * 60 * MINUTE_MS;
        let ahead = if batch.spoil == Spoil::Future { TWO_DAYS_MS } else { (self.batches - 30) * MINUTE_MS };
        self.batches += 1;
        let value = vec![b'x'; batch.value_size];
        let timestamp = Timestamp(self.asking.wire.timestamp_ms() + ahead);
        let record = RecordRef { timestamp, key: None, value: Some(&value), headers: &[] };
        let (mut encoder, mut payload) = (RecordEncoder::new(), Vec::new());
        for _ in 0..batch.records {
            encoder.append(&record, &mut payload).expect("a record of these sizes can be written");
        }
        let identity = batch.producer.map(|(producer, epoch, sequence)| BatchIdentity {
            producer: ProducerIdentity { producer_id: self.producer_ids[producer], epoch },
            base_sequence: Sequence(sequence),
            transactional: false,
        });
        let mut header = encoder.header(Compression::None, identity).expect("the batch has records");
        match batch.spoil {
            Spoil::BaseOffset => header.base_offset = 5,
            Spoil::Count => header.record_count += 1,
            Spoil::CountAndOffsets => {
                header.record_count += 1;
                header.last_offset_delta += 1;
            }
            Spoil::Control => header.attributes = header.attributes.with_control(true),
            Spoil::Codec => header.attributes = BatchAttributes(7),
            Spoil::NotGzip => header.attributes = BatchAttributes::new(Compression::Gzip),
            _ => {}
        }
        let header = header.encode(&[Bytes::copy_from_slice(&payload)]);
        let mut bytes = [&header[..], &payload[..]].concat();
        match batch.spoil {
            Spoil::Checksum => bytes[BATCH_HEADER_SIZE + 8] ^= 1,
            Spoil::Magic1 => bytes[16] = 1,
            Spoil::CutShort => drop(bytes.pop()),
            Spoil::Twice => bytes.extend_from_within(..),
            _ => {}
        }
        Bytes::from(bytes)
    }

    fn api_versions(&mut self, version: i16, software: &'static str, code: ErrorCode) -> Checked {
        let request = ApiVersionsRequest {
            client_software_name: software.into(),
            client_software_version: KafkaString::from_static("1"),
            ..Default::default()
        };
        let known = version.min(ApiKey::ApiVersions.versions().max);
        let mut frame = self.asking.encode(known, &request)?.to_vec();
        frame[6..8].copy_from_slice(&version.to_be_bytes());
        self.asking.send(Bytes::from(frame))?;
        let answered_in = if code == ErrorCode::UNSUPPORTED_VERSION { 0 } else { known };
        let answer = self.asking.answer_as::<ApiVersionsResponse>(answered_in, self.asking.correlation_id)?;
        same("error code", answer.error_code, code)?;
        let own = answer.api_keys.iter().any(|api| api.api_key == ApiKey::ApiVersions.key());
        same("a range for ApiVersions itself", own, code != ErrorCode::INVALID_REQUEST)
    }

    fn list_offsets(&mut self, timestamp: i64, code: ErrorCode, offset: i64) -> Checked {
        let partition = ListOffsetsPartition { timestamp, ..Default::default() };
        let topic = ListOffsetsTopic {
            name: self.topic.as_str().into(),
            partitions: vec![partition],
            ..Default::default()
        };
        let answer = self
            .asking
            .ask(7, &ListOffsetsRequest { replica_id: -1, topics: vec![topic], ..Default::default() })?;
        let partition = answer
            .topics
            .first()
            .and_then(|topic| topic.partitions.first())
            .ok_or("no partition in the answer")?;
        same("error code", partition.error_code, code)?;
        same("offset", partition.offset, offset)
    }

    fn fetch(&mut self, offset: i64, max_bytes: i32, code: ErrorCode, found: (usize, usize)) -> Checked {
        let partition =
            FetchPartition { fetch_offset: offset, partition_max_bytes: max_bytes, ..Default::default() };
        let topic = FetchTopic {
            topic: self.topic.as_str().into(),
            partitions: vec![partition],
            ..Default::default()
        };
        let answer = self.asking.ask(
            12,
            &FetchRequest { max_wait_ms: 1, min_bytes: 1, topics: vec![topic], ..Default::default() },
        )?;
        let partition = answer
            .responses
            .first()
            .and_then(|topic| topic.partitions.first())
            .ok_or("no partition in the answer")?;
        same("error code", partition.error_code, code)?;
        let records = partition.records.as_ref().map(Records::to_bytes).unwrap_or_default();
        let read = batches(&records)
            .map(|batch| batch.and_then(|batch| batch.verify_crc()))
            .collect::<Result<Vec<()>, _>>();
        same("whole batches and bytes", read.map(|batches| (batches.len(), records.len())), Ok(found))
    }
}
