//! What is told about the end of a transaction: through lost answers, coordinators that move, timeouts and fences.

use crate::harness::*;
use crate::idempotence::numbers;
use crate::transactions::*;
use crate::transactions_v1::{add, commits, committing_v1};
use bytes::Bytes;
use kp_client::Event;
use kp_protocol::api::{
    Coordinator, DescribeTransactionsRequest, DescribeTransactionsResponse,
    DescribeTransactionsTransactionState, FindCoordinatorRequest, FindCoordinatorResponse,
};
use kp_protocol::{ApiKey, BrokerId, ErrorCode};
use kp_sender::{
    TransactionEnd, TransactionFailure, TransactionFailureKind, TransactionInput, TransactionOutput,
};
use std::time::Duration;

/// The first EndTxn is written and its answer lost; the repeat is the next one.
fn losing_the_answer(harness: &mut Harness) {
    let (request, _) = take_end(harness);
    cut(harness, &request);
    find_coordinator(harness);
    harness.advance(SECOND);
}

/// Answers the next EndTxn, which has to be this one.
fn answers(harness: &mut Harness, commits: bool, code: i16, pair: (i64, i16)) {
    let (request, what) = take_end(harness);
    assert_eq!(what, (commits, 900, 5), "one decision, under one pair");
    answer_end(harness, &request, code, pair);
}

fn is_timed_out(why: &TransactionFailure) -> bool {
    matches!(why.kind, TransactionFailureKind::TimedOut { limit, .. } if limit == Duration::from_secs(60))
}

/// The next transaction is written under this pair.
fn goes_on(harness: &mut Harness, pair: (i64, i16)) {
    begin(harness, 2);
    harness.send(0);
    harness.run();
    assert_eq!(numbers(&harness.take_produce()), (pair.0, pair.1, 0));
    assert!(harness.fatal.is_empty());
}

/// It is finished, and does nothing more to anybody.
fn is_finished(harness: &mut Harness) {
    assert_eq!(harness.fatal.len(), 1);
    harness.advance(SECOND * 100);
    assert!(harness.requests.is_empty(), "{:?}", harness.requests);
    begin(harness, 2);
    end(harness, 2, true);
    assert!(matches!(ends(harness).last(), Some((2, TransactionEnd::Fatal(_)))));
    harness.close(SECOND);
    assert!(harness.is_closed);
}

// TC1, TC5, TM-E4
#[test]
fn a_commit_whose_answer_is_lost_is_asked_again_until_its_repeat_is_answered() {
    let mut harness = initialized(v2());
    committing(&mut harness, 1);
    for _ in 0..3 {
        losing_the_answer(&mut harness);
        assert!(ends(&harness).is_empty(), "nobody knows yet");
    }
    answers(&mut harness, true, 0, (900, 6));
    assert_eq!(ends(&harness), committed(1, 5));
    goes_on(&mut harness, (900, 6));
}

// TC14, TM-E3, E33
#[test]
fn a_marker_round_is_waited_for_20_ms_then_longer_and_is_no_success() {
    let mut harness = initialized(v2());
    committing(&mut harness, 1);
    answers(&mut harness, true, 51, (-1, -1));
    for wait in [20, 40, 80] {
        harness.advance(MS(wait - 1));
        assert_eq!(asked(&harness, ApiKey::EndTxn), 0);
        harness.advance(MS(1));
        answers(&mut harness, true, 51, (-1, -1));
    }
    harness.advance(MS(130));
    assert!(ends(&harness).is_empty());
    answers(&mut harness, true, 0, (900, 6));
    assert_eq!(ends(&harness), committed(1, 5));
}

// TC4
#[test]
fn a_coordinator_that_has_moved_may_have_committed_before() {
    for code in [15, 16, -1] {
        let mut harness = initialized(v2());
        committing(&mut harness, 1);
        answers(&mut harness, true, code, (-1, -1));
        if code > 0 {
            find_coordinator(&mut harness);
        }
        harness.advance(SECOND);
        assert!(ends(&harness).is_empty(), "{code}");
        answers(&mut harness, true, 90, (-1, -1));
        assert!(matches!(ends(&harness)[..], [(1, TransactionEnd::Unknown(_))]), "{code}");
    }
}

