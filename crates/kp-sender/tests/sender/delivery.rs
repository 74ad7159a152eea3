//! Batches on their way: sent, answered, sent again, refused, expired.

use crate::harness::*;
use kp_accumulator::{AccumulatorSettings, Certainty, FailureKind};
use kp_protocol::api::{BatchIndexAndErrorMessage, PartitionProduceResponse};
use kp_protocol::{Acks, ApiKey, BrokerId, ErrorCode, TopicId};
use kp_sender::{Input, SenderSettings};
use std::sync::Arc;
use std::time::Duration;

fn plan(change: impl FnOnce(&mut SenderSettings)) -> Plan {
    let mut plan = Plan::default();
    change(&mut plan.sender);
    plan
}

#[test]
fn all_ready_partitions_of_a_broker_go_in_one_request_and_are_acknowledged() {
    // SN3, AC16
    let mut harness = Harness::knowing(Plan::default(), &[1, 2, 1]);
    let sent = [harness.send(0), harness.send(1), harness.send(2)];
    harness.run();
    assert_eq!(harness.produces().len(), 2, "one for each broker");
    let first = harness.take_produce();
    assert_eq!((first.request.broker, first.request.version), (BrokerId(1), 13));
    assert_eq!((first.parsed.acks, first.parsed.timeout_ms), (-1, 30_000));
    assert_eq!(first.partitions(), [0, 2]);
    let second = harness.take_produce();
    harness.acknowledge(&second);
    assert!(sent[0].outcome().is_none() && offset(&sent[1]) == Some(40));
    harness.acknowledge(&first);
    assert_eq!((offset(&sent[0]), offset(&sent[2])), (Some(40), Some(40)));
    assert_eq!(harness.settled.len(), 3);
}

#[test]
fn a_partition_has_one_batch_in_flight_and_its_neighbours_do_not_wait_for_it() {
    // SN7, AC19
    let mut harness = Harness::knowing(Plan::default(), &[1, 1]);
    harness.send(0);
    harness.send(0);
    harness.run();
    assert_eq!(harness.produces().len(), 1);
    harness.send(1);
    harness.run();
    assert_eq!(harness.produces().len(), 2, "the broker has room for another request");
    let first = harness.take_produce();
    assert_eq!(first.partitions(), [0]);
    assert_eq!(harness.take_produce().partitions(), [1]);
    harness.acknowledge(&first);
    assert_eq!(harness.take_produce().partitions(), [0], "the next batch of the partition");
}

#[test]
fn without_the_guarantee_several_requests_may_hold_one_partition() {
    // SN8
    let mut harness = Harness::knowing(plan(|s| s.guarantee_one_in_flight = false), &[1]);
    harness.send(0);
    harness.send(0);
    harness.run();
    assert_eq!(harness.produces().len(), 2);
}

#[test]
fn a_retried_batch_goes_out_before_the_one_behind_it() {
    // SN7, AC24
    let mut harness = Harness::knowing(Plan::default(), &[1]);
    let (first, second) = (harness.send(0), harness.send(0));
    harness.run();
    let taken = harness.take_produce();
    harness.answer(&taken, |_| refused(ErrorCode::NOT_ENOUGH_REPLICAS));
    assert!(harness.produces().is_empty(), "the backoff holds (AC14), also for the batch behind");
    harness.advance(MS(200));
    let again = harness.take_produce();
    let records = |taken: &Taken| taken.parsed.topic_data[0].partition_data[0].records.clone();
    assert_eq!(records(&again), records(&taken), "byte for byte the same batch");
    harness.acknowledge(&again);
    assert!(offset(&first).is_some() && second.outcome().is_none());
}

#[test]
fn backoff_grows_with_the_attempts() {
    // AC14, SN5
    let mut harness = Harness::knowing(Plan::default(), &[1]);
    harness.send(0);
    harness.run();
    for middle in [100u64, 200, 400, 800] {
        let taken = harness.take_produce();
        harness.answer(&taken, |_| refused(ErrorCode::NOT_ENOUGH_REPLICAS));
        harness.advance(MS(middle * 8 / 10 - 1));
        assert!(harness.produces().is_empty(), "not before {middle} ms less a fifth");
        harness.advance(MS(middle * 4 / 10 + 2));
        assert_eq!(harness.produces().len(), 1, "by {middle} ms and a fifth");
    }
}

