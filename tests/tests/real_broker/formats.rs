//! What kp-protocol writes, alone and over a plain socket, is taken by brokers of every age, read back by their own console
//! consumer, and read by kp-protocol from their segment files. Needs Java 17 and Maven.

use std::time::Duration;

use bytes::Bytes;
use kp_protocol::api::{
    ApiVersionsRequest, MetadataRequest, MetadataRequestTopic, MetadataResponse, PartitionProduceData,
    ProduceRequest, ProduceResponse, TopicProduceData,
};
use kp_protocol::compression::{Compression, Compressor};
use kp_protocol::records::{
    HeaderRef, LogEntry, MessageFormat, MessageSetEncoder, RecordEncoder, RecordRef, log_entries,
};
use kp_protocol::{ErrorCode, KafkaString, Message, Records, Timestamp, decode_response_header};
use kp_sim::KafkaVersion;
use kp_sim::conformance;
use kp_tests::socket::{NoAnswer, Socket};
use xtask::kafka::{KafkaCluster, Options};

use crate::turn;

const RECORDS: usize = 500;
const LIMIT: usize = 64 << 20;

fn start(version: &str) -> KafkaCluster {
    let options = Options { version: version.to_owned(), ..Options::default() };
    KafkaCluster::start(&options).expect("Kafka starts")
}

fn values(prefix: &str) -> Vec<String> {
    (0..RECORDS).map(|number| format!("{prefix} {number} {}", "x".repeat(number % 90))).collect()
}

/// The records as a batch of format 2, with a header each.
fn batch(values: &[String], codec: Compression) -> Bytes {
    let mut encoder = RecordEncoder::new();
    let mut payload = Vec::new();
    let trace = [HeaderRef { name: "trace", value: Some(b"7") }];
    for (number, value) in values.iter().enumerate() {
        let key = (number % 7).to_string();
        let record = RecordRef {
            timestamp: Timestamp(1_700_000_000_000 + number as i64),
            key: Some(key.as_bytes()),
            value: Some(value.as_bytes()),
            headers: &trace,
        };
        encoder.append(&record, &mut payload).expect("a lawful record");
    }
    let mut compressor = Compressor::new(codec, None).expect("the codec is there");
    let mut compressed = Vec::new();
    compressor.compress([&payload[..]], &mut compressed, LIMIT).expect("it can be compressed");
    let header = encoder.header(codec, None).expect("a lawful batch");
    let compressed = Bytes::from(compressed);
    let head = header.encode(std::slice::from_ref(&compressed));
    Bytes::from([&head[..], &compressed[..]].concat())
}

/// The records as a message set.
fn message_set(format: MessageFormat, values: &[String], codec: Compression) -> Bytes {
    let mut encoder = MessageSetEncoder::new(format);
    for (number, value) in values.iter().enumerate() {
        let key = (number % 7).to_string();
        let record = RecordRef {
            timestamp: Timestamp(1_700_000_000_000 + number as i64),
            key: Some(key.as_bytes()),
            value: Some(value.as_bytes()),
            headers: &[],
        };
        encoder.append(&record).expect("a lawful record");
    }
    let mut compressor = Compressor::new(codec, None).expect("the codec is there");
    Bytes::from(encoder.finish(&mut compressor).expect("it can be compressed"))
}

/// Sends one partition's records; the broker's code for them.
fn produce(cluster: &KafkaCluster, topic: &str, version: i16, records: Bytes) -> Result<ErrorCode, NoAnswer> {
    let mut data = Records::default();
    data.push(records);
    let partition = PartitionProduceData { index: 0, records: Some(data), ..Default::default() };
    let topic =
        TopicProduceData { name: topic.into(), partition_data: vec![partition], ..Default::default() };
    let request =
        ProduceRequest { acks: -1, timeout_ms: 10_000, topic_data: vec![topic], ..Default::default() };
    let answer: ProduceResponse = Socket::to(cluster).ask(version, &request)?;
    Ok(answer.responses[0].partition_responses[0].error_code)
}

