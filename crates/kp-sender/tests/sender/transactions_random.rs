//! Transactions against a small model of a cluster, over seeds: answers that are lost, frames that arrive late, refusals and
//! coordinator timeouts, and what is told at each end held against what the model's logs show in the end (L1, L2, L3, L6, L8).

use crate::harness::*;
use crate::transactions::*;
use bytes::Bytes;
use kp_accumulator::{Completion, Outcome};
use kp_client::{ClientRequest, DisconnectReason, Event, Written};
use kp_protocol::api::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnRequest, AddPartitionsToTxnResponse,
    AddPartitionsToTxnTopicResult, DescribeTransactionsRequest, DescribeTransactionsResponse,
    DescribeTransactionsTransactionState, EndTxnRequest, EndTxnResponse, InitProducerIdRequest,
    InitProducerIdResponse, PartitionProduceResponse, ProduceRequest, ProduceResponse, TopicProduceResponse,
};
use kp_protocol::records::BatchHeader;
use kp_protocol::{ApiKey, ErrorCode, Message, encode_body};
use kp_sender::{TransactionEnd, TransactionInput};
use kp_time::Jitter;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Empty,
    Ongoing,
    CompleteCommit,
    CompleteAbort,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Open,
    Committed,
    Aborted,
}

/// A batch of one record in a log.
#[derive(Debug)]
struct Entry {
    /// The client's transaction that its request belonged to.
    transaction: u64,
    epoch: i16,
    sequence: i32,
    fate: Fate,
}

/// A coordinator and a leader, as Kafka 4.3 (`is_v2`) or as Kafka 3.9.
struct Model {
    is_v2: bool,
    epoch: i16,
    last_epoch: i16,
    state: State,
    partitions: BTreeSet<i32>,
    logs: BTreeMap<i32, Vec<Entry>>,
}

impl Model {
    fn new(is_v2: bool) -> Self {
        let (partitions, logs) = (BTreeSet::new(), BTreeMap::new());
        Self { is_v2, epoch: -1, last_epoch: -1, state: State::Empty, partitions, logs }
    }

    fn complete(&mut self, fate: Fate) {
        let open = self.logs.values_mut().flatten().filter(|entry| entry.fate == Fate::Open);
        open.for_each(|entry| entry.fate = fate);
        self.partitions.clear();
        self.state = if fate == Fate::Committed { State::CompleteCommit } else { State::CompleteAbort };
    }

    fn time_out(&mut self) {
        if self.state == State::Ongoing {
            self.complete(Fate::Aborted);
            self.last_epoch = if self.is_v2 { self.epoch } else { -1 };
            self.epoch += 1;
        }
    }

    /// TM-I2, I3, I4, I16, L9.
    fn init(&mut self, pair: Option<i16>) -> (i16, i16) {
        if self.state == State::Ongoing {
            self.complete(Fate::Aborted);
            (self.last_epoch, self.epoch) = (if self.is_v2 { self.epoch } else { -1 }, self.epoch + 1);
        }
        match pair {
            None => {
                (self.last_epoch, self.epoch) = (-1, self.epoch + 1);
                self.state = State::Empty;
                (0, self.epoch)
            }
            Some(epoch) if epoch == self.epoch => {
                (self.last_epoch, self.epoch) = (self.epoch, self.epoch + 1);
                self.state = State::Empty;
                (0, self.epoch)
            }
            Some(epoch) if epoch == self.last_epoch => (0, self.epoch),
            Some(_) => (90, -1),
        }
    }

    fn add(&mut self, epoch: i16, partitions: &[i32]) -> i16 {
        if epoch != self.epoch {
            return 90;
        }
        self.partitions.extend(partitions);
        self.state = State::Ongoing;
        0
    }

