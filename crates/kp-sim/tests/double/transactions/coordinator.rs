//! Who coordinates: FindCoordinator, and what is answered before there is a coordinator, and after it has moved.

use std::time::Duration;

use kp_protocol::api::{ApiVersionsRequest, FindCoordinatorRequest};
use kp_protocol::{ApiKey, BrokerId, TopicPartition};
use kp_sim::{ClusterSettings, Fault, KafkaVersion, Reply, TransactionState};

use super::instance::{ID, Instance, NOBODY, raised};
use crate::client::{Client, FIRST};

// TM-F1, TM-I1, TC23
#[test]
fn the_first_look_up_makes_the_coordinators_and_no_other_request_does() {
    let mut instance = Instance::on_a_fresh(ClusterSettings::default());
    for _ in 0..3 {
        assert_eq!(instance.init(5, None), (16, NOBODY));
        instance.pass(Duration::from_secs(10));
    }
    assert_eq!(instance.find(), 15);
    assert_eq!(instance.find(), 0);
    assert_eq!(instance.init(5, None), (14, NOBODY), "it reads its log");
    instance.settle();
    let (code, (_, epoch)) = instance.init(5, None);
    assert_eq!((code, epoch), (0, 0));
    let internal = instance.client.metadata(FIRST, "__transaction_state");
    assert!(internal.is_internal && internal.partitions.len() == 50);
}

fn look_up(client: &mut Client, version: i16, key_type: i8, keys: &[&str]) -> Vec<(i16, i32, String)> {
    let mut request = FindCoordinatorRequest { key_type, ..Default::default() };
    if version < 4 {
        request.key = keys[0].into();
    } else {
        request.coordinator_keys = keys.iter().map(|key| (*key).into()).collect();
    }
    let answer = client.ask(FIRST, version, &request);
    if version < 4 {
        let message = answer.error_message.unwrap_or_default().to_string();
        return vec![(answer.error_code.0, answer.node_id, message)];
    }
    let one = |it: kp_protocol::api::Coordinator| {
        (it.error_code.0, it.node_id, it.error_message.unwrap_or_default().to_string())
    };
    answer.coordinators.into_iter().map(one).collect()
}

// TM-F3, TM-F4, TM-F6, TM-F7, TM-F9
#[test]
fn each_version_of_a_look_up_is_answered_in_its_own_form() {
    for (_, mut instance) in Instance::on_both() {
        let client = &mut instance.client;
        for version in 1..=3 {
            assert_eq!(look_up(client, version, 1, &[ID]), [(0, 1, "NONE".to_owned())]);
        }
        let good = (0, 1, String::new());
        for version in 4..=6 {
            assert_eq!(
                look_up(client, version, 1, &[ID, "", "x"]),
                [good.clone(), good.clone(), good.clone()]
            );
            assert_eq!(look_up(client, version, 1, &[]), []);
        }
        assert_eq!(look_up(client, 5, 7, &[ID])[0].0, 42);
        assert_eq!(look_up(client, 0, 0, &[ID])[0].0, 15, "a group, whose coordinators are made by this");
        assert_eq!(look_up(client, 5, 0, &["group"]), [good]);
    }
}

// TM 1.1
#[test]
fn each_version_of_kafka_lists_its_own_transactional_versions() {
    let apis = [
        ApiKey::FindCoordinator,
        ApiKey::InitProducerId,
        ApiKey::AddPartitionsToTxn,
        ApiKey::AddOffsetsToTxn,
        ApiKey::EndTxn,
    ];
    let rows = [
        (KafkaVersion::V0_11, [1, 0, 0, 0, 0], None),
        (KafkaVersion::V2_0, [2, 1, 1, 1, 1], None),
        (KafkaVersion::V2_8, [3, 4, 3, 3, 3], None),
        (KafkaVersion::V3_9, [6, 5, 5, 4, 4], None),
        (KafkaVersion::V4_3, [6, 5, 5, 4, 5], Some((2, 2))),
    ];
    for (kafka_version, newest, feature) in rows {
        let mut client = Client::of(ClusterSettings { kafka_version, ..Default::default() });
        let version = kafka_version.accepts(ApiKey::ApiVersions).unwrap().max;
        let request = ApiVersionsRequest {
            client_software_name: "test".into(),
            client_software_version: "1".into(),
            ..Default::default()
        };
        let answer = client.ask(FIRST, version, &request);
        let max =
            |api: ApiKey| answer.api_keys.iter().find(|row| row.api_key == api.key()).unwrap().max_version;
        assert_eq!(apis.map(max), newest, "{kafka_version}");
        let mut features = answer.finalized_features.iter().filter(|it| it.name == *"transaction.version");
        let level = features.next().map(|it| (it.max_version_level, it.min_version_level));
        assert_eq!(level, feature, "{kafka_version}");
    }
    let mut client = Client::of(ClusterSettings { producer_ids: false, ..Default::default() });
    let reply = client.reply(FIRST, 4, &kp_protocol::api::EndTxnRequest::default());
    assert!(matches!(reply, Reply::Close), "without producer ids there are no transactions");
}

