//! Transactions by the first protocol: partitions are added before anything is written to them, sequences go on, and an unclean
//! transaction is followed by another epoch.

use crate::harness::*;
use crate::idempotence::numbers;
use crate::transactions::*;
use kp_accumulator::FailureKind;
use kp_client::{ClientRequest, Written};
use kp_protocol::api::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnRequest, AddPartitionsToTxnResponse,
    AddPartitionsToTxnTopicResult, InitProducerIdRequest, PartitionProduceResponse,
};
use kp_protocol::{ApiKey, ErrorCode, TransactionVersion};
use kp_sender::{
    Input, TransactionEnd, TransactionFailureKind, TransactionInput, TransactionOutput, TransactionProtocol,
};
use std::sync::Arc;

const ADD: ApiKey = ApiKey::AddPartitionsToTxn;

/// Answers the oldest AddPartitionsToTxn, and says which partitions it was about.
pub(crate) fn add(harness: &mut Harness, code: impl Fn(i32) -> i16) -> Vec<i32> {
    let (request, asked) = take::<AddPartitionsToTxnRequest>(harness, ADD);
    answer_add(harness, &request, &asked, code);
    partitions_of(&asked)
}

fn partitions_of(asked: &AddPartitionsToTxnRequest) -> Vec<i32> {
    asked.v3_and_below_topics.iter().flat_map(|topic| topic.partitions.clone()).collect()
}

fn answer_add(
    harness: &mut Harness,
    request: &ClientRequest,
    asked: &AddPartitionsToTxnRequest,
    code: impl Fn(i32) -> i16,
) {
    let topics = asked.v3_and_below_topics.iter().map(|topic| AddPartitionsToTxnTopicResult {
        name: topic.name.clone(),
        results_by_partition: topic
            .partitions
            .iter()
            .map(|partition| AddPartitionsToTxnPartitionResult {
                partition_index: *partition,
                partition_error_code: ErrorCode(code(*partition)),
                ..Default::default()
            })
            .collect(),
        ..Default::default()
    });
    let response =
        AddPartitionsToTxnResponse { results_by_topic_v3_and_below: topics.collect(), ..Default::default() };
    respond(harness, request, &response);
}

/// An acknowledged record in partition 0, and the commit asked for.
pub(crate) fn committing_v1(harness: &mut Harness, number: u64) {
    begin(harness, number);
    harness.send(0);
    harness.run();
    add(harness, |_| 0);
    let taken = harness.take_produce();
    harness.acknowledge(&taken);
    end(harness, number, true);
}

pub(crate) fn commits(harness: &mut Harness, number: u64, code: i16) {
    committing_v1(harness, number);
    let (request, what) = take_end(harness);
    assert!(what.0);
    answer_end(harness, &request, code, (-1, -1));
}

/// The next transaction's first Produce, whatever has to come before it.
fn next_produce(harness: &mut Harness, number: u64) -> Taken {
    begin(harness, number);
    harness.send(0);
    harness.run();
    add(harness, |_| 0);
    harness.take_produce()
}

// TX7, TC8, TC17, L12
#[test]
fn nothing_is_written_to_a_partition_before_it_is_added() {
    let mut harness = initialized(v1());
    begin(&mut harness, 1);
    let _sent = [harness.send(0), harness.send(1)];
    harness.run();
    assert!(harness.produces().is_empty());
    let (request, asked) = take::<AddPartitionsToTxnRequest>(&mut harness, ADD);
    assert_eq!((request.version, request.broker), (3, COORDINATOR));
    assert_eq!(partitions_of(&asked), [0, 1], "those that wait go in one request");
    assert_eq!(asked.v3_and_below_transactional_id, "inv-1");
    assert_eq!((asked.v3_and_below_producer_id, asked.v3_and_below_producer_epoch), (900, 5));
    harness.advance(SECOND);
    assert!(harness.produces().is_empty(), "asked is not added");
    answer_add(&mut harness, &request, &asked, |_| 0);
    let taken = harness.take_produce();
    assert_eq!((taken.request.version, taken.partitions()), (11, vec![0, 1]));
    harness.acknowledge(&taken);
    harness.send(0);
    harness.run();
    assert_eq!((harness.produces().len(), asked_again(&harness)), (1, 0), "each once in a transaction");
    let taken = harness.take_produce();
    harness.acknowledge(&taken);
    end(&mut harness, 1, true);
    let (request, what) = take_end(&mut harness);
    assert_eq!((request.version, what), (4, (true, 900, 5)));
}

