//! The client over real sockets on loopback, against a broker of a few lines on plain threads.
#![allow(clippy::disallowed_methods, reason = "real sockets live in real time")]

mod sockets;

use super::TokioClient;
use crate::{
    ClientRequest, ConnectionNumber, DisconnectReason, Event, KafkaClient, NetworkSettings, Readiness,
};
use bytes::Bytes;
use kp_protocol::api::{ApiVersion, ApiVersionsResponse, MetadataResponse};
use kp_protocol::{
    ApiKey, BrokerAddress, BrokerId, ReceivedHeader, VersionRange, decode_request_header, encode_response,
};
use kp_time::{Backoff, Clock};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

const A: BrokerId = BrokerId(1);
const MS: fn(u64) -> Duration = Duration::from_millis;

struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn timestamp_ms(&self) -> i64 {
        0
    }
}

fn client() -> TokioClient {
    let settings = NetworkSettings {
        reconnect_backoff: Backoff::new(MS(10), MS(10)),
        setup_timeout: Backoff::new(MS(5000), MS(5000)),
        ..NetworkSettings::default()
    };
    TokioClient::new(settings, Arc::new(SystemClock))
}

fn read_frame(stream: &mut TcpStream) -> io::Result<Bytes> {
    let mut size = [0; 4];
    stream.read_exact(&mut size)?;
    let mut frame = vec![0; u32::from_be_bytes(size) as usize];
    stream.read_exact(&mut frame)?;
    Ok(frame.into())
}

/// Answers ApiVersions and Metadata v0 as a broker does, and every other request with the body it came with. Reads
/// slowly if told to.
fn serve(mut stream: TcpStream, pause: Duration) -> io::Result<()> {
    loop {
        thread::sleep(pause);
        let (header, body) = decode_request_header(&read_frame(&mut stream)?).unwrap();
        if header.api == ApiKey::ApiVersions {
            let spoken = ApiVersion { api_key: 3, min_version: 0, max_version: 13, ..Default::default() };
            let answer = ApiVersionsResponse { api_keys: vec![spoken], ..ApiVersionsResponse::default() };
            stream.write_all(
                &encode_response(header.version, header.correlation_id, &answer).unwrap().concat(),
            )?;
        } else if (header.api, header.version) == (ApiKey::Metadata, 0) {
            stream.write_all(&metadata_answer(&header))?;
        } else {
            stream.write_all(&(4 + body.len() as u32).to_be_bytes())?;
            stream.write_all(&header.correlation_id.to_be_bytes())?;
            stream.write_all(&body)?;
        }
    }
}

fn metadata_answer(header: &ReceivedHeader) -> Vec<u8> {
    encode_response(0, header.correlation_id, &MetadataResponse::default()).unwrap().concat()
}

/// Answers the two requests with which the first connection of a client begins.
fn greet(stream: &mut TcpStream) -> io::Result<()> {
    let (versions, _) = decode_request_header(&read_frame(stream)?).unwrap();
    let answer = encode_response(versions.version, versions.correlation_id, &ApiVersionsResponse::default());
    stream.write_all(&answer.unwrap().concat())?;
    let (probe, _) = decode_request_header(&read_frame(stream)?).unwrap();
    stream.write_all(&metadata_answer(&probe))
}

/// A broker that serves any number of connections until the test process ends.
fn broker(pause: Duration) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || serve(stream, pause));
        }
    });
    address
}

fn at(address: SocketAddr, host: &str) -> BrokerAddress {
    BrokerAddress { id: A, host: host.into(), port: address.port(), rack: None }
}

/// Polls until `found` finds what it looks for, for at most five seconds.
fn poll_for<T>(client: &mut TokioClient, mut found: impl FnMut(&Event) -> Option<T>) -> T {
    let until = Instant::now() + MS(5000);
    let mut seen = Vec::new();
    while Instant::now() < until {
        let mut events = Vec::new();
        client.poll(Some(until), &mut events);
        if let Some(found) = events.iter().find_map(&mut found) {
            return found;
        }
        seen.extend(events);
    }
    panic!("not within five seconds: {seen:?}")
}

fn connect(client: &mut TokioClient, address: BrokerAddress) -> ConnectionNumber {
    client.set_brokers(Instant::now(), &[address]);
    client.readiness(Instant::now(), A);
    poll_for(client, |event| match event {
        Event::Connected { connection, .. } => Some(*connection),
        Event::Disconnected { reason, .. } => panic!("{reason}"),
        _ => None,
    })
}

