//! Produce with transactional batches: verification, adding by the way, and the order of checks.

use std::time::Duration;

use kp_protocol::api::ProduceRequest;
use kp_protocol::{BrokerId, ErrorCode, TopicId};
use kp_sim::{ClusterSettings, Fault, KafkaVersion, Reply, TransactionState};

use super::instance::{ID, Instance, raised, transactional, written_by};
use crate::client::FIRST;

// TM-P1
#[test]
fn a_partition_that_was_not_added_is_refused_or_added_by_the_version_of_the_request() {
    for (_, mut instance) in Instance::on_both() {
        let pair = instance.begin();
        for version in 3..=11 {
            let code = if version < 11 { 48 } else { 120 };
            assert_eq!(instance.produce(version, pair, 0, 0), (code, -1), "v{version}");
        }
        assert_eq!(instance.state(), TransactionState::Empty);
        let request = instance.produce_request(Some(ID), vec![(0, transactional(pair, 0))]);
        let answer = instance.client.ask(FIRST, 9, &request);
        let message = answer.responses[0].partition_responses[0].error_message.clone();
        assert_eq!(message.unwrap().as_str(), "Partition was not added to the transaction");
    }
    for version in 12..=13 {
        let mut instance = Instance::on(KafkaVersion::V4_3);
        let pair = instance.begin();
        assert_eq!(instance.produce(version, pair, 0, 0), (0, 0));
        assert_eq!((instance.state(), instance.partitions()), (TransactionState::Ongoing, vec![0]));
    }
}

// TM-P2, TM-P3, TM-P4, TM-P5, TM-P6
#[test]
fn within_a_transaction_sequences_are_those_of_any_idempotent_producer() {
    for (_, mut instance) in Instance::on_both() {
        let pair = instance.begin();
        assert_eq!(instance.add(3, pair, &[0]), 0);
        assert_eq!(instance.produce(11, pair, 0, 0), (0, 0));
        assert_eq!(instance.produce(11, pair, 0, 1), (0, 1));
        assert_eq!(instance.produce(11, pair, 0, 0), (0, 0), "a duplicate");
        assert_eq!(instance.produce(11, pair, 0, 3), (45, -1), "a gap");
        for id in [Some(ID), None] {
            let request = instance.produce_request(id, vec![(0, written_by(pair, 2, false))]);
            assert_eq!(instance.produced(11, &request), [(48, -1)], "a plain batch in its middle");
        }
        assert_eq!(instance.produce(11, pair, 0, 2), (0, 2));
    }
}

// TM-P8, TM-P9, TM-P10, TM-P11, TM-P13, TM-P14
#[test]
fn the_transactional_id_is_compared_only_where_the_coordinator_is_asked() {
    for (_, mut instance) in Instance::on_both() {
        let pair = instance.begin();
        let request = instance.produce_request(None, vec![(0, transactional(pair, 0))]);
        assert_eq!(instance.produced(11, &request), [(53, -1)]);
        assert_eq!(instance.add(3, pair, &[0]), 0);
        assert_eq!(instance.produce(11, pair, 0, 0), (0, 0));
        let other = Some("another");
        let request = instance.produce_request(other, vec![(0, transactional(pair, 1))]);
        assert_eq!(instance.produced(11, &request), [(0, 1)], "in already");
        let request = instance.produce_request(other, vec![(1, transactional(pair, 0))]);
        assert_eq!(instance.produced(11, &request), [(49, -1)], "not in");
        let mut request = instance.produce_request(Some(ID), vec![(0, transactional(pair, 2))]);
        request.acks = 1;
        assert_eq!(instance.produced(11, &request), [(0, 2)], "not refused");
        assert_eq!(instance.produce(11, (pair.0 + 1, 0), 2, 0).0, 49);
        request.topic_data[0].name = "none".into();
        request.topic_data[0].topic_id = TopicId([7; 16]);
        assert_eq!(instance.produced(11, &request), [(3, -1)]);
    }
}

// TM-P12, TM-P17, TM-P20
#[test]
fn an_epoch_that_is_too_high_is_found_by_4_3_only_and_an_old_one_by_both() {
    for (version, mut instance) in Instance::on_both() {
        let pair = instance.begin();
        assert_eq!((instance.add(3, pair, &[0]), instance.produce(11, pair, 0, 0).0), (0, 0));
        let code = if version == KafkaVersion::V4_3 { 47 } else { 0 };
        assert_eq!(instance.produce(11, raised(pair, 1), 0, 0).0, code, "{version}");
        let mut instance = Instance::on(version);
        let pair = instance.begin();
        instance.transaction(4, pair, 0, true);
        instance.init(5, Some(pair));
        assert_eq!((instance.produce(11, pair, 0, 1).0, instance.produce(9, pair, 1, 0).0), (47, 47));
    }
}