fn asked_again(harness: &Harness) -> usize {
    asked(harness, ADD)
}

// TM-E13, TX25, TC2
#[test]
fn the_sequences_of_a_clean_transaction_go_on_in_the_next_and_the_set_of_partitions_does_not() {
    let mut harness = initialized(v1());
    commits(&mut harness, 1, 0);
    assert_eq!(ends(&harness), committed(1, 5));
    assert_eq!(asked(&harness, ApiKey::InitProducerId), 0, "clean: no other epoch");
    begin(&mut harness, 2);
    harness.send(0);
    harness.run();
    assert!(harness.produces().is_empty(), "TC8: it has to be added again");
    add(&mut harness, |_| 0);
    assert_eq!(numbers(&harness.take_produce()), (900, 5, 1));
}

// TX25
#[test]
fn an_abort_gives_the_numbers_of_what_was_not_sent_again() {
    let mut harness = begun_with_a_record(v1());
    add(&mut harness, |_| 0);
    let taken = harness.take_produce();
    harness.answer(&taken, |_| refused(ErrorCode::MESSAGE_TOO_LARGE));
    end(&mut harness, 1, false);
    let (request, what) = take_end(&mut harness);
    assert!(!what.0);
    answer_end(&mut harness, &request, 0, (-1, -1));
    assert_eq!(numbers(&next_produce(&mut harness, 2)), (900, 5, 0));
}

// TX8, TC14, TM-A10
#[test]
fn the_first_partitions_wait_20_ms_behind_a_marker_round_and_later_ones_a_backoff() {
    let mut harness = begun_with_a_record(v1());
    add(&mut harness, |_| 51);
    harness.advance(MS(19));
    assert_eq!(asked(&harness, ADD), 0);
    harness.advance(MS(2));
    assert_eq!(add(&mut harness, |_| 0), [0]);
    harness.send(1);
    harness.run();
    add(&mut harness, |_| 51);
    harness.advance(MS(50));
    assert_eq!(asked(&harness, ADD), 0);
    harness.advance(MS(100));
    assert_eq!(add(&mut harness, |_| 0), [1]);
}

// TM-A3, TX32
#[test]
fn what_was_not_attempted_is_asked_for_again_with_what_may_come_to_be() {
    let mut harness = initialized(v1());
    begin(&mut harness, 1);
    let _sent = [harness.send(0), harness.send(1)];
    harness.run();
    assert_eq!(add(&mut harness, |partition| if partition == 0 { 55 } else { 3 }), [0, 1]);
    assert!(harness.produces().is_empty() && dooms(&harness).is_empty());
    harness.advance(MS(200));
    assert_eq!(add(&mut harness, |_| 0), [0, 1]);
    assert_eq!(harness.take_produce().partitions(), [0, 1]);
}

// TX16, TX32, TX10
#[test]
fn a_topic_that_may_not_be_written_to_dooms_and_nothing_added_needs_no_end() {
    let mut harness = initialized(v1());
    begin(&mut harness, 1);
    let sent = [harness.send(0), harness.send(1)];
    harness.run();
    add(&mut harness, |partition| if partition == 0 { 55 } else { 29 });
    let [TransactionFailureKind::Partition { partition, code }] = &dooms(&harness)[..] else {
        panic!("{:?}", harness.transactions);
    };
    assert_eq!((partition.partition.0, *code), (1, ErrorCode::TOPIC_AUTHORIZATION_FAILED));
    assert!(sent.iter().all(|sent| failure(sent).kind == FailureKind::TransactionAborted));
    end(&mut harness, 1, true);
    assert!(matches!(why_aborted(&harness).kind, TransactionFailureKind::Partition { .. }));
    assert!(harness.requests.is_empty());
    assert_eq!(numbers(&next_produce(&mut harness, 2)), (900, 5, 0), "the producer is good");
}

// TX15
#[test]
fn a_refusal_of_the_producer_itself_is_its_end() {
    for code in [53, 49, 48] {
        let mut harness = initialized(v1());
        begin(&mut harness, 1);
        let sent = harness.send(0);
        harness.run();
        add(&mut harness, |_| code);
        assert_eq!(harness.fatal.len(), 1, "{code}");
        assert_eq!(dooms(&harness).len(), 1);
        harness.run();
        assert!(failure(&sent).is_fatal);
        end(&mut harness, 1, true);
        assert!(matches!(ends(&harness)[..], [(1, TransactionEnd::Fatal(_))]), "{code}");
        wish(&mut harness, TransactionInput::Init);
        let told = harness.transactions.last();
        assert!(matches!(told, Some(TransactionOutput::InitFailed { is_fatal: true, .. })));
        harness.close(SECOND);
        assert!(harness.is_closed);
    }
}