fn request(token: u64, connection: ConnectionNumber, body: Vec<Bytes>) -> ClientRequest {
    ClientRequest {
        token,
        broker: A,
        connection,
        api_key: ApiKey::Metadata,
        version: 1,
        body: body.into(),
        timeout: MS(5000),
        expects_response: true,
    }
}

fn disconnected(client: &mut TokioClient) -> (String, DisconnectReason) {
    poll_for(client, |event| match event {
        Event::Disconnected { address, reason, .. } => Some((address.to_string(), reason.clone())),
        _ => None,
    })
}

#[test]
fn a_request_goes_there_and_its_answer_comes_back() {
    let mut client = client();
    let connection = connect(&mut client, at(broker(Duration::ZERO), "127.0.0.1"));
    client.send(Instant::now(), request(7, connection, vec![Bytes::from_static(b"hello")])).unwrap();
    let body = poll_for(&mut client, |event| match event {
        Event::Answered { token: 7, body } => Some(body.clone()),
        _ => None,
    });
    assert_eq!(&body[..], b"hello");
    client.close(MS(100));
}

#[test]
fn the_client_is_used_behind_its_seam() {
    let mut seam: Box<dyn KafkaClient> = Box::new(client());
    seam.set_brokers(Instant::now(), &[at(broker(Duration::ZERO), "127.0.0.1")]);
    seam.readiness(Instant::now(), A);
    let mut events = Vec::new();
    let until = Instant::now() + MS(5000);
    // On another thread than the one that made it: nothing was made yet.
    let events = thread::spawn(move || {
        seam.poll(Some(until), &mut events);
        events
    });
    let events = events.join().unwrap();
    assert!(matches!(events[..], [Event::Connected { broker: A, .. }]), "{events:?}");
}

#[test]
fn a_name_is_resolved_on_the_way() {
    // NC16
    let mut client = client();
    connect(&mut client, at(broker(Duration::ZERO), "localhost"));
}

#[test]
fn a_name_without_an_address_is_a_failed_attempt() {
    // NC18
    let mut client = client();
    let nowhere = BrokerAddress { id: A, host: "no-such-host.invalid".into(), port: 9092, rack: None };
    client.set_brokers(Instant::now(), &[nowhere]);
    client.readiness(Instant::now(), A);
    let (address, reason) = disconnected(&mut client);
    assert_eq!(address, "no-such-host.invalid:9092");
    assert!(matches!(reason, DisconnectReason::Unresolved(_)), "{reason:?}");
}

#[test]
fn a_refused_connection_says_so_with_its_address() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut client = client();
    client.set_brokers(Instant::now(), &[at(free, "localhost")]);
    client.readiness(Instant::now(), A);
    let (address, reason) = disconnected(&mut client);
    assert_eq!(address, format!("localhost:{} (127.0.0.1)", free.port()));
    assert!(matches!(reason, DisconnectReason::ConnectFailed(words) if words.contains("refused")));
}

#[test]
fn a_listener_that_hangs_up_is_taken_for_one_of_another_kind() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || drop(listener.accept()));
    let mut client = client();
    client.set_brokers(Instant::now(), &[at(address, "127.0.0.1")]);
    client.readiness(Instant::now(), A);
    assert_eq!(disconnected(&mut client).1, DisconnectReason::ClosedWithoutAnswer);
}

// NC3
#[test]
fn a_broker_that_reads_api_versions_and_says_nothing_is_found_out_in_one_round_trip() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || -> io::Result<()> {
        let (mut stream, _) = listener.accept()?;
        loop {
            let (header, _) = decode_request_header(&read_frame(&mut stream)?).unwrap();
            if header.api == ApiKey::Metadata {
                stream.write_all(&metadata_answer(&header))?;
            }
        }
    });
    let mut client = client();
    client.set_brokers(Instant::now(), &[at(address, "127.0.0.1")]);
    client.readiness(Instant::now(), A);
    let started = Instant::now();
    let versions = poll_for(&mut client, |event| match event {
        Event::Connected { versions, .. } => Some(Arc::clone(versions)),
        Event::Disconnected { reason, .. } => panic!("{reason}"),
        _ => None,
    });
    assert_eq!(versions.range(ApiKey::Produce), Some(VersionRange::new(0, 1)));
    assert!(started.elapsed() < MS(4000), "not by waiting for a timeout");
}