#[test]
fn retries_are_counted_and_the_failure_tells_what_was_said_last() {
    // SN5, SN13
    let mut harness = Harness::knowing(plan(|s| s.retries = 1), &[1]);
    let sent = harness.send(0);
    harness.run();
    let words = |text: &'static str| PartitionProduceResponse {
        error_message: Some(text.into()),
        ..refused(ErrorCode::NOT_ENOUGH_REPLICAS)
    };
    let taken = harness.take_produce();
    harness.answer(&taken, |_| words("one of three"));
    harness.advance(MS(200));
    let taken = harness.take_produce();
    harness.answer(&taken, |_| words("still one of three"));
    let failure = failure(&sent);
    assert_eq!(failure.kind, FailureKind::Refused(ErrorCode::NOT_ENOUGH_REPLICAS));
    assert_eq!((failure.attempts, failure.certainty), (2, Certainty::NotWritten));
    let last = failure.last.as_ref().unwrap();
    assert_eq!((last.message.as_deref(), last.broker), (Some("still one of three"), Some(BrokerId(1))));
    assert_eq!(failure.spent.total(), failure.waited);
    assert!(failure.spent.backoff >= MS(80));
}

#[test]
fn one_lost_answer_makes_a_later_refusal_unknown_and_an_acknowledgement_makes_it_good() {
    for acknowledged in [false, true] {
        let mut harness = Harness::knowing(Plan::default(), &[1]);
        let sent = harness.send(0);
        harness.run();
        let taken = harness.take_produce();
        harness.lose(&taken, true);
        harness.advance(MS(200));
        let taken = harness.take_produce();
        if acknowledged {
            harness.acknowledge(&taken);
            assert_eq!(offset(&sent), Some(40));
        } else {
            harness.answer(&taken, |_| refused(ErrorCode::TOPIC_AUTHORIZATION_FAILED));
            assert_eq!(failure(&sent).certainty, Certainty::Unknown);
        }
    }
}

#[test]
fn what_never_left_is_surely_not_written() {
    // SN6
    let mut harness = Harness::knowing(plan(|s| s.retries = 0), &[1]);
    let sent = harness.send(0);
    harness.run();
    let taken = harness.take_produce();
    harness.lose(&taken, false);
    let failure = failure(&sent);
    assert_eq!((failure.kind, failure.certainty), (FailureKind::Disconnected, Certainty::NotWritten));
    assert_eq!(failure.last.as_ref().unwrap().code, ErrorCode::NETWORK_EXCEPTION);
}

#[test]
fn a_request_timeout_fails_every_batch_of_the_request_as_unknown() {
    // SN6
    let mut harness = Harness::knowing(plan(|s| s.retries = 0), &[1, 1]);
    let sent = [harness.send(0), harness.send(1)];
    harness.run();
    let token = harness.take_produce().request.token;
    harness.input(Input::Network(kp_client::Event::Failed {
        token,
        written: kp_client::Written::Perhaps,
        reason: kp_client::DisconnectReason::RequestTimeout,
    }));
    harness.run();
    for sent in sent {
        let failure = failure(&sent);
        assert_eq!(failure.certainty, Certainty::Unknown);
        let last = failure.last.as_ref().unwrap();
        assert_eq!((last.code, last.broker), (ErrorCode::REQUEST_TIMED_OUT, None), "no broker has said so");
        assert_eq!(
            last.message.as_deref(),
            Some("no answer from broker 1: a request was not answered in time (request.timeout.ms)")
        );
    }
}

#[test]
fn with_acks_0_written_is_done_and_the_offset_unknown() {
    // SN4, NC8
    let mut harness = Harness::knowing(plan(|s| s.acks = Acks::None), &[1]);
    let sent = harness.send(0);
    harness.run();
    let taken = harness.take_produce();
    assert!(!taken.request.expects_response && taken.parsed.acks == 0);
    harness.event(kp_client::Event::Written { token: taken.request.token });
    harness.run();
    assert_eq!(offset(&sent), None);
}

