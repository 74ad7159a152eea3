//! A transactional producer over the whole core, by the second protocol: from the first pair to the end of each transaction.
//! What scripts a coordinator stands here too, for the neighbours.

use crate::harness::*;
use crate::idempotence::numbers;
use bytes::Bytes;
use kp_accumulator::{AccumulatorSettings, Certainty, FailureKind};
use kp_client::{ClientRequest, DisconnectReason, Event, Written};
use kp_protocol::api::{
    Coordinator, EndTxnRequest, EndTxnResponse, FindCoordinatorRequest, FindCoordinatorResponse,
    InitProducerIdRequest, InitProducerIdResponse, PartitionProduceResponse,
};
use kp_protocol::records::BatchHeader;
use kp_protocol::{
    ApiKey, BrokerId, BrokerVersions, ErrorCode, Message, ProducerIdentity, TransactionVersion, VersionRange,
    encode_body,
};
use kp_sender::{
    IdempotenceSetting, Input, SenderSettings, TransactionEnd, TransactionFailure, TransactionFailureKind,
    TransactionInput, TransactionOutput, TransactionProtocol, TransactionSettings,
};
use std::time::Duration;

pub(crate) const COORDINATOR: BrokerId = BrokerId(2);
pub(crate) const SECOND: Duration = Duration::from_secs(1);

pub(crate) fn transactional() -> Plan {
    let transaction =
        Some(TransactionSettings { transactional_id: "inv-1".into(), timeout: Duration::from_secs(60) });
    let idempotence = IdempotenceSetting::Required;
    Plan { sender: SenderSettings { idempotence, transaction, ..Default::default() }, ..Plan::default() }
}

fn speaks(produce: i16, offsets: i16, end: i16, level: i16) -> BrokerVersions {
    let up_to = |max| VersionRange::new(0, max);
    BrokerVersions::fixed([
        (ApiKey::Produce, up_to(produce)),
        (ApiKey::Metadata, up_to(13)),
        (ApiKey::FindCoordinator, up_to(6)),
        (ApiKey::InitProducerId, up_to(5)),
        (ApiKey::AddPartitionsToTxn, up_to(5)),
        (ApiKey::AddOffsetsToTxn, up_to(4)),
        (ApiKey::TxnOffsetCommit, up_to(offsets)),
        (ApiKey::EndTxn, up_to(end)),
        (ApiKey::DescribeTransactions, up_to(0)),
    ])
    .with_transaction_version(TransactionVersion { epoch: 1, level })
}

/// Kafka 4.3.
pub(crate) fn v2() -> BrokerVersions {
    speaks(13, 5, 5, 2)
}

/// Kafka 4.3, but for offsets in transactions.
pub(crate) fn v2_without_offsets() -> BrokerVersions {
    speaks(13, 4, 5, 2)
}

/// Kafka 3.9.
pub(crate) fn v1() -> BrokerVersions {
    speaks(11, 4, 4, 0)
}

/// A producer that knows topic "t" with two partitions at broker 1, and has asked for nothing about transactions yet.
pub(crate) fn fresh(plan: Plan, versions: BrokerVersions) -> Harness {
    let mut harness = Harness::with(plan);
    harness.versions = versions.into();
    harness.add_topic("t", &[1, 1]);
    harness.want("t");
    harness.run();
    harness
}

/// The same under the pair (900, 5), coordinated by broker 2.
pub(crate) fn initialized(versions: BrokerVersions) -> Harness {
    initialized_with(transactional(), versions)
}

pub(crate) fn initialized_with(plan: Plan, versions: BrokerVersions) -> Harness {
    let mut harness = fresh(plan, versions);
    wish(&mut harness, TransactionInput::Init);
    find_coordinator(&mut harness);
    give_pair(&mut harness, ErrorCode::NONE, (900, 5));
    harness.transactions.clear();
    harness
}

/// With its first transaction open, and one record in it for partition 0.
pub(crate) fn begun_with_a_record(versions: BrokerVersions) -> Harness {
    let mut harness = initialized(versions);
    begin(&mut harness, 1);
    harness.send(0);
    harness.run();
    harness
}

pub(crate) fn wish(harness: &mut Harness, input: TransactionInput) {
    harness.input(Input::Transaction(input));
    harness.run();
}

pub(crate) fn begin(harness: &mut Harness, number: u64) {
    wish(harness, TransactionInput::Begin { number });
}

pub(crate) fn end(harness: &mut Harness, number: u64, commit: bool) {
    wish(harness, TransactionInput::End { number, commit });
}

pub(crate) fn asked(harness: &Harness, api: ApiKey) -> usize {
    harness.requests.iter().filter(|request| request.api_key == api).count()
}

