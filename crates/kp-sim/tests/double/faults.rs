//! The double fails on demand, and only then.

use kp_protocol::api::{ApiVersionsRequest, InitProducerIdRequest, ProduceRequest};
use kp_protocol::{ApiKey, BrokerId, ErrorCode, TopicPartition};
use kp_sim::{ClusterSettings, Fault, Reply, SimError, TopicSettings};
use kp_time::Clock;

use crate::client::{Client, FIRST, batch, by};

fn three_brokers() -> Client {
    let mut client = Client::of(ClusterSettings::default().with_brokers(3));
    client.create("t", |_| {});
    client
}

#[test]
fn a_moved_leader_is_named_to_who_asks_the_old_one() {
    // KIP-951
    let mut client = three_brokers();
    let at = TopicPartition::new("t", 0);
    client.cluster.advertise(BrokerId(2), "two.example", 1234).unwrap();
    client.cluster.move_leader(&at, BrokerId(2)).unwrap();
    let records = client.batch(&["x"]);
    for version in [10, 13] {
        let response = client.produce_whole(FIRST, version, "t", records.clone());
        let partition = &response.responses[0].partition_responses[0];
        assert_eq!(partition.error_code, ErrorCode::NOT_LEADER_OR_FOLLOWER);
        assert_eq!((partition.current_leader.leader_id, partition.current_leader.leader_epoch), (2, 1));
        let endpoints: Vec<_> =
            response.node_endpoints.iter().map(|it| (it.node_id, &*it.host, it.port)).collect();
        assert_eq!(endpoints, [(2, "two.example", 1234)]);
    }
    let old = client.produce(FIRST, 9, "t", records.clone());
    assert_eq!((old.error_code, old.current_leader.leader_id), (ErrorCode::NOT_LEADER_OR_FOLLOWER, -1));
    assert_eq!(client.produce(BrokerId(2), 9, "t", records).error_code, ErrorCode::NONE);
    assert_eq!(client.cluster.log("t", 0)[0].header().partition_leader_epoch, 1);
}

#[test]
fn a_broker_that_goes_down_hands_on_what_it_leads_and_closes() {
    let mut client = three_brokers();
    client.cluster.take_down(FIRST).unwrap();
    let records = client.batch(&["x"]);
    assert!(matches!(client.produce_reply(FIRST, 9, -1, "t", records.clone()), Reply::Close));
    let partition = client.metadata(BrokerId(2), "t").partitions.remove(0);
    assert_eq!((partition.leader_id, partition.leader_epoch, partition.error_code), (2, 1, ErrorCode::NONE));
    assert_eq!((partition.isr_nodes, partition.offline_replicas), (vec![2, 3], vec![1]));
    assert_eq!(client.produce(BrokerId(2), 9, "t", records).base_offset, 0);
    client.cluster.bring_up(FIRST).unwrap();
    let partition = client.metadata(FIRST, "t").partitions.remove(0);
    assert_eq!((partition.leader_id, partition.isr_nodes.len()), (2, 3), "it comes back as a follower");
}

#[test]
fn a_partition_whose_only_replica_is_down_has_no_leader_until_it_is_back() {
    let mut client = Client::of(ClusterSettings { brokers: 2, ..Default::default() });
    client.create("t", |_| {});
    client.cluster.take_down(FIRST).unwrap();
    let partition = client.metadata(BrokerId(2), "t").partitions.remove(0);
    assert_eq!((partition.leader_id, partition.error_code), (-1, ErrorCode::LEADER_NOT_AVAILABLE));
    client.cluster.bring_up(FIRST).unwrap();
    let partition = client.metadata(BrokerId(2), "t").partitions.remove(0);
    assert_eq!((partition.leader_id, partition.leader_epoch), (1, 2));
}

#[test]
fn acks_all_needs_enough_replicas_and_acks_1_does_not() {
    let mut client = Client::of(ClusterSettings::default().with_brokers(3));
    client.create("t", |settings| settings.min_insync_replicas = 2);
    client.cluster.take_down(BrokerId(2)).unwrap();
    client.cluster.take_down(BrokerId(3)).unwrap();
    let records = client.batch(&["x"]);
    assert_eq!(client.produce(FIRST, 9, "t", records.clone()).error_code, ErrorCode::NOT_ENOUGH_REPLICAS);
    let reply = client.produce_reply(FIRST, 9, 1, "t", records);
    assert_eq!(client.read::<ProduceRequest>(9, reply).responses[0].partition_responses[0].base_offset, 0);
}

#[test]
fn a_planned_refusal_keeps_the_batch_out_or_lets_it_in_as_planned() {
    let mut client = Client::with_topic();
    let records = client.batch(&["x"]);
    let partition = Some(TopicPartition::new("t", 0));
    client
        .cluster
        .inject(Fault::RefuseBatch { partition: partition.clone(), code: ErrorCode::REQUEST_TIMED_OUT }, 2);
    client
        .cluster
        .inject(Fault::AppendThenRefuse { partition, code: ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND }, 1);
    let codes: Vec<i16> =
        (0..4).map(|_| client.produce(FIRST, 9, "t", records.clone()).error_code.0).collect();
    assert_eq!(codes, [7, 7, 20, 0]);
    assert_eq!((client.cluster.record_count("t"), client.cluster.faults_left()), (2, 0));
}