    /// The code, and the offset.
    fn produce(&mut self, transaction: u64, partition: i32, epoch: i16, sequence: i32) -> (i16, i64) {
        if epoch != self.epoch {
            return (47, -1);
        }
        if self.is_v2 {
            self.partitions.insert(partition);
            self.state = State::Ongoing;
        } else if !self.partitions.contains(&partition) {
            return (120, -1);
        }
        let log = self.logs.entry(partition).or_default();
        let same = |entry: &Entry| (entry.epoch, entry.sequence) == (epoch, sequence);
        if let Some(offset) = log.iter().position(same) {
            return (0, offset as i64);
        }
        let last = log.iter().rev().find(|entry| entry.epoch == epoch);
        if sequence != last.map_or(0, |entry| entry.sequence + 1) {
            return (45, -1);
        }
        log.push(Entry { transaction, epoch, sequence, fate: Fate::Open });
        (0, log.len() as i64 - 1)
    }

    /// TM-E, and the table of transactions by the second protocol.
    fn end(&mut self, epoch: i16, commits: bool) -> (i16, i16) {
        let fate = if commits { Fate::Committed } else { Fate::Aborted };
        if !self.is_v2 {
            let code = match (self.state, commits) {
                _ if epoch != self.epoch => 90,
                (State::Ongoing, _) => {
                    self.complete(fate);
                    0
                }
                (State::CompleteCommit, true) | (State::CompleteAbort, false) => 0,
                _ => 48,
            };
            return (code, -1);
        }
        match (self.state, commits) {
            (State::Ongoing, _) if epoch == self.epoch => self.complete(fate),
            (_, true) if epoch == self.epoch => return (48, -1),
            (_, false) if epoch == self.epoch => self.state = State::CompleteAbort,
            (State::CompleteCommit, true) | (State::CompleteAbort, false) if epoch == self.last_epoch => {
                return (0, self.epoch);
            }
            (State::CompleteCommit | State::CompleteAbort, _) if epoch == self.last_epoch => return (48, -1),
            _ => return (90, -1),
        }
        (self.last_epoch, self.epoch) = (self.epoch, self.epoch + 1);
        (0, self.epoch)
    }
}

/// A request with the client's transaction that it belongs to.
type Frame = (u64, ClientRequest);

fn body_of<M: Message>(request: &ClientRequest) -> M {
    M::parse(&Bytes::from(request.body.concat()), request.version).unwrap()
}

fn encoded<M: Message>(request: &ClientRequest, response: &M) -> Bytes {
    Bytes::from(encode_body(request.version, response).unwrap().concat())
}

/// The model takes a frame in, and answers it.
fn deliver(model: &mut Model, (transaction, request): &Frame) -> Bytes {
    match request.api_key {
        ApiKey::InitProducerId => {
            let asked: InitProducerIdRequest = body_of(request);
            let (code, producer_epoch) = model.init(Some(asked.producer_epoch).filter(|epoch| *epoch >= 0));
            let (error_code, producer_id) = (ErrorCode(code), 900);
            encoded(
                request,
                &InitProducerIdResponse { error_code, producer_id, producer_epoch, ..Default::default() },
            )
        }
        ApiKey::AddPartitionsToTxn => add_partitions(model, request),
        ApiKey::Produce => produce(model, *transaction, request),
        ApiKey::EndTxn => {
            let asked: EndTxnRequest = body_of(request);
            let (code, producer_epoch) = model.end(asked.producer_epoch, asked.committed);
            let (error_code, producer_id) = (ErrorCode(code), if code == 0 { 900 } else { -1 });
            encoded(
                request,
                &EndTxnResponse { error_code, producer_id, producer_epoch, ..Default::default() },
            )
        }
        ApiKey::DescribeTransactions => {
            let _: DescribeTransactionsRequest = body_of(request);
            let state = DescribeTransactionsTransactionState {
                transaction_state: format!("{:?}", model.state).into(),
                producer_id: 900,
                producer_epoch: model.epoch,
                ..Default::default()
            };
            let transaction_states = vec![state];
            encoded(request, &DescribeTransactionsResponse { transaction_states, ..Default::default() })
        }
        other => panic!("{other} is not asked"),
    }
}