/// Takes the oldest unanswered request of this kind.
pub(crate) fn take<M: Message>(harness: &mut Harness, api: ApiKey) -> (ClientRequest, M) {
    let index = harness.requests.iter().position(|request| request.api_key == api);
    let request = harness.requests.remove(index.unwrap_or_else(|| panic!("{api} is asked")));
    let parsed = M::parse(&Bytes::from(request.body.concat()), request.version).unwrap();
    (request, parsed)
}

pub(crate) fn respond<M: Message>(harness: &mut Harness, request: &ClientRequest, response: &M) {
    let body = Bytes::from(encode_body(request.version, response).unwrap().concat());
    harness.event(Event::Answered { token: request.token, body });
    harness.run();
}

/// The connection breaks when the request was written.
pub(crate) fn cut(harness: &mut Harness, request: &ClientRequest) {
    cut_with(harness, request, Written::Perhaps);
}

pub(crate) fn cut_with(harness: &mut Harness, request: &ClientRequest, written: Written) {
    harness.fail(request.token, written, DisconnectReason::Lost("connection reset".into()));
    harness.run();
}

/// Answers the look-up of a coordinator with broker 2.
pub(crate) fn find_coordinator(harness: &mut Harness) -> FindCoordinatorRequest {
    let (request, asked) = take::<FindCoordinatorRequest>(harness, ApiKey::FindCoordinator);
    let coordinators = asked.coordinator_keys.iter().map(|key| Coordinator {
        key: key.clone(),
        node_id: COORDINATOR.0,
        ..Default::default()
    });
    let response = FindCoordinatorResponse { coordinators: coordinators.collect(), ..Default::default() };
    respond(harness, &request, &response);
    asked
}

pub(crate) fn give_pair(
    harness: &mut Harness,
    error_code: ErrorCode,
    (producer_id, producer_epoch): (i64, i16),
) -> InitProducerIdRequest {
    let (request, asked) = take::<InitProducerIdRequest>(harness, ApiKey::InitProducerId);
    assert_eq!(request.broker, COORDINATOR);
    let response = InitProducerIdResponse { error_code, producer_id, producer_epoch, ..Default::default() };
    respond(harness, &request, &response);
    asked
}

/// Takes an EndTxn: what it commits, under which pair, in which version.
pub(crate) fn take_end(harness: &mut Harness) -> (ClientRequest, (bool, i64, i16)) {
    let (request, asked) = take::<EndTxnRequest>(harness, ApiKey::EndTxn);
    assert_eq!((request.broker, asked.transactional_id.as_str()), (COORDINATOR, "inv-1"));
    (request, (asked.committed, asked.producer_id, asked.producer_epoch))
}

pub(crate) fn answer_end(harness: &mut Harness, request: &ClientRequest, code: i16, pair: (i64, i16)) {
    let response = EndTxnResponse {
        error_code: ErrorCode(code),
        producer_id: pair.0,
        producer_epoch: pair.1,
        ..Default::default()
    };
    respond(harness, request, &response);
}

/// The ends that were told.
pub(crate) fn ends(harness: &Harness) -> Vec<(u64, TransactionEnd)> {
    let ended = harness.transactions.iter().filter_map(|told| match told {
        TransactionOutput::Ended { number, end } => Some((*number, end.clone())),
        _ => None,
    });
    ended.collect()
}

pub(crate) fn dooms(harness: &Harness) -> Vec<TransactionFailureKind> {
    let doomed = harness.transactions.iter().filter_map(|told| match told {
        TransactionOutput::Doomed { why, .. } => Some(why.kind.clone()),
        _ => None,
    });
    doomed.collect()
}

/// With records of one partition.
pub(crate) fn committed(number: u64, epoch: i16) -> Vec<(u64, TransactionEnd)> {
    committed_with(number, epoch, 1)
}

pub(crate) fn committed_with(number: u64, epoch: i16, partitions: usize) -> Vec<(u64, TransactionEnd)> {
    vec![(number, TransactionEnd::Committed { epoch, partitions })]
}

/// Why a transaction was aborted in the place of a commit.
pub(crate) fn why_aborted(harness: &Harness) -> TransactionFailure {
    match &ends(harness)[..] {
        [(_, TransactionEnd::Aborted { why: Some(why) })] => why.clone(),
        other => panic!("not aborted for a cause: {other:?}"),
    }
}

/// A transaction with an acknowledged record, and its commit asked for.
pub(crate) fn committing(harness: &mut Harness, number: u64) {
    begin(harness, number);
    harness.send(0);
    harness.run();
    let taken = harness.take_produce();
    harness.acknowledge(&taken);
    end(harness, number, true);
}