// TC4
#[test]
fn a_coordinator_that_moves_before_the_append_has_done_nothing_and_after_it_all() {
    for carried_out in [false, true] {
        let mut instance = Instance::on(KafkaVersion::V4_3);
        let pair = instance.begin();
        assert_eq!(instance.produce(12, pair, 0, 0).0, 0);
        instance.client.cluster.inject(Fault::CoordinatorMoves { api: ApiKey::EndTxn, carried_out }, 1);
        assert_eq!(instance.end(5, pair, true), (16, NOBODY));
        let state = if carried_out { TransactionState::PrepareCommit } else { TransactionState::Ongoing };
        assert_eq!(instance.state(), state);
        assert_eq!(instance.end(5, pair, true), (14, NOBODY), "the new one reads its log");
        instance.settle();
        assert_eq!(instance.end(5, pair, true), (0, raised(pair, 1)), "done now, or done before");
    }
}

#[test]
fn coordinators_move_with_the_leaders_of_their_logs() {
    let settings = ClusterSettings::default().with_brokers(3);
    let mut instance = Instance::on_a_fresh(settings);
    instance.find();
    instance.settle();
    let first = instance.client.cluster.transaction_coordinator(ID).unwrap();
    let log = {
        let topic = instance.client.cluster.topic("__transaction_state").unwrap();
        // "the-id".hashCode() is -874884105.
        let index = (-874_884_105_i32 & i32::MAX) % topic.partitions().len() as i32;
        TopicPartition::new("__transaction_state", index)
    };
    assert_eq!(instance.client.cluster.partition(&log).unwrap().leader(), Some(first));
    instance.client.cluster.take_down(first).unwrap();
    let second = instance.client.cluster.transaction_coordinator(ID).unwrap();
    assert_ne!(second, first);
    instance.client.cluster.bring_up(first).unwrap();
    assert_eq!(
        instance.client.cluster.transaction_coordinator(ID),
        Some(second),
        "it comes back as a follower"
    );
    instance.client.cluster.move_coordinator(ID, first).unwrap();
    assert_eq!(instance.client.cluster.transaction_coordinator(ID), Some(first));
    let third = BrokerId(9);
    assert!(instance.client.cluster.move_coordinator(ID, third).is_err());
}

#[test]
fn a_planned_answer_takes_the_place_of_every_coordinator_api() {
    let mut instance = Instance::on(KafkaVersion::V4_3);
    let pair = instance.begin();
    let apis = [
        ApiKey::FindCoordinator,
        ApiKey::InitProducerId,
        ApiKey::AddPartitionsToTxn,
        ApiKey::AddOffsetsToTxn,
        ApiKey::EndTxn,
    ];
    for api in apis {
        let code = kp_protocol::ErrorCode::COORDINATOR_LOAD_IN_PROGRESS;
        instance.client.cluster.inject(Fault::AnswerInstead { api, code }, 1);
    }
    assert_eq!(instance.find(), 14);
    assert_eq!(instance.init(5, Some(pair)).0, 14);
    assert_eq!(instance.add(3, pair, &[0, 1]), 14);
    assert_eq!(instance.add_offsets(3, ID, pair, "g"), 14);
    assert_eq!(instance.end(4, pair, true).0, 14);
    assert_eq!(instance.client.cluster.faults_left(), 0);
    assert_eq!((instance.state(), instance.partitions()), (TransactionState::Empty, vec![]));
}

// TX26, L12
#[test]
fn a_feature_that_was_not_finalized_yet_is_told_under_a_newer_epoch_once_it_is() {
    let told = |client: &mut Client| {
        let request = ApiVersionsRequest {
            client_software_name: "test".into(),
            client_software_version: "1".into(),
            ..Default::default()
        };
        let answer = client.ask(FIRST, 4, &request);
        let mut all = answer.finalized_features.iter();
        let level = all.find(|it| it.name == *"transaction.version").map(|it| it.max_version_level);
        (answer.finalized_features_epoch, level)
    };
    for (before, level) in [(0, None), (1, Some(1))] {
        let transactions =
            kp_sim::TransactionSettings { finalized_version: Some(before), ..Default::default() };
        let mut client = Client::of(ClusterSettings { transactions, ..Default::default() });
        assert_eq!(told(&mut client), (0, level));
        client.cluster.finalize_transaction_version(2);
        assert_eq!(told(&mut client), (1, Some(2)));
    }
}
