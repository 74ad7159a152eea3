//! `kp doctor`, as it is run, against the broker double and against listeners that are something else.

#![allow(clippy::disallowed_methods, reason = "a program is started and waited for")]

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Command, Output},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use kp_protocol::{
    ApiKey, BrokerId, ErrorCode, FrameReader, Message, ReceivedHeader,
    api::{
        ApiVersion, ApiVersionsResponse, DescribeClusterResponse, DescribeConfigsResourceResult,
        DescribeConfigsResponse, DescribeConfigsResult, MetadataResponse, MetadataResponseBroker,
        MetadataResponsePartition, MetadataResponseTopic, SaslHandshakeResponse,
    },
    decode_request_header, encode_response,
};
use kp_sim::{
    ClusterSettings, Fault, KafkaVersion, TopicSettings,
    tcp::{EmbeddedBroker, EmbeddedOptions},
};
use serde_json::Value;

fn doctor(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kp")).arg("doctor").args(args).output().unwrap()
}

/// Exit code and report.
fn examined(args: &[&str]) -> (i32, Value) {
    let output = doctor(&[args, &["--json"]].concat());
    let json = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code().unwrap(), json)
}

/// What the steps of one name found, with verdict and remedy, as text.
fn steps(report: &Value, name: &str) -> String {
    let steps = report["steps"].as_array().unwrap().iter().filter(|step| step["step"] == name);
    steps
        .map(|step| {
            format!("{}: {} → {}\n", step["verdict"].as_str().unwrap(), step["found"], step["remedy"])
        })
        .collect()
}

fn broker(options: EmbeddedOptions) -> EmbeddedBroker {
    let broker = EmbeddedBroker::start(options).unwrap();
    let settings = TopicSettings::of(&ClusterSettings::default());
    broker.cluster().lock().create_topic("orders", settings).unwrap();
    broker
}