// TX3, TC23, TX26
#[test]
fn the_coordinator_is_looked_up_before_the_first_pair_is_asked_of_it() {
    let mut harness = fresh(transactional(), v2());
    assert_eq!(asked(&harness, ApiKey::FindCoordinator), 0, "nothing is asked unasked");
    wish(&mut harness, TransactionInput::Init);
    assert_eq!(asked(&harness, ApiKey::InitProducerId), 0);
    let lookup = find_coordinator(&mut harness);
    assert_eq!((lookup.key_type, lookup.coordinator_keys[0].as_str()), (1, "inv-1"));
    let init = give_pair(&mut harness, ErrorCode::NONE, (900, 5));
    assert_eq!(init.transactional_id.as_deref(), Some("inv-1"));
    assert_eq!((init.producer_id, init.producer_epoch, init.transaction_timeout_ms), (-1, -1, 60_000));
    let (producer, protocol) = (ProducerIdentity { producer_id: 900, epoch: 5 }, TransactionProtocol::V2);
    assert_eq!(harness.transactions, [TransactionOutput::Initialized { producer, protocol }]);
}

// TC19, TC14, TX19, TM-I1, I15
#[test]
fn the_first_pair_is_asked_for_until_the_coordinator_can_give_it() {
    let mut harness = fresh(transactional(), v2());
    wish(&mut harness, TransactionInput::Init);
    find_coordinator(&mut harness);
    give_pair(&mut harness, ErrorCode::CONCURRENT_TRANSACTIONS, (-1, -1));
    assert_eq!(asked(&harness, ApiKey::InitProducerId), 0, "not without a wait");
    harness.advance(MS(21));
    give_pair(&mut harness, ErrorCode::COORDINATOR_LOAD_IN_PROGRESS, (-1, -1));
    harness.advance(SECOND);
    give_pair(&mut harness, ErrorCode::NOT_COORDINATOR, (-1, -1));
    find_coordinator(&mut harness);
    harness.advance(SECOND);
    let (request, _) = take::<InitProducerIdRequest>(&mut harness, ApiKey::InitProducerId);
    cut(&mut harness, &request);
    find_coordinator(&mut harness);
    harness.advance(SECOND);
    let again = give_pair(&mut harness, ErrorCode::NONE, (900, 7));
    assert_eq!((again.producer_id, again.producer_epoch), (-1, -1), "TC13");
    assert!(matches!(harness.transactions.last(), Some(TransactionOutput::Initialized { .. })));
    let stalled = |told: &&TransactionOutput| matches!(told, TransactionOutput::Stalled { .. });
    assert!(harness.transactions.iter().any(|told| stalled(&told)), "its callers can say why they wait");
}

// TX31
#[test]
fn a_principal_without_a_right_is_told_and_may_ask_again() {
    let mut harness = fresh(transactional(), v2());
    wish(&mut harness, TransactionInput::Init);
    find_coordinator(&mut harness);
    let code = ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
    give_pair(&mut harness, code, (-1, -1));
    let told = std::mem::take(&mut harness.transactions);
    let [TransactionOutput::InitFailed { failure, is_fatal: false }] = &told[..] else {
        panic!("{told:?}");
    };
    assert_eq!(failure.kind, TransactionFailureKind::Authorization(code));
    harness.advance(SECOND);
    assert_eq!(asked(&harness, ApiKey::InitProducerId), 0, "not by itself");
    wish(&mut harness, TransactionInput::Init);
    give_pair(&mut harness, ErrorCode::NONE, (900, 5));
    assert!(matches!(harness.transactions[..], [TransactionOutput::Initialized { .. }]));
}

// TM-I9, TX15
#[test]
fn a_timeout_that_the_broker_does_not_take_ends_the_producer() {
    let mut harness = fresh(transactional(), v2());
    wish(&mut harness, TransactionInput::Init);
    find_coordinator(&mut harness);
    give_pair(&mut harness, ErrorCode::INVALID_TRANSACTION_TIMEOUT, (-1, -1));
    let [TransactionOutput::InitFailed { failure, is_fatal: true }] = &harness.transactions[..] else {
        panic!("{:?}", harness.transactions);
    };
    assert_eq!(failure.kind, TransactionFailureKind::InvalidTimeout);
    assert_eq!(harness.fatal.len(), 1);
    harness.close(SECOND);
    assert!(harness.is_closed);
}

