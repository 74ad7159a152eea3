//! Numbered batches over the whole core: the identity, retries under it, gaps, expiry, and brokers without it.

use crate::harness::*;
use bytes::Bytes;
use kp_accumulator::{AccumulatorSettings, Certainty, Completion, FailureKind};
use kp_protocol::api::{InitProducerIdRequest, InitProducerIdResponse, PartitionProduceResponse};
use kp_protocol::records::BatchHeader;
use kp_protocol::{ApiKey, ErrorCode, Message, encode_body};
use kp_sender::{IdempotenceSetting, Input, SenderSettings};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

pub(crate) fn plan() -> Plan {
    Plan {
        sender: SenderSettings { idempotence: IdempotenceSetting::Preferred, ..Default::default() },
        ..Plan::default()
    }
}

/// A producer that has its id, 900, and one acknowledged record in partition 0.
pub(crate) fn proven() -> Harness {
    let mut harness = Harness::knowing(plan(), &[1]);
    let first = harness.send(0);
    harness.run();
    answer_identity(&mut harness, ErrorCode::NONE);
    let taken = harness.take_produce();
    assert_eq!(numbers(&taken), (900, 0, 0));
    harness.acknowledge(&taken);
    assert_eq!(offset(&first), Some(40));
    harness
}

pub(crate) fn answer_identity(harness: &mut Harness, code: ErrorCode) {
    let identity = if code.is_ok() { (900, 0) } else { (-1, -1) };
    give_identity(harness, code, identity);
}

pub(crate) fn answer_identity_with(harness: &mut Harness, identity: (i64, i16)) {
    give_identity(harness, ErrorCode::NONE, identity);
}

/// The broker that gives it wants to be left alone for so long.
pub(crate) fn answer_identity_throttled(harness: &mut Harness, identity: (i64, i16), throttle_time_ms: i32) {
    give_identity_throttled(harness, ErrorCode::NONE, identity, throttle_time_ms);
}

fn give_identity(harness: &mut Harness, code: ErrorCode, identity: (i64, i16)) {
    give_identity_throttled(harness, code, identity, 0);
}

fn give_identity_throttled(
    harness: &mut Harness,
    error_code: ErrorCode,
    (producer_id, producer_epoch): (i64, i16),
    throttle_time_ms: i32,
) {
    let index = harness.requests.iter().position(|request| request.api_key == ApiKey::InitProducerId);
    let request = harness.requests.remove(index.expect("a producer id is asked for"));
    let asked = InitProducerIdRequest::parse(&Bytes::from(request.body.concat()), request.version).unwrap();
    assert_eq!((asked.transactional_id, asked.transaction_timeout_ms), (None, i32::MAX));
    let response = InitProducerIdResponse {
        error_code,
        producer_id,
        producer_epoch,
        throttle_time_ms,
        ..Default::default()
    };
    let body = Bytes::from(encode_body(request.version, &response).unwrap().concat());
    harness.event(kp_client::Event::Answered { token: request.token, body });
    harness.run();
}

/// Producer id, epoch and sequence of the first batch of a request.
pub(crate) fn numbers(taken: &Taken) -> (i64, i16, i32) {
    numbers_by_partition(taken)[0].1
}

/// The same of each partition in it.
pub(crate) fn numbers_by_partition(taken: &Taken) -> Vec<(i32, (i64, i16, i32))> {
    let partitions = taken.parsed.topic_data.iter().flat_map(|topic| &topic.partition_data);
    let numbers = partitions.map(|partition| {
        let records = partition.records.as_ref().unwrap().to_bytes();
        let (header, ..) = BatchHeader::parse(&records).unwrap();
        let numbers = header.identity().map_or((-1, -1, -1), |identity| {
            (identity.producer.producer_id, identity.producer.epoch, identity.base_sequence.0)
        });
        (partition.index, numbers)
    });
    numbers.collect()
}