#[test]
fn stale_leaders_ask_for_metadata_also_when_the_batch_is_not_sent_again() {
    // SN12
    let mut harness = Harness::knowing(plan(|s| s.retries = 0), &[1]);
    let sent = harness.send(0);
    harness.run();
    let taken = harness.take_produce();
    let before = harness.clusters.len();
    harness.topics.get_mut("t").unwrap().leaders = vec![(2, 6)];
    harness.answer(&taken, |_| refused(ErrorCode::NOT_LEADER_OR_FOLLOWER));
    assert_eq!(failure(&sent).kind, FailureKind::Refused(ErrorCode::NOT_LEADER_OR_FOLLOWER));
    harness.advance(MS(200));
    assert!(harness.clusters.len() > before);
    harness.send(0);
    harness.run();
    assert_eq!(harness.take_produce().request.broker, BrokerId(2));
}

#[test]
fn a_leader_hint_sends_the_batch_to_the_new_leader_at_once() {
    // MD13, MD14
    let mut harness = Harness::knowing(Plan::default(), &[1]);
    harness.answers_metadata = false;
    harness.send(0);
    harness.run();
    let taken = harness.take_produce();
    harness.answer_with(&taken, vec![endpoint(3)], 0, |_| moved(3, 6));
    assert!(harness.listed.iter().any(|broker| broker.id == BrokerId(3)), "the network knows the new broker");
    let again = harness.take_produce();
    assert_eq!(again.request.broker, BrokerId(3), "no time has passed");
    harness.advance(MS(200));
    assert!(harness.requests.iter().any(|r| r.api_key == ApiKey::Metadata), "a full refresh as well");
}

#[test]
fn without_a_hint_the_backoff_holds_until_metadata_names_a_newer_leader() {
    // MD15, AC15
    let mut harness = Harness::knowing(
        plan(|s| s.retry_backoff = kp_time::Backoff::new(MS(5000), Duration::from_secs(5))),
        &[1],
    );
    harness.send(0);
    harness.run();
    let taken = harness.take_produce();
    harness.advance(MS(500));
    harness.answers_metadata = false;
    harness.answer(&taken, |_| moved(-1, -1));
    assert!(harness.produces().is_empty());
    // The refresh finds the same leader: the backoff holds. Then it has moved: it does not.
    harness.answers_metadata = true;
    harness.advance(MS(300));
    assert!(harness.produces().is_empty());
    harness.topics.get_mut("t").unwrap().leaders = vec![(2, 6)];
    harness.input(Input::WantTopic("other".into()));
    harness.add_topic("other", &[1]);
    let refused_again = harness.requests.len();
    harness.run();
    assert_eq!(harness.requests.len(), refused_again, "a partial answer about another topic changes nothing");
}

#[test]
fn a_newer_epoch_in_metadata_ends_the_backoff() {
    // AC15
    let mut harness = Harness::knowing(
        plan(|s| s.retry_backoff = kp_time::Backoff::new(Duration::from_secs(20), Duration::from_secs(20))),
        &[1],
    );
    harness.send(0);
    harness.run();
    harness.advance(MS(1500));
    let taken = harness.take_produce();
    harness.topics.get_mut("t").unwrap().leaders = vec![(2, 6)];
    harness.answer(&taken, |_| refused(ErrorCode::NOT_LEADER_OR_FOLLOWER));
    harness.advance(MS(1100));
    assert_eq!(harness.take_produce().request.broker, BrokerId(2));
}

#[test]
fn records_the_broker_names_reach_the_failure() {
    // BB24
    let mut harness = Harness::knowing(Plan::default(), &[1]);
    let sent = harness.send(0);
    harness.run();
    let taken = harness.take_produce();
    harness.answer(&taken, |_| PartitionProduceResponse {
        record_errors: vec![BatchIndexAndErrorMessage {
            batch_index: 0,
            batch_index_error_message: Some("no key in a compacted topic".into()),
            ..Default::default()
        }],
        ..refused(ErrorCode::INVALID_RECORD)
    });
    let failure = failure(&sent);
    assert_eq!(failure.kind, FailureKind::InvalidRecord);
    assert_eq!(failure.record_error(0), Some(Some("no key in a compacted topic")));
}