// TX27, TC5, TC8, TC17, TC22
#[test]
fn a_transaction_is_begun_without_a_request_written_at_once_and_its_end_brings_the_next_epoch() {
    let mut harness = initialized(v2());
    begin(&mut harness, 1);
    assert!(harness.requests.is_empty(), "begin asks nothing");
    let sent = harness.send(0);
    harness.run();
    let taken = harness.take_produce();
    assert_eq!(taken.request.version, 13);
    assert_eq!(taken.parsed.transactional_id.as_deref(), Some("inv-1"));
    assert_eq!(taken.parsed.acks, -1);
    let records = taken.parsed.topic_data[0].partition_data[0].records.as_ref().unwrap().to_bytes();
    let identity = BatchHeader::parse(&records).unwrap().0.identity().unwrap();
    assert!(identity.transactional);
    assert_eq!(numbers(&taken), (900, 5, 0));
    assert_eq!(harness.requests.len(), 0, "no AddPartitionsToTxn");
    harness.acknowledge(&taken);
    assert_eq!(offset(&sent), Some(40));
    end(&mut harness, 1, true);
    let (request, what) = take_end(&mut harness);
    assert_eq!((request.version, what), (5, (true, 900, 5)));
    assert!(ends(&harness).is_empty(), "not before the coordinator has said so");
    answer_end(&mut harness, &request, 0, (900, 6));
    assert_eq!(ends(&harness), committed(1, 5));
    begin(&mut harness, 2);
    harness.send(0);
    harness.run();
    assert_eq!(numbers(&harness.take_produce()), (900, 6, 0), "the next epoch, and from its beginning");
}

// TX28, TM-X1
#[test]
fn an_end_may_bring_another_producer_id() {
    let mut harness = initialized(v2());
    committing(&mut harness, 1);
    let (request, _) = take_end(&mut harness);
    answer_end(&mut harness, &request, 0, (901, 0));
    begin(&mut harness, 2);
    harness.send(0);
    harness.run();
    assert_eq!(numbers(&harness.take_produce()), (901, 0, 0));
}

// TX10, TC7
#[test]
fn an_empty_transaction_ends_without_a_request() {
    for versions in [v1(), v2()] {
        let mut harness = initialized(versions);
        begin(&mut harness, 1);
        end(&mut harness, 1, true);
        assert_eq!(ends(&harness), committed_with(1, 5, 0));
        harness.transactions.clear();
        begin(&mut harness, 2);
        end(&mut harness, 2, false);
        assert_eq!(ends(&harness), [(2, TransactionEnd::Aborted { why: None })]);
        assert!(harness.requests.is_empty());
    }
}

// TX9, TC10, AC10
#[test]
fn a_commit_sends_what_lingers_and_waits_for_every_batch() {
    let mut plan = transactional();
    plan.accumulator = AccumulatorSettings { linger: Duration::from_secs(9), ..Default::default() };
    let mut harness = initialized_with(plan, v2());
    begin(&mut harness, 1);
    let sent = [harness.send(0), harness.send(1)];
    harness.run();
    assert!(harness.produces().is_empty(), "they linger");
    end(&mut harness, 1, true);
    let taken = harness.take_produce();
    assert_eq!(taken.partitions(), [0, 1]);
    assert_eq!(asked(&harness, ApiKey::EndTxn), 0);
    harness.answer(&taken, |partition| match partition {
        0 => PartitionProduceResponse { base_offset: 40, ..Default::default() },
        _ => refused(ErrorCode::NOT_ENOUGH_REPLICAS),
    });
    assert_eq!((offset(&sent[0]), asked(&harness, ApiKey::EndTxn)), (Some(40), 0));
    harness.advance(SECOND);
    let taken = harness.take_produce();
    harness.acknowledge(&taken);
    assert_eq!(take_end(&mut harness).1, (true, 900, 5));
    begin(&mut harness, 2);
    assert_eq!(dooms(&harness), [], "a refusal for a while is none");
}

// TX11, TC11, L12
#[test]
fn an_abort_fails_what_was_not_sent_and_awaits_what_is_in_flight() {
    let mut harness = initialized(v2());
    begin(&mut harness, 1);
    let first = harness.send(0);
    harness.run();
    let taken = harness.take_produce();
    let waiting = harness.send(0);
    harness.run();
    end(&mut harness, 1, false);
    assert!(first.outcome().is_none());
    assert_eq!(asked(&harness, ApiKey::EndTxn), 0);
    harness.acknowledge(&taken);
    assert_eq!(offset(&first), Some(40));
    let told = failure(&waiting);
    assert_eq!((told.kind, told.certainty), (FailureKind::TransactionAborted, Certainty::NotWritten));
    assert!(harness.produces().is_empty(), "it never leaves");
    let (request, what) = take_end(&mut harness);
    assert_eq!(what, (false, 900, 5));
    answer_end(&mut harness, &request, 0, (900, 6));
    assert_eq!(ends(&harness), [(1, TransactionEnd::Aborted { why: None })]);
    assert_eq!(dooms(&harness), [], "an abort that was wanted has no cause");
}

