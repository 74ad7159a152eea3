//! The embedded broker's sockets: order, pipelining, long polls, brokers that stop and start, threads that end.
//! Nothing here sleeps: each test waits for an answer or for the end of a stream.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use bytes::Bytes;
use kp_protocol::api::{
    EndTxnRequest, FetchRequest, FindCoordinatorRequest, InitProducerIdRequest, MetadataRequest,
    PartitionProduceData, ProduceRequest, SaslAuthenticateRequest, SaslHandshakeRequest, TopicProduceData,
};
use kp_protocol::{
    ApiKey, BrokerId, ErrorCode, Message, Request, RequestHeader, decode_response_header, encode_request,
};
use kp_sim::tcp::{EmbeddedBroker, EmbeddedOptions};
use kp_sim::{Fault, SaslSettings, SimMechanism, TopicSettings};

use crate::client::{batch, fetch_request, values};
use crate::transactions::instance::transactional;

const FIRST: BrokerId = BrokerId(1);

fn start(brokers: usize) -> EmbeddedBroker {
    let broker = EmbeddedBroker::start(EmbeddedOptions::new().with_brokers(brokers)).unwrap();
    let mut cluster = broker.cluster().lock();
    let settings = TopicSettings::of(cluster.settings());
    cluster.create_topic("t", settings).unwrap();
    drop(cluster);
    broker
}

