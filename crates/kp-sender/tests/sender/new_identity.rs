//! Epochs and producer ids that change under way: what goes on under the old one, what begins anew, and how it ends.

use crate::harness::*;
use crate::idempotence::*;
use kp_accumulator::{AccumulatorSettings, Appended, Certainty, Completion, FailureKind, RecordResult};
use kp_protocol::api::PartitionProduceResponse;
use kp_protocol::{ApiKey, BrokerId, ErrorCode};
use kp_sender::Input;
use std::sync::Arc;
use std::time::Duration;

/// UNKNOWN_PRODUCER_ID from a broker whose log begins at this offset; −1 = it does not say.
fn unknown_producer(log_start_offset: i64) -> PartitionProduceResponse {
    PartitionProduceResponse { log_start_offset, ..refused(ErrorCode::UNKNOWN_PRODUCER_ID) }
}

/// One acknowledged record (at offset 40) in each of two partitions of one broker, under id 900 and this epoch.
fn two_partitions_proven(epoch: i16) -> Harness {
    let mut harness = Harness::knowing(plan(), &[1, 1]);
    let first = [harness.send(0), harness.send(1)];
    harness.run();
    answer_identity_with(&mut harness, (900, epoch));
    let taken = harness.take_produce();
    assert_eq!((numbers(&taken), taken.partitions()), ((900, epoch, 0), vec![0, 1]));
    harness.acknowledge(&taken);
    assert!(first.iter().all(|first| offset(first) == Some(40)));
    harness
}

fn is_an_id_asked_for(harness: &Harness) -> bool {
    harness.requests.iter().any(|request| request.api_key == ApiKey::InitProducerId)
}

// ID10
#[test]
fn a_log_that_does_not_say_where_it_begins_is_asked_again_under_the_same_number() {
    let mut harness = proven();
    let (sent, mut taken) = send_many(&mut harness, 1);
    for _ in 0..3 {
        harness.answer(&taken.remove(0), |_| unknown_producer(-1));
        harness.advance(MS(1_200));
        taken.push(harness.take_produce());
        assert_eq!(numbers(&taken[0]), (900, 0, 1));
    }
    harness.acknowledge(&taken[0]);
    assert!(offset(&sent[0]).is_some());
}

// ID10
#[test]
fn a_log_that_has_forgotten_the_producer_gets_one_new_epoch_for_all_that_was_on_the_way() {
    // 41: retention took the acknowledged record and with it the producer; 0: the records are there, the producer is not.
    for log_start_offset in [41, 0] {
        let mut harness = proven();
        let (sent, taken) = send_many(&mut harness, 3);
        for taken in &taken {
            harness.answer(taken, |_| unknown_producer(log_start_offset));
        }
        harness.advance(MS(1_200));
        for sequence in 0..3 {
            let anew = harness.take_produce();
            assert_eq!(numbers(&anew), (900, 1, sequence), "one epoch, however many were refused");
            harness.acknowledge(&anew);
        }
        assert!(sent.iter().all(|sent| offset(sent).is_some()));
    }
}

// ID10
#[test]
fn a_batch_that_may_be_in_a_log_that_has_forgotten_the_producer_fails_as_unknown() {
    for log_start_offset in [41, 0] {
        let mut harness = proven();
        let (sent, taken) = send_many(&mut harness, 1);
        harness.lose(&taken[0], true);
        harness.advance(MS(200));
        let again = harness.take_produce();
        harness.answer(&again, |_| unknown_producer(log_start_offset));
        assert_eq!(failure(&sent[0]).certainty, Certainty::Unknown, "rule 3: no second number");
    }
}

// ID10, SN13
#[test]
fn a_batch_of_unknown_outcome_whose_epoch_is_over_fails_and_no_broker_is_said_to_have_refused_it() {
    let mut harness = proven();
    let (sent, taken) = send_many(&mut harness, 3);
    harness.answer(&taken[0], |_| unknown_producer(41));
    harness.lose(&taken[1], true);
    harness.answer(&taken[2], |_| unknown_producer(41));
    harness.advance(MS(1_200));
    let anew = harness.take_produce();
    assert_eq!(numbers(&anew), (900, 1, 0), "the first begins the next epoch");
    harness.acknowledge(&anew);
    let told = failure(&sent[1]);
    assert_eq!((told.kind, told.certainty), (FailureKind::EpochOver, Certainty::Unknown), "rule 3");
    assert_eq!(told.attempts, 1, "what never left is no attempt");
    let text = told.to_string();
    assert!(text.starts_with("sent before without an answer") && text.contains("connection reset"), "{text}");
    assert!(!text.contains("refused by"), "{text}");
    let behind = harness.take_produce();
    assert_eq!(numbers(&behind), (900, 1, 1), "the one behind it goes on");
    harness.acknowledge(&behind);
    assert!(offset(&sent[2]).is_some());
}