// TX19, TM-F4
#[test]
fn the_end_is_asked_of_the_coordinator_that_a_look_up_names() {
    let mut harness = initialized(v2());
    committing(&mut harness, 1);
    answers(&mut harness, true, 16, (-1, -1));
    for node_id in [7, 1] {
        let (request, asked) = take::<FindCoordinatorRequest>(&mut harness, ApiKey::FindCoordinator);
        let key = asked.coordinator_keys[0].clone();
        let coordinators = vec![Coordinator { key, node_id, ..Default::default() }];
        respond(&mut harness, &request, &FindCoordinatorResponse { coordinators, ..Default::default() });
        harness.advance(SECOND);
    }
    let request = harness.requests.iter().find(|request| request.api_key == ApiKey::EndTxn);
    assert_eq!(request.map(|request| request.broker), Some(BrokerId(1)), "broker 7 is not in the cluster");
}

// TX19, TX35
#[test]
fn a_coordinator_that_cannot_be_reached_is_looked_up_again_and_the_host_is_told_why() {
    let mut harness = begun_with_a_record(v2());
    let taken = harness.take_produce();
    harness.acknowledge(&taken);
    harness.moods.insert(COORDINATOR, Mood::Failed("connection refused"));
    end(&mut harness, 1, true);
    for _ in 0..5 {
        find_coordinator(&mut harness);
        harness.advance(SECOND * 2);
        assert_eq!(asked(&harness, ApiKey::EndTxn), 0);
    }
    let mut told = harness.transactions.iter().filter_map(|told| match told {
        TransactionOutput::Stalled { number, reason } => Some((*number, reason)),
        _ => None,
    });
    let (number, reason) = told.next_back().expect("it is told");
    assert!(number == Some(1) && reason.contains("connection refused"), "{reason}");
    harness.moods.clear();
    find_coordinator(&mut harness);
    harness.advance(SECOND * 2);
    answers(&mut harness, true, 0, (900, 6));
    assert_eq!(ends(&harness), committed(1, 5));
}

// TC4, SN17
#[test]
fn an_answer_that_cannot_be_read_leaves_the_commit_open() {
    let mut harness = initialized(v2());
    committing(&mut harness, 1);
    let (request, _) = take_end(&mut harness);
    harness.event(Event::Answered { token: request.token, body: Bytes::from_static(b"\x01") });
    harness.run();
    assert_eq!(harness.disconnected, [COORDINATOR]);
    find_coordinator(&mut harness);
    harness.advance(SECOND);
    answers(&mut harness, true, 90, (-1, -1));
    assert!(matches!(ends(&harness)[..], [(1, TransactionEnd::Unknown(_))]));
}

// TC21, TC15, TM-T5, T6
#[test]
fn a_commit_that_the_coordinator_had_timed_out_is_aborted_and_the_producer_goes_on() {
    for is_lost in [false, true] {
        let mut harness = initialized(v2());
        committing(&mut harness, 1);
        if is_lost {
            losing_the_answer(&mut harness);
        }
        answers(&mut harness, true, 48, (-1, -1));
        assert!(ends(&harness).is_empty());
        answers(&mut harness, false, 0, (900, 6));
        assert!(is_timed_out(&why_aborted(&harness)), "{:?}", harness.transactions);
        goes_on(&mut harness, (900, 6));
    }
}

// TC21, TM-X5, TM-X6
#[test]
fn the_last_epoch_of_a_producer_id_is_exchanged_for_another_producer_id_and_nothing_is_written_under_it() {
    let mut harness = initialized(v2());
    committing(&mut harness, 1);
    answers(&mut harness, true, 48, (-1, -1));
    answers(&mut harness, false, 0, (900, i16::MAX));
    assert!(is_timed_out(&why_aborted(&harness)), "{:?}", harness.transactions);
    let init = give_pair(&mut harness, ErrorCode::NONE, (901, 0));
    assert_eq!((init.producer_id, init.producer_epoch), (900, i16::MAX));
    goes_on(&mut harness, (901, 0));
}