#[test]
fn large_requests_are_written_in_parts_and_their_answers_read_whole() {
    // NC29: far above the socket's buffers, in pieces of odd sizes, to a broker that reads late.
    let mut client = client();
    let connection = connect(&mut client, at(broker(MS(30)), "127.0.0.1"));
    let pieces: Vec<Bytes> =
        (0..700usize).map(|n| Bytes::from(vec![n as u8; 1 + (n * 37) % 30_000])).collect();
    let whole = pieces.concat();
    let (mut sent, mut answers, mut told) = (0, Vec::new(), 0);
    let started = Instant::now();
    while answers.len() < 3 && started.elapsed() < MS(20_000) {
        while sent < 3 && matches!(client.readiness(Instant::now(), A), Readiness::Ready { .. }) {
            client.send(Instant::now(), request(sent, connection, pieces.clone())).unwrap();
            sent += 1;
        }
        let mut events = Vec::new();
        client.poll(Some(Instant::now() + MS(5000)), &mut events);
        for event in events {
            match event {
                Event::Answered { token, body } => answers.push((token, body)),
                Event::Writable { .. } => told += 1,
                other => panic!("{other:?}"),
            }
        }
    }
    assert!(told >= 1, "the second request waited for the end of the first one's write");
    assert!(answers.iter().map(|(token, _)| *token).eq(0..3));
    assert!(answers.iter().all(|(_, body)| *body == whole));
    assert!(client.counters().writes > 6, "{:?}", client.counters());
    assert!(client.counters().bytes_written > 3 * whole.len() as u64);
}

#[test]
fn wakes_from_another_thread_are_never_lost() {
    // NC24
    let mut client = client();
    connect(&mut client, at(broker(Duration::ZERO), "127.0.0.1"));
    let waker = client.waker();
    let (asleep, told) = std::sync::mpsc::channel::<u64>();
    let ringer = thread::spawn(move || {
        for round in told {
            // Now early, now late: before the thread sleeps, while it falls asleep, and long after.
            if round % 3 != 0 {
                thread::sleep(Duration::from_micros(round * 7 % 200));
            }
            waker.wake_by_ref();
        }
    });
    let started = Instant::now();
    for round in 0..600 {
        asleep.send(round).unwrap();
        client.poll(Some(Instant::now() + MS(5000)), &mut Vec::new());
        assert!(started.elapsed() < MS(4000), "a wake was lost in round {round}");
    }
    drop(asleep);
    ringer.join().unwrap();
}

#[test]
fn sockets_are_looked_at_also_if_every_poll_begins_with_a_wake() {
    // A future that is ready at once does not turn the IO driver by itself.
    let mut client = client();
    let waker = client.waker();
    client.set_brokers(Instant::now(), &[at(broker(Duration::ZERO), "127.0.0.1")]);
    client.readiness(Instant::now(), A);
    let (started, mut events) = (Instant::now(), Vec::new());
    while events.is_empty() && started.elapsed() < MS(5000) {
        waker.wake_by_ref();
        client.poll(Some(Instant::now() + MS(5000)), &mut events);
    }
    assert!(matches!(events[..], [Event::Connected { .. }]), "{events:?}");
}

#[test]
fn a_wake_before_the_first_poll_is_kept() {
    let mut client = client();
    client.waker().wake();
    let started = Instant::now();
    client.poll(Some(started + MS(5000)), &mut Vec::new());
    assert!(started.elapsed() < MS(1000));
}

#[test]
fn a_past_moment_makes_one_turn_that_sees_the_sockets() {
    let mut client = client();
    let address = broker(Duration::ZERO);
    client.set_brokers(Instant::now(), &[at(address, "127.0.0.1")]);
    client.readiness(Instant::now(), A);
    let started = Instant::now();
    let mut events = Vec::new();
    let mut polls = 0u32;
    while events.is_empty() && started.elapsed() < MS(5000) {
        client.poll(Some(started), &mut events);
        polls += 1;
        // The broker's thread needs a processor too.
        thread::yield_now();
    }
    assert!(matches!(events[..], [Event::Connected { .. }]), "{events:?}");
    let before = Instant::now();
    for _ in 0..1000 {
        client.poll(Some(started), &mut events);
    }
    assert!(before.elapsed() < MS(500), "a turn without waiting must not cost a millisecond ({polls})");
    assert_eq!(events.len(), 1);
}

