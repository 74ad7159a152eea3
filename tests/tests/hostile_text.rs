//! A broker whose strings would break lines, colour the terminal or forge entries of a log: what the facade says of
//! it holds none of that.

#![allow(
    clippy::disallowed_methods,
    reason = "the facade runs on real threads here; waits are for events, not for time"
)]

use bytes::Bytes;
use kp_producer::blocking::Producer;
use kp_producer::{ProducerConfig, ProducerRecord};
use kp_protocol::api::{
    ApiVersion, ApiVersionsResponse, MetadataResponse, MetadataResponseBroker, MetadataResponsePartition,
    MetadataResponseTopic, PartitionProduceResponse, ProduceResponse, TopicProduceResponse,
};
use kp_protocol::{ApiKey, ErrorCode, Message, decode_request_header, encode_response};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// A name of a broker, and a message: a forged line, a colour, a title, text turned around.
const EVIL: &str = "no such\nERROR forged \u{1b}[31mred\u{1b}]0;title\u{7} \u{202e}turned\u{200b}";

fn assert_harmless(what: &str, text: &str) {
    let is_harmful = |c: char| c.is_control() || matches!(c, '\u{200b}' | '\u{202e}');
    assert!(!text.chars().any(is_harmful), "{what}: {text:?}");
    assert!(text.contains("no such\\nERROR forged \\u{1b}[31mred"), "{what}: {text}");
}

/// A broker that says what [`answer`] has, for as long as the test runs.
fn hostile_broker() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || serve(stream, port));
        }
    });
    port
}

/// Ends when the client closes the connection.
fn serve(mut stream: TcpStream, port: u16) -> Option<()> {
    loop {
        let mut size = [0; 4];
        stream.read_exact(&mut size).ok()?;
        let mut frame = vec![0; usize::try_from(i32::from_be_bytes(size)).ok()?];
        stream.read_exact(&mut frame).ok()?;
        let (header, _) = decode_request_header(&Bytes::from(frame)).ok()?;
        let (version, id) = (header.version, header.correlation_id);
        let response = match header.api {
            ApiKey::ApiVersions => encode(version, id, &versions()),
            ApiKey::Metadata => encode(version, id, &metadata(port)),
            ApiKey::Produce => encode(version, id, &refusal()),
            _ => return None,
        };
        stream.write_all(&response).ok()?;
    }
}

fn encode<M: Message>(version: i16, id: i32, message: &M) -> Vec<u8> {
    encode_response(version, id, message).expect("the double knows what it says").concat()
}

fn versions() -> ApiVersionsResponse {
    let speaks = [(ApiKey::Produce, 9), (ApiKey::Metadata, 9), (ApiKey::ApiVersions, 4)];
    let api_keys = speaks.map(|(api, max_version)| ApiVersion {
        api_key: api.key(),
        min_version: 0,
        max_version,
        ..ApiVersion::default()
    });
    ApiVersionsResponse { api_keys: api_keys.to_vec(), ..ApiVersionsResponse::default() }
}

/// Partition 0 is led by the double, partition 1 by a broker whose name is evil.
fn metadata(port: u16) -> MetadataResponse {
    let broker = |node_id, host: &str, port: u16| MetadataResponseBroker {
        node_id,
        host: host.into(),
        port: port.into(),
        ..MetadataResponseBroker::default()
    };
    let partition = |number| MetadataResponsePartition {
        partition_index: number,
        leader_id: number,
        replica_nodes: vec![number],
        isr_nodes: vec![number],
        ..MetadataResponsePartition::default()
    };
    let topic = MetadataResponseTopic {
        name: Some("t".into()),
        partitions: vec![partition(0), partition(1)],
        ..MetadataResponseTopic::default()
    };
    MetadataResponse {
        brokers: vec![broker(0, "127.0.0.1", port), broker(1, EVIL, 9092)],
        topics: vec![topic],
        cluster_id: Some(EVIL.into()),
        ..MetadataResponse::default()
    }
}

fn refusal() -> ProduceResponse {
    let partition = PartitionProduceResponse {
        index: 0,
        error_code: ErrorCode::INVALID_RECORD,
        base_offset: -1,
        error_message: Some(EVIL.into()),
        ..PartitionProduceResponse::default()
    };
    let topic = TopicProduceResponse {
        name: "t".into(),
        partition_responses: vec![partition],
        ..TopicProduceResponse::default()
    };
    ProduceResponse { responses: vec![topic], ..ProduceResponse::default() }
}

fn producer() -> Producer {
    let mut config = ProducerConfig::default().bootstrap_servers(format!("127.0.0.1:{}", hostile_broker()));
    let more = [("enable.idempotence", "false"), ("linger.ms", "0"), ("request.timeout.ms", "1000")];
    for (key, value) in more.into_iter().chain([("delivery.timeout.ms", "1500")]) {
        config.set(key, value).expect("the test's configuration is good");
    }
    Producer::new(config).expect("the producer is built")
}

#[test]
fn a_brokers_error_message_reaches_the_caller_without_line_feeds_and_escapes() {
    let producer = producer();
    let record = ProducerRecord::to("t").partition(0).value("x");
    let error = producer.send(record).expect("it is taken").wait().expect_err("the broker refuses it");
    assert_harmless("the error", &error.to_string());
}

#[test]
fn a_brokers_host_name_reaches_errors_and_notices_without_line_feeds_and_escapes() {
    let producer = producer();
    let record = ProducerRecord::to("t").partition(1).value("x");
    let delivery = producer.send(record).expect("it is taken");
    assert_harmless("what waits", &explanation_with_a_name(&producer));
    let error = delivery.wait().expect_err("there is no such broker");
    let mut chain = vec![error.to_string()];
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        chain.push(cause.to_string());
        source = cause.source();
    }
    assert_harmless("the error and its causes", &chain.join(" / "));
    let notices = producer.unreachable();
    assert!(!notices.is_empty());
    for notice in notices {
        assert_harmless("the notice", &format!("{} {}", notice.address, notice.reason));
    }
}

/// What waits, as soon as the broker's name is among it.
fn explanation_with_a_name(producer: &Producer) -> String {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let text = producer.explain().to_string();
        if text.contains("no such") || Instant::now() > until {
            return text.lines().collect::<Vec<_>>().join(" / ");
        }
        std::thread::yield_now();
    }
}