// TX12, TX14, TC10
#[test]
fn a_failed_record_dooms_the_transaction_and_its_commit_is_an_abort() {
    let mut harness = initialized(v2());
    begin(&mut harness, 1);
    let sent = [harness.send(0), harness.send(1)];
    harness.run();
    let taken = harness.take_produce();
    let behind = harness.send(0);
    harness.answer(&taken, |partition| match partition {
        0 => refused(ErrorCode::INVALID_TXN_STATE),
        _ => PartitionProduceResponse { base_offset: 40, ..Default::default() },
    });
    assert_eq!(failure(&sent[0]).kind, FailureKind::Refused(ErrorCode::INVALID_TXN_STATE));
    assert_eq!(failure(&behind).kind, FailureKind::TransactionAborted, "nothing more is sent of it");
    let [TransactionFailureKind::RecordFailed { partition, kind }] = &dooms(&harness)[..] else {
        panic!("{:?}", harness.transactions);
    };
    assert_eq!(partition.partition.0, 0);
    assert_eq!(*kind, FailureKind::Refused(ErrorCode::INVALID_TXN_STATE));
    end(&mut harness, 1, true);
    let (request, what) = take_end(&mut harness);
    assert_eq!(what, (false, 900, 5), "never a commit");
    answer_end(&mut harness, &request, 0, (900, 6));
    assert!(matches!(why_aborted(&harness).kind, TransactionFailureKind::RecordFailed { .. }));
}

// TC6, TM-P24
#[test]
fn a_transaction_of_which_every_record_failed_is_ended_at_the_coordinator_too() {
    let mut harness = begun_with_a_record(v2());
    let taken = harness.take_produce();
    harness.answer(&taken, |_| refused(ErrorCode::TOPIC_AUTHORIZATION_FAILED));
    end(&mut harness, 1, true);
    assert_eq!(take_end(&mut harness).1, (false, 900, 5));
}

// TC9, TX33
#[test]
fn no_epoch_is_raised_inside_a_transaction() {
    for code in [
        ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER,
        ErrorCode::INVALID_PRODUCER_EPOCH,
        ErrorCode::PRODUCER_FENCED,
    ] {
        let mut harness = initialized(v2());
        begin(&mut harness, 1);
        let sent = harness.send(0);
        harness.run();
        let taken = harness.take_produce();
        harness.answer(&taken, |_| refused(code));
        harness.advance(SECOND);
        assert_eq!(failure(&sent).kind, FailureKind::Refused(code));
        assert!(harness.produces().is_empty() && harness.fatal.is_empty(), "{code}");
        assert_eq!(dooms(&harness).len(), 1);
    }
}

// TX13
#[test]
fn a_refused_send_dooms_its_own_transaction_only() {
    let mut harness = initialized(v2());
    let why = TransactionFailure::of(TransactionFailureKind::SendRefused { reason: "too large".into() });
    begin(&mut harness, 2);
    wish(&mut harness, TransactionInput::Doom { number: 1, why: why.clone() });
    assert_eq!(dooms(&harness), []);
    for _ in 0..2 {
        wish(&mut harness, TransactionInput::Doom { number: 2, why: why.clone() });
    }
    assert_eq!(dooms(&harness), std::slice::from_ref(&why.kind), "told once");
    end(&mut harness, 2, true);
    assert_eq!(why_aborted(&harness).kind, why.kind);
    assert!(harness.requests.is_empty(), "nothing was written");
}

// CL3, TX15
#[test]
fn closing_aborts_the_open_transaction_first() {
    let mut harness = begun_with_a_record(v2());
    let taken = harness.take_produce();
    harness.close(Duration::from_secs(10));
    assert!(!harness.is_closed);
    harness.acknowledge(&taken);
    let (request, what) = take_end(&mut harness);
    assert!(!what.0 && !harness.is_closed);
    answer_end(&mut harness, &request, 0, (900, 6));
    assert_eq!(why_aborted(&harness).kind, TransactionFailureKind::Closed);
    assert!(harness.is_closed);
}

// CL4
#[test]
fn closing_at_once_leaves_the_abort_to_the_coordinator() {
    let mut harness = begun_with_a_record(v2());
    harness.input(Input::CloseNow);
    harness.run();
    assert_eq!(why_aborted(&harness).kind, TransactionFailureKind::Closed);
    assert!(harness.is_closed);
}