fn address(broker: &EmbeddedBroker, number: BrokerId) -> SocketAddr {
    broker.addresses().find(|(id, _)| *id == number).unwrap().1
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

fn frame<R: Request>(correlation_id: i32, version: i16, request: &R) -> Vec<u8> {
    encode_request(&RequestHeader { correlation_id, client_id: None }, version, request).unwrap().concat()
}

fn produce(value: &str, acks: i16) -> ProduceRequest {
    let records = Some(batch(0, None, &[value]).into());
    let topic = TopicProduceData {
        name: "t".into(),
        partition_data: vec![PartitionProduceData { index: 0, records, ..Default::default() }],
        ..Default::default()
    };
    ProduceRequest { acks, timeout_ms: 1000, topic_data: vec![topic], ..Default::default() }
}

fn read_frame(stream: &mut TcpStream) -> Bytes {
    let mut size = [0; 4];
    stream.read_exact(&mut size).unwrap();
    let mut frame = vec![0; i32::from_be_bytes(size) as usize];
    stream.read_exact(&mut frame).unwrap();
    Bytes::from(frame)
}

fn answer<R: Request>(stream: &mut TcpStream, version: i16) -> (i32, R::Response) {
    let (correlation_id, body) = decode_response_header(R::KEY, version, &read_frame(stream)).unwrap();
    (correlation_id, R::Response::parse(&body, version).unwrap())
}

fn is_closed(stream: &mut TcpStream) -> bool {
    let mut rest = Vec::new();
    // A reset is as good as an end.
    stream.read_to_end(&mut rest).is_err() || rest.is_empty()
}

#[test]
fn pipelined_requests_are_answered_in_order_however_they_are_cut() {
    let broker = start(1);
    let mut stream = connect(address(&broker, FIRST));
    let mut bytes = Vec::new();
    for number in 0..40 {
        bytes.extend(match number % 3 {
            0 => frame(number, 9, &produce(&"x".repeat(1 + number as usize * 997), -1)),
            1 => frame(number, 12, &MetadataRequest::default()),
            _ => frame(number, 12, &FetchRequest { max_bytes: 1, ..fetch_request("t", 0) }),
        });
    }
    for piece in bytes.chunks(1009) {
        stream.write_all(piece).unwrap();
    }
    for number in 0..40 {
        let (correlation_id, error) = match number % 3 {
            0 => {
                let (id, answer) = answer::<ProduceRequest>(&mut stream, 9);
                assert_eq!(answer.responses[0].partition_responses[0].base_offset, i64::from(number / 3));
                (id, answer.responses[0].partition_responses[0].error_code)
            }
            1 => (answer::<MetadataRequest>(&mut stream, 12).0, ErrorCode::NONE),
            _ => (answer::<FetchRequest>(&mut stream, 12).0, ErrorCode::NONE),
        };
        assert_eq!((correlation_id, error), (number, ErrorCode::NONE));
    }
    assert_eq!(broker.cluster().lock().record_count("t"), 14);
}

#[test]
fn answers_leave_while_the_next_request_is_only_half_in() {
    let broker = start(1);
    let mut stream = connect(address(&broker, FIRST));
    let second = frame(2, 12, &MetadataRequest::default());
    let mut bytes = frame(1, 12, &MetadataRequest::default());
    bytes.extend(&second[..9]);
    stream.write_all(&bytes).unwrap();
    assert_eq!(answer::<MetadataRequest>(&mut stream, 12).0, 1);
    stream.write_all(&second[9..]).unwrap();
    assert_eq!(answer::<MetadataRequest>(&mut stream, 12).0, 2);
}

#[test]
fn a_long_poll_is_answered_by_an_append_on_another_connection() {
    let broker = start(1);
    let (mut reader, mut writer) = (connect(address(&broker, FIRST)), connect(address(&broker, FIRST)));
    let fetch = FetchRequest { max_wait_ms: 60_000, ..fetch_request("t", 0) };
    reader.write_all(&frame(1, 12, &fetch)).unwrap();
    writer.write_all(&frame(1, 9, &produce("hello", -1))).unwrap();
    answer::<ProduceRequest>(&mut writer, 9);
    let (_, read) = answer::<FetchRequest>(&mut reader, 12);
    assert_eq!(values(read.responses[0].partitions[0].records.as_ref().unwrap()), [(0, "hello".to_owned())]);
}

// TM-O13
#[test]
fn a_long_poll_for_committed_records_is_answered_by_the_marker_which_no_request_brings() {
    let broker = start(1);
    let mut cluster = broker.cluster().lock();
    cluster.inject(Fault::MarkerDelay(Duration::from_millis(30)), 1);
    drop(cluster);
    let (mut writer, mut reader) = (connect(address(&broker, FIRST)), connect(address(&broker, FIRST)));
    let find = FindCoordinatorRequest { key: "id".into(), key_type: 1, ..Default::default() };
    writer.write_all(&frame(1, 1, &find)).unwrap();
    answer::<FindCoordinatorRequest>(&mut writer, 1);
    let init = InitProducerIdRequest {
        transactional_id: Some("id".into()),
        transaction_timeout_ms: 60_000,
        ..Default::default()
    };
    let (producer_id, producer_epoch) = loop {
        writer.write_all(&frame(2, 4, &init)).unwrap();
        let (_, told) = answer::<InitProducerIdRequest>(&mut writer, 4);
        if told.error_code != ErrorCode::COORDINATOR_LOAD_IN_PROGRESS {
            break (told.producer_id, told.producer_epoch);
        }
    };
    let mut produce = produce("x", -1);
    produce.transactional_id = Some("id".into());
    let records = transactional((producer_id, producer_epoch), 0);
    produce.topic_data[0].partition_data[0].records = Some(records.into());
    writer.write_all(&frame(3, 12, &produce)).unwrap();
    let (_, told) = answer::<ProduceRequest>(&mut writer, 12);
    assert_eq!(told.responses[0].partition_responses[0].error_code, ErrorCode::NONE);
    let fetch = FetchRequest { max_wait_ms: 60_000, isolation_level: 1, ..fetch_request("t", 0) };
    reader.write_all(&frame(1, 12, &fetch)).unwrap();
    let end = EndTxnRequest {
        transactional_id: "id".into(),
        producer_id,
        producer_epoch,
        committed: true,
        ..Default::default()
    };
    writer.write_all(&frame(4, 5, &end)).unwrap();
    assert_eq!(answer::<EndTxnRequest>(&mut writer, 5).1.error_code, ErrorCode::NONE);
    let (_, fetched) = answer::<FetchRequest>(&mut reader, 12);
    assert_eq!(fetched.responses[0].partitions[0].last_stable_offset, 2);
}

#[test]
fn a_long_poll_ends_when_its_time_is_up() {
    let broker = start(1);
    let mut stream = connect(address(&broker, FIRST));
    stream.write_all(&frame(1, 12, &FetchRequest { max_wait_ms: 20, ..fetch_request("t", 0) })).unwrap();
    let (_, read) = answer::<FetchRequest>(&mut stream, 12);
    assert_eq!(read.responses[0].partitions[0].error_code, ErrorCode::NONE);
}

#[test]
fn acks_0_is_silent_and_its_errors_close() {
    let broker = start(1);
    let mut stream = connect(address(&broker, FIRST));
    stream.write_all(&frame(1, 9, &produce("a", 0))).unwrap();
    stream.write_all(&frame(2, 9, &produce("b", 1))).unwrap();
    let (correlation_id, answer) = answer::<ProduceRequest>(&mut stream, 9);
    assert_eq!((correlation_id, answer.responses[0].partition_responses[0].base_offset), (2, 1));
    let code = ErrorCode::MESSAGE_TOO_LARGE;
    broker.cluster().lock().inject(Fault::RefuseBatch { partition: None, code }, 1);
    stream.write_all(&frame(3, 9, &produce("c", 0))).unwrap();
    assert!(is_closed(&mut stream));
}

#[test]
fn a_stopped_broker_cuts_its_connections_and_comes_back_on_the_same_port() {
    let mut broker = start(3);
    let (first, second) = (address(&broker, FIRST), address(&broker, BrokerId(2)));
    let mut stream = connect(first);
    stream.write_all(&frame(1, 12, &FetchRequest { max_wait_ms: 600_000, ..fetch_request("t", 0) })).unwrap();
    broker.stop_broker(FIRST).unwrap();
    assert!(is_closed(&mut stream), "even in the middle of a long poll");
    assert!(TcpStream::connect(first).is_err());

    let mut other = connect(second);
    other.write_all(&frame(1, 12, &MetadataRequest::default())).unwrap();
    let (_, metadata) = answer::<MetadataRequest>(&mut other, 12);
    assert_eq!((metadata.brokers.len(), metadata.topics[0].partitions[0].leader_id), (2, 2));

    broker.start_broker(FIRST).unwrap();
    let mut stream = connect(first);
    stream.write_all(&frame(1, 12, &MetadataRequest::default())).unwrap();
    let (_, metadata) = answer::<MetadataRequest>(&mut stream, 12);
    let ports: Vec<i32> = metadata.brokers.iter().map(|it| it.port).collect();
    assert_eq!(ports[..2], [i32::from(first.port()), i32::from(second.port())]);
    assert!(broker.stop_broker(BrokerId(9)).is_err());
}

#[test]
fn a_stalled_connection_stays_open_until_the_broker_stops() {
    let broker = start(1);
    broker.cluster().lock().inject(Fault::Stall { api: ApiKey::Produce, carried_out: true }, 1);
    let mut stream = connect(address(&broker, FIRST));
    stream.write_all(&frame(1, 9, &produce("a", -1))).unwrap();
    stream.write_all(&frame(2, 12, &MetadataRequest::default())).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let error = stream.read(&mut [0; 1]).unwrap_err();
    assert!(matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut), "{error}");
    assert_eq!(broker.cluster().lock().record_count("t"), 1);
    broker.shutdown();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    assert!(is_closed(&mut stream));
}