pub(crate) fn send_many(harness: &mut Harness, count: usize) -> (Vec<Arc<Completion>>, Vec<Taken>) {
    let sent = (0..count).map(|_| harness.send(0)).collect();
    harness.run();
    let taken = (0..count).map(|_| harness.take_produce()).collect();
    (sent, taken)
}

pub(crate) fn acknowledge_at(harness: &mut Harness, taken: &Taken, base_offset: i64) {
    harness.answer(taken, |_| PartitionProduceResponse { base_offset, ..Default::default() });
}

pub(crate) fn out_of_order() -> PartitionProduceResponse {
    refused(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER)
}

// ID1
#[test]
fn no_batch_leaves_before_there_is_a_producer_id() {
    let mut harness = Harness::knowing(plan(), &[1]);
    assert!(harness.requests.is_empty(), "no batch needs an id yet");
    harness.send(0);
    harness.run();
    assert!(harness.produces().is_empty());
    answer_identity(&mut harness, ErrorCode::NONE);
    assert_eq!(numbers(&harness.take_produce()), (900, 0, 0));
}

// ID1
#[test]
fn a_producer_id_is_asked_for_again_after_a_passing_error_or_a_lost_connection() {
    let mut harness = Harness::knowing(plan(), &[1]);
    let sent = harness.send(0);
    harness.run();
    answer_identity(&mut harness, ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
    assert!(harness.requests.is_empty(), "the backoff holds");
    harness.advance(MS(200));
    let token = harness.requests.remove(0).token;
    harness.input(Input::Network(kp_client::Event::Failed {
        token,
        written: kp_client::Written::Perhaps,
        reason: kp_client::DisconnectReason::Lost("reset".into()),
    }));
    harness.advance(MS(200));
    answer_identity(&mut harness, ErrorCode::NONE);
    assert!(sent.outcome().is_none() && harness.produces().len() == 1);
}

// ID2
#[test]
fn a_forbidden_producer_id_fails_what_waits_and_a_later_send_asks_again() {
    let mut harness = Harness::knowing(plan(), &[1]);
    let sent = harness.send(0);
    harness.run();
    answer_identity(&mut harness, ErrorCode::CLUSTER_AUTHORIZATION_FAILED);
    let told = failure(&sent);
    assert_eq!(told.kind, FailureKind::Refused(ErrorCode::CLUSTER_AUTHORIZATION_FAILED));
    assert_eq!(told.certainty, Certainty::NotWritten);
    assert!(told.last.as_ref().unwrap().message.as_ref().unwrap().contains("no producer id"));
    assert!(harness.requests.is_empty(), "no batch waits any more");
    let later = harness.send(0);
    harness.run();
    answer_identity(&mut harness, ErrorCode::NONE);
    let taken = harness.take_produce();
    harness.acknowledge(&taken);
    assert!(offset(&later).is_some());
}

// ID3, ID4
#[test]
fn five_batches_are_on_the_way_and_may_be_answered_in_any_order() {
    let mut harness = proven();
    let (sent, taken) = send_many(&mut harness, 5);
    assert_eq!(taken.iter().map(|taken| numbers(taken).2).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    let sixth = harness.send(0);
    harness.run();
    assert!(harness.produces().is_empty());
    for index in [3, 0, 4, 1, 2] {
        harness.acknowledge(&taken[index]);
    }
    assert!(sent.iter().all(|sent| offset(sent) == Some(40)) && sixth.outcome().is_none());
    assert_eq!(numbers(&harness.take_produce()), (900, 0, 6));
}

// ID5
#[test]
fn after_a_failure_the_batches_behind_it_are_sent_again_lowest_first_with_their_numbers() {
    let mut harness = proven();
    let (sent, taken) = send_many(&mut harness, 3);
    harness.answer(&taken[0], |_| refused(ErrorCode::NOT_ENOUGH_REPLICAS));
    harness.answer(&taken[1], |_| out_of_order());
    harness.advance(MS(200));
    assert!(harness.produces().is_empty(), "one is not answered");
    harness.answer(&taken[2], |_| out_of_order());
    for sequence in 1..=3 {
        assert_eq!(harness.produces().len(), 1, "one at a time");
        let again = harness.take_produce();
        assert_eq!(numbers(&again), (900, 0, sequence));
        harness.acknowledge(&again);
    }
    assert!(sent.iter().all(|sent| offset(sent).is_some()));
}

// ID9
#[test]
fn a_duplicate_is_a_success_without_an_offset() {
    let mut harness = proven();
    let (sent, taken) = send_many(&mut harness, 1);
    harness.answer(&taken[0], |_| refused(ErrorCode::DUPLICATE_SEQUENCE_NUMBER));
    assert_eq!(offset(&sent[0]), None);
    let (_, next) = send_many(&mut harness, 1);
    assert_eq!(numbers(&next[0]), (900, 0, 2));
}

// ID7
#[test]
fn an_acknowledged_number_proves_every_lower_one_written() {
    let mut harness = proven();
    let (sent, taken) = send_many(&mut harness, 2);
    harness.lose(&taken[0], true);
    acknowledge_at(&mut harness, &taken[1], 42);
    harness.advance(MS(200));
    let again = harness.take_produce();
    harness.answer(&again, |_| out_of_order());
    assert_eq!(offset(&sent[0]), None, "written, at an offset that no broker told");
}

// ID7, ID8
#[test]
fn a_real_gap_is_healed_by_a_new_epoch_once_everything_is_answered() {
    let mut harness = proven();
    let (sent, taken) = send_many(&mut harness, 2);
    harness.answer(&taken[0], |_| out_of_order());
    harness.advance(MS(200));
    assert!(harness.produces().is_empty(), "rule 4: one is not answered");
    harness.answer(&taken[1], |_| out_of_order());
    harness.advance(MS(1200));
    for sequence in 0..=1 {
        let anew = harness.take_produce();
        assert_eq!(numbers(&anew), (900, 1, sequence));
        harness.acknowledge(&anew);
    }
    assert!(sent.iter().all(|sent| offset(sent).is_some()));
}

// ID6, ID7
#[test]
fn a_batch_of_unknown_outcome_is_never_numbered_anew() {
    let mut harness = proven();
    let (sent, taken) = send_many(&mut harness, 1);
    harness.lose(&taken[0], true);
    harness.advance(MS(200));
    let again = harness.take_produce();
    assert_eq!(numbers(&again), numbers(&taken[0]));
    harness.answer(&again, |_| out_of_order());
    let told = failure(&sent[0]);
    assert_eq!(told.certainty, Certainty::Unknown);
    let (_, next) = send_many(&mut harness, 1);
    assert_eq!(numbers(&next[0]), (900, 1, 0), "what comes behind begins a new epoch");
}

// ID11
#[test]
fn what_expires_without_having_been_sent_leaves_no_number_behind() {
    let mut plan = plan();
    plan.sender.delivery_timeout = Duration::from_secs(2);
    plan.accumulator = AccumulatorSettings {
        batch_size: 1,
        linger: Duration::ZERO,
        delivery_timeout: Duration::from_secs(2),
        ..Default::default()
    };
    let mut harness = Harness::knowing(plan, &[1]);
    harness.send(0);
    harness.run();
    answer_identity(&mut harness, ErrorCode::NONE);
    let taken = harness.take_produce();
    harness.acknowledge(&taken);
    harness.moods.insert(kp_protocol::BrokerId(1), Mood::Wait(None));
    let expired = harness.send(0);
    harness.advance(Duration::from_secs(3));
    assert_eq!(failure(&expired).certainty, Certainty::NotWritten);
    harness.moods.clear();
    let (_, next) = send_many(&mut harness, 1);
    assert_eq!(numbers(&next[0]), (900, 0, 1));
}

// ID12, SN9
#[test]
fn after_an_expiry_on_the_way_new_batches_wait_for_the_others() {
    let mut harness = proven();
    let (sent, taken) = send_many(&mut harness, 1);
    harness.advance(Duration::from_secs(1));
    let (later, behind) = send_many(&mut harness, 1);
    harness.advance(Duration::from_millis(119_500));
    assert_eq!(failure(&sent[0]).certainty, Certainty::Unknown);
    harness.send(0);
    harness.run();
    assert!(harness.produces().is_empty());
    acknowledge_at(&mut harness, &behind[0], 42);
    assert!(offset(&later[0]).is_some());
    assert_eq!(numbers(&harness.take_produce()), (900, 0, 3), "resolved: same epoch");
    harness.acknowledge(&taken[0]);
    assert_eq!(failure(&sent[0]).certainty, Certainty::Unknown, "the late answer is ignored");
}

// ID6
#[test]
fn a_batch_that_fails_for_good_makes_those_behind_it_start_over() {
    let mut harness = proven();
    let (sent, taken) = send_many(&mut harness, 2);
    harness.answer(&taken[0], |_| refused(ErrorCode::INVALID_TIMESTAMP));
    assert_eq!(failure(&sent[0]).certainty, Certainty::NotWritten);
    harness.answer(&taken[1], |_| out_of_order());
    harness.advance(MS(200));
    let anew = harness.take_produce();
    assert_eq!(numbers(&anew), (900, 1, 0));
    harness.acknowledge(&anew);
    assert!(offset(&sent[1]).is_some());
}

// ID17
#[test]
fn without_idempotence_nothing_is_numbered_and_no_id_is_asked_for() {
    let mut harness = Harness::knowing(Plan::default(), &[1]);
    let sent = harness.send(0);
    harness.run();
    for code in ErrorCode::all().filter(|code| code.is_retriable()) {
        let taken = harness.take_produce();
        assert_eq!(numbers(&taken), (-1, -1, -1));
        assert!(harness.requests.is_empty());
        harness.answer(&taken, |_| refused(code));
        harness.advance(MS(1_200));
        assert_eq!(harness.produces().len(), 1, "{code} is retried");
    }
    let taken = harness.take_produce();
    assert_eq!(numbers(&taken), (-1, -1, -1));
    harness.acknowledge(&taken);
    assert!(offset(&sent).is_some());
}

/// A producer that wants topic "t" of brokers that give no producer ids.
fn with_old_brokers(idempotence: IdempotenceSetting) -> Harness {
    let mut plan = plan();
    plan.sender.idempotence = idempotence;
    let mut harness = Harness::with(plan);
    harness.versions = Arc::new(up_to(9));
    harness.add_topic("t", &[1]);
    harness.want("t");
    harness.run();
    harness
}

// ID1
#[test]
fn where_no_ids_are_given_that_is_told_before_anybody_sees_the_cluster_and_one_batch_goes_at_a_time() {
    let mut harness = with_old_brokers(IdempotenceSetting::Preferred);
    assert_eq!(harness.clusters.len(), 1);
    assert_eq!(harness.without_idempotence.len(), 1);
    assert!(harness.without_idempotence[0].contains("boot1:9092) speaks no InitProducerId"));
    harness.send(0);
    harness.send(0);
    harness.run();
    assert_eq!(harness.produces().len(), 1);
    let taken = harness.take_produce();
    assert_eq!(numbers(&taken), (-1, -1, -1));
    harness.acknowledge(&taken);
    assert_eq!(harness.produces().len(), 1);
    harness.advance(Duration::from_secs(301));
    assert!(harness.clusters.len() > 1);
    assert_eq!(harness.without_idempotence.len(), 1, "told once");
}

// ID1
#[test]
fn a_broker_without_ids_is_found_out_also_when_another_described_the_cluster() {
    let mut harness = Harness::knowing(plan(), &[1]);
    assert!(harness.without_idempotence.is_empty());
    harness.versions = Arc::new(up_to(9));
    harness.send(0);
    harness.send(0);
    harness.run();
    assert_eq!((harness.without_idempotence.len(), harness.produces().len()), (1, 1));
}

// ID1
#[test]
fn a_producer_that_has_its_id_keeps_it_whoever_describes_the_cluster() {
    let mut harness = proven();
    harness.versions = Arc::new(up_to(9));
    harness.input(Input::RefreshTopic("t".into()));
    harness.advance(Duration::from_secs(1));
    assert!(harness.clusters.len() > 1 && harness.without_idempotence.is_empty());
    let (_, taken) = send_many(&mut harness, 2);
    assert_eq!([numbers(&taken[0]), numbers(&taken[1])], [(900, 0, 1), (900, 0, 2)]);
}

// ID1
#[test]
fn asked_for_by_name_nobody_sees_a_cluster_without_ids_until_a_broker_offers_them() {
    let mut harness = with_old_brokers(IdempotenceSetting::Required);
    assert!(harness.clusters.is_empty());
    assert_eq!(harness.unavailable.len(), 1);
    assert!(harness.unavailable[0].contains("boot1:9092) speaks no InitProducerId"));
    harness.want("t");
    harness.advance(Duration::from_secs(2));
    let told = harness.unavailable.len();
    assert!(told > 1 && harness.clusters.is_empty(), "asked again, and still not");
    harness.versions = Arc::new(newest());
    harness.want("t");
    harness.advance(Duration::from_secs(2));
    assert!(!harness.clusters.is_empty(), "upgraded");
    harness.send(0);
    harness.run();
    answer_identity(&mut harness, ErrorCode::NONE);
    assert_eq!(numbers(&harness.take_produce()), (900, 0, 0));
    harness.versions = Arc::new(up_to(9));
    let clusters = harness.clusters.len();
    harness.advance(Duration::from_secs(301));
    assert!(harness.clusters.len() > clusters, "one that has its id is refused nothing any more");
}

// ID1
#[test]
fn asked_for_by_name_and_not_to_be_had_it_is_an_error_that_says_what_would_work() {
    let mut plan = plan();
    plan.sender.idempotence = IdempotenceSetting::Required;
    let mut harness = Harness::knowing(plan, &[1]);
    harness.versions = Arc::new(up_to(9));
    let sent = harness.send(0);
    harness.run();
    let told = failure(&sent);
    assert_eq!(told.kind, FailureKind::UnsupportedVersion);
    let words = told.last.as_ref().unwrap().message.clone().unwrap();
    assert!(words.contains("host1:9092") || words.contains("boot1:9092"), "{words}");
    assert!(words.contains("InitProducerId") && words.contains("leave the key out"), "{words}");
}

// ID18
#[test]
fn closing_ends_while_a_producer_id_is_asked_for() {
    let mut harness = Harness::knowing(plan(), &[1]);
    let sent = harness.send(0);
    harness.run();
    harness.close(MS(500));
    assert!(!harness.is_closed);
    harness.advance(MS(600));
    assert!(harness.is_closed && failure(&sent).kind == FailureKind::Closed);
}

// ID9, ID3
#[test]
fn a_duplicate_is_the_first_success_that_opens_the_window() {
    let mut harness = Harness::knowing(plan(), &[1]);
    harness.send(0);
    harness.run();
    answer_identity(&mut harness, ErrorCode::NONE);
    let first = harness.take_produce();
    let later: Vec<_> = (0..5).map(|_| harness.send(0)).collect();
    harness.run();
    assert!(harness.produces().is_empty(), "one until the first success");
    harness.answer(&first, |_| refused(ErrorCode::DUPLICATE_SEQUENCE_NUMBER));
    assert_eq!(harness.produces().len(), later.len());
}

// ID1
#[test]
fn the_core_asks_to_be_woken_when_a_producer_id_is_to_be_asked_for_again() {
    let mut harness = Harness::knowing(plan(), &[1]);
    harness.send(0);
    harness.run();
    answer_identity(&mut harness, ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
    let woken = harness.core.poll_timeout().expect("it has something to do");
    assert!((MS(80)..=MS(120)).contains(&(woken - harness.now())), "{:?}", woken - harness.now());
}

// ID1
#[test]
fn half_a_producer_id_is_none_and_is_asked_for_again() {
    for half in [(-1, 0), (900, -1)] {
        let mut harness = Harness::knowing(plan(), &[1]);
        harness.send(0);
        harness.run();
        answer_identity_with(&mut harness, half);
        assert!(harness.produces().is_empty(), "{half:?}");
        harness.advance(MS(200));
        answer_identity(&mut harness, ErrorCode::NONE);
        assert_eq!(harness.produces().len(), 1);
    }
}

/// Records gather for 5 ms in batches of 1,000 bytes, which may grow to ten times that.
fn growing(change: impl FnOnce(&mut SenderSettings)) -> Plan {
    let mut plan = plan();
    change(&mut plan.sender);
    plan.accumulator =
        AccumulatorSettings { batch_size: 1_000, linger: MS(5), growth_max: 10_000, ..Default::default() };
    plan
}

fn send_3000_bytes(harness: &mut Harness) -> BTreeSet<*const Completion> {
    let sent = (0..30).map(|n| Arc::as_ptr(&harness.append("t", 0, &[n; 100]).completion));
    sent.collect()
}

// decision 0012
#[test]
fn batches_grow_while_there_is_no_producer_id_and_not_while_the_way_is_free() {
    let mut harness = Harness::knowing(growing(|_| {}), &[1]);
    assert_eq!(send_3000_bytes(&mut harness).len(), 1, "the core has not looked yet");
    harness.run();
    answer_identity(&mut harness, ErrorCode::NONE);
    let first = harness.take_produce();
    harness.acknowledge(&first);
    harness.append("t", 0, b"looked at, and the window has room");
    harness.advance(MS(5));
    assert!(send_3000_bytes(&mut harness).len() > 2);
}

// decision 0012
#[test]
fn batches_grow_while_the_broker_has_as_many_requests_as_it_may_have() {
    let unnumbered = |s: &mut SenderSettings| {
        s.idempotence = IdempotenceSetting::Off;
        s.guarantee_one_in_flight = false;
        s.max_in_flight = 2;
    };
    let batches_behind = |requests: usize| {
        let mut harness = Harness::knowing(growing(unnumbered), &[1]);
        for _ in 0..requests {
            harness.append("t", 0, b"looked at");
            harness.advance(MS(5));
        }
        assert_eq!(harness.produces().len(), requests);
        send_3000_bytes(&mut harness).len()
    };
    assert!(batches_behind(1) > 2, "one of two");
    assert_eq!(batches_behind(2), 1);
}

// ID4, decision 0012
#[test]
fn what_gathers_behind_a_full_window_goes_as_one_batch() {
    let mut harness = Harness::knowing(growing(|_| {}), &[1]);
    harness.append("t", 0, b"first");
    harness.advance(MS(5));
    answer_identity(&mut harness, ErrorCode::NONE);
    let first = harness.take_produce();
    let mut behind = BTreeSet::new();
    for n in 0..5 {
        behind.insert(Arc::as_ptr(&harness.append("t", 0, &[n; 10]).completion));
        harness.advance(MS(10));
    }
    assert_eq!(behind.len(), 1, "alone until the first success: nothing is closed in vain");
    harness.acknowledge(&first);
    assert_eq!(numbers(&harness.take_produce()), (900, 0, 1));
    assert!(harness.produces().is_empty());
}