fn add_partitions(model: &mut Model, request: &ClientRequest) -> Bytes {
    let asked: AddPartitionsToTxnRequest = body_of(request);
    let topic = &asked.v3_and_below_topics[0];
    let code = ErrorCode(model.add(asked.v3_and_below_producer_epoch, &topic.partitions));
    let result = |partition: &i32| AddPartitionsToTxnPartitionResult {
        partition_index: *partition,
        partition_error_code: code,
        ..Default::default()
    };
    let topic = AddPartitionsToTxnTopicResult {
        name: topic.name.clone(),
        results_by_partition: topic.partitions.iter().map(result).collect(),
        ..Default::default()
    };
    let results_by_topic_v3_and_below = vec![topic];
    encoded(request, &AddPartitionsToTxnResponse { results_by_topic_v3_and_below, ..Default::default() })
}

fn produce(model: &mut Model, transaction: u64, request: &ClientRequest) -> Bytes {
    let asked: ProduceRequest = body_of(request);
    let responses = asked.topic_data.iter().map(|topic| TopicProduceResponse {
        name: topic.name.clone(),
        topic_id: topic.topic_id,
        partition_responses: topic
            .partition_data
            .iter()
            .map(|partition| {
                let records = partition.records.as_ref().unwrap().to_bytes();
                let identity = BatchHeader::parse(&records).unwrap().0.identity().expect("it is numbered");
                let (epoch, sequence) = (identity.producer.epoch, identity.base_sequence.0);
                let (code, base_offset) = model.produce(transaction, partition.index, epoch, sequence);
                PartitionProduceResponse {
                    index: partition.index,
                    error_code: ErrorCode(code),
                    base_offset,
                    ..Default::default()
                }
            })
            .collect(),
        ..Default::default()
    });
    encoded(request, &ProduceResponse { responses: responses.collect(), ..Default::default() })
}

struct Play {
    harness: Harness,
    model: Model,
    random: Jitter,
    late: Vec<Frame>,
    transaction: u64,
    has_faults: bool,
}

impl Play {
    fn new(seed: u64) -> Self {
        let is_v2 = seed.is_multiple_of(2);
        let versions = if is_v2 { v2() } else { v1() };
        let harness = fresh(Plan { seed, ..transactional() }, versions);
        let random = Jitter::seeded(seed);
        Self {
            harness,
            model: Model::new(is_v2),
            random,
            late: Vec::new(),
            transaction: 0,
            has_faults: false,
        }
    }

    fn is_finished(&self) -> bool {
        !self.harness.fatal.is_empty()
    }

    /// One request meets its fate, or time passes.
    fn step(&mut self) {
        if self.harness.requests.iter().any(|request| request.api_key == ApiKey::FindCoordinator) {
            find_coordinator(&mut self.harness);
        }
        if self.has_faults && self.random.below(300) == 0 {
            self.model.time_out();
        }
        if !self.late.is_empty() && self.random.below(6) == 0 {
            let index = self.random.below(self.late.len() as u64) as usize;
            let frame = self.late.swap_remove(index);
            deliver(&mut self.model, &frame);
        }
        if self.harness.requests.is_empty() || self.random.below(4) == 0 {
            let wait = MS(self.random.below(300));
            return self.harness.advance(wait);
        }
        let index = self.random.below(self.harness.requests.len() as u64) as usize;
        let frame = (self.transaction, self.harness.requests.remove(index));
        self.meet(frame);
    }

    fn meet(&mut self, frame: Frame) {
        let token = frame.1.token;
        match if self.has_faults { self.random.below(100) } else { 99 } {
            // Taken in, and the answer lost.
            0..10 => drop(deliver(&mut self.model, &frame)),
            // Lost on the way.
            10..18 => {}
            // Underway for longer than the connection stands. A first pair that is late fences whoever is there (TC13).
            18..28 if frame.1.api_key != ApiKey::InitProducerId => self.late.push(frame),
            28..32 if frame.1.api_key == ApiKey::EndTxn => {
                let error_code = ErrorCode([14, 16, 51, 15][self.random.below(4) as usize]);
                let body = encoded(&frame.1, &EndTxnResponse { error_code, ..Default::default() });
                self.harness.event(Event::Answered { token, body });
                return self.harness.run();
            }
            _ => {
                let body = deliver(&mut self.model, &frame);
                self.harness.event(Event::Answered { token, body });
                return self.harness.run();
            }
        }
        self.harness.fail(token, Written::Perhaps, DisconnectReason::Lost("connection reset".into()));
        self.harness.run();
    }