// TM-P15, TM-P18, TM-P19, TC18
#[test]
fn a_partition_that_does_not_know_the_producer_takes_any_first_sequence_before_version_12() {
    for (_, mut instance) in Instance::on_both() {
        let pair = instance.begin();
        assert_eq!(instance.add(3, pair, &[0, 1]), 0);
        assert_eq!((instance.produce(9, pair, 0, 5).0, instance.produce(11, pair, 1, 5).0), (0, 0));
        instance.end(4, pair, true);
        instance.settle();
        let next = instance.init(5, Some(pair)).1;
        assert_eq!(instance.add(3, next, &[0]), 0);
        assert_eq!((instance.produce(11, next, 0, 3).0, instance.produce(11, next, 0, 0).0), (45, 0));
    }
    let mut instance = Instance::on(KafkaVersion::V4_3);
    let pair = instance.begin();
    assert_eq!((instance.produce(12, pair, 0, 5).0, instance.produce(13, pair, 1, 5).0), (45, 45));
    assert_eq!(instance.partitions(), [0, 1], "added all the same");
}

// TM-P21, TM-P22, TM-P23
#[test]
fn several_partitions_of_a_request_are_each_their_own_but_a_second_producer_id_refuses_all() {
    let mut instance = Instance::on(KafkaVersion::V4_3);
    let pair = instance.begin();
    let plain = (instance.client.producer_id(), 0);
    let batches = vec![(0, transactional(pair, 0)), (99, transactional(pair, 0))];
    let request = instance.produce_request(Some(ID), batches);
    assert_eq!(instance.produced(12, &request), [(0, 0), (3, -1)]);
    assert_eq!(instance.partitions(), [0]);
    let batches = vec![(0, transactional(pair, 1)), (1, written_by(plain, 0, false))];
    let request = instance.produce_request(Some(ID), batches);
    assert_eq!(instance.produced(12, &request), [(0, 1), (0, 0)]);
    let batches = vec![(0, transactional(pair, 2)), (1, transactional(plain, 1))];
    let request = instance.produce_request(Some(ID), batches);
    assert_eq!(instance.produced(12, &request), [(49, -1), (49, -1)]);
}

// TM-P24, TC6
#[test]
fn a_batch_that_is_refused_has_added_its_partition() {
    let mut instance = Instance::on(KafkaVersion::V4_3);
    let pair = instance.begin();
    let mut damaged = transactional(pair, 0).to_vec();
    *damaged.last_mut().unwrap() ^= 1;
    let request = instance.produce_request(Some(ID), vec![(0, damaged.into())]);
    assert_eq!(instance.produced(12, &request), [(2, -1)]);
    assert_eq!(instance.produce(12, pair, 1, 7), (45, -1));
    assert_eq!((instance.state(), instance.partitions()), (TransactionState::Ongoing, vec![0, 1]));
    assert_eq!(instance.end(5, pair, true), (0, raised(pair, 1)));
}

// TM-E11, TM-E12, TM-L1
#[test]
fn a_batch_of_the_ended_transaction_is_refused_between_transactions() {
    for (_, mut instance) in Instance::on_both() {
        let pair = instance.begin();
        instance.transaction(4, pair, 0, true);
        for sequence in [0, 1] {
            assert_eq!(instance.produce(11, pair, 0, sequence), (120, -1));
            assert_eq!(instance.produce(9, pair, 0, sequence), (48, -1));
        }
    }
    let mut instance = Instance::on(KafkaVersion::V4_3);
    let pair = instance.begin();
    instance.transaction(5, pair, 0, true);
    assert_eq!((instance.produce(12, pair, 0, 1).0, instance.produce(12, pair, 0, 0).0), (47, 47));
}

// TM src: what a leader answers when it cannot reach the coordinator
#[test]
fn a_coordinator_that_cannot_answer_the_leader_is_too_few_replicas() {
    for (kafka_version, newest) in [(KafkaVersion::V3_9, 11), (KafkaVersion::V4_3, 12)] {
        let mut instance = Instance::on_a_fresh(ClusterSettings { kafka_version, ..Default::default() });
        assert_eq!(instance.produce(newest, (1000, 0), 0, 0).0, 19, "there is none");
        instance.find();
        assert_eq!(instance.produce(newest, (1000, 0), 0, 0).0, 19, "it reads its log");
        let mut instance = Instance::with_slow_markers(kafka_version);
        let pair = instance.begin();
        assert_eq!((instance.add(3, pair, &[0]), instance.end(4, pair, true).0), (0, 0));
        assert_eq!(instance.produce(11, pair, 1, 0).0, 19, "51 is not told before version 12");
    }
}