/// What an error answer to Produce makes of a transaction.
#[derive(Debug, PartialEq, Eq)]
enum Cell {
    Again,
    Doomed,
    Finished,
}

// TX15, TX16, TX30, TC9
#[test]
fn every_error_of_produce_is_tried_again_or_dooms_the_transaction_or_ends_the_producer() {
    let again = [51, 3, 5, 6, 7, 19, 20, 89].map(|code| (code, Cell::Again));
    let doomed = [29, 47, 90, 48, 120, 45, 87, 42].map(|code| (code, Cell::Doomed));
    let finished = [49, 53, 31, 35].map(|code| (code, Cell::Finished));
    for (code, wanted) in again.into_iter().chain(doomed).chain(finished) {
        for versions in [v1(), v2()] {
            let mut harness = begun_with_a_record(versions.clone());
            if versions == v1() {
                add(&mut harness, |_| 0);
            }
            let taken = harness.take_produce();
            harness.answer(&taken, |_| refused(ErrorCode(code)));
            harness.advance(SECOND * 2);
            let cell = match (harness.fatal.len(), dooms(&harness).len(), harness.produces().len()) {
                (0, 0, 1) => Cell::Again,
                (0, 1, 0) => Cell::Doomed,
                (1, 1, 0) => Cell::Finished,
                other => panic!("{code}: {other:?}"),
            };
            assert_eq!(cell, wanted, "{code}");
            assert_eq!(asked(&harness, ApiKey::InitProducerId), 0, "{code}");
        }
    }
}

/// The next transaction has to wait for (900, 6), which is asked for with the old pair.
fn bumps(harness: &mut Harness) {
    let init = give_pair(harness, ErrorCode::NONE, (900, 6));
    assert_eq!((init.producer_id, init.producer_epoch), (900, 5), "TC12: with its pair");
    assert_eq!(numbers(&next_produce(harness, 2)), (900, 6, 0), "numbered anew");
}

// TC2, TC1, TC4, TM-L3
#[test]
fn an_end_that_was_not_answered_once_is_followed_by_another_epoch() {
    let mut harness = initialized(v1());
    committing_v1(&mut harness, 1);
    let (request, _) = take_end(&mut harness);
    cut(&mut harness, &request);
    assert!(ends(&harness).is_empty());
    find_coordinator(&mut harness);
    harness.advance(SECOND);
    let (request, what) = take_end(&mut harness);
    assert_eq!(what, (true, 900, 5), "the same again");
    assert_eq!(asked(&harness, ApiKey::InitProducerId), 0, "TC3: never instead of the end");
    answer_end(&mut harness, &request, 0, (-1, -1));
    assert_eq!(ends(&harness), committed(1, 5));
    begin(&mut harness, 2);
    harness.send(0);
    harness.run();
    assert!(harness.produces().is_empty() && asked(&harness, ADD) == 0, "nothing under the old epoch");
    let init = give_pair(&mut harness, ErrorCode::NONE, (900, 6));
    assert_eq!((init.producer_id, init.producer_epoch), (900, 5));
    add(&mut harness, |_| 0);
    assert_eq!(numbers(&harness.take_produce()), (900, 6, 0));
}

// TC2, L12
#[test]
fn an_end_that_surely_never_left_leaves_nothing_behind() {
    let mut harness = initialized(v1());
    committing_v1(&mut harness, 1);
    let (request, _) = take_end(&mut harness);
    cut_with(&mut harness, &request, Written::No);
    find_coordinator(&mut harness);
    harness.advance(SECOND);
    let (request, _) = take_end(&mut harness);
    answer_end(&mut harness, &request, 0, (-1, -1));
    assert_eq!(asked(&harness, ApiKey::InitProducerId), 0);
}

// TC2, TM-L2
#[test]
fn partitions_that_were_asked_for_without_an_answer_are_followed_by_another_epoch() {
    let mut harness = begun_with_a_record(v1());
    let (request, _) = take::<AddPartitionsToTxnRequest>(&mut harness, ADD);
    cut(&mut harness, &request);
    find_coordinator(&mut harness);
    harness.advance(SECOND);
    assert_eq!(add(&mut harness, |_| 0), [0], "again");
    let taken = harness.take_produce();
    harness.acknowledge(&taken);
    end(&mut harness, 1, true);
    let (request, _) = take_end(&mut harness);
    answer_end(&mut harness, &request, 0, (-1, -1));
    assert_eq!(ends(&harness), committed(1, 5));
    bumps(&mut harness);
}

