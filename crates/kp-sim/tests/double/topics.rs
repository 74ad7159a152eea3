//! Topics come into being by request and by being asked for; versions are those of the Kafka that is emulated.

use kp_protocol::api::{
    ApiVersionsRequest, CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
    CreateTopicsRequest, MetadataRequest, MetadataRequestTopic,
};
use kp_protocol::{ApiKey, ErrorCode, TopicId, TopicName};
use kp_sim::{CLUSTER_ID, ClusterSettings, Fault, KafkaVersion, Reply, TimestampType};

use crate::client::{Client, FIRST};

fn create(client: &mut Client, topic: CreatableTopic) -> ErrorCode {
    let request = CreateTopicsRequest { topics: vec![topic], ..Default::default() };
    client.ask(FIRST, 7, &request).topics[0].error_code
}

#[test]
fn asking_for_a_missing_topic_creates_it_and_says_unknown_once() {
    let mut client = Client::of(ClusterSettings { default_partitions: 6, ..Default::default() });
    let first = client.metadata(FIRST, "new");
    assert_eq!((first.error_code, first.partitions.len()), (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, 0));
    let second = client.metadata(FIRST, "new");
    assert_eq!((second.error_code, second.partitions.len()), (ErrorCode::NONE, 6));
    assert!(!second.topic_id.is_zero());
}