/// Two records in one numbered batch, which is on the way under (900, 0, 1).
fn two_in_one_batch() -> (Harness, [Appended; 2], Taken) {
    let mut plan = plan();
    plan.accumulator = AccumulatorSettings { linger: MS(5), ..Default::default() };
    let mut harness = Harness::knowing(plan, &[1]);
    let first = harness.send(0);
    harness.advance(MS(5));
    answer_identity(&mut harness, ErrorCode::NONE);
    let taken = harness.take_produce();
    harness.acknowledge(&taken);
    assert!(offset(&first).is_some());
    let sent = [harness.append("t", 0, b"one"), harness.append("t", 0, b"two")];
    harness.advance(MS(5));
    let taken = harness.take_produce();
    assert_eq!(numbers(&taken), (900, 0, 1));
    (harness, sent, taken)
}

// BB25
#[test]
fn a_batch_that_may_be_written_and_is_then_too_large_fails_whole_as_unknown_and_never_goes_in_parts() {
    let (mut harness, sent, taken) = two_in_one_batch();
    harness.lose(&taken, true);
    harness.advance(MS(200));
    let again = harness.take_produce();
    assert_eq!(numbers(&again), (900, 0, 1), "the same batch");
    // The limit of the topic was lowered meanwhile, or another broker leads: the lost attempt may be in the log all the same,
    // since brokers look at the size before they look at the numbers.
    harness.answer(&again, |_| refused(ErrorCode::MESSAGE_TOO_LARGE));
    for (index, sent) in (0..).zip(&sent) {
        let Some(RecordResult::Failed { failure, .. }) = sent.completion.record_result(index) else {
            panic!("record {index} has not failed");
        };
        assert_eq!(failure.kind, FailureKind::Refused(ErrorCode::MESSAGE_TOO_LARGE));
        assert_eq!((failure.certainty, failure.attempts), (Certainty::Unknown, 2));
    }
    harness.advance(MS(1_200));
    assert!(harness.produces().is_empty(), "parts would be no duplicates to the broker");
    let next = harness.send(0);
    harness.advance(MS(5));
    let taken = harness.take_produce();
    assert_eq!(numbers(&taken), (900, 1, 0), "what follows has an epoch in which nothing is missing");
    harness.acknowledge(&taken);
    assert!(offset(&next).is_some());
}

// BB27
#[test]
fn a_numbered_batch_that_surely_is_not_written_goes_in_parts_when_it_is_too_large() {
    let (mut harness, sent, taken) = two_in_one_batch();
    harness.lose(&taken, false);
    harness.advance(MS(200));
    let again = harness.take_produce();
    harness.answer(&again, |_| refused(ErrorCode::MESSAGE_TOO_LARGE));
    for sequence in [1, 2] {
        let part = harness.take_produce();
        assert_eq!(numbers(&part), (900, 0, sequence), "the parts share the numbers of the whole");
        acknowledge_at(&mut harness, &part, 40 + i64::from(sequence));
    }
    for (index, sent) in (0..).zip(&sent) {
        let result = sent.completion.record_result(index);
        assert!(matches!(result, Some(RecordResult::Written { .. })), "{result:?}");
    }
}

/// Sends two batches; the second is on the way while the first, lost or refused, waits to go again until it expires.
fn expired_in_retry(first_came_back: impl Fn(&mut Harness, &Taken)) -> (Harness, Taken, Certainty) {
    let mut harness = proven();
    let (sent, taken) = send_many(&mut harness, 1);
    harness.advance(Duration::from_secs(1));
    let (_, mut behind) = send_many(&mut harness, 1);
    harness.advance(MS(118_500));
    first_came_back(&mut harness, &taken[0]);
    harness.advance(MS(700));
    let certainty = failure(&sent[0]).certainty;
    assert_eq!(failure(&sent[0]).kind, FailureKind::Expired);
    harness.send(0);
    harness.advance(MS(100));
    assert!(harness.produces().is_empty(), "nothing new while the other one is not answered");
    (harness, behind.remove(0), certainty)
}

