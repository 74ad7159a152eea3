//! Answers of a given size, and the memory that the machine takes for them: for the test that bounds it and for the
//! benchmark that prints it.

use bytes::Bytes;
use kp_metadata::{Answer, Metadata, MetadataSettings, Updated};
use kp_protocol::api::{
    MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kp_protocol::{BrokerAddress, BrokerId, KafkaString, Message, TopicId, WireBuf};
use kp_time::{Clock, ManualClock};
use std::time::{Duration, Instant};

/// The newest version of Metadata.
const VERSION: i16 = 13;

/// How large a cluster is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) brokers: i32,
    pub(crate) topics: usize,
    /// Of each topic.
    pub(crate) partitions: i32,
}

/// What its answer takes, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    /// The answer as it came.
    pub(crate) answer: usize,
    /// The most held at once from the answer's arrival to the snapshot, the answer included.
    pub(crate) most: usize,
    /// What stays: the snapshot.
    pub(crate) after: usize,
    /// The most held at once while an equal second answer is taken, snapshot and answer included.
    pub(crate) refresh_most: usize,
    /// What stays then.
    pub(crate) refresh_after: usize,
    /// From the answer's bytes to the snapshot.
    pub(crate) time: Duration,
}

/// Plays a first answer and an equal second one about a cluster of this size; three replicas for each partition.
pub(crate) fn measure(size: Size) -> Taken {
    let clock = ManualClock::new();
    let bootstrap = BrokerAddress { id: BrokerId(0), host: "host".into(), port: 9092, rack: None };
    let mut metadata = Metadata::new(MetadataSettings::default(), vec![bootstrap], clock.now(), 1);
    for topic in 0..size.topics {
        metadata.want_topic(clock.now(), topic_name(topic).as_str().into());
    }
    let (first, after) = counting_allocator::measure(|| take(&mut metadata, &clock, size));
    assert!(first.updated.changed, "the first answer makes the snapshot");
    assert_eq!(metadata.snapshot().topics().count(), size.topics);
    assert_eq!(metadata.snapshot().brokers().count(), size.brokers as usize);
    metadata.request_update();
    let (second, more) = counting_allocator::measure(|| take(&mut metadata, &clock, size));
    assert!(!second.updated.changed, "the second answer says the same");
    Taken {
        answer: first.answer,
        most: first.most,
        after: held(after.left),
        refresh_most: second.most + held(after.left),
        refresh_after: held(after.left + more.left),
        time: first.time,
    }
}

struct Round {
    answer: usize,
    most: usize,
    time: Duration,
    updated: Updated,
}

fn take(metadata: &mut Metadata, clock: &ManualClock, size: Size) -> Round {
    let pending = metadata.begin_request(clock.now());
    let (body, of_body) = counting_allocator::measure(|| answer(size));
    let began = Instant::now();
    let (updated, reading) = counting_allocator::measure(|| {
        let parsed = Answer::parse(&body, VERSION).expect("the table wrote it");
        metadata.answered(clock.now(), pending, parsed)
    });
    let most = held(of_body.left) + reading.most_moving;
    Round { answer: body.len(), most, time: began.elapsed(), updated }
}

fn held(bytes: isize) -> usize {
    usize::try_from(bytes).expect("what was held before is not freed")
}

fn topic_name(number: usize) -> String {
    format!("orders-of-region-{number:06}")
}

fn answer(size: Size) -> Bytes {
    let broker = |node_id| MetadataResponseBroker {
        node_id,
        host: KafkaString::from(&*format!("broker-{node_id:06}.kafka.example.com")),
        port: 9092,
        rack: Some(KafkaString::from(&*format!("rack-{}", node_id % 3))),
        ..Default::default()
    };
    let partition = |partition_index: i32| {
        let leader_id = partition_index % size.brokers;
        let replicas: Vec<i32> = (0..3).map(|n| (leader_id + n) % size.brokers).collect();
        MetadataResponsePartition {
            partition_index,
            leader_id,
            leader_epoch: 7,
            replica_nodes: replicas.clone(),
            isr_nodes: replicas,
            ..Default::default()
        }
    };
    let topic = |number: usize| MetadataResponseTopic {
        name: Some(KafkaString::from(&*topic_name(number))),
        topic_id: TopicId((number as u128 + 1).to_be_bytes()),
        partitions: (0..size.partitions).map(partition).collect(),
        ..Default::default()
    };
    let response = MetadataResponse {
        brokers: (0..size.brokers).map(broker).collect(),
        controller_id: 0,
        topics: (0..size.topics).map(topic).collect(),
        ..Default::default()
    };
    let mut out = WireBuf::with_capacity(response.size(VERSION).expect("the version can say it"));
    response.put(VERSION, &mut out);
    out.into_bytes()
}