// TC2, TC3, TM-E1, I16
#[test]
fn partitions_that_may_be_added_are_aborted_before_the_next_epoch_is_asked_for() {
    for code in [0, 48] {
        let mut harness = begun_with_a_record(v1());
        let (request, _) = take::<AddPartitionsToTxnRequest>(&mut harness, ADD);
        cut(&mut harness, &request);
        end(&mut harness, 1, false);
        find_coordinator(&mut harness);
        harness.advance(SECOND);
        assert_eq!((asked(&harness, ADD), asked(&harness, ApiKey::InitProducerId)), (0, 0));
        let (request, what) = take_end(&mut harness);
        assert!(!what.0);
        answer_end(&mut harness, &request, code, (-1, -1));
        assert_eq!(ends(&harness), [(1, TransactionEnd::Aborted { why: None })]);
        bumps(&mut harness);
    }
}

// TC2, TC11, TM-L1, TX33
#[test]
fn a_batch_that_was_given_up_without_an_answer_is_awaited_and_followed_by_another_epoch() {
    let mut harness = begun_with_a_record(v1());
    add(&mut harness, |_| 0);
    let taken = harness.take_produce();
    harness.advance(SECOND * 121);
    assert!(matches!(dooms(&harness)[..], [TransactionFailureKind::RecordFailed { .. }]), "it has expired");
    end(&mut harness, 1, true);
    assert_eq!(asked(&harness, ApiKey::EndTxn), 0, "its request may still be appended");
    harness.lose(&taken, true);
    let (request, what) = take_end(&mut harness);
    assert!(!what.0);
    answer_end(&mut harness, &request, 0, (-1, -1));
    bumps(&mut harness);
}

// TC2
#[test]
fn a_batch_that_was_acknowledged_behind_a_lost_answer_leaves_the_transaction_clean() {
    let mut harness = begun_with_a_record(v1());
    add(&mut harness, |_| 0);
    let taken = harness.take_produce();
    harness.lose(&taken, true);
    harness.advance(SECOND);
    let taken = harness.take_produce();
    harness.acknowledge(&taken);
    end(&mut harness, 1, true);
    let (request, _) = take_end(&mut harness);
    answer_end(&mut harness, &request, 0, (-1, -1));
    assert_eq!(asked(&harness, ApiKey::InitProducerId), 0);
}

// TC9, TC2, ID7
#[test]
fn numbers_that_a_broker_does_not_take_are_not_given_again_in_the_next_transaction() {
    for code in [45, 59] {
        let mut harness = begun_with_a_record(v1());
        add(&mut harness, |_| 0);
        let taken = harness.take_produce();
        harness.answer(&taken, |_| PartitionProduceResponse {
            log_start_offset: 40,
            ..refused(ErrorCode(code))
        });
        end(&mut harness, 1, true);
        let (request, what) = take_end(&mut harness);
        assert!(!what.0, "{code}");
        answer_end(&mut harness, &request, 0, (-1, -1));
        assert!(matches!(why_aborted(&harness).kind, TransactionFailureKind::RecordFailed { .. }));
        bumps(&mut harness);
    }
}

// TC15, TM-T2
#[test]
fn an_epoch_that_a_partition_knows_to_be_over_is_left_although_the_coordinator_still_takes_it() {
    let mut harness = begun_with_a_record(v1());
    add(&mut harness, |_| 0);
    let taken = harness.take_produce();
    harness.answer(&taken, |_| refused(ErrorCode::INVALID_PRODUCER_EPOCH));
    end(&mut harness, 1, true);
    let (request, what) = take_end(&mut harness);
    assert!(!what.0);
    answer_end(&mut harness, &request, 0, (-1, -1));
    let aborted = why_aborted(&harness).kind;
    assert!(matches!(aborted, TransactionFailureKind::RecordFailed { .. }), "no timeout: {aborted:?}");
    bumps(&mut harness);
}