// ID12
#[test]
fn what_expires_while_it_waits_to_go_again_is_resolved_by_a_later_success() {
    let (mut harness, behind, certainty) = expired_in_retry(|harness, taken| harness.lose(taken, true));
    assert_eq!(certainty, Certainty::Unknown);
    acknowledge_at(&mut harness, &behind, 42);
    harness.advance(MS(1));
    assert_eq!(numbers(&harness.take_produce()), (900, 0, 3), "proven written: the same epoch goes on");
}

// ID12, ID13
#[test]
fn what_expires_while_it_waits_to_go_again_costs_an_epoch_if_the_later_ones_fail_too() {
    let (mut harness, behind, certainty) = expired_in_retry(|harness, taken| harness.lose(taken, true));
    assert_eq!(certainty, Certainty::Unknown);
    harness.answer(&behind, |_| refused(ErrorCode::INVALID_RECORD));
    harness.advance(MS(1));
    assert_eq!(numbers(&harness.take_produce()), (900, 1, 0));
}

// ID6, ID12
#[test]
fn what_expires_while_it_waits_to_go_again_and_surely_is_not_written_leaves_its_number_to_the_next() {
    let refuse = |harness: &mut Harness, taken: &Taken| {
        harness.answer(taken, |_| refused(ErrorCode::NOT_ENOUGH_REPLICAS));
    };
    let (mut harness, behind, certainty) = expired_in_retry(refuse);
    assert_eq!(certainty, Certainty::NotWritten);
    harness.answer(&behind, |_| refused(ErrorCode::INVALID_RECORD));
    harness.advance(MS(1));
    assert_eq!(numbers(&harness.take_produce()), (900, 0, 1));
}

// ID13
#[test]
fn when_all_on_the_way_expire_the_next_batch_waits_for_their_answers_and_begins_an_epoch() {
    let mut harness = proven();
    let (sent, taken) = send_many(&mut harness, 2);
    harness.advance(Duration::from_secs(121));
    assert!(sent.iter().all(|sent| failure(sent).certainty == Certainty::Unknown));
    harness.send(0);
    harness.run();
    assert!(harness.produces().is_empty(), "rule 4");
    harness.lose(&taken[0], true);
    assert!(harness.produces().is_empty(), "rule 4");
    harness.lose(&taken[1], true);
    harness.advance(MS(200));
    assert_eq!(numbers(&harness.take_produce()), (900, 1, 0));
}

/// A batch on the way in each of the two partitions, in requests of their own.
fn one_on_the_way_in_each(harness: &mut Harness) -> ([Arc<Completion>; 2], [Taken; 2]) {
    let mut send = |partition| {
        let sent = harness.send(partition);
        harness.run();
        (sent, harness.take_produce())
    };
    let ((one, first), (two, second)) = (send(0), send(1));
    ([one, two], [first, second])
}

// ID8, ID14
#[test]
fn what_began_under_the_old_epoch_ends_under_it_and_disturbs_no_partition_that_has_the_new_one() {
    let mut harness = two_partitions_proven(0);
    let (sent, [gap, late]) = one_on_the_way_in_each(&mut harness);
    harness.answer(&gap, |_| out_of_order());
    harness.advance(MS(300));
    let anew = harness.take_produce();
    assert_eq!(numbers_by_partition(&anew), [(0, (900, 1, 0))]);
    harness.acknowledge(&anew);
    let joined = harness.send(1);
    harness.run();
    let behind = harness.take_produce();
    assert_eq!(numbers_by_partition(&behind), [(1, (900, 0, 2))], "it is behind one of the old epoch");
    harness.answer(&late, |_| refused(ErrorCode::REQUEST_TIMED_OUT));
    harness.answer(&behind, |_| out_of_order());
    harness.advance(MS(300));
    for sequence in 1..=2 {
        let again = harness.take_produce();
        assert_eq!(numbers_by_partition(&again), [(1, (900, 0, sequence))], "rule 3: its own number");
        harness.acknowledge(&again);
    }
    assert!(sent.iter().chain([&joined]).all(|sent| offset(sent).is_some()));
    harness.send(0);
    harness.send(1);
    harness.run();
    let next = numbers_by_partition(&harness.take_produce());
    assert_eq!(next, [(0, (900, 1, 1)), (1, (900, 1, 0))], "the idle partition moves to the new epoch");
}