// TC21, TM-E15
#[test]
fn a_first_commit_that_is_fenced_is_not_committed_and_asks_for_no_pair() {
    let mut harness = initialized(v2());
    committing(&mut harness, 1);
    answers(&mut harness, true, 90, (-1, -1));
    answers(&mut harness, false, 90, (-1, -1));
    let [(1, TransactionEnd::Fatal(why))] = &ends(&harness)[..] else { panic!("{:?}", harness.transactions) };
    assert_eq!(why.kind, TransactionFailureKind::Fenced);
    is_finished(&mut harness);
}

// TC21, KAFKA-20785
#[test]
fn a_first_commit_that_is_answered_like_a_fence_may_have_been_timed_out() {
    let mut harness = initialized(v2());
    committing(&mut harness, 1);
    answers(&mut harness, true, 90, (-1, -1));
    answers(&mut harness, false, 0, (900, 6));
    assert!(is_timed_out(&why_aborted(&harness)));
    goes_on(&mut harness, (900, 6));
}

// TM-L7, L7, TC12
#[test]
fn a_commit_that_is_fenced_behind_a_lost_answer_is_unknown_for_ever() {
    for versions in [v1(), v2()] {
        for code in [90, 47, 49] {
            let mut harness = initialized(versions.clone());
            match versions == v1() {
                true => committing_v1(&mut harness, 1),
                false => committing(&mut harness, 1),
            }
            losing_the_answer(&mut harness);
            answers(&mut harness, true, code, (-1, -1));
            assert!(matches!(ends(&harness)[..], [(1, TransactionEnd::Unknown(_))]), "{code}");
            is_finished(&mut harness);
        }
    }
}

// TX17, L7
#[test]
fn a_commit_that_is_refused_is_aborted_only_if_no_earlier_one_may_be_done() {
    let mut harness = initialized(v2());
    committing(&mut harness, 1);
    answers(&mut harness, true, 120, (-1, -1));
    answers(&mut harness, false, 0, (900, 6));
    let refused =
        TransactionFailureKind::Refused { api: ApiKey::EndTxn, code: ErrorCode::TRANSACTION_ABORTABLE };
    assert_eq!(why_aborted(&harness).kind, refused);

    let mut harness = initialized(v2());
    committing(&mut harness, 1);
    losing_the_answer(&mut harness);
    answers(&mut harness, true, 120, (-1, -1));
    harness.advance(SECOND * 2);
    answers(&mut harness, true, 0, (900, 6));
    assert_eq!(ends(&harness), committed(1, 5));
}

// TX17, KAFKA-19250
#[test]
fn an_abort_that_is_to_be_aborted_ends_the_producer() {
    let mut harness = begun_with_a_record(v2());
    let taken = harness.take_produce();
    harness.acknowledge(&taken);
    end(&mut harness, 1, false);
    answers(&mut harness, false, 120, (-1, -1));
    assert!(matches!(ends(&harness)[..], [(1, TransactionEnd::Fatal(_))]));
    is_finished(&mut harness);
}

// TC1, L7
#[test]
fn nothing_turns_a_commit_that_was_written() {
    let mut harness = initialized(v2());
    committing(&mut harness, 1);
    losing_the_answer(&mut harness);
    let why = TransactionFailure::of(TransactionFailureKind::Dropped);
    wish(&mut harness, TransactionInput::Doom { number: 1, why });
    end(&mut harness, 1, false);
    harness.close(SECOND * 60);
    assert_eq!(dooms(&harness), []);
    answers(&mut harness, true, 0, (900, 6));
    assert_eq!(ends(&harness), committed(1, 5));
    assert!(harness.is_closed);
}

// TC15, TC21, TM-T2, TX16, TX18
#[test]
fn a_transaction_that_timed_out_while_it_was_written_is_aborted_and_the_next_has_the_next_epoch() {
    for code in [ErrorCode::INVALID_PRODUCER_EPOCH, ErrorCode::PRODUCER_FENCED] {
        let mut harness = begun_with_a_record(v2());
        let taken = harness.take_produce();
        harness.answer(&taken, |_| refused(code));
        assert_eq!((dooms(&harness).len(), harness.fatal.len()), (1, 0));
        end(&mut harness, 1, true);
        answers(&mut harness, false, 0, (900, 6));
        assert!(is_timed_out(&why_aborted(&harness)));
        goes_on(&mut harness, (900, 6));
    }
}