// TC2, TM-L2
#[test]
fn a_partition_that_an_answer_leaves_out_may_be_added_all_the_same() {
    let mut harness = begun_with_a_record(v1());
    let (request, _) = take::<AddPartitionsToTxnRequest>(&mut harness, ADD);
    respond(&mut harness, &request, &AddPartitionsToTxnResponse::default());
    end(&mut harness, 1, false);
    let (request, what) = take_end(&mut harness);
    assert!(!what.0, "the coordinator is told of the end");
    answer_end(&mut harness, &request, 0, (-1, -1));
    bumps(&mut harness);
}

// TC5, TM-X6, TC13
#[test]
fn the_next_epoch_is_asked_for_until_it_is_given() {
    let mut harness = initialized(v1());
    committing_v1(&mut harness, 1);
    let (request, _) = take_end(&mut harness);
    answer_end(&mut harness, &request, 15, (-1, -1)); // TC4: unanswered
    find_coordinator(&mut harness);
    harness.advance(SECOND);
    let (request, _) = take_end(&mut harness);
    answer_end(&mut harness, &request, 0, (-1, -1));
    give_pair(&mut harness, ErrorCode::CONCURRENT_TRANSACTIONS, (-1, -1));
    harness.advance(SECOND);
    let (request, _) = take::<InitProducerIdRequest>(&mut harness, ApiKey::InitProducerId);
    cut(&mut harness, &request);
    find_coordinator(&mut harness);
    harness.advance(SECOND);
    bumps(&mut harness);
}

// TC12, TM-T7
#[test]
fn a_next_epoch_that_is_refused_as_fenced_is_the_end_of_the_producer_and_not_of_what_was_committed() {
    let mut harness = initialized(v1());
    committing_v1(&mut harness, 1);
    let (request, _) = take_end(&mut harness);
    cut(&mut harness, &request);
    find_coordinator(&mut harness);
    harness.advance(SECOND);
    let (request, _) = take_end(&mut harness);
    answer_end(&mut harness, &request, 0, (-1, -1));
    begin(&mut harness, 2);
    give_pair(&mut harness, ErrorCode::PRODUCER_FENCED, (-1, -1));
    harness.advance(SECOND * 10);
    assert!(harness.requests.is_empty(), "it never asks for a first pair");
    end(&mut harness, 2, true);
    let [(1, TransactionEnd::Committed { .. }), (2, TransactionEnd::Fatal(why))] = &ends(&harness)[..] else {
        panic!("{:?}", harness.transactions);
    };
    assert_eq!(why.kind, TransactionFailureKind::Fenced);
}

// TX29, TX26
#[test]
fn a_cluster_that_is_upgraded_is_spoken_to_in_the_second_protocol_from_the_next_transaction_on() {
    let mut harness = begun_with_a_record(v1());
    harness.versions = Arc::new(v2().with_transaction_version(TransactionVersion { epoch: 2, level: 2 }));
    add(&mut harness, |_| 0);
    let taken = harness.take_produce();
    assert_eq!(taken.request.version, 11, "not inside of one");
    harness.acknowledge(&taken);
    end(&mut harness, 1, true);
    let (request, _) = take_end(&mut harness);
    assert_eq!(request.version, 4);
    answer_end(&mut harness, &request, 0, (-1, -1));
    let init = give_pair(&mut harness, ErrorCode::NONE, (900, 6));
    assert_eq!((init.producer_id, init.producer_epoch), (900, 5), "another epoch between the two");
    harness.transactions.clear();
    begin(&mut harness, 2);
    harness.send(0);
    harness.run();
    let taken = harness.take_produce();
    assert_eq!((taken.request.version, numbers(&taken)), (13, (900, 6, 0)));
    wish(&mut harness, TransactionInput::Init);
    let Some(TransactionOutput::Initialized { protocol, .. }) = harness.transactions.last() else {
        panic!("{:?}", harness.transactions);
    };
    assert_eq!(*protocol, TransactionProtocol::V2);
}

// CL4, L6
#[test]
fn closing_before_a_commit_is_answered_says_that_nobody_knows() {
    for is_written in [true, false] {
        let mut harness = initialized(v1());
        committing_v1(&mut harness, 1);
        let (request, _) = take_end(&mut harness);
        if !is_written {
            cut_with(&mut harness, &request, Written::No);
        }
        harness.input(Input::CloseNow);
        harness.run();
        assert!(harness.is_closed);
        match &ends(&harness)[..] {
            [(1, TransactionEnd::Unknown(_))] => assert!(is_written),
            [(1, TransactionEnd::Aborted { why: Some(_) })] => assert!(!is_written, "no commit was written"),
            other => panic!("{other:?}"),
        }
    }
}