// ID8, ID14, ID15
#[test]
fn after_the_last_epoch_a_new_id_is_got_queued_batches_leave_with_it_and_old_ones_end_under_the_old() {
    let mut harness = two_partitions_proven(i16::MAX);
    let (sent, [gap, late]) = one_on_the_way_in_each(&mut harness);
    harness.answer(&gap, |_| out_of_order());
    let queued = harness.send(0);
    harness.advance(MS(1_200));
    assert!(is_an_id_asked_for(&harness) && harness.produces().is_empty());
    harness.answer(&late, |_| refused(ErrorCode::REQUEST_TIMED_OUT));
    harness.advance(MS(1_200));
    answer_identity_with(&mut harness, (901, 0));
    let mut seen = Vec::new();
    while !harness.produces().is_empty() {
        let taken = harness.take_produce();
        seen.extend(numbers_by_partition(&taken));
        harness.acknowledge(&taken);
    }
    seen.sort_unstable();
    assert_eq!(seen, [(0, (901, 0, 0)), (0, (901, 0, 1)), (1, (900, i16::MAX, 1))]);
    assert!(sent.iter().chain([&queued]).all(|sent| offset(sent).is_some()));
}

/// A producer whose epochs are used up, and which asks for a new id: one batch waits for it.
fn waiting_for_a_new_id() -> (Harness, Arc<Completion>) {
    let mut harness = two_partitions_proven(i16::MAX);
    let sent = harness.send(0);
    harness.run();
    let taken = harness.take_produce();
    harness.answer(&taken, |_| out_of_order());
    harness.advance(MS(1_200));
    assert!(is_an_id_asked_for(&harness) && harness.produces().is_empty());
    (harness, sent)
}

// ID18
#[test]
fn a_forced_close_ends_at_once_while_a_new_id_is_got() {
    let (mut harness, sent) = waiting_for_a_new_id();
    harness.close(Duration::ZERO);
    assert!(harness.is_closed, "no batch waits for the id");
    let told = failure(&sent);
    assert_eq!((told.kind, told.certainty), (FailureKind::Closed, Certainty::NotWritten));
}

// ID18
#[test]
fn a_patient_close_gets_the_new_id_and_writes_what_waits_for_it() {
    let (mut harness, sent) = waiting_for_a_new_id();
    harness.close(Duration::from_secs(30));
    assert!(!harness.is_closed);
    answer_identity_with(&mut harness, (901, 0));
    let taken = harness.take_produce();
    assert_eq!(numbers(&taken), (901, 0, 0));
    harness.acknowledge(&taken);
    assert!(harness.is_closed && offset(&sent).is_some());
}

// ID1
#[test]
fn the_broker_with_the_least_to_do_is_asked_for_the_id() {
    let mut harness = Harness::knowing(plan(), &[1]);
    harness.least_loaded = Some(Some(BrokerId(2)));
    harness.send(0);
    harness.run();
    let asked: Vec<BrokerId> = harness.requests.iter().map(|request| request.broker).collect();
    assert_eq!(asked, [BrokerId(2)]);
}

// ID17; rule 3, docs/delivery-guarantees.md
#[test]
fn a_producer_that_had_an_id_never_goes_on_without_one() {
    let (mut harness, sent) = waiting_for_a_new_id();
    let token = harness.requests.remove(0).token;
    // A broker that is older than those before it.
    harness.versions = Arc::new(up_to(9));
    harness.input(Input::Network(kp_client::Event::Failed {
        token,
        written: kp_client::Written::Perhaps,
        reason: kp_client::DisconnectReason::Lost("reset".into()),
    }));
    harness.advance(Duration::from_secs(2));
    assert!(harness.produces().is_empty() && harness.without_idempotence.is_empty());
    harness.versions = Arc::new(newest());
    harness.advance(Duration::from_secs(2));
    answer_identity_with(&mut harness, (901, 0));
    let taken = harness.take_produce();
    assert_eq!(numbers(&taken), (901, 0, 0));
    harness.acknowledge(&taken);
    assert!(offset(&sent).is_some());
}