/// Answers the description of the transactional id.
fn describe(harness: &mut Harness, state: &str, (producer_id, producer_epoch): (i64, i16)) {
    let api = ApiKey::DescribeTransactions;
    let (request, asked) = take::<DescribeTransactionsRequest>(harness, api);
    assert_eq!((request.broker, asked.transactional_ids[0].as_str()), (COORDINATOR, "inv-1"));
    let state = DescribeTransactionsTransactionState {
        transactional_id: "inv-1".into(),
        transaction_state: state.into(),
        producer_id,
        producer_epoch,
        ..Default::default()
    };
    let response = DescribeTransactionsResponse { transaction_states: vec![state], ..Default::default() };
    respond(harness, &request, &response);
}

/// By the first protocol: doomed by an epoch that is over, and its end refused for the same.
fn epoch_over_v1(wants_commit: bool) -> Harness {
    let mut harness = begun_with_a_record(v1());
    add(&mut harness, |_| 0);
    let taken = harness.take_produce();
    harness.answer(&taken, |_| refused(ErrorCode::INVALID_PRODUCER_EPOCH));
    end(&mut harness, 1, wants_commit);
    answers(&mut harness, false, 90, (-1, -1));
    assert!(ends(&harness).is_empty());
    assert_eq!(asked(&harness, ApiKey::InitProducerId), 0, "TC12: not to see whether it is fenced");
    harness
}

// TC21, TM-T7
#[test]
fn by_the_first_protocol_a_description_proves_a_timeout_and_the_pair_is_renewed() {
    let mut harness = epoch_over_v1(true);
    describe(&mut harness, "PrepareAbort", (900, 6));
    harness.advance(MS(25));
    describe(&mut harness, "CompleteAbort", (900, 6));
    assert!(is_timed_out(&why_aborted(&harness)));
    let init = give_pair(&mut harness, ErrorCode::NONE, (900, 6));
    assert_eq!((init.producer_id, init.producer_epoch), (900, 5));
    begin(&mut harness, 2);
    harness.send(0);
    harness.run();
    add(&mut harness, |_| 0);
    assert_eq!(numbers(&harness.take_produce()), (900, 6, 0));
}

// TC21, TM-T7
#[test]
fn kafka_3_9_renews_no_pair_that_has_timed_out_and_the_error_says_that_it_was_the_time() {
    let mut harness = epoch_over_v1(false);
    describe(&mut harness, "CompleteAbort", (900, 6));
    assert_eq!(ends(&harness), [(1, TransactionEnd::Aborted { why: None })]);
    harness.transactions.clear();
    give_pair(&mut harness, ErrorCode::PRODUCER_FENCED, (-1, -1));
    begin(&mut harness, 2);
    end(&mut harness, 2, true);
    let [(2, TransactionEnd::Fatal(why))] = &ends(&harness)[..] else { panic!("{:?}", harness.transactions) };
    assert!(is_timed_out(why), "{why}");
}

// TC21, TC12, L11, TM-L9
#[test]
fn by_the_first_protocol_whatever_else_is_described_is_a_fence() {
    for (state, pair) in [
        ("Ongoing", (900, 6)),
        ("Empty", (900, 7)),
        ("CompleteAbort", (900, 7)),
        ("CompleteAbort", (901, 6)),
        ("CompleteCommit", (900, 6)),
    ] {
        let mut harness = epoch_over_v1(true);
        describe(&mut harness, state, pair);
        let [(1, TransactionEnd::Fatal(why))] = &ends(&harness)[..] else { panic!("{state} {pair:?}") };
        assert_eq!(why.kind, TransactionFailureKind::Fenced);
        is_finished(&mut harness);
    }
}

// TC21, TM-A5
#[test]
fn a_first_partition_that_is_fenced_is_looked_into_although_nothing_was_added() {
    let mut harness = begun_with_a_record(v1());
    add(&mut harness, |_| 90);
    end(&mut harness, 1, true);
    answers(&mut harness, false, 90, (-1, -1));
    describe(&mut harness, "Ongoing", (900, 6));
    assert!(matches!(ends(&harness)[..], [(1, TransactionEnd::Fatal(_))]));
}