/// Console consumer and segment files agree with what was sent.
fn assert_there(cluster: &KafkaCluster, topic: &str, sent: &[String]) {
    let read =
        cluster.consume(topic, sent.len() as u64, &["print.key=true"]).expect("the console consumer runs");
    let read: Vec<&str> = std::str::from_utf8(&read).expect("lines of text").lines().collect();
    let expected: Vec<String> =
        sent.iter().enumerate().map(|(number, value)| format!("{}\t{value}", number % RECORDS % 7)).collect();
    assert_eq!(read, expected, "{topic}: the console consumer reads what was sent");
    let mut in_segments = Vec::new();
    for segment in cluster.segments(topic, 0).expect("the partition has segments") {
        let bytes = Bytes::from(std::fs::read(segment).expect("a segment can be read"));
        for entry in log_entries(&bytes) {
            match entry.expect("a sound entry") {
                LogEntry::Batch(batch) => {
                    batch.verify_crc().expect("a sound batch");
                    for record in batch.records(LIMIT).expect("a sound payload").iter() {
                        in_segments.push(text(record.expect("a sound record").value));
                    }
                }
                LogEntry::Message(message) => {
                    message.verify_crc().expect("a sound message");
                    let records = message.records(LIMIT).expect("a sound payload");
                    in_segments.extend(records.iter().map(|record| text(record.value)));
                }
            }
        }
    }
    assert_eq!(in_segments, sent, "{topic}: kp-protocol reads the broker's segment file");
}

fn text(value: Option<&[u8]>) -> String {
    String::from_utf8(value.expect("a value").to_vec()).expect("text")
}

const OLD_CODECS: [Compression; 4] =
    [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4];

fn all_codecs() -> Vec<Compression> {
    let mut codecs = OLD_CODECS.to_vec();
    if cfg!(feature = "zstd") {
        codecs.push(Compression::Zstd);
    }
    codecs
}

/// Sends the same records in each of `versions`, each codec to a topic of its own, and compares.
fn each_codec_is_taken(
    cluster: &KafkaCluster,
    name: &str,
    codecs: &[Compression],
    versions: &[i16],
    settings: &[(&str, &str)],
    write: impl Fn(&[String], Compression) -> Bytes,
) {
    for codec in codecs {
        let topic = format!("{name}-{}", codec.name());
        cluster.create_topic_with(&topic, 1, 1, settings).expect("a topic");
        let mut sent = Vec::new();
        for version in versions {
            // zstd came with Produce 7 (KIP-110).
            let values = values(&format!("{topic} v{version}"));
            let code = produce(cluster, &topic, *version, write(&values, *codec));
            if *codec == Compression::Zstd && *version < 7 {
                assert_eq!(code, Ok(ErrorCode::UNSUPPORTED_COMPRESSION_TYPE), "{topic} v{version}");
                continue;
            }
            assert_eq!(code, Ok(ErrorCode::NONE), "{topic} v{version}");
            sent.extend(values);
        }
        assert_there(cluster, &topic, &sent);
    }
}

/// Metadata v0 for a name that no topic can have: which code, and that nothing is there afterwards.
fn ask_for_an_unlawful_name(cluster: &KafkaCluster) -> ErrorCode {
    let answer = Socket::to(cluster).ask(0, &probe()).expect("Metadata v0 is answered");
    assert!(!answer.brokers.is_empty(), "it names the brokers");
    let all: MetadataResponse = Socket::to(cluster)
        .ask(0, &MetadataRequest { topics: Some(vec![]), ..Default::default() })
        .expect("all topics");
    let names: Vec<_> =
        all.topics.iter().filter_map(|topic| topic.name.as_ref().map(ToString::to_string)).collect();
    assert!(!names.iter().any(|name| name == "/"), "{names:?}");
    answer.topics[0].error_code
}

fn probe() -> MetadataRequest {
    let topic = MetadataRequestTopic { name: Some(KafkaString::from("/")), ..Default::default() };
    MetadataRequest { topics: Some(vec![topic]), ..Default::default() }
}

