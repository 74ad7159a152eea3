//! Reading over the simulated network, in virtual time.

use kp_protocol::{
    BrokerId, Timestamp, TopicPartition,
    api::{PartitionProduceData, ProduceRequest, TopicProduceData},
    compression::Compression,
    records::{RecordEncoder, RecordRef},
};
use kp_sim::{ClusterSettings, SimClock, SimCluster, SimNetwork, TopicSettings, Weather};

use super::*;

const TOPIC: &str = "orders";

/// A cluster of two brokers with one topic of one partition, on both, and something that reads it.
struct Stage {
    network: SimNetwork,
    clock: SimClock,
}

impl Stage {
    fn new() -> Self {
        let settings = ClusterSettings::default().with_brokers(2);
        let topic = TopicSettings::of(&settings);
        let mut cluster = SimCluster::new(settings);
        cluster.create_topic(TOPIC, topic).unwrap();
        let clock = SimClock::new();
        Self { network: SimNetwork::new(clock.clone(), cluster, Weather::FINE, 1), clock }
    }

    fn bootstrap() -> Bootstrap {
        vec![("broker-1".to_owned(), 9092), ("broker-2".to_owned(), 9092)]
    }

    /// A network serves one client: all that is asked goes through this caller.
    fn caller(&self) -> BlockingCaller {
        BlockingCaller::simulated(&self.network, &self.clock)
    }

    fn reader(caller: BlockingCaller) -> Result<TopicReader, ReaderError> {
        TopicReader::open(caller, &Self::bootstrap(), TOPIC, Selection::all_from(Position::Earliest))
    }

    fn at() -> TopicPartition {
        TopicPartition::new(TOPIC, 0)
    }

    fn leader(&self) -> BrokerId {
        self.network.with_cluster(|cluster| cluster.partition(&Self::at()).unwrap().leader().unwrap())
    }

    /// Appends one record.
    fn produce(&self, caller: &mut BlockingCaller, value: &str) {
        let (mut encoder, mut payload) = (RecordEncoder::new(), Vec::new());
        let record =
            RecordRef { timestamp: Timestamp(1), key: None, value: Some(value.as_bytes()), headers: &[] };
        encoder.append(&record, &mut payload).unwrap();
        let payload = bytes::Bytes::from(payload);
        let header = encoder.header(Compression::None, None).unwrap().encode(std::slice::from_ref(&payload));
        let batch = PartitionProduceData {
            index: 0,
            records: Some(bytes::Bytes::from([&header[..], &payload[..]].concat()).into()),
            ..Default::default()
        };
        let topic =
            TopicProduceData { name: TOPIC.into(), partition_data: vec![batch], ..Default::default() };
        let request =
            ProduceRequest { acks: 1, timeout_ms: 1000, topic_data: vec![topic], ..Default::default() };
        let connection = caller.connect(&format!("broker-{}", self.leader().0), 9092).unwrap();
        // Newer versions name a topic by its id.
        let version = connection.version_within(ApiKey::Produce, VersionRange::new(3, 12)).unwrap();
        let answer = caller.call(&connection, version, &request).unwrap();
        assert!(answer.responses[0].partition_responses[0].error_code.is_ok(), "{answer:?}");
    }
}

#[test]
fn a_new_topic_is_waited_for_with_one_caller_and_not_for_ever() {
    let stage = Stage::new();
    let within = Duration::from_secs(3);
    let caller = TopicReader::wait_for(stage.caller(), &Stage::bootstrap(), TOPIC, within).ok().unwrap();
    let begun = caller.now();
    assert!(Stage::reader(caller).unwrap().is_at_end());
    let refused = TopicReader::wait_for(stage.caller(), &Stage::bootstrap(), "absent", within).err();
    assert!(matches!(refused, Some(ReaderError::Refused { .. })), "{refused:?}");
    assert!(stage.caller().now().saturating_duration_since(begun) >= within);
}

/// The values that come until `count` are there.
fn read(reader: &mut TopicReader, count: usize) -> Result<Vec<String>, ReaderError> {
    let mut values = Vec::new();
    while values.len() < count {
        let _ = reader.poll(Duration::from_millis(250), |fetched| {
            values.push(String::from_utf8(fetched.record.value.unwrap().to_vec()).unwrap());
            ControlFlow::Continue(())
        })?;
    }
    Ok(values)
}

#[test]
fn reading_goes_on_where_it_was_when_the_leader_has_moved() {
    let stage = Stage::new();
    let mut caller = stage.caller();
    stage.produce(&mut caller, "one");
    let mut reader = Stage::reader(caller).unwrap();
    assert_eq!(read(&mut reader, 1).unwrap(), ["one"]);
    assert!(reader.is_at_end());
    let first = stage.leader();
    stage.network.crash(first);
    assert!(stage.leader() != first);
    stage.produce(&mut reader.caller, "two");
    assert_eq!(read(&mut reader, 1).unwrap(), ["two"]);
}

#[test]
fn a_partition_that_stays_without_a_leader_is_given_up_after_half_a_minute() {
    let stage = Stage::new();
    let mut reader = Stage::reader(stage.caller()).unwrap();
    let begun = stage.clock.elapsed();
    for broker in [1, 2] {
        stage.network.crash(BrokerId(broker));
    }
    let error = read(&mut reader, 1).unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("topic orders: given up after 30."), "{text}");
    assert!(matches!(error, ReaderError::GivenUp { .. }));
    let waited = stage.clock.elapsed() - begun;
    assert!((PATIENCE..PATIENCE * 2).contains(&waited), "{waited:?}");
}

#[test]
fn a_cluster_of_which_no_broker_answers_is_told_with_each_address() {
    let stage = Stage::new();
    for broker in [1, 2] {
        stage.network.crash(BrokerId(broker));
    }
    let Err(error) = Stage::reader(stage.caller()) else { panic!("there is no cluster") };
    let expected = "no broker answered: broker-1:9092: connection refused; broker-2:9092: connection refused";
    assert_eq!(error.to_string(), expected);
}
