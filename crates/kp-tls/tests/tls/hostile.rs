//! Brokers that speak TLS against its rules, or of another time.

use crate::authority::{Authority, client, serving};
use crate::wire::Stage;
use bytes::BytesMut;
use kp_tls::TlsFailureKind as Kind;
use rustls::version::TLS13;
use std::sync::Arc;
use std::task::Poll;

fn stage() -> Stage {
    let authority = Authority::new();
    Stage::new(client(&authority.trusted()), authority.broker(&["broker"]), "broker")
}

/// A ServerHello of this version, which chooses this suite.
fn server_hello(version: [u8; 2], suite: [u8; 2]) -> Vec<u8> {
    let body = [&version[..], &[7; 32], &[0], &suite, &[0]].concat();
    let message = [&[2, 0, 0, body.len() as u8][..], &body].concat();
    [&[0x16, 3, 3, 0, message.len() as u8][..], &message].concat()
}

// H9
#[test]
fn a_broker_of_old_versions_or_suites_alone_is_told_what_this_client_speaks() {
    let too_old = server_hello([3, 2], [0xc0, 0x30]);
    let without_forward_secrecy = server_hello([3, 3], [0, 0x35]);
    let refuses_version = vec![0x15, 3, 1, 0, 2, 2, 70];
    let refuses_suites = vec![0x15, 3, 3, 0, 2, 2, 40];
    for (answer, kind, words) in [
        (too_old, Kind::Incompatible, "TLS 1.2 and 1.3, with AES-GCM or ChaCha20"),
        (without_forward_secrecy, Kind::Protocol, "SelectedUnofferedCipherSuite"),
        (refuses_version, Kind::Refused, "speaks TLS 1.2 and 1.3 (alert protocol_version)"),
        (refuses_suites, Kind::Refused, "speaks TLS 1.2 and 1.3 (alert handshake_failure)"),
    ] {
        let mut stage = stage();
        stage.turn();
        stage.wire(|wire| wire.to_client.extend_from_slice(&answer));
        let failure = stage.shake().unwrap_err();
        assert_eq!(failure.kind(), kind, "{failure}");
        assert!(failure.to_string().contains(words), "{failure}");
    }
}

// H21
#[test]
fn data_inside_the_handshake_end_it() {
    let mut stage = stage();
    stage.turn();
    stage.wire(|wire| wire.to_client.extend_from_slice(&[0x17, 3, 3, 0, 3, 1, 2, 3]));
    assert_eq!(stage.shake().unwrap_err().kind(), Kind::Protocol);
}

/// Reads until there is nothing more, or the connection is given up; how often the client was asked back.
fn read_to_the_end(stage: &mut Stage) -> (usize, Option<std::io::Error>) {
    let mut read = BytesMut::with_capacity(1024);
    for turns in 0..100_000 {
        match stage.read(&mut read) {
            Poll::Ready(Err(error)) => return (turns, Some(error)),
            Poll::Ready(Ok(0)) => return (turns, None),
            Poll::Ready(Ok(_)) => read.clear(),
            Poll::Pending if stage.turn().is_empty() => return (turns, None),
            Poll::Pending => {}
        }
    }
    panic!("reading comes to no end");
}

// H11
#[test]
fn a_flood_of_new_keys_ends_the_connection() {
    let mut stage = stage();
    stage.shake().unwrap();
    for _ in 0..1000 {
        stage.broker.refresh_traffic_keys().unwrap();
        stage.broker_turn();
    }
    let (_, error) = read_to_the_end(&mut stage);
    let text = error.unwrap().to_string();
    assert!(text.contains("broke the rules of TLS"), "{text}");
}

/// A broker that hands out so many tickets, after the handshake.
fn with_tickets(tickets: usize) -> Stage {
    let authority = Authority::new();
    let issued = authority.issue(&["broker"], |_| ());
    let mut broker = Arc::unwrap_or_clone(serving(&issued, &[&TLS13], None));
    broker.send_tls13_tickets = tickets;
    let mut stage = Stage::new(client(&authority.trusted()), Arc::new(broker), "broker");
    stage.shake().unwrap();
    stage
}

// H11
#[test]
fn tickets_are_read_in_turns_however_small_the_pieces_are() {
    let mut stage = with_tickets(30);
    stage.wire(|wire| wire.read_at_most = 7);
    let (turns, error) = read_to_the_end(&mut stage);
    assert!(error.is_none(), "{error:?}");
    assert!(turns > 10, "others had their turn: {turns}");
}

// H11
#[test]
fn a_flood_of_tickets_ends_with_the_broker_or_with_the_connection() {
    for read_at_most in [256, usize::MAX] {
        let mut stage = with_tickets(5000);
        stage.wire(|wire| wire.read_at_most = read_at_most);
        let (_, error) = read_to_the_end(&mut stage);
        let text = error.map(|error| error.to_string()).unwrap_or_default();
        assert!(text.is_empty() || text.contains("broke the rules of TLS"), "{text}");
    }
}