#[test]
fn a_missing_topic_is_not_created_if_either_side_says_no() {
    let mut closed = Client::of(ClusterSettings { auto_create_topics: false, ..Default::default() });
    closed.metadata(FIRST, "new");
    let mut polite = Client::of(ClusterSettings::default());
    let asked = MetadataRequestTopic { name: Some("new".into()), ..Default::default() };
    let request =
        MetadataRequest { topics: Some(vec![asked]), allow_auto_topic_creation: false, ..Default::default() };
    for client in [&mut closed, &mut polite] {
        let answer = client.ask(FIRST, 12, &request);
        assert_eq!(answer.topics[0].error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        assert_eq!(client.cluster.topics().count(), 0);
    }
}

#[test]
fn metadata_names_brokers_cluster_and_every_topic_in_every_version() {
    let mut client = Client::of(ClusterSettings::default().with_brokers(3));
    client.create("a", |settings| settings.partitions = 4);
    client.create("b", |_| {});
    for version in 0..=13 {
        let all = MetadataRequest { topics: (version == 0).then(Vec::new), ..Default::default() };
        let answer = client.ask(FIRST, version, &all);
        assert_eq!((answer.brokers.len(), answer.topics.len()), (3, 2), "v{version}");
        if version >= 2 {
            assert_eq!(answer.cluster_id.as_deref(), Some(CLUSTER_ID));
        }
        let leaders: Vec<i32> =
            answer.topics[0].partitions.iter().map(|partition| partition.leader_id).collect();
        assert_eq!(leaders, [1, 2, 3, 1]);
        if version >= 1 {
            let none = MetadataRequest { topics: Some(Vec::new()), ..Default::default() };
            assert_eq!(client.ask(FIRST, version, &none).topics.len(), 0, "v{version}");
        }
    }
}

#[test]
fn topics_are_asked_for_by_id_from_v12() {
    // KIP-516
    let mut client = Client::with_topic();
    let topic_id = client.cluster.topic("t").unwrap().id();
    let ask = |client: &mut Client, topic_id| {
        let asked = MetadataRequestTopic { topic_id, name: None, ..Default::default() };
        client
            .ask(FIRST, 12, &MetadataRequest { topics: Some(vec![asked]), ..Default::default() })
            .topics
            .remove(0)
    };
    assert_eq!(ask(&mut client, topic_id).name.as_deref(), Some("t"));
    let unknown = ask(&mut client, TopicId([9; 16]));
    assert_eq!(
        (unknown.error_code, unknown.name, unknown.topic_id),
        (ErrorCode::UNKNOWN_TOPIC_ID, None, TopicId([9; 16]))
    );
}

#[test]
fn a_refused_topic_is_refused_by_name() {
    let mut client = Client::with_topic();
    client.cluster.inject(
        Fault::RefuseTopic { topic: TopicName::new("t"), code: ErrorCode::TOPIC_AUTHORIZATION_FAILED },
        1,
    );
    assert_eq!(client.metadata(FIRST, "t").error_code, ErrorCode::TOPIC_AUTHORIZATION_FAILED);
    assert_eq!(client.metadata(FIRST, "t").error_code, ErrorCode::NONE);
}

#[test]
fn topics_are_created_as_asked() {
    let mut client = Client::of(ClusterSettings::default().with_brokers(3));
    let config = |name: &str, value: &str| CreatableTopicConfig {
        name: name.into(),
        value: Some(value.into()),
        ..Default::default()
    };
    let configs =
        vec![config("message.timestamp.type", "LogAppendTime"), config("max.message.bytes", "1000")];
    let topic = CreatableTopic {
        name: "t".into(),
        num_partitions: 2,
        replication_factor: 1,
        configs,
        ..Default::default()
    };
    assert_eq!(create(&mut client, topic.clone()), ErrorCode::NONE);
    assert_eq!(create(&mut client, topic), ErrorCode::TOPIC_ALREADY_EXISTS);
    let settings = client.cluster.topic("t").unwrap().settings();
    assert_eq!((settings.partitions, settings.max_message_bytes), (2, 1000));
    assert_eq!(settings.timestamp_type, TimestampType::LogAppendTime);

    let unknown = CreatableTopic {
        name: "v".into(),
        num_partitions: 1,
        replication_factor: 1,
        configs: vec![config("no.such.key", "1")],
        ..Default::default()
    };
    assert_eq!(create(&mut client, unknown), ErrorCode::INVALID_CONFIG);
}

#[test]
fn replicas_of_a_new_topic_are_where_they_were_assigned_or_it_is_refused() {
    let mut client = Client::of(ClusterSettings::default().with_brokers(3));
    let assign = |partition_index, broker_ids: &[i32]| CreatableReplicaAssignment {
        partition_index,
        broker_ids: broker_ids.to_vec(),
        ..Default::default()
    };
    let assigned = |assignments| CreatableTopic {
        name: "u".into(),
        num_partitions: -1,
        replication_factor: -1,
        assignments,
        ..Default::default()
    };
    for wrong in [
        vec![assign(1, &[1])],
        vec![assign(0, &[])],
        vec![assign(0, &[1, 1])],
        vec![assign(0, &[4])],
        vec![assign(0, &[1]), assign(1, &[1, 2])],
    ] {
        assert_eq!(create(&mut client, assigned(wrong)), ErrorCode::INVALID_REPLICA_ASSIGNMENT);
    }
    assert_eq!(create(&mut client, assigned(vec![assign(0, &[3, 1])])), ErrorCode::NONE);
    assert_eq!(client.metadata(FIRST, "u").partitions[0].leader_id, 3);
}

#[test]
fn a_topic_named_twice_is_answered_once_and_not_created() {
    let mut client = Client::of(ClusterSettings::default());
    let topic =
        CreatableTopic { name: "t".into(), num_partitions: 1, replication_factor: 1, ..Default::default() };
    let request = CreateTopicsRequest { topics: vec![topic.clone(), topic], ..Default::default() };
    let answer = client.ask(FIRST, 5, &request);
    assert_eq!((answer.topics.len(), answer.topics[0].error_code), (1, ErrorCode::INVALID_REQUEST));
    assert_eq!(client.cluster.topics().count(), 0);
}

#[test]
fn the_same_seed_gives_the_same_topic_ids() {
    let ids = |seed| {
        let mut client = Client::of(ClusterSettings { seed, ..Default::default() });
        ["a", "b"].map(|name| client.create(name, |_| {}))
    };
    assert_eq!(ids(7), ids(7));
    assert_ne!(ids(7), ids(8));
}

#[test]
fn each_kafka_version_lists_what_it_takes_and_closes_on_the_rest() {
    for kafka_version in KafkaVersion::ALL {
        let mut client = Client::of(ClusterSettings { kafka_version, ..Default::default() });
        let newest = kafka_version.accepts(ApiKey::Metadata).unwrap().max;
        if kafka_version == KafkaVersion::V0_9 {
            // Neither answered nor a reason to close; what comes behind it on the connection is answered.
            let silence = client.reply(FIRST, 0, &ApiVersionsRequest::default());
            assert!(matches!(silence, Reply::Silence), "{silence:?}");
            let all = MetadataRequest { topics: Some(Vec::new()), ..Default::default() };
            assert!(matches!(client.reply(FIRST, newest, &all), Reply::Answer(_)));
            continue;
        }
        let listed = client.ask(FIRST, 0, &ApiVersionsRequest::default()).api_keys;
        let listed: Vec<(i16, i16)> = listed.iter().map(|api| (api.api_key, api.max_version)).collect();
        assert!(listed.contains(&(ApiKey::Metadata.key(), newest)), "{kafka_version}: {listed:?}");
        assert!(matches!(client.reply(FIRST, newest, &MetadataRequest::default()), Reply::Answer(_)));
        if newest < ApiKey::Metadata.versions().max {
            assert!(matches!(client.reply(FIRST, newest + 1, &MetadataRequest::default()), Reply::Close));
        }
    }
}