#[test]
fn a_broker_of_0_9_takes_message_sets_of_format_0_and_its_silence_tells_what_it_is() {
    let _turn = turn::alone();
    let cluster = start("0.9.0.1");
    let write = |values: &[String], codec| message_set(MessageFormat::V0, values, codec);
    each_codec_is_taken(&cluster, "format0", &OLD_CODECS, &[0, 1], &[], write);

    // The probe of 0.9: neither an answer to ApiVersions nor an end, and the request behind it is answered.
    let mut socket = Socket::to(&cluster);
    socket.send(0, &ApiVersionsRequest::default());
    let second = socket.send(0, &probe());
    let frame = socket.receive().expect("Metadata v0 behind ApiVersions is answered");
    let (answered, body) =
        decode_response_header(kp_protocol::ApiKey::Metadata, 0, &frame).expect("a header");
    assert_eq!(answered, second, "the answer to the second request comes first, and alone");
    let response = MetadataResponse::parse(&body, 0).expect("a Metadata answer");
    assert!(!response.brokers.is_empty());
    socket.wait_at_most(Duration::from_secs(2));
    assert_eq!(
        socket.receive(),
        Err(NoAnswer::Silence),
        "ApiVersions is not answered, and nothing is closed"
    );
    eprintln!("    0.9.0.1 answers Metadata v0 for \"/\" with {}", ask_for_an_unlawful_name(&cluster));
    cluster.stop().expect("Kafka stops");
}

#[test]
fn a_broker_of_3_9_takes_all_three_formats() {
    let _turn = turn::alone();
    let cluster = start("3.9.1");
    let v0 = |values: &[String], codec| message_set(MessageFormat::V0, values, codec);
    let v1 = |values: &[String], codec| message_set(MessageFormat::V1, values, codec);
    each_codec_is_taken(&cluster, "format0", &OLD_CODECS, &[0, 1, 2], &[], v0);
    each_codec_is_taken(&cluster, "format1", &OLD_CODECS, &[2], &[], v1);
    each_codec_is_taken(&cluster, "format2", &all_codecs(), &[3, 7, 11], &[], batch);
    eprintln!("    3.9.1 answers Metadata v0 for \"/\" with {}", ask_for_an_unlawful_name(&cluster));
    assert_conforms(&cluster, KafkaVersion::V3_9, 3..=11);
    cluster.stop().expect("Kafka stops");
}

#[test]
fn a_broker_of_4_3_takes_batches_and_closes_on_older_formats() {
    let _turn = turn::alone();
    let cluster = start("4.3.0");
    each_codec_is_taken(&cluster, "format2", &all_codecs(), &[3, 7, 12], &[], batch);
    cluster.create_topic("old", 1, 1).expect("a topic");
    for (version, format) in [(0, MessageFormat::V0), (1, MessageFormat::V0), (2, MessageFormat::V1)] {
        let old = message_set(format, &values("old"), Compression::None);
        assert_eq!(produce(&cluster, "old", version, old), Err(NoAnswer::Closed), "Produce v{version}");
    }
    let old = message_set(MessageFormat::V1, &values("old"), Compression::None);
    assert_eq!(produce(&cluster, "old", 3, old), Ok(ErrorCode::INVALID_RECORD), "format 1 in Produce v3");
    eprintln!("    4.3.0 answers Metadata v0 for \"/\" with {}", ask_for_an_unlawful_name(&cluster));
    assert_conforms(&cluster, KafkaVersion::V4_3, 3..=13);
    cluster.stop().expect("Kafka stops");
}

/// The cases that the broker double answers, asked of the real one.
fn assert_conforms(cluster: &KafkaCluster, version: KafkaVersion, versions: std::ops::RangeInclusive<i16>) {
    let address = cluster.address(1).expect("there is a broker 1").parse().expect("an address");
    let results = conformance::run(address, version, versions, "conformance").expect("the broker is reached");
    let different: Vec<String> =
        results.iter().filter(|result| result.outcome.is_err()).map(ToString::to_string).collect();
    eprintln!(
        "    {version}: {} cases, {} answered otherwise than by the double",
        results.len(),
        different.len()
    );
    assert!(different.is_empty(), "{}", different.join("\n"));
}