// TC21, TC12, TM-L9, L11
#[test]
fn what_another_producer_has_aborted_is_not_taken_for_a_timeout_of_a_transaction_that_was_not_open_yet() {
    let mut harness = begun_with_a_record(v1());
    add(&mut harness, |_| 90);
    let doomed = dooms(&harness);
    assert!(!doomed.contains(&TransactionFailureKind::Fenced), "nothing tells that yet: {doomed:?}");
    end(&mut harness, 1, true);
    answers(&mut harness, false, 90, (-1, -1));
    // The other one, by the first protocol too, has the next epoch and has aborted a transaction of its own.
    describe(&mut harness, "CompleteAbort", (900, 6));
    let [(1, TransactionEnd::Fatal(why))] = &ends(&harness)[..] else { panic!("{:?}", ends(&harness)) };
    assert_eq!(why.kind, TransactionFailureKind::Fenced);
    assert_eq!(asked(&harness, ApiKey::InitProducerId), 0, "it would abort what the other one has open");
    is_finished(&mut harness);
}

// TM-L3, E7, L2
#[test]
fn an_abort_that_finds_nothing_of_what_was_added_claims_no_abort() {
    let mut harness = begun_with_a_record(v1());
    add(&mut harness, |_| 0);
    let taken = harness.take_produce();
    harness.acknowledge(&taken);
    end(&mut harness, 1, false);
    answers(&mut harness, false, 48, (-1, -1));
    assert!(matches!(ends(&harness)[..], [(1, TransactionEnd::Unknown(_))]), "a stray commit was first");
    is_finished(&mut harness);
}

// TM-L3, TC2
#[test]
fn a_transaction_that_a_late_frame_has_ended_is_aborted_and_followed_by_another_epoch() {
    let mut harness = initialized(v1());
    commits(&mut harness, 1, 48);
    let refused = TransactionFailureKind::Refused { api: ApiKey::EndTxn, code: ErrorCode::INVALID_TXN_STATE };
    assert_eq!(why_aborted(&harness).kind, refused);
    let init = give_pair(&mut harness, ErrorCode::NONE, (900, 6));
    assert_eq!((init.producer_id, init.producer_epoch), (900, 5));
}

// TC20, TX5, TH
#[test]
fn an_end_that_nobody_answers_is_asked_for_hours_without_haste() {
    let mut harness = initialized(v2());
    committing(&mut harness, 1);
    let mut asked = 0;
    for _ in 0..600 {
        while let Some(index) = harness.requests.iter().position(|request| request.api_key == ApiKey::EndTxn)
        {
            let request = harness.requests.remove(index);
            asked += 1;
            cut(&mut harness, &request);
        }
        if harness.requests.iter().any(|request| request.api_key == ApiKey::FindCoordinator) {
            find_coordinator(&mut harness);
        }
        harness.advance(SECOND);
    }
    assert!((300..=700).contains(&asked), "{asked}");
    assert!(ends(&harness).is_empty());
}

// TC4, L6
#[test]
fn a_look_up_that_fails_in_an_unknown_way_gives_up_no_commit_that_may_be_done() {
    for code in [-1, 42, 1234] {
        let mut harness = initialized(v2());
        committing(&mut harness, 1);
        let (request, _) = take_end(&mut harness);
        cut(&mut harness, &request);
        let (request, _) = take::<FindCoordinatorRequest>(&mut harness, ApiKey::FindCoordinator);
        let coordinator = Coordinator { error_code: ErrorCode(code), node_id: -1, ..Default::default() };
        let response = FindCoordinatorResponse { coordinators: vec![coordinator], ..Default::default() };
        respond(&mut harness, &request, &response);
        assert!(ends(&harness).is_empty() && harness.fatal.is_empty(), "{code}: it can be learnt yet");
        harness.advance(SECOND);
        find_coordinator(&mut harness);
        harness.advance(SECOND);
        answers(&mut harness, true, 0, (900, 6));
        assert_eq!(ends(&harness), committed(1, 5));
    }
}