    /// Plays a transaction to its end.
    fn transact(&mut self, number: u64) -> (TransactionEnd, Vec<(i32, Arc<Completion>)>) {
        self.transaction = number;
        begin(&mut self.harness, number);
        let mut sent = Vec::new();
        for _ in 0..self.random.below(6) {
            if self.is_finished() {
                break;
            }
            let partition = self.random.below(2) as i32;
            sent.push((partition, self.harness.send(partition)));
            for _ in 0..self.random.below(4) {
                self.step();
            }
        }
        let commit = self.random.below(4) > 0;
        end(&mut self.harness, number, commit);
        for steps in 0..3000 {
            self.has_faults = steps < 60;
            if let Some((ended, how)) = ends(&self.harness).pop()
                && ended == number
            {
                return (how, sent);
            }
            self.step();
        }
        panic!("it has no end: {:?}", self.harness.transactions);
    }

    fn fates_of(&self, transaction: u64) -> Vec<Fate> {
        let entries = self.model.logs.values().flatten();
        entries.filter(|entry| entry.transaction == transaction).map(|entry| entry.fate).collect()
    }
}

/// How many transactions ended in which way.
#[derive(Debug, Default)]
struct Seen {
    committed: u32,
    aborted: u32,
    unknown: u32,
    fatal: u32,
}

fn play(seed: u64, seen: &mut Seen) {
    let mut play = Play::new(seed);
    wish(&mut play.harness, TransactionInput::Init);
    let mut told = Vec::new();
    for number in 1..=6 {
        play.has_faults = true;
        let (end, sent) = play.transact(number);
        if let TransactionEnd::Committed { .. } = end {
            for (partition, completion) in &sent {
                let Some(Outcome::Written { base_offset: Some(offset), .. }) = completion.outcome() else {
                    panic!("seed {seed}: committed without a record: {completion:?}");
                };
                let entry = &play.model.logs[partition][offset.0 as usize];
                assert_eq!((entry.transaction, entry.fate), (number, Fate::Committed), "seed {seed}");
            }
            assert_eq!(play.fates_of(number).len(), sent.len(), "seed {seed}: each once");
        }
        told.push((number, end));
        if play.is_finished() {
            break;
        }
    }
    for frame in std::mem::take(&mut play.late) {
        deliver(&mut play.model, &frame);
    }
    play.model.time_out();
    for (number, end) in told {
        let fates = play.fates_of(number);
        let committed = fates.iter().filter(|fate| **fate == Fate::Committed).count();
        match end {
            TransactionEnd::Committed { .. } => assert_eq!(committed, fates.len(), "seed {seed}: {number}"),
            TransactionEnd::Aborted { .. } | TransactionEnd::Fatal(_) => {
                assert_eq!(committed, 0, "seed {seed}: transaction {number} is visible");
            }
            TransactionEnd::Unknown(_) => {
                assert!(committed == 0 || committed == fates.len(), "seed {seed}: {number} is torn");
            }
        }
        *match end {
            TransactionEnd::Committed { .. } => &mut seen.committed,
            TransactionEnd::Aborted { .. } => &mut seen.aborted,
            TransactionEnd::Unknown(_) => &mut seen.unknown,
            TransactionEnd::Fatal(_) => &mut seen.fatal,
        } += 1;
    }
}

// L1, L2, L3, L6, L8, L10, TC1, TC2, TC21
#[test]
fn what_is_told_of_each_end_is_what_the_logs_show_when_every_late_frame_has_come() {
    let (mut newer, mut older) = (Seen::default(), Seen::default());
    for seed in 0..200 {
        play(seed, if seed.is_multiple_of(2) { &mut newer } else { &mut older });
    }
    assert!(newer.committed > 150 && newer.aborted > 150, "{newer:?}");
    assert_eq!(
        (newer.unknown, newer.fatal),
        (0, 0),
        "by the second protocol every end can be learnt: {newer:?}"
    );
    assert!(older.committed > 150 && older.aborted > 150, "{older:?}");
    assert!(older.fatal > 0, "Kafka 3.9 renews no pair that has timed out: {older:?}");
}
