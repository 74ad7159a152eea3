//! What was appended is read back: offsets, limits of bytes, long polls, times.

use std::time::Duration;

use kp_protocol::api::{
    FetchRequest, ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic, PartitionProduceData,
    ProduceRequest, TopicProduceData,
};
use kp_protocol::{BrokerId, ErrorCode, Timestamp, TopicPartition};
use kp_sim::{ClusterSettings, Reply, TimestampType};
use kp_time::Clock;

use crate::client::{Client, FIRST, batch, by, fetch_request, values};

fn with_batches(batches: &[&[&str]]) -> Client {
    let mut client = Client::with_topic();
    for values in batches {
        let records = client.batch(values);
        assert_eq!(client.produce(FIRST, 9, "t", records).error_code, ErrorCode::NONE);
    }
    client
}

fn offset_at(client: &mut Client, timestamp: i64) -> (i64, i64) {
    let partition = ListOffsetsPartition { timestamp, ..Default::default() };
    let topic = ListOffsetsTopic { name: "t".into(), partitions: vec![partition], ..Default::default() };
    let response = client.ask(FIRST, 7, &ListOffsetsRequest { topics: vec![topic], ..Default::default() });
    let found = &response.topics[0].partitions[0];
    assert_eq!(found.error_code, ErrorCode::NONE);
    (found.timestamp, found.offset)
}

#[test]
fn records_are_read_back_at_their_offsets_with_their_checksums() {
    let mut client = with_batches(&[&["a", "b"], &["c"]]);
    for version in [4, 7, 11, 12] {
        let response = client.ask(FIRST, version, &fetch_request("t", 1));
        let partition = &response.responses[0].partitions[0];
        let read = values(partition.records.as_ref().unwrap());
        let whole = [(0, "a"), (1, "b"), (2, "c")].map(|(offset, value)| (offset, value.to_owned()));
        assert_eq!(read, whole, "v{version}: a batch comes whole, from before the offset asked for");
    }
}

#[test]
fn topics_are_fetched_by_id_from_v13() {
    let mut client = with_batches(&[&["a"]]);
    let mut request = fetch_request("", 0);
    request.topics[0].topic_id = client.cluster.topic("t").unwrap().id();
    let response = client.ask(FIRST, 13, &request);
    assert_eq!(values(response.responses[0].partitions[0].records.as_ref().unwrap()), [(0, "a".to_owned())]);
    request.topics[0].topic_id.0[0] ^= 1;
    let response = client.ask(FIRST, 13, &request);
    assert_eq!(response.responses[0].partitions[0].error_code, ErrorCode::UNKNOWN_TOPIC_ID);
}

#[test]
fn the_last_batch_is_cut_at_the_limit_and_the_first_never() {
    // KIP-74
    let mut client = with_batches(&[&["first"], &["second"], &["third"]]);
    let size = client.cluster.log("t", 0)[0].size();
    let mut fetch = |max_bytes: usize| {
        let mut request = FetchRequest { max_bytes: max_bytes as i32, ..fetch_request("t", 0) };
        request.topics[0].partitions[0].partition_max_bytes = max_bytes as i32 + 7;
        let records = client.fetch(FIRST, &request).records.unwrap();
        (records.len(), values(&records).len())
    };
    assert_eq!(fetch(0), (size, 1));
    assert_eq!(fetch(size - 1), (size, 1));
    assert_eq!(fetch(size + 20), (size + 20, 1), "part of the second header");
    assert_eq!(fetch(2 * size), (2 * size, 1), "the second batch is a byte longer than the first");
    assert_eq!(fetch(2 * size + 1), (2 * size + 1, 2));
}