#[test]
fn a_topic_without_an_id_brings_the_whole_request_back_to_names() {
    // SN16
    let mut harness = Harness::knowing(Plan::default(), &[1]);
    harness.add_topic("u", &[1]);
    harness.topics.get_mut("u").unwrap().id = TopicId::ZERO;
    harness.want("u");
    harness.run();
    harness.send(0);
    harness.send_to("u", 0);
    harness.run();
    let taken = harness.take_produce();
    assert_eq!(taken.request.version, 12);
    let names: Vec<_> = taken.parsed.topic_data.iter().map(|topic| topic.name.as_str()).collect();
    assert_eq!(names, ["t", "u"]);
}

#[test]
fn a_topic_created_again_is_sent_by_its_new_id() {
    // SN16
    let mut harness = Harness::knowing(Plan::default(), &[1]);
    let sent = harness.send(0);
    harness.run();
    let taken = harness.take_produce();
    harness.advance(Duration::from_secs(1)); // No backoff of metadata is running any more.
    harness.topics.get_mut("t").unwrap().id = TopicId([9; 16]);
    harness.answer(&taken, |_| refused(ErrorCode::UNKNOWN_TOPIC_ID));
    harness.advance(MS(500));
    let again = harness.take_produce();
    assert_eq!(again.parsed.topic_data[0].topic_id, TopicId([9; 16]));
    harness.acknowledge(&again);
    assert!(offset(&sent).is_some());
}

#[test]
fn a_request_the_network_refuses_is_made_anew_without_using_up_a_retry() {
    let mut harness = Harness::knowing(plan(|s| s.retries = 0), &[1]);
    let sent = harness.send(0);
    harness.refuses = true;
    harness.run();
    assert!(sent.outcome().is_none() && harness.produces().is_empty());
    harness.refuses = false;
    harness.run();
    let taken = harness.take_produce();
    harness.acknowledge(&taken);
    assert!(offset(&sent).is_some());
}

#[test]
fn a_broker_that_waits_is_not_asked_again_before_its_moment_or_an_event() {
    // SN2
    let mut harness = Harness::knowing(Plan::default(), &[1]);
    let until = harness.now() + MS(500);
    harness.moods.insert(BrokerId(1), Mood::Wait(Some(until)));
    harness.send(0);
    harness.run();
    harness.run();
    assert_eq!(harness.asked, [BrokerId(1)], "asked once");
    assert_eq!(harness.core.poll_timeout(), Some(until));
    harness.connected(BrokerId(1));
    harness.run();
    assert_eq!(harness.asked.len(), 2, "an event is a reason");
    harness.moods.insert(BrokerId(1), Mood::Ready);
    harness.advance(MS(500));
    assert_eq!(harness.produces().len(), 1);
}

#[test]
fn one_broker_that_is_not_ready_does_not_hold_up_another() {
    // SN2
    let mut harness = Harness::knowing(Plan::default(), &[1, 2]);
    harness.moods.insert(BrokerId(1), Mood::Failed("authentication failed"));
    harness.send(0);
    harness.send(1);
    harness.run();
    assert_eq!(harness.produces().len(), 1);
    assert_eq!(harness.take_produce().request.broker, BrokerId(2));
}

#[test]
fn the_client_holds_back_when_the_broker_answers_before_it_throttles() {
    // NC20
    let mut harness = Harness::knowing(Plan::default(), &[1]);
    harness.send(0);
    harness.run();
    let taken = harness.take_produce();
    let answer = |_| PartitionProduceResponse { base_offset: 1, ..Default::default() };
    harness.answer_with(&taken, Vec::new(), 250, answer);
    assert_eq!(harness.throttled, [(BrokerId(1), harness.now() + MS(250))]);
}

