//! Frames that arrive when their connection is long gone: what the old protocol suffers from (KIP-890).

use std::time::Duration;

use kp_protocol::ApiKey;
use kp_protocol::api::{
    AddPartitionsToTxnRequest, AddPartitionsToTxnTopic, EndTxnRequest, InitProducerIdRequest,
};
use kp_sim::{Fault, KafkaVersion, Reply, TransactionState};

use super::instance::{ID, Instance, Pair, raised, transactional};
use crate::client::FIRST;

const LATE: Duration = Duration::from_secs(2);

/// The next request of this API arrives late.
fn hold(instance: &mut Instance, api: ApiKey) {
    instance.client.cluster.inject(Fault::Late { api, after: LATE }, 1);
}

fn late_end(instance: &mut Instance, version: i16, pair: Pair, committed: bool) {
    hold(instance, ApiKey::EndTxn);
    let request = EndTxnRequest {
        transactional_id: ID.into(),
        producer_id: pair.0,
        producer_epoch: pair.1,
        committed,
        ..Default::default()
    };
    assert!(matches!(instance.client.reply(FIRST, version, &request), Reply::Close));
}

fn late_batch(instance: &mut Instance, version: i16, pair: Pair, sequence: i32) {
    hold(instance, ApiKey::Produce);
    let request = instance.produce_request(Some(ID), vec![(0, transactional(pair, sequence))]);
    assert!(matches!(instance.client.reply(FIRST, version, &request), Reply::Close));
}

fn open(instance: &mut Instance, pair: Pair) {
    assert_eq!(instance.add(3, pair, &[0]), 0);
}

// TM-L1, TC2
#[test]
fn a_late_batch_is_refused_between_transactions_and_taken_by_the_next_one() {
    for (_, mut instance) in Instance::on_both() {
        let pair = instance.begin();
        open(&mut instance, pair);
        assert_eq!(instance.produce(11, pair, 0, 0), (0, 0));
        late_batch(&mut instance, 11, pair, 1);
        assert_eq!(instance.end(4, pair, true).0, 0);
        instance.pass(LATE);
        assert_eq!(instance.client.cluster.record_count("t"), 1, "between transactions");
        open(&mut instance, pair);
        late_batch(&mut instance, 11, pair, 1);
        instance.pass(LATE);
        assert_eq!(instance.client.cluster.record_count("t"), 2, "within the next one");
        assert_eq!(instance.produce(11, pair, 0, 1), (0, 2), "its own is taken for the late one's duplicate");
        assert_eq!(instance.client.cluster.record_count("t"), 2, "and lost");
    }
}

// TM-L2, TC2
#[test]
fn a_late_addition_opens_a_transaction_that_nobody_ends() {
    for (_, mut instance) in Instance::on_both() {
        let pair = instance.begin();
        hold(&mut instance, ApiKey::AddPartitionsToTxn);
        let topic = AddPartitionsToTxnTopic { name: "t".into(), partitions: vec![0], ..Default::default() };
        let request = AddPartitionsToTxnRequest {
            v3_and_below_transactional_id: ID.into(),
            v3_and_below_producer_id: pair.0,
            v3_and_below_producer_epoch: pair.1,
            v3_and_below_topics: vec![topic],
            ..Default::default()
        };
        assert!(matches!(instance.client.reply(FIRST, 3, &request), Reply::Close));
        instance.transaction(4, pair, 0, true);
        instance.pass(LATE);
        assert_eq!(instance.state(), TransactionState::Ongoing);
        instance.pass(Duration::from_secs(80));
        assert_eq!(instance.state(), TransactionState::CompleteAbort);
        assert_eq!(instance.add(3, pair, &[0]), 90, "the live producer is shut out");
    }
}

// TM-L3, TM-E15, TC1
#[test]
fn a_late_end_strikes_the_next_transaction_before_version_5_and_nothing_since() {
    for (_, mut instance) in Instance::on_both() {
        let pair = instance.begin();
        open(&mut instance, pair);
        late_end(&mut instance, 4, pair, false);
        assert_eq!(instance.end(4, pair, false).0, 0, "the repeat");
        instance.settle();
        open(&mut instance, pair);
        instance.pass(LATE);
        assert_eq!(instance.state(), TransactionState::CompleteAbort);
        assert_eq!(instance.end(4, pair, true).0, 48);
    }
    let mut instance = Instance::on(KafkaVersion::V4_3);
    let pair = instance.begin();
    assert_eq!(instance.produce(12, pair, 0, 0).0, 0);
    late_end(&mut instance, 5, pair, false);
    let next = instance.end(5, pair, false).1;
    assert_eq!(instance.produce(12, next, 0, 0).0, 0);
    instance.pass(LATE);
    assert_eq!(
        (instance.state(), instance.end(5, next, true)),
        (TransactionState::Ongoing, (0, raised(next, 1)))
    );
}

// TM-L4
#[test]
fn after_the_epoch_was_raised_late_frames_do_no_harm() {
    for (_, mut instance) in Instance::on_both() {
        let pair = instance.begin();
        instance.transaction(4, pair, 0, true);
        let next = instance.init(5, Some(pair)).1;
        assert_eq!((instance.produce(11, pair, 0, 1).0, instance.add(3, pair, &[0])), (47, 90));
        assert_eq!((instance.end(4, pair, true).0, instance.init(5, Some(pair))), (90, (0, next)));
        assert_eq!(instance.state(), TransactionState::Empty);
    }
}

// TM-L9
#[test]
fn a_late_initialisation_aborts_what_is_open_when_it_arrives() {
    let mut instance = Instance::on(KafkaVersion::V4_3);
    let pair = instance.begin();
    hold(&mut instance, ApiKey::InitProducerId);
    let request = InitProducerIdRequest {
        transactional_id: Some(ID.into()),
        transaction_timeout_ms: 60_000,
        producer_id: pair.0,
        producer_epoch: pair.1,
        ..Default::default()
    };
    assert!(matches!(instance.client.reply(FIRST, 5, &request), Reply::Close));
    let live = instance.init(5, Some(pair)).1;
    assert_eq!(instance.produce(12, live, 0, 0).0, 0);
    instance.pass(LATE);
    instance.settle();
    assert_eq!(instance.state(), TransactionState::CompleteAbort);
}

#[test]
fn a_late_frame_of_a_broker_that_is_down_by_then_is_gone() {
    let mut instance = Instance::on(KafkaVersion::V4_3);
    let pair = instance.begin();
    assert_eq!(instance.produce(12, pair, 0, 0).0, 0);
    late_end(&mut instance, 5, pair, true);
    instance.client.cluster.take_down(FIRST).unwrap();
    instance.pass(LATE);
    instance.client.cluster.bring_up(FIRST).unwrap();
    instance.pass(LATE);
    assert_eq!(instance.state(), TransactionState::Ongoing);
}

// L8
#[test]
fn what_a_late_frame_has_changed_is_kept() {
    let mut instance = Instance::on(KafkaVersion::V3_9);
    let pair = instance.begin();
    open(&mut instance, pair);
    late_end(&mut instance, 4, pair, true);
    late_end(&mut instance, 4, pair, true);
    assert_eq!(instance.client.cluster.late_frames(), []);
    instance.pass(LATE);
    let late = instance.client.cluster.late_frames();
    assert_eq!(late.iter().map(|late| late.api).collect::<Vec<_>>(), [ApiKey::EndTxn; 2]);
    assert!(late[0].changed.is_some() && late[1].changed.is_none(), "{late:?}");
    assert_eq!(late[0].carried_out - late[0].arrived, LATE);
}