#[test]
fn a_wait_without_events_ends_in_time() {
    let mut client = client();
    client.poll(Some(Instant::now()), &mut Vec::new());
    for wait in [3, 20, 50] {
        let started = Instant::now();
        client.poll(Some(started + MS(wait)), &mut Vec::new());
        let took = started.elapsed();
        assert!(took >= MS(wait), "{took:?} instead of {wait} ms");
        assert!(took < MS(wait + 200), "{took:?} instead of {wait} ms");
    }
}

#[test]
fn an_idle_connection_and_a_full_one_cost_no_turns() {
    // A selector that does not clear its readiness turns without end.
    let mut client = client();
    let connection = connect(&mut client, at(broker(Duration::ZERO), "127.0.0.1"));
    let idle = client.counters().turns;
    client.poll(Some(Instant::now() + MS(200)), &mut Vec::new());
    assert!(client.counters().turns - idle <= 3, "{} turns while idle", client.counters().turns - idle);

    let before = client.counters();
    let body: Vec<Bytes> = (0..4).map(|n| Bytes::from(vec![n; 20_000])).collect();
    let (mut sent, mut answers) = (0u64, 0);
    let mut events = Vec::new();
    let started = Instant::now();
    while answers < 2000 && started.elapsed() < MS(20_000) {
        while sent < 2000 && matches!(client.readiness(Instant::now(), A), Readiness::Ready { .. }) {
            client.send(Instant::now(), request(sent, connection, body.clone())).unwrap();
            sent += 1;
        }
        client.poll(Some(Instant::now() + MS(5000)), &mut events);
        answers += events.drain(..).filter(|event| matches!(event, Event::Answered { .. })).count();
    }
    assert_eq!(answers, 2000);
    let (after, requests) = (client.counters(), 2000);
    let turns = after.turns - before.turns;
    let useful = (after.reads - before.reads) + (after.writes - before.writes) + 2 * requests;
    assert!(turns < useful, "{turns} turns, but only {useful} things to do: {after:?}");
}

#[test]
fn a_client_may_be_built_and_dropped_inside_another_runtime() {
    let other = tokio::runtime::Builder::new_current_thread().build().unwrap();
    other.block_on(async {
        // Never polled: there is nothing to drop.
        let mut unused = client();
        unused.set_brokers(Instant::now(), &[at(broker(Duration::ZERO), "127.0.0.1")]);
        unused.readiness(Instant::now(), A);
        drop(unused);

        // Polled on its own plain thread, dropped here all the same.
        let used = client();
        let used = thread::spawn(move || {
            let mut used = used;
            connect(&mut used, at(broker(Duration::ZERO), "localhost"));
            used
        });
        drop(used.join().unwrap());
    });
}

#[test]
fn close_gives_what_is_being_written_its_time() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let reader = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        greet(&mut stream).unwrap();
        thread::sleep(MS(100));
        read_frame(&mut stream).unwrap().len()
    });
    let mut client = client();
    let connection = connect(&mut client, at(address, "127.0.0.1"));
    let body = vec![Bytes::from(vec![1; 4_000_000]); 4];
    let silent = ClientRequest { expects_response: false, ..request(1, connection, body) };
    client.send(Instant::now(), silent).unwrap();
    client.close(MS(5000));
    assert!(reader.join().unwrap() > 16_000_000);
}

#[test]
fn close_does_not_wait_longer_than_told_for_a_broker_that_does_not_read() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (done, wait) = std::sync::mpsc::channel::<()>();
    let deaf = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        greet(&mut stream).unwrap();
        let _ = wait.recv();
    });
    let mut client = client();
    let connection = connect(&mut client, at(address, "127.0.0.1"));
    client.send(Instant::now(), request(1, connection, vec![Bytes::from(vec![1; 30_000_000])])).unwrap();
    let started = Instant::now();
    client.close(MS(50));
    assert!((MS(45)..MS(2000)).contains(&started.elapsed()), "{:?}", started.elapsed());
    drop(done);
    deaf.join().unwrap();
}