#[test]
fn an_answer_that_is_lost_leaves_the_batch_in_the_log_and_its_retry_is_a_duplicate() {
    let mut client = Client::with_topic();
    let id = client.producer_id();
    let records = batch(client.clock.timestamp_ms(), by(id, 0, 0), &["x"]);
    client.cluster.inject(Fault::Close { api: ApiKey::Produce, carried_out: true }, 1);
    assert!(matches!(client.produce_reply(FIRST, 9, -1, "t", records.clone()), Reply::Close));
    assert_eq!(client.cluster.record_count("t"), 1);
    assert_eq!(client.produce(FIRST, 9, "t", records).base_offset, 0);
    assert_eq!(client.cluster.record_count("t"), 1);
}

#[test]
fn a_request_that_is_lost_changes_nothing() {
    let mut client = Client::with_topic();
    let records = client.batch(&["x"]);
    client.cluster.inject(Fault::Close { api: ApiKey::Produce, carried_out: false }, 1);
    client.cluster.inject(Fault::Stall { api: ApiKey::Produce, carried_out: false }, 1);
    assert!(matches!(client.produce_reply(FIRST, 9, -1, "t", records.clone()), Reply::Close));
    assert!(matches!(client.produce_reply(FIRST, 9, -1, "t", records), Reply::Stall));
    assert_eq!((client.cluster.record_count("t"), client.cluster.requests(ApiKey::Produce)), (0, 2));
}

#[test]
fn a_partition_that_forgot_its_producers_takes_a_duplicate_for_new() {
    let mut client = Client::with_topic();
    let id = client.producer_id();
    let at = TopicPartition::new("t", 0);
    let records = batch(client.clock.timestamp_ms(), by(id, 0, 4), &["x"]);
    assert_eq!(client.produce(FIRST, 9, "t", records.clone()).base_offset, 0);
    assert_eq!(client.cluster.partition(&at).unwrap().known_producers(), 1);
    client.cluster.forget_producers(&at).unwrap();
    assert_eq!(client.produce(FIRST, 9, "t", records).base_offset, 1);
}

#[test]
fn a_topic_that_is_created_again_has_another_id_and_an_empty_log() {
    // KIP-516
    let mut client = Client::with_topic();
    let records = client.batch(&["x"]);
    let old_id = client.cluster.topic("t").unwrap().id();
    assert_eq!(client.produce(FIRST, 13, "t", records.clone()).base_offset, 0);
    client.cluster.delete_topic("t").unwrap();
    assert_eq!(
        client.produce(FIRST, 12, "t", records.clone()).error_code,
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
    );
    assert_ne!(client.create("t", |_| {}), old_id);
    assert_eq!(client.produce(FIRST, 13, "t", records).base_offset, 0);
}

#[test]
fn throttle_and_producer_id_refusals_are_answered_as_planned() {
    let mut client = Client::with_topic();
    let records = client.batch(&["x"]);
    client.cluster.inject(Fault::Throttle { api: ApiKey::Produce, throttle_time_ms: 250 }, 1);
    client.cluster.inject(Fault::RefuseProducerId { code: ErrorCode::COORDINATOR_LOAD_IN_PROGRESS }, 1);
    assert_eq!(client.produce_whole(FIRST, 9, "t", records.clone()).throttle_time_ms, 250);
    assert_eq!(client.produce_whole(FIRST, 9, "t", records).throttle_time_ms, 0);
    let request = InitProducerIdRequest { transaction_timeout_ms: 1, ..Default::default() };
    let refused = client.ask(FIRST, 4, &request);
    assert_eq!((refused.error_code, refused.producer_id), (ErrorCode::COORDINATOR_LOAD_IN_PROGRESS, -1));
    assert_ne!(client.producer_id(), client.producer_id());
}

#[test]
fn handles_refuse_what_is_not_there() {
    let mut client = three_brokers();
    let at = |topic, partition| TopicPartition::new(topic, partition);
    assert!(matches!(client.cluster.move_leader(&at("u", 0), FIRST), Err(SimError::UnknownTopic { .. })));
    assert!(matches!(client.cluster.move_leader(&at("t", 9), FIRST), Err(SimError::UnknownPartition { .. })));
    assert!(matches!(client.cluster.take_down(BrokerId(9)), Err(SimError::UnknownBroker { .. })));
    client.cluster.take_down(BrokerId(2)).unwrap();
    assert!(matches!(client.cluster.move_leader(&at("t", 0), BrokerId(2)), Err(SimError::CannotLead { .. })));
    assert!(matches!(client.cluster.delete_topic("u"), Err(SimError::UnknownTopic { .. })));
    let settings = TopicSettings::of(client.cluster.settings());
    assert!(matches!(client.cluster.create_topic("t", settings), Err(SimError::CannotCreate { .. })));
}

#[test]
fn the_client_software_is_known_until_its_connection_closes() {
    // KIP-511
    let mut client = Client::with_topic();
    let request = ApiVersionsRequest {
        client_software_name: "kp".into(),
        client_software_version: "0.1".into(),
        ..Default::default()
    };
    let answer = client.ask(FIRST, 3, &request);
    assert_eq!(&*answer.supported_features[0].name, kp_sim::CLUSTER_ID);
    assert_eq!(client.cluster.client(1).unwrap().name, "kp");
    client.cluster.connection_closed(1);
    assert_eq!(client.cluster.client(1), None);
}