#[test]
fn a_healthy_cluster_is_healthy_and_nothing_is_written() {
    let broker = broker(EmbeddedOptions::new().with_brokers(2));
    let output = doctor(&["-b", &broker.bootstrap(), "-t", "orders"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    for word in
        ["resolve", "takes connections", "Kafka 4.1 or newer", "kp will use Produce v13", "broker 2 tells"]
    {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert!(
        text.contains("orders: 1 partition, each with a leader and 1 copy, all in sync")
            && text.ends_with("\nnothing is wrong\n"),
        "{text}"
    );
    assert_eq!(broker.cluster().lock().record_count("orders"), 0);
    assert_eq!(broker.cluster().lock().requests(ApiKey::Produce), 0);
}

#[test]
fn asked_to_write_it_writes_one_record() {
    let broker = broker(EmbeddedOptions::default());
    let (code, report) = examined(&["-b", &broker.bootstrap(), "-t", "orders", "--write"]);
    assert_eq!((code, &report["ok"]), (0, &true.into()), "{report}");
    assert!(steps(&report, "produce").contains("orders-0 at offset 0"), "{report}");
    assert_eq!(broker.cluster().lock().record_count("orders"), 1);
}

#[test]
fn a_closed_port_and_an_unknown_name_are_told_apart() {
    let (code, report) = examined(&["-b", "127.0.0.1:1"]);
    assert_eq!(code, 1);
    assert!(steps(&report, "connect").starts_with("failed: \"127.0.0.1:1: "), "{report}");
    assert!(steps(&report, "connect").contains("nothing listens there"), "{report}");
    let (code, report) = examined(&["-b", "kafka.invalid:9092"]);
    assert_eq!((code, steps(&report, "connect").as_str()), (1, ""));
    assert!(steps(&report, "resolve").starts_with("failed: \"kafka.invalid: "), "{report}");
}

#[test]
fn with_one_good_entry_of_the_list_the_others_are_warnings() {
    let broker = broker(EmbeddedOptions::default());
    let (code, report) = examined(&["-b", &format!("127.0.0.1:1,{}", broker.bootstrap())]);
    assert_eq!(code, 0, "{report}");
    assert!(steps(&report, "connect").starts_with("warning: \"127.0.0.1:1: "), "{report}");
}

#[test]
fn listeners_of_other_protocols_are_named() {
    const ALERT: &[u8] = &[0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x28];
    for (answer, name) in [
        (ALERT, "speaks TLS, and security.protocol says that nothing is encrypted"),
        (b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", "is an HTTP server, not a Kafka broker"),
    ] {
        let server = Server::start(move |mut stream| {
            let mut request = [0; 512];
            if stream.read(&mut request).is_ok_and(|read| read > 0) {
                let _ = stream.write_all(answer);
            }
        });
        let (code, report) = examined(&["-b", &server.address.to_string()]);
        assert_eq!(code, 1);
        assert!(steps(&report, "kafka").contains(name), "{report}");
    }
}

#[test]
fn an_http_server_that_hangs_up_on_other_bytes_is_found_by_a_get() {
    let server = Server::start(|mut stream| {
        let mut request = [0; 512];
        if stream.read(&mut request).is_ok_and(|read| read > 0) && request.starts_with(b"GET ") {
            let _ = stream.write_all(b"HTTP/1.0 200 OK\r\n\r\n");
        }
    });
    let (code, report) = examined(&["-b", &server.address.to_string()]);
    assert_eq!(code, 1);
    assert!(steps(&report, "kafka").contains("is an HTTP server"), "{report}");
}

#[test]
fn a_tls_listener_that_only_closes_on_other_bytes_is_found_by_a_hello() {
    let server = Server::start(|mut stream| {
        let mut request = [0; 512];
        if stream.read(&mut request).is_ok_and(|read| read > 0) && request[0] == 0x16 {
            let _ = stream.write_all(&[0x16, 0x03, 0x03, 0x00, 0x7a]);
        }
    });
    let (code, report) = examined(&["-b", &server.address.to_string()]);
    assert_eq!(code, 1);
    assert!(steps(&report, "kafka").contains("speaks TLS"), "{report}");
}

#[test]
fn a_listener_that_wants_sasl_is_told_with_its_mechanisms() {
    let server = Server::of_kafka(|header| match header.api {
        ApiKey::ApiVersions => Some(versions(header, &[])),
        ApiKey::SaslHandshake => Some(answer(
            header,
            &SaslHandshakeResponse {
                error_code: ErrorCode::UNSUPPORTED_SASL_MECHANISM,
                mechanisms: vec!["SCRAM-SHA-512".into(), "PLAIN".into()],
                ..Default::default()
            },
        )),
        _ => None,
    });
    let (code, report) = examined(&["-b", &server.address.to_string()]);
    assert_eq!(code, 1);
    assert!(steps(&report, "kafka").contains("wants SASL authentication (SCRAM-SHA-512, PLAIN)"), "{report}");
}

#[test]
fn a_controller_is_told_from_a_broker() {
    let only = ApiVersion { api_key: ApiKey::ApiVersions.key(), max_version: 3, ..Default::default() };
    let server = Server::of_kafka(move |header| {
        Some(answer(header, &ApiVersionsResponse { api_keys: vec![only.clone()], ..Default::default() }))
    });
    let (code, report) = examined(&["-b", &server.address.to_string()]);
    assert_eq!(code, 1);
    assert!(steps(&report, "kafka").contains("a KRaft controller?"), "{report}");
}

#[test]
fn a_cluster_that_is_not_ready_yet_is_asked_again() {
    let broker = broker(EmbeddedOptions::default());
    let not_yet = Fault::RefuseProducerId { code: ErrorCode::COORDINATOR_LOAD_IN_PROGRESS };
    broker.cluster().lock().inject(not_yet, 1);
    let (code, report) = examined(&["-b", &broker.bootstrap()]);
    assert_eq!((code, broker.cluster().lock().faults_left()), (0, 0), "{report}");
    let never = Fault::RefuseProducerId { code: ErrorCode::CLUSTER_AUTHORIZATION_FAILED };
    broker.cluster().lock().inject(never, 1);
    let (code, report) = examined(&["-b", &broker.bootstrap()]);
    assert_eq!(code, 1);
    assert!(steps(&report, "produce").contains("IdempotentWrite"), "{report}");
}

#[test]
fn a_missing_topic_is_missed_and_not_created() {
    let broker = broker(EmbeddedOptions::default());
    let (code, report) = examined(&["-b", &broker.bootstrap(), "-t", "missing", "--write"]);
    assert_eq!(code, 1);
    assert!(steps(&report, "topic").starts_with("failed: \"missing is not there"), "{report}");
    assert!(steps(&report, "produce").contains("no record is written before the rest works"), "{report}");
    assert!(broker.cluster().lock().topic("missing").is_none());
    let (code, report) = examined(&["-b", &broker.bootstrap(), "-t", "a topic"]);
    assert_eq!(code, 1);
    assert!(steps(&report, "topic").contains("is no name for a topic"), "{report}");
}

#[test]
fn advertised_listeners_that_lead_nowhere_are_told_with_the_key_to_change() {
    let broker = broker(EmbeddedOptions::new().with_brokers(3));
    broker.cluster().lock().advertise(BrokerId(2), "kafka-2.invalid", 9092).unwrap();
    broker.cluster().lock().advertise(BrokerId(3), "127.0.0.1", 1).unwrap();
    let first = broker.addresses().next().unwrap().1.to_string();
    let (code, report) = examined(&["-b", &first]);
    assert_eq!(code, 1);
    let found = steps(&report, "listeners");
    assert!(found.contains("ok: \"broker 1 tells"), "{found}");
    assert!(
        found.contains("broker 2 tells clients to use kafka-2.invalid:9092")
            && found.contains("cannot be resolved"),
        "{found}"
    );
    assert!(found.contains("set advertised.listeners of broker 3 to a host and port"), "{found}");
}

#[test]
fn a_partition_without_a_leader_is_told() {
    let mut broker = broker(EmbeddedOptions::new().with_brokers(2).with_default_replication_factor(1));
    let gone = broker.cluster().lock().topic("orders").unwrap().partitions()[0].leader().unwrap();
    broker.stop_broker(gone).unwrap();
    let (code, report) = examined(&["-b", &broker.bootstrap(), "-t", "orders"]);
    assert_eq!(code, 1);
    assert!(steps(&report, "topic").contains("1 of 1 partitions have no leader: 0"), "{report}");
}

#[test]
fn a_broker_that_cannot_be_asked_is_taken_for_what_the_configuration_says() {
    let broker = broker(EmbeddedOptions::new().with_kafka_version(KafkaVersion::V0_9));
    let set = ["-b", &broker.bootstrap(), "-t", "orders", "-X", "broker.version.fallback=0.9.0"];
    let (code, report) = examined(&set);
    assert_eq!(code, 0, "{report}");
    let kafka = steps(&report, "kafka");
    assert!(
        kafka.contains("is Kafka 0.9.0 as broker.version.fallback says") && kafka.contains("Produce v1\""),
        "{kafka}"
    );
    assert!(steps(&report, "produce").starts_with("warning: \"the broker gives no producer ids"), "{report}");
    let (code, _) = examined(&[&set[..], &["-X", "enable.idempotence=true"]].concat());
    assert_eq!(code, 1);
}

#[test]
fn what_a_cluster_tells_of_its_settings_and_rights_is_used() {
    let tells = |authorized: i32, is_known: bool| {
        Server::of_kafka_at(move |address, header| {
            let port = i32::from(address.port());
            Some(match header.api {
                ApiKey::Metadata => answer(header, &metadata(port, authorized, is_known)),
                ApiKey::DescribeConfigs => answer(header, &configs()),
                _ => versions(header, &[(ApiKey::DescribeConfigs, 4)]),
            })
        })
    };
    let server = tells(1 << 4 | 1 << 8, true);
    let args = ["-t", "orders", "-X", "enable.idempotence=false"];
    let (code, report) = examined(&[&["-b", &server.address.to_string()], &args[..]].concat());
    assert_eq!(code, 1);
    let found = steps(&report, "topic");
    assert!(
        found.contains("failed: \"orders: 1 of 1 partitions have fewer than min.insync.replicas=2"),
        "{found}"
    );
    assert!(found.contains("at most max.message.bytes=1000"), "{found}");
    assert!(!found.contains("not write to it"), "{found}");
    assert!(steps(&report, "produce").starts_with("skipped"), "{report}");
    // Too few copies in sync matter only to a producer with acks=all.
    let (code, _) = examined(&[&["-b", &server.address.to_string(), "-X", "acks=1"], &args[..]].concat());
    assert_eq!(code, 0);
    let server = tells(1 << 8, true);
    let (_, report) = examined(&[&["-b", &server.address.to_string()], &args[..]].concat());
    assert!(steps(&report, "topic").contains("this client may see it, but not write to it"), "{report}");
    let server = tells(0, false);
    let (code, report) = examined(&[&["-b", &server.address.to_string()], &args[..]].concat());
    assert_eq!(code, 0);
    assert!(
        steps(&report, "topic").contains("warning: \"orders is not there; the first send would create it"),
        "{report}"
    );
}

// A17
#[test]
fn what_this_client_may_do_on_the_topic_and_the_cluster_is_told_and_asked_for() {
    let tells = |on_topic: i32, on_cluster: i32, is_known: bool| {
        Server::of_kafka_at(move |address, header| {
            let port = i32::from(address.port());
            let cluster = DescribeClusterResponse {
                cluster_authorized_operations: on_cluster,
                ..DescribeClusterResponse::default()
            };
            Some(match header.api {
                ApiKey::Metadata => answer(header, &metadata(port, on_topic, is_known)),
                ApiKey::DescribeCluster => answer(header, &cluster),
                ApiKey::DescribeConfigs => answer(header, &configs()),
                _ => versions(header, &[(ApiKey::DescribeConfigs, 4), (ApiKey::DescribeCluster, 1)]),
            })
        })
    };
    let examined_at = |server: &Server| {
        examined(&[
            "-b",
            &server.address.to_string(),
            "-t",
            "orders",
            "-X",
            "enable.idempotence=false",
            "-X",
            "acks=1",
        ])
    };
    let (code, report) = examined_at(&tells(1 << 4 | 1 << 8, 1 << 5 | 1 << 8, true));
    assert_eq!(code, 0, "{report}");
    let expected =
        "ok: \"this client may write to orders, describe orders, create topics; may not write idempotently";
    assert!(steps(&report, "rights").starts_with(expected), "{report}");
    let rights = report["steps"].as_array().unwrap().iter().find(|step| step["step"] == "rights").unwrap();
    assert_eq!(rights["details"]["create_topics"], true);
    assert_eq!(rights["details"]["idempotent_write"], false);
    // What may not be created is not promised.
    let (_, report) = examined_at(&tells(i32::MIN, 1 << 8, false));
    assert!(steps(&report, "topic").contains("only if this client may create just it"), "{report}");
    // A broker says nothing of the cluster to who may not describe it.
    let (_, report) = examined_at(&tells(i32::MIN, 0, true));
    assert_eq!(steps(&report, "rights"), "");
}

#[test]
fn a_bad_configuration_is_wrong_usage() {
    for args in [
        &["-b", "h"][..],
        &["-b", "h:1", "-X", "security.protocol=SASL_SSL", "-X", "sasl.mechanism=PLAIN"],
        &["-b", "h:1", "--write"],
        &[],
    ] {
        assert_eq!(doctor(args).status.code(), Some(2), "{args:?}");
    }
}

fn metadata(port: i32, topic_authorized_operations: i32, is_known: bool) -> MetadataResponse {
    let broker = MetadataResponseBroker {
        node_id: 1,
        host: "127.0.0.1".into(),
        port,
        ..MetadataResponseBroker::default()
    };
    let partition = MetadataResponsePartition {
        leader_id: 1,
        replica_nodes: vec![1, 2],
        isr_nodes: vec![1],
        ..MetadataResponsePartition::default()
    };
    let topic = MetadataResponseTopic {
        name: Some("orders".into()),
        error_code: if is_known { ErrorCode::NONE } else { ErrorCode::UNKNOWN_TOPIC_OR_PARTITION },
        partitions: if is_known { vec![partition] } else { Vec::new() },
        topic_authorized_operations,
        ..MetadataResponseTopic::default()
    };
    MetadataResponse { brokers: vec![broker], topics: vec![topic], ..MetadataResponse::default() }
}

/// The same three settings for whatever is asked.
fn configs() -> DescribeConfigsResponse {
    let config = |(name, value): (&str, &str)| DescribeConfigsResourceResult {
        name: name.into(),
        value: Some(value.into()),
        ..Default::default()
    };
    let told =
        [("min.insync.replicas", "2"), ("max.message.bytes", "1000"), ("auto.create.topics.enable", "true")];
    let result = DescribeConfigsResult { configs: told.map(config).to_vec(), ..Default::default() };
    DescribeConfigsResponse { results: vec![result], ..Default::default() }
}

fn versions(header: &ReceivedHeader, more: &[(ApiKey, i16)]) -> Vec<u8> {
    let listed =
        [(ApiKey::Produce, 9), (ApiKey::Metadata, 9), (ApiKey::SaslHandshake, 1), (ApiKey::ApiVersions, 3)];
    let row = |(api, max_version): &(ApiKey, i16)| ApiVersion {
        api_key: api.key(),
        max_version: *max_version,
        ..Default::default()
    };
    let api_keys = listed.iter().chain(more).map(row).collect();
    answer(header, &ApiVersionsResponse { api_keys, ..Default::default() })
}

fn answer<M: Message>(header: &ReceivedHeader, body: &M) -> Vec<u8> {
    encode_response(header.version, header.correlation_id, body).unwrap().concat()
}

/// A listener on a free port, with a thread for each connection; dropping it ends it.
struct Server {
    address: SocketAddr,
    is_over: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

impl Server {
    fn start(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let is_over = Arc::new(AtomicBool::new(false));
        let (over, serve) = (Arc::clone(&is_over), Arc::new(serve));
        let accepting = thread::spawn(move || {
            for stream in listener.incoming() {
                if over.load(Ordering::Acquire) {
                    break;
                }
                let serve = Arc::clone(&serve);
                // Ends with the program at the other end.
                thread::spawn(move || serve(stream.unwrap()));
            }
        });
        Self { address, is_over, accepting: Some(accepting) }
    }

    /// Answers each request with these bytes; closes where there are none.
    fn of_kafka(respond: impl Fn(&ReceivedHeader) -> Option<Vec<u8>> + Send + Sync + 'static) -> Self {
        Self::of_kafka_at(move |_, header| respond(header))
    }

    /// As `of_kafka`, for answers that have the address in them.
    fn of_kafka_at(
        respond: impl Fn(SocketAddr, &ReceivedHeader) -> Option<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        Self::start(move |mut stream| {
            let (address, mut frames, mut bytes) =
                (stream.local_addr().unwrap(), FrameReader::default(), [0; 4096]);
            while let Ok(read @ 1..) = stream.read(&mut bytes) {
                frames.extend(&bytes[..read]);
                while let Some(frame) = frames.next_frame().unwrap() {
                    let header = decode_request_header(&frame).unwrap().0;
                    let Some(answer) = respond(address, &header) else { return };
                    stream.write_all(&answer).unwrap();
                }
            }
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Release);
        let _ = TcpStream::connect(self.address);
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}
