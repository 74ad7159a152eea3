//! One thread, no socket, no clock: what valgrind counts the instructions of (`cargo xtask bench count`). Each stage does what the
//! stage before it does and something more; run with two numbers of records, the difference is the cost of a record.

#![forbid(unsafe_code)]

use bytes::Bytes;
use kp_accumulator::{
    Accumulator, AccumulatorSettings, Admission, Append, DrainGate, Drained, HeadBatch, Outcome, QueueIndex,
    Target, TopicQueues,
};
use kp_client::{ClientRequest, ConnectionNumber, Event, Nodes, Readiness};
use kp_memory::{Buffer, BufferPool};
use kp_metadata::{Cluster, Metadata, MetadataSettings, Partition, Topic};
use kp_protocol::api::{
    InitProducerIdResponse, MetadataResponse, MetadataResponseBroker, MetadataResponsePartition,
    MetadataResponseTopic, PartitionProduceResponse, ProduceResponse, TopicProduceResponse,
};
use kp_protocol::records::RecordRef;
use kp_protocol::{
    ApiKey, BrokerAddress, BrokerId, BrokerVersions, Offset, PartitionId, Timestamp, TopicId, TopicName,
    VersionRange, encode_body,
};
use kp_sender::{IdempotenceSetting, Input, Output, SenderCore, SenderSettings};
use kp_time::{Clock, ManualClock};
use std::sync::Arc;

type Failure = Box<dyn std::error::Error>;

const PARTITIONS: i32 = 6;
const TOPIC: &str = "bench";
const ID: TopicId = TopicId([7; 16]);
const BROKER: BrokerId = BrokerId(1);
/// After so many records the driver has a turn.
const TURN: u64 = 1000;

fn main() -> Result<(), Failure> {
    let usage = "kp-count append|seal|answer|token RECORDS, or spread RECORDS PARTITIONS BROKERS";
    let mut args = std::env::args().skip(1);
    let (stage, records) = (args.next().ok_or(usage)?, args.next().ok_or(usage)?.parse::<u64>()?);
    match stage.as_str() {
        "spread" => {
            let mut number = || args.next().ok_or(usage)?.parse::<i32>().map_err(Failure::from);
            count_spread(records, number()?, number()?)
        }
        "append" => count_append(records, Driver::drop_all),
        "seal" => count_append(records, Driver::seal_all),
        "answer" => count_answer(records, false),
        "token" => count_answer(records, true),
        _ => Err(usage.into()),
    }
}

/// Everything that one thread needs to append.
struct Driver {
    clock: ManualClock,
    pool: Arc<BufferPool>,
    accumulator: Arc<Accumulator>,
    queues: Arc<TopicQueues>,
    topic: Topic,
    cluster: Cluster,
    spare: Option<Buffer>,
    drained: Vec<Drained>,
}

/// Lets every batch go.
struct Everything;

impl DrainGate for Everything {
    type Pass = ();
    fn admit(&mut self, _: QueueIndex, _: &HeadBatch<'_>) -> Admission {
        Admission::Send { identity: None, pass: () }
    }
}

fn address(id: BrokerId) -> BrokerAddress {
    BrokerAddress { id, host: "localhost".into(), port: 9092, rack: None }
}

impl Driver {
    fn new() -> Self {
        Self::with(PARTITIONS, 1, 32 << 20)
    }

    fn with(partitions: i32, brokers: i32, memory: usize) -> Self {
        let (clock, pool) = (ManualClock::new(), BufferPool::new(memory, 16_384));
        let accumulator = Accumulator::new(AccumulatorSettings::default(), Arc::clone(&pool));
        let name = TopicName::new(TOPIC);
        let leaders = (0..partitions).map(|partition| BrokerId(1 + partition % brokers));
        let metadata = leaders.map(Partition::led_by).collect();
        let topic = Topic::new(name.clone(), ID, metadata);
        let queues = accumulator.topic(&name, partitions as usize);
        let cluster = Cluster::new(1, (1..=brokers).map(|id| address(BrokerId(id))), [topic.clone()]);
        Self { clock, pool, accumulator, queues, topic, cluster, spare: None, drained: Vec::new() }
    }

    fn append(
        &mut self,
        value: &[u8],
        target: Target,
        notify: Option<kp_accumulator::Notify>,
    ) -> Result<(), Failure> {
        let record = RecordRef { timestamp: Timestamp(7), key: None, value: Some(value), headers: &[] };
        let mut notify = notify;
        loop {
            let appended = self.accumulator.append(
                &self.queues,
                &self.topic,
                target,
                &record,
                &mut notify,
                &mut self.spare,
                &self.clock,
            )?;
            match appended {
                Append::Accepted(_) => return Ok(()),
                Append::NeedsBuffer(bytes) => self.spare = self.pool.try_allocate(bytes)?,
            }
        }
    }

    /// What a batch costs at least: it is taken out as it is and acknowledged.
    fn drop_all(&mut self) {
        for batch in self.accumulator.take_undrained() {
            batch.settle(Outcome::Written { base_offset: Some(Offset(7)), log_append_time: None });
        }
    }

    /// Everything ready is sealed, drained and acknowledged.
    fn seal_all(&mut self) {
        let now = self.clock.now();
        loop {
            let ready = self.accumulator.ready(now, &self.cluster).brokers;
            if ready.is_empty() {
                return;
            }
            for broker in ready {
                self.accumulator.drain(
                    now,
                    &self.cluster,
                    broker,
                    1 << 20,
                    &mut Everything,
                    &mut self.drained,
                );
            }
            for drained in self.drained.drain(..) {
                drained
                    .batch
                    .settle(Outcome::Written { base_offset: Some(Offset(7)), log_append_time: None });
            }
        }
    }
}