#[test]
fn no_answer_grows_beyond_the_brokers_own_limit() {
    let mut client = Client::with_topic();
    let value = "x".repeat(1_000_000);
    for _ in 0..60 {
        let records = client.batch(&[&value]);
        client.produce(FIRST, 9, "t", records);
    }
    // Neither limit nor minimum is taken beyond it.
    let request = FetchRequest { min_bytes: i32::MAX, max_wait_ms: 600_000, ..fetch_request("t", 0) };
    let before = client.clock.elapsed();
    assert_eq!(client.fetch(FIRST, &request).records.unwrap().len(), 55 * 1024 * 1024);
    assert_eq!(client.clock.elapsed(), before);
}

#[test]
fn a_fetch_waits_for_enough_bytes_or_its_time() {
    let mut client = with_batches(&[]);
    let request = FetchRequest { max_wait_ms: 500, ..fetch_request("t", 0) };
    let Reply::Later(waiting) = client.reply(FIRST, 12, &request) else { panic!("nothing to read yet") };
    assert_eq!(waiting.deadline(), client.clock.now() + Duration::from_millis(500));
    client.clock.advance(Duration::from_millis(100));
    let again = client.cluster.resume(client.clock.now(), 0, *waiting);
    let Reply::Later(waiting) = again else { panic!("still nothing to read") };
    client.clock.advance(Duration::from_millis(400));
    let due = client.cluster.resume(client.clock.now(), 0, *waiting.clone());
    let empty = client.read::<FetchRequest>(12, due);
    assert!(empty.responses[0].partitions[0].records.as_ref().unwrap().is_empty());
    // The same fetch, had something been appended meanwhile. (The client's correlation id moves on with the append.)
    let records = client.batch(&["x"]);
    assert_eq!(client.produce(FIRST, 9, "t", records).base_offset, 0);
    assert!(matches!(client.cluster.resume(client.clock.now(), 0, *waiting), Reply::Answer(_)));
    // An error does not wait.
    let beyond = FetchRequest { max_wait_ms: 500, ..fetch_request("t", 9) };
    assert_eq!(client.fetch(FIRST, &beyond).error_code, ErrorCode::OFFSET_OUT_OF_RANGE);
}

#[test]
fn a_fetch_from_another_than_the_leader_is_told_who_leads() {
    let mut client = Client::of(ClusterSettings::default().with_brokers(3));
    client.create("t", |_| {});
    let data = client.fetch(BrokerId(2), &fetch_request("t", 0));
    assert_eq!((data.error_code, data.current_leader.leader_id), (ErrorCode::NOT_LEADER_OR_FOLLOWER, 1));
    client.cluster.move_leader(&TopicPartition::new("t", 0), BrokerId(2)).unwrap();
    let mut believing = fetch_request("t", 0);
    believing.topics[0].partitions[0].current_leader_epoch = 0;
    assert_eq!(client.fetch(BrokerId(2), &believing).error_code, ErrorCode::FENCED_LEADER_EPOCH);
    believing.topics[0].partitions[0].current_leader_epoch = 2;
    assert_eq!(client.fetch(BrokerId(2), &believing).error_code, ErrorCode::UNKNOWN_LEADER_EPOCH);
}

#[test]
fn offsets_are_found_by_time() {
    // KIP-79, KIP-734
    let mut client = Client::with_topic();
    let start = client.clock.timestamp_ms();
    for (ahead, values) in [(10, &["a", "b"][..]), (30, &["c"]), (20, &["d"])] {
        let records = batch(start + ahead, None, values);
        client.produce(FIRST, 9, "t", records);
    }
    assert_eq!(offset_at(&mut client, start), (start + 10, 0));
    assert_eq!(offset_at(&mut client, start + 11), (start + 30, 2));
    assert_eq!(offset_at(&mut client, start + 31), (-1, -1));
    assert_eq!(offset_at(&mut client, -3), (start + 30, 2));
    assert_eq!((offset_at(&mut client, -2), offset_at(&mut client, -1)), ((-1, 0), (-1, 4)));
}