#[test]
fn an_answer_that_cannot_be_read_closes_the_connection_and_is_an_unknown_attempt() {
    let mut harness = Harness::knowing(plan(|s| s.retries = 0), &[1]);
    let sent = harness.send(0);
    harness.run();
    let token = harness.take_produce().request.token;
    harness.event(kp_client::Event::Answered { token, body: bytes::Bytes::from_static(b"\xff\xff\xff") });
    harness.run();
    assert_eq!(failure(&sent).certainty, Certainty::Unknown);
    assert_eq!(harness.disconnected, [BrokerId(1)]);
}

#[test]
fn an_answer_that_leaves_a_partition_out_settles_nothing_for_it() {
    let mut harness = Harness::knowing(plan(|s| s.retries = 0), &[1, 1]);
    let sent = [harness.send(0), harness.send(1)];
    harness.run();
    let mut taken = harness.take_produce();
    taken.parsed.topic_data[0].partition_data.retain(|partition| partition.index == 0);
    harness.acknowledge(&taken);
    assert!(offset(&sent[0]).is_some());
    assert_eq!(failure(&sent[1]).certainty, Certainty::Unknown);
}

#[test]
fn records_gather_while_they_linger_and_leave_when_it_is_over() {
    // AC10, AC13
    let accumulator = AccumulatorSettings { linger: MS(20), ..Default::default() };
    let mut harness = Harness::knowing(Plan { accumulator, ..Plan::default() }, &[1]);
    let sent = [harness.send(0), harness.send(0)];
    harness.advance(MS(19));
    assert!(harness.produces().is_empty());
    harness.advance(MS(1));
    assert_eq!(harness.produces().len(), 1);
    assert!(Arc::ptr_eq(&sent[0], &sent[1]), "one batch");
}

#[test]
fn topics_are_told_apart_by_their_ids_whatever_the_order_of_their_names() {
    // SN16
    let mut harness = Harness::with(Plan::default());
    // The ids grow while the names fall.
    for name in ["c", "b", "a"] {
        harness.add_topic(name, &[1]);
        harness.want(name);
    }
    harness.run();
    let sent = ["a", "b", "c"].map(|topic| harness.send_to(topic, 0));
    harness.run();
    let taken = harness.take_produce();
    assert_eq!((taken.request.version, taken.parsed.topic_data.len()), (13, 3));
    harness.acknowledge(&taken);
    assert!(sent.iter().all(|sent| offset(sent) == Some(40)));
}

#[test]
fn an_election_is_waited_for_without_a_growing_backoff() {
    // AC14, but for elections
    let mut harness = Harness::knowing(Plan::default(), &[1]);
    harness.send(0);
    harness.run();
    for _ in 0..5 {
        let taken = harness.take_produce();
        harness.answer(&taken, |_| refused(ErrorCode::NOT_LEADER_OR_FOLLOWER));
        harness.advance(MS(121));
        assert_eq!(harness.produces().len(), 1, "by 100 ms and a fifth, each time");
    }
}

#[test]
fn a_leader_as_old_as_the_one_that_was_asked_does_not_end_the_backoff() {
    // AC15
    let mut harness = Harness::knowing(Plan::default(), &[1]);
    harness.send(0);
    harness.run();
    let taken = harness.take_produce();
    harness.answer(&taken, |_| moved(2, 4));
    assert!(harness.produces().is_empty(), "epoch 5 is known");
}

#[test]
fn each_batch_fails_for_its_own_reason() {
    // SN13
    let mut harness = Harness::knowing(Plan::default(), &[1, 1]);
    let sent = [harness.send(0), harness.send(1)];
    harness.run();
    let taken = harness.take_produce();
    let codes = [ErrorCode::NOT_ENOUGH_REPLICAS, ErrorCode::NOT_LEADER_OR_FOLLOWER];
    harness.answer(&taken, |partition| refused(codes[partition as usize]));
    harness.input(Input::CloseNow);
    harness.run();
    for (sent, code) in sent.iter().zip(codes) {
        assert_eq!(failure(sent).last.as_ref().expect("a broker's word").code, code);
    }
}