#[test]
fn no_thread_outlives_the_broker() {
    let broker = start(3);
    let mut streams: Vec<TcpStream> =
        (0..10).map(|number| connect(address(&broker, BrokerId(1 + number % 3)))).collect();
    for stream in &mut streams {
        stream.write_all(&frame(1, 12, &MetadataRequest::default())).unwrap();
        answer::<MetadataRequest>(stream, 12);
    }
    // Every thread holds the cluster; `shutdown` has joined them all when the handle here is the last.
    let handle = broker.cluster().clone();
    assert!(handle.holders() > 13);
    broker.shutdown();
    assert_eq!(handle.holders(), 1);
    assert!(streams.iter_mut().all(is_closed));
}

#[test]
fn garbage_closes_the_connection_and_no_other() {
    let broker = start(1);
    let (mut good, mut bad) = (connect(address(&broker, FIRST)), connect(address(&broker, FIRST)));
    bad.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    assert!(is_closed(&mut bad));
    good.write_all(&frame(1, 12, &MetadataRequest::default())).unwrap();
    assert_eq!(answer::<MetadataRequest>(&mut good, 12).0, 1);
}

// SE3, SE9
#[test]
fn an_embedded_broker_serves_who_has_the_password_and_closes_behind_a_refusal() {
    let sasl = SaslSettings::new([SimMechanism::Plain]).with_user("alice", "alice-secret");
    let sasl = sasl.with_failure_delay(Duration::ZERO);
    let broker = EmbeddedBroker::start(EmbeddedOptions::new().with_sasl(sasl)).unwrap();
    for (token, is_good) in [("\0alice\0alice-secret", true), ("\0alice\0wrong", false)] {
        let handshake = SaslHandshakeRequest { mechanism: "PLAIN".into(), ..Default::default() };
        let shown = SaslAuthenticateRequest { auth_bytes: token.into(), ..Default::default() };
        let mut stream = connect(address(&broker, FIRST));
        let all = [frame(1, 1, &handshake), frame(2, 2, &shown), frame(3, 12, &MetadataRequest::default())];
        stream.write_all(&all.concat()).unwrap();
        assert_eq!(answer::<SaslHandshakeRequest>(&mut stream, 1).1.error_code, ErrorCode::NONE);
        let (_, judged) = answer::<SaslAuthenticateRequest>(&mut stream, 2);
        assert_eq!(judged.error_code == ErrorCode::NONE, is_good);
        if is_good {
            assert_eq!(answer::<MetadataRequest>(&mut stream, 12).0, 3);
        } else {
            assert!(is_closed(&mut stream));
        }
    }
    broker.shutdown();
}