fn count_append(records: u64, turn: fn(&mut Driver)) -> Result<(), Failure> {
    let (mut driver, value) = (Driver::new(), [b'x'; 100]);
    for number in 0..records {
        driver.append(&value, Target::Sticky, None)?;
        if number % TURN == 0 {
            turn(&mut driver);
        }
    }
    Ok(())
}

/// Records to all partitions in turn, led by all brokers in turn: what it costs to find what is ready among many.
fn count_spread(records: u64, partitions: i32, brokers: i32) -> Result<(), Failure> {
    if partitions < 1 || brokers < 1 {
        return Err("partitions and brokers: 1 or more".into());
    }
    let (mut driver, value) = (Driver::with(partitions, brokers, 512 << 20), [b'x'; 100]);
    for number in 0..records {
        let partition = PartitionId((number % partitions as u64) as i32);
        driver.append(&value, Target::Partition(partition), None)?;
        if number % TURN == 0 {
            driver.seal_all();
        }
    }
    Ok(())
}

/// A broker that answers at once, and the core that sends to it.
struct Loop {
    core: SenderCore,
    versions: Arc<BrokerVersions>,
    unanswered: Vec<ClientRequest>,
    answer: Bytes,
}

/// The whole way from `append` to the outcome: numbered batches, requests, answers, settlements.
fn count_answer(records: u64, tokens: bool) -> Result<(), Failure> {
    let (mut driver, value) = (Driver::new(), [b'x'; 100]);
    if tokens {
        driver.accumulator.set_listener(Box::new(|token, outcome| {
            std::hint::black_box((token, outcome.index));
        }));
    }
    let now = driver.clock.now();
    let metadata = Metadata::new(MetadataSettings::default(), vec![address(BROKER)], now, 1);
    let settings = SenderSettings { idempotence: IdempotenceSetting::Preferred, ..SenderSettings::default() };
    let core = SenderCore::new(settings, Arc::clone(&driver.accumulator), metadata, now, 2);
    let range = |newest| VersionRange::new(0, newest);
    let versions = BrokerVersions::fixed([
        (ApiKey::Produce, range(13)),
        (ApiKey::Metadata, range(12)),
        (ApiKey::InitProducerId, range(4)),
    ]);
    let answer = produce_answer()?;
    let mut turn = Loop { core, versions: Arc::new(versions), unanswered: Vec::new(), answer };
    turn.core.handle_input(now, Input::WantTopic(TopicName::new(TOPIC)));
    turn.run(&driver)?;
    for number in 0..records {
        let notify = tokens.then_some(kp_accumulator::Notify::Token(number));
        driver.append(&value, Target::Sticky, notify)?;
        if number % TURN == 0 {
            turn.run(&driver)?;
        }
    }
    Ok(())
}

impl Loop {
    /// Until nothing is to be done any more.
    fn run(&mut self, driver: &Driver) -> Result<(), Failure> {
        let now = driver.clock.now();
        loop {
            let mut nodes = OneNode(Arc::clone(&self.versions));
            while let Some(output) = self.core.poll_output(now, &mut nodes) {
                match output {
                    Output::Send(request) => self.unanswered.push(request),
                    Output::Settle(settlement) => settlement.run(),
                    _ => {}
                }
            }
            if self.unanswered.is_empty() {
                return Ok(());
            }
            for request in std::mem::take(&mut self.unanswered) {
                let body = match request.api_key {
                    ApiKey::Produce => self.answer.clone(),
                    ApiKey::Metadata => metadata_answer(request.version)?,
                    ApiKey::InitProducerId => {
                        let answer = InitProducerIdResponse { producer_id: 9, ..Default::default() };
                        Bytes::from(encode_body(request.version, &answer)?.concat())
                    }
                    other => return Err(format!("an unexpected request: {other:?}").into()),
                };
                self.core.handle_input(now, Input::Network(Event::Answered { token: request.token, body }));
            }
        }
    }
}

/// A network of one broker that is always ready.
struct OneNode(Arc<BrokerVersions>);

impl Nodes for OneNode {
    fn readiness(&mut self, _now: std::time::Instant, _broker: BrokerId) -> Readiness {
        Readiness::Ready { connection: ConnectionNumber(1), versions: Arc::clone(&self.0) }
    }

    fn least_loaded(&mut self, _now: std::time::Instant) -> Option<BrokerId> {
        Some(BROKER)
    }
}

/// All partitions are well, whichever were asked for.
fn produce_answer() -> Result<Bytes, Failure> {
    let partition = |index| PartitionProduceResponse { index, base_offset: 7, ..Default::default() };
    let topic = TopicProduceResponse {
        topic_id: ID,
        partition_responses: (0..PARTITIONS).map(partition).collect(),
        ..Default::default()
    };
    let response = ProduceResponse { responses: vec![topic], ..Default::default() };
    Ok(Bytes::from(encode_body(13, &response)?.concat()))
}

fn metadata_answer(version: i16) -> Result<Bytes, Failure> {
    let partition = |partition_index| MetadataResponsePartition {
        partition_index,
        leader_id: BROKER.0,
        leader_epoch: 1,
        ..Default::default()
    };
    let topic = MetadataResponseTopic {
        name: Some(TOPIC.into()),
        topic_id: ID,
        partitions: (0..PARTITIONS).map(partition).collect(),
        ..Default::default()
    };
    let broker = MetadataResponseBroker {
        node_id: BROKER.0,
        host: "localhost".into(),
        port: 9092,
        ..Default::default()
    };
    let response = MetadataResponse { brokers: vec![broker], topics: vec![topic], ..Default::default() };
    Ok(Bytes::from(encode_body(version, &response)?.concat()))
}