// TM-E33
#[test]
fn since_version_12_the_broker_waits_for_the_markers_of_the_last_transaction_a_while() {
    let mut instance = Instance::on(KafkaVersion::V4_3);
    let pair = instance.begin();
    let hold = |instance: &mut Instance, millis| {
        instance.client.cluster.inject(Fault::MarkerDelay(Duration::from_millis(millis)), 1);
    };
    hold(&mut instance, 50);
    assert_eq!(instance.produce(12, pair, 0, 0).0, 0);
    let next = instance.end(5, pair, true).1;
    assert_eq!(instance.produce(12, next, 0, 0), (0, 2), "no 51: it came through after the marker");
    hold(&mut instance, 500);
    let last = instance.end(5, next, true).1;
    assert_eq!(instance.produce(12, last, 0, 0), (51, -1), "not for ever");
    assert_eq!(instance.state(), TransactionState::PrepareCommit);
    let request = instance.produce_request(Some(ID), vec![(0, transactional(last, 0))]);
    let reply = instance.client.reply(FIRST, 12, &request);
    instance.client.cluster.take_down(FIRST).unwrap();
    let Reply::Later(waiting) = reply else { panic!("{reply:?}") };
    let (now, timestamp_ms) = (waiting.deadline(), 0);
    assert!(matches!(instance.client.cluster.resume(now, timestamp_ms, *waiting), Reply::Close));
}

#[test]
fn a_topic_of_the_coordinators_takes_nothing_from_a_client() {
    let mut instance = Instance::on(KafkaVersion::V4_3);
    let batch = instance.client.batch(&["x"]);
    let answer = instance.client.produce(FIRST, 9, "__transaction_state", batch);
    assert_eq!(answer.error_code, ErrorCode::INVALID_TOPIC_EXCEPTION);
    assert_eq!(instance.client.cluster.record_count("__transaction_state"), 0);
}

#[test]
fn a_leader_elsewhere_adds_nothing() {
    let mut instance = Instance::on_a_fresh(ClusterSettings::default().with_brokers(2));
    instance.find();
    instance.settle();
    instance.client.cluster.move_coordinator(ID, FIRST).unwrap();
    instance.init(5, None);
    instance.settle();
    let pair = instance.begin();
    let request: ProduceRequest =
        instance.produce_request(Some(ID), vec![(0, transactional(pair, 0)), (1, transactional(pair, 0))]);
    let answer = instance.client.ask(BrokerId(2), 12, &request);
    let codes: Vec<_> = answer.responses[0].partition_responses.iter().map(|it| it.error_code).collect();
    assert_eq!(codes, [ErrorCode::NOT_LEADER_OR_FOLLOWER, ErrorCode::NONE]);
    assert_eq!(instance.partitions(), [1]);
}

// KIP-98
#[test]
fn a_broker_of_0_11_does_whole_transactions_in_its_own_versions() {
    for (kafka_version, init, produce, add, end) in [
        (KafkaVersion::V0_11, 0, 3, 0, 0),
        (KafkaVersion::V2_0, 1, 6, 1, 1),
        (KafkaVersion::V2_8, 4, 9, 3, 3),
    ] {
        let mut instance = Instance::on(kafka_version);
        let (code, pair) = instance.init(init, None);
        assert_eq!(code, 0);
        for (sequence, committed) in [(0, true), (1, false)] {
            assert_eq!(
                (instance.add(add, pair, &[0]), instance.produce(produce, pair, 0, sequence).0),
                (0, 0)
            );
            assert_eq!(instance.end(end, pair, committed).0, 0);
            instance.settle();
        }
        assert_eq!(instance.state(), TransactionState::CompleteAbort);
        assert_eq!(instance.init(init, None), (0, raised(pair, 1)));
        assert_eq!(instance.add(add, pair, &[0]), if add < 2 { 47 } else { 90 });
    }
}

// KIP-890: brokers before 3.6 verify nothing
#[test]
fn a_broker_of_2_8_takes_what_was_never_added() {
    let mut instance = Instance::on(KafkaVersion::V2_8);
    let (code, pair) = instance.init(4, None);
    assert_eq!((code, instance.produce(9, pair, 0, 0)), (0, (0, 0)), "a transaction that nobody ends");
    assert_eq!(instance.state(), TransactionState::Empty);
    let partition = &instance.client.cluster.topic("t").unwrap().partitions()[0];
    assert_eq!(partition.last_stable_offset(), 0);
}