#[test]
fn log_append_time_is_the_brokers_and_the_checksum_still_fits() {
    // KIP-32
    let mut client = Client::of(ClusterSettings::default());
    client.create("t", |settings| settings.timestamp_type = TimestampType::LogAppendTime);
    let records = batch(5, None, &["a"]);
    let answer = client.produce(FIRST, 9, "t", records);
    assert_eq!(answer.log_append_time_ms, client.clock.timestamp_ms());
    let stored = client.cluster.log("t", 0)[0].record_batch().unwrap();
    stored.verify_crc().unwrap();
    let times: Vec<Timestamp> =
        stored.records(99).unwrap().iter().map(|record| record.unwrap().timestamp).collect();
    assert_eq!(times, [Timestamp(client.clock.timestamp_ms())]);
}

#[test]
fn the_stored_batch_is_the_sent_one_but_for_offset_and_leader_epoch() {
    let mut client = with_batches(&[&["first"]]);
    let records = client.batch(&["x", "y"]);
    client.produce(FIRST, 9, "t", records.clone());
    let stored = client.cluster.log("t", 0)[1].to_bytes();
    assert_eq!(stored[..8], 1i64.to_be_bytes());
    assert_eq!(
        (&stored[8..12], &stored[12..16], &stored[16..]),
        (&records[8..12], &[0; 4][..], &records[16..])
    );
}

#[test]
fn retention_moves_the_start_of_the_log() {
    let mut client = with_batches(&[&["a", "b"], &["c"]]);
    client.cluster.delete_records_before(&TopicPartition::new("t", 0), 2).unwrap();
    assert_eq!(offset_at(&mut client, -2), (-1, 2));
    assert_eq!(client.fetch(FIRST, &fetch_request("t", 1)).error_code, ErrorCode::OFFSET_OUT_OF_RANGE);
    let records = client.batch(&["d"]);
    assert_eq!(client.produce(FIRST, 9, "t", records).log_start_offset, 2);
}

#[test]
fn a_cluster_that_retains_nothing_counts_and_still_knows_duplicates() {
    let mut client = Client::of(ClusterSettings { retain: false, ..Default::default() });
    client.create("t", |_| {});
    let id = client.producer_id();
    for sequence in 0..3 {
        let records = batch(0, by(id, 0, sequence), &["x"]);
        assert_eq!(client.produce(FIRST, 9, "t", records).base_offset, i64::from(sequence));
    }
    assert_eq!(client.produce(FIRST, 9, "t", batch(0, by(id, 0, 1), &["x"])).base_offset, 1);
    assert_eq!((client.cluster.record_count("t"), client.cluster.log("t", 0).len()), (3, 0));
}

#[test]
fn records_without_a_key_are_named_when_the_topic_is_compacted() {
    // KIP-467
    let mut client = Client::of(ClusterSettings::default());
    client.create("t", |settings| settings.compacted = true);
    let records = client.batch(&["x", "y"]);
    let answer = client.produce(FIRST, 9, "t", records.clone());
    let named: Vec<i32> = answer.record_errors.iter().map(|error| error.batch_index).collect();
    assert_eq!((answer.error_code, named), (ErrorCode::INVALID_RECORD, vec![0, 1]));
    assert!(answer.error_message.is_some());
    assert_eq!(client.cluster.record_count("t"), 0);
    let reply = client.produce_reply(FIRST, 9, 0, "t", records);
    assert!(matches!(reply, Reply::Close), "acks=0: {reply:?}");
}

#[test]
fn records_of_null_are_neither_answered_nor_closed_on() {
    // Kafka 4.3 fails over them in its own error handling.
    let mut client = Client::with_topic();
    let partition_data = vec![PartitionProduceData::default()];
    let topic = TopicProduceData { name: "t".into(), partition_data, ..Default::default() };
    let request = ProduceRequest { acks: -1, topic_data: vec![topic], ..Default::default() };
    assert!(matches!(client.reply(FIRST, 9, &request), Reply::Stall));
}
